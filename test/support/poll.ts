// Waits for a condition that emits no event.

import { WAIT_MS } from './budget.ts'

/** Between two evaluations, ms. */
const INTERVAL = 20

/**
 * Evaluates `look` repeatedly, and resolves with its first true result.
 *
 * @throws after `timeout` ms; the message names the condition, `what`
 */
export async function poll<T>(look: () => T | Promise<T>, what: string, timeout = WAIT_MS): Promise<T> {
  const deadline = performance.now() + timeout
  for (;;) {
    const seen = await look()
    if (seen) return seen
    if (performance.now() > deadline) throw new Error(`waited ${timeout} ms for ${what}`)
    await new Promise((resolve) => setTimeout(resolve, INTERVAL))
  }
}

// Waits for what a test cannot be told of.

import { WAIT_MS } from './budget.ts'

/** Between two looks, ms. */
const INTERVAL = 20

/**
 * Resolves with what `look` gives once that is true.
 *
 * @throws when that took too long, naming what was waited for
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

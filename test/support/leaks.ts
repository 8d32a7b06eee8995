// The files of the fast part share processes: what a file changes in its process, it must change back.

import { isDeepStrictEqual } from 'node:util'
import { afterAll, expect } from 'vitest'

/** Modules that are loaded once in a process may listen for its end. */
const KEPT_EVENTS = new Set(['exit'])

function processState() {
  const listeners = process
    .eventNames()
    .map((name) => [String(name), process.listenerCount(name)] as const)
    .filter(([name]) => !KEPT_EVENTS.has(name))
  return {
    env: { ...process.env },
    folder: process.cwd(),
    exitCode: process.exitCode,
    listeners: Object.fromEntries(listeners),
    open: process.getActiveResourcesInfo().filter((name) => /Server|Process|FSEvent|StatWatcher/.test(name)),
  }
}

const before = processState()

afterAll(async () => {
  // Servers and programs are gone some turns after the event that says so.
  for (let turn = 0; turn < 10 && !isDeepStrictEqual(processState(), before); turn++)
    await new Promise((resolve) => setImmediate(resolve))
  expect(processState(), 'what this file changed in its process').toEqual(before)
})

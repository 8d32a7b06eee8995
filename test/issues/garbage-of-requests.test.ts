// What requests and loads had used outlived the collections of V8's young generation: these copied megabytes of garbage.

import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { ManualClock } from '../../src/bytes/clock.ts'
import { ShortLivedMap, ShortLivedSet } from '../../src/bytes/short-lived.ts'
import { Flights } from '../../src/group/flights/flights.ts'
import { collectGarbage } from '../support/garbage.ts'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as (options: { type: 'minor' }) => void

const UNDER_WAY = 50
const OBJECTS = 20_000
const OBJECT_BYTES = 1000

/** Once a table of a Map or a Set has become old, its successors did, and the requests in them. */
interface Requests {
  add(id: number, request: unknown): void
  delete(id: number, request: unknown): void
}

/** Lets all that lives now become old: it survives twice. Returns the bytes in use. */
function age(): number {
  for (let i = 0; i < 3; i++) collect({ type: 'minor' })
  collectGarbage()
  return process.memoryUsage().heapUsed
}

/** Bytes that are left of short-lived objects after collections of the young generation only. */
function bytesLeft(requests: Requests): number {
  const running: unknown[] = []
  const run = (id: number): void => {
    const request = new Array(OBJECT_BYTES / 8).fill(id)
    running[id % UNDER_WAY] = request
    requests.add(id, request)
    const oldest = running[(id + 1) % UNDER_WAY]
    if (oldest !== undefined) requests.delete(id + 1 - UNDER_WAY, oldest)
  }
  let id = 0
  while (id < 1000) run(id++)
  const before = age()
  while (id < OBJECTS) {
    run(id++)
    if (id % 1000 === 0) collect({ type: 'minor' })
  }
  return process.memoryUsage().heapUsed - before
}

test.each([
  [
    'a set',
    (): Requests => {
      const set = new ShortLivedSet()
      return { add: (_, request) => set.add(request), delete: (_, request) => set.delete(request) }
    },
  ],
  [
    'a map',
    (): Requests => {
      const map = new ShortLivedMap<number, unknown>()
      return { add: (id, request) => map.set(id, request), delete: (id) => map.delete(id) }
    },
  ],
])('%s of requests under way does not keep those that have ended', (_, create) => {
  expect(bytesLeft(create())).toBeLessThan((OBJECTS * OBJECT_BYTES) / 8)
})

test('loads that have ended are not kept', async () => {
  const flights = new Flights({
    group: 'g',
    origin: { kind: 'function', load: () => null },
    timeoutMs: 1000,
    now: () => 0,
    timers: new ManualClock(),
    store: () => undefined,
    reportFault: () => {},
  })
  const load = (id: number): Promise<void> =>
    new Promise((resolve) => flights.join(Buffer.from(`key:${id}`), () => resolve()))
  let id = 0
  while (id < 1000) await Promise.all(Array.from({ length: 10 }, () => load(id++)))
  const before = age()
  while (id < OBJECTS) {
    await Promise.all(Array.from({ length: 10 }, () => load(id++)))
    if (id % 1000 === 0) collect({ type: 'minor' })
  }
  expect((process.memoryUsage().heapUsed - before) / OBJECTS).toBeLessThan(150)
})

// `maxWait`: each waiter of a load has a time of its own, after which it is answered without the load.

import { describe, expect, test } from 'vitest'
import { ManualClock } from '../../../src/bytes/clock.ts'
import type { LoadResult } from '../../../src/group/flights/flight.ts'
import { Flights } from '../../../src/group/flights/flights.ts'
import { MAX_KEY_BYTES } from '../../../src/group/flights/loadable-key.ts'
import { WaitLimit } from '../../../src/group/flights/wait-limit.ts'

const KEY = Buffer.from('Tom')
const CUT = 'no answer from the origin within 100 ms; the load goes on'

/** A limit of 100 ms on loads that the test completes. */
class Setup {
  readonly clock = new ManualClock()
  readonly loads: { resolve: (value: string) => void; reject: (error: Error) => void }[] = []
  readonly stored: (string | undefined)[] = []
  readonly faults: unknown[] = []
  fresh: Buffer | null | undefined
  stale: Buffer | undefined
  readonly flights: Flights
  readonly limit: WaitLimit

  constructor(timeoutMs = 0) {
    const { clock } = this
    const reportFault = (error: unknown): void => void this.faults.push(error)
    const load = (): Promise<string> => new Promise((resolve, reject) => this.loads.push({ resolve, reject }))
    this.flights = new Flights({
      group: 'scores',
      origin: { kind: 'test', load },
      timeoutMs,
      now: () => clock.now(),
      timers: clock,
      store: (_key, { value }) => void this.stored.push(value?.toString()),
      reportFault,
    })
    this.limit = new WaitLimit({
      maxWaitMs: 100,
      flights: this.flights,
      timers: clock,
      freshValue: () => this.fresh,
      staleValue: () => this.stale,
      reportFault,
    })
  }

  join({ key = KEY, isWrite = false, waitedMs = 0 } = {}): LoadResult[] {
    const results: LoadResult[] = []
    this.limit.join(key, (loadResult) => results.push(loadResult), isWrite, waitedMs)
    return results
  }

  settle(): Promise<void> {
    return new Promise((resolve) => setImmediate(resolve))
  }
}

const errors = (results: LoadResult[]): unknown[] => results.map(({ error }) => error)
const values = (results: LoadResult[]): unknown[] => results.map(({ value }) => value?.toString())

test('a load that is in time is the result, and leaves no timer', async () => {
  const at = new Setup()
  const results = at.join()
  await at.settle()
  at.clock.advance(99)
  at.loads[0].resolve('630')
  await at.settle()
  expect([values(results), at.clock.pending, at.limit.ended]).toEqual([['630'], 0, 0])
})

test('each waiter has its own time; the load goes on and is stored', async () => {
  const at = new Setup()
  const first = at.join()
  await at.settle()
  at.clock.advance(60)
  const second = at.join()
  expect(at.flights.get(KEY)?.waiters).toHaveLength(2)
  at.clock.advance(40)
  expect([errors(first), errors(second)]).toEqual([[CUT], []])
  expect(at.flights.get(KEY)?.waiters).toHaveLength(1)
  at.clock.advance(60)
  expect(errors(second)).toEqual([CUT])
  const third = at.join()
  at.loads[0].resolve('630')
  await at.settle()
  expect(values(third)).toEqual(['630'])
  expect([first.length, second.length, at.loads.length, at.limit.ended]).toEqual([1, 1, 1, 2])
  expect([at.stored, at.clock.pending, at.flights.size]).toEqual([['630'], 0, 0])
})

test('waiters that have left do not stay with a load that never ends', async () => {
  const at = new Setup()
  for (let i = 0; i < 1000; i++) at.join()
  await at.settle()
  at.clock.advance(100)
  expect([at.flights.get(KEY)?.waiters.length, at.limit.ended, at.clock.pending]).toEqual([0, 1000, 0])
})

test('a load that fails in time is the result', async () => {
  const at = new Setup(80)
  const results = at.join()
  await at.settle()
  at.clock.advance(200)
  expect([errors(results), at.limit.ended]).toEqual([['timed out after 80 ms'], 0])
})

test('a load that times out after its waiters have left notifies no waiter twice', async () => {
  const at = new Setup(150)
  const results = at.join()
  await at.settle()
  at.clock.advance(150)
  expect([errors(results), at.flights.size, at.flights.failures]).toEqual([[CUT], 0, 1])
})

describe('what a waiter gets after its time', () => {
  test('a stale value for a read, an error for a write', () => {
    const at = new Setup()
    at.stale = Buffer.from('old')
    const read = at.join()
    const write = at.join({ isWrite: true })
    at.clock.advance(100)
    expect(read).toEqual([{ value: at.stale, error: CUT, fenced: false, ms: 100, isStale: true }])
    expect(write).toEqual([{ value: null, error: `${CUT}, and nothing was changed`, fenced: false, ms: 100 }])
  })

  test('what another client wrote meanwhile, also that there is no such key', () => {
    const at = new Setup()
    at.stale = Buffer.from('old')
    for (const fresh of [Buffer.from('new'), null]) {
      at.fresh = fresh
      const results = [at.join(), at.join({ isWrite: true })]
      at.clock.advance(100)
      expect(results.flat().map(({ value, error }) => [value, error])).toEqual([
        [fresh, undefined],
        [fresh, undefined],
      ])
    }
  })
})

test('the time of earlier loads counts', () => {
  const at = new Setup()
  const [partly, over] = [at.join({ waitedMs: 70 }), at.join({ waitedMs: 170 })]
  expect([partly, over]).toEqual([[], []])
  at.clock.advance(0)
  expect([errors(partly), errors(over)]).toEqual([[], [CUT]])
  at.clock.advance(30)
  expect(errors(partly)).toEqual([CUT])
})

test('a fenced load keeps the time of its waiters', async () => {
  const at = new Setup()
  const results = at.join()
  await at.settle()
  at.flights.fence(KEY, 0, KEY.length)
  at.clock.advance(100)
  expect(errors(results)).toEqual([CUT])
  at.loads[0].resolve('630')
  await at.settle()
  expect(results).toHaveLength(1)
})

test('a key that is not loaded has its own error, and no timer', async () => {
  const at = new Setup()
  const results = at.join({ key: Buffer.alloc(MAX_KEY_BYTES + 1) })
  await at.settle()
  expect([results.length, at.clock.pending]).toEqual([1, 0])
  expect(String(results[0].error)).toContain('is not loaded')
})

test('a waiter that throws is a fault of the node', () => {
  const at = new Setup()
  const broken = (): void => {
    throw new Error('broken')
  }
  at.limit.join(KEY, broken, false, 0)
  const results = at.join()
  at.clock.advance(100)
  expect([at.faults, results.length]).toEqual([[new Error('broken')], 1])
})

test('closing ends the waits with its own error', () => {
  const at = new Setup()
  const results = at.join()
  at.flights.close()
  expect([errors(results), at.clock.pending]).toEqual([['the node is closing'], 0])
})

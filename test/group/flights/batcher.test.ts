// Batching: many misses, one call of the origin, and a separate load for each key.

import { beforeEach, describe, expect, test } from 'vitest'
import { ManualClock } from '../../../src/bytes/clock.ts'
import type { BatchPolicy, Gather } from '../../../src/group/flights/batcher.ts'
import type { LoadResult } from '../../../src/group/flights/flight.ts'
import { Flights } from '../../../src/group/flights/flights.ts'
import { type LoadContext, loaded, type OriginResults } from '../../../src/group/origin.ts'
import { VALUE_TYPES } from '../../support/value-types.ts'

interface Call {
  readonly keys: readonly string[]
  readonly context: LoadContext
  resolve(results: OriginResults): void
  reject(error: unknown): void
}

let clock: ManualClock
let calls: Call[]
let single: string[]
let stored: [key: string, value: string | null][]
let faults: unknown[]

beforeEach(() => {
  clock = new ManualClock()
  calls = []
  single = []
  stored = []
  faults = []
})

type LoadMany = (keys: readonly string[], context: LoadContext) => Promise<OriginResults> | OriginResults

function flightsOf(batch?: BatchPolicy, loadMany?: LoadMany, gather?: Gather): Flights {
  return new Flights({
    group: 'scores',
    origin: {
      kind: 'test',
      load: (key) => {
        single.push(key)
        return `${key} single`
      },
      loadMany:
        loadMany ??
        ((keys, context) => new Promise((resolve, reject) => calls.push({ keys, context, resolve, reject }))),
    },
    timeoutMs: 1000,
    batch,
    gather,
    now: () => clock.now(),
    timers: clock,
    store: (key, { value, fenced }) => {
      if (!fenced) stored.push([key.toString(), value === null ? null : value.toString()])
      return undefined
    },
    reportFault: (error) => faults.push(error),
  })
}

function join(flights: Flights, ...keys: string[]): LoadResult[] {
  const loadResults: LoadResult[] = []
  for (const key of keys) flights.join(Buffer.from(key), (loadResult) => loadResults.push(loadResult))
  return loadResults
}

/** Waits for two turns of the event loop. */
async function settle(): Promise<void> {
  for (let i = 0; i < 2; i++) await new Promise((resolve) => setImmediate(resolve))
}

const fence = (flights: Flights, key: string): void =>
  flights.fence(Buffer.from(key), 0, Buffer.byteLength(key))

const texts = (loadResults: LoadResult[]): (string | null | undefined)[] =>
  loadResults.map(({ value, error }) => error ?? (value === null ? null : value.toString()))

const batches = (): (readonly string[])[] => calls.map(({ keys }) => keys)

describe('batching of misses', () => {
  test('one batch per event-loop turn, each key once', async () => {
    const flights = flightsOf()
    const loadResults = [join(flights, 'a', 'b'), join(flights, 'b', 'c')]
    await Promise.resolve()
    loadResults.push(join(flights, 'd'))
    expect(calls).toEqual([])
    await settle()
    const later = join(flights, 'e', 'f')
    await settle()
    expect(batches()).toEqual([
      ['a', 'b', 'c', 'd'],
      ['e', 'f'],
    ])
    expect(calls[0].context.group).toBe('scores')
    calls[0].resolve(['1', '2', null, undefined])
    calls[1].resolve(
      new Map([
        ['f', '6'],
        ['z', '?'],
      ]),
    )
    await settle()
    expect([...loadResults, later].map(texts)).toEqual([['1', '2'], ['2', null], [null], [null, '6']])
    expect(stored).toEqual([
      ['a', '1'],
      ['b', '2'],
      ['c', null],
      ['d', null],
      ['e', null],
      ['f', '6'],
    ])
    expect([flights.loads, flights.joined, flights.calls, flights.size, clock.pending]).toEqual([
      6, 1, 2, 0, 0,
    ])
  })

  test('a waiting batch is notified of each request that waits for it, until it is dispatched', async () => {
    let requests = 0
    let dispatch: () => void = () => undefined
    const flights = flightsOf(undefined, undefined, (run) => {
      dispatch = run
      requests = 1
      return { joined: () => requests++, cancel: () => undefined }
    })
    join(flights, 'a', 'b')
    expect(requests).toBe(2)
    // The same load.
    join(flights, 'a')
    expect(requests).toBe(3)
    dispatch()
    join(flights, 'a', 'b')
    expect(requests).toBe(3)
    expect(batches()).toEqual([['a', 'b']])
  })

  test('one batch per time window', async () => {
    const flights = flightsOf({ max: 100, windowMs: 5 })
    join(flights, 'a')
    await settle()
    clock.advance(4)
    join(flights, 'b')
    await settle()
    expect(calls).toEqual([])
    clock.advance(1)
    join(flights, 'c')
    await settle()
    expect(batches()).toEqual([['a', 'b']])
    clock.advance(5)
    await settle()
    expect(single).toEqual(['c'])
  })

  test('at most `batchMax` keys; a full batch is sent at once', async () => {
    const flights = flightsOf({ max: 3, windowMs: 5 })
    const keys = Array.from({ length: 8 }, (_, i) => `k${i}`)
    join(flights, ...keys)
    expect(calls).toEqual([])
    await settle()
    expect(batches()).toEqual([keys.slice(0, 3), keys.slice(3, 6)])
    clock.advance(5)
    await settle()
    expect(batches()[2]).toEqual(['k6', 'k7'])
  })

  test('a thousand cold keys take the minimal number of calls', async () => {
    const flights = flightsOf(undefined, (keys) => keys.map((key) => `${key}!`))
    const keys = Array.from({ length: 1000 }, (_, i) => `k${i}`)
    const loadResults = join(flights, ...keys)
    await settle()
    expect(texts(loadResults)).toEqual(keys.map((key) => `${key}!`))
    expect([flights.loads, flights.calls]).toEqual([1000, 10])
  })

  test('a batch of one key calls `load`', async () => {
    const flights = flightsOf()
    const loadResults = join(flights, 'a', 'a')
    await settle()
    expect([single, texts(loadResults)]).toEqual([['a'], ['a single', 'a single']])
  })

  test('with `batchMax` 1 no load waits', async () => {
    const flights = flightsOf({ max: 1, windowMs: 1000 })
    const loadResults = join(flights, 'a', 'b')
    await settle()
    expect(texts(loadResults)).toEqual(['a single', 'b single'])
    expect([calls.length, flights.calls]).toEqual([0, 2])
  })

  test('a fenced load and its successor share one call', async () => {
    const flights = flightsOf()
    const before = join(flights, 'a')
    fence(flights, 'a')
    const after = join(flights, 'a')
    await settle()
    expect([single, texts(before), texts(after)]).toEqual([['a'], ['a single'], ['a single']])
  })
})

describe('each key has its own result', () => {
  test('an error, a TTL, a wrong type', async () => {
    const flights = flightsOf()
    const loadResults = join(flights, 'a', 'b', 'c', 'd')
    await settle()
    calls[0].resolve([new Error('no a'), loaded('2', { ttl: 7 }), 5 as unknown as string, '4'])
    await settle()
    expect(texts(loadResults)).toEqual(['no a', '2', `the origin gave a number for "c": ${VALUE_TYPES}`, '4'])
    expect(loadResults[1].facts).toEqual({ ttl: 7 })
    expect(stored).toEqual([
      ['b', '2'],
      ['d', '4'],
    ])
    expect(flights.failures).toBe(2)
    expect(calls[0].context.signal.aborted).toBe(false)
  })

  test.each<[string, LoadMany, string]>([
    ['rejects', () => Promise.reject(new Error('down')), 'down'],
    [
      'throws',
      () => {
        throw new Error('down')
      },
      'down',
    ],
    [
      'returns nothing',
      () => undefined as unknown as [],
      'loadMany gave nothing for "a" and 1 more keys, not an array or a Map',
    ],
    [
      'returns an object',
      () => ({ a: '1' }) as unknown as [],
      'loadMany gave an object for "a" and 1 more keys, not an array or a Map',
    ],
    [
      'returns text',
      () => '12' as unknown as [],
      'loadMany gave a string for "a" and 1 more keys, not an array or a Map',
    ],
    ['returns too few', () => ['1'], 'loadMany gave an array of 1 for "a" and 1 more keys, wants one of 2'],
    [
      'returns too many',
      () => ['1', '2', '3'],
      'loadMany gave an array of 3 for "a" and 1 more keys, wants one of 2',
    ],
  ])('a loadMany that %s is an error of every key, and nothing is stored', async (_, loadMany, error) => {
    const flights = flightsOf(undefined, loadMany)
    const loadResults = join(flights, 'a', 'b')
    await settle()
    expect(texts(loadResults)).toEqual([error, error])
    expect([stored, flights.failures, flights.size, clock.pending]).toEqual([[], 2, 0, 0])
    expect(faults).toEqual([])
  })

  test('a result that throws when it is read is an error of its key', async () => {
    const results = ['1', '2']
    Object.defineProperty(results, 0, {
      get: () => {
        throw new Error('trap')
      },
    })
    const flights = flightsOf(undefined, () => results)
    const loadResults = join(flights, 'a', 'b')
    await settle()
    expect(texts(loadResults)).toEqual(['trap', '2'])
  })

  test('each key has its own timeout; the call is aborted when no key waits any more', async () => {
    const flights = flightsOf({ max: 10, windowMs: 500 })
    const first = join(flights, 'a')
    clock.advance(400)
    const second = join(flights, 'b')
    clock.advance(100)
    const { signal } = calls[0].context
    clock.advance(500)
    expect([texts(first), texts(second), signal.aborted]).toEqual([['timed out after 1000 ms'], [], false])
    const again = join(flights, 'a')
    clock.advance(400)
    expect([texts(second), signal.aborted]).toEqual([['timed out after 1000 ms'], true])
    calls[0].resolve(['late', 'late'])
    await settle()
    expect([again.length, stored.length, first.length, second.length]).toEqual([0, 0, 1, 1])
  })

  test('a batch whose loads have all timed out is not sent', async () => {
    const flights = flightsOf({ max: 10, windowMs: 2000 })
    const loadResults = join(flights, 'a', 'b')
    clock.advance(1000)
    expect([loadResults.length, clock.pending]).toEqual([2, 0])
    const next = join(flights, 'a', 'c')
    await settle()
    expect(calls).toEqual([])
    flights.close()
    expect(texts(next)).toEqual(['the node is closing', 'the node is closing'])
    clock.advance(5000)
    await settle()
    expect([calls.length, clock.pending]).toEqual([0, 0])
  })

  test('close fails sent and open batches, and aborts their calls', async () => {
    const flights = flightsOf()
    const loadResults = join(flights, 'a', 'b')
    await settle()
    loadResults.push(...join(flights, 'c', 'd'))
    flights.close()
    expect(calls[0].context.signal.aborted).toBe(true)
    const after = join(flights, 'e')
    await settle()
    expect([texts(loadResults), texts(after)]).toEqual([
      Array(2).fill('the node is closing'),
      ['the node is closing'],
    ])
    expect([calls.length, single.length, clock.pending, flights.size]).toEqual([1, 0, 0, 0])
  })
})

test('fences: a write between the miss and the call, or during the call', async () => {
  const flights = flightsOf()
  const before = join(flights, 'a', 'b')
  fence(flights, 'a')
  const after = join(flights, 'a')
  await settle()
  expect(batches()).toEqual([['a', 'b']])
  fence(flights, 'b')
  calls[0].resolve(['1', '2'])
  await settle()
  expect([texts(before), texts(after)]).toEqual([['1', '2'], ['1']])
  expect(before.map(({ fenced }) => fenced)).toEqual([true, true])
  expect(stored).toEqual([['a', '1']])
})

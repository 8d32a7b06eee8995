// Single flight: the result of each waiter, and that a key can be loaded again however its load ends.

import { beforeEach, describe, expect, test, vi } from 'vitest'
import { ManualClock } from '../../../src/bytes/clock.ts'
import type { LoadResult } from '../../../src/group/flights/flight.ts'
import { Flights } from '../../../src/group/flights/flights.ts'
import { MAX_KEY_BYTES } from '../../../src/group/flights/loadable-key.ts'
import type { LoadContext, OriginValue } from '../../../src/group/origin.ts'

interface Call {
  readonly key: string
  readonly context: LoadContext
  resolve(value: OriginValue): void
  reject(error: unknown): void
}

let clock: ManualClock
let calls: Call[]
let stored: [key: string, value: string | null, ms: number][]
let faults: unknown[]

beforeEach(() => {
  clock = new ManualClock()
  calls = []
  stored = []
  faults = []
})

type Load = (key: string, context: LoadContext) => Promise<OriginValue> | OriginValue

/** Flights whose origin records its calls; the test settles them. */
function flightsOf(
  load?: Load,
  store?: (key: Buffer, loadResult: LoadResult) => string | undefined,
): Flights {
  const answer: Load = (key, context) =>
    new Promise((resolve, reject) => calls.push({ key, context, resolve, reject }))
  return new Flights({
    group: 'scores',
    origin: { kind: 'test', load: load ?? answer },
    timeoutMs: 1000,
    now: () => clock.now(),
    timers: clock,
    store:
      store ??
      ((key, { value, ms, fenced }) => {
        if (!fenced) stored.push([key.toString(), value === null ? null : value.toString(), ms])
        return undefined
      }),
    reportFault: (error) => faults.push(error),
  })
}

function join(flights: Flights, key: string): LoadResult[] {
  const loadResults: LoadResult[] = []
  flights.join(Buffer.from(key), (loadResult) => loadResults.push(loadResult))
  return loadResults
}

/** Runs all pending callbacks except timers. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

function fence(flights: Flights, key: string): void {
  const bytes = Buffer.from(`<${key}>`)
  flights.fence(bytes, 1, bytes.length - 1)
}

const texts = (loadResults: LoadResult[]): (string | null | undefined)[] =>
  loadResults.map(({ value, error }) => error ?? (value === null ? null : value.toString()))

describe('one load per key', () => {
  test('the first miss starts the load, later misses wait for it', async () => {
    const flights = flightsOf()
    const waiters = [join(flights, 'Tom'), join(flights, 'Tom'), join(flights, 'Jack')]
    await settle()
    waiters.push(join(flights, 'Tom'))
    expect(calls.map(({ key }) => key)).toEqual(['Tom', 'Jack'])
    expect(calls[0].context.group).toBe('scores')
    expect([flights.size, flights.loads, flights.joined]).toEqual([2, 2, 2])
    clock.advance(7)
    calls[0].resolve('630')
    await settle()
    expect(waiters.map(texts)).toEqual([['630'], ['630'], [], ['630']])
    expect(stored).toEqual([['Tom', '630', 7]])
    calls[1].resolve(null)
    await settle()
    expect(texts(waiters[2])).toEqual([null])
    expect(stored[1]).toEqual(['Jack', null, 7])
    expect([flights.size, clock.pending, flights.failures]).toEqual([0, 0, 0])
  })

  test('no waiter is called synchronously, even by an origin that answers at once', async () => {
    const flights = flightsOf(() => '1')
    const loadResults = join(flights, 'Tom')
    expect([loadResults.length, flights.size]).toEqual([0, 1])
    await settle()
    expect(texts(loadResults)).toEqual(['1'])
  })

  test('keys that differ in any byte have separate loads, and reach the origin as UTF-8', async () => {
    const flights = flightsOf()
    const keys = [
      Buffer.from('é'),
      Buffer.from('\ufffd'),
      Buffer.from([0]),
      Buffer.alloc(0),
      Buffer.from('__proto__'),
    ]
    for (const key of keys) flights.join(key, () => {})
    await settle()
    expect(flights.size).toBe(5)
    expect(calls.map(({ key }) => key)).toEqual(['é', '\ufffd', '\0', '', '__proto__'])
    expect(flights.get(keys[1])?.key).toBe(keys[1])
  })
})

test('keys that are not UTF-8 are not loaded, and each error names its key', async () => {
  const flights = flightsOf()
  const loadResults: LoadResult[] = []
  for (const bytes of ['k\xff', 'k\xfe', '\xc3']) {
    const key = Buffer.from(bytes, 'latin1')
    flights.join(key, (loadResult) => loadResults.push(loadResult))
    flights.refresh(key)
    flights.fence(key, 0, key.length)
  }
  expect(loadResults).toEqual([])
  await settle()
  expect(loadResults.map(({ error }) => error)).toEqual([
    'the key "k\\xff" is not UTF-8 and is not loaded',
    'the key "k\\xfe" is not UTF-8 and is not loaded',
    'the key "\\xc3" is not UTF-8 and is not loaded',
  ])
  join(flights, 'kÿ')
  await settle()
  expect([calls.map(({ key }) => key), flights.loads, flights.size]).toEqual([['kÿ'], 1, 1])
})

test('keys above 1 MiB are not loaded', async () => {
  const flights = flightsOf()
  const key = Buffer.alloc(MAX_KEY_BYTES + 1)
  const loadResults: LoadResult[] = []
  flights.join(key, (loadResult) => loadResults.push(loadResult))
  expect(loadResults).toEqual([])
  await settle()
  expect(loadResults[0].error).toContain('is not loaded')
  flights.fence(key, 0, key.length)
  expect([flights.get(key), flights.size, calls.length]).toEqual([undefined, 0, 0])
  flights.join(key, () => {
    throw new Error('waiter')
  })
  await settle()
  expect(faults).toHaveLength(1)
})

describe('fences', () => {
  test('a write during a load: waiters get the loaded value, the store does not', async () => {
    const flights = flightsOf()
    const loadResults = join(flights, 'Tom')
    await settle()
    fence(flights, 'Tom')
    fence(flights, 'Jack')
    expect([flights.size, flights.fenced]).toEqual([0, 1])
    calls[0].resolve('old')
    await settle()
    expect(texts(loadResults)).toEqual(['old'])
    expect(loadResults[0].fenced).toBe(true)
    expect(stored).toEqual([])
  })

  test('a miss after the write starts a new load, in whichever order the two loads end', async () => {
    for (const order of [
      [0, 1],
      [1, 0],
    ]) {
      calls = []
      stored = []
      const flights = flightsOf()
      const before = join(flights, 'Tom')
      await settle()
      fence(flights, 'Tom')
      const after = join(flights, 'Tom')
      await settle()
      expect(calls).toHaveLength(2)
      for (const i of order) {
        calls[i].resolve(`value ${i}`)
        await settle()
      }
      expect([texts(before), texts(after)]).toEqual([['value 0'], ['value 1']])
      expect(stored.map(([, value]) => value)).toEqual(['value 1'])
      expect(flights.size).toBe(0)
    }
  })

  test('a value that the store rejects is an error for waiters of a fenced load too', async () => {
    const flights = flightsOf(undefined, () => 'too large')
    const loadResults = join(flights, 'Tom')
    await settle()
    fence(flights, 'Tom')
    calls[0].resolve('x')
    await settle()
    expect(texts(loadResults)).toEqual(['too large'])
  })

  test('fenceAll fences every load under way, and none that starts afterwards', async () => {
    const flights = flightsOf()
    const loadResults = [join(flights, 'a'), join(flights, 'b')]
    await settle()
    flights.fenceAll()
    loadResults.push(join(flights, 'c'))
    await settle()
    for (const call of calls) call.resolve('x')
    await settle()
    expect(loadResults.map(([loadResult]) => loadResult.fenced)).toEqual([true, true, false])
    expect(stored.map(([key]) => key)).toEqual(['c'])
    expect(flights.fenced).toBe(2)
  })

  test('fenceThose fences the selected loads; other loads can still be joined', async () => {
    const flights = flightsOf()
    const loadResults = [join(flights, 'a'), join(flights, 'b')]
    await settle()
    flights.fenceThose((key) => String(key) === 'a')
    loadResults.push(join(flights, 'a'), join(flights, 'b'))
    await settle()
    expect(calls).toHaveLength(3)
    for (const call of calls) call.resolve('x')
    await settle()
    expect(loadResults.map(([loadResult]) => loadResult.fenced)).toEqual([true, false, false, false])
    expect(stored.map(([key]) => key).sort()).toEqual(['a', 'b'])
  })
})

describe('errors reach all waiters, are not stored, and end the load', () => {
  const failing: readonly (readonly [string, Load, string | RegExp])[] = [
    [
      'throws at once',
      () => {
        throw new Error('no route')
      },
      'no route',
    ],
    ['rejects', () => Promise.reject(new Error('refused')), 'refused'],
    ['rejects with no error', () => Promise.reject(undefined), 'undefined'],
    ['rejects with an empty message', () => Promise.reject(new TypeError('')), 'TypeError'],
    ['rejects with several lines', () => Promise.reject(new Error(' one\r\n two\n')), 'one two'],
    ['rejects at length', () => Promise.reject(new Error('x'.repeat(5000))), /^x{200}…$/],
    ['gives a number', () => 5 as unknown as string, /gave a number for "Tom": a value is a string/],
    ['gives a date', async () => new Date(0) as unknown as string, /gave an object \(Date\)/],
    [
      'gives an array of arrays',
      async () => [[1]] as unknown as string,
      /gave an array as element 0 of a list/,
    ],
    ['gives a function', async () => (() => 1) as unknown as string, /gave a function/],
    ['gives a symbol', async () => Symbol('x') as unknown as string, /gave a symbol/],
    [
      'returns an object whose inspection throws',
      async () =>
        new Proxy(
          {},
          {
            getPrototypeOf: () => {
              throw new Error('trap')
            },
          },
        ) as unknown as string,
      'trap',
    ],
  ]

  test.each(failing)('an origin that %s', async (_name, load, message) => {
    const flights = flightsOf(load)
    const waiters = [join(flights, 'Tom'), join(flights, 'Tom')]
    await settle()
    for (const loadResults of waiters) {
      expect(loadResults).toHaveLength(1)
      expect(loadResults[0].error).toMatch(message)
    }
    expect([flights.size, flights.failures, clock.pending]).toEqual([0, 1, 0])
    expect(stored).toEqual([])
    join(flights, 'Tom')
    expect(flights.loads).toBe(2)
    await settle()
    expect(faults).toEqual([])
  })

  test('an origin that reads its abort signal after the timeout, or from a copy of the context, gets the same signal', async () => {
    const flights = flightsOf()
    join(flights, 'Tom')
    await settle()
    const [{ context }] = calls
    clock.advance(1000)
    const { signal } = { ...context }
    expect(signal.aborted).toBe(true)
    expect((signal.reason as Error).message).toBe('timed out after 1000 ms')
    expect(context.signal).toBe(signal)
  })

  test('an origin that hangs: the load times out, the signal is aborted, and a later result is ignored', async () => {
    const flights = flightsOf()
    const loadResults = join(flights, 'Tom')
    await settle()
    const { signal } = calls[0].context
    clock.advance(999)
    expect([loadResults.length, signal.aborted]).toEqual([0, false])
    clock.advance(1)
    expect(texts(loadResults)).toEqual(['timed out after 1000 ms'])
    expect(signal.aborted).toBe(true)
    expect((signal.reason as Error).message).toBe('timed out after 1000 ms')
    const next = join(flights, 'Tom')
    await settle()
    calls[0].resolve('late')
    await settle()
    expect([loadResults.length, next.length, stored.length, flights.size]).toEqual([1, 0, 0, 1])
    calls[1].resolve('in time')
    await settle()
    expect(texts(next)).toEqual(['in time'])
  })

  test('an origin that rejects after the timeout', async () => {
    const flights = flightsOf()
    const loadResults = join(flights, 'Tom')
    await settle()
    clock.advance(1000)
    calls[0].reject(new Error('late'))
    await settle()
    expect(loadResults).toHaveLength(1)
    expect(flights.failures).toBe(1)
  })

  test('without a timeout, an origin that hangs blocks its key', async () => {
    const flights = new Flights({
      group: 'g',
      origin: { kind: 'test', load: () => new Promise(() => {}) },
      timeoutMs: 0,
      now: () => clock.now(),
      timers: clock,
      store: () => undefined,
      reportFault: (error) => faults.push(error),
    })
    const loadResults = join(flights, 'Tom')
    await settle()
    clock.advance(1e9)
    expect([loadResults.length, flights.size, clock.pending]).toEqual([0, 1, 0])
    flights.close()
    expect(loadResults).toHaveLength(1)
  })

  test('a thenable that settles twice counts once', async () => {
    const then = (resolve: (value: string) => void, reject: (error: Error) => void): void => {
      resolve('first')
      resolve('second')
      reject(new Error('third'))
    }
    const twice: unknown = Object.fromEntries([['then', then]])
    const flights = flightsOf(() => twice as Promise<string>)
    const loadResults = join(flights, 'Tom')
    await settle()
    expect(texts(loadResults)).toEqual(['first'])
    expect(stored).toHaveLength(1)
  })

  test('a value that the store refuses is an error for the waiters', async () => {
    const flights = flightsOf(
      () => 'x',
      () => 'too large',
    )
    const loadResults = join(flights, 'Tom')
    await settle()
    expect(texts(loadResults)).toEqual(['too large'])
    expect(flights.failures).toBe(1)
  })
})

describe('faults of the node', () => {
  test('an exception in a waiter does not affect the other waiters', async () => {
    const flights = flightsOf()
    const before = join(flights, 'Tom')
    flights.join(Buffer.from('Tom'), () => {
      throw new Error('waiter')
    })
    const after = join(flights, 'Tom')
    await settle()
    calls[0].resolve('630')
    await settle()
    expect([texts(before), texts(after)]).toEqual([['630'], ['630']])
    expect(faults).toEqual([new Error('waiter')])
    expect(flights.size).toBe(0)
  })

  test('an exception in a waiter after a timeout or at close does not affect the others', async () => {
    const flights = flightsOf()
    const waiter = vi.fn(() => {
      throw new Error('waiter')
    })
    flights.join(Buffer.from('Tom'), waiter)
    const others = join(flights, 'Tom')
    clock.advance(1000)
    flights.join(Buffer.from('Jack'), waiter)
    others.push(...join(flights, 'Jack'))
    const jack = join(flights, 'Jack')
    flights.close()
    expect([others.length, jack.length, waiter.mock.calls.length, faults.length]).toEqual([1, 1, 2, 2])
  })

  test('a store that throws is an error for the waiters', async () => {
    const flights = flightsOf(
      () => 'x',
      () => {
        throw new RangeError('Array buffer allocation failed')
      },
    )
    const loadResults = join(flights, 'Tom')
    await settle()
    expect(texts(loadResults)).toEqual(['Array buffer allocation failed'])
    expect(faults).toHaveLength(1)
    expect(flights.size).toBe(0)
  })

  test('a waiter may start the next load', async () => {
    const flights = flightsOf()
    const next: LoadResult[] = []
    flights.join(Buffer.from('Tom'), () =>
      flights.join(Buffer.from('Tom'), (loadResult) => next.push(loadResult)),
    )
    await settle()
    calls[0].resolve('1')
    await settle()
    expect(calls).toHaveLength(2)
    calls[1].resolve('2')
    await settle()
    expect(texts(next)).toEqual(['2'])
  })
})

describe('close', () => {
  test('ends every load with an error, fenced ones too, and aborts them', async () => {
    const flights = flightsOf()
    const fenced = join(flights, 'a')
    const loadResults = join(flights, 'b')
    await settle()
    fence(flights, 'a')
    flights.close()
    expect([texts(fenced), texts(loadResults)]).toEqual([['the node is closing'], ['the node is closing']])
    expect(calls.map(({ context }) => context.signal.aborted)).toEqual([true, true])
    expect([clock.pending, flights.size]).toEqual([0, 0])
    calls[0].resolve('late')
    calls[1].reject(new Error('late'))
    await settle()
    expect([fenced.length, loadResults.length, stored.length]).toEqual([1, 1, 0])
  })

  test('a miss afterwards fails without calling the origin', async () => {
    const flights = flightsOf()
    flights.close()
    const loadResults = join(flights, 'a')
    await settle()
    expect(texts(loadResults)).toEqual(['the node is closing'])
    expect(calls).toEqual([])
    expect([clock.pending, flights.size]).toEqual([0, 0])
  })
})

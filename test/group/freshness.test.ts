// Freshness: values served stale after their TTL, and refreshed ahead of it, to the millisecond.

import { describe, expect, test } from 'vitest'
import { ManualClock } from '../../src/bytes/clock.ts'
import { Hasher } from '../../src/bytes/hash.ts'
import { Instant } from '../../src/bytes/instant.ts'
import { fetchValue, writeValue } from '../../src/group/calls.ts'
import { exchangeKeys } from '../../src/group/exchange.ts'
import type { FreshnessPolicy } from '../../src/group/freshness.ts'
import { Group } from '../../src/group/group.ts'
import { type LoadContext, loaded, type OriginResult, unchanged } from '../../src/group/origin.ts'
import type { GroupPolicy } from '../../src/group/policy.ts'
import { NULL_REF } from '../../src/store/arena.ts'

const KEY = Buffer.from('Tom')

interface Call {
  readonly context: LoadContext
  resolve(value: OriginResult): void
  reject(error: Error): void
}

interface Settings extends Partial<FreshnessPolicy> {
  readonly policy?: Partial<GroupPolicy>
  readonly random?: () => number
}

/** A group with a TTL of a second, whose loads the test completes one by one. */
class Setup {
  readonly clock = new ManualClock()
  readonly calls: Call[] = []
  readonly group: Group
  readonly #instant = new Instant(this.clock)

  constructor({ policy, random = () => 0, ...freshness }: Settings = {}) {
    const load = (_key: string, context: LoadContext): Promise<OriginResult> =>
      new Promise((resolve, reject) => this.calls.push({ context, resolve, reject }))
    this.group = new Group(
      {
        name: 'scores',
        maxBytes: 65_536,
        origin: { kind: 'test', load },
        ttlMs: 1000,
        jitter: 0,
        negativeTtlMs: 0,
        originTimeoutMs: 0,
        freshness: { staleWhileRevalidateMs: 0, staleIfErrorMs: 0, refreshAhead: 0, ...freshness },
        ...policy,
      },
      { instant: this.#instant, hasher: new Hasher({ low: 1, high: 2 }), timers: this.clock, random },
    )
  }

  settle(): Promise<void> {
    return new Promise((resolve) => setImmediate(resolve))
  }

  advance(ms: number): void {
    this.clock.advance(ms)
    this.#instant.refresh()
  }

  /** The result of a read, or 'waiting' if it has no immediate result. */
  async read(): Promise<string | null> {
    const got = fetchValue(this.group, KEY).then(
      (value) => value?.toString() ?? null,
      (error: Error) => `-${error.message}`,
    )
    return Promise.race([got, this.settle().then(() => 'waiting')])
  }

  /** Loads a value in `ms` ms, and returns the result of the read that waits for it. */
  async load(result: OriginResult | Error, ms = 0): Promise<string | null> {
    const got = fetchValue(this.group, KEY).then(
      (value) => value?.toString() ?? null,
      (error: Error) => `-${error.message}`,
    )
    await this.settle()
    this.answer(result, ms)
    return got
  }

  /** Answers the last call. */
  answer(result: OriginResult | Error, ms = 0): void {
    this.advance(ms)
    const call = this.calls.at(-1)
    if (result instanceof Error) call?.reject(result)
    else call?.resolve(result)
  }
}

test('without stale windows a value expires at its TTL', async () => {
  const at = new Setup()
  await at.load('630')
  at.advance(1000)
  expect(await at.read()).toBe('630')
  at.advance(1)
  expect(await at.read()).toBe('waiting')
  expect(at.group.store.size).toBe(0)
})

test('stale while revalidate: served at once, refreshed by one background load', async () => {
  const at = new Setup({ staleWhileRevalidateMs: 300 })
  await at.load('630')
  at.advance(1000)
  expect([await at.read(), at.calls.length, at.group.staleHits]).toEqual(['630', 1, 0])
  at.advance(1)
  expect([await at.read(), await at.read(), at.calls.length]).toEqual(['630', '630', 2])
  at.advance(299)
  expect([await at.read(), at.calls.length, at.group.staleHits]).toEqual(['630', 2, 3])
  at.answer('700')
  await at.settle()
  expect([await at.read(), at.calls.length]).toEqual(['700', 2])
  at.advance(1301)
  expect([await at.read(), at.calls.length, at.group.flights?.refreshes]).toEqual(['waiting', 3, 1])
  at.group.store.verify()
})

test.each([
  { name: 'fails', result: new Error('down') },
  { name: 'brings what is too large', result: 'x'.repeat(70_000) },
])(
  'after a background load that $name, the stale value is served for a second before the next load',
  async ({ result }) => {
    const at = new Setup({ staleWhileRevalidateMs: 5000, random: () => 0 })
    await at.load('630')
    at.advance(1100)
    expect(await at.read()).toBe('630')
    at.answer(result, 40)
    await at.settle()
    const ref = at.group.store.peek(KEY, 0, 3)
    for (const left of [1000, 600, 200]) {
      expect([await at.read(), at.calls.length, at.group.nextRefresh(ref, KEY)]).toEqual(['630', 2, left])
      at.advance(400)
    }
    expect([at.group.nextRefresh(ref, KEY), await at.read(), at.calls.length]).toEqual([0, '630', 3])
    at.answer('700')
    await at.settle()
    expect(await at.read()).toBe('700')
  },
)

test('the backoff ends when the key is loaded, or its value cannot be served stale any more', async () => {
  const at = new Setup({ staleWhileRevalidateMs: 300 })
  await at.load('630')
  at.advance(1100)
  await at.read()
  at.answer(new Error('down'))
  await at.settle()
  at.advance(200)
  const ref = at.group.store.peek(KEY, 0, 3)
  expect([at.group.nextRefresh(ref, KEY), await at.read(), at.calls.length]).toEqual([0, '630', 2])
  at.advance(1)
  expect(await at.load(loaded('700', { ttl: 10 }))).toBe('700')
  at.advance(11)
  expect([await at.read(), at.calls.length]).toEqual(['700', 4])
})

test('the backoff does not delay a miss', async () => {
  const at = new Setup({ staleWhileRevalidateMs: 300 })
  await at.load('630')
  at.advance(1100)
  await at.read()
  at.answer(new Error('down'))
  await at.settle()
  at.group.remove(KEY)
  expect(await at.load(new Error('down'))).toBe('-scores: down')
  expect(await at.load('700')).toBe('700')
})

describe('after a gap in the change notifications', () => {
  test('a value is served while it is revalidated', async () => {
    const at = new Setup({ staleWhileRevalidateMs: 300 })
    await at.load('630')
    at.advance(10)
    at.group.invalidateLoaded()
    expect([await at.read(), at.calls.length, at.group.staleHits]).toEqual(['630', 2, 1])
    at.answer('700')
    await at.settle()
    expect([await at.read(), at.calls.length]).toEqual(['700', 2])
  })

  test('a value is served on error, within its window', async () => {
    const at = new Setup({ staleIfErrorMs: 300 })
    await at.load('630')
    at.group.invalidateLoaded()
    at.advance(299)
    expect(await at.load(new Error('down'))).toBe('630')
    at.advance(1)
    expect(await at.load(new Error('down'))).toBe('-scores: down')
  })

  test('the origin gets the validator of the cached version', async () => {
    const at = new Setup()
    await at.load(loaded('630', { validator: '"7"', ttl: 500 }))
    at.group.invalidateLoaded()
    expect(await at.load(unchanged({ ttl: 500 }))).toBe('630')
    expect(at.calls[1].context.validator).toBe('"7"')
    expect([await at.read(), at.calls.length]).toEqual(['630', 2])
  })

  test('negative entries and values without stale windows are dropped', async () => {
    for (const result of [null, '630']) {
      const at = new Setup({ policy: { negativeTtlMs: 1000 } })
      await at.load(result)
      at.group.invalidateLoaded()
      expect(await at.read()).toBe('waiting')
    }
  })

  test('a value loaded after the gap is fresh, even if the clock goes back', async () => {
    const at = new Setup({ staleWhileRevalidateMs: 300 })
    await at.load('630')
    at.group.invalidateLoaded()
    at.clock.set(at.clock.now() - 3_600_000)
    await at.read()
    at.answer('700')
    await at.settle()
    expect([await at.read(), at.calls.length, at.group.staleHits]).toEqual(['700', 2, 1])
  })
})

test('a value with TTL 0 and a stale window is stored as stale', async () => {
  const at = new Setup({ staleIfErrorMs: 300 })
  await at.load(loaded('630', { ttl: 0, staleWhileRevalidate: 200, staleIfError: 0 }))
  expect([await at.read(), at.calls.length]).toEqual(['630', 2])
  at.answer(loaded('700', { ttl: 0, staleWhileRevalidate: 0, staleIfError: 50 }))
  await at.settle()
  expect(await at.load(new Error('down'))).toBe('700')
  await at.load(loaded('800', { ttl: 0 }))
  expect(at.group.store.size).toBe(0)
})

test('SWAPDB: validators of one origin are not sent to the other', async () => {
  const place = (): Setup => new Setup({ policy: { name: 'scores' } })
  const [at, other] = [place(), place()]
  await at.load(loaded('630', { validator: '"1"', ttl: 100 }))
  await other.load(loaded('7', { validator: '"1"', ttl: 100 }))
  exchangeKeys(at.group, other.group)
  at.advance(150)
  other.advance(150)
  expect(await at.load('700')).toBe('700')
  expect(at.calls[1].context.validator).toBeUndefined()
})

test('a background load that finds no such key removes the value', async () => {
  for (const result of [null, loaded('x', { ttl: 0 })]) {
    const at = new Setup({ staleWhileRevalidateMs: 300 })
    await at.load('630')
    at.advance(1100)
    await at.read()
    at.answer(result)
    await at.settle()
    expect([at.group.store.size, at.group.store.absent]).toEqual([0, 0])
  }
})

test('stale if error: a load comes first, and the stale value is served if it fails', async () => {
  const at = new Setup({ staleIfErrorMs: 500, policy: { originTimeoutMs: 100 } })
  await at.load('630')
  at.advance(1001)
  expect(await at.load(new Error('down'))).toBe('630')
  expect([at.group.rescued, at.group.flights?.failures]).toEqual([1, 1])
  expect(await at.load('700')).toBe('700')
  at.advance(1400)
  const got = fetchValue(at.group, KEY)
  await at.settle()
  at.advance(100)
  expect((await got)?.toString()).toBe('700')
  at.advance(1)
  expect(await at.load(new Error('down'))).toBe('-scores: down')
  expect(at.group.store.peek(KEY, 0, 3)).toBe(NULL_REF)
})

test('a write fences the background load of a stale value', async () => {
  const at = new Setup({ staleWhileRevalidateMs: 300 })
  await at.load('630')
  at.advance(1100)
  await at.read()
  writeValue(at.group, KEY, Buffer.from('1'), 0)
  at.answer('700')
  await at.settle()
  expect(await at.read()).toBe('1')
  expect(at.group.store.peek(KEY, 0, 3)).not.toBe(NULL_REF)
  at.advance(1001)
  // A written value is not from the origin: after its TTL it is absent, not stale.
  expect(await at.read()).toBe('waiting')
})

test.each([
  // XFetch: loadMs × β × −ln(1 − random) ≥ the remaining TTL; here the load takes 100 ms.
  { beta: 1, random: 1 - Math.exp(-2), ahead: 200 },
  { beta: 2, random: 1 - Math.exp(-2), ahead: 400 },
  { beta: 0.5, random: 1 - Math.exp(-2), ahead: 100 },
  { beta: 1, random: 0, ahead: 0 },
])('refresh ahead: β $beta, drawn $random', async ({ beta, random, ahead }) => {
  const at = new Setup({ refreshAhead: beta, random: () => random - 1e-9 * Math.sign(random) })
  await at.load('630', 100)
  at.advance(1000 - ahead)
  expect([await at.read(), at.calls.length]).toEqual(['630', ahead === 0 ? 2 : 1])
  if (ahead === 0) return
  at.advance(1)
  expect([await at.read(), at.calls.length]).toEqual(['630', 2])
  at.answer('700', 50)
  await at.settle()
  at.advance(999)
  expect(await at.read()).toBe('700')
})

test('refresh ahead: an unlucky draw loads at the TTL, and far from the TTL nothing is drawn', async () => {
  let drawn = 0
  const at = new Setup({
    refreshAhead: 1,
    random: () => {
      drawn++
      return 0
    },
  })
  await at.load('630', 10)
  at.advance(800)
  await at.read()
  expect(drawn).toBe(0)
  at.advance(1)
  await at.read()
  expect(drawn).toBe(1)
  at.advance(200)
  expect(await at.read()).toBe('waiting')
})

test('the origin sets the TTL and stale windows of its value', async () => {
  const at = new Setup({ staleWhileRevalidateMs: 300, staleIfErrorMs: 300 })
  await at.load(loaded('630', { ttl: 50, staleWhileRevalidate: 0, staleIfError: 20 }))
  at.advance(51)
  expect(await at.load(new Error('down'))).toBe('630')
  at.advance(20)
  expect(await at.load(new Error('down'))).toBe('-scores: down')
})

test('maxTtl limits stale windows too', async () => {
  const at = new Setup({ staleWhileRevalidateMs: 300 })
  at.group.limitLifetime(1100)
  await at.load('630')
  at.advance(1100)
  expect(await at.read()).toBe('630')
  at.advance(1)
  expect(await at.read()).toBe('waiting')
})

test('a value that the origin reports unchanged gets a new TTL', async () => {
  const at = new Setup()
  await at.load(loaded('630', { validator: '"7"', ttl: 200 }))
  expect(at.calls[0].context.validator).toBeUndefined()
  at.advance(400)
  expect(await at.load(unchanged({ ttl: 300 }))).toBe('630')
  expect(at.calls[1].context.validator).toBe('"7"')
  expect(at.group.flights?.unchanged).toBe(1)
  at.advance(300)
  expect([await at.read(), at.calls.length]).toEqual(['630', 2])
  at.advance(1)
  expect(await at.load(loaded('700', { validator: '"8"', ttl: 300 }))).toBe('700')
  expect(at.calls[2].context.validator).toBe('"7"')
  // Retained for ten minutes after its TTL, then loaded without its validator.
  at.advance(300 + 10 * 60_000 + 1)
  expect(await at.load('800')).toBe('800')
  expect(at.calls[3].context.validator).toBeUndefined()
})

test('stale values are visible to reads only', async () => {
  const at = new Setup({ staleWhileRevalidateMs: 300 })
  await at.load('630')
  at.advance(1100)
  let seen = 0
  at.group.store.keyspace.scan(0, 100, () => seen++)
  expect(seen).toBe(0)
  expect(at.group.remove(KEY)).toBe(false)
  expect(await at.read()).toBe('waiting')
})

test('watchers are notified when a load replaces a cached value', async () => {
  const at = new Setup({ staleWhileRevalidateMs: 300 })
  const notified: string[] = []
  const written = (_group: Group, bytes: Buffer, start: number, end: number): void => {
    notified.push(bytes.toString('utf8', start, end))
  }
  at.group.watch({ written, flushed: () => undefined })
  await at.load('630')
  expect(notified).toEqual([])
  at.advance(1100)
  await at.read()
  at.answer('700')
  await at.settle()
  expect(notified).toEqual(['Tom'])
})

test('an origin with loadMany gets the validator of a key that is loaded alone', async () => {
  const validators: (string | undefined)[] = []
  const load = (_key: string, { validator }: LoadContext): OriginResult => {
    validators.push(validator)
    return validator === undefined ? loaded('630', { validator: '"7"', ttl: 100 }) : unchanged({ ttl: 100 })
  }
  const at = new Setup({
    policy: {
      origin: { kind: 'test', load, loadMany: (keys, context) => keys.map((key) => load(key, context)) },
    },
  })
  for (let i = 0; i < 3; i++) {
    expect((await fetchValue(at.group, KEY))?.toString()).toBe('630')
    at.advance(150)
  }
  const others = [KEY, Buffer.from('Jack')].map((key) => fetchValue(at.group, key))
  expect((await Promise.all(others)).map(String)).toEqual(['630', '630'])
  expect(validators).toEqual([undefined, '"7"', '"7"', undefined, undefined])
})

test('a group without an origin serves no stale values after SWAPDB', async () => {
  const at = new Setup({ staleWhileRevalidateMs: 5000 })
  const other = new Setup({ policy: { origin: undefined } })
  await at.load('630')
  exchangeKeys(at.group, other.group)
  // The stores have separate clocks.
  expect((await fetchValue(other.group, KEY))?.toString()).toBe('630')
  at.advance(1001)
  other.advance(1001)
  expect(await fetchValue(other.group, KEY)).toBeNull()
})

test('a value that is stale from the first is kept for its next load only, if it has a validator', async () => {
  const at = new Setup({ staleWhileRevalidateMs: 1000, staleIfErrorMs: 1000 })
  await at.load(loaded('630', { validator: '"7"', ttl: 0 }))
  expect(await at.load(unchanged({ ttl: 0 }))).toBe('630')
  expect(at.calls[1].context.validator).toBe('"7"')
  // The windows of the group are for values that have been fresh.
  expect(await at.load(new Error('down'))).toBe('-scores: down')
  expect(at.calls[2].context.validator).toBe('"7"')
  expect(await at.load(loaded('700', { ttl: 0 }))).toBe('700')
  expect(at.calls[3].context.validator).toBe('"7"')
  expect(await at.load('800')).toBe('800')
  expect(at.calls[4].context.validator).toBeUndefined()
})

// A group: what it stores of its origin's results, and for how long.

import { beforeEach, describe, expect, test } from 'vitest'
import { ManualClock } from '../../src/bytes/clock.ts'
import { Hasher } from '../../src/bytes/hash.ts'
import { Instant } from '../../src/bytes/instant.ts'
import { fetchValue, writeValue } from '../../src/group/calls.ts'
import { exchangeKeys } from '../../src/group/exchange.ts'
import type { LoadResult } from '../../src/group/flights/flight.ts'
import { Group } from '../../src/group/group.ts'
import type { Origin, OriginValue } from '../../src/group/origin.ts'
import { type GroupPolicy, OriginError } from '../../src/group/policy.ts'
import { NULL_REF } from '../../src/store/arena.ts'
import { EXPIRES, ValueType } from '../../src/store/record.ts'

let clock: ManualClock
let instant: Instant
let loads: string[]
let random: number

beforeEach(() => {
  clock = new ManualClock()
  instant = new Instant(clock)
  loads = []
  random = 0
})

const values: Readonly<Record<string, OriginValue>> = {
  Tom: '630',
  Jack: Buffer.from('589'),
  Nobody: null,
  Empty: '',
}

function groupOf(policy: Partial<GroupPolicy> = {}, load?: Origin['load']): Group {
  const origin: Origin = {
    kind: 'test',
    load:
      load ??
      ((key) => {
        loads.push(key)
        return key.startsWith('large') ? 'x'.repeat(100_000) : values[key]
      }),
  }
  return new Group(
    {
      name: 'scores',
      maxBytes: 65_536,
      origin,
      ttlMs: 0,
      jitter: 0,
      negativeTtlMs: 5000,
      originTimeoutMs: 1000,
      ...policy,
    },
    { instant, hasher: new Hasher({ low: 3, high: 4 }), timers: clock, random: () => random },
  )
}

function withoutOrigin(policy: Partial<GroupPolicy> = {}): Group {
  return groupOf({ origin: undefined, ...policy })
}

function load(group: Group, name: string): Promise<LoadResult> {
  return new Promise((resolve) => group.load(Buffer.from(name), resolve))
}

function advance(ms: number): void {
  clock.advance(ms)
  instant.refresh()
}

/** The cached value of a key as text; `null`: a negative entry; `undefined`: not cached. */
function cached(group: Group, name: string): string | null | undefined {
  const key = Buffer.from(name)
  const ref = group.store.peek(key, 0, key.length)
  if (ref === NULL_REF) return undefined
  if (group.store.records.type(ref) === ValueType.ABSENT) return null
  return group.store.copyValue(ref).toString()
}

function deadline(group: Group, name: string): number {
  const key = Buffer.from(name)
  return group.store.records.deadline(group.store.peek(key, 0, key.length))
}

function set(group: Group, name: string, value: string, flags = 0): void {
  const bytes = Buffer.from(name + value)
  group.set(bytes, 0, name.length, bytes, name.length, bytes.length, flags)
}

describe('loading', () => {
  test('a value is stored with its load time and load duration', async () => {
    const group = groupOf({}, async () => {
      clock.advance(12)
      return '630'
    })
    expect((await load(group, 'Tom')).value).toEqual(Buffer.from('630'))
    const key = Buffer.from('Tom')
    const ref = group.store.peek(key, 0, 3)
    expect([group.store.records.loadedAt(ref), group.store.records.loadMs(ref)]).toEqual([clock.now(), 12])
    expect(cached(group, 'Tom')).toBe('630')
    expect(deadline(group, 'Tom')).toBe(0)
  })

  test('bytes, text and empty strings are values', async () => {
    const group = groupOf()
    for (const name of ['Tom', 'Jack', 'Empty']) await load(group, name)
    expect(['Tom', 'Jack', 'Empty'].map((name) => cached(group, name))).toEqual(['630', '589', ''])
  })

  test.each(['constructor', '__proto__', 'hasOwnProperty'])('%s is a key like any other', async (name) => {
    const group = groupOf({}, (key) => `value of ${key}`)
    await load(group, name)
    expect(cached(group, name)).toBe(`value of ${name}`)
    expect(group.flights?.size).toBe(0)
  })

  test('a group without an origin loads nothing', () => {
    const group = withoutOrigin()
    const key = Buffer.from('Tom')
    expect(group.wouldLoad(key, 0, 3)).toBe(false)
    expect(() => group.load(key, () => {})).toThrow('no origin')
  })

  test('a value that exceeds the budget is an error, and nothing is evicted for it', async () => {
    const group = groupOf()
    await load(group, 'Tom')
    const { error } = await load(group, 'large one')
    expect(error).toBe('a value of 100000 bytes exceeds the budget of 65536 bytes')
    expect([cached(group, 'Tom'), cached(group, 'large one')]).toEqual(['630', undefined])
    expect([group.store.evicted, group.flights?.failures]).toEqual([0, 1])
  })
})

describe('absent keys', () => {
  test.each([null, undefined])('%s is cached for negativeTtl', async (nothing) => {
    const group = groupOf({}, (key) => {
      loads.push(key)
      return nothing
    })
    expect((await load(group, 'Nobody')).value).toBeNull()
    const key = Buffer.from('Nobody')
    expect(cached(group, 'Nobody')).toBeNull()
    expect(group.wouldLoad(key, 0, key.length)).toBe(false)
    expect([group.store.size, group.store.absent]).toEqual([0, 1])
    advance(5000)
    expect(group.wouldLoad(key, 0, key.length)).toBe(false)
    advance(1)
    expect(group.wouldLoad(key, 0, key.length)).toBe(true)
  })

  test('with a negativeTtl of 0 each read calls the origin', async () => {
    const group = groupOf({ negativeTtlMs: 0 })
    await load(group, 'Nobody')
    expect(cached(group, 'Nobody')).toBeUndefined()
    await load(group, 'Nobody')
    expect(loads).toEqual(['Nobody', 'Nobody'])
  })

  test('negative entries are dropped by SWAPDB', async () => {
    const group = groupOf()
    const other = withoutOrigin({ name: 'other' })
    await load(group, 'Nobody')
    await load(group, 'Tom')
    exchangeKeys(group, other)
    expect([cached(other, 'Nobody'), cached(other, 'Tom'), cached(group, 'Tom')]).toEqual([
      undefined,
      '630',
      undefined,
    ])
  })
})

describe('TTLs', () => {
  test('values loaded, or set without a TTL, get the TTL of the group', async () => {
    const group = groupOf({ ttlMs: 60_000 })
    await load(group, 'Tom')
    set(group, 'Sam', '1')
    group.store.deadline[0] = clock.now() + 5
    set(group, 'own', '1', EXPIRES)
    const now = clock.now()
    expect(['Tom', 'Sam', 'own'].map((name) => deadline(group, name) - now)).toEqual([60_000, 60_000, 5])
    advance(60_000)
    expect(cached(group, 'Tom')).toBe('630')
    advance(1)
    expect(cached(group, 'Tom')).toBeUndefined()
  })

  test('jitter shortens TTLs by at most its fraction, and never to zero', async () => {
    const group = groupOf({ ttlMs: 1000, jitter: 0.1 })
    const lifetimes: number[] = []
    for (random of [0, 0.25, 0.5, 0.999_999_999]) {
      set(group, 'Tom', '1')
      lifetimes.push(deadline(group, 'Tom') - clock.now())
    }
    expect(lifetimes).toEqual([1000, 975, 950, 901])
    random = 0.999_999
    const brief = groupOf({ ttlMs: 1, jitter: 1 })
    set(brief, 'Tom', '1')
    expect(deadline(brief, 'Tom') - clock.now()).toBe(1)
  })
})

describe('for callers without a connection', () => {
  test('fetch loads once, then serves from memory, and returns a copy', async () => {
    const group = groupOf()
    const [a, b] = await Promise.all([
      fetchValue(group, Buffer.from('Tom')),
      fetchValue(group, Buffer.from('Tom')),
    ])
    expect([a?.toString(), b?.toString(), loads]).toEqual(['630', '630', ['Tom']])
    a?.fill(0)
    expect([b?.toString(), (await fetchValue(group, Buffer.from('Tom')))?.toString()]).toEqual(['630', '630'])
    expect([group.hits, group.misses]).toEqual([1, 2])
    expect(await fetchValue(group, Buffer.from('Nobody'))).toBeNull()
    expect(await fetchValue(group, Buffer.from('Nobody'))).toBeNull()
    expect(loads).toEqual(['Tom', 'Nobody'])
  })

  test('fetch throws the error of the origin', async () => {
    const group = groupOf({}, () => Promise.reject(new Error('refused')))
    await expect(fetchValue(group, Buffer.from('Tom'))).rejects.toThrow(new OriginError('scores: refused'))
  })

  test('write and remove fence the load under way', async () => {
    for (const change of ['write', 'remove'] as const) {
      let answer: (value: string) => void = () => {}
      const group = groupOf({}, () => new Promise<string>((resolve) => (answer = resolve)))
      const loadResult = load(group, 'Tom')
      await Promise.resolve()
      await Promise.resolve()
      if (change === 'write') writeValue(group, Buffer.from('Tom'), Buffer.from('new'), 0)
      else expect(group.remove(Buffer.from('Tom'))).toBe(false)
      answer('old')
      expect((await loadResult).value?.toString()).toBe('old')
      expect(cached(group, 'Tom')).toBe(change === 'write' ? 'new' : undefined)
    }
  })

  test('write rejects a value larger than the budget, and keeps the old value', () => {
    const group = withoutOrigin()
    writeValue(group, Buffer.from('Tom'), Buffer.from('630'), 0)
    expect(() => writeValue(group, Buffer.from('Tom'), Buffer.alloc(70_000), 0)).toThrow(RangeError)
    expect(cached(group, 'Tom')).toBe('630')
  })
})

describe('clear and exchange', () => {
  test('clear removes everything and fences every load', async () => {
    let answer: (value: string) => void = () => {}
    const group = groupOf({}, () => new Promise<string>((resolve) => (answer = resolve)))
    set(group, 'Sam', '1')
    const loadResult = load(group, 'Tom')
    await Promise.resolve()
    await Promise.resolve()
    group.clear()
    answer('630')
    expect((await loadResult).fenced).toBe(true)
    expect([cached(group, 'Sam'), cached(group, 'Tom')]).toEqual([undefined, undefined])
  })

  test('exchange keeps budgets and counters in place, and the smaller budget evicts at once', () => {
    const small = withoutOrigin({ name: 'small', maxBytes: 4096 })
    const large = withoutOrigin({ name: 'large', maxBytes: 65_536 })
    for (let i = 0; i < 500; i++) set(large, `k${i}`, 'x'.repeat(40))
    for (let i = 0; i < 100; i++) set(small, `k${i}`, 'y'.repeat(40))
    const evicted = small.store.evicted
    expect(evicted).toBeGreaterThan(0)
    exchangeKeys(small, large)
    expect([small.store.maxBytes, large.store.maxBytes]).toEqual([4096, 65_536])
    expect(small.store.usedBytes).toBeLessThanOrEqual(4096)
    expect(small.store.evicted).toBeGreaterThan(evicted + 400)
    expect(large.store.evicted).toBe(0)
    expect(cached(small, 'k499')).toBe('x'.repeat(40))
    expect(cached(large, 'k99')).toBe('y'.repeat(40))
    small.store.verify()
    large.store.verify()
  })

  test('a group exchanged with itself stays as it is', () => {
    const group = withoutOrigin()
    set(group, 'Tom', '630')
    exchangeKeys(group, group)
    expect(cached(group, 'Tom')).toBe('630')
    expect(group.store.maxBytes).toBe(65_536)
  })
})

test('close ends loads and closes the origin', async () => {
  let closed = 0
  const group = groupOf({
    origin: {
      kind: 'test',
      load: () => new Promise(() => {}),
      close: () => {
        closed++
      },
    },
  })
  const loadResult = load(group, 'Tom')
  await group.close()
  expect((await loadResult).error).toBe('the node is closing')
  expect(closed).toBe(1)
})

describe('watchers of writes', () => {
  function watching(...groups: Group[]): { log: string[]; leave: () => void } {
    const log: string[] = []
    const leaves = groups.map((group) =>
      group.watch({
        written: ({ name }, bytes, start, end) =>
          log.push(`${name} ${bytes.toString('latin1', start, end)} ${cached(group, 'Tom')}`),
        flushed: ({ name }) => log.push(`${name} ${group.store.size}`),
      }),
    )
    return {
      log,
      leave() {
        for (const leave of leaves) leave()
      },
    }
  }

  test('are notified before each write, until they unsubscribe', () => {
    const group = withoutOrigin()
    const { log, leave } = watching(group)
    expect(group.isWatched).toBe(true)
    writeValue(group, Buffer.from('Tom'), Buffer.from('1'), 0)
    group.remove(Buffer.from('Tom'))
    writeValue(group, Buffer.from('Tom'), Buffer.from('2'), 0)
    group.clear()
    expect(log).toEqual(['scores Tom undefined', 'scores Tom 1', 'scores Tom undefined', 'scores 1'])
    leave()
    expect(group.isWatched).toBe(false)
    writeValue(group, Buffer.from('Tom'), Buffer.from('3'), 0)
    group.clear()
    expect(log.length).toBe(4)
  })

  test('are notified in both groups of an exchange', () => {
    const small = withoutOrigin({ name: 'small' })
    const large = withoutOrigin({ name: 'large' })
    const { log } = watching(small, large)
    exchangeKeys(small, large)
    expect(log).toEqual(['small 0', 'large 0'])
  })

  test('may unsubscribe during a notification', () => {
    const group = withoutOrigin()
    const log: string[] = []
    const flushed = (): void => {}
    const leaveFirst = group.watch({
      written: () => {
        log.push('first')
        leaveFirst()
      },
      flushed,
    })
    group.watch({ written: () => log.push('second'), flushed })
    for (let i = 0; i < 2; i++) group.fence(Buffer.from('Tom'), 0, 3)
    expect(log).toEqual(['first', 'second', 'second'])
  })

  test('a running load counts as a watcher until it is fenced', async () => {
    const group = groupOf()
    expect(group.isWatched).toBe(false)
    const loadResult = load(group, 'Tom')
    expect(group.isWatched).toBe(true)
    group.fence(Buffer.from('Tom'), 0, 3)
    expect(group.isWatched).toBe(false)
    expect((await loadResult).fenced).toBe(true)
  })
})

// Hot copies of other nodes' keys: their age limit, what drops them, and their share of the budget.

import { beforeEach, describe, expect, test } from 'vitest'
import { ManualClock } from '../../../src/bytes/clock.ts'
import { Hasher } from '../../../src/bytes/hash.ts'
import { Instant } from '../../../src/bytes/instant.ts'
import { writeValue } from '../../../src/group/calls.ts'
import { type Copies, defaultCopyPolicy } from '../../../src/group/copies/copies.ts'
import { MAX_COPIED_KEY, type PendingFetch } from '../../../src/group/copies/fetches.ts'
import { exchangeKeys } from '../../../src/group/exchange.ts'
import { Group } from '../../../src/group/group.ts'
import { NULL_REF } from '../../../src/store/arena.ts'
import { ValueType } from '../../../src/store/record.ts'

const BUDGET = 8 * 1024 * 1024
const KB = 1024

let clock: ManualClock
let instant: Instant
let group: Group
let copies: Copies

beforeEach(() => {
  clock = new ManualClock()
  instant = new Instant(clock)
  group = groupOf(BUDGET)
  copies = copiesOf(group)
})

function groupOf(maxBytes: number, name = 'scores'): Group {
  return new Group(
    { name, maxBytes, ttlMs: 0, jitter: 0, negativeTtlMs: 0, originTimeoutMs: 0 },
    { instant, hasher: new Hasher({ low: 3, high: 4 }), timers: clock, random: () => 0.5 },
  )
}

function copiesOf(of: Group, policy = {}): Copies {
  of.enableCopies({ ...defaultCopyPolicy, ...policy })
  return of.copies as Copies
}

function advance(ms: number): void {
  clock.advance(ms)
  instant.refresh()
}

function begin(name: string, owner = 'a:1'): PendingFetch | undefined {
  const key = Buffer.from(`<${name}>`)
  return copies.begin(key, 1, key.length - 1, owner)
}

function copy(name: string, value: string | null, remainingMs = -1, owner = 'a:1'): boolean {
  const fetch = begin(name, owner)
  return fetch !== undefined && copies.install(fetch, value === null ? null : Buffer.from(value), remainingMs)
}

function find(name: string): string | null | undefined {
  const key = Buffer.from(`<${name}>`)
  const ref = copies.find(key, 1, key.length - 1)
  if (ref === NULL_REF || copies.store === undefined) return undefined
  return copies.store.records.type(ref) === ValueType.ABSENT ? null : copies.store.copyValue(ref).toString()
}

function drop(name: string): void {
  copies.drop(Buffer.from(name), 0, name.length)
}

describe('a copy', () => {
  test('is found under its own key only', () => {
    expect(copy('Tom', '630')).toBe(true)
    expect([find('Tom'), find('Tim'), find('To'), find('')]).toEqual(['630', undefined, undefined, undefined])
    expect([copies.holds(Buffer.from('Tom'), 0, 3), copies.holds(Buffer.from('Tim'), 0, 3)]).toEqual([
      true,
      false,
    ])
    expect(counters()).toMatchObject({ hits: 1, installs: 1, entries: 1, invalidations: 0 })
  })

  test('can be of an absent key or an empty value', () => {
    copy('nobody', null, -1, 'a:1')
    copy('empty', '')
    expect([find('nobody'), find('empty')]).toEqual([null, ''])
    expect(copies.entries).toBe(2)
  })

  test.each([
    ['without a limit', -1, 1000],
    ['above the maximum age', 5000, 1000],
    ['of 300 ms', 300, 300],
    ['of 1 ms', 1, 1],
  ])('with a remaining TTL %s expires in time', (_, remainingMs, ms) => {
    copy('Tom', '630', remainingMs)
    advance(ms - 1)
    expect(find('Tom')).toBe('630')
    advance(1)
    expect(find('Tom')).toBeUndefined()
    expect(copies.expired).toBe(1)
  })

  test('has its age counted from the start of its fetch', () => {
    const slow = begin('Tom') as PendingFetch
    advance(250)
    expect(copies.install(slow, Buffer.from('630'), 300)).toBe(true)
    advance(49)
    expect(find('Tom')).toBe('630')
    advance(1)
    expect(find('Tom')).toBeUndefined()
  })

  test('that arrives after its TTL, or has a TTL of 0, is not stored', () => {
    const late = begin('Tom') as PendingFetch
    advance(300)
    expect(copies.install(late, Buffer.from('630'), 300)).toBe(false)
    expect(copy('Jack', '589', 0)).toBe(false)
    expect(copies.store).toBeUndefined()
  })

  test('is dropped when the clock is set back', () => {
    copy('Tom', '630')
    const pending = begin('Jack') as PendingFetch
    clock.set(clock.now() - 10)
    instant.refresh()
    expect(find('Tom')).toBeUndefined()
    expect(copies.install(pending, Buffer.from('589'), -1)).toBe(false)
    expect(copy('Tom', '631')).toBe(true)
    expect(find('Tom')).toBe('631')
  })
})

describe('a fetch', () => {
  test('is not started a second time before it ends', () => {
    const first = begin('Tom') as PendingFetch
    expect([begin('Tom'), begin('Jack')]).toEqual([undefined, expect.anything()])
    copies.install(first, Buffer.from('630'), -1)
    const second = begin('Tom') as PendingFetch
    copies.install(second, Buffer.from('631'), -1)
    expect(find('Tom')).toBe('631')
    expect(copies.install(second, Buffer.from('632'), -1)).toBe(false)
    expect(find('Tom')).toBe('631')
  })

  test('copies the bytes of the key', () => {
    const key = Buffer.from('Tom')
    const fetch = copies.begin(key, 0, 3, 'a:1') as PendingFetch
    key.write('xxx')
    copies.install(fetch, Buffer.from('630'), -1)
    expect([find('Tom'), find('xxx')]).toEqual(['630', undefined])
  })

  test('is refused beyond the limit of concurrent fetches', () => {
    copies = copiesOf(group, { maxFetches: 2 })
    const fetches = [begin('a'), begin('b'), begin('c')]
    expect(fetches.map((fetch) => fetch !== undefined)).toEqual([true, true, false])
    expect(copies.fetching).toBe(2)
    copies.cancel(fetches[0] as PendingFetch)
    expect(begin('c')).toBeDefined()
  })

  test('is refused for a key that is too long', () => {
    expect(begin('x'.repeat(MAX_COPIED_KEY))).toBeDefined()
    expect(begin('x'.repeat(MAX_COPIED_KEY + 1))).toBeUndefined()
    drop('x'.repeat(MAX_COPIED_KEY + 1))
  })

  test('that was cancelled is not repeated at once', () => {
    copies.cancel(begin('Tom') as PendingFetch)
    expect(begin('Tom')).toBeUndefined()
    advance(999)
    expect(begin('Tom')).toBeUndefined()
    advance(1)
    expect(begin('Tom')).toBeDefined()
  })

  test('is invalidated by a write, and not repeated at once', () => {
    const fetch = begin('Tom') as PendingFetch
    drop('Tom')
    expect(copies.install(fetch, Buffer.from('630'), -1)).toBe(false)
    copies.cancel(fetch)
    expect(begin('Tom')).toBeUndefined()
    advance(100)
    const next = begin('Tom') as PendingFetch
    expect(copies.install(fetch, Buffer.from('630'), -1)).toBe(false)
    expect(copies.install(next, Buffer.from('631'), -1)).toBe(true)
    expect(find('Tom')).toBe('631')
  })

  test('has a backoff for a bounded number of keys', () => {
    for (let i = 0; i < 2000; i++) copies.cancel(begin(`k${i}`) as PendingFetch)
    expect([begin('k1999'), begin('k0')]).toEqual([undefined, expect.anything()])
  })
})

describe('copies are dropped', () => {
  test('one by one', () => {
    copy('Tom', '630')
    copy('Jack', '589')
    drop('Tom')
    drop('Nobody')
    expect([find('Tom'), find('Jack')]).toEqual([undefined, '589'])
    expect(copies.invalidations).toBe(1)
  })

  test('when the link to their owner breaks, pending fetches included', () => {
    copy('Tom', '630', -1, 'a:1')
    copy('Jack', '589', -1, 'b:1')
    const pending = begin('Sam', 'a:1') as PendingFetch
    const other = begin('Kim', 'b:1') as PendingFetch
    copies.dropOwner('a:1')
    copies.dropOwner('c:1')
    expect([find('Tom'), find('Jack')]).toEqual([undefined, '589'])
    expect(copies.install(pending, Buffer.from('567'), -1)).toBe(false)
    expect(copies.install(other, Buffer.from('1'), -1)).toBe(true)
    // Over the next link it can be fetched again.
    copy('Tom', '631', -1, 'a:1')
    expect(find('Tom')).toBe('631')
    expect(copies.invalidations).toBe(2)
  })

  test('all at once, with their share of the budget', () => {
    copy('Tom', '630')
    copy('Jack', '589', -1, 'b:1')
    const pending = begin('Sam') as PendingFetch
    copies.dropAll()
    expect([find('Tom'), find('Jack'), copies.store, copies.invalidations]).toEqual([
      undefined,
      undefined,
      undefined,
      3,
    ])
    expect(copies.install(pending, Buffer.from('567'), -1)).toBe(false)
    expect(copy('Tom', '630')).toBe(true)
  })

  test('when the group is cleared or exchanged', () => {
    copy('Tom', '630')
    group.clear()
    expect(find('Tom')).toBeUndefined()
    copy('Tom', '630')
    const other = groupOf(64 * KB, 'other')
    exchangeKeys(group, other)
    expect(find('Tom')).toBeUndefined()
    expect([group.store.maxBytes, other.store.maxBytes]).toEqual([BUDGET, 64 * KB])
  })

  test('when they are swept after they expired', () => {
    for (let i = 0; i < 100; i++) copy(`k${i}`, 'x', i < 50 ? 500 : -1)
    advance(500)
    copies.sweep(10_000)
    expect([copies.entries, copies.expired]).toEqual([50, 50])
    advance(500)
    copies.sweep(10_000)
    expect([copies.entries, copies.expired, copies.store]).toEqual([0, 100, undefined])
    expect(group.store.maxBytes).toBe(BUDGET)
  })
})

test('counters can be reset', () => {
  copy('Tom', '630', 10)
  find('Tom')
  advance(10)
  copies.sweep(1000)
  copy('Jack', '589', 10)
  drop('Jack')
  copy('Sam', '567', 10)
  advance(10)
  find('Sam')
  expect(counters()).toMatchObject({ hits: 1, installs: 3, invalidations: 1, expired: 2 })
  copies.resetCounters()
  expect(counters()).toMatchObject({ hits: 0, installs: 0, invalidations: 0, expired: 0 })
})

describe('the budget', () => {
  const value = 'v'.repeat(10 * KB)

  test('belongs to the group alone until the first copy, and when no copy is left', () => {
    expect([group.store.maxBytes, copies.reserved]).toEqual([BUDGET, 0])
    copy('Tom', '630')
    expect([group.store.maxBytes, copies.reserved]).toEqual([BUDGET - 256 * KB, 256 * KB])
    copies.dropOwner('a:1')
    expect([group.store.maxBytes, copies.reserved]).toEqual([BUDGET, 0])
  })

  test('grows for copies up to an eighth, step by step, and evicts entries that no longer fit', () => {
    for (let i = 0; group.store.evicted === 0; i++)
      writeValue(group, Buffer.from(`own${i}`), Buffer.from(value), 0)
    let steps = 0
    for (let i = 0; i < 300; i++) {
      const { reserved } = copies
      expect(copy(`k${i}`, value)).toBe(true)
      if (copies.reserved !== reserved) steps++
      expect(group.store.maxBytes + copies.reserved).toBe(BUDGET)
      expect(group.store.usedBytes + copies.bytes).toBeLessThanOrEqual(BUDGET)
    }
    expect([copies.reserved, steps]).toEqual([BUDGET / 8, 4])
    expect([find('k0'), find('k299')]).toEqual([undefined, value])
    copies.store?.verify()
  })

  test('refuses a copy larger than the share of copies, with a backoff', () => {
    expect(copy('large', 'x'.repeat(BUDGET / 8))).toBe(false)
    expect(begin('large')).toBeUndefined()
    expect(copies.store).toBeUndefined()
    expect(copy('less', 'x'.repeat(BUDGET / 8 - 4 * KB))).toBe(true)
    expect(find('less')?.length).toBe(BUDGET / 8 - 4 * KB)
  })

  test('changes for entries and copies', () => {
    for (let i = 0; i < 90; i++) copy(`k${i}`, value)
    group.maxBytes = BUDGET / 4
    expect([copies.reserved, group.store.maxBytes, group.maxBytes]).toEqual([
      BUDGET / 32,
      (BUDGET / 32) * 7,
      BUDGET / 4,
    ])
    expect(copies.bytes).toBeLessThanOrEqual(BUDGET / 32)
    group.maxBytes = 2 * BUDGET
    expect(group.store.maxBytes + copies.reserved).toBe(2 * BUDGET)
    for (let i = 0; i < 300; i++) copy(`k${i}`, value)
    expect(copies.reserved).toBe(BUDGET / 4)
    group.maxBytes = 8 * KB
    expect([copies.reserved, group.store.maxBytes]).toEqual([0, 8 * KB])
    expect(begin('Tom')).toBeUndefined()
  })

  test('of a small group, or with a share of 0, has no room for copies', () => {
    copies = copiesOf(groupOf(16 * KB))
    expect(begin('Tom')).toBeUndefined()
    copies = copiesOf(group, { share: 0 })
    expect(begin('Tom')).toBeUndefined()
  })

  test('is shared by a half at most', () => {
    expect(() => copiesOf(group, { share: 0.6 })).toThrow(RangeError)
    expect(() => copiesOf(group, { share: -1 })).toThrow(RangeError)
    copy('Tom', '630')
    copies = copiesOf(group, { share: 0.5 })
    expect(group.store.maxBytes).toBe(BUDGET)
  })
})

function counters() {
  const { hits, installs, invalidations, expired, entries, bytes } = copies
  return { hits, installs, invalidations, expired, entries, bytes }
}

describe('the new value after a write', () => {
  const invalidate = (name: string, version: number): void => copies.invalidate(Buffer.from(name), version)
  const update = (name: string, value: string, version: number): boolean =>
    copies.update(Buffer.from(name), Buffer.from(value), version)

  test('takes the place of the old one until that would have expired', () => {
    copy('Tom', '1')
    advance(900)
    invalidate('Tom', 1)
    expect(find('Tom')).toBeUndefined()
    expect(update('Tom', '2', 1)).toBe(true)
    expect(find('Tom')).toBe('2')
    expect(copies).toMatchObject({ installs: 2, updates: 1, invalidations: 1 })
    advance(100)
    expect(find('Tom')).toBeUndefined()
    expect(update('Tom', '3', 2)).toBe(false)
  })

  test('is not stored without an invalidation, twice, or after the copy has ended', () => {
    copy('Tom', '1')
    expect(update('Tom', '2', 1)).toBe(false)
    expect(update('Sam', '2', 1)).toBe(false)
    invalidate('Tom', 1)
    expect([update('Tom', '2', 1), update('Tom', '0', 1)]).toEqual([true, false])
    invalidate('Tom', 2)
    drop('Tom')
    expect([update('Tom', '3', 2), find('Tom')]).toEqual([false, undefined])
    copy('Tom', '3')
    invalidate('Tom', 3)
    copies.dropAll()
    expect(update('Tom', '4', 3)).toBe(false)
  })

  test('is not stored if it is older than a later write, whatever it arrives after', () => {
    copy('Tom', '1')
    invalidate('Tom', 1)
    invalidate('Tom', 3)
    invalidate('Tom', 2)
    expect([update('Tom', '2', 2), find('Tom')]).toEqual([false, undefined])
    expect(update('Tom', '3', 3)).toBe(true)
  })

  test('is not stored when the link to the owner has broken', () => {
    copy('Tom', '1')
    copy('Jack', '1', -1, 'b:1')
    invalidate('Tom', 1)
    copies.dropOwner('a:1')
    expect([update('Tom', '2', 1), find('Tom')]).toEqual([false, undefined])
  })

  test('a fetch that the owner has answered before a write is void, one that it has answered after it is not', () => {
    const early = begin('Tom') as PendingFetch
    invalidate('Tom', 7)
    expect([copies.install(early, Buffer.from('6'), -1, 6), find('Tom')]).toEqual([false, undefined])
    const late = begin('Tom') as PendingFetch
    invalidate('Tom', 8)
    expect([copies.install(late, Buffer.from('8'), -1, 8), find('Tom')]).toEqual([true, '8'])
  })

  test('waits for a bounded number of keys', () => {
    for (let i = 0; i < 1500; i++) {
      copy(`key ${i}`, '1')
      invalidate(`key ${i}`, i)
    }
    expect([update('key 0', '2', 2000), update('key 1499', '2', 2000)]).toEqual([true, false])
  })
})

test('a copy is to be fetched again in the last quarter of its lifetime', () => {
  const isAging = (): boolean => copies.isAging(copies.find(Buffer.from('Tom'), 0, 3))
  copy('Tom', '1', 800)
  advance(500)
  expect(isAging()).toBe(false)
  advance(150)
  expect(isAging()).toBe(true)
  copy('Tom', '1', 800)
  expect(isAging()).toBe(false)
})

test('a key that does not pay is not fetched for a while', () => {
  copies.backOff(Buffer.from('Tom'), 500)
  expect([begin('Tom'), begin('Jack')]).toEqual([undefined, expect.anything()])
  advance(500)
  expect(begin('Tom')).toBeDefined()
})

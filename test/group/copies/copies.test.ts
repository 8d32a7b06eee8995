// Copies of other nodes' keys: how long they live, what makes them void, and whose bytes they take.

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

function pass(ms: number): void {
  clock.advance(ms)
  instant.refresh()
}

function begin(name: string, owner = 'a:1'): PendingFetch | undefined {
  const key = Buffer.from(`<${name}>`)
  return copies.begin(key, 1, key.length - 1, owner)
}

function copy(name: string, value: string, remainingMs = -1, owner = 'a:1', type?: ValueType): boolean {
  const ticket = begin(name, owner)
  return ticket !== undefined && copies.install(ticket, Buffer.from(value), remainingMs, type)
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
  test('is found under its key only', () => {
    expect(copy('Tom', '630')).toBe(true)
    expect([find('Tom'), find('Tim'), find('To'), find('')]).toEqual(['630', undefined, undefined, undefined])
    expect([copies.holds(Buffer.from('Tom'), 0, 3), copies.holds(Buffer.from('Tim'), 0, 3)]).toEqual([
      true,
      false,
    ])
    expect(counters()).toMatchObject({ hits: 1, installs: 1, entries: 1, invalidations: 0 })
  })

  test('may be that of an absent key, or an empty one', () => {
    copy('nobody', '', -1, 'a:1', ValueType.ABSENT)
    copy('empty', '')
    expect([find('nobody'), find('empty')]).toEqual([null, ''])
    expect(copies.entries).toBe(2)
  })

  test.each([
    ['for any time', -1, 1000],
    ['for longer than its greatest age', 5000, 1000],
    ['for 300 ms', 300, 300],
    ['for 1 ms', 1, 1],
  ])('that may be kept %s dies in time', (_, remainingMs, lifetime) => {
    copy('Tom', '630', remainingMs)
    pass(lifetime - 1)
    expect(find('Tom')).toBe('630')
    pass(1)
    expect(find('Tom')).toBeUndefined()
    expect(copies.expired).toBe(1)
  })

  test('counts from the moment its fetch began', () => {
    const slow = begin('Tom') as PendingFetch
    pass(250)
    expect(copies.install(slow, Buffer.from('630'), 300)).toBe(true)
    pass(49)
    expect(find('Tom')).toBe('630')
    pass(1)
    expect(find('Tom')).toBeUndefined()
  })

  test('that came too late, or may not be kept, is not', () => {
    const late = begin('Tom') as PendingFetch
    pass(300)
    expect(copies.install(late, Buffer.from('630'), 300)).toBe(false)
    expect(copy('Jack', '589', 0)).toBe(false)
    expect(copies.store).toBeUndefined()
  })

  test('goes when the clock is turned back', () => {
    copy('Tom', '630')
    const under = begin('Jack') as PendingFetch
    clock.set(clock.now() - 10)
    instant.refresh()
    expect(find('Tom')).toBeUndefined()
    expect(copies.install(under, Buffer.from('589'), -1)).toBe(false)
    expect(copy('Tom', '631')).toBe(true)
    expect(find('Tom')).toBe('631')
  })
})

describe('a fetch', () => {
  test('is not begun twice, until it is over', () => {
    const first = begin('Tom') as PendingFetch
    expect([begin('Tom'), begin('Jack')]).toEqual([undefined, expect.anything()])
    copies.install(first, Buffer.from('630'), -1)
    const second = begin('Tom') as PendingFetch
    copies.install(second, Buffer.from('631'), -1)
    expect(find('Tom')).toBe('631')
    expect(copies.install(second, Buffer.from('632'), -1)).toBe(false)
    expect(find('Tom')).toBe('631')
  })

  test('keeps its own bytes of the key', () => {
    const key = Buffer.from('Tom')
    const ticket = copies.begin(key, 0, 3, 'a:1') as PendingFetch
    key.write('xxx')
    copies.install(ticket, Buffer.from('630'), -1)
    expect([find('Tom'), find('xxx')]).toEqual(['630', undefined])
  })

  test('is one of a bounded number', () => {
    copies = copiesOf(group, { maxFetches: 2 })
    const tickets = [begin('a'), begin('b'), begin('c')]
    expect(tickets.map((ticket) => ticket !== undefined)).toEqual([true, true, false])
    expect(copies.fetching).toBe(2)
    copies.cancel(tickets[0] as PendingFetch)
    expect(begin('c')).toBeDefined()
  })

  test('is not begun for a key that is too long', () => {
    expect(begin('x'.repeat(MAX_COPIED_KEY))).toBeDefined()
    expect(begin('x'.repeat(MAX_COPIED_KEY + 1))).toBeUndefined()
    drop('x'.repeat(MAX_COPIED_KEY + 1))
  })

  test('that came to nothing is not repeated at once', () => {
    copies.cancel(begin('Tom') as PendingFetch)
    expect(begin('Tom')).toBeUndefined()
    pass(999)
    expect(begin('Tom')).toBeUndefined()
    pass(1)
    expect(begin('Tom')).toBeDefined()
  })

  test('is voided by a write, and not repeated at once', () => {
    const ticket = begin('Tom') as PendingFetch
    drop('Tom')
    expect(copies.install(ticket, Buffer.from('630'), -1)).toBe(false)
    copies.cancel(ticket)
    expect(begin('Tom')).toBeUndefined()
    pass(100)
    const next = begin('Tom') as PendingFetch
    expect(copies.install(ticket, Buffer.from('630'), -1)).toBe(false)
    expect(copies.install(next, Buffer.from('631'), -1)).toBe(true)
    expect(find('Tom')).toBe('631')
  })

  test('does not count how many keys rest without bound', () => {
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

  test('with the link to their owner, that of fetches under way too', () => {
    copy('Tom', '630', -1, 'a:1')
    copy('Jack', '589', -1, 'b:1')
    const under = begin('Sam', 'a:1') as PendingFetch
    const other = begin('Kim', 'b:1') as PendingFetch
    copies.dropOwner('a:1')
    copies.dropOwner('c:1')
    expect([find('Tom'), find('Jack')]).toEqual([undefined, '589'])
    expect(copies.install(under, Buffer.from('567'), -1)).toBe(false)
    expect(copies.install(other, Buffer.from('1'), -1)).toBe(true)
    // Over the next link they come again.
    copy('Tom', '631', -1, 'a:1')
    expect(find('Tom')).toBe('631')
    expect(copies.invalidations).toBe(2)
  })

  test('all, and the slice with them', () => {
    copy('Tom', '630')
    copy('Jack', '589', -1, 'b:1')
    const under = begin('Sam') as PendingFetch
    copies.dropAll()
    expect([find('Tom'), find('Jack'), copies.store, copies.invalidations]).toEqual([
      undefined,
      undefined,
      undefined,
      3,
    ])
    expect(copies.install(under, Buffer.from('567'), -1)).toBe(false)
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

  test('when they are swept after their time', () => {
    for (let i = 0; i < 100; i++) copy(`k${i}`, 'x', i < 50 ? 500 : -1)
    pass(500)
    copies.sweep(10_000)
    expect([copies.entries, copies.expired]).toEqual([50, 50])
    pass(500)
    copies.sweep(10_000)
    expect([copies.entries, copies.expired, copies.store]).toEqual([0, 100, undefined])
    expect(group.store.maxBytes).toBe(BUDGET)
  })
})

test('what was counted starts anew', () => {
  copy('Tom', '630', 10)
  find('Tom')
  pass(10)
  copies.sweep(1000)
  copy('Jack', '589', 10)
  drop('Jack')
  copy('Sam', '567', 10)
  pass(10)
  find('Sam')
  expect(counters()).toMatchObject({ hits: 1, installs: 3, invalidations: 1, expired: 2 })
  copies.resetCounters()
  expect(counters()).toMatchObject({ hits: 0, installs: 0, invalidations: 0, expired: 0 })
})

describe('the budget', () => {
  const value = 'v'.repeat(10 * KB)

  test('is the group’s own until the first copy, and once none is left', () => {
    expect([group.store.maxBytes, copies.reserved]).toEqual([BUDGET, 0])
    copy('Tom', '630')
    expect([group.store.maxBytes, copies.reserved]).toEqual([BUDGET - 256 * KB, 256 * KB])
    copies.dropOwner('a:1')
    expect([group.store.maxBytes, copies.reserved]).toEqual([BUDGET, 0])
  })

  test('gives copies up to an eighth, step by step, and evicts what no longer fits', () => {
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

  test('refuses a copy that exceeds the slice; its key rests', () => {
    expect(copy('large', 'x'.repeat(BUDGET / 8))).toBe(false)
    expect(begin('large')).toBeUndefined()
    expect(copies.store).toBeUndefined()
    expect(copy('less', 'x'.repeat(BUDGET / 8 - 4 * KB))).toBe(true)
    expect(find('less')?.length).toBe(BUDGET / 8 - 4 * KB)
  })

  test('changes for both', () => {
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

  test('of a small group has no room for copies, nor has a share of 0', () => {
    copies = copiesOf(groupOf(16 * KB))
    expect(begin('Tom')).toBeUndefined()
    copies = copiesOf(group, { share: 0 })
    expect(begin('Tom')).toBeUndefined()
  })

  test('is not given away by more than a half', () => {
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

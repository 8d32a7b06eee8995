// A gap in the word of changes: what the origin gave before it is stale, and what it gives later is not.

import { describe, expect, test } from 'vitest'
import { ManualClock } from '../../../src/bytes/clock.ts'
import { Hasher } from '../../../src/bytes/hash.ts'
import { Instant } from '../../../src/bytes/instant.ts'
import { NULL_REF } from '../../../src/store/arena.ts'
import { dumpEntry, markWithoutNotifications, restoreEntry } from '../../../src/store/dump.ts'
import { EXPIRES, FRESHNESS, LOADED, ValueType } from '../../../src/store/record.ts'
import { Store } from '../../../src/store/store.ts'

const hasher = new Hasher({ low: 1, high: 2 })
const LIFETIME = 1000
const GRACE = 300

class Shelf {
  readonly clock = new ManualClock()
  readonly instant = new Instant(this.clock)
  readonly store = new Store({ maxBytes: 1 << 20, hasher, instant: this.instant })

  /** Takes what the origin gives; with `NOTED` it is kept for `GRACE` ms after its lifetime, as version `v1`. */
  load(key: string, flags = EXPIRES | FRESHNESS, type: ValueType = ValueType.STRING): void {
    const { store } = this
    store.deadline[0] = store.now + LIFETIME
    store.loadedAt[0] = store.validity.loadEpoch()
    store.loadMs = 1
    Object.assign(store.windows, {
      refreshAhead: 0,
      staleWhileRevalidate: GRACE,
      staleIfError: GRACE,
      retention: GRACE,
    })
    store.newValidator = Buffer.from('v1')
    const bytes = Buffer.from(key)
    store.put(bytes, 0, bytes.length, bytes, 0, bytes.length, type, LOADED | flags)
  }

  set(key: string): void {
    const bytes = Buffer.from(key)
    this.store.put(bytes, 0, bytes.length, bytes, 0, bytes.length, ValueType.STRING, 0)
  }

  state(key: string): 'fresh' | 'stale' | 'none' {
    const bytes = Buffer.from(key)
    const ref = this.store.peek(bytes, 0, bytes.length)
    if (ref === NULL_REF) return 'none'
    const { records } = this.store
    const isStale = records.isStale(ref, this.instant.ms)
    expect(records.needsRefresh(ref, this.instant.ms)).toBe(isStale)
    return isStale ? 'stale' : 'fresh'
  }

  states(...keys: string[]): string[] {
    return keys.map((key) => this.state(key))
  }

  pass(ms: number): void {
    this.clock.set(this.clock.now() + ms)
    this.instant.refresh()
  }

  dump(key: string): Buffer {
    const bytes = Buffer.from(key)
    return dumpEntry(this.store, this.store.peek(bytes, 0, bytes.length))
  }

  restore(key: string, dump: Buffer, isDeaf = false): boolean {
    const bytes = Buffer.from(key)
    return restoreEntry(this.store, bytes, 0, bytes.length, dump, isDeaf)
  }
}

test('what has windows is stale, what has none is gone, and so are absences; what was set stays', () => {
  const shelf = new Shelf()
  shelf.load('noted')
  shelf.load('plain', EXPIRES)
  shelf.load('endless', 0)
  shelf.load('absent', EXPIRES, ValueType.ABSENT)
  shelf.set('set')
  shelf.store.validity.invalidateLoaded()
  const keys = ['noted', 'plain', 'endless', 'absent', 'set'] as const
  expect(shelf.states(...keys)).toEqual(['stale', 'none', 'none', 'none', 'fresh'])
  expect([shelf.store.invalidated, shelf.store.expired]).toEqual([3, 0])
  shelf.store.verify()
})

test('windows count from the gap, or from the end of the lifetime if that was before', () => {
  const shelf = new Shelf()
  shelf.load('old')
  shelf.pass(LIFETIME - 100)
  shelf.load('young')
  shelf.pass(200)
  shelf.store.validity.invalidateLoaded()
  expect(shelf.states('old', 'young')).toEqual(['stale', 'stale'])
  shelf.pass(GRACE - 100)
  expect(shelf.states('old', 'young')).toEqual(['stale', 'stale'])
  shelf.pass(1)
  expect(shelf.states('old', 'young')).toEqual(['none', 'stale'])
  shelf.pass(98)
  expect(shelf.state('young')).toBe('stale')
  shelf.pass(1)
  expect(shelf.state('young')).toBe('none')
})

test('a second gap does not lengthen what the first has begun', () => {
  const shelf = new Shelf()
  shelf.load('key')
  shelf.store.validity.invalidateLoaded()
  expect(shelf.state('key')).toBe('stale')
  shelf.pass(GRACE - 1)
  shelf.store.validity.invalidateLoaded()
  expect(shelf.state('key')).toBe('stale')
  shelf.pass(1)
  expect(shelf.state('key')).toBe('none')
})

test('within the millisecond of the gap the order counts', () => {
  const shelf = new Shelf()
  shelf.load('before')
  shelf.store.validity.invalidateLoaded()
  shelf.load('after')
  expect(shelf.states('before', 'after')).toEqual(['stale', 'fresh'])
  shelf.store.validity.invalidateLoaded()
  expect(shelf.states('before', 'after')).toEqual(['stale', 'stale'])
})

describe('a clock that goes back', () => {
  test('after the gap does not make stale what is loaded then, nor fresh what was before', () => {
    const shelf = new Shelf()
    shelf.load('before')
    shelf.store.validity.invalidateLoaded()
    shelf.pass(-3_600_000)
    shelf.load('after')
    expect(shelf.states('before', 'after')).toEqual(['stale', 'fresh'])
    shelf.pass(LIFETIME)
    expect(shelf.state('after')).toBe('fresh')
    shelf.pass(1)
    expect(shelf.state('after')).toBe('stale')
  })

  test('before the gap does not keep fresh what was loaded before that', () => {
    const shelf = new Shelf()
    shelf.load('before')
    shelf.pass(-3_600_000)
    shelf.load('between')
    shelf.store.validity.invalidateLoaded()
    shelf.load('after')
    expect(shelf.states('before', 'between', 'after')).toEqual(['stale', 'stale', 'fresh'])
  })
})

test('what nobody asks for is skipped by a scan, and reclaimed by the sweep when its windows have passed', () => {
  const shelf = new Shelf()
  shelf.load('key')
  shelf.store.validity.invalidateLoaded()
  const seen: string[] = []
  shelf.store.keyspace.scan(0, 100, (ref) => seen.push(shelf.store.copyKey(ref).toString()))
  expect(seen).toEqual([])
  expect([shelf.store.sweep(4096), shelf.store.size]).toEqual([0, 1])
  shelf.pass(GRACE)
  expect([shelf.store.sweep(4096), shelf.store.size]).toEqual([1, 0])
})

test('what is stale for a gap is stale elsewhere too, for as long', () => {
  const from = new Shelf()
  from.load('key')
  from.pass(10)
  from.store.validity.invalidateLoaded()
  from.pass(100)
  const to = new Shelf()
  to.pass(5000)
  expect(to.restore('key', from.dump('key'))).toBe(true)
  expect(to.state('key')).toBe('stale')
  to.pass(GRACE - 101)
  expect(to.state('key')).toBe('stale')
  to.pass(1)
  expect(to.state('key')).toBe('none')
})

test('what comes from who does not hear is stale at once where word is heard, and dropped if it cannot be', () => {
  for (const [flags, state] of [
    [EXPIRES | FRESHNESS, 'stale'],
    [EXPIRES, 'none'],
  ] as const) {
    const from = new Shelf()
    from.load('key', flags)
    const dump = from.dump('key')
    markWithoutNotifications(dump)
    const to = new Shelf()
    expect(to.restore('key', dump)).toBe(true)
    expect(to.state('key')).toBe(state)
    const deaf = new Shelf()
    expect(deaf.restore('key', dump, true)).toBe(true)
    expect(deaf.state('key')).toBe('fresh')
  }
})

test('after word that everything has changed, what another node had before is not taken', () => {
  for (const [ago, state] of [
    [5000, 'none'],
    [60_000, 'fresh'],
  ] as const) {
    const from = new Shelf()
    from.load('key')
    const to = new Shelf()
    to.store.validity.recordAllChanged()
    to.pass(ago)
    expect(to.restore('key', from.dump('key'))).toBe(true)
    expect(to.state('key')).toBe(state)
  }
})

test('versions of another source are no versions', () => {
  const shelf = new Shelf()
  shelf.load('before')
  shelf.store.validity.invalidateValidators()
  shelf.load('after')
  const version = (key: string): string => {
    const bytes = Buffer.from(key)
    return shelf.store.validity.validator(shelf.store.peek(bytes, 0, bytes.length)).toString()
  }
  expect([version('before'), version('after')]).toEqual(['', 'v1'])
  const to = new Shelf()
  to.restore('before', shelf.dump('before'))
  const bytes = Buffer.from('before')
  expect(to.store.validity.validator(to.store.peek(bytes, 0, bytes.length)).toString()).toBe('')
})

// A gap in the change notifications: values loaded before it are stale, values loaded later are not.

import { describe, expect, test } from 'vitest'
import { ManualClock } from '../../../src/bytes/clock.ts'
import { Hasher } from '../../../src/bytes/hash.ts'
import { Instant } from '../../../src/bytes/instant.ts'
import { NULL_REF } from '../../../src/store/arena.ts'
import { EXPIRES, FRESHNESS, LOADED, ValueType } from '../../../src/store/record.ts'
import { Store } from '../../../src/store/store.ts'
import { dumpEntry, markWithoutNotifications, restoreEntry } from '../../../src/store/transfer/dump.ts'

const hasher = new Hasher({ low: 1, high: 2 })
const LIFETIME = 1000
const RETENTION = 300

class Fixture {
  readonly clock = new ManualClock()
  readonly instant = new Instant(this.clock)
  readonly store = new Store({ maxBytes: 1 << 20, hasher, instant: this.instant })

  /** Stores a loaded value; with `FRESHNESS` it is retained for `RETENTION` ms after its deadline, with validator `v1`. */
  load(key: string, flags = EXPIRES | FRESHNESS, type: ValueType = ValueType.STRING): void {
    const { store } = this
    store.deadline[0] = store.now + LIFETIME
    store.loadedAt[0] = store.validity.loadEpoch()
    store.loadMs = 1
    Object.assign(store.windows, {
      refreshAhead: 0,
      staleWhileRevalidate: RETENTION,
      staleIfError: RETENTION,
      retention: RETENTION,
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

  restore(key: string, dump: Buffer, isDisconnected = false): boolean {
    const bytes = Buffer.from(key)
    return restoreEntry(this.store, bytes, 0, bytes.length, dump, isDisconnected)
  }
}

test('a gap makes values with windows stale, removes others and negative entries, and keeps values set by clients', () => {
  const fixture = new Fixture()
  fixture.load('windows')
  fixture.load('plain', EXPIRES)
  fixture.load('endless', 0)
  fixture.load('absent', EXPIRES, ValueType.ABSENT)
  fixture.set('set')
  fixture.store.validity.invalidateLoaded()
  const keys = ['windows', 'plain', 'endless', 'absent', 'set'] as const
  expect(fixture.states(...keys)).toEqual(['stale', 'none', 'none', 'none', 'fresh'])
  expect([fixture.store.invalidated, fixture.store.expired]).toEqual([3, 0])
  fixture.store.verify()
})

test('windows begin at the gap, or at the deadline if that was earlier', () => {
  const fixture = new Fixture()
  fixture.load('old')
  fixture.pass(LIFETIME - 100)
  fixture.load('young')
  fixture.pass(200)
  fixture.store.validity.invalidateLoaded()
  expect(fixture.states('old', 'young')).toEqual(['stale', 'stale'])
  fixture.pass(RETENTION - 100)
  expect(fixture.states('old', 'young')).toEqual(['stale', 'stale'])
  fixture.pass(1)
  expect(fixture.states('old', 'young')).toEqual(['none', 'stale'])
  fixture.pass(98)
  expect(fixture.state('young')).toBe('stale')
  fixture.pass(1)
  expect(fixture.state('young')).toBe('none')
})

test('a second gap does not extend the windows', () => {
  const fixture = new Fixture()
  fixture.load('key')
  fixture.store.validity.invalidateLoaded()
  expect(fixture.state('key')).toBe('stale')
  fixture.pass(RETENTION - 1)
  fixture.store.validity.invalidateLoaded()
  expect(fixture.state('key')).toBe('stale')
  fixture.pass(1)
  expect(fixture.state('key')).toBe('none')
})

test('loads and gaps within one millisecond are ordered', () => {
  const fixture = new Fixture()
  fixture.load('before')
  fixture.store.validity.invalidateLoaded()
  fixture.load('after')
  expect(fixture.states('before', 'after')).toEqual(['stale', 'fresh'])
  fixture.store.validity.invalidateLoaded()
  expect(fixture.states('before', 'after')).toEqual(['stale', 'stale'])
})

describe('a clock set back', () => {
  test('after the gap: later loads are fresh, earlier ones stay stale', () => {
    const fixture = new Fixture()
    fixture.load('before')
    fixture.store.validity.invalidateLoaded()
    fixture.pass(-3_600_000)
    fixture.load('after')
    expect(fixture.states('before', 'after')).toEqual(['stale', 'fresh'])
    fixture.pass(LIFETIME)
    expect(fixture.state('after')).toBe('fresh')
    fixture.pass(1)
    expect(fixture.state('after')).toBe('stale')
  })

  test('before the gap: loads before the setback become stale too', () => {
    const fixture = new Fixture()
    fixture.load('before')
    fixture.pass(-3_600_000)
    fixture.load('between')
    fixture.store.validity.invalidateLoaded()
    fixture.load('after')
    expect(fixture.states('before', 'between', 'after')).toEqual(['stale', 'stale', 'fresh'])
  })
})

test('a scan skips stale values, and the sweep removes them when their windows have passed', () => {
  const fixture = new Fixture()
  fixture.load('key')
  fixture.store.validity.invalidateLoaded()
  const seen: string[] = []
  fixture.store.keyspace.scan(0, 100, (ref) => seen.push(fixture.store.copyKey(ref).toString()))
  expect(seen).toEqual([])
  expect([fixture.store.sweep(4096), fixture.store.size]).toEqual([0, 1])
  fixture.pass(RETENTION)
  expect([fixture.store.sweep(4096), fixture.store.size]).toEqual([1, 0])
})

test('a value that is stale because of a gap is stale on the receiving node too, for as long', () => {
  const from = new Fixture()
  from.load('key')
  from.pass(10)
  from.store.validity.invalidateLoaded()
  from.pass(100)
  const to = new Fixture()
  to.pass(5000)
  expect(to.restore('key', from.dump('key'))).toBe(true)
  expect(to.state('key')).toBe('stale')
  to.pass(RETENTION - 101)
  expect(to.state('key')).toBe('stale')
  to.pass(1)
  expect(to.state('key')).toBe('none')
})

test('an entry from a node without change notifications is stored stale, or dropped without windows', () => {
  for (const [flags, state] of [
    [EXPIRES | FRESHNESS, 'stale'],
    [EXPIRES, 'none'],
  ] as const) {
    const from = new Fixture()
    from.load('key', flags)
    const dump = from.dump('key')
    markWithoutNotifications(dump)
    const to = new Fixture()
    expect(to.restore('key', dump)).toBe(true)
    expect(to.state('key')).toBe(state)
    const disconnected = new Fixture()
    expect(disconnected.restore('key', dump, true)).toBe(true)
    expect(disconnected.state('key')).toBe('fresh')
  }
})

test('after a notification that everything changed, older copies of other nodes are dropped', () => {
  for (const [ago, state] of [
    [5000, 'none'],
    [60_000, 'fresh'],
  ] as const) {
    const from = new Fixture()
    from.load('key')
    const to = new Fixture()
    to.store.validity.recordAllChanged()
    to.pass(ago)
    expect(to.restore('key', from.dump('key'))).toBe(true)
    expect(to.state('key')).toBe(state)
  }
})

test('validators of another origin are void', () => {
  const fixture = new Fixture()
  fixture.load('before')
  fixture.store.validity.invalidateValidators()
  fixture.load('after')
  const validatorOf = (key: string): string => {
    const bytes = Buffer.from(key)
    return fixture.store.validity.validator(fixture.store.peek(bytes, 0, bytes.length)).toString()
  }
  expect([validatorOf('before'), validatorOf('after')]).toEqual(['', 'v1'])
  const to = new Fixture()
  to.restore('before', fixture.dump('before'))
  const bytes = Buffer.from('before')
  expect(to.store.validity.validator(to.store.peek(bytes, 0, bytes.length)).toString()).toBe('')
})

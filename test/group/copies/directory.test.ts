// The directory of holders of copies: each holder is notified once of a write, and forgotten after a while.

import { beforeEach, describe, expect, test } from 'vitest'
import { ManualClock } from '../../../src/bytes/clock.ts'
import { type Hash, Hasher } from '../../../src/bytes/hash.ts'
import { Instant } from '../../../src/bytes/instant.ts'
import { writeValue } from '../../../src/group/calls.ts'
import { CopyDirectory } from '../../../src/group/copies/directory.ts'
import { MAX_COPIED_KEY } from '../../../src/group/copies/fetches.ts'
import { Group } from '../../../src/group/group.ts'
import { NULL_REF } from '../../../src/store/arena.ts'

interface Link {
  readonly name: string
}

const a: Link = { name: 'a' }
const b: Link = { name: 'b' }

let clock: ManualClock
let group: Group
let holders: CopyDirectory<Link>
let notices: string[]

beforeEach(() => {
  clock = new ManualClock()
  notices = []
  holders = holdersOf()
})

function holdersOf(maxKeys?: number, hasher = new Hasher({ low: 3, high: 4 })): CopyDirectory<Link> {
  group = new Group(
    { name: 'scores', maxBytes: 65_536, ttlMs: 0, jitter: 0, negativeTtlMs: 0, originTimeoutMs: 0 },
    { instant: new Instant(clock), hasher, timers: clock, random: () => 0.5 },
  )
  return new CopyDirectory(group, {
    maxAgeMs: 1000,
    hasher,
    timers: clock,
    maxKeys,
    notify: ({ name }, of, key) => notices.push(`${name} ${of} ${key?.toString() ?? '*'}`),
  })
}

function add(name: string, holder: Link): number {
  const key = Buffer.from(`<${name}>`)
  return holders.add(key, 1, key.length - 1, holder)
}

function write(name: string): void {
  writeValue(group, Buffer.from(name), Buffer.from('1'), 0)
}

describe('holders are notified', () => {
  test('once, and only of writes of their keys', () => {
    expect([add('Tom', a), add('Tom', b), add('Tom', a), add('Jack', b)]).toEqual([1000, 1000, 1000, 1000])
    write('Sam')
    write('Tim')
    expect(notices).toEqual([])
    write('Tom')
    write('Tom')
    expect(notices).toEqual(['a scores Tom', 'b scores Tom'])
    expect(holders.size).toBe(1)
    write('Jack')
    expect(notices.slice(2)).toEqual(['b scores Jack'])
    add('Tom', a)
    write('Tom')
    expect(notices.slice(3)).toEqual(['a scores Tom'])
    expect(holders).toMatchObject({ registered: 5, refused: 0, notified: 4 })
  })

  test('of removals, and once of a flush', () => {
    add('Tom', a)
    group.remove(Buffer.from('Tom'))
    for (const name of ['Tom', 'Jack', 'Sam']) add(name, a)
    add('Sam', b)
    group.clear()
    group.clear()
    expect(notices).toEqual(['a scores Tom', 'a scores *', 'b scores *'])
  })

  test('of keys with any bytes', () => {
    const key = Buffer.from([0, 255, 128, 13, 10])
    holders.add(key, 0, 5, a)
    expect(holders.size).toBe(1)
    group.remove(key)
    expect(holders.size).toBe(0)
  })

  test('not when their connection is closed, and they are granted no more copies', () => {
    add('Tom', a)
    add('Tom', b)
    holders.connectionClosed(a)
    expect(add('Jack', a)).toBe(0)
    write('Tom')
    add('Sam', b)
    holders.connectionClosed(b)
    group.clear()
    expect(notices).toEqual(['b scores Tom'])
  })

  test('also when two keys have the same hash: the copy of the first is revoked', () => {
    const same = new (class extends Hasher {
      override hash(): Hash {
        return 5 as Hash
      }
    })({ low: 1, high: 1 })
    holders = holdersOf(undefined, same)
    add('Tom', a)
    add('Jack', b)
    expect(notices).toEqual(['a scores Tom'])
    clock.advance(1050)
    add('Tom', b)
    expect(holders.size).toBe(2)
    write('Tom')
    write('Jack')
    expect(notices.slice(1)).toEqual(['b scores Tom', 'b scores Jack'])
    expect(holders.size).toBe(0)
  })
})

describe('a group is watched', () => {
  test('only while it has holders', () => {
    expect(group.isWatched).toBe(false)
    add('Tom', a)
    add('Jack', a)
    expect(group.isWatched).toBe(true)
    write('Tom')
    expect(group.isWatched).toBe(true)
    write('Jack')
    expect(group.isWatched).toBe(false)
    add('Tom', a)
    group.clear()
    expect(group.isWatched).toBe(false)
  })
})

describe('holders are forgotten', () => {
  test('after the maximum age of copies, and no sooner, even if the clock is set back', () => {
    add('Tom', a)
    clock.advance(700)
    add('Jack', a)
    clock.set(clock.now() - 1_000_000)
    clock.advance(1_000_000)
    clock.advance(400)
    write('Jack')
    expect(notices).toEqual(['a scores Jack'])
    clock.advance(2000)
    expect([holders.size, group.isWatched, clock.pending]).toEqual([0, false, 0])
    write('Tom')
    expect(notices.length).toBe(1)
  })

  test('counted from their last request', () => {
    add('Tom', a)
    for (let i = 0; i < 5; i++) {
      clock.advance(900)
      add('Tom', b)
      expect(holders.size).toBe(1)
    }
    clock.advance(1000)
    write('Tom')
    expect(notices.sort()).toEqual(['a scores Tom', 'b scores Tom'])
    expect(holders.size).toBe(0)
  })

  test('never before their copy has expired, whenever the timer fires', () => {
    for (let at = 0; at < 1200; at += 50) {
      add('other', b)
      clock.advance(at)
      add('Tom', a)
      clock.advance(1000)
      notices.length = 0
      write('Tom')
      expect(notices).toEqual(['a scores Tom'])
      clock.advance(5000)
    }
  })
})

describe('the directory', () => {
  test('is bounded: when it is full, only keys that it has can be copied', () => {
    holders = holdersOf(2)
    expect([add('a', a), add('b', a), add('c', a), add('b', b)]).toEqual([1000, 1000, 0, 1000])
    expect([holders.size, holders.refused]).toEqual([2, 1])
    write('a')
    expect(add('c', a)).toBe(1000)
    clock.advance(1050)
    expect(add('b', a)).toBe(1000)
    expect(holders.size).toBe(2)
    clock.advance(2100)
    expect(add('d', a)).toBe(1000)
  })

  test('refuses long keys', () => {
    expect(add('x'.repeat(MAX_COPIED_KEY), a)).toBe(1000)
    expect(add('x'.repeat(MAX_COPIED_KEY + 1), a)).toBe(0)
  })
})

describe('new values after writes', () => {
  let soon: (() => void)[]
  let isReading: boolean

  beforeEach(() => {
    soon = []
    isReading = true
    holdersOf()
    holders = new CopyDirectory(group, {
      maxAgeMs: 1000,
      hasher: new Hasher({ low: 3, high: 4 }),
      timers: clock,
      notify: ({ name }, _, key, version) =>
        notices.push(`${name} drops ${key ?? '*'} ${version ?? 'for good'}`),
      updates: {
        soon: (run) => soon.push(run),
        encode: (_, key, version) => {
          const ref = group.store.peek(key, 0, key.length)
          return ref === NULL_REF ? undefined : Buffer.from(`${key}=${group.store.copyValue(ref)} ${version}`)
        },
        send: ({ name }, update) => isReading && notices.push(`${name} ${update}`) > 0,
      },
    })
  })

  function ask(name: string, holder: Link, updates: number): void {
    holders.add(Buffer.from(name), 0, name.length, holder, updates)
  }

  function put(name: string, value: string): void {
    writeValue(group, Buffer.from(name), Buffer.from(value), 0)
  }

  function endCallback(): void {
    const due = soon
    soon = []
    for (const run of due) run()
  }

  test('follow their invalidation, once for all writes of a callback', () => {
    ask('Tom', a, 9)
    ask('Tom', b, 9)
    put('Tom', '1')
    put('Tom', '2')
    expect(notices).toEqual(['a drops Tom 1', 'b drops Tom 1'])
    endCallback()
    expect(notices.slice(2)).toEqual(['a Tom=2 2', 'b Tom=2 2'])
    put('Tom', '3')
    endCallback()
    expect(notices.slice(4)).toEqual(['a drops Tom 3', 'b drops Tom 3', 'a Tom=3 3', 'b Tom=3 3'])
    expect(holders).toMatchObject({ size: 1, notified: 4, updated: 4, version: 3 })
  })

  test('are as many as a holder asked for: the next write ends its copy', () => {
    ask('Tom', a, 1)
    ask('Tom', b, 2)
    for (const value of ['1', '2', '3']) {
      put('Tom', value)
      endCallback()
    }
    expect(notices.filter((notice) => notice.startsWith('a'))).toEqual([
      'a drops Tom 1',
      'a Tom=1 1',
      'a drops Tom for good',
    ])
    expect(notices.filter((notice) => notice.startsWith('b')).at(-1)).toBe('b drops Tom for good')
    expect([holders.size, group.isWatched]).toEqual([0, false])
  })

  test('a holder that gets the value between two writes of a callback is notified of the second', () => {
    ask('Tom', a, 9)
    put('Tom', '1')
    ask('Tom', b, 9)
    put('Tom', '2')
    expect(notices).toEqual(['a drops Tom 1', 'a drops Tom 2', 'b drops Tom 2'])
    endCallback()
    expect(notices.slice(3)).toEqual(['a Tom=2 2', 'b Tom=2 2'])
  })

  test('a removal ends the copies', () => {
    ask('Tom', a, 9)
    group.remove(Buffer.from('Tom'))
    endCallback()
    expect(notices).toEqual(['a drops Tom 1', 'a drops Tom for good'])
    expect(holders.size).toBe(0)
  })

  test('are not sent to a holder that does not read, to a closed one, or after a flush', () => {
    ask('Tom', a, 9)
    isReading = false
    put('Tom', '1')
    endCallback()
    expect(notices).toEqual(['a drops Tom 1', 'a drops Tom for good'])
    isReading = true
    ask('Tom', a, 9)
    ask('Tom', b, 9)
    put('Tom', '2')
    holders.connectionClosed(a)
    endCallback()
    expect(notices.slice(2)).toEqual(['a drops Tom 2', 'b drops Tom 2', 'b Tom=2 2'])
    put('Tom', '3')
    group.clear()
    endCallback()
    expect(notices.slice(5)).toEqual(['b drops Tom 3', 'b drops * for good'])
  })
})

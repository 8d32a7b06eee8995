// Key commands where Erinys differs from Redis: origins, negative entries, budgets per group.

import { describe, expect, test } from 'vitest'
import type { Group } from '../../../src/group/group.ts'
import { Harness } from '../../support/harness.ts'

const TOO_LARGE =
  /^OOM the entry alone exceeds the group's budget of \d+ bytes: raise its maxBytes, or split the value$/

/** The keys of a group from the most to the least recently used, by evicting them all. */
function byRecency(group: Group): string[] {
  const names: string[] = []
  const before = (): string[] => {
    const keys: string[] = []
    group.store.keyspace.scan(0, Number.POSITIVE_INFINITY, (ref) =>
      keys.push(group.store.copyKey(ref).toString('latin1')),
    )
    return keys
  }
  for (let remaining = before(); remaining.length > 0; ) {
    group.store.evict()
    const left = before()
    names.unshift(...remaining.filter((key) => !left.includes(key)))
    remaining = left
  }
  return names
}

/** A group whose origin has only `known`, with negative caching for a second. */
function withOrigin(known: Readonly<Record<string, string>> = {}): Harness {
  return new Harness({
    groups: {
      read: { negativeTtlMs: 1000, ttlMs: 60_000, origin: (key) => known[key] ?? null },
      plain: {},
    },
  })
}

describe('commands that see only cached keys', () => {
  test('EXISTS, TTL, TYPE, OBJECT, TOUCH, EXPIRE, PERSIST, RENAME and COPY load nothing', async () => {
    const harness = withOrigin({ a: '1' })
    expect(await harness.call('EXISTS', 'a')).toBe(0)
    expect(await harness.call('TTL', 'a')).toBe(-2)
    expect(await harness.call('TYPE', 'a')).toBe('none')
    expect(await harness.call('OBJECT', 'ENCODING', 'a')).toBeNull()
    expect(await harness.call('TOUCH', 'a')).toBe(0)
    expect(await harness.call('EXPIRE', 'a', '10')).toBe(0)
    expect(await harness.call('PERSIST', 'a')).toBe(0)
    expect(await harness.call('RENAME', 'a', 'b')).toHaveProperty('message', 'ERR no such key')
    expect(await harness.call('COPY', 'a', 'b')).toBe(0)
    expect(await harness.call('MOVE', 'a', 'plain')).toBe(0)
    expect(harness.groups[0].flights?.loads).toBe(0)
  })

  test('a negative entry is not a key', async () => {
    const harness = withOrigin({ cached: '1' })
    expect(await harness.call('GET', 'a')).toBeNull()
    expect(harness.groups[0].store.absent).toBe(1)
    expect(await harness.call('EXISTS', 'a')).toBe(0)
    expect(await harness.call('PTTL', 'a')).toBe(-2)
    expect(await harness.call('TYPE', 'a')).toBe('none')
    expect(await harness.call('EXPIRE', 'a', '10')).toBe(0)
    expect(await harness.call('KEYS', '*')).toEqual([])
    expect(await harness.call('SCAN', '0')).toEqual(['0', []])
    expect(await harness.call('RANDOMKEY')).toBeNull()
    expect(await harness.call('DBSIZE')).toBe(0)
    expect(await harness.call('MEMORY', 'USAGE', 'a')).toBeNull()
    expect(await harness.call('RENAME', 'a', 'b')).toHaveProperty('message', 'ERR no such key')
    await harness.call('GET', 'cached')
    expect(await harness.call('RANDOMKEY')).toBe('cached')
    expect(await harness.call('RENAMENX', 'cached', 'a')).toBe(1)
    expect(await harness.call('GET', 'a')).toBe('1')
    expect(harness.groups[0].store.absent).toBe(0)
  })

  test('DEL removes a negative entry, but does not count it', async () => {
    const harness = withOrigin()
    await harness.call('GET', 'a')
    expect(await harness.call('DEL', 'a', 'a')).toBe(0)
    expect(harness.groups[0].store.absent).toBe(0)
    await harness.call('GET', 'a')
    expect(harness.groups[0].flights?.loads).toBe(2)
  })

  test('EXISTS, TTL, TYPE and OBJECT do not count as access, TOUCH and EXPIRE do', async () => {
    const looks = [
      ['EXISTS', 'a'],
      ['TTL', 'a'],
      ['PEXPIRETIME', 'a'],
      ['TYPE', 'a'],
      ['KEYS', '*'],
      ['SCAN', '0'],
      ['OBJECT', 'IDLETIME', 'a'],
      ['OBJECT', 'ENCODING', 'a'],
      ['MEMORY', 'USAGE', 'a'],
      ['EXPLAIN', 'a'],
    ]
    for (const look of looks) {
      const harness = new Harness()
      for (const key of ['a', 'b']) await harness.call('SET', key, '1')
      await harness.call(...look)
      expect(byRecency(harness.groups[0]), look[0]).toEqual(['b', 'a'])
    }
    for (const use of [
      ['TOUCH', 'a'],
      ['EXPIRE', 'a', '10'],
    ]) {
      const harness = new Harness()
      for (const key of ['a', 'b']) await harness.call('SET', key, '1')
      await harness.call(...use)
      expect(byRecency(harness.groups[0]), use[0]).toEqual(['a', 'b'])
    }
  })
})

describe('flights and fences', () => {
  test('a deleted, renamed or copied-to key is not overwritten by the load under way for it', async () => {
    const writes = [
      ['DEL', 'a'],
      ['UNLINK', 'a'],
      ['RENAME', 'b', 'a'],
      ['COPY', 'b', 'a'],
      ['FLUSHDB'],
      ['FLUSHALL'],
      ['SWAPDB', '0', '1'],
    ]
    for (const write of writes) {
      const harness = withOrigin({ a: 'loaded' })
      await harness.call('SET', 'b', 'written')
      const reading = harness.call('GET', 'a')
      await harness.connect().call(...write)
      expect(await reading, write[0]).toBe('loaded')
      expect(harness.groups[0].flights?.fenced, write[0]).toBe(1)
      const expected = write[1] === 'b' ? 1 : 0
      expect(await harness.call('EXISTS', 'a'), write[0]).toBe(expected)
    }
  })

  test('MOVE and COPY fence the key of the other group', async () => {
    for (const write of [
      ['MOVE', 'a', 'read'],
      ['COPY', 'b', 'a', 'DB', '0'],
    ]) {
      const harness = withOrigin({ a: 'loaded' })
      const writer = harness.connect()
      await writer.call('SELECT', 'plain')
      await writer.call('SET', 'a', 'written')
      await writer.call('SET', 'b', 'written')
      const reading = harness.call('GET', 'a')
      expect(await writer.call(...write)).toBe(1)
      expect(await reading).toBe('loaded')
      expect(await harness.call('GET', 'a'), write[0]).toBe('written')
    }
  })
})

describe('what moves with an entry', () => {
  test('RENAME and COPY keep deadline, encoding and load times', async () => {
    const harness = withOrigin({ a: '12' })
    await harness.call('GET', 'a')
    harness.clock.advance(500)
    const { store } = harness.groups[0]
    store.records.markRaw(store.peek(Buffer.from('a'), 0, 1))
    await harness.call('COPY', 'a', 'b')
    await harness.call('RENAME', 'a', 'c')
    for (const key of ['b', 'c']) {
      expect(await harness.call('PTTL', key)).toBe(59_500)
      expect(await harness.call('OBJECT', 'ENCODING', key)).toBe('raw')
      const ref = store.peek(Buffer.from(key), 0, 1)
      expect(store.records.loadedAt(ref)).toBe(harness.clock.now() - 500)
    }
    await harness.call('PERSIST', 'c')
    await harness.call('RENAME', 'c', 'd')
    expect(await harness.call('TTL', 'd')).toBe(-1)
  })

  test('in another group a deadline is kept, and an entry without one gets the TTL of that group', async () => {
    const harness = withOrigin({ a: '1' })
    await harness.call('GET', 'a')
    harness.clock.advance(500)
    await harness.call('MOVE', 'a', 'plain')
    await harness.call('SELECT', 'plain')
    expect(await harness.call('PTTL', 'a')).toBe(59_500)
    const { store } = harness.group('plain')
    expect(store.records.loadedAt(store.peek(Buffer.from('a'), 0, 1))).toBe(0)
    await harness.call('SET', 'b', '1')
    await harness.call('COPY', 'b', 'b', 'DB', 'read')
    await harness.call('SELECT', 'read')
    expect(await harness.call('PTTL', 'b')).toBe(60_000)
  })
})

describe('budgets', () => {
  const small = { small: { maxBytes: 2000 }, large: {} }

  test('COPY and MOVE of an entry larger than the other budget change nothing', async () => {
    const harness = new Harness({ groups: { large: {}, small: { maxBytes: 2000 } } })
    const value = 'x'.repeat(5000)
    await harness.call('SET', 'a', value)
    await harness.call('SELECT', 'small')
    await harness.call('SET', 'a', 'old')
    await harness.call('SET', 'b', 'other')
    await harness.call('SELECT', 'large')
    expect(await harness.call('COPY', 'a', 'a', 'DB', 'small', 'REPLACE')).toHaveProperty(
      'message',
      expect.stringMatching(TOO_LARGE),
    )
    expect(await harness.call('MOVE', 'a', 'small')).toBe(0)
    expect(await harness.call('GET', 'a')).toBe(value)
    await harness.call('SELECT', 'small')
    expect(await harness.call('GET', 'a')).toBe('old')
    expect(await harness.call('DEL', 'a')).toBe(1)
    await harness.call('SELECT', 'large')
    const refused = await harness.call('MOVE', 'a', 'small')
    expect(refused).toHaveProperty('message', expect.stringMatching(TOO_LARGE))
    expect(await harness.call('GET', 'a')).toBe(value)
    await harness.call('SELECT', 'small')
    expect(await harness.call('GET', 'b')).toBe('other')
    expect(harness.group('small').store.evicted).toBe(0)
  })

  test('RENAME to a name that makes the entry too large changes nothing', async () => {
    const harness = new Harness({ groups: small })
    await harness.call('SET', 'a', 'x'.repeat(500))
    const refused = await harness.call('RENAME', 'a', 'n'.repeat(600))
    expect(refused).toHaveProperty('message', expect.stringMatching(TOO_LARGE))
    expect(await harness.call('GET', 'a')).toBe('x'.repeat(500))
  })

  test('RENAME evicts no other key', async () => {
    const harness = new Harness({ groups: small })
    const { store } = harness.group('small')
    await harness.call('SET', 'a', 'x'.repeat(700))
    await harness.call('SET', 'b', 'y'.repeat(100))
    expect(await harness.call('RENAME', 'a', 'c')).toBe('OK')
    expect(store.evicted).toBe(0)
    expect(await harness.call('GET', 'c')).toBe('x'.repeat(700))
    expect(await harness.call('GET', 'b')).toBe('y'.repeat(100))
    store.verify()
  })

  test('a deadline for which there is no room is refused, and the entry stays', async () => {
    const harness = new Harness({ groups: small })
    const { store } = harness.group('small')
    let length = 1
    while (store.fits(1, length + 1)) length++
    await harness.call('SET', 'a', 'x'.repeat(length))
    const refused = await harness.call('EXPIRE', 'a', '10')
    expect(refused).toHaveProperty('message', expect.stringMatching(TOO_LARGE))
    expect(await harness.call('GET', 'a')).toBe('x'.repeat(length))
    expect(await harness.call('TTL', 'a')).toBe(-1)
  })

  test('a copy that evicts its source is complete', async () => {
    const harness = new Harness({ groups: small })
    await harness.call('SET', 'a', 'x'.repeat(700))
    expect(await harness.call('COPY', 'a', 'b')).toBe(1)
    expect(await harness.call('EXISTS', 'a')).toBe(0)
    expect(await harness.call('GET', 'b')).toBe('x'.repeat(700))
  })
})

test('keys and groups with names that objects inherit', async () => {
  const names = ['__proto__', 'constructor', 'toString']
  const harness = new Harness({ groups: Object.fromEntries(names.map((name) => [name, {}])) })
  for (const group of names) {
    expect(await harness.call('SELECT', group)).toBe('OK')
    for (const key of names) {
      expect(await harness.call('EXISTS', key)).toBe(0)
      expect(await harness.call('SET', key, group)).toBe('OK')
      expect(await harness.call('TYPE', key)).toBe('string')
    }
    expect(await harness.call('DBSIZE')).toBe(3)
  }
  expect(await harness.call('SELECT', 'hasOwnProperty')).toHaveProperty(
    'message',
    'ERR DB index is out of range: there is no group "hasOwnProperty", known are __proto__ (0), constructor (1), toString (2)',
  )
  expect(await harness.call('GROUP', 'LIST')).toEqual(names)
  expect(await harness.call('MOVE', 'constructor', '__proto__')).toBe(0)
  expect(await harness.call('COPY', 'constructor', 'x', 'DB', '__proto__')).toBe(1)
  expect(await harness.call('SWAPDB', '__proto__', 'constructor')).toBe('OK')
})

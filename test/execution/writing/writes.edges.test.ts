// Edge cases of groups that write to their origin: conditions, TTLs, budgets, keys that are not UTF-8, tags, flushes.

import { expect, test } from 'vitest'
import { BadRequest, loaded, type OriginResult, type StoreContext } from '../../../src/group/origin.ts'
import { defaultWrites, type WriteMode } from '../../../src/group/writes/writes.ts'
import { Harness, type HarnessClient } from '../../support/harness.ts'

/** An origin that records its calls; writes wait for `gate` while it is set. */
class Source {
  readonly kind = 'test'
  readonly values = new Map<string, string>()
  readonly calls: string[] = []
  readonly ttls: (number | undefined)[] = []
  /** Keys whose writes it rejects. */
  readonly refused = new Set<string>()
  /** Keys that cannot exist in the source. */
  readonly unknown = new Set<string>()
  gate: Promise<void> | undefined
  ttl: number | undefined

  knows(key: string): boolean {
    return !this.unknown.has(key)
  }

  load(key: string): OriginResult {
    this.calls.push(`load ${key}`)
    const value = this.values.get(key) ?? null
    return this.ttl === undefined ? value : loaded(value, { ttl: this.ttl })
  }

  async store(key: string, value: Uint8Array, { ttl }: StoreContext): Promise<void> {
    this.calls.push(`store ${key} ${value}`)
    this.ttls.push(ttl)
    await this.gate
    if (this.refused.has(key)) throw new BadRequest('no')
    this.values.set(key, String(value))
  }

  async remove(key: string): Promise<void> {
    this.calls.push(`remove ${key}`)
    await this.gate
    this.values.delete(key)
  }

  /** Makes writes wait until the returned function is called. */
  hold(): () => void {
    let release = (): void => undefined
    this.gate = new Promise((resolve) => {
      release = resolve
    })
    return () => {
      this.gate = undefined
      release()
    }
  }
}

interface Setup {
  readonly harness: Harness
  readonly source: Source
  /** A second connection. */
  readonly other: HarnessClient
}

function writing(
  mode: WriteMode,
  policy: { ttlMs?: number; maxBytes?: number; originTimeoutMs?: number } = {},
): Setup {
  const source = new Source()
  const writes = { ...defaultWrites, mode }
  const harness = new Harness({ groups: { users: { origin: source, writes, ...policy }, other: {} } })
  return { harness, source, other: harness.connect() }
}

const MODES = ['through', 'behind'] as const

test.each(MODES)('%s: conditions load the key from the origin', async (mode) => {
  const { harness, source } = writing(mode)
  source.values.set('a', 'there')
  expect(await harness.call('SETNX', 'a', '1')).toBe(0)
  await harness.call('GROUP', 'FLUSH')
  expect(await harness.call('SET', 'a', '1', 'NX')).toBe(null)
  await harness.call('GROUP', 'FLUSH')
  expect(await harness.call('MSETNX', 'b', '1', 'a', '1')).toBe(0)
  await harness.call('GROUP', 'FLUSH')
  expect(await harness.call('SET', 'b', '1', 'XX')).toBe(null)
  expect(source.calls.filter((call) => !call.startsWith('load'))).toEqual([])
  expect(await harness.call('SET', 'a', '2', 'XX', 'GET')).toBe('there')
  await harness.call('GROUP', 'FLUSH')
  expect(await harness.call('RENAME', 'a', 'c')).toBe('OK')
  await harness.settle()
  expect([...source.values]).toEqual([['c', '2']])
  expect(await harness.raw('RENAME', 'a', 'c')).toBe('-ERR no such key\r\n')
})

test.each(MODES)('%s: a key is removed at the origin, cached or not', async (mode) => {
  const { harness, source } = writing(mode)
  source.values.set('a', '1').set('b', '2')
  expect(await harness.call('DEL', 'a')).toBe(0)
  expect(await harness.call('UNLINK', 'b', 'c')).toBe(0)
  await harness.settle()
  expect([[...source.values], source.calls]).toEqual([[], ['remove a', 'remove b', 'remove c']])
})

test.each(MODES)('%s: a value with TTL 0 is changed at the origin, and not stored', async (mode) => {
  const { harness, source } = writing(mode, { ttlMs: 60_000 })
  source.values.set('n', '41')
  source.ttl = 0
  expect(await harness.call('INCR', 'n')).toBe(42)
  await harness.settle()
  expect(await harness.call('APPEND', 'n', '0')).toBe(3)
  await harness.settle()
  expect([source.values.get('n'), await harness.call('EXISTS', 'n')]).toEqual(['420', 0])
  // A value that a client sets has the TTL of the group.
  await harness.call('SET', 'n', '1')
  expect(await harness.call('TTL', 'n')).toBe(60)
})

test.each(MODES)(
  '%s: a renamed value whose source entry was evicted has the TTL of the group',
  async (mode) => {
    const { harness, source } = writing(mode, { ttlMs: 60_000, maxBytes: 2048 })
    source.values.set('{n}1', 'x'.repeat(900)).set('{n}2', 'y'.repeat(900))
    expect(await harness.call('RENAME', '{n}1', '{n}2')).toBe('OK')
    await harness.settle()
    expect(await harness.call('TTL', '{n}2')).toBe(60)
    expect([...source.values]).toEqual([['{n}2', 'x'.repeat(900)]])
  },
)

test.each(MODES)('%s: the origin gets the TTLs that the client gave, and no others', async (mode) => {
  const { harness, source } = writing(mode, { ttlMs: 60_000 })
  const now = harness.clock.now()
  await harness.call('SET', 'a', '1')
  for (const command of [
    ['SET', 'a', '1', 'EX', '9'],
    ['SET', 'a', '1', 'PX', '9'],
    ['SET', 'a', '1', 'PXAT', String(now + 5000)],
    ['SET', 'a', '1', 'EXAT', String(Math.ceil(now / 1000) + 5)],
    ['SETEX', 'a', '7', '1'],
    ['PSETEX', 'a', '7', '1'],
    ['SET', 'a', '1', 'KEEPTTL'],
    ['INCR', 'a'],
    ['SET', 'a', '1', 'TAGS', '1', 'EX'],
    ['SET', 'a', '1', 'TAGS', '1', 'EX', 'NX'],
    ['SET', 'a', '1', 'TAGS', '1', 'EX', 'PX', '3'],
  ]) {
    await harness.call(...command)
    await harness.settle()
  }
  const exat = (Math.ceil(now / 1000) + 5) * 1000 - now
  expect(source.ttls).toEqual([undefined, 9000, 9, 5000, exat, 7000, 7, undefined, undefined, undefined, 3])
})

test.each(MODES)('%s: a value larger than the budget is refused as without an origin', async (mode) => {
  const { harness, source } = writing(mode, { maxBytes: 4096 })
  const plain = new Harness({ groups: { users: { maxBytes: 4096 } } })
  const large = 'x'.repeat(5000)
  await harness.call('SET', 'a', '1')
  await harness.settle()
  source.calls.length = 0
  for (const command of [
    ['SET', 'a', large],
    ['MSET', 'b', '1', 'a', large],
    ['MSETNX', 'b', '1', 'c', large],
    ['SETRANGE', 'a', '5000', '1'],
    ['SET', 'a', large, 'EX', '5'],
    ['SETNX', 'b', large],
  ])
    expect(await harness.raw(...command)).toBe(await plain.raw(...command))
  expect(source.calls.filter((call) => !call.startsWith('load'))).toEqual([])
  expect(await harness.call('GET', 'a')).toBe('1')
})

test.each(MODES)(
  '%s: keys that do not fit into the budget together are all written to the origin',
  async (mode) => {
    const { harness, source } = writing(mode, { maxBytes: 8192 })
    await harness.call('SET', 'a', 'before')
    const pairs = ['a', 'b', 'c', 'd'].flatMap((key) => [key, key.repeat(3000)])
    expect(await harness.call('MSET', ...pairs)).toBe('OK')
    await harness.settle()
    expect([...source.values]).toEqual(['a', 'b', 'c', 'd'].map((key) => [key, key.repeat(3000)]))
    expect(await harness.call('EXISTS', 'd')).toBe(1)
    harness.group('users').store.verify()
  },
)

test.each(MODES)('%s: a key that is not UTF-8 is refused', async (mode) => {
  const { harness, source } = writing(mode)
  const reply =
    '-ORIGIN users: a key that is not UTF-8 cannot be written to the origin: encode it as text, ' +
    'or select a group whose `write` is `around`\r\n'
  expect(await harness.raw('SET', '\xff', '1')).toBe(reply)
  expect(await harness.raw('MSET', 'a', '1', '\xff', '1')).toBe(reply)
  expect(await harness.raw('DEL', '\xff')).toBe(reply)
  await harness.settle()
  expect([source.calls, await harness.call('EXISTS', 'a')]).toEqual([[], 0])
  expect(await harness.call('SET', Buffer.from('ü'), '1')).toBe('OK')
})

test('through: of several keys the cache changes those that the origin has stored', async () => {
  const { harness, source } = writing('through')
  await harness.call('MSET', 'a', '1', 'b', '1')
  source.refused.add('b')
  expect(await harness.raw('MSET', 'a', '2', 'b', '2', 'c', '2')).toBe('-ORIGIN users: no\r\n')
  expect(await harness.call('MGET', 'a', 'b', 'c')).toEqual(['2', '1', '2'])
  // RENAME removes the old key only after the new one is stored.
  expect(await harness.raw('RENAME', 'a', 'b')).toBe('-ORIGIN users: no\r\n')
  expect([...source.values]).toEqual([
    ['a', '2'],
    ['b', '1'],
    ['c', '2'],
  ])
})

test('through: a key that is invalidated while it is written is not cached afterwards', async () => {
  const { harness, source, other } = writing('through')
  await harness.call('MSET', 'a', '0', 'b', '0')
  for (const happens of [
    () => other.call('INVALIDATE', 'a'),
    () => harness.group('users').invalidate(Buffer.from('a')),
    () => harness.group('users').invalidateLoaded(),
  ]) {
    const release = source.hold()
    const written = harness.call('SET', 'a', 'ours')
    await harness.settle()
    const before = source.calls.length
    await happens()
    release()
    expect(await written).toBe('OK')
    source.values.set('a', 'theirs')
    expect(await harness.call('GET', 'a')).toBe('theirs')
    expect(source.calls.slice(before)).toEqual(['load a'])
  }
  const release = source.hold()
  const written = harness.connect().call('SET', 'a', 'ours')
  await harness.settle()
  await other.call('INVALIDATE', 'b')
  release()
  await written
  source.values.set('a', 'theirs')
  expect(await harness.call('GET', 'a')).toBe('ours')
})

test('through: a write that completes after its timeout invalidates what was loaded meanwhile', async () => {
  const { harness, source } = writing('through', { originTimeoutMs: 50 })
  await harness.call('SET', 'a', '1')
  const release = source.hold()
  const written = harness.raw('SET', 'a', '2')
  await harness.settle()
  harness.clock.advance(50)
  expect(await written).toBe('-ORIGIN users: timed out after 50 ms\r\n')
  expect(await harness.call('GET', 'a')).toBe('1')
  release()
  await harness.settle()
  expect(await harness.call('GET', 'a')).toBe('2')
})

test('behind: a write that the origin rejects is lost, logged and counted, and its key is dropped', async () => {
  const { harness, source } = writing('behind')
  const warnings: object[] = []
  // Without the lines about failed calls.
  const warn = (fields: object): unknown => 'refused' in fields && warnings.push(fields)
  await harness.group('users').start({ info: () => undefined, warn })
  source.values.set('bad', 'before')
  source.refused.add('bad')
  const release = source.hold()
  await harness.call('MSET', 'bad', '1', 'good', '1')
  await harness.settle()
  // A later write replaces it.
  await harness.call('SET', 'bad', '2')
  release()
  await harness.settle()
  const { writes } = harness.group('users')
  expect([writes?.pending, writes?.refused, writes?.coalesced]).toEqual([0, 1, 1])
  expect(warnings).toEqual([{ group: 'users', key: 'bad', refused: 1 }])
  expect(await harness.call('MGET', 'bad', 'good')).toEqual(['before', '1'])
  expect(harness.clock.pending).toBe(0)
  // Warnings are rate-limited.
  for (const pause of [0, 0, 1000]) {
    harness.clock.advance(pause)
    await harness.call('SET', 'bad', '3')
    await harness.settle()
  }
  expect(warnings.slice(1)).toEqual([{ group: 'users', key: 'bad', refused: 4 }])
})

const UNKNOWN =
  '-ORIGIN users: the origin cannot have this key: write a key that it can have, ' +
  'or select a group whose `write` is `around` for other keys\r\n'

test.each(MODES)(
  '%s: writes of keys that cannot exist are refused at once, and reads find none',
  async (mode) => {
    const { harness, source } = writing(mode)
    source.unknown.add('a')
    expect(await harness.raw('SET', 'a', '1')).toBe(UNKNOWN)
    expect(await harness.raw('MSET', 'user:1', '1', 'a', '1')).toBe(UNKNOWN)
    expect(await harness.call('MGET', 'a', 'user:1')).toEqual([null, null])
    expect(source.calls).toEqual(['load user:1'])
  },
)

test('through: a TTL that is set while the key is written is not lost', async () => {
  const { harness, source, other } = writing('through')
  await harness.call('SET', 'n', '1')
  const release = source.hold()
  const written = harness.call('INCR', 'n')
  await harness.settle()
  const expired = other.call('EXPIRE', 'n', 50)
  const read = harness.connect().call('GETEX', 'n', 'EX', 70)
  await harness.settle()
  release()
  expect(await Promise.all([written, expired, read])).toEqual([2, 1, '2'])
  expect(await harness.call('TTL', 'n')).toBe(70)
  expect(source.calls).toEqual(['store n 1', 'store n 2'])
  expect(await harness.call('PERSIST', 'n')).toBe(1)
})

test('a tag invalidation does not affect values that are set after it', async () => {
  const { harness } = writing('through')
  for (let i = 0; i < 3; i++) await harness.call('INVALIDATE', 'TAG', 't')
  await harness.call('SET', 'a', '1', 'TAGS', 1, 't')
  expect(await harness.call('EXISTS', 'a')).toBe(1)
  expect(await harness.call('APPEND', 'a', '2')).toBe(2)
  await harness.call('INVALIDATE', 'TAG', 't')
  expect(await harness.call('EXISTS', 'a')).toBe(0)
})

test('behind: flushes and invalidations affect the cache only, and pending writes are still written', async () => {
  const { harness, source } = writing('behind')
  const release = source.hold()
  for (let i = 0; i < 10; i++) await harness.call('SET', `key ${i}`, i)
  await harness.call('FLUSHALL')
  await harness.call('SWAPDB', 0, 1)
  await harness.call('INVALIDATE', 'key 0')
  await harness.call('GROUP', 'FLUSH')
  expect(await harness.call('MGET', 'key 0', 'key 9')).toEqual(['0', '9'])
  release()
  await harness.settle()
  expect([...source.values.values()].sort()).toEqual(Array.from({ length: 10 }, (_, i) => String(i)))
  expect(source.calls.filter((call) => call.startsWith('load'))).toEqual([])
})

test('CONFIG RESETSTAT resets the counters of writes', async () => {
  const { harness, source } = writing('behind')
  const release = source.hold()
  for (let i = 0; i < 3; i++) await harness.call('SET', 'a', i)
  release()
  await harness.settle()
  const { writes } = harness.group('users')
  expect([writes?.written, writes?.coalesced]).toEqual([2, 1])
  await harness.call('CONFIG', 'RESETSTAT')
  expect([writes?.written, writes?.coalesced]).toEqual([0, 0])
})

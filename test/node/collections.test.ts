// Collections that origins return, and collections on their way: copied, renamed, served stale, loaded again.

import { expect, onTestFinished, test } from 'vitest'
import { type Config, loaded, sortedSet } from '../../src/index.ts'
import { startNode, type TestNode } from '../support/node.ts'
import { poll } from '../support/poll.ts'

async function start(config: Config): Promise<TestNode> {
  const node = await startNode(config)
  onTestFinished(() => node.close())
  return node
}

const VALUES: Readonly<Record<string, unknown>> = {
  list: ['a', 'b', 3, 4n, true, Buffer.from('bytes')],
  large: Array.from({ length: 1000 }, (_, i) => `element ${i}`),
  hash: { name: 'Tom', points: 630, left: null, gone: undefined },
  map: new Map([['name', 'Jack']]),
  empty: [],
  'empty hash': {},
  string: 'text',
}

test('objects and Maps are hashes, arrays are lists, loaded once', async () => {
  let loads = 0
  const origin = (key: string): never => {
    loads++
    return VALUES[key] as never
  }
  const { watcher } = await start({ groups: { things: { origin } } })
  expect(await watcher.lrange('list', 0, -1)).toEqual(['a', 'b', '3', '4', 'true', 'bytes'])
  expect(await watcher.llen('list')).toBe(6)
  expect(await watcher.lindex('large', 999)).toBe('element 999')
  expect(await watcher.hgetall('hash')).toEqual({ name: 'Tom', points: '630' })
  expect(await watcher.hget('map', 'name')).toBe('Jack')
  expect(loads).toBe(4)
  expect(await watcher.llen('empty')).toBe(0)
  expect(await watcher.hlen('empty hash')).toBe(0)
  expect(await watcher.exists('empty')).toBe(0)
  await expect(watcher.get('list')).rejects.toThrow('WRONGTYPE')
  await expect(watcher.llen('string')).rejects.toThrow('WRONGTYPE')
  expect(await watcher.get('string')).toBe('text')
  expect(await watcher.type('hash')).toBe('hash')
  expect(await watcher.call('OBJECT', 'ENCODING', 'hash')).toBe('listpack')
})

test('Sets are sets, sortedSet() is a sorted set', async () => {
  const values: Record<string, unknown> = {
    set: new Set(['a', 'b', 'a']),
    integers: new Set([3, '1', 2, 1]),
    ranking: sortedSet([
      ['Tom', 630],
      ['Jack', 589.5],
      ['Sam', -1],
      ['Huck', Number.POSITIVE_INFINITY],
    ]),
    'large set': new Set(Array.from({ length: 1000 }, (_, i) => `member ${i}`)),
    'large ranking': sortedSet(Array.from({ length: 1000 }, (_, i) => [`member ${i}`, 1000 - i] as const)),
    'large hash': new Map(Array.from({ length: 1000 }, (_, i) => [`field ${i}`, i])),
  }
  const { watcher } = await start({ groups: { things: { origin: (key) => values[key] as never } } })
  expect((await watcher.smembers('set')).sort()).toEqual(['a', 'b'])
  expect(await watcher.scard('integers')).toBe(3)
  expect(await watcher.call('OBJECT', 'ENCODING', 'integers')).toBe('intset')
  expect(await watcher.call('ZRANGE', 'ranking', 0, -1)).toEqual(['Sam', 'Jack', 'Tom', 'Huck'])
  expect(await watcher.call('ZSCORE', 'ranking', 'Jack')).toBe(589.5)
  expect(await watcher.call('ZSCORE', 'ranking', 'Huck')).toBe(Number.POSITIVE_INFINITY)
  expect(await watcher.scard('large set')).toBe(1000)
  expect(await watcher.zrank('large ranking', 'member 999')).toBe(0)
  expect(await watcher.hget('large hash', 'field 999')).toBe('999')
})

test('anything but a value is an error that says so', async () => {
  const values: Record<string, unknown> = {
    date: new Date(0),
    nested: { a: { b: 1 } },
    list: ['a', null],
    score: sortedSet([['a', Number.NaN]]),
    function: () => 1,
  }
  const { watcher } = await start({ groups: { things: { origin: (key) => values[key] as never } } })
  await expect(watcher.get('date')).rejects.toThrow('gave an object (Date) for "date"')
  await expect(watcher.llen('list')).rejects.toThrow('gave nothing as element 1 of a list')
  await expect(watcher.hgetall('nested')).rejects.toThrow(
    'gave an object as field "a" of a hash for "nested"',
  )
  await expect(watcher.zcard('score')).rejects.toThrow('gave NaN as the score')
  await expect(watcher.get('function')).rejects.toThrow('gave a function')
})

test('a write of a collection that is not cached loads it first', async () => {
  const { watcher } = await start({ groups: { things: { origin: () => ['a', 'b'] } } })
  expect(await watcher.rpush('key', 'c')).toBe(3)
  expect(await watcher.lrange('key', 0, -1)).toEqual(['a', 'b', 'c'])
})

test('a loaded collection has a TTL and tags', async () => {
  let version = 0
  const origin = (): never => loaded([`version ${++version}`, 'x'], { ttl: 60_000, tags: ['t'] }) as never
  const { watcher } = await start({ groups: { things: { origin } } })
  expect(await watcher.lrange('key', 0, 0)).toEqual(['version 1'])
  expect(await watcher.pttl('key')).toBeGreaterThan(0)
  await watcher.call('INVALIDATE', 'TAG', 't')
  expect(await watcher.lrange('key', 0, 0)).toEqual(['version 2'])
})

test('a loaded collection is served stale when its origin fails', async () => {
  let isAway = false
  const origin = (): never => {
    if (isAway) throw new Error('away')
    return loaded(['loaded'], { ttl: 1, staleIfError: 3_600_000 }) as never
  }
  const { watcher } = await start({ groups: { things: { origin, breakAfter: 0 } } })
  expect(await watcher.lrange('key', 0, 0)).toEqual(['loaded'])
  isAway = true
  await poll(
    async () => ((await watcher.call('EXPLAIN', 'key')) as { state: string }).state === 'stale',
    'the list to expire',
  )
  expect(await watcher.lrange('key', 0, 0)).toEqual(['loaded'])
  await expect(watcher.rpush('key', 'x')).rejects.toThrow('ORIGIN things: away')
})

test('a list whose load was fenced is given to its waiters', async () => {
  let finish = (_: string[]): void => undefined
  const origin = (): Promise<string[]> =>
    new Promise((resolve) => {
      finish = resolve
    })
  const node = await start({ groups: { things: { origin } } })
  const { watcher } = node
  const other = watcher.duplicate()
  onTestFinished(() => other.disconnect())
  const reply = other.lrange('key', 0, -1)
  await node.waiters('things', 'key', 1)
  await watcher.del('key')
  finish(['loaded', 'before'])
  expect(await reply).toEqual(['loaded', 'before'])
  expect(await watcher.exists('key')).toBe(0)
})

test('collections are copied, renamed and moved to another group', async () => {
  const { watcher } = await start({ groups: { first: {}, second: {} } })
  const large = Array.from({ length: 500 }, (_, i) => `element ${i}`)
  for (const [key, elements] of Object.entries({ small: ['a', 'b'], large })) {
    await watcher.rpush(key, ...elements)
    await watcher.expire(key, 1000)
    expect(await watcher.copy(key, 'copy')).toBe(1)
    await watcher.rpush(key, 'later')
    expect(await watcher.lrange('copy', 0, -1)).toEqual(elements)
    await watcher.rename('copy', 'renamed')
    expect(await watcher.lrange('renamed', 0, -1)).toEqual(elements)
    expect(await watcher.ttl('renamed')).toBeGreaterThan(900)
    expect(await watcher.exists('copy')).toBe(0)
    expect(await watcher.move('renamed', 1)).toBe(1)
    await watcher.select(1)
    expect(await watcher.lrange('renamed', 0, -1)).toEqual(elements)
    await watcher.del('renamed')
    await watcher.select(0)
  }
})

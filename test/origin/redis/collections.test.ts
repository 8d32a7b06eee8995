// Collections of a Redis: read through with their TTLs, by DUMP or by the commands of their types.

import { beforeAll, expect, onTestFinished, test } from 'vitest'
import { isBadRequest } from '../../../src/group/origin.ts'
import type { RedisOrigin } from '../../../src/origin/redis/redis.ts'
import { startNode, type TestNode } from '../../support/node.ts'
import { describeWithRedis } from '../../support/redis-server.ts'
import { context, proxyTo, redisOrigin } from './origins.ts'

const BINARY = Buffer.from([0, 255, 10])
const KEYS = ['list', 'integers', 'set', 'hash', 'ranking', 'large list', 'large hash', 'string', 'none']
const MANY = Array.from({ length: 1000 }, (_, i) => String(i))

describeWithRedis('collections of a Redis', (redis) => {
  beforeAll(async () => {
    await redis().pipeline([
      ['RPUSH', 'list', 'a', '', BINARY],
      ['SADD', 'integers', '1', '-2', '300'],
      ['SADD', 'set', 'a', BINARY],
      ['HSET', 'hash', 'name', 'Tom', BINARY, BINARY],
      ['ZADD', 'ranking', '1.5', 'a', '-inf', 'b', 'inf', 'c'],
      ['RPUSH', 'large list', ...MANY],
      ['HSET', 'large hash', ...MANY.flatMap((each) => [each, each])],
      ['XADD', 'stream', '1-1', 'field', 'value'],
      ['PEXPIRE', 'hash', '3600000'],
      ['SET', 'string', 'text'],
      ['ACL', 'SETUSER', 'nodump', 'on', '>secret', '~*', '+@all', '-dump'],
    ])
  })

  /** A node that loads from it, and the requests that its origin has sent. */
  async function start(user = ''): Promise<{ node: TestNode; commands: () => Promise<string[]> }> {
    const proxy = await proxyTo(redis())
    const node = await startNode({
      groups: { copied: { origin: { kind: 'redis', url: `redis://${user}127.0.0.1:${proxy.port}` } } },
    })
    onTestFinished(() => node.close())
    const commands = async (): Promise<string[]> => {
      const lines = String(await redis().call('INFO', 'commandstats')).split('\r\n')
      await redis().call('CONFIG', 'RESETSTAT')
      return lines.flatMap((line) => /^cmdstat_(\w+):calls=(\d+)/.exec(line)?.slice(1).join(' ') ?? [])
    }
    return { node, commands }
  }

  async function valuesOf({ watcher }: TestNode): Promise<unknown[]> {
    return [
      await watcher.lrangeBuffer('list', 0, -1),
      (await watcher.smembers('integers')).toSorted(),
      (await watcher.smembersBuffer('set')).toSorted(Buffer.compare),
      await watcher.hgetBuffer('hash', BINARY),
      await watcher.hlen('hash'),
      await watcher.call('ZRANGE', 'ranking', 0, -1, 'WITHSCORES'),
      await watcher.lrange('large list', 0, -1),
      Object.keys(await watcher.hgetall('large hash')).length,
      await watcher.get('string'),
      await watcher.exists('none'),
    ]
  }

  const expected = [
    [Buffer.from('a'), Buffer.alloc(0), BINARY],
    ['-2', '1', '300'],
    [BINARY, Buffer.from('a')],
    BINARY,
    2,
    [
      ['b', Number.NEGATIVE_INFINITY],
      ['a', 1.5],
      ['c', Number.POSITIVE_INFINITY],
    ],
    MANY,
    1000,
    'text',
    0,
  ]

  test.each([
    ['by DUMP', ''],
    ['by the commands of their types', 'nodump:secret@'],
  ])('every type is loaded %s, with its TTL', async (_, user) => {
    const { node } = await start(user)
    expect(await valuesOf(node)).toEqual(expected)
    expect(await node.watcher.pttl('hash')).toBeGreaterThan(3_000_000)
    expect(await node.watcher.pttl('list')).toBe(-1)
    // All of them in a batch.
    await node.watcher.call('FLUSHALL')
    await node.watcher.mget(...KEYS)
    expect(await valuesOf(node)).toEqual(expected)
    expect(await node.watcher.pttl('hash')).toBeGreaterThan(3_000_000)
  })

  test('a string costs no more than before: one pipeline of GET and PTTL', async () => {
    const { node, commands } = await start()
    await node.watcher.get('string')
    await commands()
    await node.watcher.call('FLUSHALL')
    expect(await node.watcher.get('string')).toBe('text')
    expect((await commands()).filter((each) => !each.startsWith('config')).toSorted()).toEqual([
      'get 1',
      'pttl 1',
    ])
  })

  test('a stream is copied by DUMP, and is an error of its key without', async () => {
    const { node } = await start()
    expect(await node.watcher.xrange('stream', '-', '+')).toEqual([['1-1', ['field', 'value']]])
    const proxy = await proxyTo(redis())
    const origin: RedisOrigin = redisOrigin(`redis://nodump:secret@127.0.0.1:${proxy.port}`)
    const error: unknown = await origin.load('stream', context()).catch((thrown) => thrown)
    expect(isBadRequest(error)).toBe(true)
    expect(String(error)).toContain('"stream" is of the type stream, which only DUMP copies')
    const many = await origin.loadMany(['stream', 'string'], context())
    expect(isBadRequest(many.get('stream'))).toBe(true)
    expect(String(many.get('string'))).toBe('text')
  })

  test('what changes in a collection is written, as one piece, and what is there keeps its TTL', async () => {
    const proxy = await proxyTo(redis())
    const node = await startNode({
      groups: {
        copied: {
          write: 'through',
          origin: { kind: 'redis', url: `redis://127.0.0.1:${proxy.port}`, prefix: 'w:' },
        },
      },
    })
    onTestFinished(() => node.close())
    const { watcher } = node
    const source = (...args: (string | Buffer)[]): Promise<unknown> =>
      redis().call(args[0] as string, ...args.slice(1))
    await redis().pipeline([
      ['HSET', 'w:hash', 'name', 'Tom', 'points', '630', 'PX', '1'],
      ['PEXPIRE', 'w:hash', '3600000'],
      ['RPUSH', 'w:list', 'a', 'b'],
      ['PEXPIRE', 'w:list', '3600000'],
      ['SADD', 'w:set', 'a', 'b'],
      ['ZADD', 'w:ranking', '1', 'a', '2', 'b'],
      ['SET', 'w:string', 'text'],
    ])
    await watcher.hset('hash', 'points', '631')
    await watcher.hdel('hash', 'name')
    // What another client has written meanwhile stays.
    await source('HSET', 'w:hash', 'other', '1')
    await watcher.hincrby('hash', 'points', 1)
    expect(await source('HGETALL', 'w:hash')).toEqual(['points', '632', 'PX', '1', 'other', '1'])
    await watcher.lpush('list', 'z', BINARY)
    await watcher.linsert('list', 'BEFORE', 'b', 'between')
    expect(await source('LLEN', 'w:list')).toBe(5)
    expect(await source('LRANGE', 'w:list', '1', '-1')).toEqual(['z', 'a', 'between', 'b'])
    expect(await source('LREM', 'w:list', '0', BINARY)).toBe(1)
    for (const key of ['w:hash', 'w:list'])
      expect([key, Number(await source('PTTL', key)) > 3_000_000]).toEqual([key, true])
    await watcher.sadd('set', 'c')
    await watcher.srem('set', 'a')
    expect(((await source('SMEMBERS', 'w:set')) as string[]).toSorted()).toEqual(['b', 'c'])
    await watcher.zadd('ranking', '-inf', 'c', 1e21, 'b')
    await watcher.zrem('ranking', 'a')
    expect(await source('ZRANGE', 'w:ranking', '0', '-1', 'WITHSCORES')).toEqual(['c', '-inf', 'b', '1e+21'])
    await watcher.rpush('many', ...MANY, ...MANY, ...MANY)
    expect(await source('LLEN', 'w:many')).toBe(3000)
    await watcher.ltrim('many', 2990, -1)
    expect(await source('LRANGE', 'w:many', '0', '-1')).toEqual(MANY.slice(-10))
    await watcher.hset('large', ...MANY.flatMap((each) => [each, each]))
    expect(await source('HLEN', 'w:large')).toBe(1000)
    // A transaction, a value of another type, and the end of a collection.
    await watcher.multi().sadd('new', 'a').rename('new', 'newer').exec()
    expect(await source('SMEMBERS', 'w:newer')).toEqual(['a'])
    await watcher.sinterstore('string', 'newer')
    expect(await source('SMEMBERS', 'w:string')).toEqual(['a'])
    await watcher.spop('newer')
    expect(await source('EXISTS', 'w:newer')).toBe(0)
    // A key that has become another type at the source, which the cache has not heard of.
    await source('SET', 'w:set', 'text')
    await watcher.sadd('set', 'd')
    expect(((await source('SMEMBERS', 'w:set')) as string[]).toSorted()).toEqual(['b', 'c', 'd'])
  })
})

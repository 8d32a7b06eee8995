// Every family of data types by the methods of ioredis and node-redis, which read the replies as each protocol has them.

import { createClient } from '@redis/client'
import { Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { PATIENT_MS } from '../support/budget.ts'
import { startCluster } from '../support/cluster.ts'
import { startNode } from '../support/node.ts'

const GROUPS = { cache: { maxBytes: '16mb' } } as const

interface Place {
  readonly port: number
  close(): Promise<void>
}

const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
})

const places = [
  ['a node', (): Promise<Place> => startNode({ groups: GROUPS })],
  [
    'a cluster, through one of its nodes',
    async (): Promise<Place> => {
      const { ports, close } = await startCluster(3, { groups: GROUPS })
      return { port: ports[2], close }
    },
  ],
] as const

describe.each(places)('%s', (_, start) => {
  let place: Place
  beforeAll(async () => {
    place = await start()
  })
  afterAll(() => place.close())

  describe.each([2, 3] as const)('ioredis on RESP%i', (protocol) => {
    function connect(): Redis {
      const client = new Redis(place.port, { protocol, keyPrefix: `{io${protocol}}` })
      closing.push(() => client.disconnect())
      return client
    }

    test('hashes', async () => {
      const client = connect()
      expect(await client.hset('h', { name: 'Tom', points: 630 })).toBe(2)
      expect(await client.hset('h', 'note', 'x', 'name', 'Tim')).toBe(1)
      expect(await client.hgetall('h')).toEqual({ name: 'Tim', points: '630', note: 'x' })
      expect(await client.hmget('h', 'name', 'none')).toEqual(['Tim', null])
      expect(await client.hincrby('h', 'points', 5)).toBe(635)
      expect(await client.hincrbyfloat('h', 'points', '0.5')).toBe('635.5')
      expect(await client.hsetnx('h', 'name', 'x')).toBe(0)
      expect((await client.hkeys('h')).sort()).toEqual(['name', 'note', 'points'])
      expect((await client.hvals('h')).sort()).toEqual(['635.5', 'Tim', 'x'])
      expect([
        await client.hlen('h'),
        await client.hstrlen('h', 'name'),
        await client.hexists('h', 'no'),
      ]).toEqual([3, 3, 0])
      expect(await client.hscan('h', 0)).toEqual(['0', expect.arrayContaining(['name', 'Tim'])])
      expect(await client.call('HEXPIRE', 'h', '100', 'FIELDS', '1', 'name')).toEqual([1])
      expect(await client.hdel('h', 'name', 'points', 'note', 'none')).toBe(3)
      expect(await client.exists('h')).toBe(0)
    })

    test('lists', async () => {
      const client = connect()
      expect(await client.rpush('l', 'b', 'c', 'd')).toBe(3)
      expect(await client.lpush('l', 'a')).toBe(4)
      expect(await client.lrange('l', 0, -1)).toEqual(['a', 'b', 'c', 'd'])
      expect(await client.linsert('l', 'AFTER', 'b', 'b')).toBe(5)
      expect(await client.lpos('l', 'b', 'COUNT', 0)).toEqual([1, 2])
      expect(await client.lrem('l', 1, 'b')).toBe(1)
      expect([await client.lindex('l', -1), await client.lset('l', 0, 'A'), await client.llen('l')]).toEqual([
        'd',
        'OK',
        4,
      ])
      expect(await client.lmove('l', 'm', 'LEFT', 'RIGHT')).toBe('A')
      expect(await client.lpop('l', 2)).toEqual(['b', 'c'])
      expect(await client.rpoplpush('l', 'm')).toBe('d')
      expect(await client.lmpop(2, 'l', 'm', 'LEFT', 'COUNT', 5)).toEqual([`{io${protocol}}m`, ['d', 'A']])
    })

    test('blocking commands', async () => {
      const [waiting, client] = [connect(), connect()]
      const popped = waiting.blpop('q', 0)
      await client.rpush('q', 'x')
      expect(await popped).toEqual([`{io${protocol}}q`, 'x'])
      const least = waiting.bzpopmin('z', 'y', 0)
      await client.zadd('y', 1.5, 'm')
      expect(await least).toEqual([`{io${protocol}}y`, 'm', protocol === 2 ? '1.5' : expect.anything()])
      expect(await waiting.blpop('q', 0.01)).toBeNull()
      const read = waiting.xread('BLOCK', 0, 'STREAMS', 's', '$')
      let isRead = false
      void read.then(() => {
        isRead = true
      })
      // `$` is the last entry when the command arrives.
      while (!isRead) await client.xadd('s', '*', 'a', '1')
    })

    test('sets', async () => {
      const client = connect()
      expect(await client.sadd('s1', 'a', 'b', 'c')).toBe(3)
      expect(await client.sadd('s2', ['b', 'c', 'd'])).toBe(3)
      expect((await client.smembers('s1')).sort()).toEqual(['a', 'b', 'c'])
      expect((await client.sinter('s1', 's2')).sort()).toEqual(['b', 'c'])
      expect((await client.sunion('s1', 's2')).sort()).toEqual(['a', 'b', 'c', 'd'])
      expect(await client.sdiff('s1', 's2')).toEqual(['a'])
      expect(await client.sinterstore('s3', 's1', 's2')).toBe(2)
      expect(await client.sintercard(2, 's1', 's2', 'LIMIT', 1)).toBe(1)
      expect(await client.smismember('s1', 'a', 'x')).toEqual([1, 0])
      expect([
        await client.sismember('s1', 'a'),
        await client.smove('s1', 's2', 'a'),
        await client.scard('s2'),
      ]).toEqual([1, 1, 4])
      expect(['b', 'c']).toContain(await client.srandmember('s1'))
      expect((await client.spop('s1', 5)).sort()).toEqual(['b', 'c'])
      expect(await client.srem('s2', 'a', 'x')).toBe(1)
      const found: string[] = []
      for await (const members of client.sscanStream('s2')) found.push(...members)
      expect(found.sort()).toEqual(['b', 'c', 'd'])
    })

    test('sorted sets', async () => {
      const client = connect()
      expect(await client.zadd('zs', 1, 'a', 2.5, 'b', '+inf', 'c')).toBe(3)
      expect(await client.zadd('zs', 'GT', 'CH', 5, 'a')).toBe(1)
      expect(await client.zrange('zs', 0, '-1')).toEqual(['b', 'a', 'c'])
      expect(await client.zrangebyscore('zs', '(2.5', '+inf')).toEqual(['a', 'c'])
      expect(await client.zrevrange('zs', 0, 0)).toEqual(['c'])
      expect(Number(await client.zscore('zs', 'b'))).toBe(2.5)
      expect(await client.zrank('zs', 'a')).toBe(1)
      expect(Number(await client.zincrby('zs', 2, 'b'))).toBe(4.5)
      expect(
        (await client.zmscore('zs', 'b', 'none')).map((each) => (each === null ? null : Number(each))),
      ).toEqual([4.5, null])
      expect([await client.zcount('zs', '-inf', 5), await client.zcard('zs')]).toEqual([2, 3])
      expect(await client.zunionstore('zu', 2, 'zs', 'zs', 'WEIGHTS', 1, 2)).toBe(3)
      expect(await client.zinter(2, 'zs', 'zu')).toEqual(['b', 'a', 'c'])
      expect((await client.zpopmin('zs'))[0]).toBe('b')
      expect(await client.zremrangebyrank('zs', 0, 0)).toBe(1)
      expect(await client.zrem('zs', 'c')).toBe(1)
    })

    test('streams and their groups', async () => {
      const client = connect()
      for (let i = 1; i <= 3; i++) expect(await client.xadd('x', `${i}-1`, 'n', i)).toBe(`${i}-1`)
      expect(await client.xrange('x', '-', '+', 'COUNT', 1)).toEqual([['1-1', ['n', '1']]])
      expect(await client.xgroup('CREATE', 'x', 'g', '0')).toBe('OK')
      expect(await client.xreadgroup('GROUP', 'g', 'tom', 'COUNT', 2, 'STREAMS', 'x', '>')).toBeTruthy()
      expect(await client.xack('x', 'g', '1-1')).toBe(1)
      expect((await client.xpending('x', 'g'))?.[0]).toBe(1)
      expect(await client.xclaim('x', 'g', 'ann', 0, '2-1', 'JUSTID')).toEqual(['2-1'])
      expect([
        await client.xlen('x'),
        await client.xtrim('x', 'MAXLEN', 1),
        await client.xdel('x', '3-1'),
      ]).toEqual([3, 2, 1])
    })

    test('geographical indexes, bitmaps, HyperLogLogs, SORT', async () => {
      const client = connect()
      expect(await client.geoadd('g', 13.361389, 38.115556, 'Palermo', 15.087269, 37.502669, 'Catania')).toBe(
        2,
      )
      expect(Number(await client.geodist('g', 'Palermo', 'Catania', 'KM'))).toBeCloseTo(166.27, 1)
      expect(await client.geosearch('g', 'FROMLONLAT', 15, 37, 'BYRADIUS', 200, 'km', 'ASC')).toEqual([
        'Catania',
        'Palermo',
      ])
      expect([
        await client.setbit('b', 7, 1),
        await client.getbit('b', 7),
        await client.bitcount('b'),
      ]).toEqual([0, 1, 1])
      expect(await client.bitfield('b', 'INCRBY', 'u8', 0, 1)).toEqual([2])
      expect(await client.bitop('NOT', 'b2', 'b')).toBe(1)
      expect(await client.bitpos('b', 1)).toBe(6)
      expect([await client.pfadd('p', 'a', 'b'), await client.pfcount('p')]).toEqual([1, 2])
      await client.rpush('numbers', 3, 1, 2)
      expect(await client.sort('numbers')).toEqual(['1', '2', '3'])
      const dump = await client.dumpBuffer('numbers')
      expect(await client.restore('numbers2', 0, dump as Buffer)).toBe('OK')
      expect(await client.lrange('numbers2', 0, -1)).toEqual(['3', '1', '2'])
    })

    test('every family in a transaction', async () => {
      const client = connect()
      const replies = await client
        .multi()
        .hset('th', 'a', '1')
        .hgetall('th')
        .rpush('tl', 'x', 'y')
        .lrange('tl', 0, -1)
        .sadd('ts', 'm')
        .smembers('ts')
        .zadd('tz', 1, 'm')
        .zrange('tz', 0, '-1')
        .xadd('tx', '1-1', 'a', '1')
        .xlen('tx')
        .setbit('tb', 1, 1)
        .pfadd('tp', 'a')
        .geoadd('tg', 1, 1, 'm')
        .lpop('th')
        .del('th', 'tl', 'ts', 'tz', 'tx', 'tb', 'tp', 'tg')
        .exec()
      expect(replies?.map(([error, reply]) => error?.message.split(' ')[0] ?? reply)).toEqual([
        1,
        { a: '1' },
        2,
        ['x', 'y'],
        1,
        ['m'],
        1,
        ['m'],
        '1-1',
        1,
        0,
        1,
        1,
        'WRONGTYPE',
        8,
      ])
    })
  })

  describe.each([2, 3] as const)('node-redis on RESP%i', (RESP) => {
    const key = (name: string): string => `{node${RESP}}${name}`

    async function connect() {
      const client = createClient({
        url: `redis://127.0.0.1:${place.port}`,
        RESP,
        commandOptions: { timeout: PATIENT_MS },
      })
      client.on('error', () => undefined)
      await client.connect()
      closing.push(() => client.destroy())
      return client
    }

    test('hashes', async () => {
      const client = await connect()
      expect(await client.hSet(key('h'), { name: 'Tom', points: 630 })).toBe(2)
      expect({ ...(await client.hGetAll(key('h'))) }).toEqual({ name: 'Tom', points: '630' })
      expect(await client.hmGet(key('h'), ['name', 'none'])).toEqual(['Tom', null])
      expect(await client.hIncrBy(key('h'), 'points', 5)).toBe(635)
      expect(await client.hSetNX(key('h'), 'name', 'x')).toBe(0)
      expect(await client.hRandFieldCountWithValues(key('h'), 5)).toHaveLength(2)
      expect(await client.hScan(key('h'), '0')).toMatchObject({ cursor: '0' })
      expect(await client.hExpire(key('h'), 'name', 100)).toEqual([1])
      expect(await client.hTTL(key('h'), ['name', 'points', 'none'])).toEqual([100, -1, -2])
      expect(await client.hGetDel(key('h'), 'points')).toEqual(['635'])
      expect(await client.hDel(key('h'), 'name')).toBe(1)
    })

    test('lists and blocking commands', async () => {
      const [client, waiting] = [await connect(), await connect()]
      expect(await client.rPush(key('l'), ['a', 'b', 'c'])).toBe(3)
      expect(await client.lPosCount(key('l'), 'b', 0)).toEqual([1])
      expect(await client.lMove(key('l'), key('m'), 'LEFT', 'RIGHT')).toBe('a')
      expect(await client.lRange(key('l'), 0, -1)).toEqual(['b', 'c'])
      expect(await client.lmPop([key('l'), key('m')], 'RIGHT', { COUNT: 2 })).toEqual([key('l'), ['c', 'b']])
      const popped = waiting.blPop(key('q'), 0)
      await client.rPush(key('q'), 'x')
      expect({ ...(await popped) }).toEqual({ key: key('q'), element: 'x' })
      const least = waiting.bzPopMin(key('bz'), 0)
      await client.zAdd(key('bz'), { score: 1.5, value: 'm' })
      expect({ ...(await least) }).toEqual({ key: key('bz'), value: 'm', score: 1.5 })
      expect(await waiting.blPop(key('q'), 0.01)).toBeNull()
    })

    test('sets and sorted sets', async () => {
      const client = await connect()
      expect(await client.sAdd(key('s1'), ['a', 'b'])).toBe(2)
      expect(await client.sAdd(key('s2'), ['b', 'c'])).toBe(2)
      expect([...(await client.sInter([key('s1'), key('s2')]))]).toEqual(['b'])
      expect(await client.smIsMember(key('s1'), ['a', 'x'])).toEqual([1, 0])
      expect([...(await client.sMembers(key('s1')))].sort()).toEqual(['a', 'b'])
      expect(
        await client.zAdd(key('z'), [
          { score: 1, value: 'a' },
          { score: Number.POSITIVE_INFINITY, value: 'b' },
        ]),
      ).toBe(2)
      expect(await client.zRangeWithScores(key('z'), 0, -1)).toEqual([
        { score: 1, value: 'a' },
        { score: Number.POSITIVE_INFINITY, value: 'b' },
      ])
      expect(await client.zIncrBy(key('z'), 1.5, 'a')).toBe(2.5)
      expect([await client.zScore(key('z'), 'a'), await client.zScore(key('z'), 'none')]).toEqual([2.5, null])
      expect(await client.zRangeByScore(key('z'), '(1', '+inf')).toEqual(['a', 'b'])
      expect(await client.zmPop([key('z')], 'MIN')).toMatchObject({ members: [{ value: 'a', score: 2.5 }] })
      expect({ ...(await client.zPopMax(key('z'))) }).toEqual({ value: 'b', score: Number.POSITIVE_INFINITY })
    })

    test('streams and their groups', async () => {
      const client = await connect()
      expect(await client.xAdd(key('x'), '1-1', { n: '1' })).toBe('1-1')
      expect(await client.xAdd(key('x'), '2-1', { n: '2' })).toBe('2-1')
      expect((await client.xRange(key('x'), '-', '+'))?.map((entry) => entry?.id)).toEqual(['1-1', '2-1'])
      expect(await client.xGroupCreate(key('x'), 'g', '0')).toBe('OK')
      expect(await client.xReadGroup('g', 'tom', { key: key('x'), id: '>' }, { COUNT: 1 })).toBeTruthy()
      expect(await client.xPending(key('x'), 'g')).toMatchObject({ pending: 1, firstId: '1-1' })
      expect(await client.xAutoClaim(key('x'), 'g', 'ann', 0, '0')).toMatchObject({ nextId: '0-0' })
      expect(await client.xInfoStream(key('x'))).toMatchObject({ length: 2, groups: 1 })
      expect(await client.xAck(key('x'), 'g', '1-1')).toBe(1)
    })

    test('geographical indexes, bitmaps, HyperLogLogs, SORT', async () => {
      const client = await connect()
      expect(await client.geoAdd(key('g'), [{ longitude: 13.36, latitude: 38.11, member: 'Palermo' }])).toBe(
        1,
      )
      const [place] = await client.geoPos(key('g'), 'Palermo')
      expect(Number(place?.longitude)).toBeCloseTo(13.36, 4)
      expect(
        await client.geoSearchWith(key('g'), { longitude: 13, latitude: 38 }, { radius: 100, unit: 'km' }, [
          'WITHDIST',
        ]),
      ).toMatchObject([{ member: 'Palermo' }])
      expect(await client.setBit(key('b'), 7, 1)).toBe(0)
      expect(await client.bitCount(key('b'))).toBe(1)
      expect(await client.bitField(key('b'), [{ operation: 'GET', encoding: 'u8', offset: 0 }])).toEqual([1])
      expect(await client.pfAdd(key('p'), ['a', 'b'])).toBe(1)
      expect(await client.pfCount(key('p'))).toBe(2)
      await client.rPush(key('numbers'), ['3', '1', '2'])
      expect(await client.sort(key('numbers'), { DIRECTION: 'DESC' })).toEqual(['3', '2', '1'])
    })

    test('every family in a transaction', async () => {
      const client = await connect()
      const replies = await client
        .multi()
        .hSet(key('th'), { a: '1' })
        .hGetAll(key('th'))
        .rPush(key('tl'), ['x', 'y'])
        .lRange(key('tl'), 0, -1)
        .sAdd(key('ts'), 'm')
        .zAdd(key('tz'), { score: 1, value: 'm' })
        .zRangeWithScores(key('tz'), 0, -1)
        .xAdd(key('tx'), '1-1', { a: '1' })
        .setBit(key('tb'), 1, 1)
        .pfAdd(key('tp'), 'a')
        .geoAdd(key('tg'), { longitude: 1, latitude: 1, member: 'm' })
        .exec()
      expect(
        replies.map((each) => (each !== null && typeof each === 'object' ? JSON.stringify(each) : each)),
      ).toEqual([1, '{"a":"1"}', 2, '["x","y"]', 1, 1, '[{"value":"m","score":1}]', '1-1', 0, 1, 1])
    })
  })
})

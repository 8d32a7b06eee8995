// Collections between nodes: handed over when a node joins and leaves, and as hot copies.

import { Redis } from 'ioredis'
import { expect, onTestFinished, test } from 'vitest'
import { startCluster, type TestCluster } from '../support/cluster.ts'
import { poll } from '../support/poll.ts'

const COUNT = 10
const TYPES = [
  'list',
  'set',
  'hash',
  'zset',
  'stream',
  'integers',
  'large list',
  'large hash',
  'large zset',
] as const
const KEYS = TYPES.flatMap((type) => Array.from({ length: COUNT }, (_, i) => ({ type, key: `${type} ${i}` })))
const MANY = Array.from({ length: 300 }, (_, i) => `element ${i}`)

async function write(client: Redis, type: (typeof TYPES)[number], key: string): Promise<void> {
  if (type === 'list') await client.rpush(key, 'a', key, '7')
  else if (type === 'set') await client.sadd(key, 'a', key)
  else if (type === 'hash') await client.hset(key, 'name', key, 'empty', '')
  else if (type === 'zset') await client.zadd(key, 1.5, 'a', -2, key)
  else if (type === 'integers') await client.sadd(key, 1, 2, 300)
  else if (type === 'large list') await client.rpush(key, ...MANY)
  else if (type === 'large hash') await client.hset(key, Object.fromEntries(MANY.map((each) => [each, key])))
  else if (type === 'large zset') await client.zadd(key, ...MANY.flatMap((each, i) => [String(i / 3), each]))
  else {
    await client.xadd(key, '1-1', 'field', key)
    await client.xgroup('CREATE', key, 'readers', '0')
    await client.xreadgroup('GROUP', 'readers', 'one', 'STREAMS', key, '>')
  }
}

async function read(client: Redis, key: string): Promise<unknown> {
  const type = await client.type(key)
  if (type === 'list') return client.lrange(key, 0, -1)
  if (type === 'set') return (await client.smembers(key)).sort()
  if (type === 'hash') return client.hgetall(key)
  if (type === 'zset') return client.call('ZRANGE', key, 0, -1, 'WITHSCORES')
  if (type === 'stream') return [await client.xrange(key, '-', '+'), await client.xpending(key, 'readers')]
  return type
}

async function readAll(client: Redis): Promise<Map<string, unknown>> {
  const values = new Map<string, unknown>()
  for (const { key } of KEYS)
    values.set(key, [await read(client, key), await client.call('OBJECT', 'ENCODING', key)])
  return values
}

function clientOf(cluster: TestCluster, i: number): Redis {
  const client = new Redis(cluster.ports[i], { protocol: 2 })
  onTestFinished(() => client.disconnect())
  return client
}

test('every type is handed over to a node that joins, and back when it leaves', async () => {
  const cluster = await startCluster(2, {
    groups: { cache: { maxBytes: '64mb' } },
    starts: 1,
    shutdownTimeout: 10_000,
  })
  onTestFinished(() => cluster.close())
  const client = clientOf(cluster, 0)
  for (const { type, key } of KEYS) {
    await write(client, type, key)
    await client.expire(key, 1000)
  }
  const before = await readAll(client)
  const joined = await cluster.start()
  await cluster.agreed()
  const isSettled = async (): Promise<boolean> => {
    const infos = await Promise.all(cluster.members.map((member) => member.info()))
    return infos.every((info) => info.cluster_pending === '0')
  }
  await poll(isSettled, 'the end of the handover')
  const other = clientOf(cluster, 1)
  expect(await readAll(other)).toEqual(before)
  const owners = new Set<unknown>()
  for (const { key } of KEYS) {
    const [, , , , , owner] = (await other.call('EXPLAIN', key)) as unknown[]
    owners.add(String(owner))
    expect(await other.ttl(key)).toBeGreaterThan(900)
  }
  expect(owners.size).toBe(2)
  other.disconnect()
  await joined.close()
  await cluster.agreed(0)
  expect(await readAll(client)).toEqual(before)
  for (const { key } of KEYS) expect(await client.ttl(key)).toBeGreaterThan(900)
})

/** Clients of two nodes that keep copies for long, and what a read of a key by the first one would be answered from. */
async function startWithCopies() {
  const cluster = await startCluster(2, {
    groups: { cache: { maxBytes: '64mb' } },
    cluster: { copyMaxAge: '60s' },
  })
  onTestFinished(() => cluster.close())
  const [asking, owner] = [clientOf(cluster, 0), clientOf(cluster, 1)]
  const source = async (key: string): Promise<string> =>
    String(((await asking.call('EXPLAIN', key)) as unknown[])[7])
  return { asking, owner, source }
}

test('hashes, lists, sets and sorted sets that are read often are served from copies', async () => {
  const { asking, owner, source } = await startWithCopies()
  for (const type of ['hash', 'list', 'set', 'zset', 'large hash', 'large list'] as const) {
    let key = type as string
    for (let i = 0; (await source(key)) !== 'peer'; i++) key = `${type} ${i}`
    await write(owner, type, key)
    const before = await read(owner, key)
    await poll(async () => {
      for (let i = 0; i < 50; i++) await read(asking, key)
      return (await source(key)) === 'copy'
    }, `a copy of ${key}`)
    expect(await read(asking, key)).toEqual(before)
    // A write drops the copy.
    if (type.endsWith('hash')) await owner.hset(key, 'new', '1')
    else if (type.endsWith('list')) await owner.rpush(key, 'new')
    else if (type === 'set') await owner.sadd(key, 'new')
    else await owner.zadd(key, 100, 'new')
    const after = await read(owner, key)
    expect(after).not.toEqual(before)
    await poll(async () => JSON.stringify(await read(asking, key)) === JSON.stringify(after), 'the new value')
  }
})

test.each(['HSCAN', 'SSCAN', 'ZSCAN'])(
  '%s sees every element, also if a copy is made meanwhile',
  async (scan) => {
    const { asking, owner, source } = await startWithCopies()
    let key = 'key'
    for (let i = 0; (await source(key)) !== 'peer'; i++) key = `key ${i}`
    const names = Array.from({ length: 1000 }, (_, i) => `element ${i}`)
    if (scan === 'HSCAN') await owner.hset(key, Object.fromEntries(names.map((name) => [name, '1'])))
    else if (scan === 'SSCAN') await owner.sadd(key, ...names)
    else await owner.zadd(key, ...names.flatMap((name, i) => [String(i), name]))
    const isPaired = scan !== 'SSCAN'
    const found = new Set<string>()
    let cursor = '0'
    const step = async (): Promise<void> => {
      const [next, elements] = (await asking.call(scan, key, cursor)) as [string, string[]]
      for (let i = 0; i < elements.length; i += isPaired ? 2 : 1) found.add(elements[i])
      cursor = next
    }
    for (let i = 0; i < 10; i++) await step()
    await poll(async () => {
      for (let i = 0; i < 50; i++)
        await asking.call(scan.replace('SCAN', scan === 'HSCAN' ? 'LEN' : 'CARD'), key)
      return (await source(key)) === 'copy'
    }, `a copy of ${key}`)
    while (cursor !== '0') await step()
    expect(found.size).toBe(names.length)
  },
)

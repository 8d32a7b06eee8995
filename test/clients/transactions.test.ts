// Transactions of ioredis and node-redis: on one node, through any node of a cluster, and with their cluster clients.

import { createClient, createCluster, WatchError } from '@redis/client'
import { Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { startCluster, type TestCluster } from '../support/cluster.ts'
import { startNode, type TestNode } from '../support/node.ts'

const GROUPS = {
  cache: { maxBytes: '16mb' },
  scores: { maxBytes: '16mb', origin: (key: string) => (key.startsWith('no') ? null : '630') },
} as const

const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
})

function ioredis(port: number): Redis {
  const client = new Redis(port)
  closing.push(() => client.disconnect())
  return client
}

async function nodeRedis(port: number) {
  const client = createClient({ url: `redis://127.0.0.1:${port}` })
  await client.connect()
  closing.push(() => client.destroy())
  return client
}

/** What both clients do on one connection. */
async function usesTransactions(port: number, suffix: string): Promise<void> {
  const key = `{${suffix}}:a`
  const other = `{${suffix}}:b`
  const first = ioredis(port)
  expect(await first.multi().set(key, '1').incr(key).get(other).exec()).toEqual([
    [null, 'OK'],
    [null, 2],
    [null, null],
  ])
  const failing = await first.multi().set(other, 'x').incr(other).set(key, '5').exec()
  expect(String(failing?.[1][0])).toContain('ERR value is not an integer')
  expect(await first.get(key)).toBe('5')
  await expect(first.multi().call('nonsense').exec()).rejects.toThrow('EXECABORT')
  await first.watch(key)
  await ioredis(port).set(key, '7')
  expect(await first.multi().set(key, '8').exec()).toBeNull()
  await first.watch(key)
  expect(await first.multi().set(key, '8').exec()).toEqual([[null, 'OK']])
  const manual = first.multi({ pipeline: false })
  await manual
  await first.set(key, '9')
  expect(await first.exec()).toEqual([[null, 'OK']])

  const second = await nodeRedis(port)
  expect(await second.multi().incr(key).get(other).exec()).toEqual([10, 'x'])
  await second.watch(key)
  await first.set(key, '1')
  await expect(second.multi().get(key).exec()).rejects.toThrow(WatchError)
  await second.select(1)
  expect(await second.multi().get(key).append(key, '0').get(`no${key}`).exec()).toEqual(['630', 4, null])
  await second.watch(other)
  expect(await second.get(other)).toBe('630')
  expect(await second.multi().set(other, '1').exec()).toEqual(['OK'])
}

describe('one node', () => {
  let node: TestNode
  beforeAll(async () => {
    node = await startNode({ groups: GROUPS })
  })
  afterAll(() => node.close())

  test('ioredis and node-redis', () => usesTransactions(node.port, 'one'))
})

describe.each(['forward', 'moved'] as const)('a cluster that redirects: %s', (redirect) => {
  let cluster: TestCluster
  beforeAll(async () => {
    cluster = await startCluster(3, { cluster: { redirect }, groups: GROUPS })
  })
  afterAll(() => cluster.close())

  test.runIf(redirect === 'forward')('through any node', async () => {
    for (const port of cluster.ports)
      for (const key of ['x', 'y', 'z']) await usesTransactions(port, `${key}${port}`)
  })

  test('cluster clients', async () => {
    const nodes = cluster.ports.map((port) => ({ host: '127.0.0.1', port }))
    const first = new Redis.Cluster(nodes)
    closing.push(() => first.disconnect())
    const second = createCluster({
      rootNodes: cluster.ports.map((port) => ({ url: `redis://127.0.0.1:${port}` })),
    })
    await second.connect()
    closing.push(() => second.destroy())
    const before = await cluster.forwarded()
    for (let i = 0; i < 20; i++) {
      const key = `{user:${i}}:a`
      expect(await first.multi().set(key, '1').incr(`{user:${i}}:b`).exec()).toEqual([
        [null, 'OK'],
        [null, 1],
      ])
      expect(await second.multi().incr(key).incr(`{user:${i}}:b`).exec()).toEqual([2, 2])
    }
    expect((await cluster.forwarded()) - before).toBe(0)
  })

  test.runIf(redirect === 'moved')(
    'a command that belongs elsewhere is redirected when it is queued',
    async () => {
      const replies = new Set<string>()
      for (let i = 0; i < 30; i++) {
        const client = ioredis(cluster.ports[0])
        const all = [client.call('MULTI'), client.call('SET', `k${i}`, '1'), client.call('EXEC')]
        for (const reply of await Promise.allSettled(all))
          replies.add(
            reply.status === 'fulfilled' ? String(reply.value) : String(reply.reason.message).split(' ')[0],
          )
        client.disconnect()
      }
      expect([...replies].sort()).toEqual(['EXECABORT', 'MOVED', 'OK', 'QUEUED'])
    },
  )
})

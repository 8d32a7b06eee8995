// Transactions while links break, owners die and slots move: nil or an error, never half a block.

import { Redis } from 'ioredis'
import { afterEach, expect, test } from 'vitest'
import { keySlot } from '../../../src/bytes/crc16.ts'
import { startCluster, type TestCluster } from '../../support/cluster.ts'
import { FaultyCluster } from '../../support/faulty-cluster.ts'
import { poll } from '../../support/poll.ts'

const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

function connect(port: number): Redis {
  const client = new Redis(port, { protocol: 2, retryStrategy: null })
  client.on('error', () => undefined)
  closing.push(() => client.disconnect())
  return client
}

/** A key whose owner, as node 0 sees it, announces this name. */
async function keyOf(client: Redis, name: string, from = 0): Promise<string> {
  for (let i = from; ; i++) {
    const explanation = (await client.call('EXPLAIN', `key:${i}`)) as unknown[]
    const owner = explanation[explanation.indexOf('owner') + 1]
    if (String(owner) === name) return `key:${i}`
  }
}

async function faulty(): Promise<{ cluster: FaultyCluster; client: Redis; key: string }> {
  const cluster = await FaultyCluster.start(3, {
    config: { cluster: { timeout: '1s', pingInterval: '100ms' } },
  })
  closing.push(() => cluster.close())
  const client = connect(cluster.nodes[0].port)
  await poll(async () => (await client.cluster('INFO')).includes('cluster_known_nodes:3'), 'three nodes')
  await poll(async () => (await client.info('cluster')).includes('cluster_state:ok'), 'agreement')
  return { cluster, client, key: await keyOf(client, cluster.nodes[1].name) }
}

test('a watch is lost with the link to the owner', async () => {
  const { cluster, client, key } = await faulty()
  await client.watch(key)
  cluster.link(0, 1).cut()
  cluster.link(0, 1).heal()
  expect(await client.multi().set(key, '1').exec()).toBeNull()
  await client.watch(key)
  expect(await client.multi().set(key, '1').exec()).toEqual([[null, 'OK']])
})

test('the owner dies between WATCH and EXEC, or while it runs the block', async () => {
  const { cluster, client, key } = await faulty()
  await client.set(key, '1')
  await client.watch(key)
  await cluster.nodes[1].node.close()
  expect(await client.multi().set(key, '2').exec()).toBeNull()
  expect(await client.multi().set(key, '3').get(key).exec()).toEqual([
    [null, 'OK'],
    [null, '3'],
  ])
})

test('a block whose reply is lost fails, and is not sent again', async () => {
  const { cluster, client, key } = await faulty()
  await client.set(key, '1')
  cluster.link(0, 1).silence('back')
  const exec = client.multi().incr(key).exec()
  await expect(exec).rejects.toThrow(/PEERDOWN .*the command may have been run/)
})

test('slots that move change what is watched; blocks through all nodes stay whole', async () => {
  const cluster: TestCluster = await startCluster(3, { starts: 2, groups: { cache: { maxBytes: '16mb' } } })
  closing.push(() => cluster.close())
  const clients = cluster.members.map(({ port }) => connect(port))
  const keys = Array.from({ length: 40 }, (_, i) => `{key:${i}}`)
  const counts = new Map<string, number>()
  let isOver = false
  let failures = 0
  const run = async (client: Redis, n: number): Promise<void> => {
    for (let i = n; !isOver; i++) {
      const key = keys[i % keys.length]
      const replies = await client
        .multi()
        .incr(`${key}a`)
        .incr(`${key}b`)
        .exec()
        .catch(() => undefined)
      if (replies === undefined || replies === null) failures++
      else counts.set(key, (counts.get(key) ?? 0) + 1)
      if (replies) expect(replies[0][1]).toBe(replies[1][1])
    }
  }
  const watchers = await Promise.all(
    keys.map(async (key) => {
      const client = connect(cluster.members[0].port)
      await client.watch(`${key}watched`)
      return client
    }),
  )
  const before = await cluster.members[0].slots()
  const running = clients.map(run)
  await cluster.start()
  await cluster.agreed()
  isOver = true
  await Promise.all(running)
  const after = await cluster.members[0].slots()
  const ownerIn = (table: typeof before, key: string): unknown => {
    const slot = keySlot(Buffer.from(key), 0, key.length)
    return table.find(([from, to]) => slot >= from && slot <= to)?.[2][1]
  }
  for (const [i, key] of keys.entries()) {
    const result = await watchers[i].multi().ping().exec()
    const hasMoved = ownerIn(before, key) !== ownerIn(after, key)
    expect([key, result === null]).toEqual([key, hasMoved])
  }
  expect(failures).toBe(0)
  for (const [key, count] of counts)
    expect(await clients[0].mget(`${key}a`, `${key}b`)).toEqual([String(count), String(count)])
})

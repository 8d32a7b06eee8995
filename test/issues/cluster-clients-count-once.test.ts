// A client that asks every node and adds up the replies counted each key once for each node.

import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { startCluster, type TestCluster } from '../support/cluster.ts'

const KEYS: readonly string[] = Array.from({ length: 101 }, (_, i) => `key:${i}`).sort()

describe.each(['forward', 'moved'] as const)('%s', (redirect) => {
  let cluster: TestCluster
  beforeAll(async () => {
    cluster = await startCluster(3, { cluster: { redirect }, groups: { cache: { maxBytes: '16mb' } } })
    // The program is never redirected.
    await Promise.all(KEYS.map((key) => cluster.members[0].node.set('cache', key, 'value')))
  })
  afterAll(() => cluster.close())

  /** A connection to each node. */
  function connections(): Redis[] {
    const clients = cluster.ports.map((port) => new Redis(port, '127.0.0.1', { enableReadyCheck: false }))
    onTestFinished(() => {
      for (const client of clients) client.disconnect()
    })
    return clients
  }

  async function scan(client: Redis): Promise<string[]> {
    const found: string[] = []
    let cursor = '0'
    do {
      const [next, keys] = await client.scan(cursor)
      found.push(...keys)
      cursor = next
    } while (cursor !== '0')
    return found
  }

  async function sumOfKeys(clients: readonly Redis[]): Promise<number> {
    const sizes = await Promise.all(clients.map((client) => client.dbsize()))
    return sizes.reduce((sum, each) => sum + each, 0)
  }

  test.each(['CLUSTER SLOTS', 'CLUSTER SHARDS', 'CLUSTER NODES', 'READONLY'])(
    'after %s a connection gets the keys of its node',
    async (command) => {
      const clients = connections()
      const [name, ...args] = command.split(' ')
      for (const client of clients) await client.call(name, args)
      expect(await sumOfKeys(clients)).toBe(KEYS.length)
      expect((await Promise.all(clients.map(scan))).flat().sort()).toEqual(KEYS)
      const lists = await Promise.all(clients.map((client) => client.keys('*')))
      expect(lists.flat().sort()).toEqual(KEYS)
      for (const [i, client] of clients.entries()) expect(lists[i]).toContain(await client.randomkey())
      expect(await clients[0].info('keyspace')).toContain(`keys=${lists[0].length},`)
    },
  )

  test.runIf(redirect === 'forward')(
    'a plain connection gets the keys of all, also after RESET',
    async () => {
      const clients = connections()
      for (const client of clients) {
        // These tell nothing of other nodes.
        await client.call('CLUSTER', ['INFO'])
        await client.call('CLUSTER', ['KEYSLOT', 'key'])
        expect((await scan(client)).sort()).toEqual(KEYS)
        await client.readonly()
        expect(await client.dbsize()).toBeLessThan(KEYS.length)
        await client.call('RESET')
        expect(await client.dbsize()).toBe(KEYS.length)
      }
    },
  )

  test('a cluster client, told or redirected, flushes each node by itself', async () => {
    const client = new Redis.Cluster([{ host: '127.0.0.1', port: cluster.ports[0] }])
    onTestFinished(() => client.disconnect())
    await client.set('ready', '1')
    await client.del('ready')
    const nodes = client.nodes('master')
    if (redirect === 'forward') for (const node of nodes) await node.readonly()
    expect(await sumOfKeys(nodes)).toBe(KEYS.length)
    await nodes[0].flushall()
    const rest = await sumOfKeys(nodes)
    expect(rest).toBeGreaterThan(0)
    expect(rest).toBeLessThan(KEYS.length)
    await Promise.all(nodes.map((node) => node.flushall()))
    expect(await sumOfKeys(nodes)).toBe(0)
  })

  test('a command for all groups or all nodes is not of one node', async () => {
    const clients = connections()
    await Promise.all(KEYS.map((key) => cluster.members[0].node.set('cache', key, 'value')))
    for (const client of clients) await client.readonly()
    await clients[0].call('GROUP', ['FLUSH'])
    expect(await sumOfKeys(clients)).toBe(0)
  })
})

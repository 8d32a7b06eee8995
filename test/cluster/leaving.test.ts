// Leaving a cluster whose membership is external: it may unlist a node before the node has handed over its keys.

import { Redis } from 'ioredis'
import { expect, test } from 'vitest'
import { createNode } from '../../src/index.ts'
import { startCluster } from '../support/cluster.ts'
import { describeWithEtcd } from '../support/etcd.ts'
import { poll } from '../support/poll.ts'
import { freePorts } from '../support/ports.ts'

const KEYS = Array.from({ length: 1000 }, (_, i) => `key:${i}`)

describeWithEtcd('with membership from etcd', (etcd) => {
  test('a node that closes hands over its entries', async () => {
    const ports = await freePorts(3)
    const endpoints = [etcd().endpoint]
    const nodes = await Promise.all(
      ports.map(async (port) => {
        const cluster = { etcd: { endpoints, prefix: `/${ports[0]}` }, announce: `127.0.0.1:${port}` }
        const node = await createNode({ port, bind: '127.0.0.1', groups: { cache: {} }, cluster })
        await node.listen()
        return node
      }),
    )
    const client = new Redis(ports[1])
    const isAgreed = (members: number) => async () => {
      const infos = await Promise.all(
        ports.slice(3 - members).map(async (port) => {
          const each = new Redis(port)
          const info = await each.info('cluster')
          each.disconnect()
          return info
        }),
      )
      const settled = [`cluster_members:${members}\r\n`, 'cluster_pending:0\r\n']
      return infos.every((info) => settled.every((line) => info.includes(line)))
    }
    try {
      await poll(isAgreed(3), 'three members that agree')
      await client.mset(...KEYS.flatMap((key) => [key, `value of ${key}`]))
      await nodes[0].close()
      await poll(isAgreed(2), 'two members that agree')
      expect(await client.mget(KEYS)).toEqual(KEYS.map((key) => `value of ${key}`))
    } finally {
      client.disconnect()
      await Promise.all(nodes.map((node) => node.close()))
    }
  })
})

test('commands on all keys reach a node whose connections have just been killed', async () => {
  const cluster = await startCluster(2, { groups: { cache: {} } })
  const [{ watcher }, { watcher: other }] = cluster.members
  try {
    await watcher.mset(...KEYS.flatMap((key) => [key, 'value']))
    // Every connection to it but the one that sends this command.
    const cut = async (): Promise<void> => {
      expect(Number(await other.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes'))).toBeGreaterThan(0)
    }
    await cut()
    expect(await watcher.dbsize()).toBe(KEYS.length)
    await cut()
    expect(await watcher.flushall()).toBe('OK')
    expect(await other.exists(KEYS)).toBe(0)
  } finally {
    await cluster.close()
  }
})

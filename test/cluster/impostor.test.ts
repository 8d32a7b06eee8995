// What nodes must not be talked into, and what they still owe each other when they close.

import { Redis } from 'ioredis'
import { afterEach, expect, test } from 'vitest'
import { createNode } from '../../src/index.ts'
import { startCluster, type TestCluster } from '../support/cluster.ts'
import { freePorts } from '../support/ports.ts'

let cluster: TestCluster | undefined

afterEach(async () => {
  await cluster?.close()
})

test('a second node under the name of one that is there changes nothing, and is told of', async () => {
  cluster = await startCluster(3)
  const [port] = await freePorts(1)
  const peers = cluster.ports.map((each) => `127.0.0.1:${each}`)
  const impostor = await createNode({
    port,
    bind: '127.0.0.1',
    shutdownTimeout: 0,
    cluster: { peers, announce: peers[1], timeout: 500 },
  })
  await impostor.listen()
  const { warnings } = cluster
  await expect.poll(() => warnings.join()).toContain('two nodes announce this name')
  await cluster.agreed()
  const clients = cluster.ports.map((each) => new Redis(each))
  for (let i = 0; i < 60; i++) await clients[i % 3].set(`key:${i}`, i)
  for (let i = 0; i < 60; i++) expect(await clients[(i + 1) % 3].get(`key:${i}`)).toBe(String(i))
  for (const client of clients) client.disconnect()
  await impostor.close()
})

test('a value of 24 MB goes from node to node and back', async () => {
  cluster = await startCluster(2, { groups: { cache: { maxBytes: '256mb' } } })
  const clients = cluster.ports.map((each) => new Redis(each))
  const value = Buffer.alloc(24 * 2 ** 20, 'x')
  for (const key of ['a', 'b', 'c']) {
    expect(await clients[0].set(key, value)).toBe('OK')
    for (const client of clients) expect((await client.getBuffer(key))?.equals(value)).toBe(true)
    await clients[1].del(key)
  }
  expect(cluster.warnings).toEqual([])
  for (const client of clients) client.disconnect()
})

// Two nodes that announce one name: the cluster keeps the first and warns.

import { Redis } from 'ioredis'
import { afterEach, expect, test } from 'vitest'
import { createNode } from '../../src/index.ts'
import { startCluster, type TestCluster } from '../support/cluster.ts'
import { freePorts } from '../support/ports.ts'

let cluster: TestCluster | undefined

afterEach(async () => {
  await cluster?.close()
})

test('a second node with the name of a member changes nothing, and the members warn', async () => {
  cluster = await startCluster(3)
  const [port] = await freePorts(1)
  const peers = cluster.ports.map((each) => `127.0.0.1:${each}`)
  const told: string[] = []
  const warn = (_: object, message: string): void => void told.push(message)
  const duplicate = await createNode(
    {
      port,
      bind: '127.0.0.1',
      shutdownTimeout: 0,
      groups: { cache: {} },
      cluster: { peers, announce: peers[1] },
    },
    { log: { info: () => undefined, warn, error: warn } },
  )
  await duplicate.listen()
  const conflict = `another node announces the name of this one, ${peers[1]}: `
  await expect.poll(() => told.join()).toContain(conflict)
  const own = new Redis(port)
  expect(await own.info('cluster')).toContain(`cluster_problem:${conflict}`)
  expect(await own.cluster('INFO')).toContain(conflict)
  own.disconnect()
  const { warnings } = cluster
  await expect.poll(() => warnings.join()).toContain('two nodes announce this name')
  await cluster.agreed()
  const clients = cluster.ports.map((each) => new Redis(each))
  for (let i = 0; i < 60; i++) await clients[i % 3].set(`key:${i}`, i)
  for (let i = 0; i < 60; i++) expect(await clients[(i + 1) % 3].get(`key:${i}`)).toBe(String(i))
  for (const client of clients) client.disconnect()
  await duplicate.close()
})

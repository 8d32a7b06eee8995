// Values of many megabytes between two nodes.

import { Redis } from 'ioredis'
import { expect, onTestFinished, test } from 'vitest'
import { startCluster } from '../support/cluster.ts'

test('a value of 24 MB is written and read through either node', async () => {
  const cluster = await startCluster(2, { groups: { cache: { maxBytes: '256mb' } } })
  onTestFinished(() => cluster.close())
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

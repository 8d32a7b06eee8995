// Reloading the nodes of a cluster, one after another: what requests for groups get that some of them lack.

import { expect, onTestFinished, test } from 'vitest'
import type { Config } from '../../src/index.ts'
import { startCluster, type TestMember } from '../support/cluster.ts'

const cache = { maxBytes: '4mb' } as const
const KEYS = Array.from({ length: 40 }, (_, i) => `key:${i}`)
const UNKNOWN = /^the owner of the key has no group of this name: configure the same groups on all nodes/

async function start(count: number, groups: Config['groups']): Promise<readonly TestMember[]> {
  const cluster = await startCluster(count, { groups })
  onTestFinished(() => cluster.close())
  return cluster.members
}

/** How many of the keys are written; all others must fail because their owner lacks the group. */
async function written({ node }: TestMember, group: string, value: string): Promise<number> {
  const outcomes = await Promise.allSettled(KEYS.map((key) => node.set(group, key, value)))
  for (const each of outcomes)
    if (each.status === 'rejected')
      expect(each.reason).toMatchObject({ message: expect.stringMatching(UNKNOWN) })
  return outcomes.filter(({ status }) => status === 'fulfilled').length
}

test('a group is added node by node, and removed node by node', async () => {
  const [a, b, c] = await start(3, { cache })
  for (const key of KEYS) await a.node.set('cache', key, 'kept')
  await a.node.reload({ groups: { cache, extra: cache } })
  const some = await written(a, 'extra', '1')
  expect(some).toBeGreaterThan(0)
  expect(some).toBeLessThan(KEYS.length)
  await b.node.reload({ groups: { cache, extra: cache } })
  expect(await written(a, 'extra', '2')).toBeGreaterThan(some)
  await c.node.reload({ groups: { cache, extra: cache } })
  // Links on which the group was unknown a moment ago know it now.
  expect(await written(a, 'extra', '3')).toBe(KEYS.length)
  expect(await c.node.getMany('extra', KEYS)).toEqual(KEYS.map(() => '3'))
  await c.node.reload({ groups: { cache } })
  expect(await written(a, 'extra', '4')).toBeLessThan(KEYS.length)
  await expect(c.node.get('extra', 'key:1')).rejects.toThrow('there is no group "extra", known are cache')
  expect(await b.node.getMany('cache', KEYS)).toEqual(KEYS.map(() => 'kept'))
})

test('another group in the place of a removed one: no request reaches the wrong group', async () => {
  const members = await start(2, { first: cache, second: cache })
  const [a, b] = members
  for (const key of KEYS) await a.node.set('second', key, 'of second')
  for (const { node } of members) await node.reload({ groups: { first: cache, third: cache } })
  expect(await a.node.getMany('third', KEYS)).toEqual(KEYS.map(() => null))
  for (const key of KEYS) await a.node.set('third', key, 'of third')
  expect(await b.node.getMany('third', KEYS)).toEqual(KEYS.map(() => 'of third'))
  await a.watcher.select(1)
  expect(await a.watcher.dbsize()).toBe(KEYS.length)
  expect(await b.node.getMany('first', KEYS)).toEqual(KEYS.map(() => null))
})

test('keys of a group that was added move with their slots', async () => {
  const cluster = await startCluster(3, { starts: 2, groups: { cache, extra: cache } })
  onTestFinished(() => cluster.close())
  const groups = { cache, extra: cache, more: cache }
  for (const { node } of cluster.members) await node.reload({ groups })
  const [a] = cluster.members
  for (const key of KEYS) await a.node.set('more', key, key)
  const joined = await cluster.start()
  await cluster.agreed()
  await joined.node.reload({ groups })
  // Entries that came before the new member had the group are lost, as from any cache; none is wrong.
  for (const [i, value] of (await joined.node.getMany('more', KEYS)).entries())
    expect([KEYS[i], null]).toContain(value)
  expect(await written(a, 'more', 'again')).toBe(KEYS.length)
})

test('onPartition changes: copies end where a group refuses', async () => {
  const members = await start(2, { cache })
  for (const { node } of members)
    expect(await node.reload({ groups: { cache: { ...cache, onPartition: 'refuse' } } })).toContain(
      'group cache: onPartition: serve -> refuse',
    )
  const [a, b] = members
  const writeAll = async (): Promise<boolean> => {
    const outcomes = await Promise.allSettled(KEYS.map((key) => a.node.set('cache', key, key)))
    return outcomes.every(({ status }) => status === 'fulfilled')
  }
  // Leases come with the heartbeats after the nodes have agreed.
  await expect.poll(writeAll).toBe(true)
  expect(await b.node.getMany('cache', KEYS)).toEqual(KEYS)
  for (const { node } of members) await node.reload({ groups: { cache } })
  expect(await b.node.getMany('cache', KEYS)).toEqual(KEYS)
})

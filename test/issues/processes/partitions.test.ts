// Groups with `onPartition: 'refuse'`: in a partition, no read is older than a write that was answered before it.

import { expect, test } from 'vitest'
import { agree, historyOf, someKeys, startFaulty, work } from '../../cluster/processes/members.ts'
import type { FaultyCluster } from '../../support/faulty-cluster.ts'
import { poll } from '../../support/poll.ts'
import { RespClient } from '../../support/resp-client.ts'

const DOWN = /CLUSTERDOWN this node holds no leases of a majority/
const ERRORS = /^(CLUSTERDOWN this node holds no leases|PEERDOWN )/

let loads = 0
const CONFIG = {
  groups: {
    strict: { maxBytes: '16mb', onPartition: 'refuse' },
    loading: { maxBytes: '16mb', onPartition: 'refuse', origin: (key: string) => `${key} ${++loads}` },
    cache: { maxBytes: '16mb' },
  },
} as const

async function inGroup({ nodes }: FaultyCluster, i: number, group: string): Promise<RespClient> {
  const client = await RespClient.connect(nodes[i].port)
  await client.call('SELECT', group)
  return client
}

/** Both directions between two nodes. */
function cut(cluster: FaultyCluster, a: number, b: number): void {
  cluster.silence(a, b)
  cluster.silence(b, a)
}

test.each<readonly [string, number, (cluster: FaultyCluster) => void]>([
  ['one of three is cut off', 3, (cluster) => [0, 1].forEach((i) => cut(cluster, i, 2))],
  ['one of three is not heard', 3, (cluster) => [0, 1].forEach((i) => cluster.silence(2, i))],
  [
    'four are split in halves',
    4,
    (cluster) => [0, 1].forEach((i) => [2, 3].forEach((j) => cut(cluster, i, j))),
  ],
])('%s: no stale read', async (_, count, fault) => {
  const cluster = await startFaulty(count, { config: CONFIG })
  // Entries may be lost, but no read may be older than a write that was answered before: no span of a fault is told.
  const history = historyOf({ delivery: 0, detection: 0, keeps: 'never', errors: ERRORS })
  const workload = work({
    history,
    nodes: cluster.nodes,
    group: 'strict',
    keys: someKeys(60),
    clients: 2,
    deletions: 0,
    pause: 5,
  })
  await workload.progress(300)
  for (let round = 0; round < 2; round++) {
    fault(cluster)
    await workload.progress(1500)
    cluster.heal()
    await agree(cluster.nodes)
    await workload.progress(500)
  }
  await workload.stop()
  expect(history.check()).toEqual([])
})

test('the smaller side refuses and says so, the larger side serves on', async () => {
  const cluster = await startFaulty(3, { config: { ...CONFIG, cluster: { timeout: '5s' } } })
  const strict = await Promise.all([0, 1, 2].map((i) => inGroup(cluster, i, 'strict')))
  const keys = someKeys(40)
  // Nodes that agree may still wait for the next heartbeat, which brings the leases.
  for (const key of keys)
    await poll(async () => (await strict[0].call('SET', key, 'first')) === 'OK', 'the leases')
  for (const i of [0, 1]) cut(cluster, i, 2)
  await poll(async () => DOWN.test(String(await strict[2].call('SET', 'key:1', 'x'))), 'refused writes')
  for (const command of [
    ['GET', 'key:1'],
    ['EXISTS', 'key:2'],
    ['DEL', 'key:3'],
    ['MGET', ...keys],
    ['DBSIZE'],
    ['FLUSHDB'],
  ])
    expect(String(await strict[2].call(...command))).toMatch(DOWN)
  expect(String(await strict[2].call('CLUSTER', 'INFO'))).toContain(
    'cluster_problem:this node is not with a majority',
  )
  expect(String(await strict[2].call('EXPLAIN', 'key:1'))).toContain('this node is not with a majority')
  // Another group serves on.
  const plain = await inGroup(cluster, 2, 'cache')
  await poll(async () => (await plain.call('SET', 'key', 'value')) === 'OK', 'a group that serves')

  // A group with an origin loads, and keeps nothing.
  const loading = await inGroup(cluster, 2, 'loading')
  const first = await loading.call('GET', 'key')
  expect(String(first)).toMatch(/^key \d+$/)
  await poll(async () => String(await loading.call('GET', 'key')) !== String(first), 'another load')
  expect(String(await loading.call('SET', 'key', 'value'))).toMatch(DOWN)

  for (const key of keys)
    await poll(async () => (await strict[0].call('SET', key, 'second')) === 'OK', 'the larger side')
  cluster.heal()
  await agree(cluster.nodes)
  for (const key of keys)
    await poll(async () => String(await strict[2].call('GET', key)) === 'second', 'the newer value')
  for (const { socket } of [...strict, plain, loading]) socket.destroy()
})

test('a single node of a list of three refuses, two serve', async () => {
  const cluster = await startFaulty(3, { config: CONFIG })
  await cluster.nodes[2].node.close()
  const first = await inGroup(cluster, 0, 'strict')
  await poll(async () => (await first.call('SET', 'key', 'value')) === 'OK', 'two of three')
  await cluster.nodes[1].node.close()
  // Both have left as planned: what is left is the whole cluster.
  await poll(async () => (await first.call('SET', 'key', 'value')) === 'OK', 'one of one')
  first.socket.destroy()
})

// Links between nodes that break, are slow, or carry nothing in one direction or both.

import { expect, test } from 'vitest'
import { poll } from '../../support/poll.ts'
import { agree, historyOf, ownersSeen, PATIENT, someKeys, startFaulty, work } from './members.ts'

test('links that are cut in the middle of replies: no client sees an error or loses a write', async () => {
  const cluster = await startFaulty(3, { config: { cluster: PATIENT } })
  const history = historyOf({ keeps: 'always' })
  const workload = work({ history, nodes: cluster.nodes, keys: someKeys(100), clients: 3, depth: 20 })
  await workload.progress(500)
  const heal = history.fault()
  for (let i = 0; i < 30; i++) {
    const from = i % 3
    const link = cluster.link(from, (from + 1 + (i % 2)) % 3)
    link.cutAfter(97 * (i + 1), i % 4 === 3 ? 'there' : 'back')
    await workload.progress(200)
  }
  cluster.heal()
  heal()
  await agree(cluster.nodes)
  await workload.progress(500)
  await workload.stop()
  expect(history.check()).toEqual([])
})

test('slow links to a node: no errors, no lost writes, no warnings', async () => {
  const cluster = await startFaulty(3, { config: { cluster: PATIENT } })
  const history = historyOf({ keeps: 'always' })
  const workload = work({ history, nodes: cluster.nodes, keys: someKeys(100), clients: 3 })
  await workload.progress(500)
  const heal = history.fault()
  for (const link of cluster.linksOf(2)) link.slow(60)
  await workload.progress(2000)
  cluster.heal()
  heal()
  await workload.progress(500)
  await workload.stop()
  expect(history.check()).toEqual([])
  expect(cluster.nodes.flatMap(({ warnings }) => warnings)).toEqual([])
})

async function withoutLink(both: boolean): Promise<void> {
  const cluster = await startFaulty(3)
  // The one that is out of the view meanwhile cannot reach the other.
  const history = historyOf({ errors: /^PEERDOWN (no (answer|handshake) |\S+ cannot be reached from here)/ })
  const workload = work({ history, nodes: cluster.nodes, keys: someKeys(100), clients: 3, pause: 5 })
  await workload.progress(500)
  const heal = history.fault()
  cluster.silence(0, 1)
  if (both) cluster.silence(1, 0)
  await ownersSeen(cluster.nodes[2], 2)
  await workload.progress(2000)
  cluster.heal()
  await agree(cluster.nodes)
  heal()
  await workload.progress(500)
  await workload.stop()
  expect(history.check()).toEqual([])
}

test('two nodes cannot reach each other, and a third reaches both', () => withoutLink(true))

test('one node receives nothing from another, but the other receives from it', () => withoutLink(false))

test('two nodes cannot reach each other: all three answer in a group with an origin', async () => {
  const load = (key: string): string => `loaded ${key}`
  const cluster = await startFaulty(3, { config: { groups: { cache: { maxBytes: '16mb', origin: load } } } })
  cluster.silence(0, 1)
  cluster.silence(1, 0)
  await ownersSeen(cluster.nodes[2], 2)
  const keys = someKeys(60)
  for (const { node } of cluster.nodes)
    expect(await Promise.all(keys.map((key) => node.get('cache', key)))).toEqual(keys.map(load))
  cluster.heal()
  await agree(cluster.nodes)
})

test('a node is cut off from all others, and they take over its keys', async () => {
  const cluster = await startFaulty(3)
  const [first, second, cutOff] = cluster.nodes
  const history = historyOf()
  const keys = someKeys(100)
  const workload = work({ history, nodes: [first, second], keys, clients: 3 })
  await workload.progress(500)
  const heal = history.fault()
  for (const link of cluster.linksOf(2)) link.silence()
  await agree([first, second])
  await workload.progress(1000)
  cluster.heal()
  await poll(
    () => cutOff.warnings.some((each) => each.startsWith('other nodes took over')),
    'the node to learn of the takeover',
  )
  const own = work({ history, nodes: [cutOff], keys, clients: 3, seed: 100 })
  await agree(cluster.nodes)
  heal()
  await workload.progress(500)
  await workload.stop()
  await own.stop()
  expect(history.check()).toEqual([])
})

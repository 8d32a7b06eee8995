// Members that disagree about who belongs to the cluster say so, and a node that not all of them list owns nothing.

import { Redis } from 'ioredis'
import { expect, onTestFinished, test } from 'vitest'
import { createNode, type Node } from '../../src/index.ts'
import { poll } from '../support/poll.ts'
import { freePorts } from '../support/ports.ts'

interface Started {
  readonly node: Node
  readonly client: Redis
  readonly warnings: string[]
}

const TIMING = { timeout: '4s', pingInterval: '200ms' } as const

async function start(port: number, peers: readonly string[]): Promise<Started> {
  const warnings: string[] = []
  const warn = (_: object, message: string): void => void warnings.push(message)
  const node = await createNode(
    { port, bind: '127.0.0.1', shutdownTimeout: 0, groups: { cache: {} }, cluster: { peers, ...TIMING } },
    { log: { info: () => undefined, warn, error: warn } },
  )
  onTestFinished(() => node.close())
  await node.listen()
  const client = new Redis(port)
  onTestFinished(() => client.disconnect())
  return { node, client, warnings }
}

async function fields(client: Redis): Promise<Record<string, string>> {
  const lines = (await client.info('cluster')).split('\r\n')
  return Object.fromEntries(lines.map((line) => line.split(/:(.*)/s, 2)))
}

async function members(nodes: readonly Started[], count: number): Promise<void> {
  const isSeen = async (): Promise<boolean> => {
    const infos = await Promise.all(nodes.map(({ client }) => fields(client)))
    return infos.every((info) => info.cluster_members === String(count) && info.cluster_pending === '0')
  }
  await poll(isSeen, `${count} members`)
}

test('a fourth node with a longer list: all say so, it owns nothing and forwards, at little cost', async () => {
  const ports = await freePorts(4)
  const names = ports.map((port) => `127.0.0.1:${port}`)
  const three = await Promise.all(ports.slice(0, 3).map((port) => start(port, names.slice(0, 3))))
  await members(three, 3)
  const fourth = await start(ports[3], names)
  const all = [...three, fourth]
  for (let i = 0; i < 100; i++) await all[i % 4].client.set(`key:${i}`, i)
  for (let i = 0; i < 100; i++) expect(await all[(i + 1) % 4].client.get(`key:${i}`)).toBe(String(i))
  await members(all, 3)
  expect((await fields(fourth.client)).cluster_slots_owned).toBe('0')

  for (const { warnings } of all)
    await poll(() => warnings.some((each) => each.includes('members disagree')), 'the warning')
  const inList = `${names[3]} takes part but is not in the list of this node`
  for (const { client, warnings } of three) {
    expect(warnings.filter((each) => each.includes('members disagree'))).toEqual([
      expect.stringContaining(inList),
    ])
    expect(await client.cluster('INFO')).toContain(inList)
    expect(String(await client.call('EXPLAIN', 'key:1'))).toContain(inList)
  }
  const { cluster_problem: problem } = await fields(fourth.client)
  for (const name of names.slice(0, 3)) expect(problem).toContain(`${name} does not list ${names[3]}`)
  expect(fourth.warnings.filter((each) => each.includes('members disagree'))).toHaveLength(1)

  // Heartbeats and their answers, and no more than a few requests for slots.
  const bytesTo = async (): Promise<number> => {
    const peers = Object.entries(await fields(fourth.client)).filter(([name]) => /^peer\d/.test(name))
    return peers.reduce((sum, [, line]) => sum + Number(/talk_bytes_out=(\d+)/.exec(line)?.[1]), 0)
  }
  const heartbeats = async (): Promise<number> =>
    Number(/messages_sent:(\d+)/.exec(String(await fourth.client.cluster('INFO')))?.[1])
  const [bytes, sent] = [await bytesTo(), await heartbeats()]
  await poll(async () => (await heartbeats()) >= sent + 30, 'thirty heartbeats')
  expect((await bytesTo()) - bytes).toBeLessThan(1500 * ((await heartbeats()) - sent))
})

test('the list is extended node by node: nothing is lost, and then all own keys', async () => {
  const ports = await freePorts(3)
  const names = ports.map((port) => `127.0.0.1:${port}`)
  const short = names.slice(0, 2)
  const [first, second] = await Promise.all([start(ports[0], short), start(ports[1], short)])
  await members([first, second], 2)
  const third = await start(ports[2], names)
  await members([first, second, third], 2)
  const keys = Array.from({ length: 200 }, (_, i) => `key:${i}`)
  await third.client.mset(...keys.flatMap((key) => [key, key]))
  const longer: Started[] = []
  for (const [i, { client }] of [first, second].entries()) {
    // A planned leave: the other one takes its keys.
    expect(await client.call('CLUSTER', 'DRAIN')).toBe('OK')
    await [first, second][i].node.close()
    client.disconnect()
    longer.push(await start(ports[i], names))
    await members([...longer, third], i === 0 ? 2 : 3)
    for (const { client: each } of [...longer, third]) expect(await each.mget(keys)).toEqual(keys)
  }
  await poll(async () => (await fields(third.client)).cluster_problem === 'none', 'no problem')
  for (const { client } of [...longer, third])
    expect(Number((await fields(client)).cluster_slots_owned)).toBeGreaterThan(4000)
})

test('a chain of lists: the nodes that have divided the keys in two ways say so', async () => {
  const ports = await freePorts(3)
  const names = ports.map((port) => `127.0.0.1:${port}`)
  const [a, b, c] = names
  const nodes = await Promise.all([[a, b], names, [b, c]].map((list, i) => start(ports[i], list)))
  const problemOf = async (node: Started): Promise<string> => (await fields(node.client)).cluster_problem
  const conflict = 'have divided the keys among different members'
  // The node in the middle can only be with one of the others.
  const isTold = async (): Promise<boolean> => {
    const [first, middle, last] = await Promise.all(nodes.map(problemOf))
    return middle.includes(conflict) && (first.includes(conflict) || last.includes(conflict))
  }
  await poll(isTold, 'both sides to say so')
  for (const { warnings } of nodes)
    await poll(() => warnings.some((each) => each.includes('members disagree')), 'the warning')
})

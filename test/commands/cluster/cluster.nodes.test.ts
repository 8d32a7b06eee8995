// EXPLAIN, CLUSTER and INFO in a cluster: consistent replies from every node.

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { nodeId } from '../../../src/cluster/member.ts'
import { WAIT_MS } from '../../support/budget.ts'
import { startCluster, type TestCluster, type TestMember } from '../../support/cluster.ts'
import { GatedOrigin } from '../../support/gated-origin.ts'

const gate = new GatedOrigin()
const groups = {
  cache: { maxBytes: '16mb' },
  scores: { maxBytes: '16mb', origin: (key: string) => (key === 'Tom' ? '630' : null), negativeTtl: '1m' },
  gated: { maxBytes: '16mb', origin: gate },
} as const

let cluster: TestCluster
let moving: TestCluster
beforeAll(async () => {
  cluster = await startCluster(2, { groups })
  moving = await startCluster(2, { groups, cluster: { redirect: 'moved' } })
})
afterAll(async () => {
  await Promise.all([cluster.close(), moving.close()])
})

function nameOf({ port }: TestMember): string {
  return `127.0.0.1:${port}`
}

async function explain(member: TestMember, key: string): Promise<Record<string, unknown>> {
  const flat = (await member.watcher.call('EXPLAIN', key)) as unknown[]
  return Object.fromEntries(Array.from({ length: flat.length / 2 }, (_, i) => [flat[2 * i], flat[2 * i + 1]]))
}

/** The node that owns a key, and the other one. */
async function sidesOf({ members }: TestCluster, key: string): Promise<[TestMember, TestMember]> {
  const [first, second] = members
  return (await explain(first, key)).owner === 'self' ? [first, second] : [second, first]
}

/** The fields that must be equal on both nodes: without those that depend on the node or the time. */
function facts({
  owner,
  source,
  'owner-source': at,
  'age-ms': age,
  'flight-ms': flight,
  ...rest
}: Record<string, unknown>) {
  return { ...rest, at: at ?? source, wasLoaded: age !== null, isLoading: flight !== null }
}

describe('EXPLAIN', () => {
  test.each([
    ['cache', 'nothing', 'nowhere'],
    ['cache', 'written', 'memory'],
    ['scores', 'Sam', 'origin'],
    ['scores', 'Tom', 'memory'],
    ['scores', 'Eve', 'absence'],
  ])('in group %s, of the key %s: %s, on both nodes', async (group, key, source) => {
    const [owner, other] = await sidesOf(cluster, key)
    for (const { watcher } of [owner, other]) await watcher.select(group)
    if (key === 'written') await other.watcher.set(key, 'value', 'EX', 1000)
    else if (source !== 'origin') await other.watcher.get(key)
    const [here, there] = [await explain(owner, key), await explain(other, key)]
    expect(here).toMatchObject({ group, owner: 'self', source })
    expect(there).toMatchObject({ group, owner: nameOf(owner), source: 'peer', 'owner-source': source })
    const times = ['ttl-ms', 'next-refresh-ms', 'age-ms'] as const
    for (const time of times) expect(Math.abs(Number(there[time]) - Number(here[time]))).toBeLessThan(WAIT_MS)
    const untimed = { 'ttl-ms': 0, 'next-refresh-ms': 0, 'age-ms': 0 }
    expect({ ...facts(there), ...untimed }).toEqual({ ...facts(here), ...untimed })
    for (const { watcher } of [owner, other]) await watcher.select('cache')
  })

  test('reports a running load at the owner', async () => {
    const [owner, other] = await sidesOf(cluster, 'cold')
    await other.watcher.select('gated')
    const reader = other.watcher.duplicate({ db: 2 })
    const read = reader.get('cold')
    await gate.isAskedFor('cold')
    expect(await explain(other, 'cold')).toMatchObject({
      owner: nameOf(owner),
      source: 'peer',
      'owner-source': 'flight',
      flight: 'loading',
      waiters: 1,
    })
    gate.give('cold', 'warm')
    expect(await read).toBe('warm')
    reader.disconnect()
    await other.watcher.select('cache')
  })

  test('reports a hot copy', async () => {
    const [owner, other] = await sidesOf(cluster, 'hot')
    await owner.watcher.set('hot', '1')
    let explained: Record<string, unknown>
    do {
      await Promise.all(Array.from({ length: 100 }, () => other.watcher.get('hot')))
      explained = await explain(other, 'hot')
    } while (explained.source !== 'copy')
    expect(explained).toMatchObject({ owner: nameOf(owner), 'owner-source': 'memory', type: 'string' })
    expect((await other.info()).copies0).toMatch(/^name=cache,hits=\d+,installs=[1-9]/)
    expect((await owner.info()).copies0).toMatch(/,held_keys=1,allowed=[1-9]/)
  })

  test('reports the redirect of a client', async () => {
    const [owner, other] = await sidesOf(moving, 'a')
    await owner.watcher.set('a', '1')
    expect(await explain(other, 'a')).toMatchObject({
      owner: nameOf(owner),
      source: 'moved',
      'owner-source': 'memory',
    })
  })

  test('keeps its order among other replies', async () => {
    const [, other] = await sidesOf(cluster, 'placed')
    const replies = await other.watcher.pipeline().ping().call('EXPLAIN', 'placed').echo('last').exec()
    expect(replies?.map(([, reply]) => (Array.isArray(reply) ? reply[1] : reply))).toEqual([
      'PONG',
      'cache',
      'last',
    ])
  })

  test('PEER EXPLAIN is refused to clients', async () => {
    const [{ watcher }] = cluster.members
    await expect(watcher.call('PEER', 'EXPLAIN', 'a')).rejects.toThrow('NOPERM')
  })
})

describe('moved', () => {
  test('names the owner, and ASKING serves one command here', async () => {
    const [owner, other] = await sidesOf(moving, 'asked')
    const slot = await owner.watcher.cluster('KEYSLOT', 'asked')
    const moved = `MOVED ${slot} ${nameOf(owner)}`
    await expect(other.watcher.get('asked')).rejects.toThrow(moved)
    expect(await other.watcher.asking()).toBe('OK')
    expect(await other.watcher.get('asked')).toBeNull()
    await expect(other.watcher.get('asked')).rejects.toThrow(moved)
  })
})

describe('CLUSTER', () => {
  test('LINKS lists the links to the other node and from it', async () => {
    const [{ watcher }, other] = cluster.members
    const links = (await watcher.cluster('LINKS')) as unknown[][]
    const directions = links.map((link) => link[1])
    expect(directions).toEqual(expect.arrayContaining(['to', 'from']))
    for (const link of links) {
      expect(link.filter((_, i) => i % 2 === 0)).toEqual([
        ...['direction', 'node', 'create-time', 'events'],
        ...['send-buffer-allocated', 'send-buffer-used'],
      ])
      expect(link[3]).toBe(nodeId(nameOf(other)))
      expect(Number(link[5])).toBeGreaterThan(1.6e12)
    }
  })

  test('COUNTKEYSINSLOT counts the keys of this node', async () => {
    const [owner, other] = await sidesOf(cluster, '{counted}')
    await other.watcher.mset('{counted}1', '1', '{counted}2', '2')
    const slot = Number(await owner.watcher.cluster('KEYSLOT', '{counted}'))
    expect(await owner.watcher.cluster('COUNTKEYSINSLOT', slot)).toBe(2)
    expect(await other.watcher.cluster('COUNTKEYSINSLOT', slot)).toBe(0)
  })

  test('SHARDS and SLOTS are the same on every node, and NODES up to the flag "myself"', async () => {
    for (const subcommand of ['SHARDS', 'SLOTS'] as const) {
      const [first, second] = cluster.members.map(({ watcher }) => watcher.call('CLUSTER', subcommand))
      expect(await first).toEqual(await second)
    }
    const tables = await Promise.all(cluster.members.map(({ watcher }) => watcher.cluster('NODES')))
    const [first, second] = tables.map((text) =>
      String(text).replaceAll(/myself,| \d+ \d+ \d+ connected/g, ''),
    )
    expect(first).toBe(second)
  })
})

test('INFO counts the requests to the other node, and lists a node that has left', async () => {
  const own = await startCluster(2, { groups, cluster: { timeout: '500ms' } })
  const [first, second] = own.members
  const keys = Array.from({ length: 100 }, (_, i) => `key:${i}`)
  for (const key of keys) await first.watcher.set(key, key)
  const sent = await own.forwarded()
  expect(sent).toBeGreaterThan(20)
  expect((await first.info()).peer0).toMatch(
    new RegExp(
      `^name=${nameOf(second)},state=up,.*,requests=${sent},replies=${sent},lost=0,bytes_out=\\d{3,}`,
    ),
  )
  await second.close()
  await own.agreed(0)
  const { peer0, cluster_members, cluster_slots_owned } = await first.info()
  expect({ cluster_members, cluster_slots_owned }).toEqual({
    cluster_members: '1',
    cluster_slots_owned: '16384',
  })
  // Traffic over closed links still counts, and so does the PING that follows a farewell, if the link is still open then.
  const [, requests, replies] = /,slots=0,requests=(\d+),replies=(\d+),/.exec(peer0) ?? []
  expect([sent, sent + 1]).toContain(Number(requests))
  expect(replies).toBe(requests)
  const lineOf = async (): Promise<string> =>
    String(await first.watcher.cluster('NODES'))
      .split('\n')
      .find((each) => each.includes(nameOf(second))) ?? ''
  // Until its port is closed it is leaving.
  while (!(await lineOf()).includes(' master,fail '));
  expect(await lineOf()).toMatch(/ disconnected$/)
  expect((await first.info()).peer0).toContain(',state=down,verdict=down,linked=0,')
  await own.close()
})

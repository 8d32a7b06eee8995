// Replies about the cluster: members that join, fail and leave, links, keys of a slot.

import { describe, expect, test } from 'vitest'
import { nodeId } from '../../../src/cluster/member.ts'
import { UNKNOWN_OWNER } from '../../../src/cluster/ownership/protocol.ts'
import { type ClusterReport, type MemberState, rangesOf } from '../../../src/cluster/report.ts'
import { Topology } from '../../../src/commands/cluster/topology.ts'
import { ReplyWriter } from '../../../src/resp/reply.ts'
import { Harness } from '../../support/harness.ts'

async function joinedHarness(): Promise<Harness> {
  const harness = new Harness({ cluster: { host: '10.0.0.1', port: 7000 } })
  await harness.joined
  return harness
}

/** Members `a:1`, `b:2`… in these states; the first is this node. */
function reportOf(...states: MemberState[]): ClusterReport {
  const members = states.map((state, index) => {
    const host = String.fromCharCode(0x61 + index)
    const port = index + 1
    const health =
      state === 'self'
        ? undefined
        : { ...HEALTH, name: `${host}:${port}`, hasLeft: false, linked: state === 'up' }
    return {
      member: { name: `${host}:${port}`, host, port, weight: 1 },
      index,
      state,
      peer: undefined,
      health,
    }
  })
  const self = members[0].member
  const handover = { pending: 0, moved: 0, dropped: 0, sentBytes: 0 }
  return { self, epoch: 5, views: 3, living: 1, isPending: false, members, handover }
}

const HEALTH = {
  runId: '',
  status: 'up',
  suspicion: undefined,
  since: 0,
  lastHeard: 1234.5,
  latency: 1,
  failures: 0,
} as const

const owners = Uint16Array.from([0, 0, 1, 2, 2, UNKNOWN_OWNER, 1, 0])

describe('ranges', () => {
  test('are as long as possible, without slots that have no owner', () => {
    expect(rangesOf(owners)).toEqual([
      { first: 0, last: 1, owner: 0 },
      { first: 2, last: 2, owner: 1 },
      { first: 3, last: 4, owner: 2 },
      { first: 6, last: 6, owner: 1 },
      { first: 7, last: 7, owner: 0 },
    ])
    expect(rangesOf(new Uint16Array(3).fill(UNKNOWN_OWNER))).toEqual([])
  })
})

describe('the topology', () => {
  test('NODES: the state of each node, in the format of Redis', () => {
    const topology = new Topology()
    const report = reportOf('self', 'up', 'suspect', 'down', 'unknown')
    topology.update(owners, report)
    expect(topology.nodes(report)).toBe(
      [
        `${nodeId('a:1')} a:1@1 myself,master - 0 0 3 connected 0-1 7\n`,
        `${nodeId('b:2')} b:2@2 master - 0 1234 3 connected 2 6\n`,
        `${nodeId('c:3')} c:3@3 master,fail? - 0 1234 3 disconnected 3-4\n`,
        `${nodeId('d:4')} d:4@4 master,fail - 0 1234 3 disconnected\n`,
        `${nodeId('e:5')} e:5@5 master,handshake - 0 1234 3 disconnected\n`,
      ].join(''),
    )
  })

  test('SLOTS: the owners with known names, rebuilt after each change', () => {
    const topology = new Topology()
    const two = reportOf('self', 'up')
    const range = (first: number, last: number, at: string): string => {
      const [host, port] = at.split(':')
      return `*3\r\n:${first}\r\n:${last}\r\n*4\r\n$1\r\n${host}\r\n:${port}\r\n$40\r\n${nodeId(at)}\r\n*0\r\n`
    }
    topology.update(owners, two)
    const slots = topology.slots(2, two)
    expect(slots.toString()).toBe(
      `*4\r\n${range(0, 1, 'a:1')}${range(2, 2, 'b:2')}${range(6, 6, 'b:2')}${range(7, 7, 'a:1')}`,
    )
    topology.update(owners.slice(), reportOf('self', 'suspect'))
    expect(topology.slots(2, two)).toBe(slots)
    const three = reportOf('self', 'up', 'up')
    topology.update(owners, three)
    expect(topology.slots(2, three).toString()).toContain(range(3, 4, 'c:3'))
    const changed = owners.slice()
    changed[5] = 1
    topology.update(changed, three)
    expect(topology.slots(2, three).toString()).toContain(range(5, 6, 'b:2'))
  })

  test('SHARDS: one for each node, also without slots', () => {
    const topology = new Topology()
    const report = reportOf('self', 'down')
    topology.update(new Uint16Array(4), report)
    const reply = new ReplyWriter()
    reply.protocol = 3
    topology.writeShards(reply, report)
    const text = reply.take().toString()
    expect(text).toMatch(/^\*2\r\n%2\r\n\+?\$5\r\nslots\r\n\*2\r\n:0\r\n:3\r\n/)
    expect(text).toContain('$6\r\nhealth\r\n$6\r\nonline\r\n%2\r\n$5\r\nslots\r\n*0\r\n')
    expect(text).toMatch(/\$6\r\nhealth\r\n\$4\r\nfail\r\n$/)
  })

  test('counts slots by the state of their owners', () => {
    const topology = new Topology()
    const report = reportOf('self', 'suspect', 'down')
    topology.update(owners, report)
    expect(topology.count(report.members)).toEqual({ assigned: 7, suspect: 2, down: 2 })
  })
})

describe('CLUSTER', () => {
  test('INFO of a single node', async () => {
    const harness = await joinedHarness()
    const info = String(await harness.call('INFO', 'cluster')).split('\r\n')
    expect(info).toEqual(
      expect.arrayContaining([
        'cluster_enabled:1',
        'cluster_state:ok',
        'cluster_name:10.0.0.1:7000',
        'cluster_members:1',
        'cluster_pending:0',
        'cluster_slots_owned:16384',
        'cluster_redirect:forward',
        expect.stringMatching(/^copies0:name=cache,hits=0,/),
      ]),
    )
    expect(await harness.call('INFO', 'server')).toContain('\r\nredis_mode:cluster\r\n')
  })

  test('MYID and MYSHARDID', async () => {
    const harness = await joinedHarness()
    expect(await harness.call('CLUSTER', 'MYID')).toBe(nodeId('10.0.0.1:7000'))
    expect(await harness.call('CLUSTER', 'MYSHARDID')).toBe(nodeId('10.0.0.1:7000'))
  })

  test('GETKEYSINSLOT finds the keys of a slot among many, and serves other commands meanwhile', async () => {
    const harness = await joinedHarness()
    for (let i = 0; i < 50_000; i++) await harness.call('SET', `key:${i}`, '1')
    for (let i = 0; i < 5; i++) await harness.call('SET', `{tag}${i}`, '1')
    await harness.call('SET', '{tag}expired', '1', 'PX', 1)
    harness.clock.advance(10)
    const slot = Number(await harness.call('CLUSTER', 'KEYSLOT', 'tag'))
    const [before] = [await harness.call('CLUSTER', 'COUNTKEYSINSLOT', slot)]
    const asked: string[] = []
    const counted = harness.call('CLUSTER', 'COUNTKEYSINSLOT', slot).then(() => asked.push('count'))
    await harness.connect().call('PING')
    asked.push('ping')
    await counted
    expect(asked).toEqual(['ping', 'count'])
    const keys = (await harness.call('CLUSTER', 'GETKEYSINSLOT', slot, 1000)) as string[]
    expect(keys).toHaveLength(Number(before))
    expect(keys).toEqual(expect.arrayContaining(['{tag}0', '{tag}4']))
    expect(keys).not.toContain('{tag}expired')
    expect(await harness.call('CLUSTER', 'GETKEYSINSLOT', slot, 3)).toHaveLength(3)
    await harness.call('SELECT', '1')
    expect(await harness.call('CLUSTER', 'COUNTKEYSINSLOT', slot)).toBe(0)
  })

  test('GETKEYSINSLOT in steps respects CLIENT REPLY OFF and RESP3', async () => {
    const harness = await joinedHarness()
    for (let i = 0; i < 50_000; i++) await harness.call('SET', `key:${i}`, '1')
    await harness.raw('HELLO', '3')
    expect(await harness.raw('CLUSTER', 'COUNTKEYSINSLOT', '1')).toMatch(/^:\d+\r\n$/)
    await harness.raw('CLIENT', 'REPLY', 'SKIP')
    expect(await harness.raw('CLUSTER', 'COUNTKEYSINSLOT', '1')).toBe('')
    expect(await harness.raw('PING')).toBe('+PONG\r\n')
  })
})

test('ASKING applies to the next command, and RESET clears it', async () => {
  const harness = await joinedHarness()
  await harness.call('ASKING')
  expect(harness.client.asking).toBe(true)
  await harness.call('GET', 'a')
  expect(harness.client.asking).toBe(false)
  await harness.call('ASKING')
  await harness.call('RESET')
  expect(harness.client.asking).toBe(false)
})

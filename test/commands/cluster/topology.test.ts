// What a cluster client reads on each refresh of its slots is small.

import { expect, test } from 'vitest'
import type { ClusterReport } from '../../../src/cluster/report.ts'
import { assignSlots } from '../../../src/cluster/ring/slots.ts'
import { Topology } from '../../../src/commands/cluster/topology.ts'
import { ReplyWriter } from '../../../src/resp/reply.ts'

const MAX_BYTES = 60_000

function reportOf(count: number): ClusterReport {
  const members = Array.from({ length: count }, (_, i) => {
    const host = `192.168.100.${100 + i}`
    const member = { name: `${host}:16379`, host, port: 16_379, weight: 1 }
    return { member, index: i + 1, state: 'up' as const, peer: undefined, health: undefined }
  })
  const handover = { pending: 0, moved: 0, dropped: 0, sentBytes: 0 }
  return { self: members[0].member, epoch: 1, views: 1, living: count, isPending: false, members, handover }
}

test('with 3 nodes, SLOTS, SHARDS and NODES have at most 60 kB each', () => {
  const report = reportOf(3)
  const topology = new Topology()
  topology.update(
    assignSlots(report.members.map(({ member }) => member)).map((owner) => owner + 1),
    report,
  )
  const shards = new ReplyWriter()
  topology.writeShards(shards, report)
  const replies = [topology.slots(2, report), shards.take(), topology.nodes(report)]
  for (const { length } of replies) {
    expect(length).toBeGreaterThan(1000)
    expect(length).toBeLessThanOrEqual(MAX_BYTES)
  }
})

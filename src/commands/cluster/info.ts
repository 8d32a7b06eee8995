// The state of the cluster as this node sees it: CLUSTER INFO, CLUSTER LINKS, and INFO's section.

import type { Cluster } from '../../cluster/cluster.ts'
import type { Link } from '../../cluster/links/link.ts'
import { nodeId } from '../../cluster/member.ts'
import type { ClusterReport, MemberReport } from '../../cluster/report.ts'
import type { Group } from '../../group/group.ts'
import type { Context } from '../spec/context.ts'
import { lengthOf, Topology } from './topology.ts'

type Field = readonly [field: string, value: string | number]

/** The text of CLUSTER INFO. Epochs count this node's views; messages are those between nodes. */
export function clusterInfo(cluster: Cluster, report: ClusterReport, topology: Topology): string {
  const { members, views } = report
  const { problem } = cluster.status
  const { assigned, suspect, down } = topology.count(members)
  const talks = members.flatMap(({ peer }) => (peer === undefined ? [] : [peer.controlTraffic]))
  const fields: readonly Field[] = [
    ['cluster_state', stateOf(cluster, assigned)],
    ['cluster_slots_assigned', assigned],
    ['cluster_slots_ok', assigned - suspect - down],
    ['cluster_slots_pfail', suspect],
    ['cluster_slots_fail', down],
    ['cluster_known_nodes', members.length],
    ['cluster_size', members.filter((each) => topology.of(each).length > 0).length],
    ['cluster_current_epoch', views],
    ['cluster_my_epoch', views],
    ['cluster_stats_messages_sent', talks.reduce((sum, { requests }) => sum + requests, 0)],
    ['cluster_stats_messages_received', talks.reduce((sum, { replies }) => sum + replies, 0)],
    ['total_cluster_links_buffer_limit_exceeded', 0],
    // Not a field of Redis: it is only there if there is a problem.
    ...(problem === undefined ? [] : [['cluster_problem', problem] as const]),
  ]
  return fields.map(([name, value]) => `${name}:${value}\r\n`).join('')
}

/** Writes the reply of CLUSTER LINKS: outgoing and incoming links of this node. */
export function clusterLinks({ reply, host }: Context, { members }: ClusterReport): void {
  const links = members.flatMap(({ member, peer }) => (peer?.pool.links ?? []).map(linkTo(member.name)))
  for (const { peer, createdAt, outputBufferBytes } of host.clients.values())
    if (peer !== undefined) {
      links.push({ direction: 'from', name: peer.name, since: createdAt, unsent: outputBufferBytes })
    }
  reply.array(links.length)
  for (const { direction, name, since, unsent } of links) {
    reply.map(6)
    reply.bulkText('direction')
    reply.bulkText(direction)
    reply.bulkText('node')
    reply.bulkText(nodeId(name))
    reply.bulkText('create-time')
    reply.integer(Math.floor(since))
    reply.bulkText('events')
    reply.bulkText(unsent > 0 ? 'rw' : 'r')
    reply.bulkText('send-buffer-allocated')
    reply.integer(unsent)
    reply.bulkText('send-buffer-used')
    reply.integer(unsent)
  }
}

interface LinkShown {
  readonly direction: 'to' | 'from'
  readonly name: string
  readonly since: number
  readonly unsent: number
}

function linkTo(name: string): (link: Link) => LinkShown {
  return ({ openedAt, inFlightBytes }) => ({
    direction: 'to',
    name,
    since: openedAt,
    unsent: inFlightBytes,
  })
}

/**
 * INFO's section. `peer0` and so on: the state of each other node, and the requests forwarded to it; `copies0` and
 * so on, by the group's index: hot copies on this node, and this node's keys that others have copies of.
 */
export function clusterSection({ host }: Context): readonly Field[] {
  const { cluster } = host
  if (cluster === undefined) return [['cluster_enabled', 0]]
  const { report } = cluster.status
  if (report === undefined) return [['cluster_enabled', 1]]
  const topology = new Topology()
  topology.update(cluster.owners, report)
  const { self, members, epoch, views, living, isPending } = report
  const owned = (each: MemberReport): number => lengthOf(topology.of(each))
  const peers = members.filter(({ state }) => state !== 'self')
  return [
    ['cluster_enabled', 1],
    ['cluster_state', stateOf(cluster, topology.count(members).assigned)],
    ['cluster_problem', cluster.status.problem ?? 'none'],
    ['cluster_name', self.name],
    ['cluster_members', living],
    ['cluster_known_nodes', members.length],
    ['cluster_epoch', epoch],
    ['cluster_views', views],
    ['cluster_pending', Number(isPending)],
    ['cluster_slots_owned', members.reduce((sum, each) => (each.state === 'self' ? owned(each) : sum), 0)],
    ['cluster_redirect', cluster.redirects ? 'moved' : 'forward'],
    ...peers.map((each, i): Field => [`peer${i}`, line(peerFields(each, owned(each)))]),
    ...host.groups.flatMap((group, i): Field[] =>
      group.copies === undefined ? [] : [[`copies${i}`, line(copyFields(cluster, group))]],
    ),
  ]
}

function peerFields({ member, state, health, peer }: MemberReport, slots: number): Record<string, unknown> {
  const { requests, replies, lost, bytesOut, bytesIn } = peer?.traffic ?? {}
  const latency = health?.latency
  return {
    name: member.name,
    state,
    verdict: health?.status,
    linked: Number(health?.linked ?? false),
    latency_ms: latency === undefined ? '' : latency.toFixed(1),
    falls: health?.failures,
    slots,
    requests,
    replies,
    lost,
    bytes_out: bytesOut,
    bytes_in: bytesIn,
    talk_bytes_out: peer?.controlTraffic.bytesOut,
    talk_bytes_in: peer?.controlTraffic.bytesIn,
    // The ports for clients; 0: it has no such port, or has not announced it yet.
    port: member.clientPorts?.tcp ?? 0,
    tls_port: member.clientPorts?.tls ?? 0,
  }
}

function copyFields(cluster: Cluster, group: Group): Record<string, unknown> {
  const { copies } = group
  const directory = cluster.copies.directoryOf(group)
  return {
    name: group.name,
    hits: copies?.hits,
    installs: copies?.installs,
    updates: copies?.updates,
    invalidations: copies?.invalidations,
    entries: copies?.entries,
    bytes: copies?.bytes,
    held_keys: directory?.size,
    allowed: directory?.registered,
    told: directory?.notified,
    updated: directory?.updated,
  }
}

function line(values: Record<string, unknown>): string {
  return Object.entries(values)
    .map(([name, value]) => `${name}=${value}`)
    .join(',')
}

/** 'ok' when this node has confirmed the owner of every slot. */
function stateOf(cluster: Cluster, assigned: number): string {
  return assigned === cluster.owners.length && !cluster.isLeasePending ? 'ok' : 'fail'
}

// The metrics of the cluster as this node sees it, and of its links to another node.

import type { Cluster } from '../../cluster/cluster.ts'
import type { ClusterReport, MemberReport, MemberState } from '../../cluster/report.ts'
import { byLabel, counter, gauge, type Metric } from './metric.ts'

/** The source of these metrics: one report per scrape. */
export interface ClusterView {
  readonly cluster: Cluster
  readonly report: ClusterReport
  /** By the number of a member: how many slots it owns. */
  readonly slotCounts: Uint16Array
}

/** `undefined`: the node has not joined the cluster yet. */
export function clusterView(cluster: Cluster): ClusterView | undefined {
  const { owners } = cluster
  const { report } = cluster.status
  if (report === undefined) return undefined
  // By index of the owner: any number of 16 bits, as of a slot that nobody owns.
  const slotCounts = new Uint16Array(2 ** 16)
  for (const owner of owners) slotCounts[owner]++
  return { cluster, report, slotCounts }
}

const STATES: readonly MemberState[] = ['self', 'up', 'leaving', 'suspect', 'down', 'unknown']

export const clusterMetrics: readonly Metric<ClusterView>[] = [
  byLabel(
    'gauge',
    'erinys_cluster_members',
    'state',
    'Members by their state: `self`, `up`, `leaving`, `suspect`, `down`, `unknown`.',
    ({ report: { members } }) =>
      STATES.map((state) => [state, members.filter((member) => member.state === state).length]),
  ),
  counter(
    'erinys_cluster_view_changes_total',
    'Changes of the set of members that this node considers alive.',
    ({ report }) => report.views,
  ),
  gauge('erinys_cluster_slots_owned', 'Slots that this node owns.', ({ report, slotCounts }) => {
    const self = report.members.find(({ state }) => state === 'self')
    return self === undefined ? 0 : slotCounts[self.index]
  }),
  gauge(
    'erinys_cluster_slots_unserved',
    'Slots whose owner is down or not known.',
    ({ cluster: { owners }, report: { members }, slotCounts }) => {
      const serving = members.filter(({ state }) => state !== 'down' && state !== 'unknown')
      let served = 0
      for (const { index } of serving) served += slotCounts[index]
      return owners.length - served
    },
  ),
  gauge(
    'erinys_cluster_problem',
    '1 while CLUSTER INFO names a problem that an operator has to fix.',
    ({ cluster }) => Number(cluster.status.problem !== undefined),
  ),
  gauge('erinys_cluster_cut_off', '1 while most other members are silent.', ({ cluster }) =>
    Number(cluster.status.isCutOff),
  ),
  gauge(
    'erinys_cluster_settling',
    '1 while entries of slots that this node has gained are still to come.',
    ({ cluster }) => Number(cluster.isSettling),
  ),
  gauge(
    'erinys_handover_pending_slots',
    'Slots that this node has lost and not handed over yet.',
    ({ report }) => report.handover.pending,
  ),
  counter(
    'erinys_handover_moved_entries_total',
    'Entries that other nodes have taken over.',
    ({ report }) => report.handover.moved,
  ),
  counter(
    'erinys_handover_dropped_entries_total',
    'Entries of lost slots that no other node took over.',
    ({ report }) => report.handover.dropped,
  ),
  counter(
    'erinys_handover_sent_bytes_total',
    'Bytes sent to hand entries over.',
    ({ report }) => report.handover.sentBytes,
  ),
]

/** Another member. */
export interface PeerView {
  readonly member: MemberReport
  readonly slots: number
}

export const peerMetrics: readonly Metric<PeerView>[] = [
  gauge('erinys_peer_up', '1 if this node considers the member alive.', ({ member: { state } }) =>
    Number(state === 'up' || state === 'leaving'),
  ),
  gauge('erinys_peer_slots_owned', 'Slots that the member owns.', ({ slots }) => slots),
  gauge(
    'erinys_peer_links',
    'Open connections to the member.',
    ({ member: { peer } }) => peer?.pool.links.length,
  ),
  gauge(
    'erinys_peer_heartbeat_latency_seconds',
    'The round trip of the last heartbeat.',
    ({ member: { health } }) => health?.latency && health.latency / 1000,
  ),
  gauge(
    'erinys_peer_recent_failures',
    'How often the member has failed in the last two minutes.',
    ({ member: { health } }) => health?.failures,
  ),
  counter(
    'erinys_peer_hops_total',
    'Requests of clients forwarded to the member.',
    ({ member: { peer } }) => peer?.traffic.requests,
  ),
  counter(
    'erinys_peer_hop_replies_total',
    'Replies to them.',
    ({ member: { peer } }) => peer?.traffic.replies,
  ),
  counter(
    'erinys_peer_lost_hops_total',
    'Forwarded requests without a reply, because the link broke or timed out.',
    ({ member: { peer } }) => peer?.traffic.lost,
  ),
  byLabel(
    'counter',
    'erinys_peer_sent_bytes_total',
    'link',
    'Bytes sent to the member: by `data` links, requests of clients; by `control` links, messages of the nodes.',
    ({ member: { peer } }) =>
      peer === undefined
        ? []
        : [
            ['data', peer.traffic.bytesOut],
            ['control', peer.controlTraffic.bytesOut],
          ],
  ),
  byLabel(
    'counter',
    'erinys_peer_received_bytes_total',
    'link',
    'Bytes received from the member over these links.',
    ({ member: { peer } }) =>
      peer === undefined
        ? []
        : [
            ['data', peer.traffic.bytesIn],
            ['control', peer.controlTraffic.bytesIn],
          ],
  ),
]

// Collects the reports of this node and its peers: the input of the view, and the gossip that is sent on.

import type { Member } from '../member.ts'
import type { ListDifference, MemberNames } from '../membership/member-names.ts'
import type { PeerReport } from './events.ts'
import type { PeerHealth } from './health.ts'
import type { PeerState } from './peer-state.ts'
import type { GossipedState, Suspicion, Suspicions, Tombstone } from './state.ts'
import { isResponsive, type Report, type ReportSet } from './view.ts'

/** One other member, as this node knows it. */
export interface Peer {
  /** As the membership lists it. */
  readonly member: Member
  readonly health: PeerHealth
  readonly state: PeerState
}

export type Peers = ReadonlyMap<string, Peer>

/** This node's own report. */
export function localReport(peers: Peers, disconnected: boolean): Report {
  const suspects: Record<string, Suspicion> = {}
  const unknown: string[] = []
  for (const [name, { health }] of peers) {
    if (health.suspicion) suspects[name] = health.suspicion
    if (health.status === 'unknown') unknown.push(name)
  }
  return { suspects, disconnected, unknown }
}

/** This node's part in `collectReports`. */
export interface OwnPart {
  readonly name: string
  readonly report: Report
  /** Whether this node may be in the view. */
  readonly present: boolean
  readonly listed: MemberNames
}

/** All reports that this node has. A member counts as suspected by those whose lists do not contain it. */
export function collectReports(
  peers: Peers,
  { name: self, report: own, present, listed }: OwnPart,
): ReportSet {
  const eligible = new Set<string>()
  const reports = new Map<string, Report | undefined>([[self, own]])
  const newest = new Map<string, GossipedState>()
  const barred = new Set<string>()
  if (present) eligible.add(self)
  for (const [name, { health, state }] of peers) {
    if (state.message?.leaving) {
      // A member cannot hand slots over to one that it does not know.
      const list = health.isAlive ? state.otherList(listed) : undefined
      for (const missing of list === undefined ? [] : listed.without(list)) barred.add(missing)
      continue
    }
    eligible.add(name)
    if (!health.isAlive) continue
    reports.set(name, withUnlisted(state, listed))
    for (const [other, relayed] of Object.entries(state.message?.gossip ?? {})) {
      const known = newest.get(other)
      if (!known || relayed.serial > known.serial) newest.set(other, relayed)
    }
  }
  for (const name of barred) eligible.delete(name)
  const gossip = new Map<string, Report>()
  for (const [name, relayed] of newest) {
    const report = reports.get(name)
    const message = peers.get(name)?.state.message
    if (!report) gossip.set(name, { ...relayed, unknown: [] })
    else if (message && message.runId === relayed.runId && message.serial < relayed.serial) {
      // The relayed state is newer, but it does not contain every suspicion: those of the older message still count.
      const suspects = { ...report.suspects, ...relayed.suspects }
      reports.set(name, { ...report, disconnected: relayed.disconnected, suspects })
    }
  }
  return { eligible, reports, gossip }
}

/** A peer's report, and as suspects those that it does not list. */
function withUnlisted(state: PeerState, own: MemberNames): Report | undefined {
  const { message } = state
  const list = state.otherList(own)
  if (message === undefined || list === undefined) return message
  const suspects: Record<string, Suspicion> = {}
  for (const name of own.without(list)) suspects[name] = 'unlisted'
  return { ...message, suspects: { ...message.suspects, ...suspects } }
}

/**
 * The states to relay: those of peers that some member may not be able to reach, limited to suspicions against
 * members that some member can reach.
 *
 * @param own this node's report
 */
export function gossipOf(
  peers: Peers,
  reached: ReadonlySet<string>,
  own: Report,
): Record<string, GossipedState> {
  const present = new Map<string, PeerState>()
  for (const [name, { health, state }] of peers)
    if (health.isAlive && state.message && !state.message.leaving) present.set(name, state)
  const unheard = new Set<string>()
  const add = ({ suspects, disconnected }: Pick<Report, 'suspects' | 'disconnected'>): void => {
    for (const name in suspects) if (!disconnected || !isResponsive(suspects[name])) unheard.add(name)
  }
  add(own)
  for (const { message } of present.values()) add(message!)
  const gossip: Record<string, GossipedState> = {}
  for (const name of unheard) {
    const { message, stateSerial } = present.get(name) ?? {}
    if (message === undefined || stateSerial === undefined) continue
    const { runId, epoch, disconnected } = message
    const suspects: Record<string, Suspicion> = {}
    const tombstones: Record<string, Tombstone> = {}
    for (const other in message.suspects) {
      if (!reached.has(other)) continue
      suspects[other] = message.suspects[other]
      if (message.tombstones[other]) tombstones[other] = message.tombstones[other]
    }
    if (Object.keys(suspects).length > 0) {
      gossip[name] = { runId, serial: stateSerial, epoch, disconnected, suspects, tombstones }
    }
  }
  return gossip
}

/** Whether a reachable member is suspected for another reason than a refused connection. */
export function suspectsAny(suspects: Suspicions, reached: ReadonlySet<string>): boolean {
  for (const name in suspects) if (reached.has(name) && suspects[name] !== 'refused') return true
  return false
}

/** Whether more than half of the others are silent. Members whose process has ended, or that leave, do not count. */
export function isolationOf(peers: Peers): { readonly isolated: boolean; readonly others: number } {
  let silent = 0
  let others = 0
  for (const { health, state } of peers.values()) {
    if (health.suspicion === 'refused' || state.message?.leaving) continue
    others++
    if (health.suspicion === 'silent') silent++
  }
  return { isolated: silent * 2 > others, others }
}

/** The members of these names, sorted by name. The weight that a member reports overrides the listed one. */
export function membersOf(names: Iterable<string>, self: Member, peers: Peers): Member[] {
  return [...names].sort().map((name) => {
    if (name === self.name) return self
    const { member, state } = peers.get(name)!
    const weight = state.message?.weight ?? member.weight
    return weight === member.weight ? member : { ...member, weight }
  })
}

/**
 * How the lists of the peers that are alive differ from this node's.
 *
 * @param epoch that of this node's view
 */
export function listDifferences(peers: Peers, own: MemberNames, epoch: number): ListDifference[] {
  const differences: ListDifference[] = []
  for (const [name, { health, state }] of peers) {
    const list = health.isAlive && !state.message?.leaving ? state.otherList(own) : undefined
    if (list === undefined) continue
    const hasOtherView = state.message !== undefined && state.message.epoch !== epoch
    differences.push({ name, lacks: own.without(list), adds: list.without(own), hasOtherView })
  }
  return differences
}

export function peerReports(peers: Peers): PeerReport[] {
  return [...peers].map(([name, { state, health }]) => {
    const { status, suspicion, since, lastHeard, latency, failures, linked } = health
    const hasLeft = status === 'down' && state.message?.leaving === true
    return {
      name,
      runId: state.runId,
      status,
      suspicion,
      since,
      lastHeard,
      latency,
      failures,
      linked,
      hasLeft,
    }
  })
}

// The state of the cluster for CLUSTER commands, INFO and the dashboard: members, their health, and slot ranges.

import type { Peer } from './links/peer.ts'
import type { Detector } from './liveness/detector.ts'
import type { PeerReport } from './liveness/events.ts'
import type { Member } from './member.ts'
import { SELF, UNKNOWN_OWNER } from './ownership/protocol.ts'

/**
 * `leaving`: alive, and handing its slots over. `suspect`: on probation, or up for this node but not for the others.
 * `unknown`: this node has not reached it yet.
 */
export type MemberState = 'self' | 'up' | 'leaving' | 'suspect' | 'down' | 'unknown'

export interface MemberReport {
  readonly member: Member
  /** Its number in `Ownership.owners`. */
  readonly index: number
  readonly state: MemberState
  /** Both are `undefined` for this node. */
  readonly peer: Peer | undefined
  readonly health: PeerReport | undefined
}

export interface ClusterReport {
  readonly self: Member
  /** The fingerprint of the live members, and the number of views that this process has had. */
  readonly epoch: number
  readonly views: number
  /** The number of live members, as seen by this node. */
  readonly living: number
  /** Whether this node still waits for votes or for the release of slots. */
  readonly isPending: boolean
  /** All listed members and this node, sorted by name: the same order on every node. */
  readonly members: readonly MemberReport[]
  /** What this node has handed over since it started. */
  readonly handover: HandoverReport
}

/** The entries of slots that this node no longer owns. */
interface HandoverReport {
  /** Slots not handed over yet. */
  readonly pending: number
  /** Entries taken by others, entries dropped, and bytes sent. */
  readonly moved: number
  readonly dropped: number
  readonly sentBytes: number
}

/** The sources of a report. */
export interface ReportSources {
  readonly self: Member
  readonly detector: Pick<Detector, 'view' | 'peers'>
  readonly ownership: { readonly isPending: boolean }
  readonly relocation: { readonly handover: HandoverReport }
}

/** @param leaving names of the leaving members */
export function reportOf(
  { self, detector, ownership, relocation }: ReportSources,
  peers: Iterable<Peer>,
  leaving: readonly string[],
): ClusterReport {
  const { members: living, epoch, counter } = detector.view
  const inView = new Set(living.map(({ name }) => name))
  const healths = new Map(detector.peers().map((health) => [health.name, health]))
  const members: MemberReport[] = [
    { member: self, index: SELF, state: 'self', peer: undefined, health: undefined },
  ]
  for (const peer of peers) {
    const health = healths.get(peer.name)
    const state = stateOf(health, inView.has(peer.name), leaving.includes(peer.name))
    const { member, clientPorts } = peer
    members.push({
      member: clientPorts === undefined ? member : { ...member, clientPorts },
      index: peer.index,
      state,
      peer,
      health,
    })
  }
  members.sort((a, b) => (a.member.name < b.member.name ? -1 : 1))
  const { isPending } = ownership
  const { pending, moved, dropped, sentBytes } = relocation.handover
  const handover = { pending, moved, dropped, sentBytes }
  return { self, epoch, views: counter, living: living.length, isPending, members, handover }
}

function stateOf(health: PeerReport | undefined, isInView: boolean, isLeaving: boolean): MemberState {
  if (health === undefined || health.status === 'unknown') return 'unknown'
  if (health.status === 'down') return 'down'
  if (health.status !== 'up') return 'suspect'
  if (isLeaving) return 'leaving'
  return isInView ? 'up' : 'suspect'
}

/** A range of slots with one owner; both ends are included. */
export interface SlotRange {
  readonly first: number
  readonly last: number
  /** A number in `Ownership.owners`. */
  readonly owner: number
}

/** The slots with a known owner as maximal ranges, ascending. */
export function rangesOf(owners: Uint16Array): SlotRange[] {
  const ranges: SlotRange[] = []
  for (let first = 0; first < owners.length; ) {
    const owner = owners[first]
    let last = first
    while (last + 1 < owners.length && owners[last + 1] === owner) last++
    if (owner !== UNKNOWN_OWNER) ranges.push({ first, last, owner })
    first = last + 1
  }
  return ranges
}

// What a node tells of its cluster: who the members are, how each is doing, and which slots they own.

import type { Peer } from './links/peer.ts'
import type { Detector } from './liveness/detector.ts'
import type { PeerReport } from './liveness/events.ts'
import type { Member } from './member.ts'
import { SELF, UNKNOWN_OWNER } from './ownership/protocol.ts'

/**
 * `leaving`: there, and giving its slots away. `suspect`: on probation, or up for this node and not for the others.
 * `unknown`: this node has not reached it yet.
 */
export type MemberState = 'self' | 'up' | 'leaving' | 'suspect' | 'down' | 'unknown'

export interface MemberReport {
  readonly member: Member
  /** Its number in tables of owners. */
  readonly index: number
  readonly state: MemberState
  /** Both `undefined`: it is this node. */
  readonly peer: Peer | undefined
  readonly health: PeerReport | undefined
}

export interface ClusterReport {
  readonly self: Member
  /** The fingerprint of the members that live, and how many views this process has had. */
  readonly epoch: number
  readonly views: number
  /** How many members live, as this node sees it. */
  readonly living: number
  /** Whether this node still waits for the consent of others to what it is to own. */
  readonly isPending: boolean
  /** All that are listed and this node, by name: the same order on every node. */
  readonly members: readonly MemberReport[]
}

/** What is known to a node that has joined. */
export interface ReportSources {
  readonly self: Member
  readonly detector: Pick<Detector, 'view' | 'peers'>
  readonly ownership: { readonly isPending: boolean }
}

/** @param leaving those that give their slots away, by name */
export function reportOf(
  { self, detector, ownership }: ReportSources,
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
    members.push({ member: peer.member, index: peer.index, state, peer, health })
  }
  members.sort((a, b) => (a.member.name < b.member.name ? -1 : 1))
  const { isPending } = ownership
  return { self, epoch, views: counter, living: living.length, isPending, members }
}

function stateOf(health: PeerReport | undefined, isInView: boolean, isLeaving: boolean): MemberState {
  if (health === undefined || health.status === 'unknown') return 'unknown'
  if (health.status === 'down') return 'down'
  if (health.status !== 'up') return 'suspect'
  if (isLeaving) return 'leaving'
  return isInView ? 'up' : 'suspect'
}

/** Slots from one to another, both included, of one owner. */
export interface SlotRange {
  readonly first: number
  readonly last: number
  /** A number in tables of owners. */
  readonly owner: number
}

/** The slots that somebody owns, as ranges: ascending, and as long as they can be. */
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

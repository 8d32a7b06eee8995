// The parts of a cluster that exist once the node knows its own name, connected to each other.

import { keySlot } from '../bytes/crc16.ts'
import type { Group } from '../group/group.ts'
import { ControlChannel } from './control-channel.ts'
import type { HotCopies } from './copies/copying.ts'
import type { PendingWrites } from './handover/pending-writes.ts'
import { Relocation } from './handover/relocation.ts'
import { Leaving } from './leaving.ts'
import type { Mesh } from './links/mesh.ts'
import type { Reply } from './links/request.ts'
import { Detector } from './liveness/detector.ts'
import type { DetectorEvents } from './liveness/events.ts'
import type { StateMessage } from './liveness/state.ts'
import type { Member } from './member.ts'
import { ListAgreement } from './membership/list-agreement.ts'
import { NameConflict } from './membership/name-conflict.ts'
import type { ClusterOptions } from './options.ts'
import { Ownership } from './ownership/ownership.ts'
import { Partition } from './partition.ts'
import { assignSlots, epochOf, TABLE_VERSION } from './ring/slots.ts'

export interface Parts {
  readonly self: Member
  readonly detector: Detector
  readonly ownership: Ownership
  readonly controlChannel: ControlChannel
  readonly relocation: Relocation
  readonly leaving: Leaving
  readonly listAgreement: ListAgreement
  readonly partition: Partition
  readonly nameConflict: NameConflict
}

/** A flush takes at most this many timeouts to reach a node. */
const RELAY_TIMEOUTS = 10

/** Lists from DNS or etcd may differ between members for this long, ms, before that is logged. */
const DYNAMIC_LIST_DELAY_MS = 30_000

/** The part of the cluster that the parts use, and their notifications. */
export interface PartsOptions {
  readonly cluster: ClusterOptions
  readonly self: Member
  readonly mesh: Mesh
  readonly copies: HotCopies
  readonly pendingWrites: PendingWrites
  readonly events: Omit<DetectorEvents, 'onChanged'>
  readonly memberOf: (name: string) => Member
  /** Sends a request to another node on its control link. */
  readonly ask: (name: string, group: Group, args: readonly (string | Buffer)[]) => Promise<Reply>
  /** A context for requests that do not depend on any. */
  readonly context: () => number
  /** The names of the live members, including those that are leaving. */
  readonly live: () => ReadonlySet<string>
  /** The names of the members that have connections to this node. */
  readonly connected: () => readonly string[]
  /** A peer has replied with its state. */
  readonly stateReceived: (name: string, message: StateMessage) => void
  /** The owners of some slots have changed. */
  readonly ownersChanged: () => void
  /** Votes or releases may have changed what the owners agree about. */
  readonly agreementChanged: () => void
}

export function createParts(options: PartsOptions): Parts {
  const { self, mesh, copies, pendingWrites, events, ask, ownersChanged } = options
  const { settings, groups, clock, instant, timers, micros, runId, membership, log } = options.cluster
  const detector = new Detector({
    self,
    runId,
    clock,
    timers,
    timeout: settings.timeout,
    epochOf,
    tableVersion: TABLE_VERSION,
    repliedAt: (name) => mesh.get(name)?.repliedAt ?? 0,
    events: { ...events, onChanged: () => controlChannel.sendHeartbeats() },
  })
  const ownership: Ownership = new Ownership({
    self: self.name,
    firstSequence: clock.now() * 1000,
    indexOf: (name) => mesh.numberOf(name),
    nameOf: (index) => mesh.peers[index]?.name ?? '',
    assign: (names) => assignSlots(names.map(options.memberOf)),
    busy: (slot) => relocation.takeover.isBusy(slot) || pendingWrites.has(slot) || partition.isWaiting(slot),
    gained: (slots, from) => {
      partition.gained(slots, from)
      relocation.gained(slots, from)
      ownersChanged()
    },
    lost: (slots, to) => {
      // The new owners do not know which nodes hold copies.
      copies.recallAll()
      const given = new Set(slots)
      const isGiven = (key: Buffer): boolean => given.has(keySlot(key, 0, key.length))
      for (const { flights } of groups) flights?.fenceThose(isGiven)
      pendingWrites.slotsLost(given)
      partition.lost(slots)
      relocation.lost(slots, to)
      ownersChanged()
    },
    moved: ownersChanged,
  })
  const partition = new Partition({
    groups,
    majority: detector.majority,
    clock,
    timers,
    timeout: settings.timeout,
    log,
    live: options.live,
    isAgreed: () => ownership.agreedEpoch !== 0,
  })
  const relocation: Relocation = new Relocation({
    self: self.name,
    groups,
    instant,
    timers,
    micros,
    rate: settings.handoverRate,
    relayMs: RELAY_TIMEOUTS * settings.timeout,
    expectsEntries: (slot, from) => ownership.expectsEntries(slot, from),
    handedOver: (slots, to) => ownership.handedOver(slots, to),
    ask,
    warn: (message) => log.warn({}, message),
  })
  const nameConflict = new NameConflict({ self: self.name, clock, log, timeout: 2 * settings.timeout })
  const controlChannel = new ControlChannel({
    detector,
    ownership,
    peers: () => mesh,
    peer: (name) => mesh.get(name),
    clock,
    timers,
    pingInterval: settings.pingInterval,
    isLeaving: () => leaving.isLeaving,
    refused: (error) => nameConflict.answered(error),
    stateReceived: options.stateReceived,
    context: options.context,
    agreementChanged: options.agreementChanged,
  })
  const leaving: Leaving = new Leaving({
    self: self.name,
    detector,
    ownership,
    handover: relocation.handover,
    controlChannel,
    membership,
    known: () => {
      const alive = detector.peers().filter(({ status }) => status === 'up' || status === 'probation')
      return [...new Set([...alive.map(({ name }) => name), ...options.connected()])]
    },
    farewell: (name) => ask(name, groups[0], ['PEER', 'FAREWELL']),
    timers,
    log,
    isLast: () => options.live().size <= 1,
  })
  const { timeout } = settings
  const listAgreement = new ListAgreement({
    differences: () => detector.listDifferences(),
    otherVersions: () => detector.peersOfOtherVersions,
    lists: (name) => name === self.name || mesh.get(name) !== undefined,
    clock,
    log,
    interval: settings.pingInterval,
    delay: membership.kind === 'static' ? timeout : Math.max(timeout, DYNAMIC_LIST_DELAY_MS),
    timeout: 2 * timeout,
  })
  return {
    self,
    detector,
    ownership,
    controlChannel,
    relocation,
    leaving,
    listAgreement,
    partition,
    nameConflict,
  }
}

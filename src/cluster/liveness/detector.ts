// The failure detector: decides which members are alive, and computes the view from that.
//
// HEARTBEATS. Every node keeps one control link to every other node. At each heartbeat interval, and soon when its
// report changes, it sends its state to all peers; each answers with its own. So n nodes exchange n² messages per
// interval. One that repeats what its receiver knows is short and costs no pass over the members (heartbeats/repeat.ts).
//
// STATUS OF A PEER, as one node observes it (health.ts):
//
//     unknown ──link ready──→ up ──connection refused, or silent for `timeout`──→ down
//                             ↑                                                    │ ↑
//                             └──probation is over── probation ←──an answer────────┘ │
//                                                       └───refused, or silent───────┘
//
//   A peer that was never reached and refuses connections may just be starting. For the first `timeout` it stays unknown
//   then: others may have reached it a moment earlier, and share slots with it.
//   A connection that is closed and opened again changes nothing, except on probation, which it restarts. A process
//   that was replaced by another one (a new run ID) counts as refused.
//
// VIEW (reports.ts, view.ts). A node suspects every peer that is down or on probation, and tells all peers so. It also
// relays reports of members that some cannot reach (gossip). Every node computes the view from all reports by the same
// rules, so nodes that can reach each other come to the same view and epoch. In a large cluster it does so at intervals,
// for many reports together (heartbeats/batch.ts).
//
// DEATH (declarations.ts, tombstones.ts). A node that declares a peer dead takes over slots of it and keeps a tombstone.
// A node that finds a tombstone of its own run drops what it holds. A tombstone is weak if the declaring node could
// not reach most of the others: then it was probably itself cut off.
//
// TIMERS, ms: the heartbeat interval (set by the caller, by default `timeout` / 4); `timeout`, after which silence is
// death, up to twice that while this node's own heartbeats are late (heartbeats/local-health.ts); probation, from 500
// doubling to 30,000 with each failure within 120,000; the lease check, at most `timeout`.
//
// INVARIANTS
// - A node that was declared dead learns it (onDeclaredDead) before an event lets it serve.
// - After a pause of this process longer than `pauseThreshold`, silence is measured from zero and a lease check runs
//   (lease-check.ts): the pause says nothing about peers, but peers may have declared this node dead.
// - A message of an ended run, or one older than the newest of its run, has no effect.
// - There is no view before the detector is settled.
//
// INTERFACE. The rest of the program uses `Detector`, the types of events.ts, and of a StateMessage only `name`,
// `runId` and `leaving`. The detector opens no connections and sends nothing: its caller reports what happened on
// links, calls `tick`, and sends what `exchange` writes. Only batches (heartbeats/batch.ts) use a timer. So another
// protocol (SWIM, leases in etcd) replaces this folder and the caller's heartbeat loop (control-channel.ts), and
// nothing else. Receiving a heartbeat and answering it is synchronous and depends on no client's request, so both may
// be done ahead of these.
//
// More than 300 lines: a quarter is this description. The detector decides in which order its parts learn of an input;
// what each part concludes is in its own file.

import type { LinkFailure } from '../links/link.ts'
import type { Member } from '../member.ts'
import type { ListDifference } from '../membership/member-names.ts'
import { Announcer } from './announcer.ts'
import { Declarations } from './declarations.ts'
import { Derived } from './derived.ts'
import type { DetectorOptions, PeerReport, View } from './events.ts'
import { Batch, batchInterval } from './heartbeats/batch.ts'
import { Exchange } from './heartbeats/exchange.ts'
import { LocalHealth } from './heartbeats/local-health.ts'
import type { State } from './heartbeats/own-state.ts'
import { LeaseCheck } from './lease-check.ts'
import { LocalView } from './local-view.ts'
import { Majority } from './majority.ts'
import { PeerTable } from './peer-table.ts'
import { type Peer, peerReports } from './reports.ts'
import type { HeartbeatPart, StateMessage } from './state.ts'

export class Detector {
  readonly #options: DetectorOptions
  readonly #pauseThreshold: number
  readonly #peers: PeerTable
  readonly #declarations: Declarations
  readonly #localView: LocalView
  readonly #localHealth: LocalHealth
  readonly #derived: Derived
  readonly #announcer: Announcer
  readonly #batch: Batch
  /** When the detector was last called. */
  #lastRun: number
  #isUnlisted = false
  readonly majority: Majority
  /** Writes and reads heartbeats. */
  readonly exchange: Exchange
  #isRegistered = true
  #isLeaving = false
  #leaseCheck: LeaseCheck | undefined
  #isConcluding = false
  #mustRepeat = false

  constructor(options: DetectorOptions) {
    this.#options = options
    const { self, runId, clock, timeout, epochOf, events, probation = {} } = options
    const { shortest = 500, longest = 30_000, window = 120_000 } = probation
    this.#pauseThreshold = options.pauseThreshold ?? timeout / 2
    this.#lastRun = clock.now()
    this.majority = new Majority(self.name)
    this.#localHealth = new LocalHealth(timeout)
    const rules = { timeout, local: this.#localHealth, shortest, longest, window }
    this.#peers = new PeerTable({ self: self.name, runId, rules })
    this.#derived = new Derived(this.#peers.listed)
    this.#declarations = new Declarations(this.#peers, (name) => {
      this.#derived.changed()
      events.onPeerDown(name)
    })
    this.#localView = new LocalView(self, this.#peers.listed)
    this.#announcer = new Announcer({
      events,
      epochOf,
      conclusions: {
        takeDeclaredDead: () => this.#declarations.takeDeclaredDead(),
        isLeaseCheckRunning: () => this.#leaseCheck !== undefined,
        canSettle: () => this.#peers.hasTriedAll(this.#lastRun),
      },
    })
    this.#batch = new Batch(options.timers, options.batchMs ?? ((peers) => batchInterval(peers, timeout)))
    this.exchange = new Exchange({
      self,
      runId,
      clock,
      peers: this.#peers,
      state: () => this.#state(),
      listed: () => this.#peers.names,
      leaseFor: (name) => this.#leaseFor(name),
    })
  }

  // Inputs.

  /** The members that the membership source lists. This node may be among them. */
  setMembers(list: readonly Member[]): void {
    const now = this.#run()
    const removed = this.#peers.update(list, now)
    this.majority.listed(this.#peers.names.names)
    for (const { name, runId } of removed) {
      // It may not know that it is no longer listed, and go on to serve its slots.
      this.#declarations.declare(name, runId, now)
    }
    this.#conclude(now)
  }

  /** The handshake of our control link to the peer is complete. */
  linkReady(name: string, runId: string): void {
    const now = this.#run()
    const peer = this.#peers.get(name)
    if (!peer || peer.state.hasEnded(runId)) return
    this.#observeRun(name, peer, runId, now)
    peer.health.linkReady(now)
    this.#concludeSoon(name, now)
  }

  /**
   * Something was received over our control link to the peer.
   *
   * @param latency the round trip of a heartbeat, ms, if that is what was received
   */
  heard(name: string, latency?: number): void {
    const now = this.#run()
    this.#peers.get(name)?.health.heard(now, latency)
  }

  /** Our control link to the peer broke, or could not be opened. */
  linkBroken(name: string, how: LinkFailure): void {
    const now = this.#run()
    const peer = this.#peers.get(name)
    if (!peer) return
    this.#noteReplies(name, peer)
    this.#declarations.declareIfDown(name, peer, now, () => peer.health.linkBroken(how, now))
    this.#concludeSoon(name, now)
  }

  /** A message of the peer was received: a heartbeat over its link, or an answer over ours. */
  receive(name: string, message: StateMessage): void {
    const now = this.#run()
    const peer = this.#peers.get(name)
    if (!peer || peer.state.hasEnded(message.runId)) return
    const { state, health } = peer
    this.#observeRun(name, peer, message.runId, now)
    this.#declarations.readTombstones(peer, message, this.view.epoch)
    const isOutdated = state.isOutdated(message)
    let isNews = state.update(message)
    const { status, tried, isAlive } = health
    if (message.answers !== undefined) health.answered(now)
    const cameAlive = !isAlive && health.isAlive
    const owns = this.#derived.isIn(this.view, this.#options.self.name)
    if (state.conflictEnds(message, { isOutdated, cameAlive, owns }, this.view.epoch))
      this.#declarations.declareSelf()
    if (message.answers !== undefined) {
      this.#declarations.answered(name)
      state.answered(message.answers)
      this.#leaseCheck?.answered(name, message.answers)
      this.majority.granted(name, (message.answersAt ?? 0) + (message.lease ?? 0))
      isNews ||= health.status !== status || !tried
    }
    if (isNews || this.#declarations.isDeclaredDead || this.#leaseCheck) this.#concludeSoon(name, now)
  }

  /**
   * An ownership message was received, before the peer's next heartbeat. If the peer has declared this node dead, this
   * node must drop its entries now, not those that it is about to take over.
   *
   * @param hasEpoch whether the peer has this node's epoch
   */
  ownershipReceived(name: string, { serial = 0, tombstone }: HeartbeatPart, hasEpoch: boolean): void {
    const now = this.#run()
    const peer = this.#peers.get(name)
    if (!peer || !this.#declarations.readPart(peer, tombstone, hasEpoch ? serial : undefined)) return
    this.#conclude(now)
  }

  /** The part of an ownership message to the peer that is not about slots. */
  heartbeatPart(name: string): HeartbeatPart {
    return { serial: this.exchange.serial, tombstone: this.#declarations.tombstoneOf(name) }
  }

  /** Whether this node is registered as a member: false while its lease at the membership source is lost. */
  setRegistered(isRegistered: boolean): void {
    const now = this.#run()
    if (this.#isRegistered && !isRegistered) this.#declarations.declareSelf()
    this.#isRegistered = isRegistered
    this.#conclude(now)
  }

  /** This node drains and will close: it is in no view from now on. */
  leave(): void {
    const now = this.#run()
    this.#isLeaving = true
    this.#conclude(now)
  }

  /**
   * Time has passed. Call with each heartbeat, and whenever this process may have been paused.
   *
   * @param late how long after its time the heartbeat is sent, ms
   */
  tick(late = 0): void {
    const now = this.#run()
    this.#localHealth.sent(late)
    const { name: self } = this.#options.self
    if (this.#declarations.prune(now)) this.exchange.changed()
    let isNews = this.#batch.isPending || !this.settled || this.#leaseCheck !== undefined
    for (const [name, peer] of this.#peers.listed) {
      this.#noteReplies(name, peer)
      const { health, state } = peer
      const { status, suspicion } = health
      const suspectedFor = state.message?.suspects[self]
      this.#declarations.declareIfDown(name, peer, now, () => health.tick(now, suspectedFor))
      isNews ||= health.status !== status || health.suspicion !== suspicion
    }
    if (!this.#peers.isFinal) this.exchange.changed()
    if (isNews) this.#conclude(now)
  }

  /** No input follows. */
  stop(): void {
    this.#batch.stop()
  }

  // Outputs.

  #state(): State {
    const { self, tableVersion } = this.#options
    const { report, reached } = this.#localView
    const isListFinal = this.#peers.checkFinal(this.#lastRun)
    return {
      epoch: this.view.epoch,
      table: tableVersion,
      weight: self.weight,
      ...(self.clientPorts && { clientPorts: self.clientPorts }),
      leaving: !this.#isPresent,
      ...report,
      list: isListFinal ? this.#peers.names.fingerprint : '',
      tombstones: this.#declarations.tombstones,
      weakTombstones: this.#declarations.weakTombstones,
      gossip: this.#derived.gossip(reached, report),
    }
  }

  /** How long this node will not consider a member dead, ms; 0: the member is not in the view. */
  #leaseFor(name: string): number {
    const peer = this.#peers.get(name)
    if (peer === undefined || !peer.health.isAlive) return 0
    const isIn = peer.state.message?.leaving || this.#derived.isIn(this.view, name)
    const { clock, timeout } = this.#options
    return isIn ? Math.max(0, timeout - (clock.now() - peer.health.lastHeard)) : 0
  }

  get view(): View {
    return this.#announcer.view
  }

  get settled(): boolean {
    return this.#announcer.isSettled
  }

  get isolated(): boolean {
    return this.#announcer.isIsolated
  }

  /** Whether this node is isolated from several others. With a single other one, neither can tell who is cut off. */
  get isCutOff(): boolean {
    return this.#declarations.isCutOff
  }

  get isLeaseCheckRunning(): boolean {
    return this.#announcer.isLeaseCheckRunning
  }

  /** Peers that list other members than this node. */
  listDifferences(): ListDifference[] {
    return this.#derived.listDifferences(this.#peers.names, this.view.epoch)
  }

  /** The names of live peers that compute other owners of the slots: they run another version of the program. */
  get peersOfOtherVersions(): string[] {
    return this.#peers.ofOtherVersions(this.#options.tableVersion)
  }

  /**
   * The names of live peers that are leaving. By their newest messages: an older one may arrive later, on the other of
   * two links, and a node that leaves must not be mistaken for one that stays, or for one that is gone.
   */
  get leavingPeers(): string[] {
    return [...this.#derived.leaving]
  }

  peers(): PeerReport[] {
    return peerReports(this.#peers.listed)
  }

  /** Begins every input: detects that this process was paused since the last one. */
  #run(): number {
    const now = this.#options.clock.now()
    const elapsed = now - this.#lastRun
    this.#lastRun = now
    if (elapsed <= this.#pauseThreshold) return now
    const waiting = new Set<string>()
    for (const [name, peer] of this.#peers.listed) {
      peer.health.resetSilence(now)
      this.#declarations.paused(peer, this.exchange.serial)
      if (peer.health.isAlive) waiting.add(name)
    }
    this.#leaseCheck = new LeaseCheck(waiting, this.exchange.serial, now + this.#options.timeout)
    // Makes the announcer send heartbeats now: their answers end the lease check.
    this.#announcer.repeatReport()
    this.#conclude(now)
    return now
  }

  /** Replies to forwarded requests show that both directions work and the process runs, as answers do. */
  #noteReplies(name: string, { health }: Peer): void {
    health.repliedAt(this.#options.repliedAt?.(name) ?? 0)
  }

  #observeRun(name: string, { state, health }: Peer, runId: string, now: number): void {
    if (state.observeRun(runId)) health.restarted(now)
    this.#declarations.observeRun(name, runId)
  }

  /**
   * There is news of a peer: concludes now or, in a large cluster, for several messages together. News that stop or
   * resume serving are never delayed.
   */
  #concludeSoon(name: string, now: number): void {
    this.#derived.peerChanged(name)
    const isUrgent =
      this.#declarations.isDeclaredDead ||
      this.#leaseCheck?.isOver(now, (name) => this.#peers.isAlive(name)) === true
    const later = (): void => {
      const then = this.#run()
      if (this.#batch.isPending) this.#conclude(then)
    }
    const isDue = this.#isConcluding || isUrgent
    if (isDue || this.#batch.isDue(now, this.#peers.listed.size, later)) this.#conclude(now)
  }

  /** Recomputes the view and the report, and announces changes. Listeners may call the detector. */
  #conclude(now: number): void {
    this.#derived.changed()
    this.exchange.changed()
    if (this.#isConcluding) {
      this.#mustRepeat = true
      return
    }
    this.#isConcluding = true
    try {
      do {
        this.#mustRepeat = false
        this.#announce(now)
      } while (this.#mustRepeat)
    } finally {
      this.#isConcluding = false
      this.#batch.concluded(now)
      this.#derived.changed()
      this.exchange.changed()
    }
  }

  #announce(now: number): void {
    const isIsolated = this.#declarations.updateIsolation(this.exchange.serial, now - this.#options.timeout)
    const view = this.#localView.update(this.#isPresent, this.#peers.names)
    this.#derived.changed()
    this.#updateUnlisted(view)
    if (this.#leaseCheck?.isOver(now, (name) => this.#peers.isAlive(name))) this.#leaseCheck = undefined
    const report = JSON.stringify([this.#localView.report, this.#isPresent])
    this.#announcer.announce(view, isIsolated, report)
  }

  /** This node is kept out of the ring by the list of a member in it. Others own its slots then. */
  #updateUnlisted(view: readonly Member[]): void {
    const { self } = this.#options
    const isUnlisted =
      this.#isPresent &&
      !view.includes(self) &&
      view.some(
        ({ name }) => this.#peers.get(name)?.state.otherList(this.#peers.names)?.has(self.name) === false,
      )
    if (isUnlisted && !this.#isUnlisted) this.#declarations.declareSelf()
    this.#isUnlisted = isUnlisted
  }

  get #isPresent(): boolean {
    return this.#isRegistered && !this.#isLeaving
  }
}

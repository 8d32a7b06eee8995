// Joins the parts of the cluster on one node: links, failure detection, ownership of slots, handover and hot copies.

import { createHash } from 'node:crypto'
import type { Socket } from 'node:net'
import type { Clock, Timers } from '../bytes/clock.ts'
import { keySlot, SLOT_COUNT } from '../bytes/crc16.ts'
import type { Hasher } from '../bytes/hash.ts'
import type { Instant } from '../bytes/instant.ts'
import type { Group } from '../group/group.ts'
import type { Args } from '../resp/args.ts'
import { ControlChannel } from './control-channel.ts'
import { type GrantedCopy, type Holder, HotCopies } from './copies/copying.ts'
import { PendingWrites } from './handover/pending-writes.ts'
import { Relocation } from './handover/relocation.ts'
import type { TransferredEntry } from './handover/takeover.ts'
import { Leaving } from './leaving.ts'
import type { Identity } from './links/handshake.ts'
import type { Link, LinkFailure } from './links/link.ts'
import { Mesh } from './links/mesh.ts'
import type { Peer } from './links/peer.ts'
import { ask, type Reply } from './links/request.ts'
import { type RequestContext, RequestContexts } from './links/request-contexts.ts'
import { Detector } from './liveness/detector.ts'
import type { PeerReport, View } from './liveness/events.ts'
import { isStateMessage, type StateMessage } from './liveness/state.ts'
import type { Log } from './log.ts'
import type { Member } from './member.ts'
import type { Membership } from './membership/membership.ts'
import { isOwnershipRequest } from './messages.ts'
import { Ownership } from './ownership/ownership.ts'
import { type OwnershipReply, SELF } from './ownership/protocol.ts'
import { type ClusterReport, reportOf } from './report.ts'
import { assignSlots, epochOf } from './ring/slots.ts'
import { type ScanStep, scanOrder } from './scan-order.ts'
import { type Waiter, Waiters } from './waiters.ts'

/** Sizes in bytes, times in ms. */
export interface ClusterSettings {
  /** The secret by which nodes authenticate to each other; empty: none. By default `requirepass`. */
  readonly secret: string
  /** What a node does with a command whose keys another node owns: forward it, or answer MOVED. */
  readonly redirect: 'forward' | 'moved'
  /** A peer that is silent for this long is declared dead. */
  readonly timeout: number
  readonly pingInterval: number
  /** Connections for requests to each peer. */
  readonly links: number
  /** The fraction of each group's budget that copies of other nodes' hot keys may take. */
  readonly copies: number
  /** The most time for which a copy is served without asking the owner. */
  readonly copyMaxAge: number
  /** Bytes per second that handovers may send; 0: no limit. */
  readonly handoverRate: number
}

export interface ClusterOptions {
  readonly settings: ClusterSettings
  readonly membership: Membership
  readonly groups: readonly Group[]
  readonly runId: string
  readonly clock: Clock
  readonly instant: Instant
  readonly hasher: Hasher
  readonly timers: Timers
  readonly micros: () => number
  /** Uniform in [0, 1). */
  readonly random: () => number
  /** Opens a connection to a member; by default to its host and port. */
  readonly connect?: ((member: Member) => Socket) | undefined
  readonly log: Log
}

/** Messages about one change of ownership arrive on several links: the later ones by about this much. */
const MIN_COPY_TTL_MS = 5

/** The parts that exist once the node knows its own name. */
interface Running {
  readonly self: Member
  readonly detector: Detector
  readonly ownership: Ownership
  readonly controlChannel: ControlChannel
  readonly relocation: Relocation
  readonly leaving: Leaving
}

export class Cluster {
  /** By slot: the number of the member that owns it; 0 is this node. */
  owners: Uint16Array = new Uint16Array(SLOT_COUNT)
  /** Whether this node owns every slot and no other member is known to be alive. */
  isAlone = false
  /** Increases with each change of `owners`. */
  ownersVersion = 1
  /** Whether a lease check is running or the members are not known yet: no command is served until then. */
  isLeasePending = true
  /** Whether clients are redirected with MOVED instead of served by forwarding. */
  readonly redirects: boolean
  readonly random: () => number
  readonly copies: HotCopies
  readonly #options: ClusterOptions
  readonly #contexts: RequestContexts
  readonly #mesh: Mesh
  /** Start of the last event-loop batch, ms since the epoch. */
  #lastTurnAt = 0
  /** The live members, including those that are leaving. */
  #live: ReadonlySet<string> = new Set()
  /** The names of the leaving members when slots were last assigned. */
  #assignedLeaving = ''
  /** The listed members, and the names of members that are no longer listed but still leaving. */
  #listedMembers: readonly Member[] = []
  #leavingUnlisted: readonly string[] = []
  readonly #waiters = new Waiters()
  readonly #pendingWrites: PendingWrites
  #running: Running | undefined
  #setReady = (): void => {}
  /** Resolves when the node knows which members are alive. */
  readonly ready: Promise<void>

  constructor(options: ClusterOptions) {
    const { settings, groups, clock, instant, hasher, timers, random, log, connect } = options
    this.#options = options
    this.redirects = settings.redirect === 'moved'
    this.random = random
    this.#pendingWrites = new PendingWrites(groups, log)
    this.#contexts = new RequestContexts(groups)
    this.#mesh = new Mesh({
      clock,
      timers,
      random,
      log,
      connect,
      timeout: settings.timeout,
      links: settings.links,
      contextBytes: (context) => this.#contexts.command(context),
      ready: (peer, isNew) => this.#peerReady(peer, isNew),
      closed: (peer, link, how) => this.#linkClosed(peer, link, how),
      pushed: (frame) => this.copies.handlePush(frame),
    })
    this.ready = new Promise((resolve) => {
      this.#setReady = resolve
    })
    this.copies = new HotCopies({
      groups,
      instant,
      hasher,
      timers,
      fraction: settings.copies,
      // Invalidations are lost while a link is down: a copy must not live longer than the failure detection takes.
      maxAgeMs: Math.min(settings.copyMaxAge, settings.timeout),
      fetch: (owner, group, key) => this.#fetchCopy(owner, group, key),
    })
  }

  /** Joins the cluster: finds the other members, and requests the slots that this node is the target owner of. */
  async start(self: Member): Promise<void> {
    const { settings, groups, clock, instant, timers, micros, runId, membership, log } = this.#options
    const detector = new Detector({
      self,
      runId,
      clock,
      timeout: settings.timeout,
      epochOf,
      events: {
        onView: (view) => this.#viewChanged(view),
        onDeclaredDead: () => this.#declaredDead(),
        onLeaseCheck: () => this.#leaseChanged(),
        onIsolated: (isolated) => this.#isolationChanged(isolated),
        onSettled: () => this.#leaseChanged(),
        onChanged: () => controlChannel.sendHeartbeats(),
      },
    })
    const ownership: Ownership = new Ownership({
      self: self.name,
      firstSequence: clock.now() * 1000,
      indexOf: (name) => this.#mesh.numberOf(name),
      nameOf: (index) => this.peers[index]?.name ?? '',
      assign: (names) => assignSlots(names.map((name) => this.#memberOf(name))),
      busy: (slot) => relocation.takeover.isBusy(slot) || this.#pendingWrites.has(slot),
      gained: (slots, from) => {
        relocation.gained(slots, from)
        this.#ownersChanged()
      },
      lost: (slots, to) => {
        // The new owners do not know which nodes hold copies.
        this.copies.recallAll()
        const given = new Set(slots)
        const isGiven = (key: Buffer): boolean => given.has(keySlot(key, 0, key.length))
        for (const { flights } of groups) flights?.fenceThose(isGiven)
        this.#pendingWrites.slotsLost(given)
        relocation.lost(slots, to)
        this.#ownersChanged()
      },
    })
    const relocation: Relocation = new Relocation({
      groups,
      instant,
      timers,
      micros,
      rate: settings.handoverRate,
      timeout: settings.timeout,
      expectsEntries: (slot, from) => ownership.expectsEntries(slot, from),
      ask: (name, group, args) => this.askPeer(name, group, args),
      warn: (message) => log.warn({}, message),
    })
    const controlChannel = new ControlChannel({
      detector,
      ownership,
      peers: () => this.#mesh,
      clock,
      timers,
      pingInterval: settings.pingInterval,
      isLeaving: () => leaving.isLeaving,
      stateReceived: (name, message) => this.#stateReceived(name, message),
      context: () => this.#plainContext,
      ownersChanged: () => {
        this.#updateEpoch()
        leaving.check()
      },
    })
    const leaving: Leaving = new Leaving({
      self: self.name,
      detector,
      ownership,
      handover: relocation.handover,
      controlChannel,
      membership,
      timers,
      log,
      isLast: () => this.#live.size <= 1,
    })
    this.#running = { self, detector, ownership, controlChannel: controlChannel, relocation, leaving }
    this.owners = ownership.owners
    await membership.start(self, {
      changed: (members) => this.#membersListed(members),
      registered: (standing) => this.#registrationChanged(standing),
      warn: (message) => log.warn({}, message),
    })
    controlChannel.start()
    await this.ready
  }

  // Called by routing, for each command.

  /** By number; 0, this node, has no entry. */
  get peers(): readonly (Peer | undefined)[] {
    return this.#mesh.peers
  }

  /** The generation of this node's epoch; see `agreedGeneration`. */
  get generation(): number {
    return this.#contexts.generation
  }

  /** The number of a request context, for `Link.send`. */
  contextOf(group: Group, protocol: 2 | 3, noTouch: boolean, isFinal: boolean, isToldSo = false): number {
    return this.#contexts.encode(group, protocol, noTouch, isFinal, isToldSo)
  }

  /** The request context of a number from `contextOf`. */
  requestContextOf(context: number): RequestContext {
    return this.#contexts.decode(context)
  }

  /** The number of the member with this name, 0 for this node; `undefined`: no member has it. */
  indexOf(name: string): number | undefined {
    return name === this.#running?.self.name ? SELF : this.#mesh.get(name)?.index
  }

  /** Whether this node considers the member with this number down. Other nodes may still reach it. */
  isDown(number: number): boolean {
    const name = this.peers[number]?.name
    return (
      this.#running?.detector.peers().some((peer) => peer.name === name && peer.status === 'down') ?? false
    )
  }

  /** Resumes `waiter` once `isLeasePending` is false. */
  whenLeaseHeld(waiter: Waiter): void {
    this.#waiters.add(waiter)
  }

  /** Runs a function after messages about ownership that are in flight have probably arrived. */
  afterInvalidations(run: () => void): void {
    this.#options.timers.after(MIN_COPY_TTL_MS, run)
  }

  /** The name of the member that owns a key; `undefined`: this node does. */
  ownerOf(bytes: Uint8Array, start: number, end: number): string | undefined {
    return this.peers[this.owners[keySlot(bytes, start, end)]]?.name
  }

  /** The numbers of the live members, including this node. */
  get liveOwners(): readonly number[] {
    const { detector } = this.#parts
    const live = new Set(detector.view.members.map(({ name }) => name))
    for (const { name, status } of detector.peers()) if (status === 'up') live.add(name)
    return [SELF, ...[...live].map((name) => this.#mesh.get(name)?.index ?? SELF).filter((n) => n !== SELF)]
  }

  /** Whether most other members are silent: they may continue without this node. */
  get isCutOff(): boolean {
    return this.#running?.detector.isCutOff ?? false
  }

  /** The state of the cluster as seen by this node; `undefined`: it has not joined yet. */
  get report(): ClusterReport | undefined {
    return this.#running && reportOf(this.#running, this.#mesh, this.#running.leaving.names)
  }

  /** The order in which SCAN visits the nodes. */
  get scanOrder(): readonly ScanStep[] {
    const { self } = this.#parts
    return scanOrder(this.liveOwners.map((owner) => ({ name: this.peers[owner]?.name ?? self.name, owner })))
  }

  /** Sends a request to a member on its control link. Rejects when there is no reply. */
  async askPeer(name: string, group: Group, args: readonly (string | Buffer)[]): Promise<Reply> {
    return this.#ask(this.#peer(name).control, group, args)
  }

  beginBatch(): void {
    this.#mesh.beginBatch()
    const { now } = this.#options.instant
    // This process may have been paused, and declared dead meanwhile.
    if (now - this.#lastTurnAt > this.#options.settings.timeout / 4) this.#running?.detector.tick()
    this.#lastTurnAt = now
  }

  endBatch(): void {
    this.#mesh.endBatch()
  }

  // Called for requests of other nodes, on connections that they have opened.

  get identity(): Identity {
    const { self } = this.#parts
    return { name: self.name, runId: this.#options.runId, secret: this.#options.settings.secret }
  }

  /** The current generation, if a peer's epoch is this node's own; else -1: the nodes may disagree about owners. */
  agreedGeneration(epoch: number): number {
    return epoch !== 0 && epoch === this.#contexts.epoch ? this.#contexts.generation : -1
  }

  /** Handles a peer's heartbeat. Returns this node's state. */
  exchangeState(name: string, message: unknown): StateMessage | undefined {
    const { detector } = this.#parts
    if (!isStateMessage(message) || message.name !== name || this.#isImpostor(message)) return undefined
    this.#stateReceived(name, message)
    return detector.answer(message)
  }

  /** Whether the sender uses the name of a connected member but is another process. */
  #isImpostor({ name, runId }: StateMessage): boolean {
    const peer = this.#mesh.get(name)
    if (peer === undefined || !peer.isReachable || peer.runId === runId) return false
    this.#options.log.warn(
      { name },
      'two nodes announce this name: set another announced address for one of them',
    )
    return true
  }

  /** Handles a peer's request for slots. */
  ownershipRequested(name: string, request: unknown): OwnershipReply | undefined {
    if (!isOwnershipRequest(request)) return undefined
    this.#pendingWrites.update(request.take)
    const answer = this.#parts.ownership.handleRequest(name, request)
    this.#updateEpoch()
    this.#parts.leaving.check()
    return answer
  }

  /** A connection of another node was authenticated. */
  peerConnected(name: string): void {
    this.#mesh.get(name)?.pool.reconnectNow()
  }

  peerRefused(name: string, address: string): void {
    this.#options.log.warn({ name, address }, 'a connection claims to be a node but does not know the secret')
  }

  /** A connection that a peer had opened was closed. */
  connectionClosed(connection: Holder): void {
    this.copies.left(connection)
  }

  /** Whether some slots have entries that previous owners still hold, or stale entries here. */
  get isSettling(): boolean {
    return this.#running?.relocation.takeover.active ?? false
  }

  /** Whether the previous owner must be asked for the key of argument `i` before a command runs on it. */
  needsPull(group: Group, args: Args, i: number): boolean {
    return this.#parts.relocation.peerToAsk(group, args, i) !== undefined
  }

  /** Asks the previous owner for a key and stores its entry. */
  pull(group: Group, key: Buffer): Promise<void> {
    return this.#parts.relocation.pull(group, key)
  }

  /** The dump of an entry for the new owner of its slot; `undefined`: there is none. */
  peek(group: Group, key: Buffer): Buffer | undefined {
    return this.#parts.relocation.handover.peek(group, key)
  }

  /** A peer hands entries over (PEER TAKE). */
  accept(from: string, group: Group, entries: readonly TransferredEntry[]): string {
    return this.#parts.relocation.takeover.acceptAll(group, entries, from)
  }

  /** A peer has handed everything in these slots over (PEER DONE). */
  handoverDone(from: string, slots: readonly number[]): string {
    const answer = this.#parts.relocation.takeover.done(from, slots)
    this.#parts.controlChannel.requestAll()
    return answer
  }

  /** A redirected request ran here for a slot that another node owns. */
  ranMisrouted(slot: number): void {
    this.#parts.relocation.ranMisrouted(slot)
  }

  /** The copy of a key that a peer may keep; `undefined`: none. */
  copyFor(holder: Holder, group: Group, bytes: Buffer, start: number, end: number): GrantedCopy | undefined {
    if (this.owners[keySlot(bytes, start, end)] !== SELF) return undefined
    return this.copies.grant(holder, group, bytes, start, end)
  }

  /**
   * Leaves the cluster: hands the slots and their entries over to the other members. May be called again. Resolves
   * when everything is handed over, when no other member stays, or after `timeout` ms: to whether all was handed over.
   */
  async drain(timeout: number): Promise<boolean> {
    if (this.#running === undefined || this.#live.size <= 1) return true
    return this.#running.leaving.drain(timeout)
  }

  /** Closes all links. */
  async close(): Promise<void> {
    const running = this.#running
    if (running === undefined) return
    running.controlChannel.stop()
    running.relocation.handover.close()
    await this.#options.membership.close()
    this.#mesh.close()
  }

  get #parts(): Running {
    if (this.#running === undefined) throw new Error('the cluster has not been started')
    return this.#running
  }

  /** The context of requests that do not depend on one. */
  get #plainContext(): number {
    return this.#contexts.encode(this.#options.groups[0], 2, false, true)
  }

  #memberOf(name: string): Member {
    const { self, detector } = this.#parts
    if (name === self.name) return self
    return detector.view.members.find((each) => each.name === name) ?? this.#peer(name).member
  }

  /** The list of members has changed. A leaving member is kept until it has handed over, even if it is not listed. */
  #membersListed(list: readonly Member[]): void {
    const { self, detector, controlChannel, leaving } = this.#parts
    this.#listedMembers = list
    const isListed = new Set(list.map(({ name }) => name))
    this.#leavingUnlisted = leaving.names.filter((name) => name !== self.name && !isListed.has(name))
    const members = [...list, ...this.#leavingUnlisted.map((name) => this.#memberOf(name))]
    const names = new Set(members.map(({ name }) => name))
    const former = [...this.#mesh].filter(({ name }) => !names.has(name))
    for (const peer of former) this.#mesh.remove(peer)
    for (const member of members)
      if (member.name !== self.name && this.#mesh.get(member.name) === undefined)
        this.#mesh.add(member, this.identity)
    detector.setMembers(members)
    // A member that was removed from the list may not know it. This heartbeat tells it.
    for (const peer of former) void controlChannel.sendHeartbeat(peer).then(() => peer.pool.close())
  }

  /**
   * Only etcd can end a registration. That alone changes nothing: etcd may be unavailable to all nodes, which still
   * agree over their links. If the others have removed this node from their lists, they tell it.
   */
  #registrationChanged(isRegistered: boolean): void {
    this.#options.log.warn(
      {},
      isRegistered ? 'this node is registered again' : 'the registration of this node may have expired',
    )
  }

  #peerReady(peer: Peer, isNew: boolean): void {
    const { detector, controlChannel, relocation, ownership } = this.#parts
    if (isNew) {
      relocation.peerGone(peer.name)
      ownership.peerRestarted(peer.name)
    }
    detector.linkReady(peer.name, peer.runId)
    void controlChannel.sendHeartbeat(peer)
    controlChannel.requestAll()
  }

  #linkClosed(peer: Peer, link: Link, how: LinkFailure | undefined): void {
    const { detector } = this.#parts
    if (link === peer.copyLink) this.copies.linkLost(peer.name)
    if (how !== undefined) detector.linkBroken(peer.name, how)
    if (detector.settled) this.#updateLeaving()
  }

  #viewChanged(view: View): void {
    const names = view.members.map(({ name }) => name)
    this.#options.log.info({ members: names, epoch: view.epoch }, 'the cluster has changed')
    this.copies.dropAll()
    this.#assignSlots(view)
  }

  /** Assigns the slots to the members that are not leaving. */
  #assignSlots({ members, epoch }: View): void {
    const { self, detector, ownership, relocation, controlChannel } = this.#parts
    const leaving = this.#parts.leaving.names
    this.#assignedLeaving = leaving.join()
    const names = members.map(({ name }) => name)
    const live = new Set([...names, ...leaving])
    for (const name of this.#live) if (!live.has(name)) relocation.peerGone(name)
    this.#live = live
    const target = members.length === 0 ? new Uint16Array(SLOT_COUNT) : assignSlots(members)
    ownership.setView({ epoch: epoch + epochOfNames(leaving), members: names, target, leaving })
    this.isAlone = names.length === 1 && names[0] === self.name && detector.peers().every(isNotAlive)
    this.#ownersChanged()
    controlChannel.requestAll()
  }

  /** A peer has sent its state, which says whether it is leaving. */
  #stateReceived(name: string, message: StateMessage): void {
    const { detector, leaving } = this.#parts
    leaving.note(name, message.leaving)
    detector.receive(name, message)
    this.#updateLeaving()
  }

  /** Assigns slots again if the set of leaving members has changed: the view does not change when one is gone. */
  #updateLeaving(): void {
    const { leaving, detector } = this.#parts
    if (this.#leavingUnlisted.some((name) => !leaving.names.includes(name)))
      this.#membersListed(this.#listedMembers)
    if (leaving.names.join() !== this.#assignedLeaving) this.#assignSlots(detector.view)
  }

  /** The others declared this node dead and took its slots: its entries may be out of date. */
  #declaredDead(): void {
    this.#options.log.warn({}, 'other nodes took over the slots of this node: its entries are dropped')
    for (const group of this.#options.groups) group.clear()
    this.#parts.ownership.declaredDead()
    this.#ownersChanged()
  }

  /**
   * Most other members are silent (or are back). They may have declared this node dead and write its keys. So entries
   * that an origin can load again are dropped, and new ones live no longer than the failure detection takes.
   */
  #isolationChanged(isolated: boolean): void {
    const { log, groups, settings } = this.#options
    log.warn({}, isolated ? 'most of the other nodes are silent' : 'the other nodes are back')
    for (const group of groups) {
      if (group.flights === undefined) continue
      group.limitLifetime(isolated ? settings.timeout : 0)
      if (isolated) group.clear()
    }
  }

  #leaseChanged(): void {
    const { detector } = this.#parts
    this.isLeasePending = detector.isLeaseCheckRunning || !detector.settled
    this.#pendingWrites.pause(this.isLeasePending)
    if (this.isLeasePending) return
    this.#setReady()
    this.#waiters.resume()
  }

  #ownersChanged(): void {
    this.ownersVersion++
    this.#updateEpoch()
    this.#parts.leaving.check()
  }

  #updateEpoch(): void {
    this.#contexts.epoch = this.#parts.ownership.agreedEpoch
  }

  /**
   * Uses a data link. With one data link to each peer (the default), the invalidation arrives before the reply to the
   * write that caused it, so that a client never reads a copy from before its own write.
   */
  async #fetchCopy(name: string, group: Group, key: Buffer): Promise<Reply> {
    const peer = this.#peer(name)
    const link = peer.data(0)
    if (peer.copyLink !== link) this.copies.linkLost(name)
    peer.copyLink = link
    return this.#ask(link, group, ['PEER', 'COPY', key])
  }

  #peer(name: string): Peer {
    const peer = this.#mesh.get(name)
    if (peer === undefined) throw new Error(`${name} is not a member`)
    return peer
  }

  #ask(link: Link, group: Group, args: readonly (string | Buffer)[]): Promise<Reply> {
    return ask(link, this.contextOf(group, 2, false, true), args)
  }
}

/** Whether a peer is not known to be alive. */
function isNotAlive({ status }: PeerReport): boolean {
  return status === 'down' || status === 'unknown'
}

/** A fingerprint of sorted names. */
function epochOfNames(names: readonly string[]): number {
  if (names.length === 0) return 0
  return Number.parseInt(createHash('sha1').update(names.join()).digest('hex').slice(0, 12), 16)
}

// The cluster as one of its nodes sees it: who owns each slot, the links to the others, and what moves between them.

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
  /** What nodes show each other; empty: nothing. By default `requirepass`. */
  readonly secret: string
  /** What a node does with a command whose keys are another's: send it there itself, or tell the client to. */
  readonly redirect: 'forward' | 'moved'
  /** How long a silent peer is waited for before it counts as dead. */
  readonly timeout: number
  readonly pingInterval: number
  /** Connections for requests to each peer. */
  readonly links: number
  /** The fraction of each group's budget that copies of other nodes' hot keys may take. */
  readonly copies: number
  /** For how long a copy is served without asking. */
  readonly copyMaxAge: number
  /** Bytes a second that a handover may send. */
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
  /** Begins a connection to a member; by default to its host and port. */
  readonly connect?: ((member: Member) => Socket) | undefined
  readonly log: Log
}

/** A node that gave up a slot says so on its control link and on others: what is said there may be heard so much later. */
const MIN_COPY_TTL_MS = 5

/** What there is once the node knows its own name. */
interface Running {
  readonly self: Member
  readonly detector: Detector
  readonly ownership: Ownership
  readonly controlChannel: ControlChannel
  readonly relocation: Relocation
  readonly leaving: Leaving
}

export class Cluster {
  /** By slot: the number of the member that owns it, 0: this node. */
  owners: Uint16Array = new Uint16Array(SLOT_COUNT)
  /** Whether this node owns every slot, and no other is known to live. */
  isAlone = false
  /** Counts the changes of owners. */
  ownersVersion = 1
  /** Whether this node may have been replaced, or does not know yet who else there is: then it serves nothing. */
  isLeasePending = true
  /** Whether clients are told whom to ask, rather than served through this node. */
  readonly redirects: boolean
  readonly random: () => number
  readonly copies: HotCopies
  readonly #options: ClusterOptions
  readonly #contexts: RequestContexts
  readonly #mesh: Mesh
  /** When this process was last seen running, ms since the epoch. */
  #lastTurnAt = 0
  /** The members that live, those that leave included. */
  #live: ReadonlySet<string> = new Set()
  /** The names of those that left when slots were assigned last. */
  #assignedLeaving = ''
  /** The members that are listed, and the names of those that are not any more, but leave. */
  #listedMembers: readonly Member[] = []
  #leavingUnlisted: readonly string[] = []
  readonly #waiters = new Waiters()
  readonly #pendingWrites: PendingWrites
  #running: Running | undefined
  #setReady = (): void => {}
  /** Resolves when the node knows who else there is. */
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
      // While a link is down nobody tells of writes: no copy outlives the wait for a sign of life.
      maxAgeMs: Math.min(settings.copyMaxAge, settings.timeout),
      fetch: (owner, group, key) => this.#fetchCopy(owner, group, key),
    })
  }

  /** Joins: finds the others, and asks them for what this node is to own. */
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
        // Their new owners do not know who holds copies.
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

  // What routing asks, for each command.

  /** By number; 0, this node, is no peer. */
  get peers(): readonly (Peer | undefined)[] {
    return this.#mesh.peers
  }

  /** The generation of this node's view: see `agreedGeneration`. */
  get generation(): number {
    return this.#contexts.generation
  }

  /** The number of requests in these circumstances, for `Link.send`. */
  contextOf(group: Group, protocol: 2 | 3, noTouch: boolean, isFinal: boolean, isToldSo = false): number {
    return this.#contexts.encode(group, protocol, noTouch, isFinal, isToldSo)
  }

  /** What a number of `contextOf` stands for. */
  requestContextOf(context: number): RequestContext {
    return this.#contexts.decode(context)
  }

  /** The number of the member of this name, 0 for this node; `undefined`: there is none. */
  indexOf(name: string): number | undefined {
    return name === this.#running?.self.name ? SELF : this.#mesh.get(name)?.index
  }

  /** Whether this node itself has found the member of this number dead. Others may still reach it. */
  isDown(number: number): boolean {
    const name = this.peers[number]?.name
    return (
      this.#running?.detector.peers().some((peer) => peer.name === name && peer.status === 'down') ?? false
    )
  }

  /** Resumes `waiter` when this node knows again what it owns. */
  whenLeaseHeld(waiter: Waiter): void {
    this.#waiters.add(waiter)
  }

  /** Runs something when word from the owners of slots, which is under way, has probably come. */
  afterInvalidations(run: () => void): void {
    this.#options.timers.after(MIN_COPY_TTL_MS, run)
  }

  /** The name of the member that owns a key; `undefined`: this node. */
  ownerOf(bytes: Uint8Array, start: number, end: number): string | undefined {
    return this.peers[this.owners[keySlot(bytes, start, end)]]?.name
  }

  /** The members that live, by number; this node is one of them. */
  get liveOwners(): readonly number[] {
    const { detector } = this.#parts
    const live = new Set(detector.view.members.map(({ name }) => name))
    for (const { name, status } of detector.peers()) if (status === 'up') live.add(name)
    return [SELF, ...[...live].map((name) => this.#mesh.get(name)?.index ?? SELF).filter((n) => n !== SELF)]
  }

  /** Whether most of several others are silent: they may serve on without this node. */
  get isCutOff(): boolean {
    return this.#running?.detector.isCutOff ?? false
  }

  /** What this node knows of the cluster; `undefined`: it has not joined yet. */
  get report(): ClusterReport | undefined {
    return this.#running && reportOf(this.#running, this.#mesh, this.#running.leaving.names)
  }

  /** The order in which a walk over all nodes goes through them. */
  get scanOrder(): readonly ScanStep[] {
    const { self } = this.#parts
    return scanOrder(this.liveOwners.map((owner) => ({ name: this.peers[owner]?.name ?? self.name, owner })))
  }

  /** Asks a member something of its own. Rejects when there is no reply. */
  async askPeer(name: string, group: Group, args: readonly (string | Buffer)[]): Promise<Reply> {
    return this.#ask(this.#peer(name).control, group, args)
  }

  beginBatch(): void {
    this.#mesh.beginBatch()
    const { now } = this.#options.instant
    // This process may have stood still, and been replaced.
    if (now - this.#lastTurnAt > this.#options.settings.timeout / 4) this.#running?.detector.tick()
    this.#lastTurnAt = now
  }

  endBatch(): void {
    this.#mesh.endBatch()
  }

  // What other nodes ask, on connections that they have opened.

  get identity(): Identity {
    const { self } = this.#parts
    return { name: self.name, runId: this.#options.runId, secret: this.#options.settings.secret }
  }

  /** The generation in which a peer's stamp is this node's own; -1: they may not agree about who owns what. */
  agreedGeneration(stamp: number): number {
    return stamp !== 0 && stamp === this.#contexts.epoch ? this.#contexts.generation : -1
  }

  /** A peer tells its state; the answer is this node's. */
  exchangeState(name: string, message: unknown): StateMessage | undefined {
    const { detector } = this.#parts
    if (!isStateMessage(message) || message.name !== name || this.#isImpostor(message)) return undefined
    this.#stateReceived(name, message)
    return detector.answer(message)
  }

  /** Whether somebody uses the name of a member that is there: it is another process than the one at its address. */
  #isImpostor({ name, runId }: StateMessage): boolean {
    const peer = this.#mesh.get(name)
    if (peer === undefined || !peer.isReachable || peer.runId === runId) return false
    this.#options.log.warn(
      { name },
      'two nodes call themselves by this name: announce another address for one',
    )
    return true
  }

  /** A peer claims slots. */
  ownershipRequested(name: string, claim: unknown): OwnershipReply | undefined {
    if (!isOwnershipRequest(claim)) return undefined
    this.#pendingWrites.update(claim.take)
    const answer = this.#parts.ownership.handleRequest(name, claim)
    this.#updateEpoch()
    this.#parts.leaving.check()
    return answer
  }

  /** A connection has shown that it is another node's. */
  peerConnected(name: string): void {
    this.#mesh.get(name)?.pool.reconnectNow()
  }

  peerRefused(name: string, address: string): void {
    this.#options.log.warn({ name, address }, 'a connection that says it is a node does not know the secret')
  }

  /** The connection of a peer was closed. */
  connectionClosed(connection: Holder): void {
    this.copies.left(connection)
  }

  /** Whether entries of some slots are still with their previous owners, or stale ones here. */
  get isSettling(): boolean {
    return this.#running?.relocation.takeover.active ?? false
  }

  /** Whether a previous owner is to be asked for the key of argument `i` before a command runs on it. */
  needsPull(group: Group, args: Args, i: number): boolean {
    return this.#parts.relocation.peerToAsk(group, args, i) !== undefined
  }

  /** Asks it. */
  pull(group: Group, key: Buffer): Promise<void> {
    return this.#parts.relocation.pull(group, key)
  }

  /** What is left here of a key whose new owner asks for it. */
  peek(group: Group, key: Buffer): Buffer | undefined {
    return this.#parts.relocation.handover.peek(group, key)
  }

  /** A peer hands entries over. */
  accept(from: string, group: Group, entries: readonly TransferredEntry[]): string {
    return this.#parts.relocation.takeover.acceptAll(group, entries, from)
  }

  /** A peer has handed over everything in these slots. */
  handoverDone(from: string, slots: readonly number[]): string {
    const answer = this.#parts.relocation.takeover.done(from, slots)
    this.#parts.controlChannel.requestAll()
    return answer
  }

  /** A request was run here for a slot that another node owns. */
  ranMisrouted(slot: number): void {
    this.#parts.relocation.ranMisrouted(slot)
  }

  /** What a peer may keep of a key. */
  copyFor(holder: Holder, group: Group, bytes: Buffer, start: number, end: number): GrantedCopy | undefined {
    if (this.owners[keySlot(bytes, start, end)] !== SELF) return undefined
    return this.copies.grant(holder, group, bytes, start, end)
  }

  /**
   * Gives its slots to the others, with what it holds of them; may be asked for again. Resolves when all of it is
   * handed over, or when nobody stays to take it, at the latest after `timeout` ms: whether all of it was.
   */
  async drain(timeout: number): Promise<boolean> {
    if (this.#running === undefined || this.#live.size <= 1) return true
    return this.#running.leaving.drain(timeout)
  }

  /** Ends all links. */
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

  /** The context of what depends on none. */
  get #plainContext(): number {
    return this.#contexts.encode(this.#options.groups[0], 2, false, true)
  }

  #memberOf(name: string): Member {
    const { self, detector } = this.#parts
    if (name === self.name) return self
    return detector.view.members.find((each) => each.name === name) ?? this.#peer(name).member
  }

  /** The members that may be there. Who leaves hands over what it owns, whether or not it is listed meanwhile. */
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
    // Who was taken off the list may not know it, and learns that its slots are others' now.
    for (const peer of former) void controlChannel.sendHeartbeat(peer).then(() => peer.pool.close())
  }

  /**
   * Only etcd takes a node's standing away. That alone says nothing: etcd may be away, for everybody, and the members
   * that are linked still agree. If it was taken off their lists, they say so.
   */
  #registrationChanged(standing: boolean): void {
    this.#options.log.warn(
      {},
      standing ? 'this node is listed again' : 'this node may not be listed any more',
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

  /** Divides the slots among the members that stay. */
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

  /** What a peer says of itself: also whether it is about to leave. */
  #stateReceived(name: string, message: StateMessage): void {
    const { detector, leaving } = this.#parts
    leaving.note(name, message.leaving)
    detector.receive(name, message)
    this.#updateLeaving()
  }

  /** Assigns anew if others leave than when it was done last: no view tells of a leaving node's end. */
  #updateLeaving(): void {
    const { leaving, detector } = this.#parts
    if (this.#leavingUnlisted.some((name) => !leaving.names.includes(name)))
      this.#membersListed(this.#listedMembers)
    if (leaving.names.join() !== this.#assignedLeaving) this.#assignSlots(detector.view)
  }

  /** Others took over what this node owned: it may hold what is out of date. */
  #declaredDead(): void {
    this.#options.log.warn({}, 'others took over the slots of this node: what it held is dropped')
    for (const group of this.#options.groups) group.clear()
    this.#parts.ownership.declaredDead()
    this.#ownersChanged()
  }

  /**
   * Most of the others are silent: they may have taken this node for dead and write its keys, which is not known
   * here. What can be loaded again is dropped, and kept only for as long as they would wait for a sign of life.
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
   * By a link for requests, so that with one such link to each peer (the default) a client that has written sees
   * no copy from before: word of the write comes before its reply.
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
    if (peer === undefined) throw new Error(`${name} is no member`)
    return peer
  }

  #ask(link: Link, group: Group, args: readonly (string | Buffer)[]): Promise<Reply> {
    return ask(link, this.contextOf(group, 2, false, true), args)
  }
}

/** Whether a peer is not known to live. */
function isNotAlive({ status }: PeerReport): boolean {
  return status === 'down' || status === 'unknown'
}

/** A fingerprint of names that are in order. */
function epochOfNames(names: readonly string[]): number {
  if (names.length === 0) return 0
  return Number.parseInt(createHash('sha1').update(names.join()).digest('hex').slice(0, 12), 16)
}

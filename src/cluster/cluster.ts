// Joins the parts of the cluster on one node: links, failure detection, ownership of slots, handover and hot copies.

import { keySlot, SLOT_COUNT } from '../bytes/crc16.ts'
import type { Group } from '../group/group.ts'
import type { Args } from '../resp/args.ts'
import { Assignment } from './assignment.ts'
import { CopyLinks, type Writer } from './copies/copy-links.ts'
import { type Holder, HotCopies } from './copies/copying.ts'
import { ClusterEvents } from './events.ts'
import { PendingWrites } from './handover/pending-writes.ts'
import type { Link } from './links/link.ts'
import { Mesh } from './links/mesh.ts'
import type { Peer } from './links/peer.ts'
import { ask, type Reply } from './links/request.ts'
import { type RequestContext, RequestContexts } from './links/request-contexts.ts'
import type { Member } from './member.ts'
import type { ClusterOptions } from './options.ts'
import { SELF } from './ownership/protocol.ts'
import type { Partition } from './partition.ts'
import { createParts, type Parts } from './parts.ts'
import { PeerRequests } from './peer-requests.ts'
import { ClusterStatus, NOT_STARTED } from './status.ts'
import { type Waiter, Waiters } from './waiters.ts'

/** Messages about one change of ownership arrive on several links, within about this time, ms. */
const MIN_COPY_TTL_MS = 5

export class Cluster {
  /** By slot: the number of the member that owns it; 0 is this node. */
  owners: Uint16Array = new Uint16Array(SLOT_COUNT)
  /** Whether this node owns every slot and no other member is known to be alive. */
  isAlone = false
  /** Increases with each change of `owners`. */
  ownersVersion = 1
  /** Called when the owners of slots have changed; a command may be running. */
  onOwnersChanged = (): void => {}
  /** Called before and after the replies of one read from another node. */
  onReceiving = (): void => {}
  onReceived = (): void => {}
  /** Whether a lease check is running or the members are not known yet: until it is false, no command is served. */
  isLeasePending = true
  /** Whether clients are redirected with MOVED instead of served by forwarding. */
  readonly redirects: boolean
  /** Decides what groups with `onPartition: 'refuse'` refuse; undefined: the node has not joined yet. */
  partition: Partition | undefined
  readonly random: () => number
  readonly copies: HotCopies
  readonly status: ClusterStatus
  /** The answers to requests of other nodes. */
  readonly requests: PeerRequests
  readonly #options: ClusterOptions
  readonly #contexts: RequestContexts
  readonly #mesh: Mesh
  /** Start of the last event-loop batch, ms since the epoch. */
  #lastTurnAt = 0
  readonly #waiters = new Waiters()
  readonly #pendingWrites: PendingWrites
  readonly #assignment: Assignment
  readonly #events: ClusterEvents
  readonly #copyLinks: CopyLinks
  #running: Parts | undefined
  /** `closing`: it stops, and its links still carry requests; `closed`: all links are closed, and none is opened any more. */
  #phase: 'open' | 'closing' | 'closed' = 'open'
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
      contextBytes: (context, trace) => this.#contexts.command(context, trace),
      renamed: (peer, hello) => this.#events.peerRenamed(peer, hello),
      ready: (peer, isNew) => this.#events.peerReady(peer, isNew),
      closed: (peer, link, how) => this.#events.linkClosed(peer, link, how),
      pushed: (frame) => this.copies.handlePush(frame),
      receiving: () => this.onReceiving(),
      received: () => this.onReceived(),
    })
    this.status = new ClusterStatus(this.#mesh, () => this.#running)
    this.ready = new Promise((resolve) => {
      this.#setReady = resolve
    })
    this.#copyLinks = new CopyLinks({
      mesh: this.#mesh,
      copies: () => this.copies,
      ask: (link, group, args) => this.#ask(link, group, args),
    })
    this.copies = new HotCopies({
      groups,
      instant,
      hasher,
      timers,
      fraction: settings.copies,
      // Invalidations are lost while a link is down: a copy must not live longer than the failure detection takes.
      maxAgeMs: Math.min(settings.copyMaxAge, settings.timeout),
      fetch: (owner, group, key, updates) => this.#copyLinks.fetch(owner, group, key, updates),
    })
    this.#assignment = new Assignment({
      parts: () => this.#parts,
      mesh: this.#mesh,
      identity: () => this.requests.identity,
      assigned: (isAlone) => {
        this.isAlone = isAlone
        this.#ownersChanged()
      },
    })
    this.#events = new ClusterEvents({
      cluster: options,
      parts: () => this.#parts,
      assignment: this.#assignment,
      copies: this.copies,
      ownersChanged: () => this.#ownersChanged(),
      portsReceived: (name, ports) => {
        const peer = this.#mesh.get(name)
        if (peer !== undefined) peer.clientPorts = ports
      },
    })
    this.requests = new PeerRequests({
      cluster: options,
      parts: () => this.#parts,
      mesh: this.#mesh,
      contexts: this.#contexts,
      copies: this.copies,
      pendingWrites: this.#pendingWrites,
      stateReceived: (name, message) => this.#events.stateReceived(name, message),
      agreementChanged: () => this.#agreementChanged(),
    })
  }

  /** Joins the cluster: finds the other members, and requests the slots that this node is the target owner of. */
  async start(self: Member): Promise<void> {
    const { membership, log } = this.#options
    const assignment = this.#assignment
    const parts = createParts({
      cluster: this.#options,
      self,
      mesh: this.#mesh,
      copies: this.copies,
      pendingWrites: this.#pendingWrites,
      events: {
        onView: (view) => this.#events.viewChanged(view),
        onDeclaredDead: () => this.#events.declaredDead(),
        onLeaseCheck: () => this.#leaseChanged(),
        onPeerDown: (name) => this.requests.peerDown(name),
        onIsolated: (isolated) => this.#events.isolationChanged(isolated),
        onSettled: () => this.#leaseChanged(),
      },
      memberOf: (name) => assignment.memberOf(name),
      ask: (name, group, args) => this.askPeer(name, group, args),
      context: () => this.#plainContext,
      live: () => assignment.live,
      connected: () => this.requests.connectedNames.filter((name) => this.#mesh.get(name) !== undefined),
      stateReceived: (name, message) => this.#events.stateReceived(name, message),
      ownersChanged: () => this.#ownersChanged(),
      agreementChanged: () => this.#agreementChanged(),
    })
    this.#running = parts
    this.partition = parts.partition
    this.owners = parts.ownership.owners
    await membership.start(self, {
      changed: (members) => assignment.setListed(members),
      registered: (standing) => this.#events.registrationChanged(standing),
      warn: (message) => log.warn({}, message),
    })
    if (this.#phase !== 'open') return
    parts.controlChannel.start()
    await this.ready
  }

  // Called by routing, for each command.

  /** The peers by number; number 0 is this node, which has no entry. */
  get peers(): readonly (Peer | undefined)[] {
    return this.#mesh.peers
  }

  /** The generation of this node's epoch; see `PeerRequests.agreedGeneration`. */
  get generation(): number {
    return this.#contexts.generation
  }

  /** See `CopyLinks.keepsCopy`. */
  keepsCopy(client: Writer, args: Args, i: number, owner: Peer): boolean {
    return this.#copyLinks.keepsCopy(client, args, i, owner)
  }

  /** The number of a request context, for `Link.send`. */
  contextOf(group: Group, protocol: 2 | 3, noTouch: boolean, isCoordinated: boolean): number {
    return this.#contexts.encode(group, protocol, noTouch, isCoordinated)
  }

  /** The request context of a number from `contextOf`. */
  requestContextOf(context: number): RequestContext {
    return this.#contexts.decode(context)
  }

  /** The number of the member with this name, 0 for this node; `undefined`: no member has it. */
  indexOf(name: string): number | undefined {
    return name === this.#running?.self.name ? SELF : this.#mesh.get(name)?.index
  }

  /** Resumes `waiter` once `isLeasePending` is false. */
  whenLeaseHeld(waiter: Waiter): void {
    this.#waiters.add(waiter)
  }

  /** Runs a function after a delay in which messages about ownership that are in flight arrive. */
  afterInvalidations(run: () => void): void {
    this.after(MIN_COPY_TTL_MS, run)
  }

  /** Runs a function after a delay, unless the links are closed by then: whoever it would ask is not there any more. */
  after(ms: number, run: () => void): void {
    this.#options.timers.after(ms, () => {
      if (this.#phase !== 'closed') run()
    })
  }

  /**
   * For how long a request waits for nodes to agree about the owner of its keys, ms. In a group with an origin this
   * node loads the value after that. Without one the only other outcome is an error, so it waits longer.
   */
  agreementTimeout(group: Group): number {
    const { timeout } = this.#options.settings
    return group.flights === undefined ? 5 * timeout : timeout
  }

  /** The name of the member that owns a key; `undefined`: this node does. */
  ownerOf(bytes: Uint8Array, start: number, end: number): string | undefined {
    return this.peers[this.owners[keySlot(bytes, start, end)]]?.name
  }

  /** Sends a request to a member on its control link. Rejects when there is no reply. */
  async askPeer(name: string, group: Group, args: readonly (string | Buffer)[]): Promise<Reply> {
    return this.#ask(this.#mesh.existing(name).control, group, args)
  }

  /** Groups were added to the list or removed from it, or have other policies. */
  groupsChanged(): void {
    const { groups } = this.#options
    this.#contexts.groupsChanged(groups)
    this.copies.groupsChanged()
    this.partition?.groupsChanged()
    this.#running?.relocation.takeover.groupsChanged()
  }

  beginBatch(): void {
    this.#mesh.beginBatch()
    const { now } = this.#options.instant
    // This process may have been paused, and declared dead meanwhile.
    if (now - this.#lastTurnAt > this.#options.settings.timeout / 4) this.#running?.detector.tick()
    this.#lastTurnAt = now
    this.partition?.check()
  }

  endBatch(): void {
    this.#mesh.endBatch()
  }

  /** A connection that a peer had opened was closed. */
  connectionClosed(name: string, connection: Holder & { close(afterReplies: boolean): void }): void {
    this.requests.connectionClosed(name, connection)
    this.copies.connectionClosed(connection)
  }

  /** Whether previous owners still have entries of some slots of this node, or stale entries are not removed yet. */
  get isSettling(): boolean {
    return this.#running?.relocation.takeover.active ?? false
  }

  /** Whether the previous owner must be asked for the key of argument `i` before a command runs on it. */
  needsPull(group: Group, args: Args, i: number): boolean {
    return this.#parts.relocation.peerToAsk(group, args, i) !== undefined
  }

  /** Asks the previous owner for a key and stores its entry. False: it did not answer, and the origin is to be asked. */
  pull(group: Group, key: Buffer): Promise<boolean> {
    return this.#parts.relocation.pull(group, key)
  }

  /**
   * A peer that has handed everything over is about to close: no more requests of clients are sent to this run of it.
   * Resolves when it has answered all that was sent to it.
   */
  async farewellBy(name: string, runId: string): Promise<void> {
    const peer = this.#mesh.existing(name)
    peer.leaves(runId)
    // The order per key: clients wait for their outstanding replies before they send to another node.
    this.ownersVersion++
    const { pool } = peer
    const links = pool.links.filter((link) => !pool.isControl(link))
    await Promise.allSettled(links.map((link) => this.#ask(link, this.#options.groups[0], ['PING'])))
  }

  /** This node has run a flush of the group, of these tags or of everything. `path`: the nodes that passed it on. */
  flushed(group: Group, tags?: readonly Buffer[], path?: readonly string[]): void {
    // Clients that know the owners flush each node on its own.
    if (!this.redirects) this.#running?.relocation.relay.flushed(group, tags, path)
  }

  /** Whether a flush that came with this path, or any that began here, is being passed on: it is not over. */
  isPassingFlush(path?: readonly string[]): boolean {
    return this.#running?.relocation.relay.isPassing(path) ?? false
  }

  /** A request ran here for a slot that another node owns. */
  ranMisrouted(slot: number): void {
    this.#parts.relocation.ranMisrouted(slot)
  }

  /**
   * Leaves the cluster: hands the slots and their entries over to the other members. May be called again. Resolves
   * when everything is handed over, when no other member stays, or `timeout` ms after the start or the last progress: to
   * whether all was handed over.
   */
  async drain(timeout: number, since: 'start' | 'progress' = 'start'): Promise<boolean> {
    if (this.#running === undefined) return true
    const { leaving } = this.#running
    // Others may have counted this node in before it knew.
    return this.#assignment.live.size <= 1 && !leaving.isKnown ? true : leaving.drain(timeout, since)
  }

  /** Closes all links. */
  async close(): Promise<void> {
    this.#phase = 'closing'
    const running = this.#running
    if (running !== undefined) {
      running.controlChannel.stop()
      running.relocation.close()
      running.partition.close()
      await this.#options.membership.close()
      this.#mesh.close()
    }
    this.#phase = 'closed'
  }

  get #parts(): Parts {
    if (this.#running === undefined) throw new Error(NOT_STARTED)
    return this.#running
  }

  /** A context for requests that do not depend on any. */
  get #plainContext(): number {
    return this.#contexts.encode(this.#options.groups[0], 2, false, true)
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
    // An invalidation by the previous owner of a slot may arrive after the reply to a write at the new one.
    this.copies.dropAll()
    // Changes of keys that other nodes own now are not seen here.
    for (const { watchedKeys } of this.#options.groups)
      watchedKeys.lost((key) => this.owners[keySlot(key, 0, key.length)] !== SELF)
    this.#agreementChanged()
    this.onOwnersChanged()
  }

  #agreementChanged(): void {
    const { ownership, detector, leaving, partition } = this.#parts
    this.#contexts.epoch = ownership.agreedEpoch
    if (ownership.agreedEpoch !== 0)
      detector.majority.viewAgreed(
        detector.view.members.map(({ name }) => name),
        leaving.names,
      )
    partition.agreementChanged()
    leaving.check()
  }

  #ask(link: Link, group: Group, args: readonly (string | Buffer)[]): Promise<Reply> {
    return ask(link, this.contextOf(group, 2, false, true), args)
  }
}

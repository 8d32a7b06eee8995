// Answers the requests of other nodes (PEER commands), on connections that they have opened.

import { keySlot } from '../bytes/crc16.ts'
import type { Group } from '../group/group.ts'
import type { TlsSession } from '../tls/session.ts'
import type { GrantedCopy, Holder, HotCopies } from './copies/copying.ts'
import type { PendingWrites } from './handover/pending-writes.ts'
import type { TransferredEntry } from './handover/takeover.ts'
import type { KeyReport } from './handover/tally.ts'
import type { Identity } from './links/handshake.ts'
import type { Mesh } from './links/mesh.ts'
import type { RequestContexts } from './links/request-contexts.ts'
import type { StateMessage } from './liveness/state.ts'
import { parseAddress } from './member.ts'
import { SAME_NAME } from './membership/name-conflict.ts'
import { isOwnershipRequest } from './messages.ts'
import type { ClusterOptions } from './options.ts'
import { type OwnershipReply, SELF } from './ownership/protocol.ts'
import type { Parts } from './parts.ts'

export interface PeerRequestsOptions {
  readonly cluster: ClusterOptions
  /** @throws Error before the node has joined */
  readonly parts: () => Parts
  readonly mesh: Mesh
  readonly contexts: RequestContexts
  readonly copies: HotCopies
  readonly pendingWrites: PendingWrites
  /** A peer has sent its state. */
  readonly stateReceived: (name: string, message: StateMessage) => void
  /** Votes or releases may have changed what the owners agree about. */
  readonly agreementChanged: () => void
}

/** A connection that a peer has opened. */
interface PeerConnection {
  close(afterReplies: boolean): void
}

export class PeerRequests {
  readonly #options: PeerRequestsOptions
  /** By the names of the peers that have opened them. */
  readonly #connections = new Map<string, Set<PeerConnection>>()

  constructor(options: PeerRequestsOptions) {
    this.#options = options
  }

  /** Who this node is, for the handshake. */
  get identity(): Identity {
    const { parts, cluster } = this.#options
    return { name: parts().self.name, runId: cluster.runId, secret: cluster.settings.secret }
  }

  /** A connection of another node was authenticated. */
  connected(name: string, connection: PeerConnection): void {
    const { mesh } = this.#options
    const connections = this.#connections.get(name)
    if (connections === undefined) this.#connections.set(name, new Set([connection]))
    else connections.add(connection)
    const peer = mesh.get(name)
    // It may be one that is listed in another spelling.
    if (peer === undefined) mesh.identifyNow()
    else peer.pool.reconnectNow()
  }

  /** The names of the nodes that have connections to this one. */
  get connectedNames(): string[] {
    return [...this.#connections.keys()]
  }

  connectionClosed(name: string, connection: PeerConnection): void {
    const connections = this.#connections.get(name)
    if (connections?.delete(connection) && connections.size === 0) this.#connections.delete(name)
  }

  /**
   * A peer is considered dead: its connections are closed. If only the network has failed, its requests may still
   * arrive here although it has sent them to other nodes since, and an old write would run after newer ones.
   */
  peerDown(name: string): void {
    for (const connection of this.#connections.get(name) ?? []) connection.close(false)
  }

  /** Whether a connection must not become one of a node because it does not use TLS. */
  isWithoutTls(tls: TlsSession | undefined, address: string): boolean {
    const { log, tls: wanted } = this.#options.cluster
    if (wanted === undefined || tls !== undefined) return false
    log.warn({ address }, 'a connection claims to be a node but does not use TLS (tls-cluster yes)')
    return true
  }

  /** Whether a connection has shown the certificate of the member with this name, or needs none. */
  isMember(tls: TlsSession | undefined, name: string, address: string): boolean {
    const { log, tls: wanted } = this.#options.cluster
    if (wanted === undefined) return true
    const host = parseAddress(name)?.host ?? name
    if (tls?.isMember(wanted.memberName(), host) === true) return true
    const why =
      tls?.isVerified === true
        ? `is not valid for it (tls-cluster-name ${wanted.memberName()})`
        : 'is missing'
    log.warn({ name, address }, `a connection claims to be a node but its certificate ${why}`)
    return false
  }

  refused(name: string, address: string): void {
    const { log } = this.#options.cluster
    log.warn({ name, address }, 'a connection claims to be a node but does not know the secret')
  }

  /** The current generation, if a peer's epoch is this node's own; else -1: the nodes may disagree about owners. */
  agreedGeneration(epoch: number): number {
    const { contexts } = this.#options
    return epoch !== 0 && epoch === contexts.epoch ? contexts.generation : -1
  }

  /** Handles a peer's heartbeat. Returns this node's answer, as JSON, or the reason why there is none. */
  exchangeState(name: string, value: unknown): string | Error {
    const { exchange } = this.#options.parts().detector
    const message = exchange.read(name, value)
    if (message === undefined) return new Error('invalid message')
    if (this.#isImpostor(name, message.runId)) return new Error(SAME_NAME)
    if ('name' in message) this.#options.stateReceived(name, message)
    return exchange.answer(name, message)
  }

  /** Whether the sender is another process that uses the name of a connected member. */
  #isImpostor(name: string, runId: string): boolean {
    const { mesh, cluster } = this.#options
    const peer = mesh.get(name)
    if (peer === undefined || !peer.isReachable || peer.runId === runId) return false
    cluster.log.warn({ name }, SAME_NAME)
    return true
  }

  /** Handles a peer's request for slots. */
  requestOwnership(name: string, request: unknown): OwnershipReply | undefined {
    if (!isOwnershipRequest(request)) return undefined
    const { parts, pendingWrites, agreementChanged } = this.#options
    const { ownership, detector } = parts()
    pendingWrites.update(request.take)
    detector.ownershipReceived(name, request, request.epoch === ownership.epoch)
    const answer = ownership.handleRequest(name, request)
    agreementChanged()
    return { ...answer, ...detector.heartbeatPart(name) }
  }

  /** The dump of an entry for the new owner of its slot; `undefined`: there is none. */
  peek(group: Group, key: Buffer): Buffer | 'large' | undefined {
    return this.#options.parts().relocation.handover.peek(group, key)
  }

  /** A peer hands entries over (PEER TAKE). */
  accept(from: string, group: Group, entries: readonly TransferredEntry[]): string {
    return this.#options.parts().relocation.takeover.acceptAll(group, entries, from)
  }

  /** A peer says how many entries of each group it has sent here (PEER TALLY). */
  tallied(from: string, counts: ReadonlyMap<Group, number>): void {
    this.#options.parts().relocation.tallied(from, counts)
  }

  /** See `Relocation.keyReport`. */
  keyReport(group: Group): KeyReport {
    return this.#options.parts().relocation.keyReport(group)
  }

  /** A peer hands a part of a collection over (PEER PART). */
  acceptPart(from: string, group: Group, key: Buffer, number: number, dump: Buffer): string {
    return this.#options.parts().relocation.takeover.acceptPart(group, key, number, dump, from)
  }

  /** A peer has handed everything in these slots over (PEER DONE). */
  handoverDone(from: string, slots: readonly number[]): string {
    const { relocation, controlChannel } = this.#options.parts()
    const answer = relocation.takeover.done(from, slots)
    controlChannel.requestAll()
    return answer
  }

  /** The copy of a key that a peer may keep; `undefined`: none. `updates`: how many new values it accepts. */
  copyFor(
    holder: Holder,
    group: Group,
    bytes: Buffer,
    start: number,
    end: number,
    updates: number,
  ): GrantedCopy | undefined {
    const { parts, copies } = this.#options
    if (parts().ownership.owners[keySlot(bytes, start, end)] !== SELF) return undefined
    return copies.grant(holder, group, bytes, start, end, updates)
  }
}

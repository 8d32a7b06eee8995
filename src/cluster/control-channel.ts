// Sends heartbeats and ownership requests to the peers, on their control links.

import type { CancelTimer, Clock, Timers } from '../bytes/clock.ts'
import type { Peer } from './links/peer.ts'
import { ask, type Reply } from './links/request.ts'
import type { Detector } from './liveness/detector.ts'
import type { StateMessage } from './liveness/state.ts'
import { isOwnershipReply } from './messages.ts'
import type { Ownership } from './ownership/ownership.ts'
import type { OwnershipRequest } from './ownership/protocol.ts'

/**
 * Delay before slots that were not granted are requested again. It doubles while members answer that they have another
 * view: a request lists thousands of slots, and only a change of the view helps, after which all is requested at once.
 */
const REQUEST_RETRY_MS = 100
const LONGEST_REQUEST_RETRY_MS = 3200

/**
 * When many members join or leave together, broadcasts of changes are at least this far apart, or 1 ms for each of a
 * few peers, but no further than heartbeats: a broadcast of 11 kB to 1,000 peers takes 100 ms of CPU time.
 */
const MIN_BROADCAST_INTERVAL_MS = 10
const PEERS_PER_MS = 4

export interface ControlChannelOptions {
  readonly detector: Detector
  readonly ownership: Ownership
  readonly peers: () => Iterable<Peer>
  readonly peer: (name: string) => Peer | undefined
  readonly clock: Clock
  readonly timers: Timers
  readonly pingInterval: number
  /** The context of requests that do not depend on one. */
  readonly context: () => number
  /** A peer has replied to a heartbeat with an error. */
  readonly refused: (error: Error) => void
  /** A peer has replied with its state. */
  readonly stateReceived: (name: string, message: StateMessage) => void
  /** Whether this node is leaving: requests continue until all others know. */
  readonly isLeaving: () => boolean
  /** Votes or releases may have changed what the owners agree about. */
  readonly agreementChanged: () => void
}

export class ControlChannel {
  readonly #options: ControlChannelOptions
  readonly #requesting = new Set<string>()
  /** By peer: the epoch in its last heartbeat. */
  readonly #epochs = new Map<string, number>()
  #retryMs = REQUEST_RETRY_MS
  #cancelPing: CancelTimer | undefined
  #cancelRequest: CancelTimer | undefined
  #cancelBroadcast: CancelTimer | undefined
  /** The version of the state in the last broadcast. */
  #sentVersion = 0
  /** The state has changed since the last broadcast. */
  #hasChanged = false
  #isStopped = false

  constructor(options: ControlChannelOptions) {
    this.#options = options
  }

  start(): void {
    this.#ping(this.#options.clock.now())
  }

  stop(): void {
    this.#isStopped = true
    this.#options.detector.stop()
    this.#cancelPing?.()
    this.#cancelRequest?.()
    this.#cancelBroadcast?.()
  }

  /** Exchanges states with every peer. Changes are sent at intervals. */
  sendHeartbeats(): void {
    if (this.#cancelBroadcast !== undefined) {
      this.#hasChanged = true
      return
    }
    const { detector, peers, timers, pingInterval } = this.#options
    this.#hasChanged = false
    let count = 0
    for (const peer of peers()) {
      count++
      void this.sendHeartbeat(peer)
    }
    const { version } = detector.exchange
    // Heartbeats that only repeat a known state do not delay a later broadcast of a change.
    if (version === this.#sentVersion) return
    this.#sentVersion = version
    const interval = Math.max(MIN_BROADCAST_INTERVAL_MS, Math.min(count / PEERS_PER_MS, pingInterval))
    this.#cancelBroadcast = timers.after(interval, () => {
      this.#cancelBroadcast = undefined
      if (this.#hasChanged) this.sendHeartbeats()
    })
  }

  async sendHeartbeat(peer: Peer): Promise<void> {
    if (this.#isStopped || !peer.isReachable) return
    const { detector, clock, stateReceived } = this.#options
    const { exchange } = detector
    const sentAt = clock.now()
    const heartbeat = exchange.heartbeat(peer.name)
    const answer = exchange.read(peer.name, await this.#ask(peer, 'STATE', heartbeat.text))
    if (answer === undefined) return
    detector.heard(peer.name, clock.now() - sentAt)
    if ('name' in answer) stateReceived(peer.name, answer)
    if (exchange.hasMissed(peer.name, heartbeat, answer)) await this.sendHeartbeat(peer)
  }

  /** Requests the slots that this node is the target owner of and does not own. */
  requestAll(): void {
    this.#retryMs = REQUEST_RETRY_MS
    this.#requestAll()
  }

  #requestAll(): void {
    if (this.#isStopped) return
    for (const peer of this.#options.peers()) this.#request(peer)
  }

  /**
   * A heartbeat has brought a peer's epoch: a peer that has reached this node's view is asked at once, not at the next
   * retry.
   */
  epochHeard(name: string, epoch: number): void {
    const { ownership, peer: peerOf } = this.#options
    const before = this.#epochs.get(name)
    this.#epochs.set(name, epoch)
    if (this.#isStopped || before === epoch || epoch !== ownership.epoch) return
    const peer = peerOf(name)
    if (peer !== undefined) this.#request(peer)
  }

  #ping(dueAt: number): void {
    const { detector, timers, clock, pingInterval } = this.#options
    const now = clock.now()
    detector.tick(now - dueAt)
    this.sendHeartbeats()
    this.#cancelPing = timers.after(pingInterval, () => this.#ping(now + pingInterval))
  }

  #request(peer: Peer): void {
    const { name } = peer
    if (this.#requesting.has(name) || !peer.isReachable) return
    const { ownership, detector } = this.#options
    const needed = ownership.request(name)
    if (needed === undefined) return
    const request: OwnershipRequest = { ...needed, ...detector.heartbeatPart(name) }
    this.#requesting.add(name)
    void this.#ask(peer, 'CLAIM', JSON.stringify(request)).then((answer) => {
      this.#requesting.delete(name)
      if (this.#isStopped) return
      if (isOwnershipReply(answer)) {
        detector.ownershipReceived(name, answer, answer.agreed && request.epoch === ownership.epoch)
        this.#retryMs = answer.agreed
          ? REQUEST_RETRY_MS
          : Math.min(2 * this.#retryMs, LONGEST_REQUEST_RETRY_MS)
        const mayAskMore = ownership.handleReply(name, request, answer)
        this.#options.agreementChanged()
        if (mayAskMore) this.requestAll()
      }
      this.#requestLater()
    })
  }

  #requestLater(): void {
    this.#cancelRequest?.()
    const { ownership, isLeaving } = this.#options
    if (!ownership.isPending && !isLeaving()) return
    this.#cancelRequest = this.#options.timers.after(this.#retryMs, () => this.#requestAll())
  }

  /** `undefined`: there was no valid reply. */
  async #ask(peer: Peer, verb: 'STATE' | 'CLAIM', text: string): Promise<unknown> {
    try {
      const reply: Reply = await ask(peer.control, this.#options.context(), ['PEER', verb, text])
      if (verb === 'STATE' && reply instanceof Error) this.#options.refused(reply)
      return Buffer.isBuffer(reply) ? (JSON.parse(reply.toString()) as unknown) : undefined
    } catch {
      return undefined
    }
  }
}

// What nodes keep telling each other on their control links: who is alive, and who is to own which slots.

import type { CancelTimer, Clock, Timers } from '../bytes/clock.ts'
import type { Peer } from './links/peer.ts'
import { ask, type Reply } from './links/request.ts'
import type { Detector } from './liveness/detector.ts'
import { isStateMessage, type StateMessage } from './liveness/state.ts'
import { isOwnershipReply } from './messages.ts'
import type { Ownership, OwnershipRequest } from './ownership/ownership.ts'

/** A claim that was not granted whole is made again after so many ms. */
const REQUEST_RETRY_MS = 100

/** When many members come or go together, all are told of it so many ms apart. */
const MIN_BROADCAST_INTERVAL_MS = 10

export interface ControlChannelOptions {
  readonly detector: Detector
  readonly ownership: Ownership
  readonly peers: () => Iterable<Peer>
  readonly clock: Clock
  readonly timers: Timers
  readonly pingInterval: number
  /** The context of requests that depend on none. */
  readonly context: () => number
  /** A peer has answered with its state. */
  readonly heard: (name: string, message: StateMessage) => void
  /** Whether this node gives its slots away: all others are to have heard of it. */
  readonly isLeaving: () => boolean
  /** Owners may have changed. */
  readonly changed: () => void
}

export class ControlChannel {
  readonly #options: ControlChannelOptions
  readonly #requesting = new Set<string>()
  #cancelPing: CancelTimer | undefined
  #cancelRequest: CancelTimer | undefined
  #cancelTell: CancelTimer | undefined
  /** Something has changed since all were told. */
  #hasNews = false
  #isOver = false

  constructor(options: ControlChannelOptions) {
    this.#options = options
  }

  start(): void {
    this.#ping()
  }

  stop(): void {
    this.#isOver = true
    this.#cancelPing?.()
    this.#cancelRequest?.()
    this.#cancelTell?.()
  }

  /** Tells every peer this node's state, and hears theirs: at once, but not again and again. */
  sendHeartbeats(): void {
    if (this.#cancelTell !== undefined) {
      this.#hasNews = true
      return
    }
    this.#hasNews = false
    this.#cancelTell = this.#options.timers.after(MIN_BROADCAST_INTERVAL_MS, () => {
      this.#cancelTell = undefined
      if (this.#hasNews) this.sendHeartbeats()
    })
    for (const peer of this.#options.peers()) void this.tell(peer)
  }

  async tell(peer: Peer): Promise<void> {
    if (this.#isOver || !peer.isReachable) return
    const { detector, clock, heard } = this.#options
    const sentAt = clock.now()
    const answer = await this.#ask(peer, 'STATE', detector.message())
    if (!isStateMessage(answer) || answer.name !== peer.name) return
    detector.heard(peer.name, clock.now() - sentAt)
    heard(peer.name, answer)
  }

  /** Claims what this node is to own and does not. */
  requestAll(): void {
    if (this.#isOver) return
    for (const peer of this.#options.peers()) this.#request(peer)
  }

  #ping(): void {
    const { detector, timers, pingInterval } = this.#options
    detector.tick()
    this.sendHeartbeats()
    this.#cancelPing = timers.after(pingInterval, () => this.#ping())
  }

  #request(peer: Peer): void {
    const { name } = peer
    if (this.#requesting.has(name) || !peer.isReachable) return
    const { ownership } = this.#options
    const claim: OwnershipRequest | undefined = ownership.request(name)
    if (claim === undefined) return
    this.#requesting.add(name)
    void this.#ask(peer, 'CLAIM', claim).then((answer) => {
      this.#requesting.delete(name)
      if (this.#isOver) return
      if (isOwnershipReply(answer)) {
        const mayAskMore = ownership.answered(name, claim, answer)
        this.#options.changed()
        if (mayAskMore) this.requestAll()
      }
      this.#requestLater()
    })
  }

  #requestLater(): void {
    this.#cancelRequest?.()
    const { ownership, isLeaving } = this.#options
    if (!ownership.pending && !isLeaving()) return
    this.#cancelRequest = this.#options.timers.after(REQUEST_RETRY_MS, () => this.requestAll())
  }

  /** `undefined`: there was no answer. */
  async #ask(peer: Peer, verb: 'STATE' | 'CLAIM', message: object): Promise<unknown> {
    try {
      const text = JSON.stringify(message)
      const reply: Reply = await ask(peer.control, this.#options.context(), ['PEER', verb, text])
      return Buffer.isBuffer(reply) ? (JSON.parse(reply.toString()) as unknown) : undefined
    } catch {
      return undefined
    }
  }
}

// What nodes keep telling each other on their control links: who is alive, and who is to own which slots.

import type { CancelTimer, Clock, Timers } from '../bytes/clock.ts'
import type { Peer } from './links/peer.ts'
import { ask, type Reply } from './links/request.ts'
import type { Detector } from './liveness/detector.ts'
import { isStateMessage, type StateMessage } from './liveness/state.ts'
import { isAnswer } from './messages.ts'
import type { Claim, Ownership } from './ownership/ownership.ts'

/** A claim that was not granted whole is made again after so many ms. */
const CLAIM_AGAIN = 100

/** When many members come or go together, all are told of it so many ms apart. */
const NEWS_APART = 10

export interface ConversationOptions {
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

export class Conversation {
  readonly #options: ConversationOptions
  readonly #claiming = new Set<string>()
  #cancelPing: CancelTimer | undefined
  #cancelClaim: CancelTimer | undefined
  #cancelTell: CancelTimer | undefined
  /** Something has changed since all were told. */
  #hasNews = false
  #isOver = false

  constructor(options: ConversationOptions) {
    this.#options = options
  }

  start(): void {
    this.#ping()
  }

  stop(): void {
    this.#isOver = true
    this.#cancelPing?.()
    this.#cancelClaim?.()
    this.#cancelTell?.()
  }

  /** Tells every peer this node's state, and hears theirs: at once, but not again and again. */
  tellAll(): void {
    if (this.#cancelTell !== undefined) {
      this.#hasNews = true
      return
    }
    this.#hasNews = false
    this.#cancelTell = this.#options.timers.after(NEWS_APART, () => {
      this.#cancelTell = undefined
      if (this.#hasNews) this.tellAll()
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
  claimAll(): void {
    if (this.#isOver) return
    for (const peer of this.#options.peers()) this.#claim(peer)
  }

  #ping(): void {
    const { detector, timers, pingInterval } = this.#options
    detector.tick()
    this.tellAll()
    this.#cancelPing = timers.after(pingInterval, () => this.#ping())
  }

  #claim(peer: Peer): void {
    const { name } = peer
    if (this.#claiming.has(name) || !peer.isReachable) return
    const { ownership } = this.#options
    const claim: Claim | undefined = ownership.claim(name)
    if (claim === undefined) return
    this.#claiming.add(name)
    void this.#ask(peer, 'CLAIM', claim).then((answer) => {
      this.#claiming.delete(name)
      if (this.#isOver) return
      if (isAnswer(answer)) {
        const mayAskMore = ownership.answered(name, claim, answer)
        this.#options.changed()
        if (mayAskMore) this.claimAll()
      }
      this.#claimLater()
    })
  }

  #claimLater(): void {
    this.#cancelClaim?.()
    const { ownership, isLeaving } = this.#options
    if (!ownership.pending && !isLeaving()) return
    this.#cancelClaim = this.#options.timers.after(CLAIM_AGAIN, () => this.claimAll())
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

// Cuts what a peer sends into replies and peers' frames, handed over whole and mostly without a copy.

import { constants } from 'node:buffer'
import { ReplyFramer } from '../../resp/framer.ts'

/** Who takes what has arrived. */
export interface FrameHandler {
  /** How many replies may be handed over together next; at least 1. */
  readonly expected: number
  /** Nothing more is taken. */
  readonly isClosed: boolean
  /** `count` whole replies, at most as many as awaited. */
  onReplies(bytes: Buffer, count: number): void
  /** One whole frame that only peers send: `@ ^ ? >`. */
  onControlFrame(frame: Buffer): void
  /** The stream cannot be understood from here on. */
  onProtocolError(reason: string): void
}

export class Incoming {
  readonly #consumer: FrameHandler
  readonly #framer = new ReplyFramer()
  /** What has arrived of a frame that is not complete, how much that is, and whether it is a peer's frame. */
  #pieces: Buffer[] = []
  #held = 0
  #isPeers = false

  constructor(consumer: FrameHandler) {
    this.#consumer = consumer
  }

  /** Takes over a chunk. */
  receive(chunk: Buffer): void {
    const framer = this.#framer
    const consumer = this.#consumer
    const to = chunk.length
    let at = 0
    while (at < to && !consumer.isClosed) {
      const next = framer.scan(chunk, at, to, this.#pieces.length === 0 ? consumer.expected : 1)
      const { whole } = framer
      if (framer.count !== 0) this.#complete(chunk, at, whole, framer.count)
      if (consumer.isClosed) return
      at = next
      if (framer.error !== '') consumer.onProtocolError(framer.error)
      else if (framer.special !== 0) at = this.#peers(chunk, whole, to)
      else if (whole !== next) this.#hold(chunk.subarray(whole, next))
    }
  }

  /** Forgets what is not complete. */
  clear(): void {
    this.#pieces = []
  }

  /** Takes the peer's frame that begins at `from`, or what there is of it. */
  #peers(chunk: Buffer, from: number, to: number): number {
    const framer = this.#framer
    const next = framer.take(chunk, from, to)
    this.#isPeers = true
    if (framer.error !== '') this.#consumer.onProtocolError(framer.error)
    else if (framer.count !== 0) this.#complete(chunk, from, next, 1)
    else this.#hold(chunk.subarray(from, next))
    return next
  }

  #hold(piece: Buffer): void {
    this.#pieces.push(piece)
    this.#held += piece.length
    if (this.#held > constants.MAX_LENGTH)
      this.#consumer.onProtocolError(`more than ${constants.MAX_LENGTH} bytes`)
  }

  /** Hands over `count` whole frames, of which the first may have begun in chunks before. */
  #complete(chunk: Buffer, from: number, to: number, count: number): void {
    let bytes = from === 0 && to === chunk.length ? chunk : chunk.subarray(from, to)
    if (this.#pieces.length !== 0) {
      this.#pieces.push(bytes)
      bytes = Buffer.concat(this.#pieces)
      this.#pieces = []
      this.#held = 0
    }
    if (!this.#isPeers) this.#consumer.onReplies(bytes, count)
    else {
      this.#isPeers = false
      this.#consumer.onControlFrame(bytes)
    }
  }
}

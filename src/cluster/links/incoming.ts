// The incoming side of a link: splits the byte stream into replies and control frames, mostly without copying.

import { constants } from 'node:buffer'
import { ReplyFramer } from '../../resp/framer.ts'

export interface FrameHandler {
  /** How many replies may be passed together next; at least 1. */
  readonly expected: number
  /** Nothing more is accepted. */
  readonly isClosed: boolean
  /** `count` whole replies, at most `expected`. */
  onReplies(bytes: Buffer, count: number): void
  /** One whole frame of a type that only peers send: `@ ^ ? >`. */
  onControlFrame(frame: Buffer): void
  /** The rest of the stream cannot be parsed. */
  onProtocolError(reason: string): void
}

export class Incoming {
  readonly #handler: FrameHandler
  readonly #framer = new ReplyFramer()
  /** The parts of an incomplete frame received so far, their size, and whether it is a control frame. */
  #parts: Buffer[] = []
  #partBytes = 0
  #isControl = false

  constructor(handler: FrameHandler) {
    this.#handler = handler
  }

  /** Takes ownership of the chunk. */
  receive(chunk: Buffer): void {
    const framer = this.#framer
    const handler = this.#handler
    const to = chunk.length
    let at = 0
    while (at < to && !handler.isClosed) {
      const next = framer.scan(chunk, at, to, this.#parts.length === 0 ? handler.expected : 1)
      const { whole } = framer
      if (framer.count !== 0) this.#complete(chunk, at, whole, framer.count)
      if (handler.isClosed) return
      at = next
      if (framer.error !== '') handler.onProtocolError(framer.error)
      else if (framer.special !== 0) at = this.#receiveControl(chunk, whole, to)
      else if (whole !== next) this.#keep(chunk.subarray(whole, next))
    }
  }

  /** Discards an incomplete frame. */
  clear(): void {
    this.#parts = []
  }

  /** Receives the control frame that begins at `from`, or the part of it that is there. */
  #receiveControl(chunk: Buffer, from: number, to: number): number {
    const framer = this.#framer
    const next = framer.take(chunk, from, to)
    this.#isControl = true
    if (framer.error !== '') this.#handler.onProtocolError(framer.error)
    else if (framer.count !== 0) this.#complete(chunk, from, next, 1)
    else this.#keep(chunk.subarray(from, next))
    return next
  }

  #keep(part: Buffer): void {
    this.#parts.push(part)
    this.#partBytes += part.length
    if (this.#partBytes > constants.MAX_LENGTH) {
      this.#handler.onProtocolError(`more than ${constants.MAX_LENGTH} bytes`)
    }
  }

  /** Passes on `count` whole frames. The first may have begun in earlier chunks. */
  #complete(chunk: Buffer, from: number, to: number, count: number): void {
    let bytes = from === 0 && to === chunk.length ? chunk : chunk.subarray(from, to)
    if (this.#parts.length !== 0) {
      this.#parts.push(bytes)
      bytes = Buffer.concat(this.#parts)
      this.#parts = []
      this.#partBytes = 0
    }
    if (!this.#isControl) this.#handler.onReplies(bytes, count)
    else {
      this.#isControl = false
      this.#handler.onControlFrame(bytes)
    }
  }
}

// The replies of one connection on their way out, in order, also around places whose reply is still to come.

import type { HeldReply } from '../commands/client.ts'

const NOTHING = Buffer.alloc(0)

class Place implements HeldReply {
  bytes: Buffer | undefined
  readonly #outbox: Outbox

  constructor(outbox: Outbox) {
    this.#outbox = outbox
  }

  complete(reply: Buffer): void {
    if (this.bytes !== undefined) return
    this.bytes = reply
    this.#outbox.size += reply.length
    this.#outbox.drain()
  }
}

/** So much of the queue may have been written before it is cut off: cutting moves all that is behind. */
const COMPACT_FROM = 1024

/** Empty unless a reply is held: then everything behind it waits here. */
export class Outbox {
  /** Bytes waiting behind a held reply: those of replies that came before their turn, too. */
  size = 0
  readonly #queue: (Buffer | Place)[] = []
  /** What is before this index has been written. */
  #next = 0
  readonly #write: (bytes: Buffer) => void
  readonly #drained: () => void

  /**
   * @param write takes bytes whose turn has come
   * @param drained called after a held reply was completed and what it let go has been written
   */
  constructor(write: (bytes: Buffer) => void, drained: () => void) {
    this.#write = write
    this.#drained = drained
  }

  get isEmpty(): boolean {
    return this.#queue.length === 0
  }

  /** Reserves the next place. */
  hold(): HeldReply {
    const place = new Place(this)
    this.#queue.push(place)
    return place
  }

  /** Queues bytes behind the places held. */
  push(bytes: Buffer): void {
    this.size += bytes.length
    this.#queue.push(bytes)
  }

  drain(): void {
    const queue = this.#queue
    let next = this.#next
    for (; next < queue.length; next++) {
      const item = queue[next]
      const bytes = item instanceof Place ? item.bytes : item
      if (bytes === undefined) break
      this.size -= bytes.length
      queue[next] = NOTHING
      if (bytes.length !== 0) this.#write(bytes)
    }
    if (next === queue.length || next >= COMPACT_FROM) {
      queue.splice(0, next)
      next = 0
    }
    this.#next = next
    this.#drained()
  }
}

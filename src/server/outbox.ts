// The replies of one connection on their way out, in order, also around places whose reply is still to come.

import type { HeldReply } from '../commands/client.ts'

class Place implements HeldReply {
  bytes: Buffer | undefined
  readonly #outbox: Outbox

  constructor(outbox: Outbox) {
    this.#outbox = outbox
  }

  complete(reply: Buffer): void {
    if (this.bytes !== undefined) return
    this.bytes = reply
    this.#outbox.drain()
  }
}

/** Empty unless a reply is held: then everything behind it waits here. */
export class Outbox {
  /** Bytes waiting behind a held reply. */
  size = 0
  readonly #queue: (Buffer | Place)[] = []
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
    let ready = 0
    for (const item of this.#queue) {
      const bytes = item instanceof Place ? item.bytes : item
      if (bytes === undefined) break
      ready++
      if (item === bytes) this.size -= bytes.length
      if (bytes.length !== 0) this.#write(bytes)
    }
    this.#queue.splice(0, ready)
    this.#drained()
  }
}

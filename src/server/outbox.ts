// The replies of one connection on their way out, in order, also around places whose reply is still to come.

import type { Link, Receiver } from '../cluster/links/link.ts'
import type { PendingReply } from '../commands/spec/client.ts'

const NOTHING = Buffer.alloc(0)

class ReplyPlace implements PendingReply {
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

/** Makes a receiver of one reply, whose request was sent in this context. */
export type MakeReceiver = (context: number, complete: (reply: Buffer) => void) => Receiver

/** Shared by all runs whose replies come as they should; never written to. */
const NO_PARTS: (Buffer | ReplyPlace)[] = []

/** The place of the replies to requests in a row that were forwarded by the same link. */
class ForwardedReplies implements Receiver {
  readonly link: Link
  readonly context: number
  /** Replies asked for, and those of them that came or have a place among `parts`. */
  asked = 1
  settled = 0
  /** What came before its turn, or waits for a reply that comes later; before `next` it has been written. */
  parts: (Buffer | ReplyPlace)[] = NO_PARTS
  next = 0
  readonly #outbox: Outbox

  constructor(outbox: Outbox, link: Link, context: number) {
    this.#outbox = outbox
    this.link = link
    this.context = context
  }

  get isOver(): boolean {
    return this.settled === this.asked && this.parts.length === 0
  }

  add(part: Buffer | ReplyPlace): void {
    if (this.parts === NO_PARTS) this.parts = [part]
    else this.parts.push(part)
  }

  replies(bytes: Buffer, count: number): void {
    this.settled += count
    this.#outbox.countReplies(bytes.length, count)
    this.#outbox.forwardedArrived(this, bytes)
  }

  deferred(): Receiver {
    this.settled++
    const place = new ReplyPlace(this.#outbox)
    this.add(place)
    return this.#outbox.makeReceiver(this.context, (reply) => {
      this.#outbox.countReplies(reply.length, 1)
      place.complete(reply)
    })
  }

  moved(request: Buffer, to: string): void {
    this.deferred().moved(request, to)
  }

  lost(request: Buffer, sent: boolean, reason: string): void {
    this.deferred().lost(request, sent, reason)
  }
}

/** What is shorter is copied when it has to wait, rather than keep the chunk it came in. */
const COPY_BELOW_BYTES = 8192

/** So much of the queue may have been written before it is cut off: cutting moves all that is behind. */
const COMPACT_FROM_ITEMS = 1024

/** So many bytes may be on their way from other nodes: what they will be is guessed from those that came last. */
const MAX_OUTSTANDING_BYTES = 8 * 1024 * 1024

/** What a reply is taken for before one has come, and at least ever after, bytes. */
const FIRST_EXPECTED_BYTES = 32 * 1024
const MIN_EXPECTED_BYTES = 8 * 1024

/** Empty unless a reply is held: then everything behind it waits here. */
export class Outbox {
  /** Bytes waiting behind a held reply: those of replies that came before their turn, too. */
  size = 0
  /** Replies that come by links, and how long one probably is, bytes. */
  #outstanding = 0
  #expectedBytes = FIRST_EXPECTED_BYTES
  readonly makeReceiver: MakeReceiver
  readonly #queue: (Buffer | ReplyPlace | ForwardedReplies)[] = []
  /** What is before this index has been written. */
  #next = 0
  readonly #write: (bytes: Buffer) => void
  readonly #drained: () => void

  /**
   * @param write takes bytes whose turn has come
   * @param drained called after a held reply was completed and what it let go has been written
   */
  constructor(write: (bytes: Buffer) => void, drained: () => void, makeReceiver: MakeReceiver) {
    this.#write = write
    this.#drained = drained
    this.makeReceiver = makeReceiver
  }

  get isEmpty(): boolean {
    return this.#queue.length === 0
  }

  /** Whether no more is to be asked of other nodes before replies have come. */
  get isFull(): boolean {
    return this.#outstanding > 1 && this.#outstanding * this.#expectedBytes > MAX_OUTSTANDING_BYTES
  }

  /** Replies to what was relayed have come. */
  countReplies(bytes: number, count: number): void {
    this.#outstanding -= count
    this.#expectedBytes = Math.max(bytes / count, this.#expectedBytes / 2, MIN_EXPECTED_BYTES)
  }

  /** Reserves the next place. */
  deferReply(): PendingReply {
    const place = new ReplyPlace(this)
    this.#queue.push(place)
    return place
  }

  /** Reserves the next place for a reply that comes by a link. */
  deferForwardedReply(link: Link, context: number): Receiver {
    this.#outstanding++
    const last = this.#queue[this.#queue.length - 1]
    if (last instanceof ForwardedReplies && last.link === link && last.context === context) {
      last.asked++
      return last
    }
    const run = new ForwardedReplies(this, link, context)
    this.#queue.push(run)
    return run
  }

  /** Queues bytes behind the places held. */
  push(bytes: Buffer): void {
    this.size += bytes.length
    this.#queue.push(bytes)
  }

  /** Replies of a run have come. */
  forwardedArrived(run: ForwardedReplies, bytes: Buffer): void {
    if (run.parts.length !== 0 || this.#queue[this.#next] !== run) {
      this.size += bytes.length
      run.add(ownBytes(bytes))
      if (this.#queue[this.#next] !== run) return
      this.drain()
      return
    }
    this.#write(bytes)
    if (run.settled === run.asked) this.drain()
  }

  drain(): void {
    const queue = this.#queue
    let next = this.#next
    for (; next < queue.length; next++) {
      const item = queue[next]
      if (item instanceof ForwardedReplies) {
        this.#drainRun(item)
        if (!item.isOver) break
      } else {
        const bytes = item instanceof ReplyPlace ? item.bytes : item
        if (bytes === undefined) break
        this.#release(bytes)
      }
      queue[next] = NOTHING
    }
    if (next === queue.length) {
      queue.length = 0
      next = 0
    } else if (next >= COMPACT_FROM_ITEMS) {
      queue.splice(0, next)
      next = 0
    }
    this.#next = next
    this.#drained()
  }

  #drainRun(run: ForwardedReplies): void {
    const { parts } = run
    let { next } = run
    for (; next < parts.length; next++) {
      const part = parts[next]
      const bytes = part instanceof ReplyPlace ? part.bytes : part
      if (bytes === undefined) break
      this.#release(bytes)
      parts[next] = NOTHING
    }
    if (next === parts.length) {
      run.parts = NO_PARTS
      next = 0
    } else if (next >= COMPACT_FROM_ITEMS) {
      parts.splice(0, next)
      next = 0
    }
    run.next = next
  }

  #release(bytes: Buffer): void {
    this.size -= bytes.length
    if (bytes.length !== 0) this.#write(bytes)
  }
}

function ownBytes(bytes: Buffer): Buffer {
  return bytes.length < COPY_BELOW_BYTES ? Buffer.from(bytes) : bytes
}

// The output queue of one connection: keeps replies in order while some of them are still deferred.

import type { Link, Receiver } from '../../cluster/links/link.ts'
import type { PendingReply } from '../../commands/spec/client.ts'
import type { UnreadBytes } from './unread-bytes.ts'

const NOTHING = Buffer.alloc(0)
/** Shared, never modified. */
const NO_REST: readonly Buffer[] = []

class ReplyPlace implements PendingReply {
  bytes: Buffer | undefined
  /** Further parts of the reply, after `bytes`. */
  rest: readonly Buffer[] = NO_REST
  readonly #outbox: Outbox

  constructor(outbox: Outbox) {
    this.#outbox = outbox
  }

  complete(reply: Buffer, rest: readonly Buffer[] = NO_REST): void {
    if (this.bytes !== undefined) return
    this.bytes = reply
    this.rest = rest
    this.#outbox.resize(rest.reduce((sum, { length }) => sum + length, reply.length))
    this.#outbox.drain()
  }
}

/** Creates the receiver of one reply whose request was sent in this context. */
export type MakeReceiver = (context: number, complete: (reply: Buffer) => void) => Receiver

/** Shared by all runs whose replies arrive in order; never modified. */
const NO_PARTS: (Buffer | ReplyPlace)[] = []

/** A run: the place of the replies to consecutive requests that were forwarded over the same link. */
class ForwardedReplies implements Receiver {
  link: Link
  context: number
  /** Requests forwarded, and those of them whose reply has arrived or has a place in `parts`. */
  asked = 1
  settled = 0
  /** Replies that arrived early or wait behind a deferred one; those before index `next` are written. */
  parts: (Buffer | ReplyPlace)[] = NO_PARTS
  next = 0
  readonly #outbox: Outbox

  constructor(outbox: Outbox, link: Link, context: number) {
    this.#outbox = outbox
    this.link = link
    this.context = context
  }

  /** Whether its next reply is expected from the link in order: it was not deferred. */
  get isOnItsWay(): boolean {
    return this.parts.length === 0
  }

  get isOver(): boolean {
    return this.settled === this.asked && this.parts.length === 0
  }

  /** Begins another run, once this one is over. */
  restart(link: Link, context: number): void {
    this.link = link
    this.context = context
    this.asked = 1
    this.settled = 0
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
    this.#outbox.forwardedDeferred()
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

/** A shorter reply that has to wait is copied, so that it does not keep its input chunk alive. */
const COPY_BELOW_BYTES = 8192

/** Written items are removed in bulk, once there are this many: a removal moves all later items. */
const COMPACT_FROM_ITEMS = 1024

/** An empty queue keeps room for this many. */
const KEPT_ITEMS = 16

/** The limit of bytes expected from other nodes; reply sizes are estimated from the latest ones. */
const MAX_OUTSTANDING_BYTES = 8 * 1024 * 1024

/** The estimate of a reply's size before the first has arrived, and its minimum, bytes. */
const FIRST_EXPECTED_BYTES = 32 * 1024
const MIN_EXPECTED_BYTES = 8 * 1024

export interface OutboxParts {
  /** Sends the bytes that are next in order. */
  readonly write: (bytes: Buffer) => void
  /** Called after a deferred reply was completed and the replies behind it were written. */
  readonly drained: () => void
  /** Called after a reply of another node was deferred, if it is the next one in order. */
  readonly deferred: () => void
  readonly makeReceiver: MakeReceiver
  readonly unread: UnreadBytes
}

/** The queue is empty unless a reply is deferred: then all replies behind it wait here. */
export class Outbox {
  /** Bytes waiting behind a deferred reply. */
  size = 0
  /** Replies outstanding from other nodes, and the estimated size of one, bytes. */
  #outstanding = 0
  #expectedBytes = FIRST_EXPECTED_BYTES
  readonly makeReceiver: MakeReceiver
  /** Items in `[#next, #end)`. The array does not shrink to nothing whenever the last reply has arrived. */
  readonly #queue: (Buffer | ReplyPlace | ForwardedReplies)[] = []
  #next = 0
  #end = 0
  /** A run that is over, for the next one. */
  #spare: ForwardedReplies | undefined
  readonly #write: (bytes: Buffer) => void
  readonly #drained: () => void
  readonly #deferred: () => void
  readonly #unread: UnreadBytes
  #isClosed = false

  constructor({ write, drained, deferred, makeReceiver, unread }: OutboxParts) {
    this.#write = write
    this.#drained = drained
    this.#deferred = deferred
    this.makeReceiver = makeReceiver
    this.#unread = unread
  }

  get isEmpty(): boolean {
    return this.#end === 0
  }

  /** Whether the next reply in order comes from another node and was not deferred there. */
  get awaitsPeer(): boolean {
    if (this.#next === this.#end) return false
    const next = this.#queue[this.#next]
    return next instanceof ForwardedReplies && next.isOnItsWay
  }

  /** Whether no more requests may be forwarded until replies have arrived. */
  get isFull(): boolean {
    return this.#outstanding > 1 && this.#outstanding * this.#expectedBytes > MAX_OUTSTANDING_BYTES
  }

  /** Counts arrived replies of forwarded requests. */
  countReplies(bytes: number, count: number): void {
    this.#outstanding -= count
    this.#expectedBytes = Math.max(bytes / count, this.#expectedBytes / 2, MIN_EXPECTED_BYTES)
  }

  /** Reserves the next place. */
  deferReply(): PendingReply {
    const place = new ReplyPlace(this)
    this.#add(place)
    return place
  }

  /** Reserves the next place for a reply that arrives over a link. */
  deferForwardedReply(link: Link, context: number): Receiver {
    this.#outstanding++
    if (this.#end !== 0) {
      const last = this.#queue[this.#end - 1]
      if (last instanceof ForwardedReplies && last.link === link && last.context === context) {
        last.asked++
        return last
      }
    }
    const run = this.#takeRun(link, context)
    this.#add(run)
    return run
  }

  /** Queues bytes behind the reserved places. */
  push(bytes: Buffer): void {
    this.resize(bytes.length)
    this.#add(bytes)
  }

  /** The connection is closed: waiting bytes no longer count. */
  close(): void {
    this.#isClosed = true
    this.#unread.bytes -= this.size
    this.size = 0
  }

  /** Counts bytes that begin to wait, or (negative) no longer do. */
  resize(bytes: number): void {
    if (this.#isClosed) return
    this.size += bytes
    this.#unread.bytes += bytes
  }

  /** Another node has deferred a reply: it loads the value, or asks another node. */
  forwardedDeferred(): void {
    if (!this.awaitsPeer) this.#deferred()
  }

  /** Replies of a run have arrived. */
  forwardedArrived(run: ForwardedReplies, bytes: Buffer): void {
    if (run.parts.length !== 0 || this.#queue[this.#next] !== run) {
      this.resize(bytes.length)
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
    for (; next < this.#end; next++) {
      const item = queue[next]
      if (item instanceof ForwardedReplies) {
        if (item.parts.length !== 0) this.#drainRun(item)
        if (!item.isOver) break
        this.#spare = item
      } else {
        const bytes = item instanceof ReplyPlace ? item.bytes : item
        if (bytes === undefined) break
        this.#release(bytes)
        if (item instanceof ReplyPlace) for (const part of item.rest) this.#release(part)
      }
      queue[next] = NOTHING
    }
    if (next === this.#end) {
      if (queue.length > KEPT_ITEMS) queue.length = 0
      this.#end = 0
      next = 0
    } else if (next >= COMPACT_FROM_ITEMS) {
      queue.splice(0, next)
      this.#end -= next
      next = 0
    }
    this.#next = next
    this.#drained()
  }

  #add(item: Buffer | ReplyPlace | ForwardedReplies): void {
    this.#queue[this.#end++] = item
  }

  #takeRun(link: Link, context: number): ForwardedReplies {
    const spare = this.#spare
    if (spare === undefined) return new ForwardedReplies(this, link, context)
    this.#spare = undefined
    spare.restart(link, context)
    return spare
  }

  #drainRun(run: ForwardedReplies): void {
    const { parts } = run
    let { next } = run
    for (; next < parts.length; next++) {
      const part = parts[next]
      const bytes = part instanceof ReplyPlace ? part.bytes : part
      if (bytes === undefined) break
      this.#release(bytes)
      if (part instanceof ReplyPlace) for (const more of part.rest) this.#release(more)
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
    this.resize(-bytes.length)
    if (bytes.length !== 0) this.#write(bytes)
  }
}

function ownBytes(bytes: Buffer): Buffer {
  return bytes.length < COPY_BELOW_BYTES ? Buffer.from(bytes) : bytes
}

// A link: one connection to a peer, shared by many senders. It multiplexes their requests and returns the replies.
//
// CONNECTIONS. A node opens its own links to each peer (link-pool.ts): a few data links for forwarded commands and a
// bulk link for reads of the whole keyspace, opened on first use, and one control link for heartbeats and slot
// ownership, reopened whenever it closes. A peer sends nothing over a link that it did not open but replies and pushes.
// Because the control link is a connection of its own, heartbeats do not queue behind forwarded commands.
//
// STATES. connecting → handshake (handshake.ts) → ready → closed. A link is never reopened: its pool opens another.
// Requests may be sent in every state but closed; they are written once the link is ready.
//
// PROTOCOL. RESP in both directions. Requests are arrays of bulk strings, as clients send them. PEER CONTEXT sets
// group, protocol and epoch for the requests after it, and has no reply (request-contexts.ts). If both nodes trace, it
// also has the trace of the one request after it. The peer answers in the order of the requests, by one of
//
//     any RESP reply     the reply
//     @<id>              the reply is deferred: the requests behind it are answered first
//     ^<id> reply        the reply that was deferred under this number
//     ?<host:port>       not run: another member owns the key
//     >… (push)          not a reply: an invalidation of a copy
//
// Replies to forwarded commands are found by their frames only and passed on byte for byte (incoming.ts). Replies that
// this node reads itself, those to the handshake and on the control link, are parsed by redis-parser (request.ts).
//
// TIMERS (timeouts.ts). One each for the connection and the handshake. Then a link is closed if requests wait and no
// byte arrives for the response timeout; a deferred reply may take longer. An idle link is not probed: liveness is the
// failure detector's task.
//
// INVARIANTS
// - Each request ends in exactly one call of its receiver: replies, moved or lost; `deferred` only postpones it.
// - A send buffer is reused only when its requests are answered and its writes are complete.
// - Memory is bounded: above the queue limit `isFull` asks senders to wait, above four times that they are refused.

import { parseInteger } from '../../bytes/numbers/decimal.ts'
import type { TraceHeaders } from '../../telemetry/tracing.ts'
import { Connection, type ConnectionOptions, type ConnectionOwner } from './connection.ts'
import { DeferredReplies } from './deferred-replies.ts'
import type { Hello, ProvenHello } from './handshake.ts'
import { type FrameHandler, Incoming } from './incoming.ts'
import { copyOf, Outgoing } from './outgoing.ts'
import type { Receiver, Sender } from './receiver.ts'
import type { SendBufferPool } from './send-buffers.ts'

export type { Receiver } from './receiver.ts'

/** How a link failed: the peer refused the connection; the connection was closed; nothing arrived for the timeout. */
export type LinkFailure = 'refused' | 'closed' | 'silent'

/** The queue limit: requests without a reply, and their bytes. */
const FULL_REQUESTS = 65_536
const FULL_BYTES = 8 * 1024 * 1024

/** At this multiple of the queue limit requests are refused. */
const HARD_LIMIT_FACTOR = 4

const AT = 0x40
const CARET = 0x5e
const QUESTION = 0x3f

/** All links of a node share these but `peer` and `connect`. */
export interface LinkOptions extends ConnectionOptions {
  /** The peer's name, for messages. */
  readonly peer: string
  /** The command that sets this context. It has no reply. */
  contextBytes(context: number, trace?: TraceHeaders): Buffer
  /** Called before and after the replies of one read from the socket. */
  readonly receiving?: () => void
  readonly received?: () => void
  readonly buffers: SendBufferPool
  /** The queue limit; by default 65,536 requests and 8 MiB. */
  readonly full?: { readonly requests: number; readonly bytes: number }
}

export interface LinkOwner {
  /**
   * A request was sent, the first one since the last flush. It must be flushed before its sender may change its bytes,
   * also while the link is not ready: they are copied then.
   */
  onDirty(link: Link): void
  /** The handshake is complete. */
  onReady(link: Link, hello: Hello): void
  /** The peer has sent a push: the whole frame. */
  onPush(link: Link, frame: Buffer): void
  /** The queue was full, and is less than half full now. */
  onDrain(link: Link): void
  /**
   * The link is closed. The receivers of its requests are notified right after this. `refused`: the peer refused the
   * connection or the handshake.
   */
  onClose(link: Link, reason: string, refused: boolean): void
}

export class Link implements Sender, FrameHandler, ConnectionOwner {
  readonly peer: string
  /** Milliseconds since the epoch. */
  readonly openedAt: number
  /** Why it is closed; '' before. */
  reason = ''
  requests = 0
  replies = 0
  lost = 0
  writes = 0
  bytesOut = 0
  bytesIn = 0
  /** When the last reply arrived, ms since the epoch; 0: never. */
  repliedAt = 0
  /** Whether the peer accepts traces, by its last handshake. */
  takesTraces: boolean
  /** Whether a trace was sent before the handshake has confirmed that. */
  #hasTraces = false

  readonly #options: LinkOptions
  readonly #owner: LinkOwner
  readonly #connection: Connection
  /** A part of a large request was written: the peer still reads. */
  readonly #onProgress = (): void => this.#connection.timeouts.onBytesReceived()
  readonly #outgoing: Outgoing
  readonly #incoming: Incoming
  readonly #deferred = new DeferredReplies(this)
  readonly #fullRequests: number
  readonly #fullBytes: number
  #wasFull = false

  /** @param takesTraces whether the peer accepts traces, by the handshake of an earlier link */
  constructor(options: LinkOptions, owner: LinkOwner, takesTraces = false) {
    this.#options = options
    this.peer = options.peer
    this.takesTraces = takesTraces
    this.openedAt = options.clock.now()
    this.#owner = owner
    this.#fullRequests = options.full?.requests ?? FULL_REQUESTS
    this.#fullBytes = options.full?.bytes ?? FULL_BYTES
    this.#outgoing = new Outgoing(options.buffers, (context, trace) => options.contextBytes(context, trace))
    this.#incoming = new Incoming(this)
    this.#connection = new Connection(options, this)
  }

  get isReady(): boolean {
    return this.#connection.isReady
  }

  get isClosed(): boolean {
    return this.#connection.isClosed
  }

  /** Whether something waits for a flush. */
  get isDirty(): boolean {
    return this.#outgoing.isDirty
  }

  /** Requests without a reply, unsent and deferred ones included. */
  get inFlight(): number {
    return this.#outgoing.count + this.#deferred.count
  }

  /** Their bytes. */
  get inFlightBytes(): number {
    return this.#outgoing.bytes + this.#deferred.bytes
  }

  /** Requests whose replies the peer has deferred. */
  get deferred(): number {
    return this.#deferred.count
  }

  /** Whether the queue limit is exceeded: senders should wait for `onDrain`. */
  get isFull(): boolean {
    return this.#exceeds(1)
  }

  /**
   * Sends the request `buf[from, to)` in a context (a number ≥ 0). These bytes must not change before the next flush.
   *
   * @returns false if the link is closed or its queue is full. The receiver's `lost` was then called for this request
   *   before this returns, even if earlier requests of the receiver are still unanswered.
   */
  send(receiver: Receiver, context: number, buf: Buffer, from: number, to: number): boolean {
    if (this.#connection.isClosed || (this.#wasFull && this.#exceeds(HARD_LIMIT_FACTOR))) {
      return this.#refuse(receiver, buf, from, to)
    }
    const outgoing = this.#outgoing
    const wasDue = outgoing.hasUncopied
    outgoing.push(receiver, context, buf, from, to)
    this.requests++
    if (!this.#wasFull) this.#wasFull = this.#exceeds(1)
    if (!wasDue) this.#owner.onDirty(this)
    return true
  }

  /** Sends a request with its trace, if the peer takes traces. */
  sendTraced(
    trace: TraceHeaders,
    receiver: Receiver,
    context: number,
    buf: Buffer,
    from: number,
    to: number,
  ): boolean {
    if (!this.takesTraces || this.isClosed) return this.send(receiver, context, buf, from, to)
    this.#hasTraces = true
    this.#outgoing.beginTrace(context, trace, to - from)
    const isSent = this.send(receiver, context, buf, from, to)
    this.#outgoing.endTrace()
    return isSent
  }

  /** Writes everything that is pending, if the link is ready. Called once per event-loop batch. */
  flush(): void {
    if (!this.#outgoing.isDirty) return
    const connection = this.#connection
    if (!connection.isReady) {
      this.#outgoing.copyPending()
      return
    }
    connection.timeouts.onRequestsSent()
    this.writes++
    this.bytesOut += this.#outgoing.write(connection.socket, this.#onProgress)
  }

  /** Closes the link at once. Requests without a reply are lost. */
  close(): void {
    this.#connection.end('the link was closed', false)
  }

  // Callbacks of the connection.

  onBytes(chunk: Buffer): void {
    this.bytesIn += chunk.length
    this.#options.receiving?.()
    try {
      this.#incoming.receive(chunk)
    } finally {
      this.#options.received?.()
    }
  }

  onHandshakeDone(hello: ProvenHello): void {
    this.takesTraces = hello.takesTraces
    this.#owner.onReady(this, hello)
    if (this.#hasTraces && !hello.takesTraces)
      this.#connection.end('another process answers, which takes no traces', false)
    else this.flush()
  }

  onEnd(reason: string, refused: boolean): void {
    this.reason = reason
    this.#incoming.clear()
    this.lost += this.inFlight
    this.#owner.onClose(this, reason, refused)
    this.#deferred.failAll(reason)
    this.#outgoing.failAll(reason)
  }

  // Callbacks of the incoming side.

  get expected(): number {
    return this.#deferred.next >= 0 ? 1 : Math.max(1, this.#outgoing.oldestRunLength)
  }

  onReplies(bytes: Buffer, count: number): void {
    if (!this.#connection.isReady) {
      this.#connection.continueHandshake(bytes)
      return
    }
    let receiver: Receiver | undefined
    if (this.#deferred.next >= 0) receiver = this.#deferred.take().receiver
    else {
      receiver = this.#oldestReceiver(count)
      if (receiver === undefined) return
      this.#complete(count)
    }
    this.replies += count
    receiver.replies(bytes, count)
    if (this.#wasFull) this.#checkDrained()
  }

  onControlFrame(frame: Buffer): void {
    const type = frame[0]
    const isDeferred = this.#deferred.next >= 0
    if (!this.#connection.isReady || (isDeferred && type !== QUESTION))
      this.onProtocolError('a frame out of place')
    else if (type === AT) this.#defer(parseInteger(frame, 1, frame.length - 2))
    else if (type === CARET) {
      if (!this.#deferred.announce(parseInteger(frame, 1, frame.length - 2))) {
        this.onProtocolError('a reply that was not deferred')
      }
    } else if (type === QUESTION) this.#move(frame.toString('utf8', 1, frame.length - 2))
    else this.#owner.onPush(this, frame)
  }

  onProtocolError(what: string): void {
    this.#connection.end(`the peer broke the protocol: ${what}`, false)
  }

  /** The sender of the oldest `count` requests. Closes the link if fewer were sent. */
  #oldestReceiver(count: number): Receiver | undefined {
    const receiver = this.#outgoing.receiverOf(count)
    if (receiver !== null) return receiver
    this.onProtocolError('a reply to no request')
    return undefined
  }

  #defer(id: number): void {
    const receiver = this.#oldestReceiver(1)
    if (receiver === undefined) return
    const request = this.#outgoing.copyOldest()
    if (this.#deferred.add(id, receiver, request)) this.#complete(1)
    else this.onProtocolError('a deferral without a number of its own')
  }

  #move(to: string): void {
    if (this.#deferred.next >= 0) {
      const { receiver, request } = this.#deferred.take()
      receiver.moved(request, to)
      return
    }
    const receiver = this.#oldestReceiver(1)
    if (receiver === undefined) return
    const request = this.#outgoing.copyOldest()
    this.#complete(1)
    receiver.moved(request, to)
    if (this.#wasFull) this.#checkDrained()
  }

  /** The oldest `count` requests no longer wait for a reply in order. */
  #complete(count: number): void {
    const { timeouts } = this.#connection
    this.repliedAt = timeouts.heardAt
    this.#outgoing.complete(count)
    if (this.#outgoing.count === 0) timeouts.onAllAnswered()
  }

  #checkDrained(): void {
    if (this.#exceeds(1 / 2) || this.#connection.isClosed) return
    this.#wasFull = false
    this.#owner.onDrain(this)
  }

  /** Whether there are more than `factor` times as many requests or bytes as the queue limit allows. */
  #exceeds(factor: number): boolean {
    const { count, bytes } = this.#outgoing
    return (
      count + this.#deferred.count > factor * this.#fullRequests ||
      bytes + this.#deferred.bytes > factor * this.#fullBytes
    )
  }

  #refuse(receiver: Receiver, buf: Buffer, from: number, to: number): false {
    const reason = this.isClosed ? this.reason : `the queue to ${this.peer} is full`
    this.lost++
    receiver.lost(copyOf(buf, from, to), false, reason)
    return false
  }
}

// The link: one connection to a peer, over which many senders' requests leave together and whose replies are
// handed back uncut and unread.

import type { Socket } from 'node:net'
import { parseInteger } from '../../bytes/numbers/decimal.ts'
import { HandshakeClient, type Hello, type Identity } from './handshake.ts'
import { type FrameHandler, Incoming } from './incoming.ts'
import { copyOf, Outgoing } from './outgoing.ts'
import type { Receiver, Sender } from './receiver.ts'
import { parseReplies } from './request.ts'
import type { SendBufferPool } from './send-buffers.ts'
import { type LinkTimeoutOptions, LinkTimeouts } from './timeouts.ts'

export type { Receiver } from './receiver.ts'

/** How a link broke: nobody listens there; the connection ended; nothing came for the timeout. */
export type LinkFailure = 'refused' | 'closed' | 'silent'

/** From here on senders should wait: requests without a reply, and their bytes. */
const FULL_REQUESTS = 65_536
const FULL_BYTES = 8 * 1024 * 1024

/** From so many times that on, requests are refused. */
const HARD = 4

/** How long a connection is silent before the system probes it, ms. */
const KEEPALIVE = 15_000

const AT = 0x40
const CARET = 0x5e
const QUESTION = 0x3f

const CONNECTING = 0
const GREETING = 1
const READY = 2
const CLOSED = 3

/** What a link needs; the links of a node share all but `peer` and `connect`. */
export interface LinkOptions extends LinkTimeoutOptions {
  /** The peer's name, for messages. */
  readonly peer: string
  /** Begins a connection to the peer. */
  connect(): Socket
  readonly identity: Identity
  /** The request that sets this context, which has no reply. */
  contextBytes(context: number): Buffer
  readonly buffers: SendBufferPool
  /** Instead of 65,536 requests and 8 MiB. */
  readonly full?: { readonly requests: number; readonly bytes: number }
}

/** Who owns a link. */
export interface LinkOwner {
  /** There is something to flush, for the first time since the last flush. */
  onDirty(link: Link): void
  /** Both sides have proven themselves. */
  onReady(link: Link, hello: Hello): void
  /** A push of the peer's: the whole frame. */
  onPush(link: Link, frame: Buffer): void
  /** The link was full, and is less than half so. */
  onDrain(link: Link): void
  /**
   * The link is over; its requests are lost right after this. `refused`: the other side said no, to the connection
   * or to the handshake; otherwise it broke, was silent, or was closed.
   */
  onClose(link: Link, reason: string, refused: boolean): void
}

/** A request whose reply comes later than those behind it. */
interface Deferred {
  readonly receiver: Receiver
  readonly request: Buffer
}

/**
 * A link lives as long as its connection. Requests can be sent at once: they leave when the peer has proven itself.
 *
 * What is sent is copied into pages, one write a flush; a page is used again when its requests are answered and its
 * writes are through. Consecutive requests of one receiver are a run, and cost no object each. The peer answers in
 * order but for the replies that it defers.
 */
export class Link implements Sender, FrameHandler {
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

  readonly #options: LinkOptions
  readonly #owner: LinkOwner
  readonly #socket: Socket
  readonly #timeouts: LinkTimeouts
  /** A part of a large request has left. */
  readonly #progressed = (): void => this.#timeouts.onBytesReceived()
  readonly #handshake: HandshakeClient
  readonly #outgoing: Outgoing
  readonly #incoming: Incoming
  readonly #fullRequests: number
  readonly #fullBytes: number
  #state = CONNECTING
  readonly #deferred = new Map<number, Deferred>()
  #deferredBytes = 0
  /** The deferred request whose reply comes next; -1: none. */
  #due = -1
  #wasFull = false

  constructor(options: LinkOptions, owner: LinkOwner) {
    this.peer = options.peer
    this.openedAt = options.clock.now()
    this.#options = options
    this.#owner = owner
    this.#fullRequests = options.full?.requests ?? FULL_REQUESTS
    this.#fullBytes = options.full?.bytes ?? FULL_BYTES
    this.#handshake = new HandshakeClient(options.identity)
    this.#outgoing = new Outgoing(options.buffers, (context) => options.contextBytes(context))
    this.#incoming = new Incoming(this)
    this.#timeouts = new LinkTimeouts(options, (reason) => this.#break(reason, false))
    this.#socket = this.#connect()
    this.#timeouts.startConnect()
  }

  get isReady(): boolean {
    return this.#state === READY
  }

  get isClosed(): boolean {
    return this.#state === CLOSED
  }

  /** Whether something waits for a flush. */
  get isDirty(): boolean {
    return this.#outgoing.isDirty
  }

  /** Requests without a reply, those that wait to be sent and those deferred included. */
  get inFlight(): number {
    return this.#outgoing.count + this.#deferred.size
  }

  /** Bytes of these. */
  get inFlightBytes(): number {
    return this.#outgoing.bytes + this.#deferredBytes
  }

  /** Requests whose replies the peer has deferred. */
  get deferred(): number {
    return this.#deferred.size
  }

  /** Whether senders should wait for `onDrain`. */
  get isFull(): boolean {
    return this.#isBeyond(1)
  }

  /**
   * Sends the request `buf[from, to)`, which stays as it is until the next flush, in a context: a number ≥ 0.
   *
   * @returns false when the link is closed or its queue is full. The receiver's `lost` was called then, before this
   *   returns: out of turn, for this request and not for the one whose turn it is.
   */
  send(receiver: Receiver, context: number, buf: Buffer, from: number, to: number): boolean {
    if (this.#state === CLOSED || (this.#wasFull && this.#isBeyond(HARD))) {
      return this.#refuse(receiver, buf, from, to)
    }
    const outgoing = this.#outgoing
    const wasDirty = outgoing.isDirty
    outgoing.push(receiver, context, buf, from, to)
    this.requests++
    if (!this.#wasFull) this.#wasFull = this.#isBeyond(1)
    if (!wasDirty) this.#owner.onDirty(this)
    return true
  }

  /** Writes all that is pending at once; until the link is ready, it stays pending. Called once per turn. */
  flush(): void {
    if (!this.#outgoing.isDirty) return
    if (this.#state !== READY) {
      this.#outgoing.settle()
      return
    }
    this.#timeouts.onRequestsSent()
    this.writes++
    this.bytesOut += this.#outgoing.write(this.#socket, this.#progressed)
  }

  /** Ends the link at once; what has no reply is lost. */
  close(): void {
    this.#break('the link was closed', false)
  }

  #connect(): Socket {
    const socket = this.#options.connect()
    socket.setNoDelay(true)
    socket.setKeepAlive(true, KEEPALIVE)
    socket.on('connect', () => {
      if (this.#state !== CONNECTING) return
      this.#state = GREETING
      this.#timeouts.startHandshake()
      socket.write(this.#handshake.start())
    })
    socket.on('data', (chunk: Buffer) => {
      this.bytesIn += chunk.length
      this.#timeouts.onBytesReceived()
      this.#incoming.receive(chunk)
    })
    socket.on('error', (error: NodeJS.ErrnoException) => {
      // Where every address of a name was refused, the error has a code only.
      this.#break(error.message || (error.code ?? 'unknown error'), error.code === 'ECONNREFUSED')
    })
    socket.on('end', () => this.#break('the peer closed the connection', false))
    socket.on('close', () => this.#break('the connection is closed', false))
    return socket
  }

  /** Whether there are more than `times` as many requests or bytes as make the link full. */
  #isBeyond(times: number): boolean {
    const { count, bytes } = this.#outgoing
    return (
      count + this.#deferred.size > times * this.#fullRequests ||
      bytes + this.#deferredBytes > times * this.#fullBytes
    )
  }

  #refuse(receiver: Receiver, buf: Buffer, from: number, to: number): false {
    const reason = this.#state === CLOSED ? this.reason : `the queue to ${this.peer} is full`
    this.lost++
    receiver.lost(copyOf(buf, from, to), false, reason)
    return false
  }

  get expected(): number {
    return this.#due >= 0 ? 1 : Math.max(1, this.#outgoing.awaited)
  }

  onReplies(bytes: Buffer, count: number): void {
    if (this.#state !== READY) {
      this.#greet(bytes)
      return
    }
    const receiver = this.#due < 0 ? this.#receiver(count) : this.#deferred.get(this.#due)?.receiver
    if (receiver === undefined) return
    if (this.#due < 0) this.#advance(count)
    else this.#arrived()
    this.replies += count
    receiver.replies(bytes, count)
    if (this.#wasFull) this.#drain()
  }

  onControlFrame(frame: Buffer): void {
    const type = frame[0]
    if (this.#state !== READY || this.#due >= 0) this.onProtocolError('a frame out of place')
    else if (type === AT) this.#defer(parseInteger(frame, 1, frame.length - 2))
    else if (type === CARET) this.#expect(parseInteger(frame, 1, frame.length - 2))
    else if (type === QUESTION) this.#move(frame.toString('utf8', 1, frame.length - 2))
    else this.#owner.onPush(this, frame)
  }

  onProtocolError(what: string): void {
    this.#break(`the peer broke the protocol: ${what}`, false)
  }

  /** Who sent the oldest `count` requests; undefined, and the end of the link, when not so many have left. */
  #receiver(count: number): Receiver | undefined {
    const receiver = this.#outgoing.receiver(count)
    if (receiver !== null) return receiver
    this.onProtocolError('a reply to no request')
    return undefined
  }

  /** The reply that would be here comes later. */
  #defer(id: number): void {
    const receiver = this.#receiver(1)
    if (receiver === undefined) return
    if (!(id >= 0) || this.#deferred.has(id)) {
      this.onProtocolError('a deferral without a number of its own')
      return
    }
    const request = this.#outgoing.copyOldest()
    this.#advance(1)
    this.#deferredBytes += request.length
    this.#deferred.set(id, { receiver: receiver.deferred(), request })
  }

  /** A deferred reply follows. */
  #expect(id: number): void {
    if (this.#deferred.has(id)) this.#due = id
    else this.onProtocolError('a reply that was not deferred')
  }

  /** The deferred reply is here. */
  #arrived(): void {
    this.#deferredBytes -= this.#deferred.get(this.#due)?.request.length ?? 0
    this.#deferred.delete(this.#due)
    this.#due = -1
  }

  /** The next request was not run. */
  #move(to: string): void {
    const receiver = this.#receiver(1)
    if (receiver === undefined) return
    const request = this.#outgoing.copyOldest()
    this.#advance(1)
    receiver.moved(request, to)
    if (this.#wasFull) this.#drain()
  }

  #advance(count: number): void {
    this.#outgoing.advance(count)
    if (this.#outgoing.count === 0) this.#timeouts.onAllAnswered()
  }

  #drain(): void {
    if (this.#isBeyond(1 / 2) || this.#state === CLOSED) return
    this.#wasFull = false
    this.#owner.onDrain(this)
  }

  #greet(bytes: Buffer): void {
    let step: Buffer | Hello
    try {
      step = this.#handshake.receive(parseReplies(bytes)[0])
    } catch (error) {
      this.#break(`refused: ${(error as Error).message}`, true)
      return
    }
    if (Buffer.isBuffer(step)) {
      this.#socket.write(step)
      return
    }
    this.#state = READY
    this.#timeouts.stop()
    this.#owner.onReady(this, step)
    this.flush()
  }

  #break(reason: string, refused: boolean): void {
    if (this.#state === CLOSED) return
    this.#state = CLOSED
    this.reason = reason
    this.#timeouts.stop()
    this.#socket.destroy()
    this.#incoming.clear()
    this.lost += this.inFlight
    this.#owner.onClose(this, reason, refused)
    for (const { receiver, request } of this.#deferred.values()) receiver.lost(request, true, reason)
    this.#deferred.clear()
    this.#outgoing.lose(reason)
  }
}

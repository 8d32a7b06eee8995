// Writes replies to a socket: once per event-loop batch, or once per callback for replies of peers and loads. Replies
// that the socket does not accept are held.

import type { Socket } from 'node:net'
import { lend } from '../../resp/lend.ts'
import type { Sink } from '../../resp/reply.ts'
import type { NodeStats } from '../../telemetry/node-stats.ts'
import type { Flushable, FlushQueue } from './flush-queue.ts'
import { HeldOutput } from './held-output.ts'
import type { UnreadBytes } from './unread-bytes.ts'

const NOTHING = Buffer.alloc(0)

/**
 * While more bytes than this wait in the socket itself, further replies are held. The socket keeps buffers as they are,
 * with the shared page that a reply is part of; this bounds how many of them a client that does not read can pin.
 */
const SOCKET_BYTES = 65_536

/** Replies that are sent together are copied into one buffer up to this size: writing several buffers takes longer. */
const MAX_JOINED_BYTES = 4096

export interface WriterServices {
  readonly flushQueue: FlushQueue
  readonly stats: NodeStats
  readonly unread: UnreadBytes
}

export class SocketWriter implements Sink, Flushable {
  isQueued = false
  isHeld = false
  readonly #socket: Socket
  readonly #services: WriterServices
  /** Called when everything has been sent, after something had to wait. */
  readonly #drained: () => void
  /** Replies to be sent at the end of the event-loop batch. */
  #unsent: Buffer = NOTHING
  #released: () => void = nothing
  /** Replies that follow `#unsent` and are joined with it, and their size. */
  readonly #joined: Buffer[] = []
  #joinedBytes = 0
  /** Created on first use: most clients read their replies. */
  #held: HeldOutput | undefined
  /** The bytes that this connection has added to `UnreadBytes.bytes`. */
  #counted = 0
  #isEnding = false
  #isClosed = false

  constructor(socket: Socket, services: WriterServices, drained: () => void) {
    this.#socket = socket
    this.#services = services
    this.#drained = drained
    socket.on('drain', () => this.#refill())
  }

  /** Bytes that the socket has not sent; none once it is closed, though the socket keeps its own for a moment. */
  get size(): number {
    if (this.#isClosed) return 0
    return this.#socket.writableLength + this.#unsent.length + this.#joinedBytes + (this.#held?.size ?? 0)
  }

  /** Takes ownership of replies; `send` writes them to the socket. */
  write(bytes: Buffer, released: () => void): void {
    // Bytes of `sendSoon`, such as a push, are sent in one write with the replies behind them.
    if (this.isQueued && this.#mayJoin(bytes)) {
      this.#join(Buffer.from(bytes))
      released()
      return
    }
    this.send()
    this.#unsent = bytes
    this.#released = released
  }

  send(): void {
    const bytes = this.#unsent
    if (bytes.length === 0) return
    this.#unsent = NOTHING
    if (this.#joined.length === 0) this.#put(bytes, this.#released)
    else this.#putJoined(bytes)
  }

  /**
   * Ends a batch whose next replies come from other nodes: replies that are ready wait a moment, to be sent with them.
   */
  hold(): void {
    if (this.#unsent.length === 0) return
    if (this.#unsent.length + this.#joinedBytes > MAX_JOINED_BYTES) this.send()
    else this.#services.flushQueue.hold(this)
  }

  /** Sends held replies after the current callback: the reply that they wait for takes longer. */
  endHold(): void {
    if (this.isHeld && this.#unsent.length !== 0) this.#services.flushQueue.add(this)
  }

  flushHeld(): void {
    if (!this.isQueued) this.send()
  }

  /** Sends bytes outside a batch, together with others of the same callback: replies of peers and loads often arrive together. */
  sendSoon(bytes: Buffer): void {
    if (this.#unsent.length === 0) {
      this.#unsent = bytes
      this.#released = nothing
    } else if (this.#mayJoin(bytes)) this.#join(bytes)
    else {
      const socket = this.#socket
      if (socket.writableCorked === 0) socket.cork()
      this.send()
      this.#put(bytes, nothing)
    }
    this.#services.flushQueue.add(this)
  }

  /** Sends the bytes that `sendSoon` has collected. */
  flushQueued(): void {
    this.send()
    if (this.#socket.writableCorked !== 0) this.#socket.uncork()
  }

  /** Closes this end of the connection after the last byte. May be called again. */
  end(): void {
    this.#isEnding = true
    this.send()
    if (this.#held === undefined || this.#held.size === 0) this.#socket.end()
  }

  /** Nothing more is sent: drops the bytes that wait. */
  close(): void {
    this.#isClosed = true
    this.#held?.clear()
    this.#services.unread.bytes -= this.#counted
    this.#counted = 0
  }

  #mayJoin(bytes: Buffer): boolean {
    const unsent = this.#unsent.length
    return unsent !== 0 && unsent + this.#joinedBytes + bytes.length <= MAX_JOINED_BYTES
  }

  #join(bytes: Buffer): void {
    this.#joined.push(bytes)
    this.#joinedBytes += bytes.length
  }

  /** Sends `bytes`, which were unsent, joined with the replies that follow them. */
  #putJoined(bytes: Buffer): void {
    const whole = Buffer.allocUnsafe(bytes.length + this.#joinedBytes)
    let at = bytes.copy(whole, 0)
    for (const part of this.#joined) at += part.copy(whole, at)
    this.#joined.length = 0
    this.#joinedBytes = 0
    this.#released()
    this.#put(whole, nothing)
  }

  #put(bytes: Buffer, released: () => void): void {
    const held = this.#held
    if (this.#socket.writableLength > SOCKET_BYTES || (held !== undefined && held.size !== 0)) {
      this.#hold(bytes, released)
      return
    }
    this.#services.stats.outputBytes += bytes.length
    if (bytes.length > SOCKET_BYTES) {
      this.#count(bytes.length)
      this.#writeCounted(bytes, released)
    } else if (released === nothing) this.#socket.write(bytes)
    else lend(this.#socket, bytes, released)
  }

  #hold(bytes: Buffer, released: () => void): void {
    if (this.#isClosed) {
      released()
      return
    }
    this.#held ??= new HeldOutput()
    this.#count(bytes.length)
    // Bytes that are not copied are not part of a shared page, so `released` need not wait for them.
    if (this.#held.append(bytes)) released()
  }

  /** The socket has sent everything that it had: passes on as many held bytes as it accepts. */
  #refill(): void {
    const held = this.#held
    if (held !== undefined) {
      while (held.size !== 0 && this.#socket.writableLength <= SOCKET_BYTES) {
        const block = held.take()
        this.#services.stats.outputBytes += block.length
        this.#writeCounted(block, nothing)
      }
      if (held.size !== 0) return
      if (this.#isEnding) this.#socket.end()
    }
    this.#drained()
  }

  /** Writes bytes that are counted as unread until the socket has sent them. */
  #writeCounted(bytes: Buffer, released: () => void): void {
    const { length } = bytes
    this.#socket.write(bytes, () => {
      this.#count(-length)
      released()
    })
  }

  #count(bytes: number): void {
    if (this.#isClosed) return
    this.#counted += bytes
    this.#services.unread.bytes += bytes
  }
}

function nothing(): void {}

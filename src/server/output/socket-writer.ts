// Writes replies to a socket: once per event-loop batch, or once per callback for replies of peers and loads.

import type { Socket } from 'node:net'
import type { Sink } from '../../resp/reply.ts'
import type { NodeStats } from '../../telemetry/node-stats.ts'
import type { Flushable, FlushQueue } from './flush-queue.ts'

const NOTHING = Buffer.alloc(0)

export class SocketWriter implements Sink, Flushable {
  isQueued = false
  readonly #socket: Socket
  readonly #flushQueue: FlushQueue
  readonly #stats: NodeStats
  /** Replies to be sent at the end of the event-loop batch. */
  #unsent: Buffer = NOTHING
  #released: () => void = nothing

  constructor(socket: Socket, flushQueue: FlushQueue, stats: NodeStats) {
    this.#socket = socket
    this.#flushQueue = flushQueue
    this.#stats = stats
  }

  /** Bytes that the socket has not sent. */
  get size(): number {
    return this.#socket.writableLength + this.#unsent.length
  }

  /** Takes ownership of replies; `send` writes them to the socket. */
  write(bytes: Buffer, released: () => void): void {
    this.send()
    this.#unsent = bytes
    this.#released = released
  }

  send(): void {
    const bytes = this.#unsent
    if (bytes.length === 0) return
    this.#unsent = NOTHING
    this.#stats.outputBytes += bytes.length
    this.#socket.write(bytes, this.#released)
  }

  /** Sends bytes outside a batch, together with others of the same callback: replies of peers and loads often arrive together. */
  sendSoon(bytes: Buffer): void {
    if (this.#unsent.length === 0) {
      this.#unsent = bytes
      this.#released = nothing
    } else {
      const socket = this.#socket
      if (socket.writableCorked === 0) socket.cork()
      this.send()
      this.#stats.outputBytes += bytes.length
      socket.write(bytes)
    }
    this.#flushQueue.add(this)
  }

  /** Sends what `sendSoon` has collected. */
  flushQueued(): void {
    this.send()
    if (this.#socket.writableCorked !== 0) this.#socket.uncork()
  }
}

function nothing(): void {}

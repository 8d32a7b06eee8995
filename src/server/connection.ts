// One client's connection: bytes in, requests through the executor, replies out in order, with backpressure.

import type { Socket } from 'node:net'
import type { Instant } from '../bytes/instant.ts'
import type { Client, HeldCommand, HeldReply } from '../commands/client.ts'
import { type Executor, STALLED } from '../commands/executor.ts'
import type { Group } from '../group/group.ts'
import type { Args } from '../resp/args.ts'
import { type Decoded, type DecoderLimits, PROTOCOL_ERROR, REQUEST, RequestDecoder } from '../resp/decoder.ts'
import type { ReplyWriter, Sink } from '../resp/reply.ts'
import { Outbox } from './outbox.ts'

/** A connection stops taking requests while this many bytes of replies wait for its client to read. */
const OUTPUT_HIGH_WATER = 1024 * 1024

/** Requests decoded ahead, so that what they need is read from memory together: see `Store.warm`. */
export const BATCH = 64

/** Below this many requests, reading ahead costs more than it saves. */
const WARM_FROM = 4

/** What all connections of a server share. */
export interface ConnectionServices {
  readonly executor: Executor
  readonly reply: ReplyWriter
  /** The request objects, `BATCH` of them, for whichever connection is being served. */
  readonly batch: readonly Args[]
  readonly instant: Instant
  readonly limits: DecoderLimits
  /** Called around the requests of one chunk: time is read here, not per command. */
  beginChunk(): void
  endChunk(): void
  /** Bytes a client may leave unread before it is closed; 0: no limit. */
  outputLimit(client: Client): number
  closed(connection: Connection): void
}

export class Connection implements Client, Sink {
  readonly id: number
  readonly address: string
  readonly localAddress: string
  readonly createdAt: number
  lastActiveAt: number
  lastCommand = ''
  name = ''
  libName = ''
  libVersion = ''
  protocol: 2 | 3 = 2
  group: Group
  replyMode: Client['replyMode'] = 'on'
  noTouch = false
  noEvict = false
  monitor = false
  readonly held = new Set<HeldCommand>()
  readonly #socket: Socket
  readonly #services: ConnectionServices
  readonly #decoder: RequestDecoder
  readonly #outbox: Outbox
  /** Requests that had to wait, with memory of their own. */
  readonly #waiting: Args[] = []
  /** What follows the requests taken so far breaks the protocol. */
  #refused = false
  #running = false
  /** No more requests are taken; it closes once its replies have left. */
  #closing = false
  #paused = false

  constructor(id: number, socket: Socket, group: Group, services: ConnectionServices) {
    this.id = id
    this.#socket = socket
    this.group = group
    this.#services = services
    this.address = formatAddress(socket.remoteAddress, socket.remotePort)
    this.localAddress = formatAddress(socket.localAddress, socket.localPort)
    this.createdAt = services.instant.now
    this.lastActiveAt = this.createdAt
    this.#decoder = new RequestDecoder(services.limits)
    this.#outbox = new Outbox(
      (bytes) => this.#socket.write(bytes),
      () => this.#serve(),
    )
    socket.setNoDelay(true)
    socket.on('data', (chunk: Buffer) => {
      this.#decoder.feed(chunk)
      this.#serve()
    })
    socket.on('drain', () => this.#serve())
    // Half-open connections are not kept: the client's end is the end, once its replies have left.
    socket.on('end', () => this.close(true))
    socket.on('error', () => socket.destroy())
    socket.on('close', () => services.closed(this))
  }

  get authenticated(): boolean {
    return this.#decoder.authenticated
  }

  set authenticated(value: boolean) {
    this.#decoder.authenticated = value
  }

  get queryBufferBytes(): number {
    return this.#decoder.buffered
  }

  /** Bytes of replies that have not left. */
  get outputBufferBytes(): number {
    return this.#socket.writableLength + this.#outbox.size
  }

  hold(): HeldReply {
    this.#flush()
    return this.#outbox.hold()
  }

  write(bytes: Buffer, released: () => void): void {
    this.#socket.write(bytes, released)
  }

  push(bytes: Buffer): void {
    if (this.#outbox.isEmpty) this.#socket.write(bytes)
    else this.#outbox.push(bytes)
    this.#enforceOutputLimit()
  }

  /** Goes on with what waited: a stalled request, requests not yet taken. */
  resume(): void {
    this.#serve()
  }

  close(afterReplies: boolean): void {
    this.#closing = true
    if (!afterReplies) this.#socket.destroy()
    else if (!this.#running) this.#finish()
  }

  /** Serves what has arrived, as far as order and backpressure allow. */
  #serve(): void {
    if (this.#running) return
    this.#running = true
    this.#services.beginChunk()
    this.lastActiveAt = this.#services.instant.now
    let more = true
    while (more)
      more = this.#hasRoom() && (this.#waiting.length === 0 ? this.#serveBatch() : this.#serveWaiting())
    this.#running = false
    this.#flush()
    this.#services.endChunk()
    this.#pauseReading(this.#waiting.length !== 0 || this.outputBufferBytes > OUTPUT_HIGH_WATER)
    if (this.#closing) this.#finish()
  }

  /** Whether the client may be served: it is not closing, and reads its replies. */
  #hasRoom(): boolean {
    if (this.#closing) return false
    if (this.#services.reply.size + this.outputBufferBytes <= OUTPUT_HIGH_WATER) return true
    this.#flush()
    return this.outputBufferBytes <= OUTPUT_HIGH_WATER
  }

  /** Decodes some requests and runs them. False: nothing is left to do for now. */
  #serveBatch(): boolean {
    const { executor, reply, batch } = this.#services
    // Whether a request may be as large as it is depends on the one before it until AUTH has succeeded.
    const size = this.#decoder.authenticated ? BATCH : 1
    let count = 0
    let decoded: Decoded = REQUEST
    while (count < size) {
      decoded = this.#decoder.next(batch[count])
      if (decoded !== REQUEST) break
      count++
    }
    const warm = count >= WARM_FROM
    if (warm) executor.warm(this, batch, count)
    let done = 0
    while (done < count && !this.#closing && reply.size <= OUTPUT_HIGH_WATER) {
      if (warm) executor.prime(batch[done], done)
      if (executor.execute(this, batch[done]) === STALLED) break
      done++
    }
    if (warm) executor.cool()
    if (decoded === PROTOCOL_ERROR) this.#refused = true
    for (let i = 0; i < count; i++) {
      if (i >= done) this.#waiting.push(batch[i].detach())
      // Not kept alive: a chunk, or what a giant request was put together in.
      batch[i].clear()
    }
    if (this.#refused && this.#waiting.length === 0) this.#refuse()
    return done === count ? decoded === REQUEST : reply.size > OUTPUT_HIGH_WATER
  }

  /** Runs the first of the requests that had to wait. False: it has to wait longer. */
  #serveWaiting(): boolean {
    if (this.#services.executor.execute(this, this.#waiting[0]) === STALLED) return false
    this.#waiting.shift()
    if (this.#refused && this.#waiting.length === 0) this.#refuse()
    return true
  }

  /** The client broke the protocol. */
  #refuse(): void {
    if (this.#closing) return
    this.#closing = true
    if (!this.#decoder.overflow) this.#services.reply.error(`ERR ${this.#decoder.error}`)
  }

  #flush(): void {
    const { reply } = this.#services
    if (reply.size === 0) return
    if (this.#outbox.isEmpty) reply.flush(this)
    else this.#outbox.push(reply.take())
    this.#enforceOutputLimit()
  }

  #enforceOutputLimit(): void {
    const limit = this.#services.outputLimit(this)
    if (limit !== 0 && this.outputBufferBytes > limit) this.close(false)
  }

  #pauseReading(pause: boolean): void {
    if (pause === this.#paused) return
    this.#paused = pause
    if (pause) this.#socket.pause()
    else this.#socket.resume()
  }

  #finish(): void {
    if (this.#outbox.isEmpty) this.#socket.end()
  }
}

function formatAddress(host: string | undefined, port: number | undefined): string {
  if (host === undefined) return '?:0'
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

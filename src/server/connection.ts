// One client's connection: bytes in, requests through the executor, replies out in order, with backpressure.

import type { Socket } from 'node:net'
import type { Instant } from '../bytes/instant.ts'
import type { Client, HeldCommand, HeldReply } from '../commands/client.ts'
import { type Executor, STALLED } from '../commands/executor.ts'
import type { NodeStats } from '../commands/node-stats.ts'
import type { Group } from '../group/group.ts'
import type { Args } from '../resp/args.ts'
import { type Decoded, type DecoderLimits, PROTOCOL_ERROR, REQUEST, RequestDecoder } from '../resp/decoder.ts'
import type { ReplyWriter, Sink } from '../resp/reply.ts'
import type { Logger } from './logger.ts'
import { Outbox } from './outbox.ts'
import type { ServerSettings } from './settings.ts'

/** A connection stops taking requests while this many bytes of replies wait for its client to read. */
const OUTPUT_HIGH_WATER = 1024 * 1024

/** Requests decoded ahead, so that what they need is read from memory together: see `Store.warm`. */
export const BATCH = 64

/** Below this many requests, reading ahead costs more than it saves. */
const WARM_FROM = 4

/** A closed connection whose client neither reads what is left nor closes its end is kept for so long, ms. */
const LINGER = 10_000

/** What all connections of a server share. */
export interface ConnectionServices {
  readonly executor: Executor
  readonly reply: ReplyWriter
  /** The request objects, `BATCH` of them, for whichever connection is being served. */
  readonly batch: readonly Args[]
  readonly instant: Instant
  readonly limits: DecoderLimits
  readonly settings: ServerSettings
  readonly stats: NodeStats
  readonly log: Logger
  /** Called around the requests of one chunk: time is read here, not per command. */
  beginChunk(): void
  endChunk(): void
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
  /** The client has closed its end: what has arrived is still served. */
  #ended = false
  #paused = false
  /** Since when more than the soft limit waits to be read, ms; 0: it does not. */
  #softSince = 0
  /** While closing: when last some output left, and how much was left then. */
  #lingerSince = 0
  #lingering = 0

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
      (bytes) => this.#send(bytes),
      () => this.#serve(),
    )
    socket.on('data', (chunk: Buffer) => {
      services.stats.inputBytes += chunk.length
      if (this.#closing) return
      this.#decoder.feed(chunk)
      this.#serve()
    })
    socket.on('drain', () => this.#serve())
    socket.on('end', () => {
      this.#ended = true
      this.#serve()
    })
    socket.on('error', () => socket.destroy())
    socket.on('close', () => services.closed(this))
  }

  get closing(): boolean {
    return this.#closing
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
    this.#services.stats.outputBytes += bytes.length
    this.#socket.write(bytes, released)
  }

  push(bytes: Buffer): void {
    if (this.#closing) return
    if (this.#running) this.#services.reply.raw(bytes)
    else if (this.#outbox.isEmpty) this.#send(bytes)
    else this.#outbox.push(bytes)
    this.#enforceOutputLimit()
  }

  /** Goes on with what waited: a stalled request, requests not yet taken. */
  resume(): void {
    this.#serve()
  }

  close(afterReplies: boolean): void {
    this.#closing = true
    this.#lingerSince = this.#services.instant.now
    if (!afterReplies) this.#socket.destroy()
    else if (!this.#running) this.#finish()
  }

  /** Closes for good as soon as its replies have left, whether or not the client closes its end. */
  retire(): void {
    this.#socket.once('finish', () => this.#socket.destroy())
    this.close(true)
  }

  /** Follows a change of how long it may be silent before it is probed. */
  keepAlive(): void {
    const { tcpKeepalive } = this.#services.settings
    this.#socket.setKeepAlive(tcpKeepalive > 0, tcpKeepalive)
  }

  /** Closes what has been silent or stuck for too long. Called once a second. */
  check(now: number): void {
    const { settings, log } = this.#services
    if (this.#closing) {
      const left = this.outputBufferBytes
      if (left < this.#lingering) this.#lingerSince = now
      this.#lingering = left
      if (now - this.#lingerSince > LINGER) this.#socket.destroy()
      return
    }
    this.#enforceOutputLimit()
    const isWaiting = this.monitor || this.held.size !== 0 || this.#waiting.length !== 0
    if (settings.timeout === 0 || isWaiting || now - this.lastActiveAt <= settings.timeout) return
    log.info({ client: this.id, address: this.address }, 'closing an idle client')
    this.close(false)
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
    this.#services.endChunk()
    this.#flush()
    const isBlocked = this.#waiting.length !== 0 || this.outputBufferBytes > OUTPUT_HIGH_WATER
    this.#pauseReading(isBlocked && !this.#closing)
    if (this.#ended && !isBlocked) this.#closing = true
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
    const { reply, stats, log } = this.#services
    const { error, overflow } = this.#decoder
    this.close(true)
    if (overflow) stats.queryBufferDisconnections++
    else reply.error(`ERR ${error}`)
    log.info({ client: this.id, address: this.address }, error)
  }

  #flush(): void {
    const { reply } = this.#services
    if (reply.size === 0) return
    if (this.#outbox.isEmpty) reply.flush(this)
    else this.#outbox.push(reply.take())
    this.#enforceOutputLimit()
  }

  #send(bytes: Buffer): void {
    this.#services.stats.outputBytes += bytes.length
    this.#socket.write(bytes)
  }

  #enforceOutputLimit(): void {
    const { settings, instant, stats, log } = this.#services
    const { normal, pubsub } = settings.clientOutputBufferLimit
    // What MONITOR sends nobody asked for bit by bit, so that it is no reply which would hold its client back.
    const { hard, soft, softTime } = this.monitor ? pubsub : normal
    if (hard === 0 && soft === 0) return
    const waiting = this.outputBufferBytes
    if (soft === 0 || waiting <= soft) this.#softSince = 0
    else if (this.#softSince === 0) this.#softSince = instant.now
    const isLong = this.#softSince !== 0 && instant.now - this.#softSince > softTime
    if (!isLong && (hard === 0 || waiting <= hard)) return
    if (this.#socket.destroyed) return
    stats.outputBufferDisconnections++
    log.warn({ client: this.id, address: this.address, waiting }, 'closing a client that does not read')
    this.close(false)
  }

  #pauseReading(pause: boolean): void {
    if (pause === this.#paused) return
    this.#paused = pause
    if (pause) this.#socket.pause()
    else this.#socket.resume()
  }

  #finish(): void {
    if (this.#lingerSince === 0) this.#lingerSince = this.#services.instant.now
    if (this.#outbox.isEmpty) this.#socket.end()
    // Otherwise what the client still sends would keep its end from being seen.
    this.#pauseReading(false)
  }
}

function formatAddress(host: string | undefined, port: number | undefined): string {
  if (host === undefined) return '?:0'
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

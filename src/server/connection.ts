// The connection of one client: decodes requests, runs them through the executor, sends replies in order, applies backpressure.

import type { Socket } from 'node:net'
import type { Instant } from '../bytes/instant.ts'
import type { Link, Receiver } from '../cluster/links/link.ts'
import { type Client, ClientState, type PeerSession, type PendingReply } from '../commands/spec/client.ts'
import { type Executor, STALLED } from '../execution/executor.ts'
import type { Group } from '../group/group.ts'
import type { Args } from '../resp/args.ts'
import {
  type Decoded,
  type DecoderLimits,
  NEED_MORE,
  PROTOCOL_ERROR,
  REQUEST,
  RequestDecoder,
} from '../resp/decoder.ts'
import { unlimited } from '../resp/limits.ts'
import type { ReplyWriter } from '../resp/reply.ts'
import type { Store } from '../store/store.ts'
import type { NodeStats } from '../telemetry/node-stats.ts'
import type { EventLoopBatch, Served } from './event-loop-batch.ts'
import type { FlushQueue } from './output/flush-queue.ts'
import type { Logger } from './logger.ts'
import { Outbox } from './output/outbox.ts'
import { OutputLimiter } from './output/output-limiter.ts'
import type { OutputLimit, ServerSettings } from './settings.ts'
import { SocketWriter } from './output/socket-writer.ts'

export const TOO_MANY_CLIENTS = 'ERR max number of clients reached'

/** A connection takes no more requests while more bytes of replies than this are unread by its client. */
const OUTPUT_HIGH_WATER = 1024 * 1024

/** Replies are sent once they have this many bytes, even if the input chunk is not completely served. */
const FLUSH_FROM_BYTES = 64 * 1024

/** The output limit before authentication (Redis: its reply buffer, and 1 KiB). */
const UNAUTHENTICATED: OutputLimit = { hard: 17 * 1024, soft: 0, softTime: 0 }

/** How long a closing connection waits for a client that neither reads its replies nor closes its end, ms. */
const LINGER_MS = 10_000

/** What all connections of a server share. */
export interface ConnectionServices {
  readonly executor: Executor
  readonly reply: ReplyWriter
  readonly batch: EventLoopBatch
  readonly flushQueue: FlushQueue
  readonly instant: Instant
  readonly limits: DecoderLimits
  readonly settings: ServerSettings
  readonly stats: NodeStats
  readonly log: Logger
  closed(connection: Connection): void
}

export class Connection extends ClientState implements Client, Served {
  isDue = false
  #peer: PeerSession | undefined
  /** Accepted beyond `maxclients`: only another node of the cluster may use it. */
  readonly #mustBePeer: boolean
  /** The number of the last deferred reply to another node. */
  #lastDeferred = 0
  readonly #socket: Socket
  readonly #services: ConnectionServices
  readonly #decoder: RequestDecoder
  readonly #writer: SocketWriter
  readonly #outbox: Outbox
  readonly #outputLimiter = new OutputLimiter()
  /** Requests that had to wait, copied. */
  readonly #delayed: Args[] = []
  /** The input after the requests decoded so far violates the protocol. */
  #isProtocolError = false
  /** The result of the last decoding. `REQUEST`: there may be more. */
  #decoded: Decoded = NEED_MORE
  /** Whether the requests decoded last will probably use the store of this node. */
  #usesLocalStore = true
  #running = false
  /** No more requests are taken; the connection closes once its replies are sent. */
  #closing = false
  /** The client has closed its end: requests that have arrived are still served. */
  #ended = false
  #paused = false
  /** While closing: when output was last sent, and how much was left then. */
  #lingerSince = 0
  #lingering = 0

  constructor(id: number, socket: Socket, group: Group, services: ConnectionServices, mustBePeer = false) {
    const address = formatAddress(socket.remoteAddress, socket.remotePort)
    const localAddress = formatAddress(socket.localAddress, socket.localPort)
    super(id, group, services.instant.now, address, localAddress)
    this.#mustBePeer = mustBePeer
    this.#socket = socket
    this.#services = services
    this.#decoder = new RequestDecoder(services.limits)
    this.#writer = new SocketWriter(socket, services.flushQueue, services.stats)
    this.#outbox = new Outbox(
      (bytes) => this.#writer.sendSoon(bytes),
      () => {
        this.#enforceOutputLimit()
        if (this.#hasWork) this.resume()
      },
      (context, complete) => this.#services.executor.receiverFor(this, context, complete),
    )
    socket.on('data', (chunk: Buffer) => {
      services.stats.inputBytes += chunk.length
      if (this.#closing) return
      this.#decoder.feed(chunk)
      this.resume()
    })
    socket.on('drain', () => this.resume())
    socket.on('end', () => {
      this.#ended = true
      this.resume()
    })
    socket.on('error', () => socket.destroy())
    socket.on('close', () => {
      this.#closing = true
      services.closed(this)
    })
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

  /** Bytes of replies that are not sent. */
  get outputBufferBytes(): number {
    return this.#writer.size + this.#outbox.size
  }

  get peer(): PeerSession | undefined {
    return this.#peer
  }

  set peer(peer: PeerSession | undefined) {
    this.#peer = peer
    // The node of the client has already checked the request's length.
    if (peer !== undefined) this.#decoder.relimit(unlimited())
  }

  get awaitsReplies(): boolean {
    return !this.#outbox.isEmpty
  }

  deferReply(): PendingReply {
    if (this.peer !== undefined) return this.#deferPeerReply()
    this.#flush()
    return this.#outbox.deferReply()
  }

  /** A deferred reply to a peer does not hold up the others: a number is sent in its place, and the reply follows under it. */
  #deferPeerReply(): PendingReply {
    const { reply } = this.#services
    const number = ++this.#lastDeferred
    reply.raw(Buffer.from(`@${number}\r\n`))
    return {
      complete: (bytes) => {
        const numbered = Buffer.concat([Buffer.from(`^${number}\r\n`), bytes])
        if (this.#running) this.#services.reply.raw(numbered)
        else if (!this.#socket.destroyed) this.#writer.sendSoon(numbered)
        if (this.#closing && !this.#running && this.pending.size === 0) this.#finish()
        // A command on the whole keyspace may have waited for it.
        else if (this.#hasWork) this.resume()
      },
    }
  }

  deferForwardedReply(link: Link, context: number): Receiver {
    this.#flush()
    return this.#outbox.deferForwardedReply(link, context)
  }

  /** Whether the connection has work that waited for replies to be completed or sent. */
  get #hasWork(): boolean {
    const hasMore = this.#delayed.length !== 0 || this.#decoded === REQUEST
    return hasMore || this.#paused || this.#ended || this.#closing
  }

  send(): void {
    this.#writer.send()
  }

  push(bytes: Buffer): void {
    if (this.#closing) return
    if (this.#running) this.#services.reply.raw(bytes)
    else if (this.#outbox.isEmpty) this.#writer.sendSoon(bytes)
    else this.#outbox.push(bytes)
    this.#enforceOutputLimit()
  }

  /** Continues, in the next event-loop batch, with requests that have arrived or had to wait. */
  resume(): void {
    this.#services.batch.add(this)
  }

  get store(): Store | undefined {
    return this.#usesLocalStore ? this.group.store : undefined
  }

  close(afterReplies: boolean): void {
    this.#closing = true
    this.#lingerSince = this.#services.instant.now
    if (!afterReplies) this.#socket.destroy()
    else if (!this.#running) this.#finish()
  }

  /** Closes as soon as its replies are sent, whether or not the client closes its end. */
  closeAfterReplies(): void {
    this.#socket.once('finish', () => this.#socket.destroy())
    this.close(true)
  }

  /** Applies the current `tcp-keepalive`. */
  applyKeepalive(): void {
    const { tcpKeepalive } = this.#services.settings
    this.#socket.setKeepAlive(tcpKeepalive > 0, tcpKeepalive)
  }

  /** Closes the connection if it was idle or stuck for too long. Called once a second. */
  check(now: number): void {
    const { settings, log } = this.#services
    if (this.#closing) {
      const left = this.outputBufferBytes
      if (left < this.#lingering || this.pending.size !== 0) this.#lingerSince = now
      this.#lingering = left
      if (now - this.#lingerSince > LINGER_MS) this.#socket.destroy()
      return
    }
    this.#enforceOutputLimit()
    const isWaiting =
      this.monitor || this.#peer !== undefined || this.pending.size !== 0 || this.#delayed.length !== 0
    if (settings.timeout === 0 || isWaiting || now - this.lastActiveAt <= settings.timeout) return
    log.debug?.({ client: this.id, address: this.address }, 'closing an idle client')
    this.close(false)
  }

  decode(batch: readonly Args[], from: number): number {
    this.#usesLocalStore = this.#services.executor.usesLocalStore(this)
    const isFull = this.outputBufferBytes > OUTPUT_HIGH_WATER
    this.#decoded = isFull || this.#closing ? NEED_MORE : REQUEST
    if (this.#decoded === NEED_MORE || this.#delayed.length !== 0) return from
    // The size limit of requests changes with AUTH: before that, one request is decoded at a time.
    const limit = this.#decoder.authenticated ? batch.length : Math.min(from + 1, batch.length)
    let end = from
    while (end < limit) {
      const decoded = this.#decoder.next(batch[end])
      this.#decoded = decoded
      if (decoded !== REQUEST) break
      end++
    }
    if (this.#decoded === PROTOCOL_ERROR) this.#isProtocolError = true
    return end
  }

  serve(batch: readonly Args[], from: number, to: number, again: boolean): boolean {
    const { executor, reply } = this.#services
    this.lastActiveAt = this.#services.instant.now
    this.#running = true
    let stalled = this.#serveDelayed()
    let next = from
    while (next < to && !stalled && !this.#closing && reply.size <= OUTPUT_HIGH_WATER) {
      if (this.#mustBePeer && this.#peer === undefined && !batch[next].is(0, 'PEER')) {
        reply.error(TOO_MANY_CLIENTS)
        this.close(true)
        break
      }
      if (this.#usesLocalStore) executor.prefetch.use(this.group.store, batch[next], next)
      stalled = this.#outbox.isFull || executor.execute(this, batch[next]) === STALLED
      if (!stalled) next++
    }
    for (; next < to; next++) this.#delayed.push(batch[next].detach())
    if (this.#isProtocolError && this.#delayed.length === 0) this.#failProtocol()
    this.#running = false
    // One write for all requests of a chunk: the connection is served again before any other.
    const isWhole = this.#decoded !== REQUEST || this.#delayed.length !== 0 || this.#closing
    if (again && !isWhole && reply.size <= FLUSH_FROM_BYTES) return true
    this.#flush()
    // Backpressure counts only what the socket does not accept at once: only that leads to a 'drain' event.
    if (this.outputBufferBytes > OUTPUT_HIGH_WATER) this.#writer.send()
    const isFull = this.outputBufferBytes > OUTPUT_HIGH_WATER
    const isBlocked = stalled || isFull
    this.#pauseReading(isBlocked && !this.#closing)
    const hasMore = !isBlocked && (this.#delayed.length !== 0 || this.#decoded === REQUEST)
    if (this.#ended && !isBlocked && !hasMore) this.#closing = true
    if (this.#closing) this.#finish()
    return hasMore && !this.#closing
  }

  /** Runs requests that had to wait. True: the first one still has to. */
  #serveDelayed(): boolean {
    const { executor, reply } = this.#services
    while (this.#delayed.length !== 0 && !this.#closing && reply.size <= OUTPUT_HIGH_WATER) {
      if (this.outputBufferBytes > OUTPUT_HIGH_WATER) return false
      if (this.#outbox.isFull || executor.execute(this, this.#delayed[0]) === STALLED) return true
      this.#delayed.shift()
    }
    return false
  }

  /** Ends a connection whose input violates the protocol. */
  #failProtocol(): void {
    if (this.#closing) return
    const { reply, stats, log } = this.#services
    const { error, overflow } = this.#decoder
    // A peer gets no error: it would take it for the reply to a request. It resends its requests to other nodes.
    const isReported = !overflow && this.peer === undefined
    this.close(isReported)
    if (overflow) stats.queryBufferDisconnections++
    else if (isReported) reply.error(`ERR ${error}`)
    log.debug?.({ client: this.id, address: this.address }, error)
  }

  #flush(): void {
    const { reply } = this.#services
    if (reply.size === 0) return
    if (this.#outbox.isEmpty) reply.flush(this.#writer)
    else this.#outbox.push(reply.take())
    this.#enforceOutputLimit()
  }

  #enforceOutputLimit(): void {
    const { settings, instant, stats, log } = this.#services
    const { normal, pubsub } = settings.clientOutputBufferLimit
    // The MONITOR feed is not slowed down by backpressure: it has the limit for pub/sub (as in Redis).
    const limit = this.monitor ? pubsub : this.authenticated ? normal : UNAUTHENTICATED
    const waiting = this.outputBufferBytes
    if (!this.#outputLimiter.exceeds(limit, waiting, instant.now)) return
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
    this.#writer.send()
    // A peer also gets its deferred replies.
    const owesReplies = this.#peer !== undefined && this.pending.size !== 0
    if (this.#outbox.isEmpty && !owesReplies) this.#socket.end()
    // While paused, the socket would not report that the client has closed its end.
    this.#pauseReading(false)
  }
}

function formatAddress(host: string | undefined, port: number | undefined): string {
  if (host === undefined) return '?:0'
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

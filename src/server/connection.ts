// The connection of one client: decodes requests, runs them through the executor, sends replies in order, and applies
// backpressure.
//
// More than 300 lines: decoding, serving, pausing and closing change the same few flags for every request. Output is in
// output/, fairness in event-loop-batch.ts.

import type { Socket } from 'node:net'
import type { Link, Receiver } from '../cluster/links/link.ts'
import { addressName } from '../cluster/member.ts'
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
import type { Store } from '../store/store.ts'
import { isTls } from '../tls/client-hello.ts'
import type { TlsSession } from '../tls/session.ts'
import {
  type EventLoopBatch,
  IDLE,
  MORE,
  type Served,
  type ServeResult,
  UNFLUSHED,
} from './event-loop-batch.ts'
import type { ClientSocket, InputReader } from './input/client-socket.ts'
import type { Logger } from './logger.ts'
import { type Evictable, reportEviction } from './output/client-eviction.ts'
import { ClientOutput, type OutputOwner, type OutputServices } from './output/client-output.ts'
import type { MakeReceiver } from './output/outbox.ts'
import type { OutputLimit, ServerSettings } from './settings.ts'

export const TOO_MANY_CLIENTS = 'ERR max number of clients reached'

const TLS_ON_PLAIN_PORT = Buffer.from('-ERR this port is without TLS\r\n')

/**
 * A connection of another node takes no more requests while more bytes of replies than this are unread. Clients are
 * still served, as in Redis: one that writes all its requests before it reads a reply would otherwise deadlock.
 */
const PEER_OUTPUT_BYTES = 1024 * 1024

/** Replies are sent once they have this many bytes, even if the input chunk is not completely served. */
const FLUSH_FROM_BYTES = 64 * 1024

/**
 * The socket is paused while this many received bytes may contain requests that have not run. What arrives behind a command
 * that waits for keys has the limit of `client-query-buffer-limit` instead, as in Redis.
 */
const MAX_UNSERVED_BYTES = 65_536

/** The output limit before authentication (Redis: its reply buffer plus 1 KiB). */
const UNAUTHENTICATED: OutputLimit = { hard: 17 * 1024, soft: 0, softTime: 0 }

/** How long a closing connection waits for a client that neither reads its replies nor closes its end, ms. */
const LINGER_MS = 10_000

/** The objects that all connections of a server share. */
export interface ConnectionServices extends OutputServices {
  readonly executor: Executor
  readonly batch: EventLoopBatch
  readonly limits: DecoderLimits
  readonly settings: ServerSettings
  readonly log: Logger
  closed(connection: Connection): void
  /** A client speaks TLS on the port without it; its connection is closed. */
  speaksTls(connection: Connection): void
}

/** How a connection was accepted. */
export interface ConnectionOrigin {
  /** The path of the Unix socket. */
  readonly unixPath?: string | undefined
  readonly tls?: TlsSession
  /** Accepted beyond `maxclients`: only another node of the cluster may use it. */
  readonly mustBePeer?: boolean
}

export class Connection extends ClientState implements Client, Served, InputReader, OutputOwner, Evictable {
  isDue = false
  isRunning = false
  #peer: PeerSession | undefined
  readonly #mustBePeer: boolean
  readonly tls: TlsSession | undefined
  readonly #socket: Socket
  readonly #services: ConnectionServices
  readonly #decoder: RequestDecoder
  readonly #output: ClientOutput
  /** Copies of requests that were decoded and could not run yet. */
  readonly #delayed: Args[] = []
  /** Whether nothing was received yet, on a port without TLS. */
  #mayBeTls: boolean
  /** Bytes received since the input was last completely served. */
  #unserved = 0
  /** Whether the input after the requests decoded so far violates the protocol. */
  #isProtocolError = false
  /** The result of the last decoding. `REQUEST`: there may be more. */
  #decoded: Decoded = NEED_MORE
  /** Whether the requests decoded last will probably use the store of this node. */
  #usesLocalStore = true
  /** Whether no more requests are taken: the connection closes once its replies are sent. */
  #closing = false
  /** Whether the client has closed its end: requests that have arrived are still served. */
  #ended = false
  #paused = false
  /** While closing: when output was last sent, and how many bytes were left then. */
  #lingerSince = 0
  #lingering = 0

  constructor(
    id: number,
    { socket, readTo }: ClientSocket,
    group: Group,
    services: ConnectionServices,
    { unixPath, tls, mustBePeer = false }: ConnectionOrigin = {},
  ) {
    // Redis: the path of a Unix socket is the address of both ends.
    const unix = unixPath === undefined ? undefined : `${unixPath}:0`
    const address = unix ?? addressName(socket.remoteAddress ?? '?', socket.remotePort ?? 0)
    const localAddress = unix ?? addressName(socket.localAddress ?? '?', socket.localPort ?? 0)
    super(id, group, services.instant.now, address, localAddress)
    this.#mustBePeer = mustBePeer
    this.tls = tls
    this.#socket = socket
    this.#services = services
    this.#decoder = new RequestDecoder(services.limits)
    this.#output = new ClientOutput(socket, services, this)
    this.#mayBeTls = tls === undefined
    readTo(this)
    socket.on('end', () => {
      this.#ended = true
      this.#endWaits()
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

  get isGone(): boolean {
    return this.#socket.destroyed
  }

  get isPeer(): boolean {
    return this.#peer !== undefined
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

  get outputBufferBytes(): number {
    return this.#output.size
  }

  get heldBytes(): number {
    if (this.isGone) return 0
    const { transaction, watch } = this
    return this.outputBufferBytes + this.queryBufferBytes + (transaction?.bytes ?? 0) + (watch?.bytes ?? 0)
  }

  /** The MONITOR feed is not slowed down by backpressure: it has the limit for pub/sub (as in Redis). */
  get outputLimit(): OutputLimit {
    const { normal, pubsub } = this.#services.settings.clientOutputBufferLimit
    if (this.monitor) return pubsub
    return this.authenticated ? normal : UNAUTHENTICATED
  }

  get peer(): PeerSession | undefined {
    return this.#peer
  }

  set peer(peer: PeerSession | undefined) {
    this.#peer = peer
    // The client's own node has already checked the length of the request.
    if (peer !== undefined) this.#decoder.relimit(unlimited())
  }

  get awaitsReplies(): boolean {
    return !this.#output.isInOrder
  }

  readonly makeReceiver: MakeReceiver = (context, complete) =>
    this.#services.executor.receiverFor(this, context, complete)

  get hasDecodedAll(): boolean {
    return this.#decoder.hasDecodedAll
  }

  received(bytes: Buffer, length: number): void {
    this.#services.stats.inputBytes += length
    if (this.#mayBeTls) {
      this.#mayBeTls = false
      if (isTls(bytes, length)) this.#refuseTls()
    }
    if (this.#closing) return
    this.#decoder.feed(bytes, length)
    // Nothing is decoded while a command waits for keys.
    if (this.#decoder.overflow && this.waits.size !== 0) {
      this.#failProtocol()
      return
    }
    this.#unserved += length
    // Otherwise Node.js may read megabytes from one socket before any other is served.
    if (this.#unserved >= MAX_UNSERVED_BYTES) this.#pauseReading(true)
    this.resume()
  }

  deferReply(): PendingReply {
    if (this.#peer === undefined) return this.#output.deferReply()
    return this.#output.deferPeerReply(() => {
      if (this.#closing && !this.isRunning && this.pending.size === 0) this.#finish()
      // A command on the whole keyspace may wait for this reply.
      else this.progressed()
    })
  }

  deferForwardedReply(link: Link, context: number): Receiver {
    return this.#output.deferForwardedReply(link, context)
  }

  progressed(): void {
    const hasMore = this.#delayed.length !== 0 || this.#decoded === REQUEST
    if (hasMore || this.#paused || this.#ended || this.#closing) this.resume()
  }

  limitExceeded(): void {
    const { stats, log } = this.#services
    if (this.#socket.destroyed) return
    stats.outputBufferDisconnections++
    const waiting = this.outputBufferBytes
    log.warn({ client: this.id, address: this.address, waiting }, 'closing a client that does not read')
    this.close(false)
  }

  evict(): void {
    reportEviction(this.#services, this)
    this.close(false)
  }

  send(): void {
    this.#output.endBatch()
  }

  push(bytes: Buffer): void {
    if (this.#closing) return
    if (this.#peer === undefined) this.#output.push(bytes)
    else this.#output.pushAhead(bytes)
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
    if (!afterReplies) {
      this.#output.drop()
      this.#socket.destroy()
    } else if (!this.isRunning) this.#finish()
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
      if (now - this.#lingerSince > LINGER_MS) this.close(false)
      return
    }
    this.#output.enforceLimits()
    const isWaiting =
      this.monitor || this.#peer !== undefined || this.pending.size !== 0 || this.#delayed.length !== 0
    if (settings.timeout === 0 || isWaiting || now - this.lastActiveAt <= settings.timeout) return
    log.debug?.({ client: this.id, address: this.address }, 'closing an idle client')
    this.close(false)
  }

  decode(batch: readonly Args[], from: number): number {
    this.#usesLocalStore = this.#services.executor.usesLocalStore(this)
    this.#decoded = this.#isFull || this.#closing ? NEED_MORE : REQUEST
    if (this.#decoded === NEED_MORE || this.#delayed.length !== 0) return from
    // AUTH changes the size limit of requests: before it, one request is decoded at a time.
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

  serve(batch: readonly Args[], from: number, to: number, again: boolean): ServeResult {
    const { executor, reply, batch: turns } = this.#services
    this.lastActiveAt = this.#services.instant.now
    this.isRunning = true
    let stalled = this.#serveDelayed()
    let next = from
    while (next < to && !stalled && !this.#closing) {
      if (this.#mustBePeer && this.#peer === undefined && !batch[next].is(0, 'PEER')) {
        reply.error(TOO_MANY_CLIENTS)
        this.close(true)
        break
      }
      if (this.#usesLocalStore) executor.prefetch.use(this.group.store, batch[next], next)
      stalled = this.#output.isFull || executor.execute(this, batch[next]) === STALLED
      if (stalled) break
      next++
      if (this.#mustYield()) break
    }
    if (next < to) this.postpone(batch, next, to)
    // Decoding a large request takes time that no command accounts for: the clock is read.
    if (from < to && batch[from].buf.length > MAX_UNSERVED_BYTES) turns.isShareOver()
    if (this.#isProtocolError && this.#delayed.length === 0) this.#failProtocol()
    this.isRunning = false
    // One write for all requests of a chunk: this connection is served again before any other.
    const isWhole = this.#decoded !== REQUEST || this.#delayed.length !== 0 || this.#closing
    if (again && !isWhole && reply.size <= FLUSH_FROM_BYTES) return UNFLUSHED
    this.#output.flush()
    // Backpressure counts only what the socket does not accept at once.
    if (this.#isFull) this.#output.send()
    const isBlocked = stalled || this.#isFull
    const hasMore = !isBlocked && (this.#delayed.length !== 0 || this.#decoded === REQUEST)
    if (!isBlocked && !hasMore) this.#unserved = 0
    // Only then, and not while a command waits for keys, which may be for ever: a socket that is not read does not report that
    // its client is gone.
    this.#pauseReading(this.#unserved >= MAX_UNSERVED_BYTES && this.waits.size === 0 && !this.#closing)
    if (this.#ended) this.#endWaits()
    if (this.#ended && !isBlocked && !hasMore) this.#closing = true
    if (this.#closing) this.#finish()
    return hasMore && !this.#closing ? MORE : IDLE
  }

  postpone(batch: readonly Args[], from: number, to: number): void {
    for (let i = from; i < to; i++) this.#delayed.push(batch[i].detach())
  }

  /** Runs requests that had to wait. Returns whether the first of them is stalled. */
  #serveDelayed(): boolean {
    const { executor } = this.#services
    while (this.#delayed.length !== 0 && !this.#closing && !this.#isFull) {
      if (this.#output.isFull || executor.execute(this, this.#delayed[0]) === STALLED) return true
      this.#delayed.shift()
      if (this.#mustYield()) return false
    }
    return false
  }

  /**
   * After a request: whether other connections are served before the next request of this one. The clock is read only
   * when replies are flushed; commands that are timed individually have read it.
   */
  #mustYield(): boolean {
    const { reply, batch, executor } = this.#services
    if (reply.size <= FLUSH_FROM_BYTES) return executor.lastTimedAt > batch.shareEnds
    this.#output.flush()
    return batch.isShareOver() || this.#isFull
  }

  /**
   * The client has closed its end. Redis: a command that waits for keys ends, and what was sent after it is not run. So no
   * later reply can be taken for that command's, which has none. Replies to another node are told apart by their numbers.
   */
  #endWaits(): void {
    if (this.waits.size === 0) return
    if (this.#peer === undefined) this.#closing = true
    this.cancelWaits()
  }

  /** Whether another node does not read the replies to its requests. */
  get #isFull(): boolean {
    return this.#peer !== undefined && this.#output.size > PEER_OUTPUT_BYTES
  }

  /** Ends a connection whose input violates the protocol. */
  #failProtocol(): void {
    if (this.#closing) return
    const { reply, stats, log } = this.#services
    const { error, overflow } = this.#decoder
    // A peer gets no error: it would take that for the reply to a request. It resends its requests to other nodes.
    const isReported = !overflow && this.peer === undefined
    this.close(isReported)
    if (overflow) stats.queryBufferDisconnections++
    // It may quote a byte of the request.
    else if (isReported) reply.error(`ERR ${error}`, 'latin1')
    log.debug?.({ client: this.id, address: this.address }, error)
  }

  /** The client speaks TLS on a port without it. From a plain-text answer its library reports a wrong version. */
  #refuseTls(): void {
    this.#services.speaksTls(this)
    this.#output.push(TLS_ON_PLAIN_PORT)
    this.close(true)
  }

  #pauseReading(pause: boolean): void {
    if (pause === this.#paused) return
    this.#paused = pause
    if (pause) this.#socket.pause()
    else this.#socket.resume()
  }

  #finish(): void {
    if (this.#lingerSince === 0) this.#lingerSince = this.#services.instant.now
    this.#output.send()
    // A peer also waits for its deferred replies.
    const owesReplies = this.#peer !== undefined && this.pending.size !== 0
    if (this.#output.isInOrder && !owesReplies) this.#output.end()
    // While paused, the socket would not report that the client has closed its end.
    this.#pauseReading(false)
  }
}

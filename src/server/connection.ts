// One client's connection: bytes in, requests through the executor, replies out in order, with backpressure.

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
import type { ReplyWriter, Sink } from '../resp/reply.ts'
import type { Store } from '../store/store.ts'
import type { NodeStats } from '../telemetry/node-stats.ts'
import type { EventLoopBatch, Served } from './event-loop-batch.ts'
import type { FlushQueue } from './flush-queue.ts'
import type { Logger } from './logger.ts'
import { Outbox } from './outbox.ts'
import type { OutputLimit, ServerSettings } from './settings.ts'

export const TOO_MANY_CLIENTS = 'ERR max number of clients reached'

/** A connection stops taking requests while this many bytes of replies wait for its client to read. */
const OUTPUT_HIGH_WATER = 1024 * 1024

/** Replies are sent before a chunk is served to its end once they have this many bytes. */
const FLUSH_FROM_BYTES = 64 * 1024

/** Before it has authenticated, a client that leaves more than this unread is closed (Redis: its reply buffer, and 1 KiB). */
const UNAUTHENTICATED: OutputLimit = { hard: 17 * 1024, soft: 0, softTime: 0 }

/** A closed connection whose client neither reads what is left nor closes its end is kept for so long, ms. */
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

const NOTHING = Buffer.alloc(0)

export class Connection extends ClientState implements Client, Sink, Served {
  isDue = false
  isQueued = false
  #peer: PeerSession | undefined
  /** There was no room for another client: it must be a peer. */
  readonly #mustBePeer: boolean
  /** The number of the last reply that another node was told comes later. */
  #lastDeferred = 0
  readonly #socket: Socket
  readonly #services: ConnectionServices
  readonly #decoder: RequestDecoder
  readonly #outbox: Outbox
  /** Requests that had to wait, with memory of their own. */
  readonly #delayed: Args[] = []
  /** What follows the requests taken so far breaks the protocol. */
  #isProtocolError = false
  /** Replies that are sent when everyone in the batch has been served. */
  #unsent: Buffer = NOTHING
  #released = (): void => {}
  /** How the last decoding ended. `REQUEST`: there may be more. */
  #decoded: Decoded = NEED_MORE
  /** Whether the requests decoded last will probably ask the store of this node. */
  #usesLocalStore = true
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

  constructor(id: number, socket: Socket, group: Group, services: ConnectionServices, mustBePeer = false) {
    const address = formatAddress(socket.remoteAddress, socket.remotePort)
    const localAddress = formatAddress(socket.localAddress, socket.localPort)
    super(id, group, services.instant.now, address, localAddress)
    this.#mustBePeer = mustBePeer
    this.#socket = socket
    this.#services = services
    this.#decoder = new RequestDecoder(services.limits)
    this.#outbox = new Outbox(
      (bytes) => this.#send(bytes),
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

  /** Bytes of replies that have not left. */
  get outputBufferBytes(): number {
    return this.#socket.writableLength + this.#outbox.size + this.#unsent.length
  }

  get peer(): PeerSession | undefined {
    return this.#peer
  }

  set peer(peer: PeerSession | undefined) {
    this.#peer = peer
    // How long a request may be, its own client's node has decided.
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

  /** Other replies do not wait for this one: its place is taken by a number, under which it follows. */
  #deferPeerReply(): PendingReply {
    const { reply } = this.#services
    const number = ++this.#lastDeferred
    reply.raw(Buffer.from(`@${number}\r\n`))
    return {
      complete: (bytes) => {
        const late = Buffer.concat([Buffer.from(`^${number}\r\n`), bytes])
        if (this.#running) this.#services.reply.raw(late)
        else if (!this.#socket.destroyed) this.#send(late)
        if (this.#closing && !this.#running && this.pending.size === 0) this.#finish()
        // What sees every key has waited for it.
        else if (this.#hasWork) this.resume()
      },
    }
  }

  deferForwardedReply(link: Link, context: number): Receiver {
    this.#flush()
    return this.#outbox.deferForwardedReply(link, context)
  }

  /** Whether something besides replies was waiting for replies to leave. */
  get #hasWork(): boolean {
    const hasMore = this.#delayed.length !== 0 || this.#decoded === REQUEST
    return hasMore || this.#paused || this.#ended || this.#closing
  }

  /** Takes replies over; `send` hands them to the socket. */
  write(bytes: Buffer, released: () => void): void {
    this.send()
    this.#unsent = bytes
    this.#released = released
  }

  send(): void {
    const bytes = this.#unsent
    if (bytes.length === 0) return
    this.#unsent = NOTHING
    this.#services.stats.outputBytes += bytes.length
    this.#socket.write(bytes, this.#released)
  }

  push(bytes: Buffer): void {
    if (this.#closing) return
    if (this.#running) this.#services.reply.raw(bytes)
    else if (this.#outbox.isEmpty) this.#send(bytes)
    else this.#outbox.push(bytes)
    this.#enforceOutputLimit()
  }

  /** Goes on, in the next turn, with what has arrived or had to wait. */
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

  /** Closes for good as soon as its replies have left, whether or not the client closes its end. */
  closeAfterReplies(): void {
    this.#socket.once('finish', () => this.#socket.destroy())
    this.close(true)
  }

  /** Follows a change of how long it may be silent before it is probed. */
  applyKeepalive(): void {
    const { tcpKeepalive } = this.#services.settings
    this.#socket.setKeepAlive(tcpKeepalive > 0, tcpKeepalive)
  }

  /** Closes what has been silent or stuck for too long. Called once a second. */
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
    // Until AUTH has succeeded, how large a request may be depends on the one before it.
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
      if (this.#usesLocalStore) executor.usePrefetched(this, batch[next], next)
      stalled = this.#outbox.isFull || executor.execute(this, batch[next]) === STALLED
      if (!stalled) next++
    }
    for (; next < to; next++) this.#delayed.push(batch[next].detach())
    if (this.#isProtocolError && this.#delayed.length === 0) this.#failProtocol()
    this.#running = false
    // One write for all the requests of a chunk: it is served again before anyone else.
    const isWhole = this.#decoded !== REQUEST || this.#delayed.length !== 0 || this.#closing
    if (again && !isWhole && reply.size <= FLUSH_FROM_BYTES) return true
    this.#flush()
    // Only what the socket does not take at once is waited for: nothing else brings a 'drain'.
    if (this.outputBufferBytes > OUTPUT_HIGH_WATER) this.send()
    const isFull = this.outputBufferBytes > OUTPUT_HIGH_WATER
    const isBlocked = stalled || isFull
    this.#pauseReading(isBlocked && !this.#closing)
    const hasMore = !isBlocked && (this.#delayed.length !== 0 || this.#decoded === REQUEST)
    if (this.#ended && !isBlocked && !hasMore) this.#closing = true
    if (this.#closing) this.#finish()
    return hasMore && !this.#closing
  }

  /** Runs requests that had to wait. True: the first of them still has to. */
  #serveDelayed(): boolean {
    const { executor, reply } = this.#services
    while (this.#delayed.length !== 0 && !this.#closing && reply.size <= OUTPUT_HIGH_WATER) {
      if (this.outputBufferBytes > OUTPUT_HIGH_WATER) return false
      if (this.#outbox.isFull || executor.execute(this, this.#delayed[0]) === STALLED) return true
      this.#delayed.shift()
    }
    return false
  }

  /** The client broke the protocol. */
  #failProtocol(): void {
    if (this.#closing) return
    const { reply, stats, log } = this.#services
    const { error, overflow } = this.#decoder
    // Another node would take an error for the reply to a request of its clients'; it sends these again elsewhere.
    const isTold = !overflow && this.peer === undefined
    this.close(isTold)
    if (overflow) stats.queryBufferDisconnections++
    else if (isTold) reply.error(`ERR ${error}`)
    log.debug?.({ client: this.id, address: this.address }, error)
  }

  #flush(): void {
    const { reply } = this.#services
    if (reply.size === 0) return
    if (this.#outbox.isEmpty) reply.flush(this)
    else this.#outbox.push(reply.take())
    this.#enforceOutputLimit()
  }

  /** Sends, together with what follows before the event loop goes on: replies from elsewhere often come together. */
  #send(bytes: Buffer): void {
    if (this.#unsent.length === 0) {
      this.#unsent = bytes
      this.#released = nothing
    } else {
      const socket = this.#socket
      if (socket.writableCorked === 0) socket.cork()
      this.send()
      this.#services.stats.outputBytes += bytes.length
      socket.write(bytes)
    }
    this.#services.flushQueue.add(this)
  }

  /** Lets what `#send` has collected leave. */
  flushQueued(): void {
    this.send()
    if (this.#socket.writableCorked !== 0) this.#socket.uncork()
  }

  #enforceOutputLimit(): void {
    const { settings, instant, stats, log } = this.#services
    const { normal, pubsub } = settings.clientOutputBufferLimit
    // What MONITOR sends nobody asked for bit by bit, so that it is no reply which would hold its client back.
    const { hard, soft, softTime } = this.monitor ? pubsub : this.authenticated ? normal : UNAUTHENTICATED
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
    this.send()
    // Other nodes are told the replies that come later, too.
    const isOwing = this.#peer !== undefined && this.pending.size !== 0
    if (this.#outbox.isEmpty && !isOwing) this.#socket.end()
    // Otherwise what the client still sends would keep its end from being seen.
    this.#pauseReading(false)
  }
}

function nothing(): void {}

function formatAddress(host: string | undefined, port: number | undefined): string {
  if (host === undefined) return '?:0'
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

// The connections of HTTP clients, and the order in which their pipelined requests run.

import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import type { User } from '../access/user.ts'
import { DEFAULT_USER } from '../access/users.ts'
import { addressName } from '../cluster/member.ts'
import type { HttpClient } from '../telemetry/http-stats.ts'
import { TlsSession } from '../tls/session.ts'
import type { Caller } from './ports.ts'

/*
 * HTTP/1.1 lets a client send requests before it has the responses to earlier ones (pipelining). Node.js sends the
 * responses in order, whatever the order in which they are ready. Reads of one connection run at the same time; a
 * request that may change something waits for all earlier ones, and later ones wait for it (RFC 9112, section 9.3.2).
 */

/** A connection is not read while this many of its requests have no response. */
const MAX_PARALLEL = 64

/**
 * Fewer unsent bytes are not reported. It is more than a socket's high-water mark: the socket emits `drain` when it has
 * sent what was reported.
 */
const MIN_REPORTED_BYTES = 65_536

const SAFE: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS'])

/** The functions that serve the requests of all connections. */
export interface RequestHandlers {
  /** A monotonic clock in µs. */
  readonly micros: () => number
  serve(connection: HttpConnection, request: IncomingMessage, response: ServerResponse): void
  /** The response was sent, or the connection is closed. */
  ended(response: ServerResponse, startedAt: number): void
  /** The unsent bytes have grown, or become less, by so many. */
  unsentChanged(bytes: number): void
}

export class HttpConnection implements HttpClient {
  readonly id: number
  readonly address: string
  readonly localAddress: string
  /** The name in the client's certificate, which was verified; empty: none. */
  readonly certificateName: string
  /** The command of its last request's route; empty: none. */
  lastCommand = ''
  readonly #socket: Socket
  readonly #handlers: RequestHandlers
  readonly #openedAt: number
  #lastActiveAt: number
  /** The requests without a response, and whether one of them may change something. */
  readonly #active = new Set<ServerResponse>()
  #isExclusive = false
  /** Running plain reads: see `PlainConnection`. */
  #plainReads = 0
  /** Bytes of their responses that wait for earlier ones. */
  #plainWaiting = 0
  /** The unsent bytes that were reported. */
  #reported = 0
  readonly #waiting: (readonly [IncomingMessage, ServerResponse])[] = []
  #isPaused = false
  #isClosing = false
  /** Answers a malformed request, which is the last one of the connection. */
  #refuse: (() => void) | undefined
  #caller: Caller | undefined

  constructor(id: number, socket: Socket, handlers: RequestHandlers) {
    this.id = id
    this.#socket = socket
    this.#handlers = handlers
    this.#openedAt = handlers.micros()
    this.#lastActiveAt = this.#openedAt
    this.address = addressName(socket.remoteAddress ?? '?', socket.remotePort ?? 0)
    this.localAddress = addressName(socket.localAddress ?? '?', socket.localPort ?? 0)
    this.certificateName = socket instanceof TLSSocket ? new TlsSession(socket).commonName : ''
    socket.on('drain', this.written)
  }

  get userName(): string {
    return this.#caller?.user.name ?? DEFAULT_USER
  }

  get ageMs(): number {
    return (this.#handlers.micros() - this.#openedAt) / 1000
  }

  get idleMs(): number {
    return (this.#handlers.micros() - this.#lastActiveAt) / 1000
  }

  get activeRequests(): number {
    return this.#active.size + this.#waiting.length + this.#plainReads
  }

  get unsentBytes(): number {
    const { destroyed, writableLength } = this.#socket
    if (destroyed) return 0
    let bytes = writableLength + this.#plainWaiting
    // Those that wait for earlier ones; the others are in the socket.
    for (const response of this.#active) if (response.socket === null) bytes += response.writableLength
    return bytes
  }

  get receivedBytes(): number {
    return this.#socket.bytesRead
  }

  get sentBytes(): number {
    return this.#socket.bytesWritten
  }

  destroy(): void {
    this.#socket.destroy()
    this.written()
  }

  /** A part of a response was written, or sent; or the connection is closed. */
  readonly written = (): void => {
    const { unsentBytes } = this
    const toReport = unsentBytes > MIN_REPORTED_BYTES ? unsentBytes : 0
    const change = toReport - this.#reported
    if (change === 0) return
    this.#reported = toReport
    this.#handlers.unsentChanged(change)
  }

  /** The same while the connection is plain. `waitingBytes`: of responses that wait for earlier ones. */
  plainWritten(waitingBytes: number): void {
    this.#plainWaiting = waitingBytes
    this.written()
  }

  plainReadBegan(at: number): void {
    this.#plainReads++
    this.#lastActiveAt = at
  }

  plainReadEnded(at: number): void {
    this.#plainReads--
    this.#lastActiveAt = at
  }

  /** The caller of commands for a user. */
  callerFor(user: User): Caller {
    if (this.#caller?.user !== user) {
      const { id, address, localAddress } = this
      this.#caller = { id, address, localAddress, authenticated: true, user }
    }
    return this.#caller
  }

  /** Closes when running requests have their responses. The server closes connections without requests. */
  close(): void {
    this.#isClosing = true
  }

  /** Serves a request now, or after the earlier ones. */
  received(request: IncomingMessage, response: ServerResponse): void {
    const isSafe = SAFE.has(request.method ?? '')
    if (this.#active.size === 0 || (isSafe && !this.#isExclusive && this.#waiting.length === 0)) {
      this.#start(request, response, isSafe)
    } else this.#waiting.push([request, response])
    if (this.#active.size + this.#waiting.length < MAX_PARALLEL) return
    this.#isPaused = true
    // Deferred, and repeated for each request: node:http itself resumes the socket at the end of every request.
    process.nextTick(this.#pause)
  }

  /**
   * A request was malformed, whole or in its body: the earlier ones get their responses, then `refuse` is called, which
   * closes the connection.
   */
  malformed(refuse: () => void): void {
    this.#refuse = refuse
    // If it is the body, the request is here already. It will not be complete.
    const last = this.#waiting.at(-1)
    if (last !== undefined && !last[0].complete) this.#waiting.pop()
    this.#isPaused = true
    process.nextTick(this.#pause)
    this.#refuseIfNext()
  }

  #refuseIfNext(): void {
    if (this.#refuse === undefined || this.#waiting.length > 0) return
    for (const { req } of this.#active) if (req.complete) return
    this.#refuse()
  }

  readonly #pause = (): void => {
    if (this.#isPaused) this.#socket.pause()
  }

  #start(request: IncomingMessage, response: ServerResponse, isSafe: boolean): void {
    this.#active.add(response)
    this.#isExclusive = !isSafe
    const startedAt = this.#handlers.micros()
    this.#lastActiveAt = startedAt
    // `on`, as the event is emitted only once and `once` costs more.
    response.on('close', () => this.#ended(response, startedAt))
    this.#handlers.serve(this, request, response)
  }

  /** A response was sent, or the connection is closed. */
  #ended(response: ServerResponse, startedAt: number): void {
    this.#active.delete(response)
    this.#lastActiveAt = this.#handlers.micros()
    this.#handlers.ended(response, startedAt)
    this.written()
    if (this.#isClosing && this.#active.size === 0 && this.#waiting.length === 0) this.#socket.destroySoon()
    const { destroyed } = this.#socket
    while (this.#waiting.length > 0 && !destroyed) {
      const [request, response] = this.#waiting[0]
      const isSafe = SAFE.has(request.method ?? '')
      if (this.#active.size > 0 && (!isSafe || this.#isExclusive)) break
      this.#waiting.shift()
      this.#start(request, response, isSafe)
    }
    if (this.#refuse !== undefined) this.#refuseIfNext()
    else if (this.#isPaused && this.#active.size + this.#waiting.length < MAX_PARALLEL / 2 && !destroyed) {
      this.#isPaused = false
      this.#socket.resume()
    }
  }
}

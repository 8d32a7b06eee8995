// A connection that has received only plain reads so far: they are answered without node:http.

import type { Socket } from 'node:net'
import { MAX_JOINED } from '../responses/responder.ts'
import { type PlainRequest, PlainRequestReader } from './request.ts'

/*
 * node:http takes more time for a request than the read of a cached value. So this class reads the requests of a
 * connection as long as they are plain reads (see `PlainRequestReader`) and the client reads the responses. The first
 * other request, and with it the connection, is handed over to node:http for good, once earlier ones have their
 * responses.
 *
 * Reads run at the same time; their responses are sent in order.
 */

/** The connection is not read while this many of its requests have no response. */
const MAX_PARALLEL = 64

const NOTHING: Buffer = Buffer.alloc(0)

/** How long a connection may have no traffic, ms. */
export interface PlainLimits {
  /** Before its first request. */
  readonly firstMs: number
  /** Between two requests. */
  readonly idleMs: number
  /** While a response is outstanding. */
  readonly busyMs: number
}

export interface PlainHandlers {
  /** Answers a request by filling the place. False: it is not a plain read, and `place` is not used. */
  serve(request: PlainRequest, place: Place): boolean
  /** Responses were given to the socket, or wait for earlier ones, which so many bytes do now. */
  written(waitingBytes: number): void
  /** The response of a place that `serve` has taken was sent, or its client is gone. */
  served(place: Place): void
  /** Serves the rest of the connection. `received`: bytes that were read and not served. */
  handOver(received: Buffer): void
}

export class PlainConnection {
  readonly #socket: Socket
  readonly #limits: PlainLimits
  readonly #handlers: PlainHandlers
  readonly #reader = new PlainRequestReader()
  /** The bytes that were read; the same as text with one character per byte; and where the next request begins. */
  #received = NOTHING
  #text = ''
  #at = 0
  /** The responses to come, in order. */
  readonly #places: Place[] = []
  /** Bytes of bodies that wait for earlier responses. */
  #waitingBytes = 0
  #isServing = false
  /** Whether the client has closed its end. */
  #hasEnded = false
  #isClosing = false

  constructor(socket: Socket, limits: PlainLimits, handlers: PlainHandlers) {
    this.#socket = socket
    this.#limits = limits
    this.#handlers = handlers
    socket.setTimeout(limits.firstMs)
    socket.on('data', this.#read).on('end', this.#end)
    socket.on('timeout', this.#timedOut).on('error', this.#failed).on('close', this.#closed)
  }

  /** Closes: at once if it is idle, otherwise after the last response to the requests that were read. */
  close(): void {
    this.#isClosing = true
    if (this.#places.length === 0) this.#socket.destroySoon()
  }

  destroy(): void {
    this.#socket.destroy()
  }

  get isGone(): boolean {
    return this.#socket.destroyed
  }

  /** Sends all responses that are next in order. `filled`: the place whose response is ready. */
  flush(filled: Place): void {
    const places = this.#places
    this.#waitingBytes += filled.bodyBytes
    while (places.length > 0 && places[0].isFilled) {
      const place = places.shift() as Place
      const isLast = this.#isClosing && places.length === 0
      this.#waitingBytes -= place.bodyBytes
      send(this.#socket, place.head + closingOf(this.#limits.idleMs, isLast), place.body)
      this.#handlers.served(place)
      if (isLast) this.#socket.destroySoon()
    }
    this.#handlers.written(this.#waitingBytes)
    if (places.length === 0) this.#becomeIdle()
    if (!this.#isServing && this.#text !== '') this.#serve()
  }

  #becomeIdle(): void {
    const { idleMs } = this.#limits
    if (this.#socket.timeout !== idleMs) this.#socket.setTimeout(idleMs)
    this.#endIfServed()
  }

  /** Closes if the client has closed its end and all requests are served. */
  #endIfServed(): void {
    if (this.#hasEnded && this.#places.length === 0 && this.#text === '') this.#socket.end()
  }

  readonly #read = (chunk: Buffer): void => {
    this.#received = chunk
    this.#text = chunk.toString('latin1')
    this.#at = 0
    this.#serve()
  }

  /** Serves the requests that were read, as far as possible now. */
  #serve(): void {
    if (this.#text === '' || this.#isClosing) return
    const places = this.#places
    this.#isServing = true
    while (this.#at < this.#text.length && places.length < MAX_PARALLEL && this.#serveNext()) {}
    this.#isServing = false
    if (this.#at === this.#text.length) {
      this.#received = NOTHING
      this.#text = ''
      if (this.#socket.isPaused()) this.#socket.resume()
      this.#endIfServed()
    } else if (places.length === 0) this.#leave()
    else this.#socket.pause()
  }

  /** False: the next request is for node:http. */
  #serveNext(): boolean {
    // node:http also handles clients that do not read their responses.
    if (this.#socket.writableNeedDrain) return false
    const request = this.#reader.read(this.#text, this.#at)
    if (request === undefined) return false
    const place = new Place(this)
    // Before `serve`, which may fill the place at once.
    this.#places.push(place)
    if (!this.#handlers.serve(request, place)) {
      this.#places.pop()
      return false
    }
    this.#at = request.end
    return true
  }

  #leave(): void {
    const socket = this.#socket
    const rest = this.#received.subarray(this.#at)
    this.#received = NOTHING
    this.#text = ''
    socket.off('data', this.#read).off('end', this.#end)
    socket.off('timeout', this.#timedOut).off('error', this.#failed).off('close', this.#closed)
    this.#handlers.handOver(rest)
  }

  readonly #end = (): void => {
    this.#hasEnded = true
    this.#endIfServed()
  }

  readonly #timedOut = (): void => {
    const { busyMs } = this.#limits
    const isBusy = this.#places.length > 0 || this.#socket.writableLength > 0
    if (isBusy && this.#socket.timeout !== busyMs) this.#socket.setTimeout(busyMs)
    else this.#socket.destroy()
  }

  /** Nothing to do: the socket closes by itself. */
  readonly #failed = (): void => {}

  readonly #closed = (): void => {
    for (const place of this.#places) {
      place.status = 0
      this.#handlers.served(place)
    }
    this.#places.length = 0
    this.#waitingBytes = 0
    this.#text = ''
  }
}

/** The place of a response in the order of responses. */
export class Place {
  /** When its request was received, µs of a monotonic clock. */
  startedAt = 0
  /** 0: there is no response. */
  status = 0
  head = ''
  body: Buffer | string | undefined
  isFilled = false
  readonly #connection: PlainConnection

  constructor(connection: PlainConnection) {
    this.#connection = connection
  }

  get isGone(): boolean {
    return this.#connection.isGone
  }

  get bodyBytes(): number {
    return this.body?.length ?? 0
  }

  /** @param head the status line and header lines, without those of the connection */
  fill(status: number, head: string, body: Buffer | string | undefined): void {
    if (this.isFilled) return
    this.status = status
    this.head = head
    this.body = body
    this.isFilled = true
    this.#connection.flush(this)
  }
}

function send(socket: Socket, head: string, body: Buffer | string | undefined): void {
  if (body === undefined) socket.write(head, 'latin1')
  else if (typeof body !== 'string' && body.length <= MAX_JOINED)
    socket.write(head + body.toString('latin1'), 'latin1')
  else {
    socket.cork()
    socket.write(head, 'latin1')
    socket.write(body)
    socket.uncork()
  }
}

/** The last header lines, made once per second; the same as those of node:http. */
let date = ''
let dateSecond = 0
let closing = ''
let closingIdleMs = 0

function closingOf(idleMs: number, isLast: boolean): string {
  const second = Math.floor(Date.now() / 1000)
  if (second !== dateSecond || idleMs !== closingIdleMs) {
    dateSecond = second
    closingIdleMs = idleMs
    date = `Date: ${new Date(second * 1000).toUTCString()}\r\n`
    closing = `${date}Connection: keep-alive\r\nKeep-Alive: timeout=${Math.floor(idleMs / 1000)}\r\n\r\n`
  }
  return isLast ? `${date}Connection: close\r\n\r\n` : closing
}

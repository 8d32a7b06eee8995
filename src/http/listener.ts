// The listening sockets of the HTTP gateway, with the limits that keep hostile clients within bounds.

import { createServer, type Server as HttpServer, type RequestListener, type ServerOptions } from 'node:http'
import { createServer as createSecureServer, type ServerOptions as SecureOptions } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import type { SecureContextOptions, TLSSocket } from 'node:tls'
import { addressName } from '../cluster/member.ts'
import { isTls } from '../tls/client-hello.ts'
import type { HttpOptions } from './options.ts'
import { PlainConnection, type PlainHandlers, type PlainLimits } from './plain/connection.ts'
import type { GatewayLog } from './ports.ts'
import { MAX_HEADERS } from './requests/ambiguous.ts'
import { type Problem, problemBody } from './responses/problem.ts'
import { addProblem, type Headers, headerLines } from './responses/responder.ts'

/** Longer headers are refused with 431. Keys of 8 KiB fit, percent-encoded as a whole. */
const MAX_HEADER_BYTES = 32 * 1024

/** How long a connection without a request stays open, ms; and how long a request may take to arrive, without its body. */
const IDLE_MS = 60_000
const HEADERS_MS = 30_000

/** How often slow requests are looked for, ms. */
const CHECK_INTERVAL_MS = 1000

/** The certificates of HTTPS; see `node:tls`. */
export type TlsMaterial = SecureContextOptions

export interface ListenerOptions {
  readonly options: HttpOptions
  readonly log: GatewayLog
  /** With it the listener speaks HTTPS. `requestCert` and `rejectUnauthorized` stay as they are first given. */
  readonly tls?: SecureOptions
  /** Length of the queue of connections to accept. */
  readonly backlog: number
  readonly handshakeFailed?: ((error: Error, socket: TLSSocket) => void) | undefined
  /** A client speaks TLS, and this listener does not. */
  readonly speaksTls?: ((address: string) => void) | undefined
  /** Returns what serves the plain reads of the connection. */
  readonly onConnection: (socket: Socket) => Omit<PlainHandlers, 'handOver'>
  readonly onRequest: RequestListener
  /**
   * A malformed request has come: `refuse` answers it and closes the connection. Called once for a connection, with the
   * status of the response.
   */
  readonly onMalformed: (socket: Socket, status: number, refuse: () => void) => void
  /** The limit of connections, of all addresses together. */
  readonly maxConnections: () => number
  /** Called when a connection was refused because of the limit. */
  readonly onRefused: () => void
}

export class HttpListener {
  readonly #options: ListenerOptions
  readonly #servers: HttpServer[] = []
  /** Connections that were not handed over to node:http. */
  readonly #plain = new Set<PlainConnection>()
  readonly #limits: PlainLimits
  /** Open connections on all addresses, handshakes of TLS included. */
  #open = 0
  #isClosed = false
  /** Connections on which a malformed request has come. */
  readonly #malformed = new WeakSet<Socket>()

  constructor(options: ListenerOptions) {
    this.#options = options
    const { timeout } = options.options
    this.#limits = {
      firstMs: Math.min(timeout, HEADERS_MS),
      idleMs: Math.min(timeout, IDLE_MS),
      busyMs: timeout,
    }
  }

  get isSecure(): boolean {
    return this.#options.tls !== undefined
  }

  /**
   * Listens on one more address. Port 0: any free port.
   * @throws if the address cannot be used
   */
  async listen(host: string, port: number): Promise<AddressInfo> {
    const server = this.#create()
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen({ host, port, backlog: this.#options.backlog }, resolve)
    })
    server.removeAllListeners('error')
    if (this.#isClosed) {
      server.close()
      throw new Error('the gateway was closed before it listened')
    }
    server.on('error', (err) => this.#options.log.error({ err }, 'a listening socket for HTTP failed'))
    this.#servers.push(server)
    return server.address() as AddressInfo
  }

  /** New connections use these certificates; those that are open keep theirs. Only for HTTPS. */
  replaceTls(material: TlsMaterial): void {
    for (const server of this.#servers)
      if ('setSecureContext' in server) (server as SecureServer).setSecureContext(material)
  }

  /** Accepts no more connections, and closes those that are idle; others close with their response. */
  async close(): Promise<void> {
    this.#isClosed = true
    for (const connection of this.#plain) connection.close()
    await Promise.all(
      this.#servers.map((server) => {
        const closed = new Promise((resolve) => server.close(resolve))
        server.closeIdleConnections()
        return closed
      }),
    )
  }

  closeAll(): void {
    for (const connection of this.#plain) connection.destroy()
    for (const server of this.#servers) server.closeAllConnections()
  }

  #create(): HttpServer {
    const { options, tls, handshakeFailed, speaksTls, onRequest, onMalformed } = this.#options
    const { firstMs, idleMs } = this.#limits
    const limits: ServerOptions = {
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: firstMs,
      requestTimeout: options.timeout,
      keepAliveTimeout: idleMs,
      connectionsCheckingInterval: CHECK_INTERVAL_MS,
      noDelay: true,
      // `insecureHTTPParser` would accept ambiguous requests, which a proxy may parse differently (request smuggling).
      insecureHTTPParser: false,
    }
    const server = tls === undefined ? createServer(limits) : createSecureServer({ ...limits, ...tls })
    // One more shows that there are too many: Node.js drops what is above its limit.
    server.maxHeadersCount = MAX_HEADERS + 1
    // A connection without any traffic, such as one whose client does not read.
    server.setTimeout(options.timeout)
    this.#takeConnections(server, tls === undefined ? 'connection' : 'secureConnection')
    this.#limitConnections(server)
    server.on('request', onRequest)
    // Without this listener, Node.js would ask for the body before the handler has checked its length.
    server.on('checkContinue', onRequest)
    server.on('clientError', (error: ParserError, socket: Socket) => {
      const { rawPacket } = error
      // The first bytes of the connection.
      if (
        rawPacket !== undefined &&
        rawPacket.length === socket.bytesRead &&
        isTls(rawPacket, rawPacket.length)
      )
        speaksTls?.(addressName(socket.remoteAddress ?? '?', socket.remotePort ?? 0))
      if (!socket.writable || error.code === 'ECONNRESET') socket.destroy()
      // A client that asked for the end of the connection, and sends more, gets the response that it waits for.
      else if (error.code !== 'HPE_CLOSED_CONNECTION' && !this.#malformed.has(socket)) {
        this.#malformed.add(socket)
        const status = MALFORMED[error.code ?? ''] ?? '400 Bad Request'
        onMalformed(socket, Number.parseInt(status, 10), () => refuseMalformed(socket, status))
      }
    })
    // Otherwise Node.js calls `clientError`, which would answer on a connection whose handshake has failed.
    server.on('tlsClientError', (error: Error, socket: TLSSocket) => {
      handshakeFailed?.(error, socket)
      socket.destroy()
    })
    server.on('dropRequest', (_request, socket: Socket) => socket.destroy())
    return server
  }

  /** `maxConnections` of node:http is not used: it applies to one address, and closes without a response. */
  #limitConnections(server: HttpServer): void {
    const { tls, maxConnections, onRefused } = this.#options
    const [accept] = server.listeners('connection')
    server.removeAllListeners('connection')
    server.on('connection', (socket: Socket) => {
      if (this.#open >= maxConnections()) {
        onRefused()
        refuse(socket, tls === undefined)
        return
      }
      // Asked for while it is known: for the log, if the handshake fails.
      if (tls !== undefined) void socket.remoteAddress
      this.#open++
      socket.once('close', () => this.#open--)
      accept.call(server, socket)
    })
  }

  /** Connections come here first, and go to the server with the first request that is not a plain read. */
  #takeConnections(server: HttpServer, event: string): void {
    const [serve] = server.listeners(event)
    server.removeAllListeners(event)
    server.on(event, (socket: Socket) => {
      const forget = (): void => {
        this.#plain.delete(connection)
      }
      const handOver = (received: Buffer): void => {
        forget()
        serve.call(server, socket)
        const isPaused = socket.isPaused()
        // Marks the stream as reading. Otherwise it would begin to read after this chunk, and so undo a pause:
        // node:http takes the data of the socket without the stream.
        socket.read(0)
        // Puts the bytes back in front of the socket's buffer, which is not possible after the end of the stream.
        if (!socket.readableEnded) socket.unshift(received)
        else socket.emit('data', received)
        if (isPaused) socket.resume()
      }
      const handlers = { ...this.#options.onConnection(socket), handOver }
      const connection = new PlainConnection(socket, this.#limits, handlers)
      this.#plain.add(connection)
      socket.once('close', forget)
      // Its TLS handshake ended after the other connections were closed.
      if (this.#isClosed) connection.close()
    })
  }
}

/** The error of a malformed request. */
interface ParserError extends NodeJS.ErrnoException {
  /** The bytes that were received last. */
  readonly rawPacket?: Buffer
}

interface SecureServer {
  setSecureContext(material: TlsMaterial): void
}

/** The status of the response to malformed or oversized requests, by the code of the parser's error. */
const MALFORMED: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
  HPE_CHUNK_EXTENSIONS_OVERFLOW: '413 Payload Too Large',
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
}

/** Answers a malformed request and closes: the next request on the connection cannot be delimited. */
function refuseMalformed(socket: Socket, status: string): void {
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`, () => socket.destroy())
}

const TOO_MANY: Problem = {
  status: 503,
  type: 'overloaded',
  detail:
    'the node has as many HTTP connections as http.maxConnections allows: try again, or ask another node',
  retryAfter: 1,
}

/** Refuses a connection: with a response, or without one if that would need a TLS handshake. */
function refuse(socket: Socket, isPlain: boolean): void {
  socket.on('error', () => socket.destroy())
  if (!isPlain) {
    socket.destroy()
    return
  }
  const body = problemBody(TOO_MANY)
  const headers: Headers = ['Connection', 'close', 'Content-Length', Buffer.byteLength(body)]
  addProblem(headers, TOO_MANY)
  const head = `HTTP/1.1 503 Service Unavailable\r\n${headerLines(headers)}\r\n`
  socket.end(head + body, () => socket.destroy())
}

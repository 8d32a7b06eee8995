// The server's side of TLS: performs handshakes on accepted connections, and passes on those that succeed.

import type { Socket } from 'node:net'
import { createServer, type Server, type TLSSocket } from 'node:tls'
import type { Certificates } from './certificates.ts'

export interface TerminatorOptions {
  readonly certificates: Certificates
  /** A handshake is complete, and the certificate of the client is as the settings want it. */
  readonly secured: (socket: TLSSocket) => void
  /** A handshake has failed; the connection is closed next. */
  readonly failed: (error: Error, socket: TLSSocket) => void
}

/**
 * Handshakes that begin in one iteration of the event loop (Redis: `max-new-tls-connections-per-cycle`): each costs about
 * a millisecond of it, and a flood of them must not hold up the connections that are there.
 */
const PER_TURN = 4

/** The list of waiting connections is compacted once so many of them have begun. */
const COMPACT_FROM = 1024

export class TlsTerminator {
  readonly #options: TerminatorOptions
  /**
   * It does not listen: connections are passed to it. Replaced with the certificates; handshakes in progress continue.
   */
  #server: Server
  /** Connections without a complete handshake, by their addresses. */
  readonly #pending = new Map<string, Socket>()
  /** Those of them whose handshake has not begun, from `#next` on. */
  readonly #waiting: Socket[] = []
  #next = 0
  #turn: NodeJS.Immediate | undefined
  readonly #unsubscribe: () => void

  constructor(options: TerminatorOptions) {
    this.#options = options
    this.#server = this.#createServer()
    this.#unsubscribe = options.certificates.onReplaced(() => {
      this.#server = this.#createServer()
    })
  }

  /** Connections without a complete handshake. */
  get pending(): number {
    return this.#pending.size
  }

  /** Performs the handshake of a connection. */
  accept(socket: Socket): void {
    const key = addressesOf(socket)
    socket.on('error', () => socket.destroy())
    // The client is gone already.
    if (key === undefined) {
      socket.destroy()
      return
    }
    this.#pending.set(key, socket)
    socket.once('close', () => {
      if (this.#pending.get(key) === socket) this.#pending.delete(key)
    })
    this.#waiting.push(socket)
    this.#turn ??= setImmediate(() => this.#begin())
  }

  /** Ends all handshakes. */
  close(): void {
    this.#unsubscribe()
    clearImmediate(this.#turn)
    for (const socket of this.#pending.values()) socket.destroy()
  }

  #begin(): void {
    this.#turn = undefined
    const waiting = this.#waiting
    for (let begun = 0; begun < PER_TURN && this.#next < waiting.length; this.#next++) {
      const socket = waiting[this.#next]
      if (socket.destroyed) continue
      begun++
      this.#server.emit('connection', socket)
    }
    if (this.#next === waiting.length) {
      waiting.length = 0
      this.#next = 0
      return
    }
    if (this.#next >= COMPACT_FROM) {
      waiting.splice(0, this.#next)
      this.#next = 0
    }
    this.#turn = setImmediate(() => this.#begin())
  }

  #createServer(): Server {
    const { certificates } = this.#options
    const { tlsAuthClients, tlsCluster, tlsHandshakeTimeout } = certificates.settings
    const server = createServer({
      ...certificates.serverOptions,
      // Other nodes show a certificate on the same port.
      requestCert: tlsAuthClients !== 'no' || tlsCluster,
      rejectUnauthorized: tlsAuthClients === 'yes',
      handshakeTimeout: tlsHandshakeTimeout,
    })
    server.on('secureConnection', (socket: TLSSocket) => {
      const key = addressesOf(socket)
      if (key !== undefined) this.#pending.delete(key)
      // Node.js lets all certificates pass where none is required.
      const isWrong = tlsAuthClients === 'optional' && socket.authorizationError && hasCertificate(socket)
      if (isWrong) this.#fail(new Error('unverified'), socket)
      else {
        // From here on, a client that closes its end still gets the replies to what it has sent.
        socket.allowHalfOpen = true
        this.#options.secured(socket)
      }
    })
    // Also for a handshake that times out, and for a connection that is closed during the handshake.
    server.on('tlsClientError', (error: Error, socket: TLSSocket) => this.#fail(error, socket))
    return server
  }

  #fail(error: Error, socket: TLSSocket): void {
    socket.on('error', () => socket.destroy())
    this.#options.failed(error, socket)
    socket.destroy()
  }
}

function hasCertificate(socket: TLSSocket): boolean {
  return socket.getPeerX509Certificate() !== undefined
}

/** Both ends of a connection: the socket of TLS and the one below it have the same. */
function addressesOf({ remoteAddress, remotePort, localAddress, localPort }: Socket): string | undefined {
  if (remoteAddress === undefined) return undefined
  return `${remoteAddress} ${remotePort} ${localAddress} ${localPort}`
}

// The connection under a link: opens the socket, performs the handshake, and ends it after any failure or timeout.

import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import { receive } from '../../resp/receive.ts'
import { handshakeFailure } from '../../tls/failures.ts'
import { bindingOf } from '../../tls/session.ts'
import { HandshakeClient, type Identity, type ProvenHello } from './handshake.ts'
import { parseReplies } from './request.ts'
import { type LinkTimeoutOptions, LinkTimeouts } from './timeouts.ts'

/** After this long without traffic the system probes the connection, ms. */
const KEEPALIVE = 15_000

const CONNECTING = 0
const HANDSHAKE = 1
const READY = 2
const CLOSED = 3

export interface ConnectionOptions extends LinkTimeoutOptions {
  /** Opens a socket to the peer; with TLS, it verifies the peer's certificate. */
  connect(): Socket
  readonly identity: Identity
}

export interface ConnectionOwner {
  onBytes(chunk: Buffer): void
  /** Both nodes have proven that they know the secret. */
  onHandshakeDone(hello: ProvenHello): void
  /** Called once. `refused`: the peer refused the connection or the handshake. */
  onEnd(reason: string, refused: boolean): void
}

export class Connection {
  readonly socket: Socket
  readonly timeouts: LinkTimeouts
  readonly #owner: ConnectionOwner
  readonly #handshake: HandshakeClient
  #state = CONNECTING

  constructor(options: ConnectionOptions, owner: ConnectionOwner) {
    this.#owner = owner
    this.#handshake = new HandshakeClient(options.identity)
    this.timeouts = new LinkTimeouts(options, (reason) => this.end(reason, false))
    this.socket = this.#open(options.connect())
    this.timeouts.startConnect()
  }

  get isReady(): boolean {
    return this.#state === READY
  }

  get isClosed(): boolean {
    return this.#state === CLOSED
  }

  /** A reply of the peer to a step of the handshake. */
  continueHandshake(reply: Buffer): void {
    let step: Buffer | ProvenHello
    try {
      step = this.#handshake.receive(parseReplies(reply)[0])
    } catch (error) {
      this.end(`refused: ${(error as Error).message}`, true)
      return
    }
    if (Buffer.isBuffer(step)) {
      this.socket.write(step)
      return
    }
    this.#state = READY
    this.timeouts.stop()
    this.#owner.onHandshakeDone(step)
  }

  end(reason: string, refused: boolean): void {
    if (this.#state === CLOSED) return
    this.#state = CLOSED
    this.timeouts.stop()
    this.socket.destroy()
    this.#owner.onEnd(reason, refused)
  }

  #open(socket: Socket): Socket {
    socket.setNoDelay(true)
    socket.setKeepAlive(true, KEEPALIVE)
    const isTls = socket instanceof TLSSocket
    socket.on(isTls ? 'secureConnect' : 'connect', () => {
      if (this.#state !== CONNECTING) return
      this.#state = HANDSHAKE
      this.timeouts.startHandshake()
      socket.write(this.#handshake.start(isTls ? bindingOf(socket) : ''))
    })
    receive(socket, (chunk) => {
      this.timeouts.onBytesReceived()
      this.#owner.onBytes(chunk)
    })
    socket.on('error', (error: NodeJS.ErrnoException) => {
      const isRefused = error.code === 'ECONNREFUSED'
      // If every address of a host name refused, the error has a code and no message.
      const text = error.message || (error.code ?? 'unknown error')
      const isOfTls = isTls && this.#state === CONNECTING && error.syscall !== 'connect'
      this.end(isOfTls ? `TLS: ${handshakeFailure(error, socket).reason}` : text, isRefused)
    })
    socket.on('end', () => this.end('the peer closed the connection', false))
    socket.on('close', () => this.end('the connection is closed', false))
    return socket
  }
}

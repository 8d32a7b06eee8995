// The endpoints of a server: TCP with and without TLS, and a Unix socket. Accepts their connections.

import type { AddressInfo, Socket } from 'node:net'
import type { Users } from '../../access/users.ts'
import type { NodeStats } from '../../telemetry/node-stats.ts'
import type { Certificates } from '../../tls/certificates.ts'
import type { Clients } from '../clients/clients.ts'
import type { Logger } from '../logger.ts'
import type { ServerSettings } from '../settings.ts'
import type { HandshakeLog } from './handshake-log.ts'
import { Listeners } from './listeners.ts'
import { TlsClients } from './tls-clients.ts'

export interface EndpointsOptions {
  readonly clients: Clients
  /** `undefined`: there is no TLS. */
  readonly certificates: Certificates | undefined
  readonly users: Users
  readonly settings: ServerSettings
  readonly stats: NodeStats
  readonly handshakeLog: HandshakeLog
  readonly log: Logger
}

export class Endpoints {
  readonly #clients: Clients
  readonly #stats: NodeStats
  readonly #listeners: Listeners
  readonly #tlsClients: TlsClients
  #isClosed = false

  constructor({ clients, certificates, users, settings, stats, handshakeLog, log }: EndpointsOptions) {
    this.#clients = clients
    this.#stats = stats
    this.#listeners = new Listeners({ backlog: () => settings.tcpBacklog, log })
    this.#tlsClients = new TlsClients({
      certificates,
      settings,
      users,
      stats,
      log: handshakeLog,
      serve: (socket, tls) =>
        this.#isClosed ? undefined : clients.serve(socket, { tls, mustBePeer: clients.isFull }),
    })
  }

  /** TLS handshakes in progress. */
  get handshakes(): number {
    return this.#tlsClients.pending
  }

  /** See `Server.listen`. */
  async tcp(host: string, port: number): Promise<AddressInfo> {
    const address = await this.#listeners.tcp(host, port, (socket) => this.#clients.accept(socket))
    this.#stats.port ||= address.port
    this.#stats.listeners.push(['tcp', address.address, address.port])
    return address
  }

  /** See `Server.listenTls`. */
  async tls(host: string, port: number): Promise<AddressInfo> {
    this.#tlsClients.begin()
    // Not half-open: a client that closes its end during the handshake is gone.
    const address = await this.#listeners.tcp(host, port, (socket) => this.#acceptTls(socket), false)
    this.#stats.tlsPort ||= address.port
    this.#stats.listeners.push(['tls', address.address, address.port])
    return address
  }

  /** See `Server.listenUnix`. */
  async unix(path: string, mode: number): Promise<void> {
    await this.#listeners.unix(path, mode, (socket) => this.#clients.accept(socket, path))
    this.#stats.listeners.push(['unix', path, 0])
  }

  /** Accepts no more connections, and ends all handshakes. Resolves when the accepted connections are closed. */
  close(): Promise<void> {
    this.#isClosed = true
    const closed = this.#listeners.close()
    this.#tlsClients.close()
    return closed
  }

  /** Begins the handshake of a connection. Beyond `maxclients` it is closed without an error: none can be sent before TLS. */
  #acceptTls(socket: Socket): void {
    if (this.#clients.hasRoom) this.#tlsClients.accept(socket)
    else {
      this.#stats.rejectedConnections++
      socket.destroy()
    }
  }
}

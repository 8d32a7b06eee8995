// Clients with TLS: their handshakes, and login by certificate.

import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { latin1 } from '../../access/text.ts'
import type { Users } from '../../access/users.ts'
import type { Client } from '../../commands/spec/client.ts'
import type { NodeStats } from '../../telemetry/node-stats.ts'
import type { Certificates } from '../../tls/certificates.ts'
import { TlsSession } from '../../tls/session.ts'
import type { TlsSettings } from '../../tls/settings.ts'
import { TlsTerminator } from '../../tls/terminator.ts'
import type { HandshakeLog } from './handshake-log.ts'

export interface TlsClientsOptions {
  /** `undefined`: there is no TLS. */
  readonly certificates: Certificates | undefined
  readonly settings: TlsSettings
  readonly users: Users
  readonly stats: NodeStats
  readonly log: HandshakeLog
  /** Serves a connection; `undefined`: it is closed already. */
  readonly serve: (socket: TLSSocket, tls: TlsSession) => Client | undefined
}

export class TlsClients {
  readonly #options: TlsClientsOptions
  #terminator: TlsTerminator | undefined

  constructor(options: TlsClientsOptions) {
    this.#options = options
  }

  /** The number of connections whose handshake is not complete. */
  get pending(): number {
    return this.#terminator?.pending ?? 0
  }

  /**
   * Gets ready for handshakes.
   * @throws if there are no certificates
   */
  begin(): void {
    const { certificates, log } = this.#options
    if (certificates === undefined) throw new Error('there are no certificates for TLS')
    this.#terminator ??= new TlsTerminator({
      certificates,
      secured: (socket) => this.#secured(socket),
      failed: (error, socket) => log.failed(error, socket),
    })
  }

  /** Begins the handshake of a connection. */
  accept(socket: Socket): void {
    this.#terminator?.accept(socket)
  }

  /** Ends all handshakes. */
  close(): void {
    this.#terminator?.close()
  }

  #secured(socket: TLSSocket): void {
    const { settings, stats, serve } = this.#options
    stats.tlsHandshakes++
    const tls = new TlsSession(socket)
    const client = serve(socket, tls)
    if (client === undefined) socket.destroy()
    else if (settings.tlsAuthClientsUser === 'CN') this.#logIn(client, tls.commonName, socket)
  }

  /** Redis 8.6: the certificate's common name is the user; if there is no such user, the client has to log in. */
  #logIn(client: Client, name: string, socket: TLSSocket): void {
    if (name === '') return
    const { users, stats, log, settings } = this.#options
    const user = users.get(latin1(name))
    if (user?.isEnabled) {
      client.user = user
      client.authenticated = true
      return
    }
    const denied = (): void => {
      stats.tlsUsersDenied++
      log.noUser(name, client.address)
    }
    // Other nodes show a certificate on this port, too, and their names are no users.
    if (settings.tlsCluster) socket.once('data', (first: Buffer) => isOfPeer(first) || denied())
    else denied()
  }
}

/** Whether a connection begins with the request of another node: `PEER HELLO`. */
function isOfPeer(first: Buffer): boolean {
  return /^\*\d+\r\n\$4\r\nPEER\r\n/.test(first.toString('latin1', 0, 32))
}

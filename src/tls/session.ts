// The TLS session of a connection: the certificate of the other end, and a secret that only both ends know.

import { isIP } from 'node:net'
import type { TLSSocket } from 'node:tls'

const BINDING_LABEL = 'EXPORTER-Erinys-Peer'
const BINDING_BYTES = 32

export class TlsSession {
  readonly #socket: TLSSocket

  constructor(socket: TLSSocket) {
    this.#socket = socket
  }

  /** Whether the other end has shown a certificate that a CA of this node has issued. */
  get isVerified(): boolean {
    return this.#socket.authorized && this.#socket.getPeerX509Certificate() !== undefined
  }

  /** The common name of the verified certificate; empty: there is none, or more than one. */
  get commonName(): string {
    if (!this.isVerified) return ''
    const { CN } = this.#socket.getPeerCertificate().subject as { CN?: string | readonly string[] }
    return typeof CN === 'string' ? CN : ''
  }

  /**
   * Whether the verified certificate is one of another node.
   * @param wanted `any`, `address` or a DNS name (`tls-cluster-name`)
   * @param host where that node is reached
   */
  isMember(wanted: string, host: string): boolean {
    if (!this.isVerified) return false
    if (wanted === 'any') return true
    const certificate = this.#socket.getPeerX509Certificate()
    const name = wanted === 'address' ? host : wanted
    return (isIP(name) === 0 ? certificate?.checkHost(name) : certificate?.checkIP(name)) !== undefined
  }

  /**
   * Hexadecimal; the same at both ends of a connection, and different for every connection (RFC 5705). A proof that
   * covers it cannot be relayed by a man in the middle.
   */
  get binding(): string {
    return bindingOf(this.#socket)
  }
}

export function bindingOf(socket: TLSSocket): string {
  return socket.exportKeyingMaterial(BINDING_BYTES, BINDING_LABEL, Buffer.alloc(0)).toString('hex')
}

// Opens connections to other nodes with mutual TLS.

import { isIP, type Socket } from 'node:net'
import { type ConnectionOptions, checkServerIdentity, connect, type PeerCertificate } from 'node:tls'
import type { Certificates } from './certificates.ts'

export interface PeerAddress {
  readonly host: string
  readonly port: number
}

/**
 * Returns what opens a connection. It is ready at `secureConnect`: the certificate of the other node is verified then.
 * @param tunnel begins the connection below TLS; by default a TCP connection to the address
 */
export function peerConnector(
  certificates: Certificates,
  tunnel?: (member: PeerAddress) => Socket,
): (member: PeerAddress) => Socket {
  return (member) => {
    const { host, port } = member
    const wanted = certificates.settings.tlsClusterName
    const options: ConnectionOptions = {
      secureContext: certificates.clientContext,
      rejectUnauthorized: true,
      checkServerIdentity: (_host: string, certificate: PeerCertificate) =>
        wanted === 'any' ? undefined : checkServerIdentity(wanted === 'address' ? host : wanted, certificate),
      ...(isIP(host) === 0 ? { servername: host } : {}),
    }
    return tunnel === undefined
      ? connect({ ...options, host, port })
      : connect({ ...options, socket: tunnel(member) })
  }
}

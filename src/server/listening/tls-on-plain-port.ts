// Recognizes clients that speak TLS on a port without it.

import type { Socket } from 'node:net'

/** The first bytes of TLS: a handshake record and the major version (RFC 8446, section 5.1). No command begins so. */
const HANDSHAKE = 0x16
const MAJOR_VERSION = 3

/** Calls `found` if a connection begins with TLS. Only its first chunk is examined, so later ones cost nothing. */
export function detectTls(socket: Socket, found: () => void): void {
  socket.once('data', (chunk: Buffer) => {
    if (chunk[0] === HANDSHAKE && (chunk.length === 1 || chunk[1] === MAJOR_VERSION)) found()
  })
}

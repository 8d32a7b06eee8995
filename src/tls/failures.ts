// The reason why a handshake failed, as text.

import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'

/** Abandoned handshakes are not a sign of a mistake: load balancers and port scanners cause them all the time. */
const HANGUPS: ReadonlySet<string> = new Set(['ECONNRESET', 'EPIPE', 'ECONNABORTED'])

const VERIFICATION: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'its certificate has expired',
  CERT_NOT_YET_VALID: 'its certificate is not valid yet',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is self-signed, and not a CA of this node',
  SELF_SIGNED_CERT_IN_CHAIN: 'its certificate is issued by a CA that this node does not know',
  UNABLE_TO_GET_ISSUER_CERT: 'its certificate is issued by a CA that this node does not know',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'its certificate is issued by a CA that this node does not know',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'its certificate is issued by a CA that this node does not know',
  INVALID_PURPOSE: 'its certificate is not for this use (extended key usage)',
  CERT_SIGNATURE_FAILURE: 'the signature of its certificate is wrong',
}

const PROTOCOL: readonly (readonly [RegExp, string])[] = [
  [/HTTP_REQUEST/, 'it sends HTTP without TLS'],
  [
    /WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|BAD_RECORD_TYPE|BAD_PROTOCOL_VERSION/,
    'it does not speak TLS',
  ],
  [
    /UNSUPPORTED_PROTOCOL|PROTOCOL_VERSION|VERSION_TOO_LOW/,
    'it has no version of TLS in common with this node',
  ],
  [/NO_SHARED_CIPHER|HANDSHAKE_FAILURE|NO_SUITABLE_SIGNATURE/, 'it has no cipher in common with this node'],
  [/PEER_DID_NOT_RETURN_A_CERTIFICATE/, 'it shows no certificate'],
  [/CERTIFICATE_REQUIRED/, 'it requires a certificate of this node'],
  [/ALERT_CERTIFICATE_EXPIRED/, "it refuses this node's certificate: expired"],
  [/ALERT_UNKNOWN_CA/, "it refuses this node's certificate: unknown CA"],
  [
    /ALERT_(?:BAD_CERTIFICATE|CERTIFICATE_UNKNOWN|UNSUPPORTED_CERTIFICATE)/,
    "it refuses this node's certificate",
  ],
  [/HANDSHAKE_TIMEOUT/, 'it does not finish the handshake in time'],
]

interface HandshakeFailure {
  readonly reason: string
  /** Whether it is no sign of a mistake. */
  readonly isHangup: boolean
}

/** @param socket undefined: there is none yet */
export function handshakeFailure(
  error: Error,
  socket?: Pick<TLSSocket, 'authorizationError'>,
): HandshakeFailure {
  const { code = '', reason, message } = error as NodeJS.ErrnoException & { reason?: string }
  // Node.js sets the code, although its type says Error.
  const unverified = String(socket?.authorizationError ?? '')
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID')
    return { reason: 'its certificate has another name', isHangup: false }
  const known = VERIFICATION[unverified] ?? VERIFICATION[code]
  if (known !== undefined) return { reason: known, isHangup: false }
  if (unverified !== '') return { reason: `its certificate is refused: ${unverified}`, isHangup: false }
  const [, text] = PROTOCOL.find(([pattern]) => pattern.test(code)) ?? []
  if (text !== undefined) return { reason: text, isHangup: false }
  if (HANGUPS.has(code)) return { reason: 'it closes the connection during the handshake', isHangup: true }
  return { reason: reason ?? (message || code), isHangup: false }
}

/**
 * 'host:port' of the other end of a connection whose handshake has failed. Node.js reports a refused certificate when it
 * has closed the socket: then the socket below TLS knows the address, if it was asked for it before.
 */
export function failedAddress(socket: TLSSocket): string {
  const below = (socket as TLSSocket & { readonly _parent?: Socket })._parent
  const { remoteAddress = '?', remotePort = 0 } =
    socket.remoteAddress === undefined ? (below ?? socket) : socket
  return `${remoteAddress}:${remotePort}`
}

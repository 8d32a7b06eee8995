// Recognizes clients that speak TLS on a port without it.

/**
 * The first bytes of TLS: a handshake record and the major version (RFC 8446, section 5.1). No command and no request of
 * HTTP begins so.
 */
const HANDSHAKE = 0x16
const MAJOR_VERSION = 3

/** Whether a connection that begins with these bytes speaks TLS. */
export function isTls(bytes: Buffer, length: number): boolean {
  return bytes[0] === HANDSHAKE && (length === 1 || bytes[1] === MAJOR_VERSION)
}

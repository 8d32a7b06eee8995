// Lends bytes to a socket: finds out when their buffer may be used again.

/** A socket, as far as writing is concerned. */
export interface WritableSocket {
  write(bytes: Uint8Array, written?: () => void): boolean
  /** Bytes that it has not handed to the system. */
  readonly writableLength: number
  readonly writableCorked: number
  /** It is one of TLS. */
  readonly encrypted?: boolean
}

const NOTHING = new Uint8Array(0)

/**
 * Writes bytes. Calls `released` once the socket does not read them any more, mostly before this returns.
 *
 * For a write with a callback Node.js schedules a tick, which takes as long as three cheap commands. The system takes nearly
 * all writes at once; then the socket has no bytes left, and no callback is needed. Otherwise an empty write behind has it.
 */
export function lend(socket: WritableSocket, bytes: Uint8Array, released: () => void): void {
  // These never write at once.
  if (socket.encrypted === true || socket.writableCorked > 0) {
    socket.write(bytes, released)
    return
  }
  socket.write(bytes)
  if (socket.writableLength === 0) released()
  else socket.write(NOTHING, released)
}

// Receives the bytes of a socket without the detour through its stream's buffer, which stays empty as long as each chunk is
// consumed at once.

/** A socket, as far as reading is concerned. */
export interface ReadableSocket {
  on(event: 'data', listener: (chunk: Buffer) => void): unknown
  once(event: 'data', listener: (chunk: Buffer) => void): unknown
  push(chunk: Buffer | null): boolean
  /** Whether it passes on what it reads: it is not paused. */
  readonly readableFlowing: boolean | null
  /** Bytes that it holds back: they were read while it was paused. */
  readonly readableLength: number
}

/**
 * Calls `take` with each chunk that a socket reads, as a listener of `data` would be.
 *
 * Node.js hands what it has read to `push`, whose default puts it into the buffer of the stream, takes it out again, and
 * schedules a tick in which it looks for more: that takes as long as a cheap command. Here it comes from `push` to `take`,
 * unless the socket is paused. The first chunk takes the usual way, for other listeners that wait for it.
 */
export function receive(socket: ReadableSocket, take: (chunk: Buffer) => void): void {
  socket.on('data', take)
  socket.once('data', () => {
    const { push } = socket
    socket.push = (chunk) => {
      if (chunk === null || socket.readableFlowing !== true || socket.readableLength !== 0)
        return push.call(socket, chunk)
      take(chunk)
      return true
    }
  })
}

// The socket of a client, and how its bytes are read: where Node.js allows it, into buffers of the connection's own.

import { Socket } from 'node:net'
import { receive } from '../../resp/receive.ts'
import { ReadBuffers } from './read-buffers.ts'

/** Receives what a client sends. */
export interface InputReader {
  /** Whether all bytes received so far are decoded: their buffers may be overwritten. */
  readonly hasDecodedAll: boolean
  /** @param bytes the first `length` of them were received; they do not change until they are decoded */
  received(bytes: Buffer, length: number): void
}

/** What Node.js keeps to itself of a socket. */
interface Internals {
  _handle: { useUserBuffer?: unknown } | null
}

export interface ClientSocket {
  readonly socket: Socket
  /** Starts to read; called once, before the event loop goes on. */
  readTo(reader: InputReader): void
}

/** A socket that Node.js allocates the buffers of. */
export function plainSocket(socket: Socket): ClientSocket {
  const readTo = (reader: InputReader): void => {
    receive(socket, (chunk) => reader.received(chunk, chunk.length))
  }
  return { socket, readTo }
}

/**
 * A connection that was accepted, read into buffers of its own (`onread`). Otherwise Node.js allocates 64 KiB for each read, gives
 * most of it back, and makes two objects that the garbage collector has to find: a seventh of the CPU time of one `GET`.
 *
 * `net.Server` has no option for that, but `net.Socket` has: so the connection gets a second socket in place of the first.
 * Its option `handle` is the one that `net.Server` itself uses, and is not documented. Where there is no such handle, Node.js
 * allocates.
 */
export function acceptedSocket(accepted: Socket): ClientSocket {
  const internals = accepted as unknown as Internals
  const handle = internals._handle
  if (typeof handle?.useUserBuffer !== 'function') return plainSocket(accepted)
  const buffers = new ReadBuffers()
  let reader: InputReader | undefined
  let next: Buffer = buffers.first
  const onread = {
    buffer: () => next,
    callback: (length: number, bytes: Uint8Array): boolean => {
      if (reader === undefined) return true
      next = buffers.next(bytes as Buffer, length, reader.hasDecodedAll)
      reader.received(bytes as Buffer, length)
      return true
    },
  }
  const options = { handle, allowHalfOpen: accepted.allowHalfOpen, onread }
  const socket = new Socket(options as ConstructorParameters<typeof Socket>[0])
  // The first one lets go of the connection, and its server does not count it any more.
  internals._handle = null
  accepted.destroy()
  return {
    socket,
    readTo: (receiver) => {
      reader = receiver
    },
  }
}

// The outgoing side of a link: collects requests in send buffers, writes them together, and keeps them until they are
// answered, so that they can be handed back if the link breaks.

import type { Socket } from 'node:net'
import { copyBytes } from '../../bytes/copy.ts'
import { copyOut } from '../../resp/copy.ts'
import { lend } from '../../resp/lend.ts'
import type { TraceHeaders } from '../../telemetry/tracing.ts'
import { InFlightQueue } from './in-flight-queue.ts'
import type { Receiver } from './receiver.ts'
import {
  fitsSmallBuffer,
  type SendBuffer,
  type SendBufferOwner,
  type SendBufferPool,
} from './send-buffers.ts'

const EMPTY = Buffer.alloc(0)

/** A larger buffer is written in slices of this size. */
const SLICE_BYTES = 1024 * 1024

/**
 * A DataView of the sender's buffer halves the time of a copy, but creating it takes as long as seven copies. It is
 * created at the eighth copy from the same buffer.
 */
const VIEW_FROM = 8

/** The first request sets its own context. */
const NO_CONTEXT = -1

/** The command that sets a context, and with it the trace of the requests that follow. */
export type ContextBytes = (context: number, trace?: TraceHeaders) => Buffer

export class Outgoing implements SendBufferOwner {
  /** Requests without a reply, unwritten ones included. */
  count = 0
  /** Their bytes. */
  bytes = 0
  /** Whether there is something to write. */
  isDirty = false

  readonly #buffers: SendBufferPool
  readonly #contextBytes: ContextBytes
  readonly #queue = new InFlightQueue()
  /** The buffer that is being filled, and full ones before it that are not completely written. */
  #buffer: SendBuffer | null = null
  #full: SendBuffer[] = []
  /** Whether the next buffer is a small one: little is in flight. */
  #isLight = true
  #context = NO_CONTEXT
  /** Adjacent requests in a sender's buffer. They are copied together to `#sourceAt` of the current send buffer. */
  #source: Buffer | null = null
  #sourceFrom = 0
  #sourceTo = 0
  #sourceAt = 0
  /** The sender's buffer of the last copy, the number of copies from it, and a view of it. */
  #viewed: Buffer | null = null
  #copies = 0
  #view: DataView | undefined

  constructor(buffers: SendBufferPool, contextBytes: ContextBytes) {
    this.#buffers = buffers
    this.#contextBytes = contextBytes
  }

  /** Appends the request `buf[from, to)`. These bytes must not change before the next {@link write}. */
  push(receiver: Receiver, context: number, buf: Buffer, from: number, to: number): void {
    const length = to - from
    let buffer = this.#buffer
    if (
      buffer === null ||
      context !== this.#context ||
      buffer.at + length > buffer.buf.length ||
      buffer.count === buffer.ends.length
    ) {
      buffer = this.#nextBuffer(context, length)
    }
    const { at, count } = buffer
    if (buf === this.#source && from === this.#sourceTo) this.#sourceTo = to
    else {
      this.#copySource()
      this.#source = buf
      this.#sourceFrom = from
      this.#sourceTo = to
      this.#sourceAt = at
    }
    const { tail } = this.#queue
    // A context that was set in between ends the run.
    if (tail.receiver === receiver && tail.buffer === buffer && buffer.ends[count - 1] === at) tail.count++
    else this.#queue.push(receiver, buffer, at)
    buffer.at = at + length
    buffer.ends[count] = at + length
    buffer.count = count + 1
    this.count++
    this.bytes += length
    this.isDirty = true
  }

  /** Sends the trace of the next request, of `length` bytes in this context, ahead of it. */
  beginTrace(context: number, trace: TraceHeaders, length: number): void {
    this.#context = NO_CONTEXT
    this.#nextBuffer(context, length, trace)
  }

  /** Requests without a trace follow: the next one sets its context again, which ends the trace. */
  endTrace(): void {
    this.#context = NO_CONTEXT
  }

  /**
   * Writes everything unwritten; there must be something.
   *
   * @param onProgress called for each slice of a large buffer that was written
   * @returns the number of bytes
   */
  write(socket: Socket, onProgress: () => void): number {
    this.isDirty = false
    this.copyPending()
    const buffer = this.#buffer as SendBuffer
    if (this.#full.length === 0) return writeBuffer(buffer, socket, onProgress)
    const full = this.#full
    this.#full = []
    let bytes = 0
    socket.cork()
    for (const earlier of full) bytes += writeBuffer(earlier, socket, onProgress)
    bytes += writeBuffer(buffer, socket, onProgress)
    socket.uncork()
    return bytes
  }

  /** Whether a request waits to be copied out of its sender's buffer. */
  get hasUncopied(): boolean {
    return this.#source !== null
  }

  /** Copies requests that are not copied yet. After this the senders may reuse their buffers. */
  copyPending(): void {
    this.#copySource()
    this.#viewed = null
    this.#view = undefined
  }

  /** The number of requests in the oldest run; 0 if there is none. */
  get oldestRunLength(): number {
    return this.#queue.size === 0 ? 0 : this.#queue.head.count
  }

  /** The receiver of the oldest `count` requests, all in the oldest run; null if they are not all written. */
  receiverOf(count: number): Receiver | null {
    const { receiver, buffer, first } = this.#queue.head
    return buffer !== null && buffer.ends[first + count - 1] <= buffer.flushed ? receiver : null
  }

  /** Removes the oldest `count` requests, all in the oldest run. */
  complete(count: number): void {
    this.count -= count
    this.bytes -= this.#queue.complete(count)
  }

  /** A copy of the oldest request; there must be one. */
  copyOldest(): Buffer {
    const { buffer, from, first } = this.#queue.head
    const { buf, ends } = buffer as SendBuffer
    return copyOf(buf, from, ends[first])
  }

  /** The link broke: calls `lost` of every receiver, in order. */
  failAll(reason: string): void {
    this.isDirty = false
    this.copyPending()
    this.#full = []
    while (this.#queue.size !== 0) {
      const { receiver } = this.#queue.head
      const request = this.copyOldest()
      const isSent = this.receiverOf(1) !== null
      this.complete(1)
      receiver?.lost(request, isSent, reason)
    }
  }

  onBufferFree(buffer: SendBuffer): void {
    if (buffer !== this.#buffer) return
    this.#buffer = null
    this.#isLight = fitsSmallBuffer(buffer)
  }

  /** A buffer with room for a request of `length` bytes, after a command that sets its context if necessary. */
  #nextBuffer(context: number, length: number, trace?: TraceHeaders): SendBuffer {
    // Pending copies belong before the context command.
    this.#copySource()
    this.#source = null
    const prefix = context === this.#context ? EMPTY : this.#contextBytes(context, trace)
    const room = prefix.length + length
    let buffer = this.#buffer
    if (buffer === null || buffer.at + room > buffer.buf.length || buffer.count === buffer.ends.length) {
      if (buffer !== null) {
        buffer.owner = null
        if (buffer.at > buffer.flushed) this.#full.push(buffer)
        this.#isLight = false
      }
      buffer = this.#buffers.take(this, room, this.#isLight)
      this.#buffer = buffer
    }
    buffer.buf.set(prefix, buffer.at)
    buffer.at += prefix.length
    this.#context = context
    return buffer
  }

  #copySource(): void {
    const source = this.#source
    if (source === null) return
    this.#source = null
    const { buf, words, view } = this.#buffer as SendBuffer
    if (source !== this.#viewed) {
      this.#viewed = source
      this.#view = undefined
      this.#copies = 0
    }
    if (++this.#copies < VIEW_FROM) {
      copyBytes(source, this.#sourceFrom, this.#sourceTo, buf, words, this.#sourceAt)
      return
    }
    this.#view ??= new DataView(source.buffer, source.byteOffset, source.length)
    copyOut(source, this.#sourceFrom, this.#sourceTo, buf, view, this.#sourceAt, this.#view)
  }
}

/** Writes the unwritten part of a buffer. A large one is written in slices, so that progress shows a slow peer alive. */
function writeBuffer(buffer: SendBuffer, socket: Socket, onProgress: () => void): number {
  const { flushed, at } = buffer
  buffer.flushed = at
  buffer.uses++
  let from = flushed
  for (; at - from > SLICE_BYTES; from += SLICE_BYTES)
    socket.write(buffer.buf.subarray(from, from + SLICE_BYTES), onProgress)
  lend(socket, buffer.buf.subarray(from, at), buffer.release)
  return at - flushed
}

export function copyOf(buf: Buffer, from: number, to: number): Buffer {
  const copy = Buffer.allocUnsafeSlow(to - from)
  buf.copy(copy, 0, from, to)
  return copy
}

// The requests of a link, from when they are sent until they are answered: gathered in pages, written together,
// and kept there in case the link breaks.

import type { Socket } from 'node:net'
import { copyBytes } from '../../bytes/copy.ts'
import { copyOut } from '../../resp/copy.ts'
import { InFlightQueue } from './in-flight-queue.ts'
import type { Receiver } from './receiver.ts'
import {
  fitsSmallBuffer,
  type SendBuffer,
  type SendBufferOwner,
  type SendBufferPool,
} from './send-buffers.ts'

const NOTHING = Buffer.alloc(0)

/** More than that is not written at once. */
const SLICE_BYTES = 1024 * 1024

/** A view of a sender's buffer, which halves the time of a copy, is made for so many: it costs as much as seven. */
const VIEW_FROM = 8

/** No context: the first request sets its own. */
const UNSET = -1

export class Outgoing implements SendBufferOwner {
  /** Requests unanswered, those not written included. */
  count = 0
  /** Bytes of these. */
  bytes = 0
  /** Whether something is to be written. */
  isDirty = false

  readonly #pages: SendBufferPool
  readonly #contextBytes: (context: number) => Buffer
  readonly #runs = new InFlightQueue()
  /** The page that is filled, and full ones before it of which something is to be written. */
  #page: SendBuffer | null = null
  #filled: SendBuffer[] = []
  /** Whether a small page will do next: there is little under way. */
  #isLight = true
  #context = UNSET
  /** Requests one behind the other in a sender's buffer, to be copied at once to the page at `#sourceAt`. */
  #source: Buffer | null = null
  #sourceFrom = 0
  #sourceTo = 0
  #sourceAt = 0
  /** The buffer copied from last, how often, and a view of it. */
  #viewed: Buffer | null = null
  #copies = 0
  #view: DataView | undefined

  constructor(pages: SendBufferPool, contextBytes: (context: number) => Buffer) {
    this.#pages = pages
    this.#contextBytes = contextBytes
  }

  /** Appends the request `buf[from, to)`, which stays as it is until the next {@link write}. */
  push(receiver: Receiver, context: number, buf: Buffer, from: number, to: number): void {
    const length = to - from
    let page = this.#page
    if (
      page === null ||
      context !== this.#context ||
      page.at + length > page.buf.length ||
      page.count === page.ends.length
    ) {
      page = this.#turn(context, length)
    }
    const { at, count } = page
    if (buf === this.#source && from === this.#sourceTo) this.#sourceTo = to
    else {
      this.#copy()
      this.#source = buf
      this.#sourceFrom = from
      this.#sourceTo = to
      this.#sourceAt = at
    }
    const { tail } = this.#runs
    // Where a context was set in between, a new run begins.
    if (tail.receiver === receiver && tail.page === page && page.ends[count - 1] === at) tail.count++
    else this.#runs.push(receiver, page, at)
    page.at = at + length
    page.ends[count] = at + length
    page.count = count + 1
    this.count++
    this.bytes += length
    this.isDirty = true
  }

  /** Writes what is to be written, at once. Returns how many bytes. Only when there is something. */
  write(socket: Socket, progressed: () => void): number {
    this.isDirty = false
    this.settle()
    const page = this.#page as SendBuffer
    if (this.#filled.length === 0) return writePage(page, socket, progressed)
    const filled = this.#filled
    this.#filled = []
    let bytes = 0
    socket.cork()
    for (const earlier of filled) bytes += writePage(earlier, socket, progressed)
    bytes += writePage(page, socket, progressed)
    socket.uncork()
    return bytes
  }

  /** Copies what is to be copied: senders' buffers are theirs again. */
  settle(): void {
    this.#copy()
    this.#viewed = null
    this.#view = undefined
  }

  /** How many requests the oldest run has; 0 if there is none. */
  get awaited(): number {
    return this.#runs.size === 0 ? 0 : this.#runs.head.count
  }

  /** Who sent the oldest `count` requests of the oldest run; null when not so many have been written. */
  receiver(count: number): Receiver | null {
    const { receiver, page, first } = this.#runs.head
    return page !== null && page.ends[first + count - 1] <= page.flushed ? receiver : null
  }

  /** The oldest `count` requests of the oldest run are done with. */
  advance(count: number): void {
    this.count -= count
    this.bytes -= this.#runs.advance(count)
  }

  /** A copy of the oldest request. Only when there is one. */
  copyOldest(): Buffer {
    const { page, from, first } = this.#runs.head
    const { buf, ends } = page as SendBuffer
    return copyOf(buf, from, ends[first])
  }

  /** Writes nothing any more, and tells every sender, in order. */
  lose(reason: string): void {
    this.isDirty = false
    this.settle()
    this.#filled = []
    while (this.#runs.size !== 0) {
      const { receiver } = this.#runs.head
      const request = this.copyOldest()
      const isSent = this.receiver(1) !== null
      this.advance(1)
      receiver?.lost(request, isSent, reason)
    }
  }

  onBufferFree(page: SendBuffer): void {
    if (page !== this.#page) return
    this.#page = null
    this.#isLight = fitsSmallBuffer(page)
  }

  /** A page with room for a request of `length` bytes, whose context is set in it. */
  #turn(context: number, length: number): SendBuffer {
    // What is to be copied was meant for this page, and ends where the context begins.
    this.#copy()
    this.#source = null
    const prefix = context === this.#context ? NOTHING : this.#contextBytes(context)
    const room = prefix.length + length
    let page = this.#page
    if (page === null || page.at + room > page.buf.length || page.count === page.ends.length) {
      if (page !== null) {
        page.owner = null
        if (page.at > page.flushed) this.#filled.push(page)
        this.#isLight = false
      }
      page = this.#pages.take(this, room, this.#isLight)
      this.#page = page
    }
    page.buf.set(prefix, page.at)
    page.at += prefix.length
    this.#context = context
    return page
  }

  #copy(): void {
    const source = this.#source
    if (source === null) return
    this.#source = null
    const { buf, words, view } = this.#page as SendBuffer
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

/** Writes what is unsent of a page: what is large by slices, each of which shows that the peer still reads. */
function writePage(page: SendBuffer, socket: Socket, progressed: () => void): number {
  const { flushed, at } = page
  page.flushed = at
  page.uses++
  let from = flushed
  for (; at - from > SLICE_BYTES; from += SLICE_BYTES)
    socket.write(page.buf.subarray(from, from + SLICE_BYTES), progressed)
  socket.write(page.buf.subarray(from, at), page.release)
  return at - flushed
}

export function copyOf(buf: Buffer, from: number, to: number): Buffer {
  const copy = Buffer.allocUnsafeSlow(to - from)
  buf.copy(copy, 0, from, to)
  return copy
}

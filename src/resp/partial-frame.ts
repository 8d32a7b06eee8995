// A frame whose end has not arrived: its bytes put together in one buffer, and where its decoding stopped.

import type { Args } from './args.ts'

/** First size of the buffer, in bytes; small, since every slow client costs one. */
const INITIAL_BYTES = 512

/** Up to this many bytes a loop beats a copy through a view. */
const LOOP_BYTES = 64

/** What `wanted` is for an inline request: everything through the next line feed. */
export const WHOLE_LINE = -1

/** `$0\r\n\r\n`, the shortest argument: so many bytes at least are still to come for each one missing. */
const MIN_ARGUMENT_BYTES = 6

const CR = 0x0d

const NO_RANGES = new Int32Array(0)

/**
 * The one frame that a connection has begun and not finished.
 *
 * Everything grows by doubling with the bytes that really arrive, never by what is announced. No byte beyond the
 * frame is taken: what follows it is decoded where it lies, in its chunk.
 */
export class PartialFrame {
  buf: Buffer
  length = 0

  /** Next byte to decode: the header of argument `index`, or its bytes once `bulk` is known. */
  at = 0
  /** Announced arguments; 0 before the frame's own header is complete. */
  argc = 0
  /** Arguments complete so far. */
  index = 0
  /** Length of argument `index`; -1 before its header is complete. */
  bulk = -1
  /** Bytes that the frame has for certain beyond `length`, or {@link WHOLE_LINE}. */
  missingBytes = WHOLE_LINE
  /** No line end lies between `at` and here: the line is not searched twice. */
  searched = 0
  /** Whether the frame has become a request, which may still be in use. */
  complete = false

  private start: Int32Array
  private end: Int32Array

  /** Takes over `buf[from, to)`, the whole of the frame so far, and its first `index` ranges, which are in `args`. */
  constructor(buf: Buffer, from: number, to: number, args: Args, index: number) {
    this.buf = Buffer.allocUnsafeSlow(Math.max(INITIAL_BYTES, to - from))
    this.append(buf, from, to)
    this.start = index === 0 ? NO_RANGES : args.start.slice(0, index)
    this.end = index === 0 ? NO_RANGES : args.end.slice(0, index)
    for (let i = 0; i < index; i++) {
      this.start[i] -= from
      this.end[i] -= from
    }
  }

  /** Takes over `buf[from, to)`. */
  append(buf: Buffer, from: number, to: number): void {
    const length = this.length + (to - from)
    if (length > this.buf.length) this.enlarge(length)
    if (to - from <= LOOP_BYTES) {
      for (let i = from, at = this.length; i < to; i++, at++) this.buf[at] = buf[i]
    } else {
      buf.copy(this.buf, this.length, from, to)
    }
    this.length = length
  }

  /**
   * Notes where decoding stopped in a multibulk frame, and so how much more the frame has for certain.
   *
   * @param at the header of argument `index`, or its bytes when its length `bulk` is known and not -1
   * @param argc announced arguments; 0 when the frame's own header is not complete
   */
  suspend(at: number, argc: number, index: number, bulk: number): void {
    this.at = at
    this.argc = argc
    this.index = index
    this.bulk = bulk
    const tail = this.length - at
    const returned = bulk < 0 && tail > 0 && this.buf[this.length - 1] === CR
    this.searched = returned ? this.length - 1 : this.length
    const later = (argc - index - 1) * MIN_ARGUMENT_BYTES
    if (argc === 0) this.missingBytes = returned ? 1 : 2
    else if (bulk >= 0) this.missingBytes = bulk + 2 - tail + later
    else this.missingBytes = (returned ? 3 : Math.max(4, MIN_ARGUMENT_BYTES - tail)) + later
  }

  /** Exchanges the ranges decoded so far with those of `args`: nothing is copied, however many there are. */
  swapRanges(args: Args): void {
    const { start, end } = args
    args.start = this.start
    args.end = this.end
    this.start = start
    this.end = end
  }

  /** Gives `args`, which hold the complete frame in exchanged arrays, their own arrays back if these suffice. */
  restoreRanges(args: Args): void {
    if (this.start.length < args.count) return
    for (let i = 0; i < args.count; i++) {
      this.start[i] = args.start[i]
      this.end[i] = args.end[i]
    }
    this.swapRanges(args)
  }

  /** Doubles, so that all copying together stays linear; the last argument's length is known, and caps it. */
  private enlarge(length: number): void {
    const last = this.bulk >= 0 && this.index === this.argc - 1
    const most = last ? this.at + this.bulk + 2 : Number.POSITIVE_INFINITY
    const larger = Buffer.allocUnsafeSlow(Math.max(length, Math.min(this.buf.length * 2, most)))
    this.buf.copy(larger, 0, 0, this.length)
    this.buf = larger
  }
}

// A frame whose end has not arrived: its bytes in one buffer, and the position that it is decoded to.

import type { Args } from './args.ts'

/** Initial size of the buffer: small, as every slow client needs one. */
const INITIAL_BYTES = 512

/** Up to this many bytes a byte loop is faster than `Buffer.copy`. */
const LOOP_BYTES = 64

/** Value of `missingBytes` for an inline request: everything through the next line feed. */
export const WHOLE_LINE = -1

/** Bytes of the shortest argument, `$0\r\n\r\n`: a lower bound for each missing argument. */
const MIN_ARGUMENT_BYTES = 6

const CR = 0x0d

const NO_RANGES = new Int32Array(0)

/**
 * The incomplete frame of a connection.
 *
 * Buffers grow by doubling with the bytes that arrive, never by an announced length. No byte after the frame is taken:
 * what follows is decoded in its own chunk.
 */
export class PartialFrame {
  buf: Buffer
  length = 0

  /** Next byte to decode: the header of argument `index`, or its bytes when `bulk` is known. */
  at = 0
  /** Announced number of arguments; 0: the frame's header is not complete. */
  argc = 0
  /** Number of complete arguments. */
  index = 0
  /** Length of argument `index`; -1: its header is not complete. */
  bulk = -1
  /** A lower bound of the bytes still missing, or {@link WHOLE_LINE}. */
  missingBytes = WHOLE_LINE
  /** There is no line end between `at` and here: no byte is searched twice. */
  searched = 0
  /** Whether the frame became a request. `Args` may still refer to it. */
  complete = false

  private start: Int32Array
  private end: Int32Array

  /** Copies the frame so far, `buf[from, to)`, and its first `index` ranges from `args`. */
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

  /** Appends a copy of `buf[from, to)`. */
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
   * Saves the position that a multibulk frame is decoded to, and computes `missingBytes`.
   *
   * @param at where the header of argument `index` begins, or its bytes when its length `bulk` is known (not -1)
   * @param argc announced number of arguments; 0: the frame's header is not complete
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

  /** Swaps the range arrays with those of `args`, without copying. */
  swapRanges(args: Args): void {
    const { start, end } = args
    args.start = this.start
    args.end = this.end
    this.start = start
    this.end = end
  }

  /** Swaps back after the frame is complete, if the arrays of `args` are large enough to copy the ranges into. */
  restoreRanges(args: Args): void {
    if (this.start.length < args.count) return
    for (let i = 0; i < args.count; i++) {
      this.start[i] = args.start[i]
      this.end[i] = args.end[i]
    }
    this.swapRanges(args)
  }

  /** Doubles the buffer, so that all copying is linear. The known length of the last argument limits it. */
  private enlarge(length: number): void {
    const last = this.bulk >= 0 && this.index === this.argc - 1
    const most = last ? this.at + this.bulk + 2 : Number.POSITIVE_INFINITY
    const larger = Buffer.allocUnsafeSlow(Math.max(length, Math.min(this.buf.length * 2, most)))
    this.buf.copy(larger, 0, 0, this.length)
    this.buf = larger
  }
}

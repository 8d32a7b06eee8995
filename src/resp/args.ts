// One decoded request: its arguments as byte ranges of the buffer that they arrived in, without copies.

import { equalsUpper } from '../bytes/ascii.ts'

const NOTHING = Buffer.alloc(0)

/** Initial room for arguments: more than most requests have. */
const INITIAL_CAPACITY = 16

/** Text is truncated to this many bytes: the longest string of V8 has almost 2^29 characters. */
const MAX_TEXT = 2 ** 28

/** Range arrays above this capacity (two times 256 KiB) are freed after the request. */
const MAX_KEPT_CAPACITY = 65_536

/**
 * One decoded request. A node reuses a single object for all requests: the decoder overwrites it. A request that has to
 * wait is copied by {@link Args.detach}.
 *
 * Argument `i` is `buf[start[i], end[i])`; argument 0 is the command name.
 */
export class Args {
  /** The chunk, or the buffer of a divided frame, that holds the bytes. */
  buf: Buffer = NOTHING
  /** Number of arguments, the command name included. */
  count = 0
  /** The frame as it arrived is `buf[frameStart, frameEnd)`; -1: an inline request, or a copy. */
  frameStart = -1
  frameEnd = -1
  start: Int32Array
  end: Int32Array

  constructor(capacity: number = INITIAL_CAPACITY) {
    this.start = new Int32Array(capacity)
    this.end = new Int32Array(capacity)
  }

  /** Length of argument `i` in bytes. */
  length(i: number): number {
    return this.end[i] - this.start[i]
  }

  /**
   * Whether argument `i` is `upper` in any mix of cases. Allocates nothing.
   *
   * @param upper an ASCII literal without lower-case letters.
   */
  is(i: number, upper: string): boolean {
    return equalsUpper(this.buf, this.start[i], this.end[i], upper)
  }

  /** Argument `i` as UTF-8 text. */
  text(i: number): string {
    const start = this.start[i]
    return this.buf.toString('utf8', start, Math.min(this.end[i], start + MAX_TEXT))
  }

  /** Argument `i`, up to `most` bytes, as a string with one character per byte. */
  latin1(i: number, most: number = MAX_TEXT): string {
    const start = this.start[i]
    return this.buf.toString('latin1', start, Math.min(this.end[i], start + most))
  }

  /** A copy of argument `i`. */
  copy(i: number): Buffer {
    const bytes = Buffer.allocUnsafe(this.length(i))
    this.buf.copy(bytes, 0, this.start[i], this.end[i])
    return bytes
  }

  /** The request that begins at argument `first`: the same bytes, not a copy. */
  from(first: number): Args {
    const rest = new Args(this.count - first)
    rest.buf = this.buf
    rest.count = this.count - first
    rest.start.set(this.start.subarray(first, this.count))
    rest.end.set(this.end.subarray(first, this.count))
    return rest
  }

  /** A copy of the whole request. */
  detach(): Args {
    const copy = new Args(this.count)
    let size = 0
    for (let i = 0; i < this.count; i++) size += this.length(i)
    copy.buf = Buffer.allocUnsafe(size)
    copy.count = this.count
    let at = 0
    for (let i = 0; i < this.count; i++) {
      copy.start[i] = at
      at += this.buf.copy(copy.buf, at, this.start[i], this.end[i])
      copy.end[i] = at
    }
    return copy
  }

  /**
   * Doubles the room for ranges. Called as arguments arrive: an announced count alone allocates nothing.
   */
  grow(): void {
    const capacity = Math.max(INITIAL_CAPACITY, this.start.length * 2)
    this.start = enlarged(this.start, capacity)
    this.end = enlarged(this.end, capacity)
  }

  /** Releases the bytes of the request, and range arrays that are too large to keep. */
  clear(): void {
    this.buf = NOTHING
    this.count = 0
    if (this.start.length > MAX_KEPT_CAPACITY) {
      this.start = new Int32Array(INITIAL_CAPACITY)
      this.end = new Int32Array(INITIAL_CAPACITY)
    }
  }
}

function enlarged(ranges: Int32Array, capacity: number): Int32Array {
  const larger = new Int32Array(capacity)
  larger.set(ranges)
  return larger
}

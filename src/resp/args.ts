// One decoded request: its arguments as byte ranges of the buffer they arrived in, without a string or a copy.

import { equalsUpper } from '../bytes/ascii.ts'

const NOTHING = Buffer.alloc(0)

/** Room for this many arguments at first: more than most requests have. */
const INITIAL_CAPACITY = 16

/** Text ends after so many bytes of an argument: V8's longest string has a little less than 2^29 characters. */
const MAX_TEXT = 2 ** 28

/** Range arrays above this capacity (two times 256 KiB) are given back after the request that needed them. */
const MAX_KEPT_CAPACITY = 65_536

/**
 * One decoded request. A single object serves every request of a node: the decoder overwrites it each time, so
 * whoever needs a request longer takes {@link Args.detach}.
 *
 * Argument `i` is `buf[start[i], end[i])`; argument 0 is the command's name.
 */
export class Args {
  /** The chunk, or the buffer that put a divided frame together, that holds the bytes. */
  buf: Buffer = NOTHING
  /** How many arguments there are, the command's name included. */
  count = 0
  /** The whole frame as it arrived is `buf[frameStart, frameEnd)`; -1: it was written inline, or is a copy. */
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

  /** At most the first `most` bytes of argument `i` as a string with one character per byte. */
  latin1(i: number, most: number = MAX_TEXT): string {
    const start = this.start[i]
    return this.buf.toString('latin1', start, Math.min(this.end[i], start + most))
  }

  /** The bytes of argument `i` in a buffer of their own. */
  copy(i: number): Buffer {
    const bytes = Buffer.allocUnsafe(this.length(i))
    this.buf.copy(bytes, 0, this.start[i], this.end[i])
    return bytes
  }

  /** A copy of the whole request in memory of its own, for one that has to wait. */
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
   * Makes room for more ranges, twice as many as before. Called as arguments arrive, so an announced count costs
   * nothing by itself.
   */
  grow(): void {
    const capacity = Math.max(INITIAL_CAPACITY, this.start.length * 2)
    this.start = enlarged(this.start, capacity)
    this.end = enlarged(this.end, capacity)
  }

  /** Forgets the request: keeps neither its bytes nor the room that only a giant one needed. */
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

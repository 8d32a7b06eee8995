// Strings that were copied out of a store, one after another in a buffer.

import { copyShort } from '../../bytes/copy.ts'
import { compareIntegers, isCanonicalInteger } from '../../bytes/numbers/decimal.ts'

const FIRST_BYTES = 256
const FIRST_STRINGS = 32
/** A larger list gives its memory back when it is cleared. */
const MAX_KEPT_BYTES = 2 ** 20

/** String `i` is `bytes[starts[i], ends[i])`. */
export interface Strings {
  readonly bytes: Buffer
  readonly starts: Int32Array
  readonly ends: Int32Array
  readonly count: number
}

/** `view` is the same memory as `bytes`. */
export class StringList implements Strings {
  bytes: Buffer = Buffer.allocUnsafeSlow(FIRST_BYTES)
  view: DataView = viewOf(this.bytes)
  starts: Int32Array = new Int32Array(FIRST_STRINGS)
  ends: Int32Array = new Int32Array(FIRST_STRINGS)
  count = 0
  #used = 0

  /** Bytes of all strings. */
  get size(): number {
    return this.#used
  }

  /** The length of the longest string. */
  get longest(): number {
    let longest = 0
    for (let i = 0; i < this.count; i++) longest = Math.max(longest, this.ends[i] - this.starts[i])
    return longest
  }

  clear(): void {
    this.count = 0
    this.#used = 0
    if (this.bytes.length + 8 * this.starts.length <= MAX_KEPT_BYTES) return
    this.bytes = Buffer.allocUnsafeSlow(FIRST_BYTES)
    this.view = viewOf(this.bytes)
    this.starts = new Int32Array(FIRST_STRINGS)
    this.ends = new Int32Array(FIRST_STRINGS)
  }

  add(source: Uint8Array, start: number, end: number): void {
    const at = this.#used
    const used = at + end - start
    if (used > this.bytes.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(used, 2 * this.bytes.length))
      this.bytes.copy(larger, 0, 0, at)
      this.bytes = larger
      this.view = viewOf(larger)
    }
    copyShort(source, start, end, this.bytes, at)
    if (this.count === this.starts.length) {
      this.starts = doubled(this.starts)
      this.ends = doubled(this.ends)
    }
    this.starts[this.count] = at
    this.ends[this.count++] = used
    this.#used = used
  }

  /** Whether all strings are canonical integers. */
  areIntegers(): boolean {
    const { bytes, starts, ends, count } = this
    for (let i = 0; i < count; i++) if (!isCanonicalInteger(bytes, starts[i], ends[i])) return false
    return true
  }

  /** Sorts the strings, which must be canonical integers, by value. */
  sortIntegers(): void {
    const { bytes, starts, ends, count } = this
    const order = Array.from({ length: count }, (_, i) => i)
    order.sort((a, b) => compareIntegers(bytes, starts[a], ends[a], bytes, starts[b], ends[b]))
    const from = starts.slice(0, count)
    const to = ends.slice(0, count)
    for (let i = 0; i < count; i++) {
      starts[i] = from[order[i]]
      ends[i] = to[order[i]]
    }
  }
}

function viewOf({ buffer, byteOffset, length }: Buffer): DataView {
  return new DataView(buffer, byteOffset, length)
}

function doubled(array: Int32Array): Int32Array {
  const larger = new Int32Array(2 * array.length)
  larger.set(array)
  return larger
}

// Intsets: small sets of integers.

import type { ByteRange } from '../byte-range.ts'
import { MALFORMED } from '../input.ts'
import type { Elements } from './listpack.ts'

/*
 *   bytes per integer, uint32: 2, 4 or 8 | number of integers, uint32 | integers, ascending
 *
 * All numbers are little-endian.
 */

const HEADER_BYTES = 8

export class IntsetElements implements Elements {
  readonly #bytes: Buffer
  readonly #start: number
  readonly #end: number
  readonly #width: number
  #at: number

  constructor({ bytes, start, end }: ByteRange) {
    if (end - start < HEADER_BYTES) throw MALFORMED
    const width = bytes.readUInt32LE(start)
    const count = bytes.readUInt32LE(start + 4)
    if ((width !== 2 && width !== 4 && width !== 8) || count * width !== end - start - HEADER_BYTES)
      throw MALFORMED
    this.#bytes = bytes
    this.#width = width
    this.#start = start + HEADER_BYTES
    this.#at = this.#start
    this.#end = end
  }

  next(into: ByteRange): boolean {
    const at = this.#at
    if (at === this.#end) return false
    if (at > this.#start && !this.#ascends(at)) throw MALFORMED
    if (this.#width === 8) into.setInt64(this.#bytes, at)
    else into.setInteger(this.#bytes.readIntLE(at, this.#width))
    this.#at = at + this.#width
    return true
  }

  /** Whether the integer at `at` is greater than the one before it. */
  #ascends(at: number): boolean {
    const bytes = this.#bytes
    const width = this.#width
    if (width < 8) return bytes.readIntLE(at, width) > bytes.readIntLE(at - width, width)
    const high = bytes.readInt32LE(at + 4)
    const before = bytes.readInt32LE(at - 4)
    return high > before || (high === before && bytes.readUInt32LE(at) > bytes.readUInt32LE(at - 8))
  }
}

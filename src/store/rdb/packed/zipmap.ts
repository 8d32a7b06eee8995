// Zipmaps: the encoding of small hashes before Redis 2.6.

import type { ByteRange } from '../byte-range.ts'
import { MALFORMED } from '../input.ts'
import type { Elements } from './listpack.ts'

/*
 *   number of pairs, 254: unknown | pairs | 0xff
 *
 * A pair is field and value, each with its length before it: 1 byte, or 0xfe and 4 bytes, little-endian. A byte between
 * the length and the value counts the unused bytes after the value.
 */

const END = 0xff
const LONG_LENGTH = 0xfe
const UNKNOWN_PAIRS = 0xfe

/** Fields and values in turn. */
export class ZipmapElements implements Elements {
  readonly #bytes: Buffer
  readonly #end: number
  readonly #pairs: number
  #at: number
  #seen = 0

  constructor({ bytes, start, end }: ByteRange) {
    if (end - start < 2 || bytes[end - 1] !== END) throw MALFORMED
    this.#bytes = bytes
    this.#pairs = bytes[start]
    this.#at = start + 1
    this.#end = end - 1
  }

  next(into: ByteRange): boolean {
    const bytes = this.#bytes
    const isField = (this.#seen & 1) === 0
    if (isField && bytes[this.#at] === END) {
      if (this.#at !== this.#end) throw MALFORMED
      if (this.#pairs !== UNKNOWN_PAIRS && this.#pairs * 2 !== this.#seen) throw MALFORMED
      return false
    }
    let length = bytes[this.#take(1)]
    if (length === END) throw MALFORMED
    if (length === LONG_LENGTH) length = bytes.readUInt32LE(this.#take(4))
    const unused = isField ? 0 : bytes[this.#take(1)]
    const from = this.#take(length)
    this.#take(unused)
    into.point(bytes, from, from + length)
    this.#seen++
    return true
  }

  #take(count: number): number {
    const from = this.#at
    if (from + count > this.#end) throw MALFORMED
    this.#at = from + count
    return from
  }
}

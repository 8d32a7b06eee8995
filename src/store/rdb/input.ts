// Reads the primitives of the RDB format: lengths, strings, doubles.

import { parseDouble } from '../../bytes/numbers/double.ts'
import type { ByteRange } from './byte-range.ts'
import { decompress, MAX_RATIO } from './lzf.ts'

/*
 *   00nnnnnn                    length n
 *   01nnnnnn nnnnnnnn           length n
 *   10000000  4 bytes           length, big-endian
 *   10000001  8 bytes           length, big-endian
 *   11kkkkkk                    not a length: a string of kind k follows
 *
 * A string is a length and its bytes, or
 *
 *   k = 0, 1, 2                 an integer of 1, 2, 4 bytes, little-endian
 *   k = 3                       compressed length | length | LZF bytes
 */

/** Thrown at malformed input, and caught only by `readValue`. */
export const MALFORMED = new Error('malformed dump')

const KIND_INT8 = 0
const KIND_INT16 = 1
const KIND_INT32 = 2
const KIND_LZF = 3

const LENGTH_32 = 0x80
const LENGTH_64 = 0x81

/** Lengths of old doubles that stand for NaN and infinities. */
const NOT_A_NUMBER = 253
const INFINITE = 254
const NEGATIVE_INFINITE = 255

/** No value of the store is longer. */
const MAX_STRING = 2 ** 31 - 1

/** Reads `bytes[at, end)` from its start to its end. Throws `MALFORMED`, never reads beyond the end. */
export class Input {
  readonly bytes: Buffer
  readonly end: number
  at: number
  /** The kind of the string whose length `#lengthOrKind` has read; -1: it was a length. */
  #kind = -1

  constructor(bytes: Buffer, start: number, end: number) {
    this.bytes = bytes
    this.at = start
    this.end = end
  }

  /** Consumes `count` bytes. Returns the index of the first one. */
  take(count: number): number {
    const from = this.at
    if (!(count <= this.end - from)) throw MALFORMED
    this.at = from + count
    return from
  }

  byte(): number {
    return this.bytes[this.take(1)]
  }

  /** A length or count: one that the rest of the input can hold, if every unit takes a byte. */
  count(): number {
    const n = this.length()
    if (n > this.end - this.at) throw MALFORMED
    return n
  }

  /** A length, rounded above 2^53. */
  length(): number {
    const n = this.#lengthOrKind()
    if (this.#kind >= 0) throw MALFORMED
    return n
  }

  /** A number in the form of a length, with all its 64 bits. */
  uint64(): bigint {
    if (this.at < this.end && this.bytes[this.at] === LENGTH_64)
      return this.bytes.readBigUInt64BE(this.take(9) + 1)
    return BigInt(this.length())
  }

  int64(): bigint {
    return this.bytes.readBigInt64LE(this.take(8))
  }

  string(into: ByteRange): void {
    const n = this.#lengthOrKind()
    switch (this.#kind) {
      case -1: {
        const from = this.take(n)
        into.point(this.bytes, from, from + n)
        return
      }
      case KIND_INT8:
        into.setInteger(this.bytes.readInt8(this.take(1)))
        return
      case KIND_INT16:
        into.setInteger(this.bytes.readInt16LE(this.take(2)))
        return
      case KIND_INT32:
        into.setInteger(this.bytes.readInt32LE(this.take(4)))
        return
      case KIND_LZF:
        this.#compressed(into)
        return
      default:
        throw MALFORMED
    }
  }

  /** A score of a sorted set since Redis 3.2: 8 bytes. */
  double(): number {
    return this.bytes.readDoubleLE(this.take(8))
  }

  /** A score of a sorted set before: text with its length in a byte. */
  textDouble(): number {
    const length = this.byte()
    if (length === INFINITE) return Number.POSITIVE_INFINITY
    if (length === NEGATIVE_INFINITE) return Number.NEGATIVE_INFINITY
    if (length === NOT_A_NUMBER) return Number.NaN
    const from = this.take(length)
    return parseDouble(this.bytes, from, from + length)
  }

  #compressed(into: ByteRange): void {
    const compressedLength = this.length()
    const length = this.length()
    const from = this.take(compressedLength)
    // Checked before memory is allocated for it.
    if (length > compressedLength * MAX_RATIO || length > MAX_STRING) throw MALFORMED
    into.allocate(length)
    if (!decompress(this.bytes, from, from + compressedLength, into.bytes, into.start, into.end))
      throw MALFORMED
  }

  #lengthOrKind(): number {
    const first = this.byte()
    this.#kind = -1
    if (first < 0x40) return first
    if (first < 0x80) return ((first & 0x3f) << 8) | this.byte()
    if (first === LENGTH_32) return this.bytes.readUInt32BE(this.take(4))
    if (first === LENGTH_64) {
      const from = this.take(8)
      return this.bytes.readUInt32BE(from) * 2 ** 32 + this.bytes.readUInt32BE(from + 4)
    }
    if (first < 0xc0) throw MALFORMED
    this.#kind = first & 0x3f
    return 0
  }
}

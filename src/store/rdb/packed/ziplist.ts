// Ziplists: the encoding of small collections before Redis 7.

import type { ByteRange } from '../byte-range.ts'
import { MALFORMED } from '../input.ts'
import type { Elements } from './listpack.ts'

/*
 *   total bytes, uint32 | offset of the last entry, uint32 | number of entries, uint16, 65535: unknown | entries | 0xff
 *
 * These numbers are little-endian.
 *
 * An entry is the length of the entry before it (1 byte, or 0xfe and 4 bytes), an encoding, and data:
 *
 *   00nnnnnn                a string of n bytes
 *   01nnnnnn nnnnnnnn       a string of n bytes
 *   10……     4 bytes        its length, big-endian, and a string
 *   11000000 2 bytes | 11010000 4 bytes | 11100000 8 bytes | 11110000 3 bytes | 11111110 1 byte     an integer
 *   1111nnnn                the integer n - 1, for n from 1 to 13
 */

const HEADER_BYTES = 10
const END = 0xff
const UNKNOWN_COUNT = 0xffff
const LONG_PREVIOUS = 0xfe

export class ZiplistElements implements Elements {
  readonly #bytes: Buffer
  readonly #start: number
  readonly #end: number
  readonly #last: number
  readonly #count: number
  #at: number
  /** Where the entry before `#at` begins; -1: there is none. */
  #previous = -1
  #seen = 0

  constructor({ bytes, start, end }: ByteRange) {
    const length = end - start
    if (length < HEADER_BYTES + 1 || bytes.readUInt32LE(start) !== length) throw MALFORMED
    const last = bytes.readUInt32LE(start + 4)
    if (bytes[end - 1] !== END || last > length - 1) throw MALFORMED
    this.#bytes = bytes
    this.#start = start
    this.#end = end - 1
    this.#last = start + last
    this.#count = bytes.readUInt16LE(start + 8)
    this.#at = start + HEADER_BYTES
  }

  next(into: ByteRange): boolean {
    const bytes = this.#bytes
    const start = this.#at
    if (bytes[start] === END) {
      const isWhole = start === this.#end && (this.#previous < 0 || this.#previous === this.#last)
      if (!isWhole || (this.#count !== UNKNOWN_COUNT && this.#seen !== this.#count)) throw MALFORMED
      return false
    }
    let at = start + 1
    let previousLength = bytes[start]
    if (previousLength === LONG_PREVIOUS) {
      this.#check(start + 5)
      previousLength = bytes.readUInt32LE(start + 1)
      at = start + 5
    }
    const first = this.#start + HEADER_BYTES
    if (previousLength !== start - (this.#previous < 0 ? first : this.#previous)) throw MALFORMED
    this.#check(at + 1)
    this.#at = this.#read(into, bytes[at], at + 1)
    this.#previous = start
    this.#seen++
    return true
  }

  /** Reads the data at `at`. Returns the index after it. */
  #read(into: ByteRange, encoding: number, at: number): number {
    const bytes = this.#bytes
    if (encoding < 0x40) return this.#string(into, at, encoding)
    if (encoding < 0x80) {
      this.#check(at + 1)
      return this.#string(into, at + 1, ((encoding & 0x3f) << 8) | bytes[at])
    }
    if (encoding < 0xc0) {
      this.#check(at + 4)
      return this.#string(into, at + 4, bytes.readUInt32BE(at))
    }
    if (encoding > 0xf0 && encoding < 0xfe) {
      into.setInteger((encoding & 0x0f) - 1)
      return at
    }
    const size = integerBytes(encoding)
    this.#check(at + size)
    if (size === 8) into.setInt64(bytes, at)
    else into.setInteger(bytes.readIntLE(at, size))
    return at + size
  }

  #string(into: ByteRange, from: number, length: number): number {
    this.#check(from + length)
    into.point(this.#bytes, from, from + length)
    return from + length
  }

  #check(end: number): void {
    if (end > this.#end) throw MALFORMED
  }
}

function integerBytes(encoding: number): number {
  switch (encoding) {
    case 0xfe:
      return 1
    case 0xc0:
      return 2
    case 0xf0:
      return 3
    case 0xd0:
      return 4
    case 0xe0:
      return 8
    default:
      throw MALFORMED
  }
}

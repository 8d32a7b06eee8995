// Listpacks: many small elements in one string of a dump.

import { GrowingBuffer } from '../../../bytes/growing-buffer.ts'
import { parseInt64, parseInteger } from '../../../bytes/numbers/decimal.ts'
import type { ByteRange } from '../byte-range.ts'
import { MALFORMED } from '../input.ts'

/*
 *   total bytes, uint32 | number of elements, uint16, 65535: unknown | elements | 0xff
 *
 * An element is its encoding, its data, and the length of both, so that it can be found from its end. Numbers are
 * little-endian, but for the lengths with bits in the first byte.
 *
 *   0nnnnnnn                         the integer n
 *   110nnnnn nnnnnnnn                an integer of 13 bits
 *   11110001 … 11110100              an integer of 2, 3, 4 or 8 bytes follows
 *   10nnnnnn                         a string of n bytes
 *   1110nnnn nnnnnnnn                a string of n bytes
 *   11110000                         its length, uint32, and a string
 *
 * The length at the end has 7 bits per byte, high ones first; all bytes but the first have their top bit set.
 */

const HEADER_BYTES = 6
const END = 0xff
const UNKNOWN_COUNT = 0xffff

const INT_16 = 0xf1
const INT_24 = 0xf2
const INT_32 = 0xf3
const INT_64 = 0xf4
const STRING_32 = 0xf0

/** The longest text of an int64. */
const MAX_INTEGER_TEXT = 20

/** The elements of a packed string, in order. */
export interface Elements {
  /** Reads the next element; false: there is none, and the whole string was well-formed. Throws `MALFORMED`. */
  next(into: ByteRange): boolean
}

export class ListpackElements implements Elements {
  readonly #bytes: Buffer
  readonly #end: number
  readonly #count: number
  #at: number
  #seen = 0

  /** Reads the listpack that `source` is now. */
  constructor({ bytes, start, end }: ByteRange) {
    if (end - start < HEADER_BYTES + 1 || bytes.readUInt32LE(start) !== end - start || bytes[end - 1] !== END)
      throw MALFORMED
    this.#bytes = bytes
    this.#count = bytes.readUInt16LE(start + 4)
    this.#at = start + HEADER_BYTES
    this.#end = end - 1
  }

  /** Where the next element begins. */
  get position(): number {
    return this.#at
  }

  /** Continues at a position, only to read elements that have been read before: the count is not checked then. */
  seek(position: number): void {
    this.#at = position
  }

  next(into: ByteRange): boolean {
    const bytes = this.#bytes
    const start = this.#at
    const first = bytes[start]
    if (first === END) {
      if (start !== this.#end || (this.#count !== UNKNOWN_COUNT && this.#seen !== this.#count))
        throw MALFORMED
      return false
    }
    let data = start + 1
    if (first < 0x80) {
      into.setInteger(first)
    } else if (first < 0xc0) {
      data = this.#string(into, data, first & 0x3f)
    } else if (first < 0xe0) {
      this.#check(data + 1)
      // Sign-extends 13 bits.
      into.setInteger((((first << 8) | bytes[data]) << 19) >> 19)
      data += 1
    } else if (first < 0xf0) {
      this.#check(data + 1)
      data = this.#string(into, data + 1, ((first & 0x0f) << 8) | bytes[data])
    } else {
      data = this.#wide(into, first, data)
    }
    this.#at = data + this.#checkBackLength(data - start, data)
    this.#seen++
    return true
  }

  #wide(into: ByteRange, encoding: number, data: number): number {
    const bytes = this.#bytes
    switch (encoding) {
      case STRING_32:
        this.#check(data + 4)
        return this.#string(into, data + 4, bytes.readUInt32LE(data))
      case INT_16:
        this.#check(data + 2)
        into.setInteger(bytes.readInt16LE(data))
        return data + 2
      case INT_24:
        this.#check(data + 3)
        into.setInteger(bytes.readIntLE(data, 3))
        return data + 3
      case INT_32:
        this.#check(data + 4)
        into.setInteger(bytes.readInt32LE(data))
        return data + 4
      case INT_64:
        this.#check(data + 8)
        into.setInt64(bytes, data)
        return data + 8
      default:
        throw MALFORMED
    }
  }

  #string(into: ByteRange, from: number, length: number): number {
    this.#check(from + length)
    into.point(this.#bytes, from, from + length)
    return from + length
  }

  #check(end: number): void {
    if (end > this.#end) throw MALFORMED
  }

  /** The size of the length at `at`, which must be the one of an element of `length` bytes. */
  #checkBackLength(length: number, at: number): number {
    const size = backLengthBytes(length)
    this.#check(at + size)
    let rest = length
    for (let i = at + size - 1; i >= at; i--) {
      if (this.#bytes[i] !== ((rest & 0x7f) | (i > at ? 0x80 : 0))) throw MALFORMED
      rest >>>= 7
    }
    return size
  }
}

/** Bytes of the length at the end of an element (Redis: `lpEncodeBacklen`, with the same limits). */
function backLengthBytes(length: number): number {
  if (length <= 127) return 1
  if (length < 16_383) return 2
  if (length < 2_097_151) return 3
  return length < 268_435_455 ? 4 : 5
}

/** Builds one listpack after the other. */
export class ListpackBuilder {
  readonly #buffer = new GrowingBuffer()
  count = 0

  constructor() {
    this.clear()
  }

  /** What the listpack occupies so far. */
  get length(): number {
    return this.#buffer.length + 1
  }

  clear(): void {
    this.#buffer.clear()
    this.#buffer.reserve(HEADER_BYTES)
    this.count = 0
  }

  /** Appends `bytes[start, end)`, as an integer if it is one. */
  append(bytes: Uint8Array, start: number, end: number): void {
    const length = end - start
    const n = length <= MAX_INTEGER_TEXT ? parseInteger(bytes, start, end) : Number.NaN
    if (!Number.isNaN(n)) {
      this.appendInteger(n)
      return
    }
    const exact = length <= MAX_INTEGER_TEXT ? parseInt64(bytes, start, end) : null
    const buffer = this.#buffer
    const from = buffer.length
    if (exact !== null) {
      this.#int64(exact)
    } else {
      this.#stringHead(length)
      buffer.append(bytes, start, end)
    }
    this.#close(from)
  }

  /** @param n an integer of at most 53 bits */
  appendInteger(n: number): void {
    const buffer = this.#buffer
    const from = buffer.length
    if (n >= 0 && n <= 127) {
      const at = buffer.reserve(1)
      buffer.bytes[at] = n
    } else if (n >= -4096 && n <= 4095) {
      const at = buffer.reserve(2)
      buffer.bytes[at] = 0xc0 | ((n >> 8) & 0x1f)
      buffer.bytes[at + 1] = n & 0xff
    } else if (n >= -0x8000 && n <= 0x7fff) {
      this.#integer(INT_16, n, 2)
    } else if (n >= -0x80_0000 && n <= 0x7f_ffff) {
      this.#integer(INT_24, n, 3)
    } else if (n >= -0x8000_0000 && n <= 0x7fff_ffff) {
      this.#integer(INT_32, n, 4)
    } else {
      this.#int64(BigInt(n))
    }
    this.#close(from)
  }

  /** @param n an int64 */
  appendBigInt(n: bigint): void {
    if (n >= Number.MIN_SAFE_INTEGER && n <= Number.MAX_SAFE_INTEGER) {
      this.appendInteger(Number(n))
      return
    }
    const from = this.#buffer.length
    this.#int64(n)
    this.#close(from)
  }

  /** Appends the elements of another one. */
  appendAll({ count, elements }: ListpackBuilder): void {
    this.#buffer.append(elements, 0, elements.length)
    this.count += count
  }

  /** The elements without the header. */
  get elements(): Uint8Array {
    return this.#buffer.bytes.subarray(HEADER_BYTES, this.#buffer.length)
  }

  /** The finished listpack. Valid until `clear`. */
  finish(): Buffer {
    const buffer = this.#buffer
    const end = buffer.reserve(1)
    buffer.bytes[end] = END
    buffer.bytes.writeUInt32LE(buffer.length, 0)
    buffer.bytes.writeUInt16LE(Math.min(this.count, UNKNOWN_COUNT), 4)
    return buffer.bytes.subarray(0, buffer.length)
  }

  #integer(encoding: number, n: number, bytes: number): void {
    const at = this.#buffer.reserve(1 + bytes)
    this.#buffer.bytes[at] = encoding
    this.#buffer.bytes.writeIntLE(n, at + 1, bytes)
  }

  #int64(n: bigint): void {
    const at = this.#buffer.reserve(9)
    this.#buffer.bytes[at] = INT_64
    this.#buffer.bytes.writeBigInt64LE(n, at + 1)
  }

  #stringHead(length: number): void {
    const buffer = this.#buffer
    if (length < 64) {
      const at = buffer.reserve(1)
      buffer.bytes[at] = 0x80 | length
    } else if (length < 4096) {
      const at = buffer.reserve(2)
      buffer.bytes[at] = 0xe0 | (length >>> 8)
      buffer.bytes[at + 1] = length & 0xff
    } else {
      const at = buffer.reserve(5)
      buffer.bytes[at] = STRING_32
      buffer.bytes.writeUInt32LE(length, at + 1)
    }
  }

  /** Appends the length of the element from `from` on. */
  #close(from: number): void {
    const buffer = this.#buffer
    let rest = buffer.length - from
    const size = backLengthBytes(rest)
    const at = buffer.reserve(size)
    for (let i = at + size - 1; i >= at; i--) {
      buffer.bytes[i] = (rest & 0x7f) | (i > at ? 0x80 : 0)
      rest >>>= 7
    }
    this.count++
  }
}

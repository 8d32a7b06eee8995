// Writes a value as a dump that Redis 7.0 and later read, in the encoding that they would have chosen themselves.

import { GrowingBuffer } from '../../bytes/growing-buffer.ts'
import { parseInt64, parseInteger } from '../../bytes/numbers/decimal.ts'
import { formatDouble17 } from '../../bytes/numbers/double.ts'
import { FOOTER_BYTES, PACKED_NODE, PLAIN_NODE, RdbType, writeFooter } from './format.ts'
import { compress } from './lzf.ts'
import { ListpackBuilder } from './packed/listpack.ts'

/** Only text of up to this length is tried as an integer of 32 bits. */
const MAX_INT32_TEXT = 11
/** Shorter strings are not compressed, as in Redis. */
const MIN_COMPRESSED = 21
/** Compression must save this many bytes. */
const MIN_SAVED = 4
/** The bytes of a node of a list (Redis: `list-max-listpack-size -2`). */
const MAX_NODE_BYTES = 8192
/** A longer element is a node without a listpack (Redis: `packed_threshold`). */
const MAX_PACKED_ELEMENT = 2 ** 30

const LENGTH_32 = 0x80
const LENGTH_64 = 0x81
const INT_8 = 0xc0
const INT_16 = 0xc1
const INT_32 = 0xc2
const LZF = 0xc3

/** The longest form of a length. */
const MAX_LENGTH_BYTES = 9

/** Integers up to here are written as such in a listpack, as the text of a double otherwise. */
const MAX_EXACT = 2 ** 52

/**
 * One dump: `begin…`, the elements in order, then `finish`. Elements are copied at once, so they may lie in memory that
 * moves later.
 */
export class RdbWriter {
  readonly #out = new GrowingBuffer()
  #listpack: ListpackBuilder | undefined
  /** Where the number of nodes of a list is written. */
  #nodesAt = -1
  #nodes = 0

  /** A string is the whole value. */
  string(bytes: Uint8Array, start: number, end: number): void {
    this.#type(RdbType.STRING)
    this.#string(bytes, start, end)
  }

  /** A list; `element` in order, then `finish`. */
  beginList(): void {
    this.#type(RdbType.LIST_QUICKLIST_2)
    this.#listpack = new ListpackBuilder()
    // The number of nodes is not known yet.
    this.#nodesAt = this.#out.reserve(5)
  }

  /** A set of `count` members; `element` in any order. */
  beginSet(count: number): void {
    this.#type(RdbType.SET)
    this.#length(count)
  }

  /** A set of int64 in ascending order. */
  integers(members: BigInt64Array): void {
    this.#type(RdbType.SET_INTSET)
    const largest = members[members.length - 1]
    const fits = (bits: number): boolean =>
      BigInt.asIntN(bits, members[0]) === members[0] && BigInt.asIntN(bits, largest) === largest
    const width = fits(16) ? 2 : fits(32) ? 4 : 8
    const packed = Buffer.allocUnsafe(8 + width * members.length)
    packed.writeUInt32LE(width, 0)
    packed.writeUInt32LE(members.length, 4)
    let at = 8
    for (const member of members) {
      at = width === 8 ? packed.writeBigInt64LE(member, at) : packed.writeIntLE(Number(member), at, width)
    }
    this.#string(packed, 0, packed.length)
  }

  /**
   * A hash of `count` fields; `element` for the name and the value of each, in any order.
   *
   * @param isSmall as a listpack, which Redis reads in one piece
   */
  beginHash(count: number, isSmall: boolean): void {
    this.#type(isSmall ? RdbType.HASH_LISTPACK : RdbType.HASH)
    this.#beginElements(count, isSmall)
  }

  /**
   * A sorted set of `count` members; `scored` in ascending order where it is small, in any order otherwise: Redis reads
   * it fastest in descending order.
   */
  beginSortedSet(count: number, isSmall: boolean): void {
    this.#type(isSmall ? RdbType.ZSET_LISTPACK : RdbType.ZSET_2)
    this.#beginElements(count, isSmall)
  }

  /** An element of a list, a member of a set, a field's name, or the value of the field before it. */
  element(bytes: Uint8Array, start: number, end: number): void {
    const listpack = this.#listpack
    if (listpack === undefined) this.#string(bytes, start, end)
    else if (this.#nodesAt < 0) listpack.append(bytes, start, end)
    else this.#listElement(listpack, bytes, start, end)
  }

  scored(bytes: Uint8Array, start: number, end: number, score: number): void {
    const listpack = this.#listpack
    if (listpack === undefined) {
      this.#string(bytes, start, end)
      const at = this.#out.reserve(8)
      this.#out.bytes.writeDoubleLE(score, at)
      return
    }
    listpack.append(bytes, start, end)
    if (Number.isInteger(score) && Math.abs(score) < MAX_EXACT && !Object.is(score, -0)) {
      listpack.appendInteger(score)
    } else {
      const text = Buffer.from(formatDouble17(score), 'latin1')
      listpack.append(text, 0, text.length)
    }
  }

  /** The finished dump. The writer must not be used again. */
  finish(): Buffer {
    const out = this.#out
    const listpack = this.#listpack
    if (this.#nodesAt >= 0) {
      if (listpack !== undefined && listpack.count > 0) this.#closeNode(listpack)
      out.bytes[this.#nodesAt] = LENGTH_32
      out.bytes.writeUInt32BE(this.#nodes, this.#nodesAt + 1)
    } else if (listpack !== undefined) {
      const packed = listpack.finish()
      this.#string(packed, 0, packed.length)
    }
    const end = out.reserve(FOOTER_BYTES)
    writeFooter(out.bytes, end)
    return out.bytes.subarray(0, out.length)
  }

  #beginElements(count: number, isSmall: boolean): void {
    if (isSmall) this.#listpack = new ListpackBuilder()
    else this.#length(count)
  }

  /** An element of a list. */
  #listElement(listpack: ListpackBuilder, bytes: Uint8Array, start: number, end: number): void {
    const length = end - start
    if (listpack.count > 0 && listpack.length + length > MAX_NODE_BYTES) this.#closeNode(listpack)
    if (length <= MAX_PACKED_ELEMENT) {
      listpack.append(bytes, start, end)
      return
    }
    this.#nodes++
    this.#length(PLAIN_NODE)
    this.#string(bytes, start, end)
  }

  #closeNode(listpack: ListpackBuilder): void {
    const packed = listpack.finish()
    this.#nodes++
    this.#length(PACKED_NODE)
    this.#string(packed, 0, packed.length)
    listpack.clear()
  }

  #type(type: RdbType): void {
    const at = this.#out.reserve(1)
    this.#out.bytes[at] = type
  }

  #length(n: number): void {
    const out = this.#out
    out.ensure(MAX_LENGTH_BYTES)
    out.length = writeLength(out.bytes, out.length, n)
  }

  #string(bytes: Uint8Array, start: number, end: number): void {
    const length = end - start
    if (length <= MAX_INT32_TEXT && this.#integer(parseInteger(bytes, start, end))) return
    if (length >= MIN_COMPRESSED && this.#compressed(bytes, start, end)) return
    this.#length(length)
    this.#out.append(bytes, start, end)
  }

  /** False: it is no integer of 32 bits. */
  #integer(n: number): boolean {
    const out = this.#out
    out.ensure(5)
    const { bytes, length } = out
    if (n >= -0x80 && n <= 0x7f) {
      bytes[length] = INT_8
      out.length = bytes.writeInt8(n, length + 1)
    } else if (n >= -0x8000 && n <= 0x7fff) {
      bytes[length] = INT_16
      out.length = bytes.writeInt16LE(n, length + 1)
    } else if (n >= -0x8000_0000 && n <= 0x7fff_ffff) {
      bytes[length] = INT_32
      out.length = bytes.writeInt32LE(n, length + 1)
    } else {
      return false
    }
    return true
  }

  /** False: compression does not pay. */
  #compressed(bytes: Uint8Array, start: number, end: number): boolean {
    const out = this.#out
    const length = end - start
    out.ensure(1 + 2 * MAX_LENGTH_BYTES + length)
    const from = out.length + 1 + 2 * MAX_LENGTH_BYTES
    const to = compress(bytes, start, end, out.bytes, from, from + length - MIN_SAVED)
    if (to === 0) return false
    // The lengths are known only now, and are shorter than the room for them.
    out.bytes[out.length] = LZF
    let at = writeLength(out.bytes, out.length + 1, to - from)
    at = writeLength(out.bytes, at, length)
    out.bytes.copyWithin(at, from, to)
    out.length = at + to - from
    return true
  }
}

/** The index after the length. */
function writeLength(bytes: Buffer, at: number, n: number): number {
  if (n < 0x40) {
    bytes[at] = n
    return at + 1
  }
  if (n < 0x4000) return bytes.writeUInt16BE(0x4000 | n, at)
  if (n <= 0xffff_ffff) {
    bytes[at] = LENGTH_32
    return bytes.writeUInt32BE(n, at + 1)
  }
  bytes[at] = LENGTH_64
  return bytes.writeBigUInt64BE(BigInt(n), at + 1)
}

/** The members of a set as sorted int64, if all are integers. */
export class IntegerMembers {
  readonly #members: BigInt64Array
  #count = 0

  constructor(count: number) {
    this.#members = new BigInt64Array(count)
  }

  /** False: the member is no integer. */
  add(bytes: Uint8Array, start: number, end: number): boolean {
    const n = parseInt64(bytes, start, end)
    if (n === null) return false
    this.#members[this.#count++] = n
    return true
  }

  sorted(): BigInt64Array {
    return this.#members.sort()
  }
}

// Writes a value as a dump that Redis 7.0 and later read, in the encoding that they would have chosen themselves.

import { parseInt64 } from '../../bytes/numbers/decimal.ts'
import { formatDouble17 } from '../../bytes/numbers/double.ts'
import { PACKED_NODE, PLAIN_NODE, RDB_VERSION, RdbType, TIMED_FIELDS_VERSION } from './format.ts'
import { Output } from './output.ts'
import { ListpackBuilder } from './packed/listpack.ts'

/** The bytes of a node of a list (Redis: `list-max-listpack-size -2`). */
const MAX_NODE_BYTES = 8192
/** A longer element is a node without a listpack (Redis: `packed_threshold`). */
const MAX_PACKED_ELEMENT = 2 ** 30

/** Integers up to here are written as such in a listpack, as the text of a double otherwise. */
const MAX_EXACT = 2 ** 52

/**
 * One dump: `begin…`, the elements in order, then `finish`. Elements are copied at once, so they may lie in memory that
 * moves later.
 */
export class RdbWriter {
  readonly #out = new Output()
  #listpack: ListpackBuilder | undefined
  /** Where the number of nodes of a list is written. */
  #nodesAt = -1
  #nodes = 0
  /** The earliest deadline of a field of a hash that has some. */
  #firstDeadline = 0
  #version = RDB_VERSION

  /** A string is the whole value. */
  string(bytes: Uint8Array, start: number, end: number): void {
    this.#out.type(RdbType.STRING)
    this.#out.string(bytes, start, end)
  }

  /** A list; `element` in order, then `finish`. */
  beginList(): void {
    this.#out.type(RdbType.LIST_QUICKLIST_2)
    this.#listpack = new ListpackBuilder()
    // The number of nodes is not known yet.
    this.#nodesAt = this.#out.laterLength()
  }

  /** A set of `count` members; `element` in any order. */
  beginSet(count: number): void {
    this.#out.type(RdbType.SET)
    this.#out.length(count)
  }

  /** A set of int64 in ascending order. */
  integers(members: BigInt64Array): void {
    this.#out.type(RdbType.SET_INTSET)
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
    this.#out.string(packed, 0, packed.length)
  }

  /**
   * A hash of `count` fields; `element` for the name and the value of each, in any order.
   *
   * @param isSmall as a listpack, which Redis reads in one piece
   */
  beginHash(count: number, isSmall: boolean): void {
    this.#out.type(isSmall ? RdbType.HASH_LISTPACK : RdbType.HASH)
    this.#beginElements(count, isSmall)
  }

  /**
   * A hash with fields that have deadlines, which only Redis 7.4 and later read; `fieldDeadline` before the two calls of
   * `element`.
   *
   * @param firstDeadline the earliest one, ms since the epoch
   */
  beginTimedHash(count: number, firstDeadline: number): void {
    this.#version = TIMED_FIELDS_VERSION
    this.#firstDeadline = firstDeadline
    this.#out.type(RdbType.HASH_METADATA)
    this.#out.int64(BigInt(firstDeadline))
    this.#out.length(count)
  }

  /** @param deadline of the field that follows, ms since the epoch; 0: none */
  fieldDeadline(deadline: number): void {
    this.#out.length(deadline === 0 ? 0 : deadline - this.#firstDeadline + 1)
  }

  /**
   * A sorted set of `count` members; `scored` in ascending order where it is small, in any order otherwise: Redis reads
   * it fastest in descending order.
   */
  beginSortedSet(count: number, isSmall: boolean): void {
    this.#out.type(isSmall ? RdbType.ZSET_LISTPACK : RdbType.ZSET_2)
    this.#beginElements(count, isSmall)
  }

  /** An element of a list, a member of a set, a field's name, or the value of the field before it. */
  element(bytes: Uint8Array, start: number, end: number): void {
    const listpack = this.#listpack
    if (listpack === undefined) this.#out.string(bytes, start, end)
    else if (this.#nodesAt < 0) listpack.append(bytes, start, end)
    else this.#listElement(listpack, bytes, start, end)
  }

  scored(bytes: Uint8Array, start: number, end: number, score: number): void {
    const listpack = this.#listpack
    if (listpack === undefined) {
      this.#out.string(bytes, start, end)
      this.#out.double(score)
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
      out.setLength(this.#nodesAt, this.#nodes)
    } else if (listpack !== undefined) {
      const packed = listpack.finish()
      this.#out.string(packed, 0, packed.length)
    }
    return out.finish(this.#version)
  }

  #beginElements(count: number, isSmall: boolean): void {
    if (isSmall) this.#listpack = new ListpackBuilder()
    else this.#out.length(count)
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
    this.#out.length(PLAIN_NODE)
    this.#out.string(bytes, start, end)
  }

  #closeNode(listpack: ListpackBuilder): void {
    const packed = listpack.finish()
    this.#nodes++
    this.#out.length(PACKED_NODE)
    this.#out.string(packed, 0, packed.length)
    listpack.clear()
  }
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

// Members with scores, packed in the value of a record: the body of a small sorted set.

import { NULL_REF, type Ref } from '../../arena.ts'
import { type Collections, PACKED_ELEMENTS, PACKED_STRING } from '../collections.ts'
import {
  LONG,
  PACKED_HEADER_BYTES,
  packedBytes,
  packedCount,
  readPacked,
  setPackedCount,
  skipString,
  writePacked,
} from '../packed.ts'
import { compareBytes, Span } from '../span.ts'
import { readScore, scoreBytes, scoreLength, writeScore } from './scores.ts'

/*
 *   member | score | member | score | …              in order
 */

/**
 * The most bytes of a packed sorted set. More than of other types: two trees need far more than packed members, and
 * Redis's listpacks may have as many.
 */
const PACKED_BYTES = 8192

/** The record must be located where no reference is passed. A member that `find` has found is changed by the calls that follow it. */
export class PackedMembers {
  /** The rank of the member that was found. */
  rank = 0
  readonly #parts: Collections
  /** The member that `seek` or `next` has read. */
  readonly #span: Span
  /** Its score; also the result of `find`, and the argument of `insert` and `update`. */
  readonly #score: Float64Array
  /** Where the member that was found begins. */
  #at = 0
  /** The walk of `seek` and `next`. */
  readonly #walked = new Span()
  #isReverse = false
  #walkAt = 0
  #walkLeft = 0
  /** Where the elements before the present one begin, for a walk in reverse. */
  readonly #offsets = new Int32Array(PACKED_ELEMENTS + 1)

  constructor(parts: Collections, span: Span, score: Float64Array) {
    this.#parts = parts
    this.#span = span
    this.#score = score
  }

  /** Finds a member; its score is in `score`. */
  find(bytes: Uint8Array, start: number, end: number): boolean {
    const { records } = this.#parts
    const { bytes: own, view } = records
    const count = packedCount(records)
    const length = end - start
    // Only strings that begin with the same bytes of length can be equal.
    const first = length < LONG ? length : LONG
    const header = packedBytes(length) - length
    let at = records.valueStart + PACKED_HEADER_BYTES
    for (let i = 0; i < count; i++) {
      const next = skipString(own, at)
      if (own[at] === first && next - at === header + length) {
        // Backwards: members of a sorted set often begin alike.
        let a = next - 1
        let b = end - 1
        while (b >= start && own[a] === bytes[b]) {
          a--
          b--
        }
        if (b < start) {
          this.#at = at
          this.rank = i
          this.#score[0] = readScore(own, view, next)
          return true
        }
      }
      at = next + scoreLength(own[next])
    }
    return false
  }

  /** Adds a member that is not there. `NULL_REF`: it does not fit; nothing has changed. */
  insert(ref: Ref, bytes: Uint8Array, start: number, end: number): Ref {
    const { records } = this.#parts
    records.locate(ref)
    const length = records.valueEnd - records.valueStart
    const size = packedBytes(end - start) + scoreBytes(this.#score[0])
    const isTooLarge = packedCount(records) >= PACKED_ELEMENTS || length + size > PACKED_BYTES
    if (isTooLarge || end - start > PACKED_STRING) return NULL_REF
    return this.#insert(ref, bytes, start, end)
  }

  /** Gives the member that was found another score. `NULL_REF`: that does not fit; nothing has changed. */
  update(ref: Ref, bytes: Uint8Array, start: number, end: number): Ref {
    const { records } = this.#parts
    records.locate(ref)
    const from = this.#at
    const size = this.#skip(from) - from
    const member = packedBytes(end - start)
    if (records.valueEnd - records.valueStart + member + scoreBytes(this.#score[0]) - size > PACKED_BYTES)
      return NULL_REF
    return this.#insert(this.#parts.cut(ref, from, from + size, 1), bytes, start, end)
  }

  /** Removes the member that was found. */
  remove(ref: Ref): Ref {
    this.#parts.records.locate(ref)
    return this.#parts.cut(ref, this.#at, this.#skip(this.#at), 1)
  }

  /** Removes `count` elements from `index` on. */
  removeRange(ref: Ref, index: number, count: number): Ref {
    let from = this.#parts.records.valueStart + PACKED_HEADER_BYTES
    for (let i = 0; i < index; i++) from = this.#skip(from)
    let to = from
    for (let i = 0; i < count; i++) to = this.#skip(to)
    return this.#parts.cut(ref, from, to, count)
  }

  /** Reads the element at `index`; `next` reads the ones after it, or before it. False: there is none. */
  seek(index: number, isReverse: boolean): boolean {
    const { records } = this.#parts
    const count = packedCount(records)
    if (index >= count) return false
    this.#isReverse = isReverse
    this.#walked.set(records.bytes, records.view, 0, 0)
    const offsets = this.#offsets
    let at = records.valueStart + PACKED_HEADER_BYTES
    for (let i = 0; i < index; i++) {
      offsets[i] = at
      at = this.#skip(at)
    }
    this.#walkLeft = isReverse ? index : count - index - 1
    this.#read(at)
    return true
  }

  /** Reads the next element. The sorted set must not have changed since `seek`; other ones may be read between. */
  next(): boolean {
    if (this.#walkLeft === 0) return false
    this.#walkLeft--
    this.#read(this.#isReverse ? this.#offsets[this.#walkLeft] : this.#walkAt)
    return true
  }

  /** See `SortedSets.rankOfScore`. */
  rankOfScore(score: number, orEqual: boolean): number {
    const { records } = this.#parts
    const { bytes, view } = records
    const count = packedCount(records)
    let at = records.valueStart + PACKED_HEADER_BYTES
    for (let i = 0; i < count; i++) {
      at = skipString(bytes, at)
      const own = readScore(bytes, view, at)
      if (orEqual ? own > score : own >= score) return i
      at += scoreLength(bytes[at])
    }
    return count
  }

  /** See `SortedSets.rankOfMember`. */
  rankOfMember(bytes: Uint8Array, start: number, end: number, orEqual: boolean): number {
    const { records } = this.#parts
    const span = this.#span
    const count = packedCount(records)
    let at = records.valueStart + PACKED_HEADER_BYTES
    for (let i = 0; i < count; i++) {
      at = readPacked(records, at, span)
      const order = compareBytes(span.bytes, span.start, span.end, bytes, start, end)
      if (orEqual ? order > 0 : order >= 0) return i
      at += scoreLength(records.bytes[at])
    }
    return count
  }

  #insert(ref: Ref, bytes: Uint8Array, start: number, end: number): Ref {
    const { store, records } = this.#parts
    records.locate(ref)
    const score = this.#score[0]
    const count = packedCount(records)
    const own = records.bytes
    const ownView = records.view
    let from = records.valueStart + PACKED_HEADER_BYTES
    for (let i = 0; i < count; i++) {
      const scoreAt = skipString(own, from)
      const other = readScore(own, ownView, scoreAt)
      if (other > score) break
      if (other === score) {
        readPacked(records, from, this.#span)
        const span = this.#span
        if (compareBytes(span.bytes, span.start, span.end, bytes, start, end) > 0) break
      }
      from = scoreAt + scoreLength(own[scoreAt])
    }
    const at = from - records.valueStart
    const moved = store.splice(ref, at, 0, packedBytes(end - start) + scoreBytes(score))
    const scoreAt = writePacked(records, records.valueStart + at, bytes, start, end)
    writeScore(records.bytes, records.view, scoreAt, score)
    setPackedCount(records, count + 1)
    return moved
  }

  /** Where the element after the one at `at` begins. */
  #skip(at: number): number {
    const { bytes } = this.#parts.records
    const scoreAt = skipString(bytes, at)
    return scoreAt + scoreLength(bytes[scoreAt])
  }

  /** Reads the element at `at` of the sorted set that is walked. */
  #read(at: number): void {
    const { bytes, view } = this.#walked
    const scoreAt = skipString(bytes, at)
    const start = bytes[at] < LONG ? at + 1 : at + 3
    this.#span.set(bytes, view, start, scoreAt)
    this.#score[0] = readScore(bytes, view, scoreAt)
    this.#walkAt = scoreAt + scoreLength(bytes[scoreAt])
  }
}

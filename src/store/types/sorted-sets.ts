// Sorted sets: packed while they are small, then two trees over the same members.
//
// More than 300 lines: both bodies share the state between `find` and the change that follows it.

import type { Ref } from '../arena.ts'
import { type Collections, PACKED_ELEMENTS, PACKED_STRING } from './collections.ts'
import {
  LONG,
  PACKED_HEADER_BYTES,
  packedBytes,
  packedCount,
  readPacked,
  setPackedCount,
  skipString,
  writePacked,
} from './packed.ts'
import { RankedMembers } from './ranked-members.ts'
import { readScore, scoreBytes, scoreLength, writeScore } from './scores.ts'
import { compareBytes, Span } from './span.ts'
import type { StringList } from './string-list.ts'
import { TreeKind } from './tree/layout.ts'
import { Tree } from './tree/tree.ts'

/*
 *   packed   member | score | member | score | …              in order
 *   paged    see `ranked-members.ts`
 *
 * Elements are in the order of their scores, and of the bytes of their members where scores are equal.
 */

/**
 * The most bytes of a packed sorted set. More than of other types: two trees need far more than packed members, and
 * Redis's listpacks may have as many.
 */
const PACKED_BYTES = 8192

/** A flag: OBJECT ENCODING says `skiplist`, and not `listpack`. */
const SKIPLIST = 1

/** The word of the head where the descriptors of the trees begin. */
const TREES_WORD = 0

/**
 * Indexes begin at 0 and must be in range. Calls that change a sorted set return its record, possibly moved. Members that
 * are passed in must not lie in the store, but for `find`.
 */
export class SortedSets {
  /** The member that `seek` or `next` read. Valid until the next change. */
  readonly span: Span = new Span()
  /** Its score; what `find` found; the argument of `insert` and `update`. Never NaN. */
  readonly score: Float64Array
  readonly #parts: Collections
  readonly #members: RankedMembers
  /** What `find` found: the region (0: packed), or where the packed member begins, and its rank. */
  #region = 0
  #at = 0
  #index = 0
  /** The walk of `seek` and `next`: a tree, or what is left of a packed sorted set. */
  readonly #walk: Tree
  readonly #walked = new Span()
  #isWalkPaged = false
  #isReverse = false
  #walkAt = 0
  #walkLeft = 0
  /** Where the elements of a packed sorted set that is walked in reverse begin. */
  readonly #offsets = new Int32Array(PACKED_ELEMENTS + 1)

  constructor(parts: Collections) {
    this.#parts = parts
    this.#members = new RankedMembers(parts, TREES_WORD)
    this.score = this.#members.score
    this.#walk = new Tree(parts.regions)
  }

  length(ref: Ref): number {
    return this.#parts.length(ref)
  }

  /**
   * Finds a member; its score is in `score`. `insert`, `update`, `remove` and `rank` go on from here, as long as nothing
   * else is called between.
   */
  find(ref: Ref, bytes: Uint8Array, start: number, end: number): boolean {
    const region = this.#parts.regionOf(ref)
    this.#region = region
    return region === 0 ? this.#findPacked(bytes, start, end) : this.#members.find(region, bytes, start, end)
  }

  /** The rank of the member that was found. */
  rank(bytes: Uint8Array, start: number, end: number): number {
    if (this.#region === 0) return this.#index
    this.#members.seek(this.#region, this.score[0], bytes, start, end)
    return this.#members.ranking.rank()
  }

  /** Adds the member that was not found. */
  insert(ref: Ref, bytes: Uint8Array, start: number, end: number): Ref {
    const region = this.#region
    this.#chooseEncoding(ref, end - start)
    if (region !== 0) {
      const own = this.#parts.begin(ref)
      this.#members.insert(region, bytes, start, end)
      return own
    }
    const { records } = this.#parts
    records.locate(ref)
    const length = records.valueEnd - records.valueStart
    const size = packedBytes(end - start) + scoreBytes(this.score[0])
    const isTooLarge = packedCount(records) >= PACKED_ELEMENTS || length + size > PACKED_BYTES
    if (!isTooLarge && end - start <= PACKED_STRING) return this.#insertPacked(ref, bytes, start, end)
    const score = this.score[0]
    const paged = this.#page(ref)
    this.find(paged, bytes, start, end)
    this.score[0] = score
    this.#members.insert(this.#region, bytes, start, end)
    return paged
  }

  /** Inserts distinct members, more than PACKED_ELEMENTS, into a new sorted set. */
  load(ref: Ref, members: StringList, scores: Float64Array): Ref {
    const parts = this.#parts
    const { limits } = parts
    if (members.count > limits.zsetMaxListpackEntries || members.longest > limits.zsetMaxListpackValue)
      parts.setFlags(ref, SKIPLIST)
    else for (let i = 0; i < members.count; i++) scores[i] += 0
    const paged = parts.page(ref)
    this.#members.load(parts.regionOf(paged), members, scores)
    return paged
  }

  /** Gives the member that was found another score. */
  update(ref: Ref, bytes: Uint8Array, start: number, end: number): Ref {
    if (this.#region !== 0) {
      const own = this.#parts.begin(ref)
      this.#members.update(this.#region, bytes, start, end)
      return own
    }
    const score = this.score[0]
    const { records } = this.#parts
    records.locate(ref)
    const from = this.#at
    const size = this.#skip(from) - from
    const member = packedBytes(end - start)
    if (records.valueEnd - records.valueStart + member + scoreBytes(score) - size > PACKED_BYTES) {
      const paged = this.#page(ref)
      this.find(paged, bytes, start, end)
      this.score[0] = score
      return this.update(paged, bytes, start, end)
    }
    return this.#insertPacked(this.#parts.cut(ref, from, from + size, 1), bytes, start, end)
  }

  /** Removes the member that was found. */
  remove(ref: Ref, bytes: Uint8Array, start: number, end: number): Ref {
    const { records } = this.#parts
    if (this.#region === 0) {
      records.locate(ref)
      return this.#parts.cut(ref, this.#at, this.#skip(this.#at), 1)
    }
    const own = this.#parts.begin(ref)
    this.#members.remove(this.#region, bytes, start, end)
    return own
  }

  /** Removes `count` elements from `index` on. */
  removeRange(ref: Ref, index: number, count: number): Ref {
    const region = this.#parts.regionOf(ref)
    if (region === 0) {
      const from = this.#offset(index)
      let to = from
      for (let i = 0; i < count; i++) to = this.#skip(to)
      return this.#parts.cut(ref, from, to, count)
    }
    const own = this.#parts.begin(ref)
    this.#members.removeRange(region, index, count)
    return own
  }

  /** Removes the element at `index`, which `seek` has read. Nothing else may have been called between. */
  removeRead(ref: Ref, index: number): Ref {
    if (!this.#isWalkPaged) return this.removeRange(ref, index, 1)
    const own = this.#parts.begin(ref)
    this.#members.removeRead(this.#parts.regionOf(own), this.#walk)
    return own
  }

  /** Reads the element at `index`; `next` reads the ones after it, or before it. False: there is none. */
  seek(ref: Ref, index: number, isReverse = false): boolean {
    const { records } = this.#parts
    const region = this.#parts.regionOf(ref)
    this.#isReverse = isReverse
    this.#isWalkPaged = region !== 0
    if (region !== 0) {
      this.#walk.open(region, TreeKind.RANKING, TREES_WORD)
      return this.#walk.seekRank(index) && this.#readWalked()
    }
    const count = packedCount(records)
    if (index >= count) return false
    this.#walked.set(records.bytes, records.view, 0, 0)
    const offsets = this.#offsets
    let at = records.valueStart + PACKED_HEADER_BYTES
    for (let i = 0; i < index; i++) {
      offsets[i] = at
      at = this.#skip(at)
    }
    this.#walkLeft = isReverse ? index : count - index - 1
    this.#readPacked(at)
    return true
  }

  /** As `seek`, for all elements in the order in which `find` finds them fastest, here and in other sorted sets. */
  first(ref: Ref): boolean {
    const region = this.#parts.regionOf(ref)
    if (region === 0) return this.seek(ref, 0)
    this.#isReverse = false
    this.#isWalkPaged = true
    this.#walk.open(region, TreeKind.SCORES, this.#members.scoresWord)
    return this.#walk.seekRank(0) && this.#readWalked()
  }

  /** Reads the next element. The sorted set must not have changed since `seek`; other ones may be read between. */
  next(): boolean {
    if (this.#isWalkPaged) {
      const isFound = this.#isReverse ? this.#walk.previous() : this.#walk.next()
      return isFound && this.#readWalked()
    }
    if (this.#walkLeft === 0) return false
    this.#walkLeft--
    this.#readPacked(this.#isReverse ? this.#offsets[this.#walkLeft] : this.#walkAt)
    return true
  }

  /** How many elements have a score below `score`, or with `orEqual` not above it. */
  rankOfScore(ref: Ref, score: number, orEqual: boolean): number {
    const { records } = this.#parts
    const region = this.#parts.regionOf(ref)
    if (region !== 0) return this.#members.openRanking(region).rankOfScore(score, orEqual)
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

  /** How many elements have a member below this one, or with `orEqual` not above it, if all have the same score. */
  rankOfMember(ref: Ref, bytes: Uint8Array, start: number, end: number, orEqual: boolean): number {
    const { records } = this.#parts
    const region = this.#parts.regionOf(ref)
    if (region !== 0) {
      const ranking = this.#members.openRanking(region)
      if (!ranking.seekRank(0)) return 0
      ranking.keyDouble[0] = ranking.view.getFloat64(ranking.at, true)
      const isFound = ranking.seekMember(bytes, start, end)
      return ranking.rank() + (isFound && orEqual ? 1 : 0)
    }
    const count = packedCount(records)
    let at = records.valueStart + PACKED_HEADER_BYTES
    for (let i = 0; i < count; i++) {
      at = readPacked(records, at, this.span)
      const { span } = this
      const order = compareBytes(span.bytes, span.start, span.end, bytes, start, end)
      if (orEqual ? order > 0 : order >= 0) return i
      at += scoreLength(records.bytes[at])
    }
    return count
  }

  /** Visits elements as `Tree.scan` does, those of a packed sorted set at once. */
  scan(ref: Ref, cursor: number, count: number, visit: () => void): number {
    const region = this.#parts.regionOf(ref)
    if (region === 0) {
      for (let is = this.seek(ref, 0); is; is = this.next()) visit()
      return 0
    }
    const scores = this.#members.openScores(region)
    return scores.scan(cursor, count, () => {
      this.score[0] = scores.view.getFloat64(scores.doubleAt, true)
      scores.readString(scores.stringsAt, this.span)
      visit()
    })
  }

  /** Throws when the parts of a sorted set contradict each other. For tests. */
  verify(ref: Ref): void {
    const region = this.#parts.regionOf(ref)
    if (region === 0) return
    this.#members.verify(region)
    for (let is = this.seek(ref, 0); is; is = this.next()) {
      const score = this.score[0]
      const { span } = this
      if (!this.find(ref, span.bytes, span.start, span.end) || !Object.is(this.score[0], score))
        throw new Error('a member is not found, or with another score')
      if (!this.#members.seek(region, score, span.bytes, span.start, span.end))
        throw new Error('a member has no rank')
    }
  }

  /** Before a member of `length` bytes is added. Redis's listpacks do not know -0. */
  #chooseEncoding(ref: Ref, length: number): void {
    const parts = this.#parts
    const { limits } = parts
    if ((parts.flags(ref) & SKIPLIST) !== 0) return
    if (length > limits.zsetMaxListpackValue || this.length(ref) >= limits.zsetMaxListpackEntries)
      parts.setFlags(ref, SKIPLIST)
    else this.score[0] += 0
  }

  #findPacked(bytes: Uint8Array, start: number, end: number): boolean {
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
          this.#index = i
          this.score[0] = readScore(own, view, next)
          return true
        }
      }
      at = next + scoreLength(own[next])
    }
    return false
  }

  #insertPacked(ref: Ref, bytes: Uint8Array, start: number, end: number): Ref {
    const { store, records } = this.#parts
    records.locate(ref)
    const score = this.score[0]
    const count = packedCount(records)
    const own = records.bytes
    const ownView = records.view
    let from = records.valueStart + PACKED_HEADER_BYTES
    for (let i = 0; i < count; i++) {
      const scoreAt = skipString(own, from)
      const other = readScore(own, ownView, scoreAt)
      if (other > score) break
      if (other === score) {
        readPacked(records, from, this.span)
        const { span } = this
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

  /** Where the element after the packed one at `at` begins. */
  #skip(at: number): number {
    const { bytes } = this.#parts.records
    const scoreAt = skipString(bytes, at)
    return scoreAt + scoreLength(bytes[scoreAt])
  }

  #offset(index: number): number {
    let at = this.#parts.records.valueStart + PACKED_HEADER_BYTES
    for (let i = 0; i < index; i++) at = this.#skip(at)
    return at
  }

  /** Reads the packed element at `at` of the sorted set that is walked. */
  #readPacked(at: number): void {
    const { bytes, view } = this.#walked
    const { span } = this
    const scoreAt = skipString(bytes, at)
    const start = bytes[at] < LONG ? at + 1 : at + 3
    span.set(bytes, view, start, scoreAt)
    this.score[0] = readScore(bytes, view, scoreAt)
    this.#walkAt = scoreAt + scoreLength(bytes[scoreAt])
  }

  #readWalked(): boolean {
    const walk = this.#walk
    const { stringsAt } = walk
    // In both trees the score is before the member.
    this.score[0] = walk.view.getFloat64(stringsAt - 8, true)
    walk.readString(stringsAt, this.span)
    return true
  }

  /** Moves a packed sorted set into a region. */
  #page(ref: Ref): Ref {
    const members: Buffer[] = []
    const scores: number[] = []
    for (let is = this.seek(ref, 0); is; is = this.next()) {
      members.push(this.span.copy())
      scores.push(this.score[0])
    }
    const paged = this.#parts.page(ref)
    this.#region = this.#parts.regionOf(paged)
    for (const [i, member] of members.entries()) {
      this.#members.find(this.#region, member, 0, member.length)
      this.score[0] = scores[i]
      this.#members.insert(this.#region, member, 0, member.length)
    }
    return paged
  }
}

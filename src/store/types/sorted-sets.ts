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
import { readScore, scoreBytes, scoreLength, writeScore } from './scores.ts'
import { compareBytes, Span } from './span.ts'
import { memberBytes, Tree, TreeKind } from './tree.ts'

/*
 *   packed   member | score | member | score | …              in order
 *   paged    RANKING: score, member                           gives the order and ranks
 *            SCORES:  hash of the member → score, member      finds a member
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

/** The words of the head where the descriptors of the trees are. */
const RANKING_WORD = 0
const SCORES_WORD = 3
const COUNT_WORD = RANKING_WORD + 2

/**
 * Indexes begin at 0 and must be in range. Calls that change a sorted set return its record, possibly moved. Members that
 * are passed in must not lie in the store, but for `find`.
 */
export class SortedSets {
  /** The member that `seek` or `next` read. Valid until the next change. */
  readonly span: Span = new Span()
  /** Its score; what `find` found; the argument of `insert` and `update`. Never NaN. */
  readonly score: Float64Array = new Float64Array(1)
  readonly #parts: Collections
  readonly #scores: Tree
  readonly #ranking: Tree
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
    this.#scores = new Tree(parts.regions)
    this.#ranking = new Tree(parts.regions)
    this.#walk = new Tree(parts.regions)
  }

  length(ref: Ref): number {
    const { regions, records } = this.#parts
    const region = this.#parts.regionOf(ref)
    return region === 0 ? packedCount(records) : regions.head(region, COUNT_WORD)
  }

  /**
   * Finds a member; its score is in `score`. `insert`, `update`, `remove` and `rank` go on from here, as long as nothing
   * else is called between.
   */
  find(ref: Ref, bytes: Uint8Array, start: number, end: number): boolean {
    const region = this.#parts.regionOf(ref)
    this.#region = region
    return region === 0 ? this.#findPacked(bytes, start, end) : this.#findPaged(region, bytes, start, end)
  }

  /** The rank of the member that was found. */
  rank(bytes: Uint8Array, start: number, end: number): number {
    if (this.#region === 0) return this.#index
    this.#seekRanking(this.score[0], bytes, start, end)
    return this.#ranking.rank()
  }

  /** Adds the member that was not found. */
  insert(ref: Ref, bytes: Uint8Array, start: number, end: number): Ref {
    const region = this.#region
    this.#chooseEncoding(ref, end - start)
    if (region !== 0) {
      const own = this.#parts.begin(ref)
      this.#insertPaged(bytes, start, end)
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
    this.#insertPaged(bytes, start, end)
    return paged
  }

  /** Gives the member that was found another score. */
  update(ref: Ref, bytes: Uint8Array, start: number, end: number): Ref {
    if (this.#region !== 0) {
      const own = this.#parts.begin(ref)
      this.#updatePaged(bytes, start, end)
      return own
    }
    const score = this.score[0]
    const { store } = this.#parts
    const { records } = this.#parts
    records.locate(ref)
    const from = this.#at
    const at = from - records.valueStart
    const size = this.#skip(from) - from
    const member = packedBytes(end - start)
    if (records.valueEnd - records.valueStart + member + scoreBytes(score) - size > PACKED_BYTES) {
      const paged = this.#page(ref)
      this.find(paged, bytes, start, end)
      this.score[0] = score
      return this.update(paged, bytes, start, end)
    }
    const removed = store.splice(ref, at, size, 0)
    records.locate(removed)
    setPackedCount(records, packedCount(records) - 1)
    return this.#insertPacked(removed, bytes, start, end)
  }

  /** Removes the member that was found. */
  remove(ref: Ref, bytes: Uint8Array, start: number, end: number): Ref {
    const { records } = this.#parts
    if (this.#region === 0) {
      records.locate(ref)
      return this.#cut(ref, this.#at, this.#skip(this.#at), 1)
    }
    const own = this.#parts.begin(ref)
    this.#seekRanking(this.score[0], bytes, start, end)
    this.#ranking.remove()
    this.#scores.remove()
    return own
  }

  /** Removes `count` elements from `index` on. */
  removeRange(ref: Ref, index: number, count: number): Ref {
    const region = this.#parts.regionOf(ref)
    if (region === 0) {
      const from = this.#offset(index)
      let to = from
      for (let i = 0; i < count; i++) to = this.#skip(to)
      return this.#cut(ref, from, to, count)
    }
    const own = this.#parts.begin(ref)
    const ranking = this.#ranking
    ranking.open(region, TreeKind.RANKING, RANKING_WORD)
    this.#scores.open(region, TreeKind.SCORES, SCORES_WORD)
    for (let i = 0; i < count; i++) {
      ranking.seekRank(index)
      this.#removeScore()
      ranking.remove()
    }
    return own
  }

  /** Reads the element at `index`; `next` reads the ones after it, or before it. False: there is none. */
  seek(ref: Ref, index: number, isReverse = false): boolean {
    const { records } = this.#parts
    const region = this.#parts.regionOf(ref)
    this.#isReverse = isReverse
    this.#isWalkPaged = region !== 0
    if (region !== 0) {
      this.#walk.open(region, TreeKind.RANKING, RANKING_WORD)
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
    if (region !== 0) {
      this.#ranking.open(region, TreeKind.RANKING, RANKING_WORD)
      return this.#ranking.rankOfScore(score, orEqual)
    }
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
      const ranking = this.#ranking
      ranking.open(region, TreeKind.RANKING, RANKING_WORD)
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

  /**
   * Visits elements in the order of their hashes, from `cursor` on (0: the first), at least `count` if there are as many;
   * a packed sorted set at once. Changes between two calls hide no element that stays. Returns the next cursor; 0: none.
   */
  scan(ref: Ref, cursor: number, count: number, visit: () => void): number {
    const region = this.#parts.regionOf(ref)
    if (region === 0) {
      for (let is = this.seek(ref, 0); is; is = this.next()) visit()
      return 0
    }
    const scores = this.#scores
    scores.open(region, TreeKind.SCORES, SCORES_WORD)
    scores.key[0] = cursor | 0
    let is = scores.seekHash()
    let hash = 0
    for (let visited = 0; is; is = scores.next(), visited++) {
      const own = scores.view.getInt32(scores.at, true)
      // Equal hashes are visited together: the cursor does not distinguish them.
      if (visited >= count && own !== hash) return own >>> 0
      hash = own
      this.score[0] = scores.view.getFloat64(scores.doubleAt, true)
      scores.readString(scores.stringsAt)
      this.span.copyFrom(scores.span)
      visit()
    }
    return 0
  }

  /** Throws when the parts of a sorted set contradict each other. For tests. */
  verify(ref: Ref): void {
    const region = this.#parts.regionOf(ref)
    if (region === 0) return
    this.#ranking.open(region, TreeKind.RANKING, RANKING_WORD)
    this.#scores.open(region, TreeKind.SCORES, SCORES_WORD)
    this.#ranking.verify()
    this.#scores.verify()
    if (this.#ranking.count !== this.#scores.count) throw new Error('the trees have different members')
    for (let is = this.seek(ref, 0); is; is = this.next()) {
      const score = this.score[0]
      const { span } = this
      if (!this.find(ref, span.bytes, span.start, span.end) || !Object.is(this.score[0], score))
        throw new Error('a member is not found, or with another score')
      if (!this.#seekRanking(score, span.bytes, span.start, span.end)) throw new Error('a member has no rank')
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

  /** Removes `count` elements of a located packed sorted set. */
  #cut(ref: Ref, from: number, to: number, count: number): Ref {
    const { store, records } = this.#parts
    const all = packedCount(records)
    const moved = store.splice(ref, from - records.valueStart, to - from, 0)
    setPackedCount(records, all - count)
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
    this.score[0] = walk.view.getFloat64(walk.at, true)
    walk.readString(walk.stringsAt, this.span)
    return true
  }

  /** Positions SCORES at the member, or where it belongs. */
  #findPaged(region: number, bytes: Uint8Array, start: number, end: number): boolean {
    const scores = this.#scores
    scores.open(region, TreeKind.SCORES, SCORES_WORD)
    const hash = this.#parts.store.hashOf(bytes, start, end) | 0
    scores.key[0] = hash
    for (let is = scores.seekHash(); is; is = scores.next()) {
      if (scores.view.getInt32(scores.at, true) !== hash) return false
      scores.readString(scores.stringsAt)
      if (scores.span.equals(bytes, start, end)) {
        this.score[0] = scores.view.getFloat64(scores.doubleAt, true)
        return true
      }
    }
    return false
  }

  /** Positions RANKING at an element, or where it belongs. */
  #seekRanking(score: number, bytes: Uint8Array, start: number, end: number): boolean {
    const ranking = this.#ranking
    ranking.open(this.#region, TreeKind.RANKING, RANKING_WORD)
    ranking.keyDouble[0] = score
    return ranking.seekMember(bytes, start, end)
  }

  /** Inserts a member where `find` has not found it. */
  #insertPaged(bytes: Uint8Array, start: number, end: number): void {
    const length = memberBytes(end - start)
    const ranking = this.#ranking
    const scores = this.#scores
    const score = this.score[0]
    this.#seekRanking(score, bytes, start, end)
    ranking.insert(length)
    ranking.writeString(ranking.stringsAt, bytes, start, end)
    scores.insert(length)
    scores.view.setFloat64(scores.doubleAt, score, true)
    scores.copyString(ranking)
  }

  #updatePaged(bytes: Uint8Array, start: number, end: number): void {
    const ranking = this.#ranking
    const scores = this.#scores
    const score = this.score[0]
    this.#seekRanking(scores.view.getFloat64(scores.doubleAt, true), bytes, start, end)
    if (ranking.rescore(score)) {
      scores.view.setFloat64(scores.doubleAt, score, true)
      return
    }
    ranking.remove()
    ranking.keyDouble[0] = score
    ranking.seekMember(bytes, start, end)
    ranking.insert(memberBytes(end - start))
    ranking.writeString(ranking.stringsAt, bytes, start, end)
    scores.view.setFloat64(scores.doubleAt, score, true)
    scores.copyString(ranking)
  }

  /** Removes the member of the loaded entry of RANKING from SCORES. */
  #removeScore(): void {
    const ranking = this.#ranking
    const scores = this.#scores
    ranking.readString(ranking.stringsAt)
    const { bytes, start, end } = ranking.span
    scores.key[0] = this.#parts.store.hashOf(bytes, start, end)
    for (let is = scores.seekHash(); is; is = scores.next()) {
      scores.readString(scores.stringsAt)
      if (!scores.span.equals(bytes, start, end)) continue
      scores.remove()
      return
    }
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
      this.#findPaged(this.#region, member, 0, member.length)
      this.score[0] = scores[i]
      this.#insertPaged(member, 0, member.length)
    }
    return paged
  }
}

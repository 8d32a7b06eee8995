// Sorted sets: packed while they are small, then two trees over the same members.

import { NULL_REF, type Ref } from '../arena.ts'
import type { Collections } from './collections.ts'
import { RankedMembers } from './ranked-members.ts'
import { PackedMembers } from './sorted-set/packed-members.ts'
import { Span } from './span.ts'
import type { StringList } from './string-list.ts'
import { TreeKind } from './tree/layout.ts'
import { Tree } from './tree/tree.ts'

/*
 *   packed   see `sorted-set/packed-members.ts`
 *   paged    see `ranked-members.ts`
 *
 * Elements are in the order of their scores, and of the bytes of their members where scores are equal.
 */

/** The word of the head where the descriptors of the trees begin. */
const TREES_WORD = 0

/**
 * Indexes begin at 0 and must be in range. Calls that change a sorted set return its record, possibly moved. Members that
 * are passed in must not lie in the store, but for `find`.
 */
export class SortedSets {
  /** The member that `seek` or `next` read. Valid until the next change. */
  readonly span: Span = new Span()
  /** Its score; also the result of `find`, and the argument of `insert` and `update`. Never NaN. */
  readonly score: Float64Array
  readonly #parts: Collections
  readonly #packed: PackedMembers
  readonly #members: RankedMembers
  /** The region where `find` has looked; 0: packed. */
  #region = 0
  /** The walk of `seek` and `next`, if it is not of a packed sorted set. */
  readonly #walk: Tree
  #isWalkPaged = false
  #isReverse = false

  constructor(parts: Collections) {
    this.#parts = parts
    this.#members = new RankedMembers(parts, TREES_WORD)
    this.score = this.#members.score
    this.#packed = new PackedMembers(parts, this.span, this.score)
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
    return region === 0 ? this.#packed.find(bytes, start, end) : this.#members.find(region, bytes, start, end)
  }

  /** The rank of the member that was found. */
  rank(bytes: Uint8Array, start: number, end: number): number {
    if (this.#region === 0) return this.#packed.rank
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
    const moved = this.#packed.insert(ref, bytes, start, end)
    if (moved !== NULL_REF) return moved
    const score = this.score[0]
    const paged = this.#page(ref)
    this.find(paged, bytes, start, end)
    this.score[0] = score
    this.#members.insert(this.#region, bytes, start, end)
    return paged
  }

  /** Whether a sorted set of these members is a `skiplist`. */
  areLarge(members: StringList): boolean {
    const { zsetMaxListpackEntries, zsetMaxListpackValue } = this.#parts.limits
    return members.count > zsetMaxListpackEntries || members.longest > zsetMaxListpackValue
  }

  /** Inserts distinct members, more than PACKED_ELEMENTS, into a new sorted set. */
  load(ref: Ref, members: StringList, scores: Float64Array): Ref {
    const parts = this.#parts
    if (this.areLarge(members)) parts.setLarge(ref, true)
    else for (let i = 0; i < members.count; i++) scores[i] += 0
    const paged = parts.page(ref)
    this.#members.load(parts.regionOf(paged), members, scores)
    return paged
  }

  /** Gives the member that was found another score. */
  update(ref: Ref, bytes: Uint8Array, start: number, end: number): Ref {
    if (Object.is(this.score[0], -0) && !this.#parts.isLarge(ref)) this.score[0] = 0
    if (this.#region !== 0) {
      const own = this.#parts.begin(ref)
      this.#members.update(this.#region, bytes, start, end)
      return own
    }
    const moved = this.#packed.update(ref, bytes, start, end)
    if (moved !== NULL_REF) return moved
    const score = this.score[0]
    const paged = this.#page(ref)
    this.find(paged, bytes, start, end)
    this.score[0] = score
    return this.update(paged, bytes, start, end)
  }

  /** Removes the member that was found. */
  remove(ref: Ref, bytes: Uint8Array, start: number, end: number): Ref {
    if (this.#region === 0) return this.#packed.remove(ref)
    const own = this.#parts.begin(ref)
    this.#members.remove(this.#region, bytes, start, end)
    return own
  }

  /** Removes `count` elements from `index` on. */
  removeRange(ref: Ref, index: number, count: number): Ref {
    const region = this.#parts.regionOf(ref)
    if (region === 0) return this.#packed.removeRange(ref, index, count)
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
    const region = this.#parts.regionOf(ref)
    this.#isWalkPaged = region !== 0
    if (region === 0) return this.#packed.seek(index, isReverse)
    this.#isReverse = isReverse
    this.#walk.open(region, TreeKind.RANKING, TREES_WORD)
    return this.#walk.seekRank(index) && this.#readWalked()
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
    if (!this.#isWalkPaged) return this.#packed.next()
    const isFound = this.#isReverse ? this.#walk.previous() : this.#walk.next()
    return isFound && this.#readWalked()
  }

  /** How many elements have a score below `score`, or with `orEqual` not above it. */
  rankOfScore(ref: Ref, score: number, orEqual: boolean): number {
    const region = this.#parts.regionOf(ref)
    if (region === 0) return this.#packed.rankOfScore(score, orEqual)
    return this.#members.openRanking(region).rankOfScore(score, orEqual)
  }

  /** How many elements have a member below this one, or with `orEqual` not above it, if all have the same score. */
  rankOfMember(ref: Ref, bytes: Uint8Array, start: number, end: number, orEqual: boolean): number {
    const region = this.#parts.regionOf(ref)
    if (region === 0) return this.#packed.rankOfMember(bytes, start, end, orEqual)
    const ranking = this.#members.openRanking(region)
    if (!ranking.seekRank(0)) return 0
    ranking.keyDouble[0] = ranking.view.getFloat64(ranking.keyAt, true)
    const isFound = ranking.seekMember(bytes, start, end)
    return ranking.rank() + (isFound && orEqual ? 1 : 0)
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
      this.score[0] = scores.view.getFloat64(scores.at, true)
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

  /** Before a member of `length` bytes is added. Redis's listpacks do not know -0, neither here nor in `update`. */
  #chooseEncoding(ref: Ref, length: number): void {
    const parts = this.#parts
    const { limits } = parts
    if (parts.isLarge(ref)) return
    if (length > limits.zsetMaxListpackValue || this.length(ref) >= limits.zsetMaxListpackEntries)
      parts.setLarge(ref, true)
    else this.score[0] += 0
  }

  #readWalked(): boolean {
    const walk = this.#walk
    // RANKING has the score as its key, SCORES before the member.
    this.score[0] = walk.view.getFloat64(walk.isRanking ? walk.keyAt : walk.at, true)
    walk.readString(walk.stringsAt, this.span)
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

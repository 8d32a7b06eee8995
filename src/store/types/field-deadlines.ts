// When fields of a hash expire: two trees beside the one of its pairs, as a sorted set of deadlines has.

import type { Collections } from './collections.ts'
import type { Regions } from './regions.ts'
import { memberBytes, Tree, TreeKind } from './tree.ts'

/*
 *   RANKING: deadline, field                    which fields are due
 *   SCORES:  hash of the field → deadline       when a field is due
 *
 * Only fields with a deadline are in them. So the first HEXPIRE of a large hash costs no more than any other one.
 */

/** The words of the head of the region where the descriptors of the trees are; the one of the pairs is at 0. */
const RANKING_WORD = 3
const SCORES_WORD = 6
const COUNT_WORD = RANKING_WORD + 2

/** As keys, a field is still there in the millisecond of its deadline. The methods that change deadlines need a region. */
export class FieldDeadlines {
  /** What `find` has found, and the argument of `set`: milliseconds since the epoch. */
  readonly deadline: Float64Array = new Float64Array(1)
  readonly #parts: Collections
  readonly #regions: Regions
  readonly #ranking: Tree
  readonly #scores: Tree

  constructor(parts: Collections) {
    this.#parts = parts
    this.#regions = parts.regions
    this.#ranking = new Tree(parts.regions)
    this.#scores = new Tree(parts.regions)
  }

  /** How many fields of a region have a deadline. */
  count(region: number): number {
    return this.#regions.isMarked(region) ? this.#regions.head(region, COUNT_WORD) : 0
  }

  /** How many of them are expired, and not yet removed. */
  countDue(region: number): number {
    if (this.count(region) === 0) return 0
    this.#ranking.open(region, TreeKind.RANKING, RANKING_WORD)
    return this.#ranking.rankOfScore(this.#parts.store.nowCell[0], false)
  }

  /** Finds the deadline of a field. False: it has none. */
  find(region: number, bytes: Uint8Array, start: number, end: number): boolean {
    if (this.count(region) === 0) return false
    const scores = this.#scores
    this.#seek(region, bytes, start, end)
    const hash = scores.key[0]
    for (let is = scores.seekHash(); is; is = scores.next()) {
      if (scores.view.getInt32(scores.at, true) !== hash) return false
      scores.readString(scores.stringsAt)
      if (!scores.span.equals(bytes, start, end)) continue
      this.deadline[0] = scores.view.getFloat64(scores.doubleAt, true)
      return true
    }
    return false
  }

  /** Whether a field has a deadline, and that is over. */
  isDue(region: number, bytes: Uint8Array, start: number, end: number): boolean {
    return this.find(region, bytes, start, end) && this.deadline[0] < this.#parts.store.nowCell[0]
  }

  /** Gives a field the deadline `deadline`. */
  set(region: number, bytes: Uint8Array, start: number, end: number): void {
    const deadline = this.deadline[0]
    this.remove(region, bytes, start, end)
    this.#regions.mark(region, true)
    const length = memberBytes(end - start)
    const ranking = this.#ranking
    ranking.open(region, TreeKind.RANKING, RANKING_WORD)
    ranking.keyDouble[0] = deadline
    ranking.seekMember(bytes, start, end)
    ranking.insert(length)
    ranking.writeString(ranking.stringsAt, bytes, start, end)
    const scores = this.#scores
    this.#seek(region, bytes, start, end)
    scores.seekHash()
    scores.insert(length)
    scores.view.setFloat64(scores.doubleAt, deadline, true)
    scores.copyString(ranking)
  }

  /** Removes the deadline of a field. False: it had none. */
  remove(region: number, bytes: Uint8Array, start: number, end: number): boolean {
    if (!this.find(region, bytes, start, end)) return false
    this.#scores.remove()
    const ranking = this.#ranking
    ranking.open(region, TreeKind.RANKING, RANKING_WORD)
    ranking.keyDouble[0] = this.deadline[0]
    if (!ranking.seekMember(bytes, start, end)) throw new Error('a field with a deadline has no rank')
    ranking.remove()
    if (ranking.count === 0) this.#regions.mark(region, false)
    return true
  }

  /** A copy of the field whose deadline was the first to pass; `undefined`: no field is expired. */
  firstDue(region: number): Buffer | undefined {
    if (this.countDue(region) === 0) return undefined
    const ranking = this.#ranking
    ranking.seekRank(0)
    ranking.readString(ranking.stringsAt)
    return ranking.span.copy()
  }

  /** Throws when the trees contradict each other. Returns the pages that they use. For tests. */
  verify(region: number): number {
    const ranking = this.#ranking
    ranking.open(region, TreeKind.RANKING, RANKING_WORD)
    this.#scores.open(region, TreeKind.SCORES, SCORES_WORD)
    if (ranking.count !== this.#scores.count || this.#regions.isMarked(region) !== ranking.count > 0)
      throw new Error(`${ranking.count} deadlines have ranks, ${this.#scores.count} can be found`)
    return ranking.verify() + this.#scores.verify()
  }

  #seek(region: number, bytes: Uint8Array, start: number, end: number): void {
    this.#scores.open(region, TreeKind.SCORES, SCORES_WORD)
    this.#scores.key[0] = this.#parts.store.hashOf(bytes, start, end)
  }
}

// The deadlines of a hash's fields: a sorted set, in two trees beside the tree of pairs.

import type { Collections } from '../collections.ts'
import { RankedMembers } from '../ranked-members.ts'
import type { Regions } from '../regions.ts'
import { StringList } from '../string-list.ts'

/*
 * The members are fields, the scores their deadlines. Only fields with a deadline are in the trees. So the first HEXPIRE of
 * a large hash costs no more than any other one.
 */

/** The word of the head of the region where the descriptors of the trees begin; the one of the pairs is at 0. */
const TREES_WORD = 3

/** As keys, a field is still there in the millisecond of its deadline. The methods that change deadlines need a region. */
export class FieldDeadlines {
  /** The result of `find`, and the argument of `set`: milliseconds since the epoch. */
  readonly deadline: Float64Array
  readonly #parts: Collections
  readonly #regions: Regions
  readonly #fields: RankedMembers

  constructor(parts: Collections) {
    this.#parts = parts
    this.#regions = parts.regions
    this.#fields = new RankedMembers(parts, TREES_WORD)
    this.deadline = this.#fields.score
  }

  /** How many fields of a region have a deadline. */
  count(region: number): number {
    return this.#regions.isMarked(region) ? this.#regions.head(region, this.#fields.countWord) : 0
  }

  /** How many of them are expired, and not yet removed. */
  countDue(region: number): number {
    if (this.count(region) === 0) return 0
    return this.#fields.openRanking(region).rankOfScore(this.#parts.store.nowCell[0], false)
  }

  /** Finds the deadline of a field. False: it has none. */
  find(region: number, bytes: Uint8Array, start: number, end: number): boolean {
    return this.count(region) !== 0 && this.#fields.find(region, bytes, start, end)
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
    this.#fields.find(region, bytes, start, end)
    this.deadline[0] = deadline
    this.#fields.insert(region, bytes, start, end)
  }

  /** Gives fields of a new hash their deadlines; 0: none. */
  load(region: number, fields: StringList, deadlines: Float64Array): void {
    const timed = new StringList()
    const scores = new Float64Array(fields.count)
    for (let i = 0; i < fields.count; i++) {
      if (deadlines[i] === 0) continue
      scores[timed.count] = deadlines[i]
      timed.add(fields.bytes, fields.starts[i], fields.ends[i])
    }
    if (timed.count === 0) return
    this.#regions.mark(region, true)
    this.#fields.load(region, timed, scores)
  }

  /** Removes the deadline of a field. False: it had none. */
  remove(region: number, bytes: Uint8Array, start: number, end: number): boolean {
    if (!this.find(region, bytes, start, end)) return false
    this.#fields.remove(region, bytes, start, end)
    if (this.#fields.ranking.count === 0) this.#regions.mark(region, false)
    return true
  }

  /** A copy of the field whose deadline was the first to pass; `undefined`: no field is expired. */
  firstDue(region: number): Buffer | undefined {
    if (this.countDue(region) === 0) return undefined
    const { ranking } = this.#fields
    ranking.seekRank(0)
    ranking.readString(ranking.stringsAt)
    return ranking.span.copy()
  }

  /** Throws when the trees contradict each other. Returns the pages that they use. For tests. */
  verify(region: number): number {
    const pages = this.#fields.verify(region)
    const { count } = this.#fields.ranking
    if (this.#regions.isMarked(region) !== count > 0)
      throw new Error(`a hash with ${count} deadlines is marked wrongly`)
    return pages
  }
}

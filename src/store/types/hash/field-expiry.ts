// The removal of expired fields: some with each change of their hash, the others in steps of active expiry.

import type { Ref } from '../../arena.ts'
import { COUNT_WORD, type Collections } from '../collections.ts'
import type { FieldDeadlines } from './field-deadlines.ts'
import type { PairTree } from './pair-tree.ts'

/** Expired fields that are removed at most when a hash is changed, and in a step of active expiry. */
const PURGED_BY_CHANGE = 16
const PURGED_BY_SWEEP = 256

export class FieldExpiry {
  readonly #parts: Collections
  readonly #pairs: PairTree
  readonly #deadlines: FieldDeadlines
  /** The region that was last searched for expired fields. */
  #swept = 0
  /** Regions that `sweep` leaves out. */
  readonly #kept = new Set<number>()

  constructor(parts: Collections, pairs: PairTree, deadlines: FieldDeadlines) {
    this.#parts = parts
    this.#pairs = pairs
    this.#deadlines = deadlines
  }

  /** Whether all fields of a region are expired. */
  isSpent(region: number): boolean {
    const { regions } = this.#parts
    if (region === 0 || !regions.isMarked(region)) return false
    return this.#deadlines.countDue(region) === regions.head(region, COUNT_WORD)
  }

  /** See `Hashes.sweep`. */
  sweep(regions: number, remove: (ref: Ref) => void): number {
    const { regions: all } = this.#parts
    let removed = 0
    for (let left = regions; left > 0 && all.marked !== 0 && removed < PURGED_BY_SWEEP; left--) {
      this.#swept = all.following(this.#swept)
      if (!all.isMarked(this.#swept) || this.#kept.has(this.#swept)) continue
      const gone = this.#purge(this.#swept, PURGED_BY_SWEEP - removed)
      removed += gone
      if (all.head(this.#swept, COUNT_WORD) === 0) remove(all.record(this.#swept))
      else if (gone > 0) this.#parts.store.noteChange(all.record(this.#swept))
    }
    return removed
  }

  /** Until the returned function is called, `sweep` leaves the fields of a region where they are. */
  keep(region: number): () => void {
    this.#kept.add(region)
    return () => void this.#kept.delete(region)
  }

  /** Removes expired fields of a region that is not spent, at least one if there is one. Returns whether there was one. */
  dropDue(region: number): boolean {
    if (region === 0 || !this.#parts.regions.isMarked(region)) return false
    return this.#purge(region, PURGED_BY_SWEEP) > 0
  }

  /** Before a field is changed: removes its deadline, unless it is kept, and the field itself if it is expired. */
  clearDeadline(region: number, bytes: Uint8Array, start: number, end: number, isKept: boolean): void {
    if (!this.#parts.regions.isMarked(region)) return
    this.#purge(region, PURGED_BY_CHANGE)
    if (this.#deadlines.isDue(region, bytes, start, end)) this.#pairs.remove(region, bytes, start, end)
    else if (isKept) return
    this.#deadlines.remove(region, bytes, start, end)
  }

  /** Removes up to `most` expired fields. Returns how many. */
  #purge(region: number, most: number): number {
    let removed = 0
    for (; removed < most; removed++) {
      const field = this.#deadlines.firstDue(region)
      if (field === undefined) break
      this.#deadlines.remove(region, field, 0, field.length)
      if (!this.#pairs.remove(region, field, 0, field.length)) throw new Error('a deadline has no field')
    }
    if (removed > 0) this.#parts.regions.stamp(region)
    return removed
  }
}

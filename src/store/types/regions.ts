// Regions: the memory of large collections, as numbered pages of any size in the arena.

import { NULL_REF, type Ref } from '../arena.ts'
import { NO_PAGE, RegionPages } from './region/pages.ts'

/*
 * A large collection has a region: a row of numbers (`region/rows.ts`), a page table and pages (`region/pages.ts`).
 * Whatever lives in the pages refers to other pages by number, so that the compactor may move a page: it only changes the
 * entry of the page table.
 */

/** Pages that are freed with their region, without waiting for `reclaim`: about half a millisecond. */
const RECLAIMED_AT_ONCE = 1024

export class Regions extends RegionPages {
  /** Regions in use, without those that are being freed. */
  count = 0
  /** Regions that are being freed. */
  readonly #dying: number[] = []

  /** A new region with a page table and a head of zeros. */
  create(record: Ref): number {
    const region = this.takeRow(record)
    this.createTable(region)
    this.count++
    return region
  }

  /**
   * A region with the same pages as one of this or of another store, which must not change meanwhile. Its record is to be
   * set. It is complete when `copyPages` has copied all of them.
   */
  copy(from: Regions, source: number): number {
    const region = this.create(NULL_REF)
    const numbers = from.numbers(source)
    this.setNumbers(region, numbers)
    this.copySeparate(region, from, source)
    this.freeBlock(region, this.table(region))
    this.setTable(region, this.copyBlock(region, 0, from, from.table(source)))
    // Pages that are not copied yet have no block, as those that are not used while a region is freed.
    for (let number = 1; number < numbers; number++) this.setEntry(region, number, NULL_REF)
    return region
  }

  /** Copies up to `most` pages of a region, from the page `number` on. Returns the next one; 0: all are copied. */
  copyPages(region: number, from: Regions, source: number, number: number, most: number): number {
    const numbers = from.numbers(source)
    const isUnused = new Uint8Array(numbers)
    const firstUnused = from.firstUnused(source)
    for (let unused = firstUnused; unused !== NO_PAGE; unused = from.entry(source, unused))
      isUnused[unused] = 1
    let next = number
    for (let left = most; next < numbers && left > 0; next++, left--) {
      const entry = from.entry(source, next)
      const block = isUnused[next] === 1 ? entry : this.copyBlock(region, next, from, entry as Ref)
      this.setEntry(region, next, block)
    }
    if (next < numbers) return next
    this.setFirstUnused(region, firstUnused)
    return 0
  }

  /**
   * Frees a region with all its pages: a large one step by step, by `reclaim`, so that deleting millions of elements
   * does not hold anything up. Its memory counts until then.
   */
  free(region: number): void {
    for (let number = this.firstUnused(region); number !== NO_PAGE; ) {
      const next = this.entry(region, number)
      this.setEntry(region, number, NULL_REF)
      number = next
    }
    this.mark(region, false)
    this.count--
    this.forget(region)
    this.#dying.push(region)
    this.reclaim(RECLAIMED_AT_ONCE)
  }

  /** Frees up to `most` pages of regions that are being freed. False: there are none. */
  reclaim(most: number): boolean {
    if (this.#dying.length === 0) return false
    let left = most
    for (let region = this.#dying.at(-1); region !== undefined && left > 0; region = this.#dying.at(-1)) {
      let numbers = this.numbers(region)
      for (; numbers > 1 && left > 0; left--) {
        const block = this.entry(region, --numbers) as Ref
        if (block !== NULL_REF) this.freeBlock(region, block)
      }
      this.setNumbers(region, numbers)
      if (numbers > 1) break
      this.freeBlock(region, this.table(region))
      this.giveRow(region)
      this.#dying.pop()
    }
    return true
  }

  /** Units of regions that are being freed. */
  get dyingUnits(): number {
    return this.#dying.reduce((sum, region) => sum + this.units(region), 0)
  }

  override clear(): void {
    super.clear()
    this.#dying.length = 0
    this.count = 0
  }

  /** Pages in use. For tests. */
  pages(region: number): number {
    let pages = this.numbers(region) - 1
    for (let number = this.firstUnused(region); number !== NO_PAGE; number = this.entry(region, number))
      pages--
    return pages
  }
}

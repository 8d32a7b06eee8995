// Regions: the memory of large collections, as numbered pages of any size in the arena.

import { type Arena, NULL_REF, OWNER_SHIFT, type Ref, UNIT_BYTES } from '../arena.ts'

/*
 * A large collection has a region: a page table and pages. Whatever lives in the pages refers to other pages by number,
 * so that the compactor may move a page: it only changes the entry of the page table.
 *
 *   record (value: region number) ──▶ row of the region ──▶ page table ──▶ pages
 *
 *   page        | arena's | region | page number | units | data …                          |   Int32 words; type bits 0
 *   page table  | arena's | region | 0           | units | head: HEAD_WORDS | refs of pages 1, 2, … |
 *
 * The head of the page table belongs to the collection: roots of its trees and what else it counts. An entry of an unused
 * page number is the next unused number. A row of the region is in `#rows`:
 *
 *   | record | page table | numbers ever used | first unused number | units in the arena | marked: 1 | separate strings | stamp |
 *
 * Pages are taken even above the limits of arena and budget: `Collections.settle` evicts after a command. So nothing
 * moves while a command works.
 */

const ROW = 8
const RECORD = 0
const TABLE = 1
const NUMBERS = 2
const UNUSED = 3
const UNITS = 4
const MARKED = 5
const SEPARATE = 6
const STAMP = 7

/** Words of a block that belong to the arena and to this file. */
export const PAGE_HEADER_WORDS = 4
const REGION_WORD = 1
const NUMBER_WORD = 2
const UNITS_WORD = 3

/** Words of the page table for the collection. */
const HEAD_WORDS = 20
const ENTRIES_AT = PAGE_HEADER_WORDS + HEAD_WORDS
const FIRST_CAPACITY = 4
const MIN_ROWS = 16

/** Pages that are freed with their region, without waiting for `reclaim`: about half a millisecond. */
const RECLAIMED_AT_ONCE = 1024

/** No page: numbers begin at 1. */
export const NO_PAGE = 0

export class Regions {
  /** Regions in use, without those that are being freed. */
  count = 0
  /** Those that are marked: hashes some of whose fields have a deadline. */
  marked = 0
  /** Units of all regions, also of those that are being freed. */
  totalUnits = 0
  /** The segment of the page that `locate` found, and the index of the page's first word there. */
  words: Int32Array = new Int32Array(0)
  at = 0
  #segment = 0
  /** The region that `recall` knows. */
  #found = 0
  readonly #arena: Arena
  /** Row 0 is not used: region 0 means none. */
  #rows = new Int32Array(MIN_ROWS * ROW)
  #used = 1
  /** First unused row; its word 0 is the next one. */
  #unused = 0
  #stamp = 0
  /** Regions that are being freed. */
  readonly #dying: number[] = []

  constructor(arena: Arena) {
    this.#arena = arena
  }

  /** Bytes of the rows. */
  get rowBytes(): number {
    return this.#used === 1 ? 0 : this.#rows.byteLength
  }

  /** A new region with a page table and a head of zeros. */
  create(record: Ref): number {
    let region = this.#unused
    if (region !== 0) this.#unused = this.#rows[region * ROW]
    else {
      region = this.#used
      if ((region + 1) * ROW > this.#rows.length) {
        const rows = new Int32Array(Math.ceil((region + 1) * 1.25) * ROW)
        rows.set(this.#rows)
        this.#rows = rows
      }
      this.#used++
    }
    const row = region * ROW
    this.#rows.fill(0, row, row + ROW)
    this.#rows[row + RECORD] = record
    this.#rows[row + NUMBERS] = 1
    this.stamp(region)
    this.#rows[row + TABLE] = this.#allocate(region, 0, (ENTRIES_AT + FIRST_CAPACITY) >> 1)
    this.count++
    return region
  }

  /**
   * A region with the same pages as one of this or of another store, which must not change meanwhile. Its record is to be
   * set. It is complete when `copyPages` has copied all of them.
   */
  copy(from: Regions, source: number): number {
    const region = this.create(NULL_REF)
    const row = region * ROW
    const fromRow = source * ROW
    const numbers = from.#rows[fromRow + NUMBERS]
    for (const word of [NUMBERS, UNUSED, SEPARATE]) this.#rows[row + word] = from.#rows[fromRow + word]
    this.freeBlock(region, this.#rows[row + TABLE] as Ref)
    this.#rows[row + TABLE] = this.#copyBlock(region, 0, from, from.#rows[fromRow + TABLE] as Ref)
    // Pages that are not copied yet have no block, as those that are not used while a region is freed.
    this.#rows[row + UNUSED] = NO_PAGE
    for (let number = 1; number < numbers; number++) this.#setEntry(region, number, NULL_REF)
    return region
  }

  /** Copies up to `most` pages of a region, from the page `number` on. Returns the next one; 0: all are copied. */
  copyPages(region: number, from: Regions, source: number, number: number, most: number): number {
    const numbers = from.#rows[source * ROW + NUMBERS]
    const isUnused = new Uint8Array(numbers)
    const firstUnused = from.#rows[source * ROW + UNUSED]
    for (let unused = firstUnused; unused !== NO_PAGE; unused = from.#entry(source, unused))
      isUnused[unused] = 1
    let next = number
    for (let left = most; next < numbers && left > 0; next++, left--) {
      const entry = from.#entry(source, next)
      const block = isUnused[next] === 1 ? entry : this.#copyBlock(region, next, from, entry as Ref)
      this.#setEntry(region, next, block)
    }
    if (next < numbers) return next
    this.#rows[region * ROW + UNUSED] = firstUnused
    return 0
  }

  #copyBlock(region: number, number: number, from: Regions, block: Ref): Ref {
    const units = from.neededUnits(block)
    const copied = this.#allocate(region, number, units)
    const own = this.#arena
    const other = from.#arena
    const start = ((block & other.unitMask) << 1) + PAGE_HEADER_WORDS
    own.words[copied >>> own.shift].set(
      other.words[block >>> other.shift].subarray(start, start + (units << 1) - PAGE_HEADER_WORDS),
      ((copied & own.unitMask) << 1) + PAGE_HEADER_WORDS,
    )
    return copied
  }

  /**
   * Frees a region with all its pages: a large one step by step, by `reclaim`, so that deleting millions of elements
   * does not hold anything up. Its memory counts until then.
   */
  free(region: number): void {
    for (let number = this.#rows[region * ROW + UNUSED]; number !== NO_PAGE; ) {
      const next = this.#entry(region, number)
      this.#setEntry(region, number, NULL_REF)
      number = next
    }
    this.mark(region, false)
    this.count--
    if (this.#found === region) this.#found = 0
    this.#dying.push(region)
    this.reclaim(RECLAIMED_AT_ONCE)
  }

  /** Frees up to `most` pages of regions that are being freed. False: there are none. */
  reclaim(most: number): boolean {
    if (this.#dying.length === 0) return false
    let left = most
    for (let region = this.#dying.at(-1); region !== undefined && left > 0; region = this.#dying.at(-1)) {
      const row = region * ROW
      const rows = this.#rows
      while (rows[row + NUMBERS] > 1 && left > 0) {
        const block = this.#entry(region, --rows[row + NUMBERS]) as Ref
        if (block !== NULL_REF) this.freeBlock(region, block)
        left--
      }
      if (rows[row + NUMBERS] > 1) break
      this.freeBlock(region, rows[row + TABLE] as Ref)
      rows[row] = this.#unused
      rows[row + TABLE] = NULL_REF
      this.#unused = region
      this.#dying.pop()
    }
    return true
  }

  /** Whether strings of the collection have pages of their own. */
  hasSeparate(region: number): boolean {
    return this.#rows[region * ROW + SEPARATE] !== 0
  }

  countSeparate(region: number, change: number): void {
    this.#rows[region * ROW + SEPARATE] += change
  }

  /** Units of regions that are being freed. */
  get dyingUnits(): number {
    return this.#dying.reduce((sum, region) => sum + this.units(region), 0)
  }

  clear(): void {
    this.#rows = new Int32Array(MIN_ROWS * ROW)
    this.#used = 1
    this.#unused = 0
    this.#dying.length = 0
    this.#found = 0
    this.count = 0
    this.marked = 0
    this.totalUnits = 0
  }

  isMarked(region: number): boolean {
    return this.#rows[region * ROW + MARKED] !== 0
  }

  mark(region: number, on: boolean): void {
    if (this.isMarked(region) === on) return
    this.#rows[region * ROW + MARKED] = on ? 1 : 0
    this.marked += on ? 1 : -1
  }

  /** The region after another one; after the last one the first. It may be unused. */
  following(region: number): number {
    return region + 1 < this.#used ? region + 1 : 1
  }

  /** Gives a region that is new or was changed a stamp that none had before. */
  stamp(region: number): void {
    // 31 bits, without 0.
    this.#stamp = (this.#stamp & 0x7ffffffe) === 0x7ffffffe ? 1 : this.#stamp + 1
    this.#rows[region * ROW + STAMP] = this.#stamp
  }

  stampOf(region: number): number {
    return this.#rows[region * ROW + STAMP]
  }

  /** Units of the page table and all pages. */
  units(region: number): number {
    return this.#rows[region * ROW + UNITS]
  }

  /** Pages in use. For tests. */
  pages(region: number): number {
    const row = region * ROW
    let pages = this.#rows[row + NUMBERS] - 1
    for (let number = this.#rows[row + UNUSED]; number !== NO_PAGE; number = this.#entry(region, number))
      pages--
    return pages
  }

  /** The region of a record if it is the one that was asked for last; 0: it is another one, or there is none. */
  recall(record: Ref): number {
    return this.#rows[this.#found * ROW + RECORD] === record ? this.#found : 0
  }

  /** Makes a region the one that `recall` knows. */
  remember(region: number): void {
    this.#found = region
  }

  record(region: number): Ref {
    return this.#rows[region * ROW + RECORD] as Ref
  }

  setRecord(region: number, record: Ref): void {
    this.#rows[region * ROW + RECORD] = record
  }

  /** A word of the collection's own in the head, 0 ≤ `i` < HEAD_WORDS. */
  head(region: number, i: number): number {
    const table = this.#rows[region * ROW + TABLE]
    const { words, shift, unitMask } = this.#arena
    return words[table >>> shift][((table & unitMask) << 1) + PAGE_HEADER_WORDS + i]
  }

  setHead(region: number, i: number, value: number): void {
    const table = this.#rows[region * ROW + TABLE]
    const { words, shift, unitMask } = this.#arena
    words[table >>> shift][((table & unitMask) << 1) + PAGE_HEADER_WORDS + i] = value
  }

  /** Points `words` and `at` at the page table: the head is behind the header, as the data of a page. */
  locateHead(region: number): void {
    this.#point(this.#rows[region * ROW + TABLE])
  }

  /** Two words of the head as a double. */
  headDouble(region: number, i: number): number {
    const table = this.#rows[region * ROW + TABLE]
    const { views, shift, unitMask } = this.#arena
    return views[table >>> shift].getFloat64(
      (table & unitMask) * UNIT_BYTES + (PAGE_HEADER_WORDS + i) * 4,
      true,
    )
  }

  setHeadDouble(region: number, i: number, value: number): void {
    const table = this.#rows[region * ROW + TABLE]
    const { views, shift, unitMask } = this.#arena
    views[table >>> shift].setFloat64(
      (table & unitMask) * UNIT_BYTES + (PAGE_HEADER_WORDS + i) * 4,
      value,
      true,
    )
  }

  /** Points `words` and `at` at a page. */
  locate(region: number, number: number): void {
    const { words, shift, unitMask } = this.#arena
    const table = this.#rows[region * ROW + TABLE]
    this.#point(words[table >>> shift][((table & unitMask) << 1) + ENTRIES_AT - 1 + number])
  }

  /** The memory of the located page as bytes. Not set by `locate`: a search needs words only. */
  get bytes(): Buffer {
    return this.#arena.bytes[this.#segment]
  }

  get view(): DataView {
    return this.#arena.views[this.#segment]
  }

  #point(block: number): void {
    const { words, shift, unitMask } = this.#arena
    this.#segment = block >>> shift
    this.words = words[this.#segment]
    this.at = (block & unitMask) << 1
  }

  /** Units of the page that `locate` found, as they were asked for. */
  get pageUnits(): number {
    return this.words[this.at + UNITS_WORD]
  }

  /** Takes a page of `units`, and returns its number. Its data is undefined. */
  take(region: number, units: number): number {
    const row = region * ROW
    let number = this.#rows[row + UNUSED]
    if (number !== NO_PAGE) this.#rows[row + UNUSED] = this.#entry(region, number)
    else {
      number = this.#rows[row + NUMBERS]
      if (number >= this.#capacity(region)) this.#growTable(region)
      this.#rows[row + NUMBERS] = number + 1
    }
    this.#setEntry(region, number, this.#allocate(region, number, units))
    return number
  }

  /** Frees a page. Its number may be used again. */
  give(region: number, number: number): void {
    const row = region * ROW
    this.freeBlock(region, this.#entry(region, number) as Ref)
    this.#setEntry(region, number, this.#rows[row + UNUSED])
    this.#rows[row + UNUSED] = number
  }

  /**
   * Gives a page another block of `units`, without copying. `locate` finds the new block; the old one must be freed by
   * `freeBlock`.
   */
  replace(region: number, number: number, units: number): Ref {
    const old = this.#entry(region, number) as Ref
    this.#setEntry(region, number, this.#allocate(region, number, units))
    return old
  }

  freeBlock(region: number, block: Ref): void {
    this.#countUnits(region, -this.#arena.units(block))
    this.#arena.free(block)
  }

  /** Whether a block of the arena is a page or a page table, and not a record. */
  isPage(block: Ref): boolean {
    return this.#word(block, 0) >>> OWNER_SHIFT === 0
  }

  /** Units of a block that must be kept when it is moved. */
  neededUnits(block: Ref): number {
    return this.#word(block, UNITS_WORD)
  }

  /** Moves a page or page table to another block, and frees the old one. */
  move(from: Ref, to: Ref): void {
    const region = this.#word(from, REGION_WORD)
    const number = this.#word(from, NUMBER_WORD)
    this.#countUnits(region, this.#arena.units(to) - this.#arena.units(from))
    this.#arena.move(from, to, this.neededUnits(from))
    if (number === 0) this.#rows[region * ROW + TABLE] = to
    else this.#setEntry(region, number, to)
  }

  /** The row of the region that a block belongs to says so. For integrity checks. */
  isKnown(block: Ref): boolean {
    const region = this.#word(block, REGION_WORD)
    const number = this.#word(block, NUMBER_WORD)
    if (region <= 0 || region >= this.#used) return false
    return (number === 0 ? this.#rows[region * ROW + TABLE] : this.#entry(region, number)) === block
  }

  #allocate(region: number, number: number, units: number): Ref {
    const block = this.#arena.alloc(units) || this.#arena.alloc(units, true)
    if (block === NULL_REF) throw new Error('the memory of the group has no segment numbers left')
    const { words, shift, unitMask } = this.#arena
    const page = words[block >>> shift]
    const at = (block & unitMask) << 1
    page[at + REGION_WORD] = region
    page[at + NUMBER_WORD] = number
    page[at + UNITS_WORD] = units
    if (number === 0) page.fill(0, at + PAGE_HEADER_WORDS, at + (units << 1))
    this.#countUnits(region, this.#arena.units(block))
    return block
  }

  #countUnits(region: number, change: number): void {
    this.#rows[region * ROW + UNITS] += change
    this.totalUnits += change
  }

  /** Page numbers below this have an entry. */
  #capacity(region: number): number {
    return (this.#word(this.#rows[region * ROW + TABLE] as Ref, UNITS_WORD) << 1) - ENTRIES_AT + 1
  }

  #growTable(region: number): void {
    const row = region * ROW
    const old = this.#rows[row + TABLE] as Ref
    const oldUnits = this.#word(old, UNITS_WORD)
    // A quarter larger, so that a collection of medium size does not pay for a table of twice its pages.
    const table = this.#allocate(region, 0, oldUnits + Math.max(4, oldUnits >> 2))
    const { words, shift, unitMask } = this.#arena
    const from = (old & unitMask) << 1
    words[table >>> shift].set(
      words[old >>> shift].subarray(from + PAGE_HEADER_WORDS, from + (oldUnits << 1)),
      ((table & unitMask) << 1) + PAGE_HEADER_WORDS,
    )
    this.freeBlock(region, old)
    this.#rows[row + TABLE] = table
  }

  #entry(region: number, number: number): number {
    return this.#word(this.#rows[region * ROW + TABLE] as Ref, ENTRIES_AT - 1 + number)
  }

  #setEntry(region: number, number: number, value: number): void {
    const table = this.#rows[region * ROW + TABLE]
    const { words, shift, unitMask } = this.#arena
    words[table >>> shift][((table & unitMask) << 1) + ENTRIES_AT - 1 + number] = value
  }

  #word(block: Ref, offset: number): number {
    return this.#arena.words[block >>> this.#arena.shift][((block & this.#arena.unitMask) << 1) + offset]
  }
}

// The pages of regions: blocks of the arena, which a page table finds by number, so that they may move.

import { type Arena, NULL_REF, OWNER_SHIFT, type Ref, UNIT_BYTES } from '../../arena.ts'
import { RegionRows } from './rows.ts'

/*
 *   record (value: region number) ──▶ row of the region ──▶ page table ──▶ pages
 *
 *   page        | arena's | region | page number | units | data …                          |   Int32 words; type bits 0
 *   page table  | arena's | region | 0           | units | head: HEAD_WORDS | refs of pages 1, 2, … |
 *
 * The head of the page table belongs to the collection: roots of its trees, and counters. An entry of an unused
 * page number is the next unused number.
 *
 * Pages are taken even above the limits of arena and budget: `Collections.settle` evicts after a command. So nothing
 * moves while a command works.
 */

/** Words of a block that belong to the arena and to this file. */
export const PAGE_HEADER_WORDS = 4
const PAGE_HEADER_BYTES = 4 * PAGE_HEADER_WORDS
const REGION_WORD = 1
const NUMBER_WORD = 2
const UNITS_WORD = 3

/** Words of the page table for the collection. */
const HEAD_WORDS = 20
const ENTRIES_AT = PAGE_HEADER_WORDS + HEAD_WORDS
const FIRST_CAPACITY = 4

/** No page: numbers begin at 1. */
export const NO_PAGE = 0

export class RegionPages extends RegionRows {
  /** The segment of the page that `locate` found, and the index of the page's first word there. */
  words: Int32Array = new Int32Array(0)
  at = 0
  #segment = 0
  protected readonly arena: Arena

  constructor(arena: Arena) {
    super()
    this.arena = arena
  }

  /** A word of the collection's own in the head, 0 ≤ `i` < HEAD_WORDS. */
  head(region: number, i: number): number {
    const table = this.table(region)
    const { words, shift, unitMask } = this.arena
    return words[table >>> shift][((table & unitMask) << 1) + PAGE_HEADER_WORDS + i]
  }

  setHead(region: number, i: number, value: number): void {
    const table = this.table(region)
    const { words, shift, unitMask } = this.arena
    words[table >>> shift][((table & unitMask) << 1) + PAGE_HEADER_WORDS + i] = value
  }

  /** Points `words` and `at` at the page table: the head is behind the header, as the data of a page. */
  locateHead(region: number): void {
    this.#point(this.table(region))
  }

  /** Two words of the head as a double. */
  headDouble(region: number, i: number): number {
    const table = this.table(region)
    const { views, shift, unitMask } = this.arena
    return views[table >>> shift].getFloat64(
      (table & unitMask) * UNIT_BYTES + (PAGE_HEADER_WORDS + i) * 4,
      true,
    )
  }

  setHeadDouble(region: number, i: number, value: number): void {
    const table = this.table(region)
    const { views, shift, unitMask } = this.arena
    views[table >>> shift].setFloat64(
      (table & unitMask) * UNIT_BYTES + (PAGE_HEADER_WORDS + i) * 4,
      value,
      true,
    )
  }

  /** Points `words` and `at` at a page. */
  locate(region: number, number: number): void {
    const { words, shift, unitMask } = this.arena
    const table = this.table(region)
    this.#point(words[table >>> shift][((table & unitMask) << 1) + ENTRIES_AT - 1 + number])
  }

  /** The memory of the located page as bytes. Not set by `locate`: a search needs words only. */
  get bytes(): Buffer {
    return this.arena.bytes[this.#segment]
  }

  get view(): DataView {
    return this.arena.views[this.#segment]
  }

  #point(block: number): void {
    const { words, shift, unitMask } = this.arena
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
    let number = this.firstUnused(region)
    if (number !== NO_PAGE) this.setFirstUnused(region, this.entry(region, number))
    else {
      number = this.numbers(region)
      if (number >= this.#capacity(region)) this.#growTable(region)
      this.setNumbers(region, number + 1)
    }
    this.setEntry(region, number, this.allocate(region, number, units))
    return number
  }

  /** Frees a page. Its number may be used again. */
  give(region: number, number: number): void {
    this.freeBlock(region, this.entry(region, number) as Ref)
    this.setEntry(region, number, this.firstUnused(region))
    this.setFirstUnused(region, number)
  }

  /**
   * Gives a page another block of `units`, without copying. `locate` finds the new block; the old one must be freed by
   * `freeBlock`.
   */
  replace(region: number, number: number, units: number): Ref {
    const old = this.entry(region, number) as Ref
    this.setEntry(region, number, this.allocate(region, number, units))
    return old
  }

  freeBlock(region: number, block: Ref): void {
    this.countUnits(region, -this.arena.units(block))
    this.arena.free(block)
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
    this.countUnits(region, this.arena.units(to) - this.arena.units(from))
    this.arena.move(from, to, this.neededUnits(from))
    if (number === 0) this.setTable(region, to)
    else this.setEntry(region, number, to)
  }

  /** Whether the row of a block's region confirms that the block belongs to it. For integrity checks. */
  isKnown(block: Ref): boolean {
    const region = this.#word(block, REGION_WORD)
    const number = this.#word(block, NUMBER_WORD)
    if (!this.isUsed(region)) return false
    return (number === 0 ? this.table(region) : this.entry(region, number)) === block
  }

  /** Gives a new region its page table, with a head of zeros. */
  protected createTable(region: number): void {
    this.setTable(region, this.allocate(region, 0, (ENTRIES_AT + FIRST_CAPACITY) >> 1))
  }

  /** A block for a page, or with the number 0 for a page table. */
  protected allocate(region: number, number: number, units: number): Ref {
    const block = this.arena.alloc(units) || this.arena.alloc(units, true)
    if (block === NULL_REF) throw new Error('the memory of the group has no segment numbers left')
    const { words, shift, unitMask } = this.arena
    const page = words[block >>> shift]
    const at = (block & unitMask) << 1
    page[at + REGION_WORD] = region
    page[at + NUMBER_WORD] = number
    page[at + UNITS_WORD] = units
    if (number === 0) page.fill(0, at + PAGE_HEADER_WORDS, at + (units << 1))
    this.countUnits(region, this.arena.units(block))
    return block
  }

  /** A block as `allocate`s, with what is in a block of this or of another store. */
  protected copyBlock(region: number, number: number, from: RegionPages, block: Ref): Ref {
    const units = from.neededUnits(block)
    const copied = this.allocate(region, number, units)
    const own = this.arena
    const other = from.arena
    const start = (block & other.unitMask) * UNIT_BYTES
    other.bytes[block >>> other.shift].copy(
      own.bytes[copied >>> own.shift],
      (copied & own.unitMask) * UNIT_BYTES + PAGE_HEADER_BYTES,
      start + PAGE_HEADER_BYTES,
      start + units * UNIT_BYTES,
    )
    return copied
  }

  /** What the page table has for a number: the block of the page, or the next unused number. */
  protected entry(region: number, number: number): number {
    return this.#word(this.table(region), ENTRIES_AT - 1 + number)
  }

  protected setEntry(region: number, number: number, value: number): void {
    const table = this.table(region)
    const { words, shift, unitMask } = this.arena
    words[table >>> shift][((table & unitMask) << 1) + ENTRIES_AT - 1 + number] = value
  }

  /** Page numbers below this have an entry. */
  #capacity(region: number): number {
    return (this.#word(this.table(region), UNITS_WORD) << 1) - ENTRIES_AT + 1
  }

  #growTable(region: number): void {
    const old = this.table(region)
    const oldUnits = this.#word(old, UNITS_WORD)
    // A quarter larger, so that a collection of medium size does not pay for a table of twice its pages.
    const table = this.allocate(region, 0, oldUnits + Math.max(4, oldUnits >> 2))
    const { bytes, shift, unitMask } = this.arena
    const from = (old & unitMask) * UNIT_BYTES
    bytes[old >>> shift].copy(
      bytes[table >>> shift],
      (table & unitMask) * UNIT_BYTES + PAGE_HEADER_BYTES,
      from + PAGE_HEADER_BYTES,
      from + oldUnits * UNIT_BYTES,
    )
    this.freeBlock(region, old)
    this.setTable(region, table)
  }

  #word(block: Ref, offset: number): number {
    return this.arena.words[block >>> this.arena.shift][((block & this.arena.unitMask) << 1) + offset]
  }
}

// The row of each region: numbers about it besides its pages, outside the JavaScript heap.

import { NULL_REF, type Ref } from '../../arena.ts'

/*
 *   | record | page table | numbers ever used | first unused number | units in the arena | marked: 1 | separate strings | stamp |
 *
 * The first word of an unused row is the next unused row.
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

const MIN_ROWS = 16

export class RegionRows {
  /** Regions that are marked: hashes some of whose fields have a deadline. */
  marked = 0
  /** Units of all regions, also of those that are being freed. */
  totalUnits = 0
  /** Row 0 is not used: region 0 means none. */
  #rows = new Int32Array(MIN_ROWS * ROW)
  #used = 1
  #unused = 0
  #stamp = 0
  /** The region that `recall` knows. */
  #found = 0

  /** Bytes of the rows. */
  get rowBytes(): number {
    return this.#used === 1 ? 0 : this.#rows.byteLength
  }

  /** A row for a new region, which has no page table yet. Returns its number. */
  protected takeRow(record: Ref): number {
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
    return region
  }

  protected giveRow(region: number): void {
    const row = region * ROW
    this.#rows[row] = this.#unused
    this.#rows[row + TABLE] = NULL_REF
    this.#unused = region
  }

  clear(): void {
    this.#rows = new Int32Array(MIN_ROWS * ROW)
    this.#used = 1
    this.#unused = 0
    this.#found = 0
    this.marked = 0
    this.totalUnits = 0
  }

  record(region: number): Ref {
    return this.#rows[region * ROW + RECORD] as Ref
  }

  setRecord(region: number, record: Ref): void {
    this.#rows[region * ROW + RECORD] = record
  }

  /** The region of a record if it is the one that was asked for last; 0: it is another one, or there is none. */
  recall(record: Ref): number {
    return this.#rows[this.#found * ROW + RECORD] === record ? this.#found : 0
  }

  /** Makes a region the one that `recall` knows. */
  remember(region: number): void {
    this.#found = region
  }

  /** Of a region that is being freed: `recall` must not know it. */
  protected forget(region: number): void {
    if (this.#found === region) this.#found = 0
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

  /** Whether strings of the collection have pages of their own. */
  hasSeparate(region: number): boolean {
    return this.#rows[region * ROW + SEPARATE] !== 0
  }

  countSeparate(region: number, change: number): void {
    this.#rows[region * ROW + SEPARATE] += change
  }

  /** Units of the page table and all pages. */
  units(region: number): number {
    return this.#rows[region * ROW + UNITS]
  }

  protected countUnits(region: number, change: number): void {
    this.#rows[region * ROW + UNITS] += change
    this.totalUnits += change
  }

  protected isUsed(region: number): boolean {
    return region > 0 && region < this.#used
  }

  /** The block of the page table. */
  protected table(region: number): Ref {
    return this.#rows[region * ROW + TABLE] as Ref
  }

  protected setTable(region: number, block: Ref): void {
    this.#rows[region * ROW + TABLE] = block
  }

  /** Page numbers from this one on were never used. */
  protected numbers(region: number): number {
    return this.#rows[region * ROW + NUMBERS]
  }

  protected setNumbers(region: number, numbers: number): void {
    this.#rows[region * ROW + NUMBERS] = numbers
  }

  /** The first unused page number; 0: none. */
  protected firstUnused(region: number): number {
    return this.#rows[region * ROW + UNUSED]
  }

  protected setFirstUnused(region: number, number: number): void {
    this.#rows[region * ROW + UNUSED] = number
  }

  /** The region has as many separate strings as another one, of this or of other rows. */
  protected copySeparate(region: number, from: RegionRows, source: number): void {
    this.#rows[region * ROW + SEPARATE] = from.#rows[source * ROW + SEPARATE]
  }
}

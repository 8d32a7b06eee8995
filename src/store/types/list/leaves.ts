// The leaves of a long list: a position in them, and how they grow, are divided and merged.

import { UNIT_BYTES } from '../../arena.ts'
import { NO_PAGE, PAGE_HEADER_WORDS } from '../region/pages.ts'
import { TreeInnerPages } from '../tree/inner.ts'
import { LAYOUT } from '../tree/layout.ts'
import { INTEGER, LONG, LONG_BYTES, SEPARATE, SEPARATE_BYTES } from './element.ts'

/*
 *   leaf   | header | count | from, to << 16 | … free … | elements → | … free … |
 *
 * `from` and `to` are where the elements begin and end, counted from the end of the third field. There is room on both
 * sides, so a push or a pop at either end of a list moves nothing. Leaves begin small and grow to LEAF_UNITS; the inner
 * pages above them are those of the other trees (`tree/layout.ts`), without keys.
 */

const { COUNT, HEAP: RANGE, DATA, DATA_BYTES, LEAF_UNITS, FIRST_UNITS } = LAYOUT

/** A leaf with fewer bytes is merged with a neighbour, if both together have at most MERGED_BYTES. */
const SPARSE_BYTES = 1024
const MERGED_BYTES = 3072

/** A list with more than this many times the elements of a leaf is long. */
const LONG_LIST = 32

const NO_KEY: readonly number[] = []

export abstract class ListLeaves extends TreeInnerPages {
  /** The elements of the open leaf are `bytes[from, to)`. There is room from `room` on, and up to `end`. */
  protected room = 0
  protected from = 0
  protected to = 0

  /** Chooses the list of a region. */
  override open(region: number): void {
    this.region = region
    const { regions } = this
    regions.locateHead(region)
    const { words } = regions
    const at = regions.at + PAGE_HEADER_WORDS
    this.root = words[at]
    this.height = words[at + 1]
    this.count = words[at + 2]
  }

  protected override save(): void {
    const { regions } = this
    regions.locateHead(this.region)
    const { words } = regions
    const at = regions.at + PAGE_HEADER_WORDS
    words[at] = this.root
    words[at + 1] = this.height
    words[at + 2] = this.count
  }

  override seekRank(rank: number): boolean {
    const left = this.seekLeaf(rank)
    const page = this.pages[this.height]
    if (page === NO_PAGE) return false
    this.openLeaf(page)
    const { leafCount } = this
    let at = this.from
    if (left <= leafCount >>> 1) for (let i = 0; i < left; i++) at = this.after(at)
    else {
      at = this.to
      for (let i = leafCount; i > left; i--) at = this.before(at)
    }
    this.at = at
    return left < leafCount
  }

  /** Goes before the first element, or behind the last one. */
  seekEdge(isRight: boolean): void {
    const { regions, height } = this
    let page = this.root
    for (let level = 0; level < height; level++) {
      regions.locate(this.region, page)
      const { words, at } = regions
      const i = isRight ? words[at + COUNT] - 1 : 0
      this.pages[level] = page
      this.indexes[level] = i
      page = words[at + DATA + i]
    }
    this.pages[height] = page
    this.indexes[height] = 0
    if (page === NO_PAGE) return
    this.openLeaf(page)
    if (isRight) this.indexes[height] = this.leafCount
    this.at = isRight ? this.to : this.from
  }

  override next(): boolean {
    const { height } = this
    if (++this.indexes[height] < this.leafCount) {
      this.at = this.after(this.at)
      return true
    }
    if (!this.toNextLeaf()) {
      this.at = this.to
      return false
    }
    this.openLeaf(this.pages[height])
    this.at = this.from
    return true
  }

  override previous(): boolean {
    const { height } = this
    if (--this.indexes[height] >= 0) {
      this.at = this.before(this.at)
      return true
    }
    if (!this.toPreviousLeaf()) return false
    this.openLeaf(this.pages[height])
    this.at = this.before(this.to)
    return true
  }

  /** Where the element after the one at `at` begins. */
  protected after(at: number): number {
    const first = this.bytes[at]
    return first < LONG ? at + first + 2 : at + this.#wideBytes(first, at + 1)
  }

  /** Where the element that ends at `at` begins. */
  protected before(at: number): number {
    const last = this.bytes[at - 1]
    return last < LONG ? at - last - 2 : at - this.#wideBytes(last, at - 3)
  }

  /** @param lengthAt of a LONG element, where its length is */
  #wideBytes(mark: number, lengthAt: number): number {
    if (mark > INTEGER) return mark - INTEGER + 2
    return mark === SEPARATE ? SEPARATE_BYTES : LONG_BYTES + this.view.getUint16(lengthAt, true)
  }

  protected override openLeaf(page: number): void {
    const { regions } = this
    regions.locate(this.region, page)
    const { words, at } = regions
    // Most lists are in few segments; a comparison costs less than the write barrier of the garbage collector.
    if (this.leaf !== words) {
      this.leaf = words
      this.bytes = regions.bytes
      this.view = regions.view
    }
    const room = (at + DATA) * 4
    const range = words[at + RANGE]
    this.leafAt = at
    this.leafCount = words[at + COUNT]
    this.room = room
    this.from = room + (range & 0xffff)
    this.to = room + (range >>> 16)
    this.end = at * 4 + regions.pageUnits * UNIT_BYTES
  }

  protected saveLeaf(): void {
    const { leaf, leafAt, room } = this
    leaf[leafAt + COUNT] = this.leafCount
    leaf[leafAt + RANGE] = (this.from - room) | ((this.to - room) << 16)
  }

  /** The first leaf. */
  protected plant(bytes: number): void {
    this.root = this.takePage(Math.max(FIRST_UNITS, unitsOf(bytes)))
    this.height = 0
    this.seekEdge(false)
  }

  /** Makes a gap of `bytes` at the position, which may be in another leaf afterwards. `isFilled`: many are appended. */
  protected makeGap(bytes: number, isFilled: boolean): void {
    for (;;) {
      const missing = bytes - (this.from - this.room) - (this.end - this.to)
      if (missing <= 0) break
      this.#enlarge(missing, isFilled)
    }
    const { from, to, at } = this
    if (at === to) {
      if (this.end - to < bytes) this.#shift(this.room)
      this.at = this.to
      this.to += bytes
    } else if (at === from) {
      if (from - this.room < bytes) this.#shift(this.end - (to - from))
      this.from -= bytes
      this.at = this.from
    } else this.#makeInnerGap(bytes)
  }

  /** Between two elements: moves those of the shorter side, if there is room. */
  #makeInnerGap(gap: number): void {
    const { bytes, from, to, at, room } = this
    const isRoomBehind = this.end - to >= gap
    const isRoomBefore = from - room >= gap
    if (isRoomBehind && (!isRoomBefore || to - at <= at - from)) {
      bytes.copy(bytes, at + gap, at, to)
      this.to = to + gap
    } else if (isRoomBefore) {
      bytes.copy(bytes, from - gap, from, at)
      this.from = from - gap
      this.at = at - gap
    } else {
      const middle = room + at - from
      bytes.copy(bytes, room, from, at)
      bytes.copy(bytes, middle + gap, at, to)
      this.from = room
      this.at = middle
      this.to = middle + gap + to - at
    }
  }

  /** Removes `bytes[at, next)` of the open leaf. */
  protected closeGap(next: number): void {
    const { bytes, from, to, at } = this
    if (at === from) this.from = next
    else if (next === to) this.to = at
    else if (at - from < to - next) {
      this.from = from + next - at
      bytes.copy(bytes, this.from, from, at)
    } else {
      this.to = to + at - next
      bytes.copy(bytes, at, next, to)
    }
  }

  /** Moves all elements of the open leaf. */
  #shift(target: number): void {
    const { bytes, from, to } = this
    bytes.copy(bytes, target, from, to)
    this.from = target
    this.to = target + to - from
  }

  /** Makes more room in the leaf of the path, or divides it; there may be too little afterwards, too. */
  #enlarge(missing: number, isFilled: boolean): void {
    const { leafCount, height } = this
    const page = this.pages[height]
    const units = this.#units
    const i = this.indexes[height]
    if (units < LEAF_UNITS) {
      // What is pushed to a long list fills the leaf: there it need not be tight meanwhile.
      const isRoomy = isFilled || (height > 0 && this.#isOutermost())
      const more = Math.max(16, isRoomy ? LEAF_UNITS : units >> 3, (missing + UNIT_BYTES - 1) >>> 3)
      const distance = this.at - this.from
      this.#resize(page, Math.min(LEAF_UNITS, units + more))
      this.at = this.from + distance
      return
    }
    const isLast = i === leafCount && this.isAtEdge(true)
    if (isLast || (i === 0 && this.isAtEdge(false))) {
      // What is pushed goes to a new leaf: the old one stays as it is.
      const added = this.takePage(isFilled || this.#isLong ? LEAF_UNITS : FIRST_UNITS)
      if (isLast) this.insertChild(height - 1, page, leafCount, added, 0, NO_KEY)
      else this.insertChild(height - 1, added, 0, page, leafCount, NO_KEY)
      this.seekEdge(isLast)
      return
    }
    const rank = this.rank()
    this.#divide(page)
    this.seekRank(rank)
  }

  /** Divides a full leaf in the middle. */
  #divide(page: number): void {
    const { from, to, bytes, leafCount } = this
    const half = from + ((to - from) >>> 1)
    let middle = this.after(from)
    let left = 1
    for (; middle < half && left < leafCount - 1; left++) middle = this.after(middle)
    this.leafCount = left
    this.to = middle
    this.saveLeaf()
    const right = this.takePage(roomyUnits(to - middle))
    this.#fill(right, leafCount - left, bytes, middle, to)
    this.#resize(page, roomyUnits(middle - from))
    this.insertChild(this.height - 1, page, left, right, leafCount - left, NO_KEY)
  }

  /** Gives a leaf a block of `units`. */
  #resize(page: number, units: number): void {
    const { regions } = this
    this.openLeaf(page)
    const { bytes, from, to, leafCount } = this
    const old = regions.replace(this.region, page, units)
    this.#fill(page, leafCount, bytes, from, to)
    regions.freeBlock(this.region, old)
  }

  /** Writes elements at the beginning of a leaf. */
  #fill(page: number, count: number, source: Buffer, start: number, end: number): void {
    const { regions } = this
    regions.locate(this.region, page)
    regions.words[regions.at + RANGE] = 0
    this.openLeaf(page)
    source.copy(this.bytes, this.room, start, end)
    this.leafCount = count
    this.from = this.room
    this.to = this.room + end - start
    this.saveLeaf()
  }

  get #units(): number {
    return this.end / UNIT_BYTES - (this.leafAt >>> 1)
  }

  /** Whether the open leaf is a small part of the list: one at an end, which is filled or emptied soon, may be roomy. */
  get #isLong(): boolean {
    return this.count > LONG_LIST * this.leafCount
  }

  /** Whether the position is before all elements of the list, or behind all. */
  #isOutermost(): boolean {
    const i = this.indexes[this.height]
    return (i === this.leafCount && this.isAtEdge(true)) || (i === 0 && this.isAtEdge(false))
  }

  /** After a removal, from the open leaf of the path: merges a sparse leaf with a neighbour, or gives it a smaller block. */
  protected shrinkLeaf(): void {
    const { height } = this
    const units = this.#units
    const live = this.to - this.from
    const isSparse = DATA_BYTES + live < SPARSE_BYTES && height > 0
    const isRoomy = units > FIRST_UNITS && DATA_BYTES + live < (units * UNIT_BYTES) / 2
    if (!isSparse && !isRoomy) return
    // What is taken from an end of a long list empties its leaf soon: it may be roomy meanwhile.
    if (this.#isLong && this.#isOutermost()) return
    if (isSparse && this.#merge(live)) return
    if (isRoomy) this.#resize(this.pages[height], roomyUnits(live))
  }

  /** Gives the last leaf, after many were appended, the size that it needs. */
  protected shrinkLast(): void {
    const units = roomyUnits(this.to - this.from)
    if (units < this.#units) this.#resize(this.pages[this.height], units)
  }

  /** Merges the leaf of the path, which has `live` bytes, with a neighbour below the same page. False: it does not fit. */
  #merge(live: number): boolean {
    const { regions, height } = this
    const parent = this.pages[height - 1]
    const i = this.indexes[height - 1]
    regions.locate(this.region, parent)
    const last = regions.words[regions.at + COUNT] - 1
    if (last === 0) return false
    const left = i < last ? i : i - 1
    const leftPage = regions.words[regions.at + DATA + left]
    const rightPage = regions.words[regions.at + DATA + left + 1]
    this.openLeaf(i === left ? rightPage : leftPage)
    const all = live + this.to - this.from
    if (all > MERGED_BYTES) return false
    this.#resize(leftPage, roomyUnits(all))
    const { bytes, room, to, leafCount } = this
    this.openLeaf(rightPage)
    this.bytes.copy(bytes, to, this.from, this.to)
    const count = leafCount + this.leafCount
    this.openLeaf(leftPage)
    this.leafCount = count
    this.to = room + all
    this.saveLeaf()
    this.childrenMerged(parent, left, rightPage, count)
    return true
  }
}

/** Units of a leaf with elements of `bytes`. */
function unitsOf(bytes: number): number {
  return (DATA_BYTES + bytes + UNIT_BYTES - 1) >>> 3
}

/** The same with some room. */
function roomyUnits(bytes: number): number {
  const needed = unitsOf(bytes)
  return Math.min(LEAF_UNITS, Math.max(FIRST_UNITS, needed + (needed >> 3)))
}

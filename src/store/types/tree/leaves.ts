// The leaves of a tree: how they grow, are split, merged and packed.

import { copyUnaligned } from '../../../bytes/copy.ts'
import { UNIT_BYTES } from '../../arena.ts'
import { NO_PAGE } from '../region/pages.ts'
import { TreeInnerPages } from './inner.ts'
import { LAYOUT } from './layout.ts'
import { moveDown } from './slots.ts'

const { COUNT, HEAP, DATA, DATA_BYTES, KEY_AT, LEAF_UNITS, FIRST_UNITS, MIN_HOLE } = LAYOUT

/** A leaf with fewer bytes is merged with a neighbour, if both together have at most MERGED_BYTES. */
const SPARSE_BYTES = 1024
const MERGED_BYTES = 3072

/** A tree with more than this many times the entries of a leaf is long. */
const LONG_TREE = 32

/** Entries that are copied, one after another. */
const scratch = Buffer.alloc(LEAF_UNITS * UNIT_BYTES)
const scratchView = new DataView(scratch.buffer, scratch.byteOffset, scratch.length)
/** Their slots, with the length of the entry in the place of its distance. */
const slotScratch = Buffer.alloc(LEAF_UNITS * UNIT_BYTES)
const slotScratchView = new DataView(slotScratch.buffer, slotScratch.byteOffset, slotScratch.length)

export abstract class TreeLeaves extends TreeInnerPages {
  /** The first leaf. */
  protected plant(bytes: number): void {
    const units = Math.max(FIRST_UNITS, (DATA_BYTES + this.slotBytes + bytes + UNIT_BYTES - 1) >>> 3)
    this.root = this.takePage(units)
    this.height = 0
    this.pages[0] = this.root
    this.indexes[0] = 0
    this.openLeaf(this.root)
  }

  /** Units of the open leaf. */
  protected get leafUnits(): number {
    return this.end / UNIT_BYTES - (this.leafAt >>> 1)
  }

  /** Makes room for an entry of `bytes` in the leaf of the path, which may be another one afterwards. */
  protected makeRoom(bytes: number): void {
    for (;;) {
      const { leaf, leafAt, leafCount } = this
      const heap = leaf[leafAt + HEAP]
      const missing = this.slotAt(leafCount + 1) + (heap & 0xffff) + bytes - this.end
      if (missing <= 0 || (missing <= bytes && heap > 0xffff && this.#isFirstHole(heap, bytes))) return
      this.#enlarge(missing)
    }
  }

  /** Whether the first hole of the open leaf, of which `heap` says where it is, has `bytes`. */
  #isFirstHole(heap: number, bytes: number): boolean {
    return this.view.getUint16(this.end - (heap >>> 16) + 2, true) === bytes
  }

  /** Takes the place of an entry of `bytes` in the open leaf, which has room for it. Returns its distance from the end. */
  protected takePlace(bytes: number): number {
    const { leaf, leafAt } = this
    const heap = leaf[leafAt + HEAP]
    if (heap > 0xffff && this.#isFirstHole(heap, bytes)) {
      const hole = heap >>> 16
      leaf[leafAt + HEAP] = (heap & 0xffff) | (this.view.getUint16(this.end - hole, true) << 16)
      leaf[leafAt + COUNT] += 1 - (bytes << 16)
      return hole
    }
    leaf[leafAt + HEAP] = heap + bytes
    leaf[leafAt + COUNT]++
    return (heap & 0xffff) + bytes
  }

  /** Makes more room in the leaf of the path, or divides it; there may be too little afterwards, too. */
  #enlarge(missing: number): void {
    const { leaf, leafAt, leafCount } = this
    const page = this.pages[this.height]
    const units = this.leafUnits
    if (missing <= leaf[leafAt + COUNT] >>> 16) this.#pack(page, units)
    else if (units < LEAF_UNITS) {
      // Pushes to a long list, or appended entries of a stream, soon fill the leaf: until then it may have unused room.
      const step = this.height > 0 && this.#isOutermost(leafCount) ? units : units >> 3
      const more = Math.max(16, step, (missing + UNIT_BYTES - 1) >>> 3)
      this.#grow(page, Math.min(LEAF_UNITS, units + more))
    } else {
      const rank = this.rank()
      this.#splitLeaf()
      this.seekRank(rank)
    }
    this.openLeaf(this.pages[this.height])
  }

  /** Makes room for an entry of `bytes` behind all others: the last leaf is full before there is another one. */
  protected makeRoomAtEnd(bytes: number): void {
    for (;;) {
      const { leaf, leafAt, leafCount } = this
      const missing = this.slotAt(leafCount + 1) + (leaf[leafAt + HEAP] & 0xffff) + bytes - this.end
      if (missing <= 0) return
      const page = this.pages[this.height]
      const units = this.leafUnits
      if (missing <= leaf[leafAt + COUNT] >>> 16) this.#pack(page, units)
      else if (units < LEAF_UNITS) this.#grow(page, LEAF_UNITS)
      else {
        const right = this.takePage(LEAF_UNITS)
        this.insertChild(this.height - 1, page, leafCount, right, 0, [...this.key])
        this.seekEnd()
        return
      }
      this.openLeaf(page)
    }
  }

  /** Gives the last leaf, after `append`, the size that it needs. There is no position afterwards. */
  endAppending(): void {
    const page = this.pages[this.height]
    if (this.root === NO_PAGE) return
    this.openLeaf(page)
    const { words, at, pageUnits } = this.regions
    const live = (words[at + HEAP] & 0xffff) - (words[at + COUNT] >>> 16)
    const units = this.#unitsFor(this.leafCount, live)
    if (units < pageUnits) this.#pack(page, units)
  }

  /** Gives a leaf a larger block. Slots and entries keep their distances from both ends. */
  #grow(page: number, units: number): void {
    const regions = this.regions
    this.openLeaf(page)
    const { bytes } = this
    const slots = this.slots
    const end = this.end
    const counts = regions.words[regions.at + COUNT]
    const heap = regions.words[regions.at + HEAP]
    const old = regions.replace(this.region, page, units)
    regions.locate(this.region, page)
    regions.words[regions.at + COUNT] = counts
    regions.words[regions.at + HEAP] = heap
    this.openLeaf(page)
    bytes.copy(this.bytes, this.slots, slots, slots + this.slotBytes * this.leafCount)
    const used = heap & 0xffff
    bytes.copy(this.bytes, this.end - used, end - used, end)
    regions.freeBlock(this.region, old)
  }

  /** Copies the live entries of a leaf together, in a block of `units`. */
  #pack(page: number, units: number): void {
    this.openLeaf(page)
    const count = this.leafCount
    const bytes = this.#gather(0, count)
    this.#fill(page, units, 0, 0, count, bytes)
  }

  /** Copies entries of the open leaf to `scratch`, from `start` on, behind `before` other ones. Returns where they end. */
  #gather(from: number, to: number, start = 0, before = 0): number {
    const { bytes, slotBytes } = this
    let slot = slotBytes * before
    bytes.copy(slotScratch, slot, this.slotAt(from), this.slotAt(to))
    let at = start
    for (let i = from; i < to; i++, slot += slotBytes) {
      const entry = this.entryAt(i)
      const length = this.entryBytes(entry)
      copyUnaligned(bytes, entry, entry + length, scratch, scratchView, at)
      slotScratchView.setUint16(slot, length, true)
      at += length
    }
    return at
  }

  /**
   * Makes a leaf of `units` from entries in `scratch[start, start + bytes)`, which are behind `before` other ones. The block
   * is another one if the units differ.
   */
  #fill(page: number, units: number, start: number, before: number, count: number, bytes: number): void {
    const regions = this.regions
    regions.locate(this.region, page)
    if (regions.pageUnits !== units) {
      const old = regions.replace(this.region, page, units)
      regions.freeBlock(this.region, old)
    }
    this.openLeaf(page)
    const { words, at } = regions
    words[at + COUNT] = count
    words[at + HEAP] = bytes
    const target = this.end - bytes
    scratch.copy(this.bytes, target, start, start + bytes)
    const { view, slotBytes } = this
    slotScratch.copy(this.bytes, this.slots, slotBytes * before, slotBytes * (before + count))
    for (let i = 0, entry = target; i < count; i++) {
      view.setUint16(this.slotAt(i), this.end - entry, true)
      entry += slotScratchView.getUint16(slotBytes * (before + i), true)
    }
    this.leafCount = count
  }

  /** Units of a leaf with some room. */
  #unitsFor(count: number, bytes: number): number {
    const needed = (DATA_BYTES + this.slotBytes * count + bytes + UNIT_BYTES - 1) >>> 3
    return Math.min(LEAF_UNITS, Math.max(FIRST_UNITS, needed + (needed >> 3)))
  }

  /** Splits the full leaf of the path: in the middle, or at an edge where the insertion is at the edge of the tree. */
  #splitLeaf(): void {
    const height = this.height
    const page = this.pages[height]
    const i = this.indexes[height]
    this.openLeaf(page)
    const count = this.leafCount
    if (i === count && this.isAtEdge(true)) {
      // Appended entries go to a new leaf; the old one stays as it is.
      const units = this.#isLong(count) ? LEAF_UNITS : FIRST_UNITS
      this.insertChild(height - 1, page, count, this.takePage(units), 0, [...this.key])
      return
    }
    if (i === 0 && this.isAtEdge(false)) {
      this.#splitFirstLeaf(page, count)
      return
    }
    const at = count >> 1
    const leftBytes = this.#gather(0, at)
    const key = this.#keyAt(at)
    const rightBytes = this.#gather(at, count, leftBytes, at) - leftBytes
    const right = this.takePage(this.#unitsFor(count - at, rightBytes))
    this.#fill(right, this.regions.pageUnits, leftBytes, at, count - at, rightBytes)
    this.#fill(page, this.#unitsFor(at, leftBytes), 0, 0, at, leftBytes)
    this.insertChild(height - 1, page, at, right, count - at, key)
  }

  /** Moves only the first entry to a new leaf, where entries that are put before the others go. */
  #splitFirstLeaf(page: number, count: number): void {
    const last = this.view.getUint16(this.slots, true)
    const bytes = this.#gather(0, 1)
    this.cutSlots(0, 1, bytes, last)
    const key = this.#keyAt(0)
    const units = this.#isLong(count) ? LEAF_UNITS : this.#unitsFor(1, bytes)
    const first = this.takePage(units)
    this.#fill(first, units, 0, 0, 1, bytes)
    this.insertChild(this.height - 1, first, 1, page, count - 1, key)
  }

  /** The key of an entry of the open leaf. */
  #keyAt(i: number): number[] {
    const at = this.slotAt(i) + KEY_AT
    const key = [0, 0, 0, 0]
    for (let word = 0; word < this.keyWords; word++) key[word] = this.view.getInt32(at + 4 * word, true)
    return key
  }

  /** Removes slots of the open leaf whose entries have `bytes` together. `last`: what was in the last of them. */
  protected cutSlots(i: number, removed: number, bytes: number, last: number): void {
    const { leaf, leafAt } = this
    const count = this.leafCount - removed
    moveDown(this.bytes, this.view, this.slotAt(i + removed), this.slotAt(count + removed), this.slotAt(i))
    let dead = leaf[leafAt + COUNT] >>> 16
    const heap = leaf[leafAt + HEAP]
    // The lowest entry leaves no gap.
    if (removed === 1 && last === (heap & 0xffff)) leaf[leafAt + HEAP] = heap - bytes
    else {
      dead += bytes
      if (removed === 1 && bytes >= MIN_HOLE) {
        const at = this.end - last
        this.view.setUint16(at, heap >>> 16, true)
        this.view.setUint16(at + 2, bytes, true)
        leaf[leafAt + HEAP] = (heap & 0xffff) | (last << 16)
      }
    }
    leaf[leafAt + COUNT] = count | (dead << 16)
    this.leafCount = count
  }

  /** Whether a leaf with `count` is a small part of the tree: one at an end, which is filled or emptied soon, may be roomy. */
  #isLong(count: number): boolean {
    return this.count > LONG_TREE * count
  }

  /** Whether the position is before all entries of the tree, or behind all; its leaf has `count`. */
  #isOutermost(count: number): boolean {
    const i = this.indexes[this.height]
    return (i === count && this.isAtEdge(true)) || (i === 0 && this.isAtEdge(false))
  }

  /** After a removal, from the open leaf of the path: merges a sparse leaf with a neighbour, or gives it a smaller block. */
  protected shrinkLeaf(): void {
    const { leaf, leafAt, leafCount, height } = this
    const units = this.leafUnits
    const live = (leaf[leafAt + HEAP] & 0xffff) - (leaf[leafAt + COUNT] >>> 16)
    const needed = DATA_BYTES + this.slotBytes * leafCount + live
    const isSparse = needed < SPARSE_BYTES && height > 0
    const isRoomy = units > FIRST_UNITS && needed < (units * UNIT_BYTES) / 2
    if (!isSparse && !isRoomy) return
    // Pops from an end of a long list soon empty the leaf: until then it may have unused room.
    if (this.#isLong(leafCount) && this.#isOutermost(leafCount)) return
    if (isSparse && this.#mergeLeaf(needed)) return
    if (isRoomy) this.#pack(this.pages[height], this.#unitsFor(leafCount, live))
  }

  /**
   * Removes the entries for which `isRemoved` returns true, leaf by leaf: it is called for each one, with its position in
   * `view`. There is no position afterwards. Their strings must not have pages of their own, or these belong to another
   * tree.
   */
  removeWhere(isRemoved: (at: number) => boolean): void {
    for (let rank = 0; rank < this.count; ) {
      this.seekRank(rank)
      const first = this.indexes[this.height]
      const { leaf, leafAt, leafCount } = this
      let to = first
      let bytes = 0
      for (let i = first; i < leafCount; i++) {
        const at = this.entryAt(i)
        if (isRemoved(at)) bytes += this.entryBytes(at)
        else this.#copySlot(i, to++)
      }
      rank += to - first
      if (to === leafCount) continue
      leaf[leafAt + COUNT] = to | ((leaf[leafAt + COUNT] & ~0xffff) + (bytes << 16))
      this.leafCount = to
      this.countAbove(to - leafCount)
      if (to === 0) this.removePage(this.height)
      else this.shrinkLeaf()
    }
    this.save()
  }

  #copySlot(from: number, to: number): void {
    if (from === to) return
    const { view, slotBytes } = this
    const source = this.slotAt(from)
    const target = this.slotAt(to)
    for (let at = 0; at < slotBytes; at += 2)
      view.setInt16(target + at, view.getInt16(source + at, true), true)
  }

  /** Merges the leaf of the path, which needs `bytes`, with a neighbour below the same page. False: it does not fit. */
  #mergeLeaf(bytes: number): boolean {
    const regions = this.regions
    const height = this.height
    const parent = this.pages[height - 1]
    const i = this.indexes[height - 1]
    regions.locate(this.region, parent)
    const last = regions.words[regions.at + COUNT] - 1
    if (last === 0) return false
    const left = i < last ? i : i - 1
    const leftPage = regions.words[regions.at + DATA + left]
    const rightPage = regions.words[regions.at + DATA + left + 1]
    const other = i === left ? rightPage : leftPage
    regions.locate(this.region, other)
    const w0 = regions.words[regions.at + COUNT]
    const otherHeap = regions.words[regions.at + HEAP] & 0xffff
    const otherBytes = this.slotBytes * (w0 & 0xffff) + otherHeap - (w0 >>> 16)
    if (bytes + otherBytes > MERGED_BYTES) return false
    this.openLeaf(leftPage)
    const leftCount = this.leafCount
    const leftBytes = this.#gather(0, leftCount)
    this.openLeaf(rightPage)
    const rightCount = this.leafCount
    const all = this.#gather(0, rightCount, leftBytes, leftCount)
    this.#fill(leftPage, this.#unitsFor(leftCount + rightCount, all), 0, 0, leftCount + rightCount, all)
    this.childrenMerged(parent, left, rightPage, leftCount + rightCount)
    return true
  }
}

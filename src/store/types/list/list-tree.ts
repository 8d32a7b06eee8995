// A long list: elements in order, found by their index, pushed and taken at both ends.

import { copyUnaligned } from '../../../bytes/copy.ts'
import { writeInteger } from '../../../bytes/numbers/decimal.ts'
import { UNIT_BYTES } from '../../arena.ts'
import { NO_PAGE, PAGE_HEADER_WORDS } from '../region/pages.ts'
import type { Span } from '../span.ts'
import { LAYOUT } from '../tree/layout.ts'
import {
  INTEGER,
  integerBytes,
  integerOf,
  LONG,
  LONG_BYTES,
  readIntegerBytes,
  SEPARATE,
  textBytes,
  writeIntegerBytes,
} from './element.ts'
import { ListLeaves } from './leaves.ts'

const { COUNT, DATA } = LAYOUT

/** The text of an element that is kept as an integer. */
const text = Buffer.alloc(24)
const textView = new DataView(text.buffer, text.byteOffset, text.length)

/**
 * One object serves all lists: `open` chooses one. A position is a path to an element, or behind the last one of a leaf.
 * It is valid until the list is changed or another one is opened.
 */
export class ListTree extends ListLeaves {
  /** Elements of the last leaf that `append` has not counted above it yet. */
  #appended = 0
  /** The integer that is being inserted; NaN: the element is none. */
  #integer = Number.NaN

  /** Inserts `source[start, end)` before the position. */
  insert(source: Uint8Array, start: number, end: number): void {
    const size = this.#sizeOf(source, start, end)
    if (this.root === NO_PAGE) this.plant(size)
    this.makeGap(size, false)
    this.leafCount++
    this.saveLeaf()
    this.countAbove(1)
    this.save()
    this.#write(size, source, start, end)
  }

  /** Inserts behind the last element. The position must be there, as after `seekEdge(true)`; `endAppending` must follow. */
  append(source: Uint8Array, start: number, end: number): void {
    const size = this.#sizeOf(source, start, end)
    if (this.root === NO_PAGE) this.plant(size)
    if (this.end - this.to < size) {
      this.#flush()
      this.makeGap(size, true)
    } else {
      this.at = this.to
      this.to += size
    }
    this.leafCount++
    this.#appended++
    this.#write(size, source, start, end)
    this.indexes[this.height] = this.leafCount
    this.at = this.to
  }

  /** Ends a sequence of `append`. There is no position afterwards. */
  endAppending(): void {
    if (this.root === NO_PAGE) return
    this.#flush()
    this.shrinkLast()
  }

  #flush(): void {
    this.saveLeaf()
    this.countAbove(this.#appended)
    this.save()
    this.#appended = 0
  }

  /** Points `span` at the element of the position. */
  read(span: Span): void {
    const { bytes, view, at } = this
    const first = bytes[at]
    if (first < LONG) span.set(bytes, view, at + 1, at + 1 + first)
    else if (first > INTEGER)
      span.set(text, textView, 0, writeInteger(text, 0, readIntegerBytes(view, at + 1, first - INTEGER)))
    else if (first === LONG) span.set(bytes, view, at + 3, at + 3 + view.getUint16(at + 1, true))
    else {
      const { regions } = this
      regions.locate(this.region, view.getUint32(at + 1, true))
      const start = (regions.at + PAGE_HEADER_WORDS) * 4
      span.set(regions.bytes, regions.view, start, start + view.getUint32(at + 5, true))
    }
  }

  /** Overwrites the element of the position if the new one takes as many bytes. False: nothing has changed. */
  overwrite(source: Uint8Array, start: number, end: number): boolean {
    const { at } = this
    const size = this.#sizeOf(source, start, end)
    if (size !== this.after(at) - at) return false
    this.#freePages(at, at + size)
    this.#write(size, source, start, end)
    return true
  }

  /** Removes the element of the position. There is no position afterwards. */
  remove(): void {
    this.#removeFromLeaf(1, this.after(this.at))
  }

  /** Removes `count` elements from `rank` on: leaf by leaf. */
  removeRange(rank: number, count: number): void {
    for (let left = count; left > 0; ) {
      this.seekRank(rank)
      const i = this.indexes[this.height]
      const here = Math.min(left, this.leafCount - i)
      let next = this.to
      if (i + here < this.leafCount) {
        next = this.at
        for (let n = 0; n < here; n++) next = this.after(next)
      }
      this.#removeFromLeaf(here, next)
      left -= here
    }
  }

  /** Removes the elements from the position to `next`. */
  #removeFromLeaf(removed: number, next: number): void {
    if (this.regions.hasSeparate(this.region)) this.#freePages(this.at, next)
    const left = this.leafCount - removed
    this.countAbove(-removed)
    if (left === 0) this.removePage(this.height)
    else {
      this.closeGap(next)
      this.leafCount = left
      this.saveLeaf()
      this.shrinkLeaf()
    }
    this.save()
  }

  #freePages(from: number, to: number): void {
    for (let at = from; at < to; at = this.after(at)) {
      if (this.bytes[at] !== SEPARATE) continue
      this.regions.give(this.region, this.view.getUint32(at + 1, true))
      this.regions.countSeparate(this.region, -1)
    }
  }

  /** Bytes of an element that is to be written. */
  #sizeOf(source: Uint8Array, start: number, end: number): number {
    const n = integerOf(source, start, end)
    this.#integer = n
    return Number.isNaN(n) ? textBytes(end - start) : integerBytes(n) + 2
  }

  /** Writes an element, whose size was just determined, at the position. */
  #write(size: number, source: Uint8Array, start: number, end: number): void {
    const { bytes, view, at } = this
    const length = end - start
    let mark = length
    if (!Number.isNaN(this.#integer)) {
      mark = INTEGER + size - 2
      writeIntegerBytes(view, at + 1, this.#integer, size - 2)
    } else if (length < LONG) copyUnaligned(source, start, end, bytes, view, at + 1)
    else if (size === length + LONG_BYTES) {
      mark = LONG
      view.setUint16(at + 1, length, true)
      copyUnaligned(source, start, end, bytes, view, at + 3)
      view.setUint16(at + 3 + length, length, true)
    } else {
      mark = SEPARATE
      view.setUint32(at + 1, this.#writePage(source, start, end), true)
      view.setUint32(at + 5, length, true)
    }
    bytes[at] = mark
    bytes[at + size - 1] = mark
  }

  /** Writes a long element to a page of its own. Returns its number. */
  #writePage(source: Uint8Array, start: number, end: number): number {
    const { regions, region } = this
    const page = regions.take(region, (PAGE_HEADER_WORDS * 4 + end - start + UNIT_BYTES - 1) >>> 3)
    regions.countSeparate(region, 1)
    regions.locate(region, page)
    copyUnaligned(source, start, end, regions.bytes, regions.view, (regions.at + PAGE_HEADER_WORDS) * 4)
    return page
  }

  /** Throws when the list contradicts itself. Returns the pages that it uses. For tests. */
  verify(): number {
    if (this.root === NO_PAGE) {
      if (this.count !== 0) throw new Error(`${this.count} elements without a root`)
      return 0
    }
    const found = { pages: 0, elements: 0 }
    this.#verifyPage(this.root, 0, found)
    if (found.elements !== this.count) throw new Error(`${found.elements} elements, ${this.count} counted`)
    return found.pages
  }

  #verifyPage(page: number, level: number, found: { pages: number; elements: number }): void {
    const { regions } = this
    found.pages++
    if (level === this.height) {
      this.openLeaf(page)
      const { room, from, to, end, leafCount } = this
      if (!(room <= from && from <= to && to <= end))
        throw new Error('the elements of a leaf are outside of it')
      if (leafCount === 0) throw new Error('a leaf is empty')
      let count = 0
      for (let at = from; at < to; at = this.after(at), count++) {
        if (this.bytes[at] === SEPARATE) found.pages++
        if (this.before(this.after(at)) !== at) throw new Error('the ends of an element differ')
      }
      if (count !== leafCount) throw new Error(`${count} elements in a leaf, ${leafCount} counted`)
      found.elements += count
      return
    }
    regions.locate(this.region, page)
    const { words, at, pageUnits } = regions
    const count = words[at + COUNT]
    const capacity = this.capacity(pageUnits)
    if (count === 0 || count > capacity) throw new Error(`an inner page has ${count} children`)
    for (let i = 0; i < count; i++) {
      const before = found.elements
      this.#verifyPage(words[at + DATA + i], level + 1, found)
      const below = words[at + DATA + capacity + i]
      if (found.elements - before !== below)
        throw new Error(`${found.elements - before} elements below a child, ${below} counted`)
    }
  }
}

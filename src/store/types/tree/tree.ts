// A counted B+ tree in the pages of a region: the body of every large collection.

import { copyUnaligned } from '../../../bytes/copy.ts'
import { UNIT_BYTES } from '../../arena.ts'
import { NO_PAGE, PAGE_HEADER_WORDS } from '../region/pages.ts'
import { LAYOUT, STRINGS, TreeKind } from './layout.ts'
import { TreeLeaves } from './leaves.ts'
import { moveUp } from './slots.ts'

const { COUNT, HEAP, DATA, DATA_BYTES, KEY_AT, LONG, SEPARATE, MAX_SHORT, SEPARATE_BYTES } = LAYOUT

/**
 * One object serves all trees: `open` chooses one. A position is a path to an entry, or behind the last one of a leaf. It
 * is valid until the tree is changed or another one is opened.
 */
export class Tree extends TreeLeaves {
  /**
   * Inserts an entry with the key `key` before the position, with strings of `length` bytes together (`stringBytes`,
   * `memberBytes`). The caller then writes the double (at `at`) and the strings (`writeString`, from `stringsAt` on).
   */
  insert(length: number): void {
    const bytes = this.doubleBytes + length
    if (this.root === NO_PAGE) this.plant(bytes)
    this.makeRoom(bytes)
    this.#insertEntry(bytes)
  }

  /**
   * Inserts an entry behind all others, as `insert`. The position must be the end, as after `seekEnd` or the last
   * `append`. Leaves are filled, so `endAppending` must follow the last one.
   */
  append(length: number): void {
    const bytes = this.doubleBytes + length
    if (this.root === NO_PAGE) this.plant(bytes)
    this.makeRoomAtEnd(bytes)
    this.#insertEntry(bytes)
    this.indexes[this.height]++
  }

  /** Inserts an entry at the position, whose leaf has room for it. */
  #insertEntry(bytes: number): void {
    this.countAbove(1)
    const i = this.indexes[this.height]
    if (i === 0) this.lowerKeys()
    const count = this.leafCount
    const place = this.takePlace(bytes)
    this.leafCount = count + 1
    const slot = this.slotAt(i)
    moveUp(this.bytes, this.view, slot, this.slotAt(count), this.slotBytes)
    this.view.setUint16(slot, place, true)
    this.at = this.end - place
    for (let word = 0; word < this.keyWords; word++)
      this.view.setInt32(slot + KEY_AT + 4 * word, this.key[word], true)
    this.save()
  }

  /** Writes a string at `at` of an inserted entry, and returns where the next one begins. */
  writeString(at: number, source: Uint8Array, start: number, end: number): number {
    const next = this.reserveString(at, end - start)
    const { span } = this
    copyUnaligned(source, start, end, span.bytes, span.view, span.start)
    return next
  }

  /** The same for a string of `length` bytes, which the caller writes to where `span` then points. */
  reserveString(at: number, length: number): number {
    const { bytes, view, span } = this
    if (length <= this.maxInline) {
      let start = at + 1
      if (length <= MAX_SHORT) bytes[at] = length
      else {
        bytes[at] = LONG
        view.setUint16(at + 1, length, true)
        start = at + 3
      }
      span.set(bytes, view, start, start + length)
      return start + length
    }
    const regions = this.regions
    const page = regions.take(this.region, (PAGE_HEADER_WORDS * 4 + length + UNIT_BYTES - 1) >>> 3)
    regions.countSeparate(this.region, 1)
    bytes[at] = SEPARATE
    view.setUint32(at + 1, page, true)
    view.setUint32(at + 5, length, true)
    regions.locate(this.region, page)
    const start = (regions.at + PAGE_HEADER_WORDS) * 4
    span.set(regions.bytes, regions.view, start, start + length)
    return at + SEPARATE_BYTES
  }

  /** The page of the string at `at`; NO_PAGE: it has none of its own. */
  separatePage(at: number): number {
    return this.bytes[at] === SEPARATE ? this.view.getUint32(at + 1, true) : NO_PAGE
  }

  /** Writes a string of `length` bytes whose page another tree of the region has. */
  shareString(at: number, page: number, length: number): void {
    this.bytes[at] = SEPARATE
    this.view.setUint32(at + 1, page, true)
    this.view.setUint32(at + 5, length, true)
  }

  /** Writes the string of the entry that another tree of the region has loaded; a page of its own is shared. */
  copyString(from: Tree): void {
    const { stringsAt } = from
    copyUnaligned(from.bytes, stringsAt, from.skipString(stringsAt), this.bytes, this.view, this.stringsAt)
  }

  /**
   * Overwrites a string of the loaded entry with one of the same length, or of any length when both have a page of their
   * own. False: nothing has changed; the entry must be removed and inserted.
   */
  overwriteString(at: number, source: Uint8Array, start: number, end: number): boolean {
    const { bytes, view } = this
    const length = end - start
    const first = bytes[at]
    if (first === SEPARATE) {
      if (length <= this.maxInline) return false
      this.#freeSeparate(at)
      this.writeString(at, source, start, end)
      return true
    }
    if ((first === LONG ? view.getUint16(at + 1, true) : first) !== length) return false
    this.writeString(at, source, start, end)
    return true
  }

  /**
   * Gives the loaded entry of RANKING another score, if it stays where it is. False: nothing has changed, or it may not
   * stay.
   */
  rescore(score: number): boolean {
    const { view } = this
    const i = this.indexes[this.height]
    // At the edges of a leaf its neighbours are elsewhere, and its key may be that of the leaf.
    if (i === 0 || i >= this.leafCount - 1) return false
    const before = view.getFloat64(this.slotAt(i - 1) + KEY_AT, true)
    const after = view.getFloat64(this.slotAt(i + 1) + KEY_AT, true)
    if (!(before < score && score < after)) return false
    view.setFloat64(this.keyAt, score, true)
    return true
  }

  /** Removes the entry of the position. There is no position afterwards. */
  remove(): void {
    this.#removeFromLeaf(this.indexes[this.height], 1)
  }

  /** Removes `count` entries from `rank` on: leaf by leaf, so that the cost is that of the leaves. */
  removeRange(rank: number, count: number): void {
    for (let left = count; left > 0; ) {
      this.seekRank(rank)
      const i = this.indexes[this.height]
      const here = Math.min(left, this.leafCount - i)
      left -= here
      this.#removeFromLeaf(i, here)
    }
  }

  /** Removes entries of the leaf of the path. */
  #removeFromLeaf(i: number, removed: number): void {
    const count = this.leafCount - removed
    let bytes = 0
    let last = 0
    // The bytes of a leaf that goes as a whole do not matter.
    if (count > 0 || this.regions.hasSeparate(this.region))
      for (let slot = i; slot < i + removed; slot++) {
        last = this.view.getUint16(this.slotAt(slot), true)
        const at = this.end - last
        bytes += this.entryBytes(at)
        this.#freeStrings(at)
      }
    this.cutSlots(i, removed, bytes, last)
    this.countAbove(-removed)
    if (count === 0) this.removePage(this.height)
    else this.shrinkLeaf()
    this.save()
  }

  /** Throws when the tree contradicts itself. Returns the pages that it uses. For tests. */
  verify(): number {
    if (this.root === NO_PAGE) {
      if (this.count !== 0) throw new Error(`${this.count} entries without a root`)
      return 0
    }
    const found = { pages: 0, entries: 0 }
    this.#verifyPage(this.root, 0, found)
    if (found.entries !== this.count) throw new Error(`${found.entries} entries, ${this.count} counted`)
    return found.pages
  }

  #verifyPage(page: number, level: number, found: { pages: number; entries: number }): void {
    const regions = this.regions
    found.pages++
    regions.locate(this.region, page)
    const { words, at } = regions
    const units = regions.pageUnits
    if (level === this.height) {
      this.openLeaf(page)
      const count = this.leafCount
      let live = 0
      for (let i = 0; i < count; i++) {
        const entry = this.entryAt(i)
        this.at = entry
        live += this.entryBytes(entry)
        for (let string = STRINGS[this.kind], from = this.stringsAt; string > 0; string--) {
          if (this.bytes[from] === SEPARATE && this.kind !== TreeKind.SCORES) found.pages++
          from = this.readString(from)
        }
      }
      const dead = words[at + COUNT] >>> 16
      const heap = words[at + HEAP] & 0xffff
      this.#verifyHoles(words[at + HEAP] >>> 16, heap, dead)
      if (live + dead !== heap) throw new Error(`a leaf with ${live} live and ${dead} dead bytes has ${heap}`)
      if (DATA_BYTES + this.slotBytes * count + heap > units * UNIT_BYTES) throw new Error('a leaf overflows')
      if (count === 0) throw new Error('a leaf is empty')
      found.entries += count
      return
    }
    const count = words[at + COUNT]
    const capacity = this.capacity(units)
    if (count === 0 || count > capacity) throw new Error(`an inner page has ${count} children`)
    for (let i = 0; i < count; i++) {
      const before = found.entries
      this.#verifyPage(words[at + DATA + i], level + 1, found)
      const below = words[at + DATA + capacity + i]
      if (found.entries - before !== below)
        throw new Error(`${found.entries - before} entries below a child, ${below} counted`)
    }
  }

  /** The holes of the open leaf are removed entries. */
  #verifyHoles(first: number, heap: number, dead: number): void {
    let bytes = 0
    for (let hole = first; hole !== 0; hole = this.view.getUint16(this.end - hole, true)) {
      bytes += this.view.getUint16(this.end - hole + 2, true)
      if (hole > heap || bytes > dead) throw new Error(`a leaf with ${dead} dead bytes has a hole at ${hole}`)
    }
  }

  /** Frees the pages of the strings of the entry at `at`. */
  #freeStrings(at: number): void {
    if (this.kind === TreeKind.SCORES) return
    let to = at + this.doubleBytes
    for (let string = STRINGS[this.kind]; string > 0; string--) {
      if (this.bytes[to] === SEPARATE) this.#freeSeparate(to)
      to = this.skipString(to)
    }
  }

  /** Frees the page of the string at `at`. */
  #freeSeparate(at: number): void {
    this.regions.give(this.region, this.view.getUint32(at + 1, true))
    this.regions.countSeparate(this.region, -1)
  }
}

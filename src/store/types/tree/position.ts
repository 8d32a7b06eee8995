// A position in a tree: the path to an entry, and the entry that was loaded.

import { UNIT_BYTES } from '../../arena.ts'
import { NO_PAGE, PAGE_HEADER_WORDS } from '../region/pages.ts'
import type { Regions } from '../regions.ts'
import { Span } from '../span.ts'
import { CAPACITIES, DOUBLE_BYTES, KEY_WORDS, LAYOUT, SLOT_BYTES, STRINGS, TreeKind } from './layout.ts'

const { COUNT, HEAP, DATA, KEY_AT, MAX_HEIGHT, LONG, MAX_INLINE, MAX_INLINE_MEMBER, SEPARATE_BYTES } = LAYOUT

/** The count of a leaf that is to be read from it. */
const NOT_COUNTED = -1

/** One object serves all trees: `open` chooses one. */
export abstract class TreePosition {
  count = 0
  /** The entry that was loaded begins at `view[at]`. */
  bytes: Buffer = Buffer.alloc(0)
  view: DataView = new DataView(this.bytes.buffer)
  at = 0
  /** Where the second string of the entry is that `seekString` has found. */
  secondAt = 0
  /** The key to look for or to insert. `keyDouble` is the same memory, for RANKING. */
  readonly key: Int32Array = new Int32Array(4)
  readonly keyDouble: Float64Array = new Float64Array(this.key.buffer)
  /** The bounds of the hashes in the leaf that was found by hash, with inverted sign. */
  protected least = 0
  protected most = 0
  /** The result of `readString`. */
  readonly span: Span = new Span()
  protected readonly regions: Regions
  protected region = 0
  protected kind: TreeKind = TreeKind.LIST
  protected keyWords = 0
  protected slotBytes = 2
  protected doubleBytes = 0
  protected maxInline: number = MAX_INLINE
  #capacities: Uint16Array = CAPACITIES[TreeKind.LIST]
  /** The page and the word where the descriptor is; page 0: the head of the region. */
  #ownerPage = 0
  #ownerWord = 0
  protected root = NO_PAGE
  protected height = 0
  /** The path, from the root to a leaf. */
  protected readonly pages = new Int32Array(MAX_HEIGHT)
  protected readonly indexes = new Int32Array(MAX_HEIGHT)
  /** The open leaf: the leaf of the path after any search. `leaf[leafAt]` is its first word. */
  protected leaf: Int32Array = new Int32Array(0)
  protected leafAt = 0
  protected leafCount = 0
  protected slots = 0
  protected end = 0

  constructor(regions: Regions) {
    this.regions = regions
  }

  /**
   * Chooses a tree. Its descriptor is three words (root page, height, number of entries), zeros at first: in the head of
   * the region from `word` on, or in a page, behind the page's header.
   */
  open(region: number, kind: TreeKind, word = 0, page = NO_PAGE): void {
    this.region = region
    this.kind = kind
    this.keyWords = KEY_WORDS[kind]
    this.slotBytes = SLOT_BYTES[kind]
    this.doubleBytes = DOUBLE_BYTES[kind]
    this.#capacities = CAPACITIES[kind]
    this.maxInline = kind === TreeKind.SCORES || kind === TreeKind.RANKING ? MAX_INLINE_MEMBER : MAX_INLINE
    this.#ownerPage = page
    this.#ownerWord = word
    const at = this.#locateDescriptor()
    const { words } = this.regions
    this.root = words[at]
    this.height = words[at + 1]
    this.count = words[at + 2]
  }

  /** Goes to the entry with this rank, 0 ≤ `rank` ≤ count. False: there is none; the position is behind the last one. */
  seekRank(rank: number): boolean {
    this.seekLeaf(rank)
    return this.#load()
  }

  /** Leads the path to the leaf with the entry of this rank. Returns its rank in the leaf, which is not opened. */
  protected seekLeaf(rank: number): number {
    const { regions, height } = this
    let page = this.root
    let left = rank
    let all = this.count
    for (let level = 0; level < height; level++) {
      regions.locate(this.region, page)
      const { words, at } = regions
      const counts = at + DATA + this.capacity(regions.pageUnits)
      let i = 0
      // Searched from the nearer end, so that both ends are found without visiting other children.
      if (left < all >>> 1) for (; left >= words[counts + i]; i++) left -= words[counts + i]
      else {
        i = words[at + COUNT] - 1
        let before = all - words[counts + i]
        while (before > left) before -= words[counts + --i]
        left -= before
      }
      all = words[counts + i]
      this.pages[level] = page
      this.indexes[level] = i
      page = words[at + DATA + i]
    }
    this.pages[height] = page
    this.indexes[height] = left
    return left
  }

  /** Counts entries that are added to, or removed from, the leaf of the path in the pages above it. */
  protected countAbove(change: number): void {
    const regions = this.regions
    for (let level = 0; level < this.height; level++) {
      regions.locate(this.region, this.pages[level])
      const counts = regions.at + DATA + this.capacity(regions.pageUnits)
      regions.words[counts + this.indexes[level]] += change
    }
    this.count += change
  }

  /** Goes behind the last entry. */
  seekEnd(): void {
    this.seekRank(this.count)
  }

  /** Goes to the next entry. False: there is none. */
  next(): boolean {
    const height = this.height
    if (++this.indexes[height] < this.leafCount) {
      this.#locateEntry()
      return true
    }
    return this.toNextLeaf() && this.#load()
  }

  /** Leads the path to the first entry of the next leaf. False: there is none, and it leads behind the last entry. */
  protected toNextLeaf(): boolean {
    const { height, regions } = this
    let level = height - 1
    for (; level >= 0; level--) {
      regions.locate(this.region, this.pages[level])
      if (this.indexes[level] + 1 < regions.words[regions.at + COUNT]) break
    }
    if (level < 0) {
      this.indexes[height] = this.leafCount
      return false
    }
    this.indexes[level]++
    for (; level < height; level++) {
      regions.locate(this.region, this.pages[level])
      this.pages[level + 1] = regions.words[regions.at + DATA + this.indexes[level]]
      this.indexes[level + 1] = 0
    }
    return true
  }

  /** Goes to the entry before. False: there is none. */
  previous(): boolean {
    const height = this.height
    if (--this.indexes[height] >= 0) {
      this.#locateEntry()
      return true
    }
    return this.toPreviousLeaf() && this.#load()
  }

  /** Leads the path to the last entry of the leaf before. False: there is none. */
  protected toPreviousLeaf(): boolean {
    const { height, regions } = this
    let level = height - 1
    while (level >= 0 && this.indexes[level] === 0) level--
    if (level < 0) return false
    this.indexes[level]--
    for (; level < height; level++) {
      regions.locate(this.region, this.pages[level])
      const page = regions.words[regions.at + DATA + this.indexes[level]]
      regions.locate(this.region, page)
      this.pages[level + 1] = page
      this.indexes[level + 1] = (regions.words[regions.at + COUNT] & 0xffff) - 1
    }
    return true
  }

  /** The rank of the position. */
  rank(): number {
    const regions = this.regions
    let rank = this.indexes[this.height]
    for (let level = 0; level < this.height; level++) {
      regions.locate(this.region, this.pages[level])
      const counts = regions.at + DATA + this.capacity(regions.pageUnits)
      for (let i = 0; i < this.indexes[level]; i++) rank += regions.words[counts + i]
    }
    return rank
  }

  /** Whether the open tree is in the order of scores. */
  get isRanking(): boolean {
    return this.kind === TreeKind.RANKING
  }

  /** Where the key of the loaded entry is in `view`. */
  get keyAt(): number {
    return this.slotAt(this.indexes[this.height]) + KEY_AT
  }

  /** Where the first string of the loaded entry is. The double of the entry, if it has one, is at `at`. */
  get stringsAt(): number {
    return this.at + this.doubleBytes
  }

  /** Points `span` at the string that begins at `at`, and returns where the next one begins. */
  readString(at: number, span: Span = this.span): number {
    const { bytes, view } = this
    const first = bytes[at]
    if (first < LONG) {
      span.set(bytes, view, at + 1, at + 1 + first)
      return at + 1 + first
    }
    if (first === LONG) {
      const end = at + 3 + view.getUint16(at + 1, true)
      span.set(bytes, view, at + 3, end)
      return end
    }
    const regions = this.regions
    regions.locate(this.region, view.getUint32(at + 1, true))
    const start = (regions.at + PAGE_HEADER_WORDS) * 4
    span.set(regions.bytes, regions.view, start, start + view.getUint32(at + 5, true))
    return at + SEPARATE_BYTES
  }

  /** Children that an inner page of these units can have. */
  protected capacity(units: number): number {
    return this.#capacities[units]
  }

  /**
   * Opens a leaf that has `count` entries: `NOT_COUNTED` reads it from the leaf. A search knows the count from the page
   * above: so what it reads next does not wait for the memory of the leaf's header.
   */
  protected openLeaf(page: number, count: number = NOT_COUNTED): void {
    const regions = this.regions
    regions.locate(this.region, page)
    const { words, at } = regions
    // As in `Span.set`: most trees are in few segments.
    if (this.leaf !== words) {
      this.leaf = words
      this.bytes = regions.bytes
      this.view = regions.view
    }
    this.leafAt = at
    this.leafCount = count === NOT_COUNTED ? words[at + COUNT] & 0xffff : count
    this.slots = (at + DATA) * 4
    this.end = at * 4 + regions.pageUnits * UNIT_BYTES
  }

  /** Goes to entry `i` of the open leaf; behind its last one, to the next leaf. False: there is none. */
  protected goTo(i: number): boolean {
    this.indexes[this.height] = i
    if (i >= this.leafCount) return this.next()
    this.#locateEntry()
    return true
  }

  /** Opens the leaf of the path. False: the position is behind its last entry. */
  #load(): boolean {
    const page = this.pages[this.height]
    if (page === NO_PAGE) return false
    this.openLeaf(page)
    if (this.indexes[this.height] >= this.leafCount) return false
    this.#locateEntry()
    return true
  }

  #locateEntry(): void {
    this.at = this.entryAt(this.indexes[this.height])
  }

  /** Where slot `i` of the open leaf is. */
  protected slotAt(i: number): number {
    return this.slots + this.slotBytes * i
  }

  /** Where entry `i` of the open leaf is. */
  protected entryAt(i: number): number {
    return this.end - this.view.getUint16(this.slotAt(i), true)
  }

  protected save(): void {
    const at = this.#locateDescriptor()
    const { words } = this.regions
    words[at] = this.root
    words[at + 1] = this.height
    words[at + 2] = this.count
  }

  /** Where the descriptor of the tree is in the words of the page that is located then. */
  #locateDescriptor(): number {
    const regions = this.regions
    if (this.#ownerPage === NO_PAGE) regions.locateHead(this.region)
    else regions.locate(this.region, this.#ownerPage)
    return regions.at + PAGE_HEADER_WORDS + this.#ownerWord
  }

  /** Where the string after the one at `at` begins. */
  protected skipString(at: number): number {
    const first = this.bytes[at]
    if (first < LONG) return at + 1 + first
    return first === LONG ? at + 3 + this.view.getUint16(at + 1, true) : at + SEPARATE_BYTES
  }

  /** Bytes of the entry at `at`. */
  protected entryBytes(at: number): number {
    let to = at + this.doubleBytes
    for (let string = STRINGS[this.kind]; string > 0; string--) to = this.skipString(to)
    return to - at
  }

  protected takePage(units: number): number {
    const regions = this.regions
    const page = regions.take(this.region, units)
    regions.locate(this.region, page)
    regions.words[regions.at + COUNT] = 0
    regions.words[regions.at + HEAP] = 0
    return page
  }
}

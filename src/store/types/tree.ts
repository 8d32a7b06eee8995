// A counted B+ tree in the pages of a region: the body of every large collection.
//
// More than 300 lines: search, insertion and removal share the path and the located page.

import { copyUnaligned } from '../../bytes/copy.ts'
import { UNIT_BYTES } from '../arena.ts'
import { NO_PAGE, PAGE_HEADER_WORDS, type Regions } from './regions.ts'
import { compareBytes, Span } from './span.ts'

/*
 * Every inner page knows how many entries are below each child, so an entry is found by its rank in O(log n). Entries are
 * in the order of their keys, or, in a list, where they were put.
 *
 *   kind     key of an entry        words   then                         order
 *   LIST     –                      0       element                      as inserted
 *   SET      hash of the member     1       member                       unsigned hash; equal ones in any order
 *   HASH     hash of the field      1       field, value                 the same
 *   SCORES   hash of the member     1       score (double), member       the same
 *   RANKING  score (double)         2       member                       score, then the bytes of the member
 *   IDS      stream ID, 128 bits    4       one string                   unsigned
 *
 *   leaf   | header, count | dead << 16, heap | slots: 2 bytes each → | … free … | ← entries |
 *   inner  | header, count | unused           | children | entries below each | keys        |  Int32 words
 *
 * A slot is the distance of its entry from the end of the page, and the slots are in order: an insertion moves only slots.
 * `heap` is the distance of the lowest entry, `dead` the bytes of removed entries above it. Leaves begin small, grow in
 * steps to LEAF_UNITS and are then split, so they are well filled; a page at the edge is split there, so that a list that
 * is pushed to, or a stream, fills its pages.
 *
 * The key of a child is not above any key below it; that of the first child is not used. An inner page of RANKING has
 * scores only: members are compared where scores are equal.
 *
 * An entry is: key, double if the kind has one, strings. A string is its length in one byte, below 240; or LONG, length in
 * two bytes; or SEPARATE, the number of a page of its own, the length. The members of a sorted set are in two trees: the
 * longer ones are in one page, which belongs to RANKING.
 */

export const TreeKind = {
  LIST: 0,
  SET: 1,
  HASH: 2,
  SCORES: 3,
  RANKING: 4,
  IDS: 5,
} as const
export type TreeKind = (typeof TreeKind)[keyof typeof TreeKind]

const KEY_WORDS = [0, 1, 1, 1, 2, 4] as const
const DOUBLE_BYTES = [0, 0, 0, 8, 0, 0] as const
const STRINGS = [1, 1, 2, 1, 1, 1] as const

const COUNT = PAGE_HEADER_WORDS
const HEAP = PAGE_HEADER_WORDS + 1
const DATA = PAGE_HEADER_WORDS + 2
const DATA_BYTES = DATA * 4

const LEAF_UNITS = 512
const INNER_UNITS = 256
const FIRST_UNITS = 32
const FIRST_CHILDREN = 8
/** A leaf with fewer bytes is merged with a neighbour, if both together have at most MERGED_BYTES. */
const SPARSE_BYTES = 1024
const MERGED_BYTES = 3072
const MAX_HEIGHT = 16
const SIGN = 1 << 31
const HASHES = 2 ** 32

const LONG = 0xf0
const SEPARATE = 0xf1
const MAX_SHORT = LONG - 1
/** Longer strings have a page of their own, so that a full leaf has several entries. */
const MAX_INLINE = 512
/** The same for members of sorted sets: two copies of a longer one are larger than a page of its own. */
const MAX_INLINE_MEMBER = 48
const SEPARATE_BYTES = 9

/** Children that an inner page of some units can have, by kind: a table, as a division at each level of a search costs more. */
const CAPACITIES = KEY_WORDS.map((words) =>
  Uint16Array.from({ length: INNER_UNITS + 1 }, (_, units) => Math.max(0, (2 * units - DATA) / (2 + words))),
)

/** Up to this many bytes a loop moves slots faster than `copyWithin`. */
const LOOP_BYTES = 512

const scratch = Buffer.alloc(LEAF_UNITS * UNIT_BYTES)

/** Bytes of a string in an entry. */
export function stringBytes(length: number): number {
  if (length <= MAX_SHORT) return 1 + length
  return length <= MAX_INLINE ? 3 + length : SEPARATE_BYTES
}

/** Bytes of a member of a sorted set in an entry. */
export function memberBytes(length: number): number {
  return length <= MAX_INLINE_MEMBER ? 1 + length : SEPARATE_BYTES
}

/** Bytes that one command may add to a region for new pages, whatever it inserts. */
export const TREE_SLACK: number = 3 * LEAF_UNITS * UNIT_BYTES

/**
 * One object serves all trees: `open` chooses one. A position is a path to an entry, or behind the last one of a leaf. It
 * is valid until the tree is changed or another one is opened.
 */
export class Tree {
  count = 0
  /** The entry that was loaded: its key begins at `view[at]`. */
  bytes: Buffer = Buffer.alloc(0)
  view: DataView = new DataView(this.bytes.buffer)
  at = 0
  /** Where the second string of the entry is that `seekString` has found. */
  secondAt = 0
  /** The key to look for or to insert. `keyDouble` is the same memory, for RANKING. */
  readonly key: Int32Array = new Int32Array(4)
  readonly keyDouble: Float64Array = new Float64Array(this.key.buffer)
  /** What `readString` found. */
  readonly span: Span = new Span()
  readonly #regions: Regions
  #region = 0
  #kind: TreeKind = TreeKind.LIST
  #keyWords = 0
  #doubleBytes = 0
  #maxInline = MAX_INLINE
  #capacities: Uint16Array = CAPACITIES[TreeKind.LIST]
  /** The page and the word where the descriptor is; page 0: the head of the region. */
  #ownerPage = 0
  #ownerWord = 0
  #root = NO_PAGE
  #height = 0
  /** The path, from the root to a leaf. */
  readonly #pages = new Int32Array(MAX_HEIGHT)
  readonly #indexes = new Int32Array(MAX_HEIGHT)
  #leafCount = 0
  #slots = 0
  #end = 0

  constructor(regions: Regions) {
    this.#regions = regions
  }

  /**
   * Chooses a tree. Its descriptor is three words (root page, height, number of entries), zeros at first: in the head of
   * the region from `word` on, or in a page, behind the page's header.
   */
  open(region: number, kind: TreeKind, word = 0, page = NO_PAGE): void {
    this.#region = region
    this.#kind = kind
    this.#keyWords = KEY_WORDS[kind]
    this.#doubleBytes = DOUBLE_BYTES[kind]
    this.#capacities = CAPACITIES[kind]
    this.#maxInline = kind === TreeKind.SCORES || kind === TreeKind.RANKING ? MAX_INLINE_MEMBER : MAX_INLINE
    this.#ownerPage = page
    this.#ownerWord = word
    const at = this.#locateDescriptor()
    const { words } = this.#regions
    this.#root = words[at]
    this.#height = words[at + 1]
    this.count = words[at + 2]
  }

  /** Goes to the entry with this rank, 0 ≤ `rank` ≤ count. False: there is none; the position is behind the last one. */
  seekRank(rank: number): boolean {
    const regions = this.#regions
    const height = this.#height
    let page = this.#root
    let left = rank
    let all = this.count
    for (let level = 0; level < height; level++) {
      regions.locate(this.#region, page)
      const { words, at } = regions
      const counts = at + DATA + this.#capacity(regions.pageUnits)
      let i = 0
      // From the nearer end: so both ends are found without a look at other children.
      if (left < all >>> 1) for (; left >= words[counts + i]; i++) left -= words[counts + i]
      else {
        i = words[at + COUNT] - 1
        let before = all - words[counts + i]
        while (before > left) before -= words[counts + --i]
        left -= before
      }
      all = words[counts + i]
      this.#pages[level] = page
      this.#indexes[level] = i
      page = words[at + DATA + i]
    }
    this.#pages[height] = page
    this.#indexes[height] = left
    return this.#load()
  }

  /**
   * Goes to the first entry whose key is not below `key[0]` as an unsigned number. False: there is none. For the kinds
   * that are ordered by a hash.
   */
  seekHash(): boolean {
    const regions = this.#regions
    const height = this.#height
    const hash = this.key[0] ^ SIGN
    let page = this.#root
    for (let level = 0; level < height; level++) {
      regions.locate(this.#region, page)
      const { words, at } = regions
      const keys = at + DATA + 2 * this.#capacity(regions.pageUnits)
      // The last child whose key is below: equal keys may begin there.
      let low = 0
      let high = words[at + COUNT] - 1
      while (low < high) {
        const middle = (low + high + 1) >>> 1
        if ((words[keys + middle] ^ SIGN) < hash) low = middle
        else high = middle - 1
      }
      this.#pages[level] = page
      this.#indexes[level] = low
      page = words[at + DATA + low]
    }
    this.#pages[height] = page
    if (page === NO_PAGE) return false
    this.#openLeaf(page)
    const { view } = this
    let low = 0
    let high = this.#leafCount
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((view.getInt32(this.#end - view.getUint16(this.#slots + 2 * middle, true), true) ^ SIGN) < hash)
        low = middle + 1
      else high = middle
    }
    return this.#goTo(low)
  }

  /**
   * Goes to the entry whose first string is `bytes[start, end)`; `hash` is that of the string. False: there is none, and the
   * position is where it belongs. For the kinds that are ordered by a hash.
   */
  seekString(hash: number, bytes: Uint8Array, start: number, end: number): boolean {
    this.key[0] = hash
    for (let is = this.seekHash(); is && this.view.getInt32(this.at, true) === hash; is = this.next()) {
      this.secondAt = this.readString(this.stringsAt)
      if (this.span.equals(bytes, start, end)) return true
    }
    return false
  }

  /**
   * Visits at least `limit` entries in the order of their hashes, from `cursor` on, as far as there are as many, and returns
   * the next cursor; 0: this was the end. A cursor is the next hash, 0 at first: so it stays valid through any change. Larger
   * numbers are past the end. `visit` must not change the tree or go elsewhere.
   */
  scan(cursor: number, limit: number, visit: () => void): number {
    if (cursor >= HASHES) return 0
    this.key[0] = cursor | 0
    let last = 0
    let is = this.seekHash()
    for (let left = limit; is; left--) {
      const hash = this.view.getUint32(this.at, true)
      // Entries with the same hash come in the same call.
      if (left <= 0 && hash !== last) return hash
      last = hash
      visit()
      is = this.next()
    }
    return 0
  }

  /**
   * Goes to the first entry that is not below score `keyDouble[0]` and member `bytes[start, end)`. True: it is equal.
   * For RANKING.
   */
  seekMember(bytes: Uint8Array, start: number, end: number): boolean {
    const regions = this.#regions
    const height = this.#height
    const score = this.keyDouble[0]
    let page = this.#root
    for (let level = 0; level < height; level++) {
      regions.locate(this.#region, page)
      const { words, view, at } = regions
      const keys = (at + DATA + 2 * this.#capacity(regions.pageUnits)) * 4
      let low = 0
      let high = words[at + COUNT] - 1
      while (low < high) {
        const middle = (low + high + 1) >>> 1
        const key = view.getFloat64(keys + 8 * middle, true)
        if (
          key === score
            ? this.#isFirstAbove(words[at + DATA + middle], level + 1, score, bytes, start, end)
            : key > score
        )
          high = middle - 1
        else low = middle
      }
      this.#pages[level] = page
      this.#indexes[level] = low
      page = words[at + DATA + low]
    }
    this.#pages[height] = page
    if (page === NO_PAGE) return false
    this.#openLeaf(page)
    const { view } = this
    let low = 0
    let high = this.#leafCount
    let isFound = false
    while (low < high) {
      const middle = (low + high) >>> 1
      const at = this.#end - view.getUint16(this.#slots + 2 * middle, true)
      const own = view.getFloat64(at, true)
      let order = own < score ? -1 : own > score ? 1 : 0
      if (order === 0) {
        order = this.#compareString(at + 8, bytes, start, end)
        if (order === 0) isFound = true
      }
      if (order < 0) low = middle + 1
      else high = middle
    }
    this.#goTo(low)
    return isFound
  }

  /** How many entries have a score below `score`, or with `orEqual` not above it. For RANKING. */
  rankOfScore(score: number, orEqual: boolean): number {
    const regions = this.#regions
    const height = this.#height
    let page = this.#root
    let rank = 0
    for (let level = 0; level < height; level++) {
      regions.locate(this.#region, page)
      const { words, view, at } = regions
      const capacity = this.#capacity(regions.pageUnits)
      const keys = (at + DATA + 2 * capacity) * 4
      let low = 0
      let high = words[at + COUNT] - 1
      while (low < high) {
        const middle = (low + high + 1) >>> 1
        const key = view.getFloat64(keys + 8 * middle, true)
        if (orEqual ? key <= score : key < score) low = middle
        else high = middle - 1
      }
      for (let i = 0; i < low; i++) rank += words[at + DATA + capacity + i]
      page = words[at + DATA + low]
    }
    if (page === NO_PAGE) return 0
    this.#openLeaf(page)
    const { view } = this
    let low = 0
    let high = this.#leafCount
    while (low < high) {
      const middle = (low + high) >>> 1
      const own = view.getFloat64(this.#end - view.getUint16(this.#slots + 2 * middle, true), true)
      if (orEqual ? own <= score : own < score) low = middle + 1
      else high = middle
    }
    return rank + low
  }

  /** Goes to the first entry whose ID is not below `key[0..3]`, most significant word first. True: it is equal. For IDS. */
  seekId(): boolean {
    const regions = this.#regions
    const height = this.#height
    let page = this.#root
    for (let level = 0; level < height; level++) {
      regions.locate(this.#region, page)
      const { words, view, at } = regions
      const keys = (at + DATA + 2 * this.#capacity(regions.pageUnits)) * 4
      let low = 0
      let high = words[at + COUNT] - 1
      while (low < high) {
        const middle = (low + high + 1) >>> 1
        if (this.#compareId(view, keys + 16 * middle) <= 0) low = middle
        else high = middle - 1
      }
      this.#pages[level] = page
      this.#indexes[level] = low
      page = words[at + DATA + low]
    }
    this.#pages[height] = page
    if (page === NO_PAGE) return false
    this.#openLeaf(page)
    const { view } = this
    let low = 0
    let high = this.#leafCount
    let isFound = false
    while (low < high) {
      const middle = (low + high) >>> 1
      const order = this.#compareId(view, this.#end - view.getUint16(this.#slots + 2 * middle, true))
      if (order === 0) isFound = true
      if (order < 0) low = middle + 1
      else high = middle
    }
    this.#goTo(low)
    return isFound
  }

  /** Goes to the next entry. False: there is none. */
  next(): boolean {
    const height = this.#height
    if (++this.#indexes[height] < this.#leafCount) {
      this.#locateEntry()
      return true
    }
    let level = height - 1
    for (; level >= 0; level--) {
      this.#regions.locate(this.#region, this.#pages[level])
      if (this.#indexes[level] + 1 < this.#regions.words[this.#regions.at + COUNT]) break
    }
    if (level < 0) {
      this.#indexes[height] = this.#leafCount
      return false
    }
    this.#indexes[level]++
    for (; level < height; level++) {
      this.#regions.locate(this.#region, this.#pages[level])
      this.#pages[level + 1] = this.#regions.words[this.#regions.at + DATA + this.#indexes[level]]
      this.#indexes[level + 1] = 0
    }
    return this.#load()
  }

  /** Goes to the entry before. False: there is none. */
  previous(): boolean {
    const height = this.#height
    if (--this.#indexes[height] >= 0) {
      this.#locateEntry()
      return true
    }
    let level = height - 1
    while (level >= 0 && this.#indexes[level] === 0) level--
    if (level < 0) return false
    this.#indexes[level]--
    for (; level < height; level++) {
      this.#regions.locate(this.#region, this.#pages[level])
      const page = this.#regions.words[this.#regions.at + DATA + this.#indexes[level]]
      this.#regions.locate(this.#region, page)
      this.#pages[level + 1] = page
      this.#indexes[level + 1] = (this.#regions.words[this.#regions.at + COUNT] & 0xffff) - 1
    }
    return this.#load()
  }

  /** The rank of the position. */
  rank(): number {
    const regions = this.#regions
    let rank = this.#indexes[this.#height]
    for (let level = 0; level < this.#height; level++) {
      regions.locate(this.#region, this.#pages[level])
      const counts = regions.at + DATA + this.#capacity(regions.pageUnits)
      for (let i = 0; i < this.#indexes[level]; i++) rank += regions.words[counts + i]
    }
    return rank
  }

  /** Where the double of the loaded entry is in `view`. */
  get doubleAt(): number {
    return this.at + 4 * this.#keyWords
  }

  /** Where the first string of the loaded entry is. */
  get stringsAt(): number {
    return this.at + 4 * this.#keyWords + this.#doubleBytes
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
    const regions = this.#regions
    regions.locate(this.#region, view.getUint32(at + 1, true))
    const start = (regions.at + PAGE_HEADER_WORDS) * 4
    span.set(regions.bytes, regions.view, start, start + view.getUint32(at + 5, true))
    return at + SEPARATE_BYTES
  }

  /**
   * Inserts an entry with the key `key` before the position, with strings of `length` bytes together (`stringBytes`,
   * `memberBytes`). The caller then writes the double (at `doubleAt`) and the strings (`writeString`, from `stringsAt` on).
   */
  insert(length: number): void {
    const bytes = 4 * this.#keyWords + this.#doubleBytes + length
    if (this.#root === NO_PAGE) this.#plant(bytes)
    this.#makeRoom(bytes)
    const regions = this.#regions
    for (let level = 0; level < this.#height; level++) {
      regions.locate(this.#region, this.#pages[level])
      regions.words[regions.at + DATA + this.#capacity(regions.pageUnits) + this.#indexes[level]]++
    }
    const i = this.#indexes[this.#height]
    if (i === 0) this.#lowerKeys()
    this.#openLeaf(this.#pages[this.#height])
    const { words, at } = regions
    const count = this.#leafCount
    const heap = words[at + HEAP] + bytes
    words[at + HEAP] = heap
    words[at + COUNT]++
    this.#leafCount = count + 1
    const slot = this.#slots + 2 * i
    moveUp(this.bytes, this.view, slot, this.#slots + 2 * count)
    this.view.setUint16(slot, heap, true)
    this.at = this.#end - heap
    for (let word = 0; word < this.#keyWords; word++)
      this.view.setInt32(this.at + 4 * word, this.key[word], true)
    this.count++
    this.#save()
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
    if (length <= this.#maxInline) {
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
    const regions = this.#regions
    const page = regions.take(this.#region, (PAGE_HEADER_WORDS * 4 + length + UNIT_BYTES - 1) >>> 3)
    regions.countSeparate(this.#region, 1)
    bytes[at] = SEPARATE
    view.setUint32(at + 1, page, true)
    view.setUint32(at + 5, length, true)
    regions.locate(this.#region, page)
    const start = (regions.at + PAGE_HEADER_WORDS) * 4
    span.set(regions.bytes, regions.view, start, start + length)
    return at + SEPARATE_BYTES
  }

  /** Writes the string of the entry that another tree of the region has loaded; a page of its own is shared. */
  copyString(from: Tree): void {
    const { bytes } = this
    const source = from.stringsAt
    const target = this.stringsAt
    const length = from.#skipString(source) - source
    for (let i = 0; i < length; i++) bytes[target + i] = from.bytes[source + i]
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
      if (length <= this.#maxInline) return false
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
    const i = this.#indexes[this.#height]
    // At the edges of a leaf its neighbours are elsewhere, and its key may be that of the leaf.
    if (i === 0 || i >= this.#leafCount - 1) return false
    const slot = this.#slots + 2 * i
    const before = view.getFloat64(this.#end - view.getUint16(slot - 2, true), true)
    const after = view.getFloat64(this.#end - view.getUint16(slot + 2, true), true)
    if (!(before < score && score < after)) return false
    view.setFloat64(this.at, score, true)
    return true
  }

  /** Removes the entry of the position. There is no position afterwards. */
  remove(): void {
    this.#removeFromLeaf(this.#indexes[this.#height], 1)
  }

  /** Removes `count` entries from `rank` on: leaf by leaf, so that the cost is that of the leaves. */
  removeRange(rank: number, count: number): void {
    for (let left = count; left > 0; ) {
      this.seekRank(rank)
      const i = this.#indexes[this.#height]
      const here = Math.min(left, this.#leafCount - i)
      left -= here
      this.#removeFromLeaf(i, here)
    }
  }

  /** Removes entries of the leaf of the path. */
  #removeFromLeaf(i: number, removed: number): void {
    const regions = this.#regions
    const height = this.#height
    const page = this.#pages[height]
    this.#openLeaf(page)
    const count = this.#leafCount - removed
    let bytes = 0
    let lowest = 0
    // The bytes of a leaf that goes as a whole do not matter.
    if (count > 0 || regions.hasSeparate(this.#region))
      for (let slot = i; slot < i + removed; slot++) {
        lowest = this.view.getUint16(this.#slots + 2 * slot, true)
        const at = this.#end - lowest
        bytes += this.#entryBytes(at)
        this.#freeStrings(at)
      }
    const slot = this.#slots + 2 * i
    moveDown(this.bytes, this.view, slot + 2 * removed, this.#slots + 2 * (count + removed), slot)
    regions.locate(this.#region, page)
    const { words, at } = regions
    let dead = words[at + COUNT] >>> 16
    // The lowest entry leaves no gap.
    if (removed === 1 && lowest === words[at + HEAP]) words[at + HEAP] = lowest - bytes
    else dead += bytes
    words[at + COUNT] = count | (dead << 16)
    for (let level = 0; level < height; level++) {
      regions.locate(this.#region, this.#pages[level])
      regions.words[regions.at + DATA + this.#capacity(regions.pageUnits) + this.#indexes[level]] -= removed
    }
    this.count -= removed
    if (count === 0) this.#removePage(height)
    else this.#shrinkLeaf()
    this.#save()
  }

  /** Throws when the tree contradicts itself. Returns the pages that it uses. For tests. */
  verify(): number {
    if (this.#root === NO_PAGE) {
      if (this.count !== 0) throw new Error(`${this.count} entries without a root`)
      return 0
    }
    const found = { pages: 0, entries: 0 }
    this.#verifyPage(this.#root, 0, found)
    if (found.entries !== this.count) throw new Error(`${found.entries} entries, ${this.count} counted`)
    return found.pages
  }

  #verifyPage(page: number, level: number, found: { pages: number; entries: number }): void {
    const regions = this.#regions
    found.pages++
    regions.locate(this.#region, page)
    const { words, view, at } = regions
    const units = regions.pageUnits
    if (level === this.#height) {
      this.#openLeaf(page)
      const count = this.#leafCount
      let live = 0
      for (let i = 0; i < count; i++) {
        const entry = this.#end - view.getUint16(this.#slots + 2 * i, true)
        this.at = entry
        live += this.#entryBytes(entry)
        for (let string = STRINGS[this.#kind], from = this.stringsAt; string > 0; string--) {
          if (this.bytes[from] === SEPARATE && this.#kind !== TreeKind.SCORES) found.pages++
          from = this.readString(from)
        }
      }
      const dead = words[at + COUNT] >>> 16
      const heap = words[at + HEAP]
      if (live + dead !== heap) throw new Error(`a leaf with ${live} live and ${dead} dead bytes has ${heap}`)
      if (DATA_BYTES + 2 * count + heap > units * UNIT_BYTES) throw new Error('a leaf overflows')
      if (count === 0) throw new Error('a leaf is empty')
      found.entries += count
      return
    }
    const count = words[at + COUNT]
    const capacity = this.#capacity(units)
    if (count === 0 || count > capacity) throw new Error(`an inner page has ${count} children`)
    for (let i = 0; i < count; i++) {
      const before = found.entries
      this.#verifyPage(words[at + DATA + i], level + 1, found)
      const below = words[at + DATA + capacity + i]
      if (found.entries - before !== below)
        throw new Error(`${found.entries - before} entries below a child, ${below} counted`)
    }
  }

  /** Whether the first entry below a page is above a score and member. */
  #isFirstAbove(
    page: number,
    pageLevel: number,
    score: number,
    bytes: Uint8Array,
    start: number,
    end: number,
  ): boolean {
    const regions = this.#regions
    let child = page
    for (let level = pageLevel; level < this.#height; level++) {
      regions.locate(this.#region, child)
      child = regions.words[regions.at + DATA]
    }
    this.#openLeaf(child)
    const at = this.#end - this.view.getUint16(this.#slots, true)
    const first = this.view.getFloat64(at, true)
    if (first !== score) return first > score
    return this.#compareString(at + 8, bytes, start, end) > 0
  }

  #compareId(view: DataView, at: number): number {
    for (let word = 0; word < 4; word++) {
      const own = view.getInt32(at + 4 * word, true) ^ SIGN
      const wanted = this.key[word] ^ SIGN
      if (own !== wanted) return own < wanted ? -1 : 1
    }
    return 0
  }

  /** How the string at `at` compares to `bytes[start, end)`. */
  #compareString(at: number, bytes: Uint8Array, start: number, end: number): number {
    this.readString(at)
    const { span } = this
    return compareBytes(span.bytes, span.start, span.end, bytes, start, end)
  }

  /** Children that an inner page of these units can have. */
  #capacity(units: number): number {
    return this.#capacities[units]
  }

  #openLeaf(page: number): void {
    const regions = this.#regions
    regions.locate(this.#region, page)
    const { at } = regions
    this.bytes = regions.bytes
    this.view = regions.view
    this.#leafCount = regions.words[at + COUNT] & 0xffff
    this.#slots = (at + DATA) * 4
    this.#end = at * 4 + regions.pageUnits * UNIT_BYTES
  }

  /** Goes to entry `i` of the open leaf; behind its last one, to the next leaf. False: there is none. */
  #goTo(i: number): boolean {
    this.#indexes[this.#height] = i
    if (i >= this.#leafCount) return this.next()
    this.#locateEntry()
    return true
  }

  /** Opens the leaf of the path. False: the position is behind its last entry. */
  #load(): boolean {
    const page = this.#pages[this.#height]
    if (page === NO_PAGE) return false
    this.#openLeaf(page)
    if (this.#indexes[this.#height] >= this.#leafCount) return false
    this.#locateEntry()
    return true
  }

  #locateEntry(): void {
    this.at = this.#end - this.view.getUint16(this.#slots + 2 * this.#indexes[this.#height], true)
  }

  #save(): void {
    const at = this.#locateDescriptor()
    const { words } = this.#regions
    words[at] = this.#root
    words[at + 1] = this.#height
    words[at + 2] = this.count
  }

  /** Where the descriptor of the tree is in the words of the page that is located then. */
  #locateDescriptor(): number {
    const regions = this.#regions
    if (this.#ownerPage === NO_PAGE) regions.locateHead(this.#region)
    else regions.locate(this.#region, this.#ownerPage)
    return regions.at + PAGE_HEADER_WORDS + this.#ownerWord
  }

  /** Bytes of the entry at `at`. */
  #entryBytes(at: number): number {
    let to = at + 4 * this.#keyWords + this.#doubleBytes
    for (let string = STRINGS[this.#kind]; string > 0; string--) to = this.#skipString(to)
    return to - at
  }

  /** Frees the pages of the strings of the entry at `at`. */
  #freeStrings(at: number): void {
    if (this.#kind === TreeKind.SCORES) return
    let to = at + 4 * this.#keyWords + this.#doubleBytes
    for (let string = STRINGS[this.#kind]; string > 0; string--) {
      if (this.bytes[to] === SEPARATE) this.#freeSeparate(to)
      to = this.#skipString(to)
    }
  }

  /** Where the string after the one at `at` begins. */
  #skipString(at: number): number {
    const first = this.bytes[at]
    if (first < LONG) return at + 1 + first
    return first === LONG ? at + 3 + this.view.getUint16(at + 1, true) : at + SEPARATE_BYTES
  }

  /** Frees the page of the string at `at`. */
  #freeSeparate(at: number): void {
    this.#regions.give(this.#region, this.view.getUint32(at + 1, true))
    this.#regions.countSeparate(this.#region, -1)
  }

  /** The first leaf. */
  #plant(bytes: number): void {
    const units = Math.max(FIRST_UNITS, (DATA_BYTES + 2 + bytes + UNIT_BYTES - 1) >>> 3)
    this.#root = this.#takePage(units)
    this.#height = 0
    this.#pages[0] = this.#root
    this.#indexes[0] = 0
  }

  #takePage(units: number): number {
    const regions = this.#regions
    const page = regions.take(this.#region, units)
    regions.locate(this.#region, page)
    regions.words[regions.at + COUNT] = 0
    regions.words[regions.at + HEAP] = 0
    return page
  }

  /** Makes room for an entry of `bytes` in the leaf of the path, which may be another one afterwards. */
  #makeRoom(bytes: number): void {
    const regions = this.#regions
    for (;;) {
      const page = this.#pages[this.#height]
      regions.locate(this.#region, page)
      const units = regions.pageUnits
      const w0 = regions.words[regions.at + COUNT]
      const used = DATA_BYTES + 2 * (w0 & 0xffff) + regions.words[regions.at + HEAP]
      const missing = used + 2 + bytes - units * UNIT_BYTES
      if (missing <= 0) return
      if (missing <= w0 >>> 16) this.#pack(page, units)
      else if (units < LEAF_UNITS) {
        // What is pushed to a long list, or appended to a stream, fills the leaf: there it need not be tight meanwhile.
        const step = this.#height > 0 && this.#isEdgeInsertion(w0 & 0xffff) ? units : units >> 3
        const more = Math.max(16, step, (missing + UNIT_BYTES - 1) >>> 3)
        this.#grow(page, Math.min(LEAF_UNITS, units + more))
      } else {
        const rank = this.rank()
        this.#splitLeaf()
        this.seekRank(rank)
      }
    }
  }

  /** Gives a leaf a larger block. Slots and entries keep their distances from both ends. */
  #grow(page: number, units: number): void {
    const regions = this.#regions
    this.#openLeaf(page)
    const { bytes } = this
    const slots = this.#slots
    const end = this.#end
    const counts = regions.words[regions.at + COUNT]
    const heap = regions.words[regions.at + HEAP]
    const old = regions.replace(this.#region, page, units)
    regions.locate(this.#region, page)
    regions.words[regions.at + COUNT] = counts
    regions.words[regions.at + HEAP] = heap
    this.#openLeaf(page)
    bytes.copy(this.bytes, this.#slots, slots, slots + 2 * this.#leafCount)
    bytes.copy(this.bytes, this.#end - heap, end - heap, end)
    regions.freeBlock(this.#region, old)
  }

  /** Copies the live entries of a leaf together, in a block of `units`. */
  #pack(page: number, units: number): void {
    this.#openLeaf(page)
    const count = this.#leafCount
    const bytes = this.#gather(0, count)
    this.#fill(page, units, 0, count, bytes)
  }

  /** Copies entries of the open leaf to `scratch`, each behind the other. Returns their bytes. */
  #gather(from: number, to: number): number {
    const { bytes, view } = this
    let at = 0
    for (let i = from; i < to; i++) {
      const entry = this.#end - view.getUint16(this.#slots + 2 * i, true)
      const length = this.#entryBytes(entry)
      if (length > 64) scratch.set(bytes.subarray(entry, entry + length), at)
      else for (let j = 0; j < length; j++) scratch[at + j] = bytes[entry + j]
      at += length
    }
    return at
  }

  /**
   * Makes a leaf of `units` from entries in `scratch[start, start + bytes)`. The block is another one if the units differ.
   */
  #fill(page: number, units: number, start: number, count: number, bytes: number): void {
    const regions = this.#regions
    regions.locate(this.#region, page)
    if (regions.pageUnits !== units) {
      const old = regions.replace(this.#region, page, units)
      regions.freeBlock(this.#region, old)
    }
    this.#openLeaf(page)
    const { words, at } = regions
    words[at + COUNT] = count
    words[at + HEAP] = bytes
    const target = this.#end - bytes
    this.bytes.set(scratch.subarray(start, start + bytes), target)
    const { view } = this
    for (let i = 0, entry = target; i < count; i++) {
      view.setUint16(this.#slots + 2 * i, this.#end - entry, true)
      entry += this.#entryBytes(entry)
    }
    this.#leafCount = count
  }

  /** Units of a leaf with some room. */
  #unitsFor(count: number, bytes: number): number {
    const needed = (DATA_BYTES + 2 * count + bytes + UNIT_BYTES - 1) >>> 3
    return Math.min(LEAF_UNITS, Math.max(FIRST_UNITS, needed + (needed >> 3)))
  }

  /** Splits the full leaf of the path: in the middle, or at an edge where the insertion is at the edge of the tree. */
  #splitLeaf(): void {
    const height = this.#height
    const page = this.#pages[height]
    const i = this.#indexes[height]
    this.#openLeaf(page)
    const count = this.#leafCount
    let at = count >> 1
    if (this.#isEdgeInsertion(count)) at = i === 0 ? 1 : count - 1
    const leftBytes = this.#gather(0, at)
    const separator = this.#end - this.view.getUint16(this.#slots + 2 * at, true)
    const key = [0, 0, 0, 0]
    for (let word = 0; word < this.#keyWords; word++)
      key[word] = this.view.getInt32(separator + 4 * word, true)
    const left = Buffer.from(scratch.subarray(0, leftBytes))
    const rightBytes = this.#gather(at, count)
    const right = this.#takePage(this.#unitsFor(count - at, rightBytes))
    this.#fill(right, this.#regions.pageUnits, 0, count - at, rightBytes)
    scratch.set(left)
    this.#fill(page, this.#unitsFor(at, leftBytes), 0, at, leftBytes)
    this.#insertChild(height - 1, page, at, right, count - at, key)
  }

  /** Whether an entry is inserted before all others, or behind all; its leaf has `count`. */
  #isEdgeInsertion(count: number): boolean {
    const i = this.#indexes[this.#height]
    return (i === count && this.#isAtEdge(true)) || (i === 0 && this.#isAtEdge(false))
  }

  /** Whether the path leads along the right or left edge. */
  #isAtEdge(isRight: boolean): boolean {
    for (let level = 0; level < this.#height; level++) {
      this.#regions.locate(this.#region, this.#pages[level])
      const last = this.#regions.words[this.#regions.at + COUNT] - 1
      if (this.#indexes[level] !== (isRight ? last : 0)) return false
    }
    return true
  }

  /** Adds a page beside the child of the path at `level`, which was split: below are `leftCount` and `rightCount`. */
  #insertChild(
    level: number,
    left: number,
    leftCount: number,
    right: number,
    rightCount: number,
    key: readonly number[],
  ): void {
    const regions = this.#regions
    if (level < 0) {
      this.#root = this.#takePage(this.#innerUnits(FIRST_CHILDREN))
      this.#height++
      this.#setChildren(this.#root, [left, right], [leftCount, rightCount], [NO_KEY, key])
      return
    }
    const page = this.#pages[level]
    regions.locate(this.#region, page)
    const count = regions.words[regions.at + COUNT]
    let capacity = this.#capacity(regions.pageUnits)
    const i = this.#indexes[level]
    if (count === capacity) {
      if (regions.pageUnits >= INNER_UNITS) {
        this.#splitInner(level, left, leftCount, right, rightCount, key)
        return
      }
      this.#growInner(page)
      capacity = this.#capacity(regions.pageUnits)
    }
    const { words, at } = regions
    const children = at + DATA
    const counts = children + capacity
    const keys = counts + capacity
    const width = this.#keyWords
    words.copyWithin(children + i + 2, children + i + 1, children + count)
    words.copyWithin(counts + i + 2, counts + i + 1, counts + count)
    if (width > 0) words.copyWithin(keys + width * (i + 2), keys + width * (i + 1), keys + width * count)
    words[children + i + 1] = right
    words[counts + i] = leftCount
    words[counts + i + 1] = rightCount
    for (let word = 0; word < width; word++) words[keys + width * (i + 1) + word] = key[word]
    words[at + COUNT] = count + 1
  }

  #innerUnits(children: number): number {
    return Math.min(INNER_UNITS, (DATA + children * (2 + this.#keyWords) + 1) >> 1)
  }

  #growInner(page: number): void {
    const children = this.#children(page)
    const units = this.#innerUnits(children.pages.length * 2)
    const old = this.#regions.replace(this.#region, page, units)
    this.#regions.freeBlock(this.#region, old)
    this.#setChildren(page, children.pages, children.counts, children.keys)
  }

  #splitInner(
    level: number,
    left: number,
    leftCount: number,
    right: number,
    rightCount: number,
    key: readonly number[],
  ): void {
    const page = this.#pages[level]
    const i = this.#indexes[level]
    const isLast = this.#isAtEdge(true)
    const { pages, counts, keys } = this.#children(page)
    pages.splice(i, 1, left, right)
    counts.splice(i, 1, leftCount, rightCount)
    keys.splice(i + 1, 0, key)
    const at = isLast ? pages.length - 1 : pages.length >> 1
    const sum = (list: readonly number[]): number => list.reduce((a, b) => a + b, 0)
    const beside = this.#takePage(this.#innerUnits(Math.max(FIRST_CHILDREN, pages.length - at + 4)))
    this.#setChildren(beside, pages.slice(at), counts.slice(at), keys.slice(at))
    this.#setChildren(page, pages.slice(0, at), counts.slice(0, at), keys.slice(0, at))
    this.#insertChild(level - 1, page, sum(counts.slice(0, at)), beside, sum(counts.slice(at)), keys[at])
  }

  #children(page: number): { pages: number[]; counts: number[]; keys: (readonly number[])[] } {
    const regions = this.#regions
    regions.locate(this.#region, page)
    const { words, at } = regions
    const count = words[at + COUNT]
    const capacity = this.#capacity(regions.pageUnits)
    const width = this.#keyWords
    const pages: number[] = []
    const counts: number[] = []
    const keys: number[][] = []
    for (let i = 0; i < count; i++) {
      pages.push(words[at + DATA + i])
      counts.push(words[at + DATA + capacity + i])
      const from = at + DATA + 2 * capacity + width * i
      keys.push([...words.subarray(from, from + width)])
    }
    return { pages, counts, keys }
  }

  /** Writes the children of an inner page, which must have room for them. */
  #setChildren(
    page: number,
    pages: readonly number[],
    counts: readonly number[],
    keys: readonly (readonly number[])[],
  ): void {
    const regions = this.#regions
    regions.locate(this.#region, page)
    const { words, at } = regions
    const capacity = this.#capacity(regions.pageUnits)
    const width = this.#keyWords
    words[at + COUNT] = pages.length
    for (let i = 0; i < pages.length; i++) {
      words[at + DATA + i] = pages[i]
      words[at + DATA + capacity + i] = counts[i]
      for (let word = 0; word < width; word++)
        words[at + DATA + 2 * capacity + width * i + word] = keys[i][word]
    }
  }

  /** An entry is inserted before all of its leaf: its key becomes that of the leaf, and of those above. */
  #lowerKeys(): void {
    const width = this.#keyWords
    if (width === 0) return
    const regions = this.#regions
    for (let level = this.#height - 1; level >= 0; level--) {
      regions.locate(this.#region, this.#pages[level])
      const i = this.#indexes[level]
      const keys = regions.at + DATA + 2 * this.#capacity(regions.pageUnits)
      for (let word = 0; word < width; word++) regions.words[keys + width * i + word] = this.key[word]
      if (i > 0) return
    }
  }

  /** Removes an empty page of the path, and those above that become empty. */
  #removePage(from: number): void {
    const regions = this.#regions
    for (let level = from; level > 0; level--) {
      regions.give(this.#region, this.#pages[level])
      if (this.#removeChild(this.#pages[level - 1], this.#indexes[level - 1]) > 0) {
        this.#lowerRoot()
        return
      }
    }
    regions.give(this.#region, this.#root)
    this.#root = NO_PAGE
    this.#height = 0
  }

  /** Removes a child of an inner page. Returns how many are left. */
  #removeChild(page: number, i: number): number {
    const regions = this.#regions
    regions.locate(this.#region, page)
    const { words, at } = regions
    const count = words[at + COUNT]
    const children = at + DATA
    const capacity = this.#capacity(regions.pageUnits)
    const counts = children + capacity
    const keys = counts + capacity
    const width = this.#keyWords
    words.copyWithin(children + i, children + i + 1, children + count)
    words.copyWithin(counts + i, counts + i + 1, counts + count)
    if (width > 0) words.copyWithin(keys + width * i, keys + width * (i + 1), keys + width * count)
    words[at + COUNT] = count - 1
    return count - 1
  }

  /** While the root has one child only, that is the root. */
  #lowerRoot(): void {
    const regions = this.#regions
    while (this.#height > 0) {
      regions.locate(this.#region, this.#root)
      if (regions.words[regions.at + COUNT] > 1) return
      const child = regions.words[regions.at + DATA]
      regions.give(this.#region, this.#root)
      this.#root = child
      this.#height--
    }
  }

  /** After a removal: merges a sparse leaf with a neighbour, or gives it a smaller block. */
  #shrinkLeaf(): void {
    const regions = this.#regions
    const height = this.#height
    const page = this.#pages[height]
    regions.locate(this.#region, page)
    const w0 = regions.words[regions.at + COUNT]
    const count = w0 & 0xffff
    const live = regions.words[regions.at + HEAP] - (w0 >>> 16)
    const needed = DATA_BYTES + 2 * count + live
    if (needed < SPARSE_BYTES && height > 0 && this.#mergeLeaf(needed)) return
    const units = this.#regions.pageUnits
    regions.locate(this.#region, page)
    if (units > FIRST_UNITS && needed < (units * UNIT_BYTES) / 2)
      this.#pack(page, this.#unitsFor(count, live))
  }

  /** Merges the leaf of the path, which needs `bytes`, with a neighbour below the same page. False: it does not fit. */
  #mergeLeaf(bytes: number): boolean {
    const regions = this.#regions
    const height = this.#height
    const parent = this.#pages[height - 1]
    const i = this.#indexes[height - 1]
    regions.locate(this.#region, parent)
    const last = regions.words[regions.at + COUNT] - 1
    if (last === 0) return false
    const left = i < last ? i : i - 1
    const leftPage = regions.words[regions.at + DATA + left]
    const rightPage = regions.words[regions.at + DATA + left + 1]
    const other = i === left ? rightPage : leftPage
    regions.locate(this.#region, other)
    const w0 = regions.words[regions.at + COUNT]
    const otherBytes = 2 * (w0 & 0xffff) + regions.words[regions.at + HEAP] - (w0 >>> 16)
    if (bytes + otherBytes > MERGED_BYTES) return false
    this.#openLeaf(rightPage)
    const rightCount = this.#leafCount
    const right = Buffer.from(scratch.subarray(0, this.#gather(0, rightCount)))
    this.#openLeaf(leftPage)
    const leftCount = this.#leafCount
    const leftBytes = this.#gather(0, leftCount)
    scratch.set(right, leftBytes)
    const all = leftBytes + right.length
    this.#fill(leftPage, this.#unitsFor(leftCount + rightCount, all), 0, leftCount + rightCount, all)
    regions.give(this.#region, rightPage)
    regions.locate(this.#region, parent)
    regions.words[regions.at + DATA + this.#capacity(regions.pageUnits) + left] = leftCount + rightCount
    this.#removeChild(parent, left + 1)
    this.#lowerRoot()
    return true
  }
}

const NO_KEY: readonly number[] = [0, 0, 0, 0]

/** Moves the slots in `[from, to)` one place up. */
function moveUp(bytes: Buffer, view: DataView, from: number, to: number): void {
  if (to - from > LOOP_BYTES) {
    bytes.copyWithin(from + 2, from, to)
    return
  }
  let at = to - 4
  for (; at >= from; at -= 4) view.setInt32(at + 2, view.getInt32(at, true), true)
  if (at + 2 === from) view.setInt16(from + 2, view.getInt16(from, true), true)
}

/** Moves the slots in `[from, to)` down to `target`. */
function moveDown(bytes: Buffer, view: DataView, from: number, to: number, target: number): void {
  if (to - from > LOOP_BYTES) {
    bytes.copyWithin(target, from, to)
    return
  }
  const by = from - target
  let at = from
  for (; at + 4 <= to; at += 4) view.setInt32(at - by, view.getInt32(at, true), true)
  if (at < to) view.setInt16(at - by, view.getInt16(at, true), true)
}

// Searches in a tree: by hash, score and member, ID.

import { NO_PAGE } from '../region/pages.ts'
import { compareBytes } from '../span.ts'
import { LAYOUT, SLOT_BYTES, TreeKind } from './layout.ts'
import { TreePosition } from './position.ts'

const { COUNT, DATA, KEY_AT } = LAYOUT

const SIGN = 1 << 31
const LEAST = -(2 ** 31)
const MOST = 2 ** 31 - 1
/** Bytes of a slot of RANKING. */
const RANKING_SLOT: number = SLOT_BYTES[TreeKind.RANKING]
/** How far a search in a leaf goes from where an entry was expected, at first. */
const FIRST_STEP = 4
const HASHES = 2 ** 32

export abstract class TreeSearch extends TreePosition {
  /**
   * Goes to the first entry whose key is not below `key[0]` as an unsigned number. False: there is none. For the kinds
   * that are ordered by a hash.
   */
  seekHash(): boolean {
    const page = this.#descend()
    if (page === NO_PAGE) return false
    this.openLeaf(page, this.leafCount)
    return this.goTo(this.#findHash())
  }

  /** Follows the path to the leaf where the hash `key[0]` belongs; notes its count and the bounds of the hashes in it. */
  #descend(): number {
    const regions = this.regions
    const height = this.height
    const hash = this.key[0] ^ SIGN
    let page = this.root
    let count = this.count
    let least = LEAST
    let most = MOST
    for (let level = 0; level < height; level++) {
      regions.locate(this.region, page)
      const { words, at } = regions
      const capacity = this.capacity(regions.pageUnits)
      const keys = at + DATA + 2 * capacity
      // The last child whose key is below: equal keys may begin there.
      const last = words[at + COUNT] - 1
      let low = 0
      let high = last
      // Hashes are spread evenly: the child is near the place that the hash has between the least and the greatest.
      let middle = (((hash - least) / (most - least)) * last + 0.5) | 0
      for (let step = FIRST_STEP; low < high; step += step) {
        if (middle <= low || middle > high) middle = (low + high + 1) >>> 1
        if ((words[keys + middle] ^ SIGN) < hash) {
          low = middle
          middle += step
        } else {
          high = middle - 1
          middle -= step
        }
      }
      if (low > 0) least = words[keys + low] ^ SIGN
      if (low < last) most = words[keys + low + 1] ^ SIGN
      this.pages[level] = page
      this.indexes[level] = low
      page = words[at + DATA + low]
      count = words[at + DATA + capacity + low]
    }
    this.pages[height] = page
    this.leafCount = count
    this.least = least
    this.most = most
    return page
  }

  /** Where the hash `key[0]` is expected in the open leaf. */
  #expected(): number {
    const { least, most, leafCount } = this
    const i = ((((this.key[0] ^ SIGN) - least) / (most - least)) * leafCount) | 0
    return i >= 0 && i < leafCount ? i : leafCount >>> 1
  }

  /**
   * The first entry of the open leaf whose hash is not below `key[0]`. Hashes are spread evenly, so the search begins where
   * that entry is expected, by where the hash lies between the least and the greatest of the leaf: it touches few cache
   * lines, where halves of a leaf touch one at each step.
   */
  #findHash(): number {
    const hash = this.key[0] ^ SIGN
    let low = 0
    let high = this.leafCount
    const expected = this.#expected()
    let step = FIRST_STEP
    if (this.#hashAt(expected) < hash) {
      for (low = expected + 1; low + step < high; step += step) {
        if (this.#hashAt(low + step) >= hash) high = low + step
        else low += step + 1
      }
    } else {
      for (high = expected; low < high - step; step += step) {
        if (this.#hashAt(high - step) < hash) low = high - step + 1
        else high -= step
      }
    }
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#hashAt(middle) < hash) low = middle + 1
      else high = middle
    }
    return low
  }

  #hashAt(i: number): number {
    return this.view.getInt32(this.slotAt(i) + KEY_AT, true) ^ SIGN
  }

  /**
   * Goes to the entry whose first string is `bytes[start, end)`; `hash` is that of the string. False: there is none, and the
   * position is where it belongs. For the kinds that are ordered by a hash.
   */
  seekString(hash: number, bytes: Uint8Array, start: number, end: number): boolean {
    this.key[0] = hash
    for (let is = this.seekHash(); is && this.view.getInt32(this.keyAt, true) === hash; is = this.next()) {
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
      const hash = this.view.getUint32(this.keyAt, true)
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
    const regions = this.regions
    const height = this.height
    const score = this.keyDouble[0]
    let page = this.root
    let count = this.count
    let least = Number.NaN
    let most = Number.NaN
    for (let level = 0; level < height; level++) {
      regions.locate(this.region, page)
      const { words, view, at } = regions
      const capacity = this.capacity(regions.pageUnits)
      const keys = (at + DATA + 2 * capacity) * 4
      const last = words[at + COUNT] - 1
      let low = 0
      let high = last
      // The key of the first child is not used.
      const lowest = view.getFloat64(keys + 8, true)
      const expected = expectedAt(score, lowest, view.getFloat64(keys + 8 * last, true), last - 1)
      let middle = 1 + expected
      for (let step = expected < 0 ? last : FIRST_STEP; low < high; step += step) {
        if (middle <= low || middle > high) middle = (low + high + 1) >>> 1
        const key = view.getFloat64(keys + 8 * middle, true)
        if (
          key === score
            ? this.#isFirstAbove(words[at + DATA + middle], level + 1, score, bytes, start, end)
            : key > score
        ) {
          high = middle - 1
          middle -= step
        } else {
          low = middle
          middle += step
        }
      }
      if (low > 0) least = view.getFloat64(keys + 8 * low, true)
      if (low < last) most = view.getFloat64(keys + 8 * (low + 1), true)
      this.pages[level] = page
      this.indexes[level] = low
      page = words[at + DATA + low]
      count = words[at + DATA + capacity + low]
    }
    this.pages[height] = page
    if (page === NO_PAGE) return false
    this.openLeaf(page, count)
    const { view } = this
    const keys = this.slots + KEY_AT
    let low = 0
    let high = count
    let isFound = false
    if (Number.isNaN(least)) least = view.getFloat64(keys, true)
    if (Number.isNaN(most)) most = view.getFloat64(keys + RANKING_SLOT * (count - 1), true)
    let middle = expectedAt(score, least, most, count)
    for (let step = middle < 0 ? count : FIRST_STEP; low < high; step += step) {
      if (middle < low || middle >= high) middle = (low + high) >>> 1
      const own = view.getFloat64(keys + RANKING_SLOT * middle, true)
      let order = own < score ? -1 : own > score ? 1 : 0
      if (order === 0) {
        order = this.#compareString(this.entryAt(middle), bytes, start, end)
        if (order === 0) isFound = true
      }
      if (order < 0) {
        low = middle + 1
        middle += step
      } else {
        high = middle
        middle -= step
      }
    }
    this.goTo(low)
    return isFound
  }

  /** How many entries have a score below `score`, or with `orEqual` not above it. For RANKING. */
  rankOfScore(score: number, orEqual: boolean): number {
    const regions = this.regions
    const height = this.height
    let page = this.root
    let rank = 0
    for (let level = 0; level < height; level++) {
      regions.locate(this.region, page)
      const { words, view, at } = regions
      const capacity = this.capacity(regions.pageUnits)
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
    this.openLeaf(page)
    const { view } = this
    let low = 0
    let high = this.leafCount
    while (low < high) {
      const middle = (low + high) >>> 1
      const own = view.getFloat64(this.slotAt(middle) + KEY_AT, true)
      if (orEqual ? own <= score : own < score) low = middle + 1
      else high = middle
    }
    return rank + low
  }

  /** Goes to the first entry whose ID is not below `key[0..3]`, most significant word first. True: it is equal. For IDS. */
  seekId(): boolean {
    const regions = this.regions
    const height = this.height
    let page = this.root
    for (let level = 0; level < height; level++) {
      regions.locate(this.region, page)
      const { words, view, at } = regions
      const keys = (at + DATA + 2 * this.capacity(regions.pageUnits)) * 4
      let low = 0
      let high = words[at + COUNT] - 1
      while (low < high) {
        const middle = (low + high + 1) >>> 1
        if (this.#compareId(view, keys + 16 * middle) <= 0) low = middle
        else high = middle - 1
      }
      this.pages[level] = page
      this.indexes[level] = low
      page = words[at + DATA + low]
    }
    this.pages[height] = page
    if (page === NO_PAGE) return false
    this.openLeaf(page)
    const { view } = this
    let low = 0
    let high = this.leafCount
    let isFound = false
    while (low < high) {
      const middle = (low + high) >>> 1
      const order = this.#compareId(view, this.slotAt(middle) + KEY_AT)
      if (order === 0) isFound = true
      if (order < 0) low = middle + 1
      else high = middle
    }
    this.goTo(low)
    return isFound
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
    const regions = this.regions
    let child = page
    for (let level = pageLevel; level < this.height; level++) {
      regions.locate(this.region, child)
      child = regions.words[regions.at + DATA]
    }
    this.openLeaf(child)
    const first = this.view.getFloat64(this.slots + KEY_AT, true)
    if (first !== score) return first > score
    return this.#compareString(this.entryAt(0), bytes, start, end) > 0
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
}

/**
 * Where a score is expected among `count` scores from `least` to `most`, if they are spread evenly. Negative: that is not
 * known, and a search by halves is best.
 */
function expectedAt(score: number, least: number, most: number, count: number): number {
  const share = (score - least) / (most - least)
  if (!(share >= 0)) return share < 0 ? 0 : -1
  return share < 1 ? (share * count) | 0 : count - 1
}

// The inner pages of a tree: children are added, split, and removed.

import { NO_PAGE } from '../region/pages.ts'
import { LAYOUT } from './layout.ts'
import { TreeSearch } from './search.ts'

const { COUNT, DATA, INNER_UNITS, FIRST_CHILDREN } = LAYOUT

const NO_KEY: readonly number[] = [0, 0, 0, 0]

export abstract class TreeInnerPages extends TreeSearch {
  /** Whether the path leads along the right or left edge. */
  protected isAtEdge(isRight: boolean): boolean {
    for (let level = 0; level < this.height; level++) {
      this.regions.locate(this.region, this.pages[level])
      const last = this.regions.words[this.regions.at + COUNT] - 1
      if (this.indexes[level] !== (isRight ? last : 0)) return false
    }
    return true
  }

  /** The child of the path at `level` was split into itself and a new page beside it: `left` and `right`, with these counts. */
  protected insertChild(
    level: number,
    left: number,
    leftCount: number,
    right: number,
    rightCount: number,
    key: readonly number[],
  ): void {
    const regions = this.regions
    if (level < 0) {
      this.root = this.takePage(this.#innerUnits(FIRST_CHILDREN))
      this.height++
      this.#setChildren(this.root, [left, right], [leftCount, rightCount], [NO_KEY, key])
      return
    }
    const page = this.pages[level]
    regions.locate(this.region, page)
    const count = regions.words[regions.at + COUNT]
    let capacity = this.capacity(regions.pageUnits)
    const i = this.indexes[level]
    if (count === capacity) {
      if (regions.pageUnits >= INNER_UNITS) {
        this.#splitInner(level, left, leftCount, right, rightCount, key)
        return
      }
      this.#growInner(page)
      capacity = this.capacity(regions.pageUnits)
    }
    const { words, at } = regions
    const children = at + DATA
    const counts = children + capacity
    const keys = counts + capacity
    const width = this.keyWords
    words.copyWithin(children + i + 2, children + i + 1, children + count)
    words.copyWithin(counts + i + 2, counts + i + 1, counts + count)
    if (width > 0) words.copyWithin(keys + width * (i + 2), keys + width * (i + 1), keys + width * count)
    words[children + i] = left
    words[children + i + 1] = right
    words[counts + i] = leftCount
    words[counts + i + 1] = rightCount
    for (let word = 0; word < width; word++) words[keys + width * (i + 1) + word] = key[word]
    words[at + COUNT] = count + 1
  }

  #innerUnits(children: number): number {
    return Math.min(INNER_UNITS, (DATA + children * (2 + this.keyWords) + 1) >> 1)
  }

  #growInner(page: number): void {
    const children = this.#children(page)
    const units = this.#innerUnits(children.pages.length * 2)
    const old = this.regions.replace(this.region, page, units)
    this.regions.freeBlock(this.region, old)
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
    const page = this.pages[level]
    const i = this.indexes[level]
    const isLast = this.isAtEdge(true)
    const { pages, counts, keys } = this.#children(page)
    pages.splice(i, 1, left, right)
    counts.splice(i, 1, leftCount, rightCount)
    keys.splice(i + 1, 0, key)
    const at = isLast ? pages.length - 1 : pages.length >> 1
    const sum = (list: readonly number[]): number => list.reduce((a, b) => a + b, 0)
    const beside = this.takePage(this.#innerUnits(Math.max(FIRST_CHILDREN, pages.length - at + 4)))
    this.#setChildren(beside, pages.slice(at), counts.slice(at), keys.slice(at))
    this.#setChildren(page, pages.slice(0, at), counts.slice(0, at), keys.slice(0, at))
    this.insertChild(level - 1, page, sum(counts.slice(0, at)), beside, sum(counts.slice(at)), keys[at])
  }

  #children(page: number): { pages: number[]; counts: number[]; keys: (readonly number[])[] } {
    const regions = this.regions
    regions.locate(this.region, page)
    const { words, at } = regions
    const count = words[at + COUNT]
    const capacity = this.capacity(regions.pageUnits)
    const width = this.keyWords
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
    const regions = this.regions
    regions.locate(this.region, page)
    const { words, at } = regions
    const capacity = this.capacity(regions.pageUnits)
    const width = this.keyWords
    words[at + COUNT] = pages.length
    for (let i = 0; i < pages.length; i++) {
      words[at + DATA + i] = pages[i]
      words[at + DATA + capacity + i] = counts[i]
      for (let word = 0; word < width; word++)
        words[at + DATA + 2 * capacity + width * i + word] = keys[i][word]
    }
  }

  /** An entry is inserted before all of its leaf: its key becomes that of the leaf, and of those above. */
  protected lowerKeys(): void {
    const width = this.keyWords
    if (width === 0) return
    const regions = this.regions
    for (let level = this.height - 1; level >= 0; level--) {
      regions.locate(this.region, this.pages[level])
      const i = this.indexes[level]
      const keys = regions.at + DATA + 2 * this.capacity(regions.pageUnits)
      for (let word = 0; word < width; word++) regions.words[keys + width * i + word] = this.key[word]
      if (i > 0) return
    }
  }

  /** Removes an empty page of the path, and those above that become empty. */
  protected removePage(from: number): void {
    const regions = this.regions
    for (let level = from; level > 0; level--) {
      regions.give(this.region, this.pages[level])
      if (this.removeChild(this.pages[level - 1], this.indexes[level - 1]) > 0) {
        this.lowerRoot()
        return
      }
    }
    regions.give(this.region, this.root)
    this.root = NO_PAGE
    this.height = 0
  }

  /** Removes a child of an inner page. Returns how many are left. */
  protected removeChild(page: number, i: number): number {
    const regions = this.regions
    regions.locate(this.region, page)
    const { words, at } = regions
    const count = words[at + COUNT]
    const children = at + DATA
    const capacity = this.capacity(regions.pageUnits)
    const counts = children + capacity
    const keys = counts + capacity
    const width = this.keyWords
    words.copyWithin(children + i, children + i + 1, children + count)
    words.copyWithin(counts + i, counts + i + 1, counts + count)
    if (width > 0) words.copyWithin(keys + width * i, keys + width * (i + 1), keys + width * count)
    words[at + COUNT] = count - 1
    return count - 1
  }

  /** The child `left` of an inner page has taken over the entries of the one to its right, and has `count` now. */
  protected childrenMerged(parent: number, left: number, rightPage: number, count: number): void {
    const { regions } = this
    regions.give(this.region, rightPage)
    regions.locate(this.region, parent)
    regions.words[regions.at + DATA + this.capacity(regions.pageUnits) + left] = count
    this.removeChild(parent, left + 1)
    this.lowerRoot()
  }

  /** While the root has one child only, that is the root. */
  protected lowerRoot(): void {
    const regions = this.regions
    while (this.height > 0) {
      regions.locate(this.region, this.root)
      if (regions.words[regions.at + COUNT] > 1) return
      const child = regions.words[regions.at + DATA]
      regions.give(this.region, this.root)
      this.root = child
      this.height--
    }
  }
}

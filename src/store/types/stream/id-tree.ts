// A tree of byte strings under IDs: entries, nodes, pending entries, and also groups and consumers, whose IDs begin with a
// hash of their name.

import { NO_PAGE } from '../region/pages.ts'
import type { Regions } from '../regions.ts'
import type { Span } from '../span.ts'
import { stringBytes, TreeKind } from '../tree/layout.ts'
import { Tree } from '../tree/tree.ts'
import { copyId, type IdWords, readId, readIdWords, type StreamId, splitId } from './id.ts'

/** One object serves all trees of one role. A position is valid until the tree changes or another one is opened. */
export class IdTree {
  /** The value that `read` has found. */
  readonly value: Span
  readonly #tree: Tree

  constructor(regions: Regions) {
    this.#tree = new Tree(regions)
    this.value = this.#tree.span
  }

  /** See `Tree.open`. */
  open(region: number, word: number, page = NO_PAGE): this {
    this.#tree.open(region, TreeKind.IDS, word, page)
    return this
  }

  get count(): number {
    return this.#tree.count
  }

  /** The ID at the position. */
  get id(): StreamId {
    return readId(this.#tree.view, this.#tree.keyAt)
  }

  /** The same in words. */
  readId(words: IdWords): void {
    readIdWords(this.#tree.view, this.#tree.keyAt, words)
  }

  /** Goes to an ID. False: it is not there. */
  find(id: StreamId): boolean {
    return this.count > 0 && this.#seek(id)
  }

  /** Goes to the first ID that is not smaller. False: there is none. */
  seek(id: StreamId): boolean {
    const tree = this.#tree
    return tree.count > 0 && (this.#seek(id) || tree.rank() < tree.count)
  }

  /** Goes to the last ID that is not larger. False: there is none. */
  seekDown(id: StreamId): boolean {
    return this.count > 0 && (this.#seek(id) || this.#tree.previous())
  }

  first(): boolean {
    return this.count > 0 && this.#tree.seekRank(0)
  }

  last(): boolean {
    return this.count > 0 && this.#tree.seekRank(this.count - 1)
  }

  next(): boolean {
    return this.#tree.next()
  }

  previous(): boolean {
    return this.#tree.previous()
  }

  /** How many IDs are not above `id`. */
  countUpTo(id: StreamId): number {
    if (this.count === 0) return 0
    const isThere = this.#seek(id)
    return this.#tree.rank() + (isThere ? 1 : 0)
  }

  /** Points `value` at the value of the position. */
  read(): Span {
    this.#tree.readString(this.#tree.stringsAt)
    return this.value
  }

  /** Adds an ID that is not there. */
  insert(id: StreamId, bytes: Uint8Array): void {
    const tree = this.#tree
    if (tree.count > 0) this.#seek(id)
    else this.#setKey(id)
    tree.insert(stringBytes(bytes.length))
    tree.writeString(tree.stringsAt, bytes, 0, bytes.length)
  }

  /** Adds an ID that is above all others, with a value of `length` bytes, which the caller writes into the span. */
  append(id: IdWords, length: number): Span {
    const tree = this.#tree
    tree.seekRank(tree.count)
    copyId(id, tree.key)
    tree.insert(stringBytes(length))
    tree.reserveString(tree.stringsAt, length)
    return this.value
  }

  /** Replaces the value at the position by one of the same length. */
  overwrite(bytes: Uint8Array): void {
    const tree = this.#tree
    tree.overwriteString(tree.stringsAt, bytes, 0, bytes.length)
  }

  /** Removes the entry at the position. */
  remove(): void {
    this.#tree.remove()
  }

  /** Removes the first `count` entries. */
  removeFirst(count: number): void {
    this.#tree.removeRange(0, count)
  }

  clear(): void {
    this.#tree.removeRange(0, this.count)
  }

  /** Throws when the tree contradicts itself. Returns the pages that it uses. For tests. */
  verify(): number {
    return this.#tree.verify()
  }

  #seek(id: StreamId): boolean {
    this.#setKey(id)
    return this.#tree.seekId()
  }

  #setKey(id: StreamId): void {
    splitId(id, this.#tree.key)
  }
}

// Lists: packed while they are small, then in leaves of a region (`list/`).

import type { Ref } from '../arena.ts'
import { type Collections, PACKED_BYTES, PACKED_ELEMENTS, PACKED_STRING } from './collections.ts'
import { ListTree } from './list/list-tree.ts'
import {
  contentStart,
  PACKED_HEADER_BYTES,
  packedBytes,
  packedCount,
  readPacked,
  setPackedCount,
  skipString,
  writePacked,
} from './packed.ts'
import type { Span } from './span.ts'
import type { Strings } from './string-list.ts'

/** Indexes begin at 0 and must be in range. Calls that change a list return its record, possibly moved. */
export class Lists {
  /** The element that was read. */
  readonly span: Span
  readonly #parts: Collections
  readonly #tree: ListTree
  /** The region that is being walked; 0: a packed list, whose next element is at `#at`. */
  #region = 0
  #at = 0
  #left = 0
  /** The offsets of the elements of a packed list, for reading it backwards. */
  readonly #offsets: number[] = []

  constructor(parts: Collections) {
    this.#parts = parts
    this.#tree = new ListTree(parts.regions)
    this.span = parts.span
  }

  length(ref: Ref): number {
    return this.#parts.length(ref)
  }

  /** Inserts an element before the first one, or behind the last one. */
  push(ref: Ref, isLeft: boolean, bytes: Uint8Array, start: number, end: number): Ref {
    const parts = this.#parts
    const region = parts.regionOf(ref)
    if (region === 0) return this.insert(ref, isLeft ? 0 : packedCount(parts.records), bytes, start, end)
    const own = parts.begin(ref)
    const tree = this.#tree
    tree.open(region)
    tree.seekEdge(!isLeft)
    tree.insert(bytes, start, end)
    return own
  }

  /** Inserts an element before `index`, or at the end if that is the length. */
  insert(ref: Ref, index: number, bytes: Uint8Array, start: number, end: number): Ref {
    const { store, records } = this.#parts
    const region = this.#parts.regionOf(ref)
    if (region !== 0) return this.#insertPaged(ref, region, index, bytes, start, end)
    const count = packedCount(records)
    const size = packedBytes(end - start)
    const length = records.valueEnd - records.valueStart
    if (count >= PACKED_ELEMENTS || end - start > PACKED_STRING || length + size > PACKED_BYTES) {
      const paged = this.#page(ref)
      return this.#insertPaged(paged, this.#parts.regionOf(paged), index, bytes, start, end)
    }
    const at = index === count ? length : this.#offset(index) - records.valueStart
    const moved = store.splice(ref, at, 0, size)
    writePacked(records, records.valueStart + at, bytes, start, end)
    setPackedCount(records, count + 1)
    return moved
  }

  /** Inserts elements, more than PACKED_ELEMENTS, at the end; with `order` those with these indexes. */
  load(ref: Ref, { bytes, starts, ends, count }: Strings, order?: Int32Array): Ref {
    const paged = this.beginLoading(ref)
    const all = order === undefined ? count : order.length
    for (let at = 0; at < all; at++) {
      const i = order === undefined ? at : order[at]
      this.append(bytes, starts[i], ends[i])
    }
    this.endLoading()
    return paged
  }

  /** Prepares a list for many calls of `append`: until `endLoading` no other call may come between. */
  beginLoading(ref: Ref): Ref {
    const parts = this.#parts
    const tree = this.#tree
    const paged = parts.regionOf(ref) === 0 ? this.#page(ref) : parts.begin(ref)
    tree.open(parts.regionOf(paged))
    tree.seekEdge(true)
    return paged
  }

  append(bytes: Uint8Array, start: number, end: number): void {
    this.#tree.append(bytes, start, end)
  }

  endLoading(): void {
    this.#tree.endAppending()
  }

  /** Replaces the element at `index`. */
  set(ref: Ref, index: number, bytes: Uint8Array, start: number, end: number): Ref {
    const { store, records } = this.#parts
    const region = this.#parts.regionOf(ref)
    if (region !== 0) {
      const own = this.#parts.begin(ref)
      const tree = this.#tree
      tree.open(region)
      tree.seekRank(index)
      if (tree.overwrite(bytes, start, end)) return own
      tree.remove()
      return this.#insertPaged(own, region, index, bytes, start, end)
    }
    const length = records.valueEnd - records.valueStart
    const size = packedBytes(end - start)
    const from = this.#offset(index)
    const old = skipString(records.bytes, from) - from
    if (end - start > PACKED_STRING || length + size - old > PACKED_BYTES)
      return this.set(this.#page(ref), index, bytes, start, end)
    const at = from - records.valueStart
    const moved = store.splice(ref, at, old, size)
    writePacked(records, records.valueStart + at, bytes, start, end)
    return moved
  }

  /** Removes `count` elements from `index` on. */
  remove(ref: Ref, index: number, count = 1): Ref {
    const { records } = this.#parts
    const region = this.#parts.regionOf(ref)
    if (region !== 0) {
      const own = this.#parts.begin(ref)
      this.#tree.open(region)
      this.#tree.removeRange(index, count)
      return own
    }
    const all = packedCount(records)
    const from = this.#offset(index)
    let to = from
    if (index + count === all) to = records.valueEnd
    else for (let i = 0; i < count; i++) to = skipString(records.bytes, to)
    return this.#parts.cut(ref, from, to, count)
  }

  /** Removes the element at `index`, which `seek` or `seekEnd` has read. Nothing else may have been called between. */
  removeRead(ref: Ref, index: number): Ref {
    if (this.#region === 0) return this.remove(ref, index)
    this.#tree.remove()
    return this.#parts.begin(ref)
  }

  /** Reads the first or the last element of a list that is not empty. */
  seekEnd(ref: Ref, isLeft: boolean): void {
    const parts = this.#parts
    const region = parts.regionOf(ref)
    if (region === 0) {
      this.seek(ref, isLeft ? 0 : packedCount(parts.records) - 1)
      return
    }
    const tree = this.#tree
    this.#region = region
    tree.open(region)
    tree.seekEdge(!isLeft)
    if (!isLeft) tree.previous()
    tree.read(this.span)
  }

  /** Reads the element at `index`; `next` reads the ones after it. False: there is none. */
  seek(ref: Ref, index: number): boolean {
    const { records } = this.#parts
    this.#region = this.#parts.regionOf(ref)
    if (this.#region !== 0) {
      const tree = this.#tree
      tree.open(this.#region)
      if (!tree.seekRank(index)) return false
      tree.read(this.span)
      return true
    }
    const count = packedCount(records)
    if (index >= count) return false
    this.#left = count - index - 1
    this.#at = readPacked(records, this.#offset(index), this.span)
    return true
  }

  /** Reads the next element. The list must not have changed since `seek`. False: there is none. */
  next(): boolean {
    if (this.#region !== 0) {
      const tree = this.#tree
      if (!tree.next()) return false
      tree.read(this.span)
      return true
    }
    if (this.#left === 0) return false
    this.#left--
    this.#at = readPacked(this.#parts.records, this.#at, this.span)
    return true
  }

  /** Reads the element at `index`, which must be in range; `previous` reads the ones before it. */
  seekBack(ref: Ref, index: number): void {
    const { records } = this.#parts
    this.seek(ref, index)
    if (this.#region !== 0) return
    this.#left = index
    this.#offsets.length = 0
    for (let i = 0, at = this.#offset(0); i < index; i++, at = skipString(records.bytes, at))
      this.#offsets.push(at)
  }

  /** Reads the element before. False: there is none. */
  previous(): boolean {
    if (this.#region !== 0) {
      const tree = this.#tree
      if (!tree.previous()) return false
      tree.read(this.span)
      return true
    }
    if (this.#left === 0) return false
    readPacked(this.#parts.records, this.#offsets[--this.#left], this.span)
    return true
  }

  #insertPaged(ref: Ref, region: number, index: number, bytes: Uint8Array, start: number, end: number): Ref {
    const own = this.#parts.begin(ref)
    const tree = this.#tree
    tree.open(region)
    tree.seekRank(index)
    tree.insert(bytes, start, end)
    return own
  }

  /** Where the packed element at `index` of the located list begins in its segment. */
  #offset(index: number): number {
    const { bytes, valueStart } = this.#parts.records
    let at = valueStart + PACKED_HEADER_BYTES
    for (let i = 0; i < index; i++) at = skipString(bytes, at)
    return at
  }

  /** Moves a packed list into a region. */
  #page(ref: Ref): Ref {
    const tree = this.#tree
    const moving = this.#parts.store.copyValue(ref)
    const paged = this.#parts.page(ref)
    tree.open(this.#parts.regionOf(paged))
    for (let at = PACKED_HEADER_BYTES; at < moving.length; ) {
      const next = skipString(moving, at)
      tree.seekEdge(true)
      tree.insert(moving, contentStart(moving, at), next)
      at = next
    }
    return paged
  }

  /** Throws when a list contradicts itself. For tests. */
  verify(ref: Ref): void {
    const { regions } = this.#parts
    const region = this.#parts.regionOf(ref)
    if (region === 0) return
    this.#tree.open(region)
    const pages = this.#tree.verify()
    if (pages !== regions.pages(region))
      throw new Error(`${pages} of ${regions.pages(region)} pages are used`)
  }
}

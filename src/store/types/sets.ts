// Sets: members, packed while they are few, then a tree in the order of their hashes.

import { compareIntegers, isCanonicalInteger } from '../../bytes/numbers/decimal.ts'
import type { Ref } from '../arena.ts'
import { orderOfHashes } from './bulk/hash-order.ts'
import { type Collections, PACKED_BYTES, PACKED_ELEMENTS, PACKED_STRING } from './collections.ts'
import {
  contentStart,
  findPacked,
  PACKED_HEADER_BYTES,
  packedBytes,
  packedCount,
  setPackedCount,
  skipString,
  writePacked,
} from './packed.ts'
import { Span } from './span.ts'
import { StringList } from './string-list.ts'
import { stringBytes, TreeKind } from './tree/layout.ts'
import { Tree } from './tree/tree.ts'

/*
 * A set of integers only, while there are few, is an `intset` to OBJECT ENCODING, and its members are read in ascending
 * order, as in Redis: packed, they are in this order. A large one is a `hashtable`, in any order.
 */

/** The kinds of walks of `next`. */
const PACKED_WALK = 0
const TREE_WALK = 1
const SORTED_WALK = 2

/** Calls that change a set return its record, possibly moved. */
export class Sets {
  /** The member that `seek`, `first` and `next` have read. */
  readonly member: Span
  /** Whether the last `add` or `remove` found its member. */
  found = false
  readonly #parts: Collections
  /** The walk of `seek` and `next`. It has a tree of its own, so that other sets can be asked meanwhile. */
  readonly #walk: Tree
  readonly #walked = new Span()
  #how = PACKED_WALK
  #region = 0
  #at = 0
  #left = 0
  /** Where the packed member that was read begins. */
  #readAt = 0
  /** The members of a large `intset` in order. */
  readonly #sorted = new StringList()

  constructor(parts: Collections) {
    this.#parts = parts
    this.member = parts.span
    this.#walk = new Tree(parts.regions)
  }

  size(ref: Ref): number {
    return this.#parts.length(ref)
  }

  has(ref: Ref, bytes: Uint8Array, start: number, end: number): boolean {
    const region = this.#parts.regionOf(ref)
    return region === 0
      ? findPacked(this.#parts.records, false, bytes, start, end) >= 0
      : this.#find(region, bytes, start, end)
  }

  /** Adds a member, if it is new. */
  add(ref: Ref, bytes: Uint8Array, start: number, end: number): Ref {
    const { records, tree } = this.#parts
    const region = this.#parts.regionOf(ref)
    if (region !== 0) {
      this.found = this.#find(region, bytes, start, end)
      if (this.found) return ref
      const own = this.#parts.begin(ref)
      this.#insert(bytes, start, end)
      return this.#convert(own, tree.count, bytes, start, end)
    }
    this.found = findPacked(records, false, bytes, start, end) >= 0
    if (this.found) return ref
    const count = packedCount(records)
    const length = records.valueEnd - records.valueStart
    if (
      count >= PACKED_ELEMENTS ||
      end - start > PACKED_STRING ||
      length + packedBytes(end - start) > PACKED_BYTES
    )
      return this.add(this.#page(ref), bytes, start, end)
    const converted = this.#convert(ref, count + 1, bytes, start, end)
    const at = this.#parts.isLarge(converted) ? length : this.#placeOf(bytes, start, end) - records.valueStart
    const moved = this.#parts.store.splice(converted, at, 0, packedBytes(end - start))
    writePacked(records, records.valueStart + at, bytes, start, end)
    setPackedCount(records, count + 1)
    return moved
  }

  /** Adds distinct members, more than PACKED_ELEMENTS, to a new set. */
  load(ref: Ref, members: StringList): Ref {
    const parts = this.#parts
    const { tree } = parts
    if (members.count > parts.limits.setMaxIntsetEntries || !members.areIntegers()) parts.setLarge(ref, true)
    const paged = parts.page(ref)
    tree.open(parts.regionOf(paged), TreeKind.SET)
    const { bytes, starts, ends } = members
    const hashes = parts.hashesOf(members)
    for (const i of orderOfHashes(hashes)) {
      tree.key[0] = hashes[i]
      tree.append(stringBytes(ends[i] - starts[i]))
      tree.writeString(tree.stringsAt, bytes, starts[i], ends[i])
    }
    tree.endAppending()
    return paged
  }

  /** Removes a member, if it is one. */
  remove(ref: Ref, bytes: Uint8Array, start: number, end: number): Ref {
    const { records, tree } = this.#parts
    const region = this.#parts.regionOf(ref)
    if (region !== 0) {
      this.found = this.#find(region, bytes, start, end)
      if (!this.found) return ref
      tree.remove()
      return this.#parts.begin(ref)
    }
    const at = findPacked(records, false, bytes, start, end)
    this.found = at >= 0
    return this.found ? this.#removePacked(ref, at) : ref
  }

  /** Removes the member that `seek` has read. Nothing else may have been called between. */
  removeRead(ref: Ref): Ref {
    if (this.#how === TREE_WALK) {
      this.#walk.remove()
      return this.#parts.begin(ref)
    }
    this.#parts.records.locate(ref)
    return this.#removePacked(ref, this.#readAt)
  }

  /** Reads the member with a rank, which is arbitrary but stable while the set is not changed. False: there is none. */
  seek(ref: Ref, rank: number): boolean {
    const { records } = this.#parts
    this.#region = this.#parts.regionOf(ref)
    if (this.#region !== 0) {
      this.#how = TREE_WALK
      this.#walk.open(this.#region, TreeKind.SET)
      return this.#walk.seekRank(rank) && this.#readWalked()
    }
    this.#how = PACKED_WALK
    this.#left = packedCount(records) - rank
    if (this.#left <= 0) return false
    this.#at = this.#packedAt(rank)
    this.#walked.set(records.bytes, records.view, 0, 0)
    return this.next()
  }

  /** Reads the first member in the order in which all are replied. False: there is none. */
  first(ref: Ref): boolean {
    if (this.#parts.isLarge(ref) || this.#parts.regionOf(ref) === 0) return this.seek(ref, 0)
    this.#sorted.clear()
    for (let is = this.seek(ref, 0); is; is = this.next())
      this.#sorted.add(this.member.bytes, this.member.start, this.member.end)
    this.#sorted.sortIntegers()
    this.#how = SORTED_WALK
    this.#left = 0
    return this.next()
  }

  /** Reads the next member; the set must not have changed. Other sets may have been asked. False: there is none. */
  next(): boolean {
    if (this.#how === TREE_WALK) return this.#walk.next() && this.#readWalked()
    if (this.#how === SORTED_WALK) {
      const { bytes, view, starts, ends, count } = this.#sorted
      if (this.#left === count) return false
      const i = this.#left++
      this.member.set(bytes, view, starts[i], ends[i])
      return true
    }
    if (this.#left === 0) return false
    this.#left--
    const { bytes, view } = this.#walked
    this.#readAt = this.#at
    const start = contentStart(bytes, this.#at)
    this.#at = skipString(bytes, this.#at)
    this.member.set(bytes, view, start, this.#at)
    return true
  }

  /** Makes a set an `intset` again if it could be one. */
  reconsider(ref: Ref): void {
    const { limits, records } = this.#parts
    if (!this.#parts.isLarge(ref) || this.size(ref) > limits.setMaxIntsetEntries) return
    const sorted = this.#sorted
    sorted.clear()
    for (let is = this.seek(ref, 0); is; is = this.next())
      sorted.add(this.member.bytes, this.member.start, this.member.end)
    if (!sorted.areIntegers()) return
    this.#parts.setLarge(ref, false)
    if (this.#parts.regionOf(ref) !== 0) return
    sorted.sortIntegers()
    let at = records.valueStart + PACKED_HEADER_BYTES
    for (let i = 0; i < sorted.count; i++)
      at = writePacked(records, at, sorted.bytes, sorted.starts[i], sorted.ends[i])
  }

  /** Visits members as `Hashes.scan` does. */
  scan(ref: Ref, cursor: number, limit: number, visit: () => void): number {
    const region = this.#parts.regionOf(ref)
    if (region === 0 || !this.#parts.isLarge(ref)) {
      for (let is = this.first(ref); is; is = this.next()) visit()
      return 0
    }
    this.#walk.open(region, TreeKind.SET)
    return this.#walk.scan(cursor, limit, () => {
      this.#readWalked()
      visit()
    })
  }

  #readWalked(): boolean {
    this.#walk.readString(this.#walk.stringsAt, this.member)
    return true
  }

  /** Makes the set a `hashtable` if it, with this new member and `count` members, is not an `intset` any more. */
  #convert(ref: Ref, count: number, bytes: Uint8Array, start: number, end: number): Ref {
    if (this.#parts.isLarge(ref)) return ref
    if (count > this.#parts.limits.setMaxIntsetEntries || !isCanonicalInteger(bytes, start, end))
      this.#parts.setLarge(ref, true)
    return ref
  }

  /** Goes to a member in the tree. False: there is no such member, and the position is where it belongs. */
  #find(region: number, bytes: Uint8Array, start: number, end: number): boolean {
    const { store, tree } = this.#parts
    tree.open(region, TreeKind.SET)
    return tree.seekString(store.hashOf(bytes, start, end), bytes, start, end)
  }

  #insert(bytes: Uint8Array, start: number, end: number): void {
    const { tree } = this.#parts
    tree.insert(stringBytes(end - start))
    tree.writeString(tree.stringsAt, bytes, start, end)
  }

  #removePacked(ref: Ref, at: number): Ref {
    return this.#parts.cut(ref, at, skipString(this.#parts.records.bytes, at), 1)
  }

  /** Where the packed member with a rank is. */
  #packedAt(rank: number): number {
    const { bytes, valueStart } = this.#parts.records
    let at = valueStart + PACKED_HEADER_BYTES
    for (let i = 0; i < rank; i++) at = skipString(bytes, at)
    return at
  }

  /** Where an integer belongs among the packed ones. */
  #placeOf(bytes: Uint8Array, start: number, end: number): number {
    const { records } = this.#parts
    const { bytes: own, valueStart, valueEnd } = records
    for (let at = valueStart + PACKED_HEADER_BYTES; at < valueEnd; ) {
      const next = skipString(own, at)
      if (compareIntegers(own, contentStart(own, at), next, bytes, start, end) > 0) return at
      at = next
    }
    return valueEnd
  }

  /** Moves a packed set into a region. */
  #page(ref: Ref): Ref {
    const { store, tree } = this.#parts
    const moving = store.copyValue(ref)
    const paged = this.#parts.page(ref)
    tree.open(this.#parts.regionOf(paged), TreeKind.SET)
    for (let at = PACKED_HEADER_BYTES; at < moving.length; ) {
      const next = skipString(moving, at)
      const start = contentStart(moving, at)
      tree.key[0] = store.hashOf(moving, start, next)
      tree.seekHash()
      this.#insert(moving, start, next)
      at = next
    }
    return paged
  }
}

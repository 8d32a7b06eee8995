// The common part of the collection types: creating a collection, growing it into a region, and accounting for its
// memory.

import { NULL_REF, type Ref, UNIT_BYTES } from '../arena.ts'
import type { Records, ValueType } from '../record.ts'
import type { EncodingLimits } from './encoding-limits.ts'
import { PACKED_HEADER_BYTES, PAGED, PAGED_BYTES, packedCount, setPackedCount } from './packed.ts'
import type { Regions } from './regions.ts'
import { Span } from './span.ts'
import type { StringList } from './string-list.ts'
import { TREE_SLACK } from './tree/layout.ts'
import { Tree } from './tree/tree.ts'

/*
 * A command that changes collections:
 *
 *   1. `fits` for what it will add: else it answers OOM, and nothing has changed.
 *   2. `create`, if there is no record, then the calls of the type (`Lists.push`, …). They may move the record, and return
 *      where it is. They move no other record and evict nothing: so references to other records stay valid.
 *   3. `finish`: removes the record if it is empty; evicts others while the budget is exceeded.
 *
 * Small collections are packed into the value of their record, see `packed.ts`. Above PACKED_ELEMENTS or PACKED_BYTES they
 * move into a region with a tree (`tree/`). A region never becomes a packed value again.
 */

/** The most elements (pairs count once) and bytes of strings of a packed collection. */
export const PACKED_ELEMENTS = 128
export const PACKED_BYTES = 2048
/** The longest string of a packed collection. */
export const PACKED_STRING = 512

/** The word of the head of a region that counts the entries of the first tree. */
export const COUNT_WORD = 2

const EMPTY = Buffer.alloc(PACKED_HEADER_BYTES)
const PAGED_VALUE = Buffer.from([PAGED, 0, 0, 0, 0, 0, 0, 0])

/**
 * The flag of hashes, sets and sorted sets that OBJECT ENCODING says `hashtable` or `skiplist`, and not `listpack` or
 * `intset`. A list or stream has no such encoding.
 */
export const LARGE = 1

/** Shift of the flags of the encoding: bits 1 to 7 of the first byte of a packed collection. */
const FLAGS_SHIFT = 1

/** The part of the store that collections use. */
export interface CollectionStore {
  readonly maxBytes: number
  readonly minBytes: number
  readonly usedBytes: number
  /** The current time in `nowCell[0]`, in milliseconds since the Unix epoch. */
  readonly nowCell: Float64Array
  readonly put: (
    key: Uint8Array,
    keyStart: number,
    keyEnd: number,
    value: Uint8Array,
    valueStart: number,
    valueEnd: number,
    type: ValueType,
    flags: number,
  ) => Ref
  readonly reshape: (ref: Ref, valueLength: number) => Ref
  readonly splice: (ref: Ref, at: number, removed: number, inserted: number) => Ref
  readonly settle: (ref: Ref) => void
  readonly noteChange: (ref: Ref) => void
  readonly remove: (ref: Ref) => void
  readonly bytesOf: (ref: Ref) => number
  readonly valueLength: (ref: Ref) => number
  readonly copyValue: (ref: Ref) => Buffer
  readonly hashOf: (bytes: Uint8Array, start: number, end: number) => number
}

export class Collections {
  readonly store: CollectionStore
  readonly records: Records
  readonly regions: Regions
  readonly tree: Tree
  readonly limits: EncodingLimits
  /** The last element that was read. */
  readonly span: Span = new Span()

  constructor(store: CollectionStore, records: Records, regions: Regions, limits: EncodingLimits) {
    this.store = store
    this.records = records
    this.regions = regions
    this.tree = new Tree(regions)
    this.limits = limits
  }

  /** The region of a collection; 0: it is packed, and located. A command asks several times, so the last one is remembered. */
  regionOf(ref: Ref): number {
    const { records, regions } = this
    const known = regions.recall(ref)
    if (known !== 0) return known
    records.locate(ref)
    if ((records.bytes[records.valueStart] & PAGED) === 0) return 0
    const region = records.view.getUint32(records.valueStart + 4, true)
    regions.remember(region)
    return region
  }

  /** The flags of a collection's type, 0 to 127. They are kept when it moves into a region. */
  flags(ref: Ref): number {
    this.records.locate(ref)
    return this.locatedFlags
  }

  /** The flags of the collection that is located. */
  get locatedFlags(): number {
    return this.records.bytes[this.records.valueStart] >>> FLAGS_SHIFT
  }

  setFlags(ref: Ref, flags: number): void {
    const { records } = this
    records.locate(ref)
    records.bytes[records.valueStart] = (records.bytes[records.valueStart] & PAGED) | (flags << FLAGS_SHIFT)
  }

  /** Whether OBJECT ENCODING names the encoding of large collections. */
  isLarge(ref: Ref): boolean {
    return (this.flags(ref) & LARGE) !== 0
  }

  /** Only for a collection that may have the encoding: a small one has it, too, once it was larger. */
  setLarge(ref: Ref, isLarge: boolean): void {
    const flags = this.flags(ref)
    this.setFlags(ref, isLarge ? flags | LARGE : flags & ~LARGE)
  }

  /**
   * Whether a collection may grow by this many bytes of strings and this many elements within the budget.
   *
   * @param ref NULL_REF: it does not exist yet, and its key has `keyLength` bytes
   */
  fits(ref: Ref, bytes: number, elements: number, keyLength = 0): boolean {
    const { store } = this
    const strings = bytes + 24 * elements
    // Where all collections together could grow like this, it does not matter how large this one is.
    if ((store.usedBytes + strings) * 1.25 + keyLength + TREE_SLACK <= store.maxBytes) return true
    const own = ref === NULL_REF ? keyLength + 64 : store.bytesOf(ref)
    const isSmall = own + strings < PACKED_BYTES
    // While a region splits pages, or blocks are copied, more memory is needed for a moment.
    const copied = !isSmall && ref !== NULL_REF && this.regionOf(ref) === 0 ? own >> 2 : 0
    const growth = isSmall ? strings : strings + (strings >> 2) + copied + TREE_SLACK
    return own + growth <= store.maxBytes - store.minBytes
  }

  /** An empty collection under a key. `NULL_REF`: it exceeds the budget. `flags`: as `Store.put`. */
  create(type: ValueType, key: Uint8Array, keyStart: number, keyEnd: number, flags: number): Ref {
    return this.store.put(key, keyStart, keyEnd, EMPTY, 0, PACKED_HEADER_BYTES, type, flags)
  }

  /**
   * Gives a packed collection a region instead of its strings, which the caller has copied. Returns the record, moved.
   */
  page(ref: Ref): Ref {
    const { records, regions } = this
    const flags = this.flags(ref)
    const paged = this.store.reshape(ref, PAGED_BYTES)
    records.locate(paged)
    PAGED_VALUE.copy(records.bytes, records.valueStart)
    records.bytes[records.valueStart] |= flags << FLAGS_SHIFT
    const region = regions.create(paged)
    records.locate(paged)
    records.view.setUint32(records.valueStart + 4, region, true)
    return paged
  }

  /** How many elements a collection has: packed, or in the tree whose descriptor is first in the head of its region. */
  length(ref: Ref): number {
    const region = this.regionOf(ref)
    return region === 0 ? packedCount(this.records) : this.regions.head(region, COUNT_WORD)
  }

  /** The hashes of strings. */
  hashesOf({ bytes, starts, ends, count }: StringList): Int32Array {
    const hashes = new Int32Array(count)
    for (let i = 0; i < count; i++) hashes[i] = this.store.hashOf(bytes, starts[i], ends[i])
    return hashes
  }

  /** Removes `count` elements, the bytes from `from` to `to`, of a located packed collection. */
  cut(ref: Ref, from: number, to: number, count: number): Ref {
    const { records } = this
    const left = packedCount(records) - count
    const moved = this.store.splice(ref, from - records.valueStart, to - from, 0)
    setPackedCount(records, left)
    return moved
  }

  /** A change of a collection begins: from now on it is not the value that was loaded from the origin. */
  begin(ref: Ref): Ref {
    return this.records.hasFreshness(ref) ? this.store.reshape(ref, this.store.valueLength(ref)) : ref
  }

  /**
   * The change of a collection has ended, and it has `count` elements. `isChanged`: not all of its elements are what they
   * were. False: it was empty, and is removed.
   */
  finish(ref: Ref, count: number, isChanged = true): boolean {
    if (count === 0) {
      this.store.remove(ref)
      return false
    }
    if (isChanged) this.noteChange(ref)
    this.store.settle(ref)
    return true
  }

  /** Of a collection with pages: another number after each change, also when it is another collection. 0: it has none. */
  stamp(ref: Ref): number {
    const region = this.regionOf(ref)
    return region === 0 ? 0 : this.regions.stampOf(region)
  }

  /** Must be called for each change that does not end with `finish`. */
  noteChange(ref: Ref): void {
    this.store.noteChange(ref)
    const region = this.regions.count === 0 ? 0 : this.regionOf(ref)
    if (region !== 0) this.regions.stamp(region)
  }

  /** Bytes of the region of a record; 0: it has none. */
  regionBytes(ref: Ref): number {
    const region = this.regionOf(ref)
    return region === 0 ? 0 : this.regions.units(region) * UNIT_BYTES
  }
}

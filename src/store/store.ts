// The store of one group: finds records by key, and keeps them within a budget in bytes by evicting.
//
// More than 300 lines: lookup, write, allocation and eviction share the private counters and arguments, and are one hot
// path. Other parts are in `validity/`, `keyspace.ts`, `compactor.ts` and `prefetcher.ts`.

import { copyBytes } from '../bytes/copy.ts'
import type { Hash, Hasher } from '../bytes/hash.ts'
import type { Instant } from '../bytes/instant.ts'
import { Arena, NULL_REF, type Ref, UNIT_BYTES } from './arena.ts'
import { Compactor } from './compactor.ts'
import { EvictionChange } from './eviction/change.ts'
import { EVICTION_POLICIES } from './eviction/policies.ts'
import type { EvictionContext, EvictionPolicy, EvictionPolicyFactory } from './eviction/policy.ts'
import { Index, MIN_INDEX_BYTES, SLOT_BYTES } from './index.ts'
import { checkIntegrity } from './integrity.ts'
import { Keyspace } from './keyspace.ts'
import { Prefetcher } from './prefetcher.ts'
import {
  EXPIRES,
  FRESHNESS,
  FreshnessWindows,
  isCollection,
  LOADED,
  MAX_UNITS,
  Records,
  recordBytes,
  TAGS,
  unitsFor,
  ValueType,
} from './record.ts'
import { Collections } from './types/collections.ts'
import { defaultEncodingLimits, type EncodingLimits } from './types/encoding-limits.ts'
import { Hashes } from './types/hashes.ts'
import { Lists } from './types/lists.ts'
import { Regions } from './types/regions.ts'
import { Sets } from './types/sets.ts'
import { SortedSets } from './types/sorted-sets.ts'
import { Streams } from './types/stream/stream.ts'
import { EntryTags } from './validity/tags.ts'
import { Validity } from './validity/validity.ts'

/*
 *   key ──hash──▶ Index ──ref──▶ Arena: one block per record ◀── Records: reads and writes the fields of a block
 *                                  ▲            ▲
 *               Compactor: moves blocks    EvictionPolicy: names the next victim, through two words of each record
 *
 * Everything lies in typed arrays outside the JavaScript heap. `usedBytes` counts what the entries occupy: live blocks
 * (header, key, value, rounding), the whole index, and the eviction policy's own memory. It is at most
 * `maxBytes` after every call.
 *
 * Collections are records, too. A large one has further blocks in the arena, its region: see `types/collections.ts`.
 */

const MIN_SEGMENT_BYTES = 64 * 1024
const MAX_SEGMENT_BYTES = 4 * 1024 * 1024
/** A growing value gets a block for this multiple of its length, so that appending byte by byte copies it rarely. */
const GROWTH_FACTOR = 1.25
/** Values below this many bytes grow without slack. */
const GROWTH_SLACK_FROM = 256
/** Pages of a deleted collection that are freed per step. */
const RECLAIMED_PAGES = 2048
/** Additional bytes for a growing collection. */
const COLLECTION_SLACK = 32
/** Above this many bytes a native copy costs less than a loop. */
const LONG_COPY = 256
/** The policy's bits if a new record replaces none. */
const NO_BITS = -1
const NO_BYTES = Buffer.alloc(0)
const NO_WINDOWS = new FreshnessWindows()

export interface StoreOptions {
  /** The budget in bytes: keys, values, headers, rounding, index and links. */
  readonly maxBytes: number
  /** Shared by the stores of a node, so that the hash of a key is valid in all of them. */
  readonly hasher: Hasher
  readonly instant: Instant
  /** Shared by the stores of a node, too; Redis's defaults if it is absent. */
  readonly encodingLimits?: EncodingLimits
  /** Decides which record is evicted when the budget is full; exact LRU by default. */
  readonly eviction?: EvictionPolicyFactory
}

/**
 * Is notified of every change of a key's value or deadline, whatever its cause: writes, expiry, eviction, invalidation.
 * Not of the removal of a negative entry. `bytes` may be the store's own.
 */
export interface ChangeListener {
  changed(hash: Hash, bytes: Uint8Array, start: number, end: number): void
  /** All keys are about to be removed. */
  clearing(): void
}

/**
 * A record is addressed by its `Ref`, which is valid until the next call that writes: any write may evict, move or
 * free records. Byte ranges passed in must not lie in the store's own arena.
 *
 * Numbers above 2^31 are passed in `Float64Array` cells: V8 allocates an object for them as fields or arguments.
 */
export class Store {
  /** Records evicted, and records found expired, since the start or the last reset. */
  evicted = 0
  expired = 0
  /** Records found invalid, by a tag or by `invalidateLoaded`, that could not be served stale. */
  invalidated = 0
  /** Argument of `put` with `EXPIRES`, and of `expire`: milliseconds since the Unix epoch. */
  readonly deadline = new Float64Array(1)
  /** Arguments of `put` with `LOADED`: the load epoch (`Validity.loadEpoch`), and the duration of the load in ms. */
  readonly loadedAt = new Float64Array(1)
  loadMs = 0
  /** Arguments of `put` with `FRESHNESS`. */
  readonly windows = new FreshnessWindows()
  newValidator: Uint8Array = NO_BYTES
  /** Argument of `put` with `TAGS`. */
  readonly entryTags = new EntryTags()
  /** The fields of records. */
  readonly records: Records
  /** Invalidation by tag and by change notification. */
  readonly validity: Validity
  readonly keyspace: Keyspace
  readonly prefetcher: Prefetcher
  /** The common part of the collection types, and each type. */
  readonly collections: Collections
  readonly hashes: Hashes
  readonly lists: Lists
  readonly sets: Sets
  readonly sortedSets: SortedSets
  readonly streams: Streams
  /** `undefined` without a listener: then a write costs one comparison. Must not write to the store. */
  listener: ChangeListener | undefined = undefined
  #expiring = 0
  #absent = 0
  #maxBytes: number
  readonly #arena: Arena
  readonly #index = new Index()
  #eviction: EvictionPolicy
  readonly #evictionContext: EvictionContext
  readonly #evictionMemory = { bytes: 0 }
  readonly #evictionChange: EvictionChange
  readonly #compactor: Compactor
  readonly #instant: Instant
  readonly #hasher: Hasher
  readonly #regions: Regions

  constructor(options: StoreOptions) {
    const { maxBytes, hasher, instant } = options
    this.#maxBytes = maxBytes
    this.#instant = instant
    this.#hasher = hasher
    // A power of two near a 64th of the budget.
    const share = 2 ** Math.floor(Math.log2(Math.max(1, maxBytes / 64)))
    const arena = new Arena(Math.min(MAX_SEGMENT_BYTES, Math.max(MIN_SEGMENT_BYTES, share)))
    const index = this.#index
    const records = new Records(arena)
    const hashOf = (ref: Ref): Hash => this.#hashOf(ref)
    const regions = new Regions(arena)
    this.#evictionContext = {
      arena,
      records,
      hashOf,
      memory: this.#evictionMemory,
      count: () => index.count,
      units: () => arena.liveUnits - regions.totalUnits,
      walk: (cursor, slots, visit) => index.walk(cursor, Number.POSITIVE_INFINITY, slots, visit),
    }
    const factory = options.eviction ?? EVICTION_POLICIES.lru
    const eviction = factory(this.#evictionContext)
    records.keepPolicyBits(eviction.usesBits)
    const prefetcher = new Prefetcher(arena, index, eviction)
    this.#arena = arena
    this.#eviction = eviction
    this.records = records
    this.prefetcher = prefetcher
    this.validity = new Validity(records, hasher, instant.ms)
    this.keyspace = new Keyspace({
      index,
      records,
      now: instant.ms,
      isDead: (ref) => this.#isDead(ref),
      removeDead: (ref, hash) => this.#removeDead(ref, hash),
      remove: (ref, hash) => this.#removeHashed(ref, hash),
    })
    this.#regions = regions
    this.collections = new Collections(
      this,
      records,
      regions,
      options.encodingLimits ?? defaultEncodingLimits(),
    )
    this.hashes = new Hashes(this.collections)
    this.lists = new Lists(this.collections)
    this.sets = new Sets(this.collections)
    this.sortedSets = new SortedSets(this.collections)
    this.streams = new Streams(this.collections)
    const recordMoved = (to: Ref): void => this.#recordMoved(to)
    this.#compactor = new Compactor({
      arena,
      index,
      eviction,
      records,
      prefetcher,
      regions,
      hashOf,
      recordMoved,
    })
    this.#evictionChange = new EvictionChange(factory, { index, records, arena })
    this.#compactor.updateLimit(this.#maxBytes)
  }

  /** An empty store with the same budget, where keys and elements have the same hashes. */
  another(): Store {
    return new Store({
      maxBytes: this.#maxBytes,
      hasher: this.#hasher,
      instant: this.#instant,
      encodingLimits: this.collections.limits,
    })
  }

  /** Bytes occupied, exactly: live blocks, the whole index, memory of the eviction policy. At most `maxBytes` after every call. */
  get usedBytes(): number {
    return (
      this.#arena.liveUnits * UNIT_BYTES +
      this.#index.bytes +
      this.#regions.rowBytes +
      this.#evictionMemory.bytes
    )
  }

  /** The part of them that is the eviction policy's own memory. */
  get evictionBytes(): number {
    return this.#evictionMemory.bytes
  }

  /** Bytes that entries cannot use: the smallest index, and the rows of regions. */
  get minBytes(): number {
    return MIN_INDEX_BYTES + this.#regions.rowBytes
  }

  get indexBytes(): number {
    return this.#index.bytes
  }

  /** The current time for expiry, in milliseconds since the Unix epoch. */
  get now(): number {
    return this.#instant.now
  }

  /** The same, in a cell. */
  get nowCell(): Float64Array {
    return this.#instant.ms
  }

  /** Bytes that the arena has committed, holes included. */
  get arenaBytes(): number {
    return this.#arena.committedUnits * UNIT_BYTES
  }

  get maxBytes(): number {
    return this.#maxBytes
  }

  /** A lower budget evicts at once. */
  set maxBytes(bytes: number) {
    this.#maxBytes = bytes
    this.#compactor.updateLimit(this.#maxBytes)
    while (this.usedBytes > bytes && this.evict());
    // Shards of the index never merge: a large index keeps their minimum size until it is cleared.
    if (this.usedBytes > bytes) this.#index.clear()
  }

  /**
   * Uses another eviction policy from now on; all records stay. A change to one with `usesBits` takes steps: until
   * `changeEviction` has returned true, records are evicted by exact LRU.
   */
  set eviction(factory: EvictionPolicyFactory) {
    const next = this.#evictionChange.begin(factory, this.#eviction, this.#evictionContext)
    if (next !== undefined) this.#useEviction(next)
  }

  /** One step of a change of the eviction policy, over about `slots` slots of the index. True: the change is done. */
  changeEviction(slots: number): boolean {
    const next = this.#evictionChange.step(slots, this.#eviction)
    if (next !== undefined) this.#useEviction(next)
    return this.#evictionChange.isDone
  }

  #useEviction(eviction: EvictionPolicy): void {
    this.#eviction = eviction
    this.prefetcher.eviction = eviction
    this.#compactor.eviction = eviction
  }

  /** Keys that have a value, including expired ones not yet removed (as DBSIZE counts them). */
  get size(): number {
    return this.#index.count - this.#absent
  }

  /** Records with a deadline. */
  get expiring(): number {
    return this.#expiring
  }

  /** Hashes with fields that have a deadline. */
  get expiringHashes(): number {
    return this.#regions.marked
  }

  /** Negative entries: keys known to be absent at the origin. */
  get absent(): number {
    return this.#absent
  }

  /** The live record of a key, without counting as an access; `NULL_REF` if there is none. */
  peek(bytes: Uint8Array, start: number, end: number): Ref {
    const hash = this.#hasher.hash(bytes, start, end)
    const ref = this.#find(hash, bytes, start, end)
    if (ref === NULL_REF || !this.#isDead(ref)) return ref
    this.#removeDead(ref, hash)
    return NULL_REF
  }

  /** The live record of a key, which counts as an access; `NULL_REF` if there is none. */
  get(bytes: Uint8Array, start: number, end: number): Ref {
    const ref = this.peek(bytes, start, end)
    if (ref !== NULL_REF) this.touch(ref)
    return ref
  }

  /** Counts an access. */
  touch(ref: Ref): void {
    this.records.setAccessSecond(ref, this.#instant.second)
    this.#eviction.accessed(ref)
  }

  /** Makes a record stale, as the origin may have another value by now. Removes it if it cannot be served stale. */
  invalidateEntry(ref: Ref): void {
    if (this.validity.expire(ref)) this.noteChange(ref)
    else this.remove(ref)
  }

  /** Makes the tags of a record the argument of `put`. Returns the flags that go with them. */
  copyTags(ref: Ref): number {
    const flags = this.records.tagFlags(ref)
    if (flags !== 0) this.records.readTags(ref, this.entryTags)
    return flags
  }

  /** The record that was accessed last, as the eviction policy knows it; `NULL_REF`: there is none. */
  latest(): Ref {
    return this.#eviction.latest()
  }

  /** Seconds since the last access, modulo 2^20 (12 days). */
  idleSeconds(ref: Ref): number {
    return this.records.idleSeconds(ref, this.#instant.second)
  }

  /** Bytes that a record occupies, its index slot and its region included. */
  bytesOf(ref: Ref): number {
    const own = this.#arena.units(ref) * UNIT_BYTES + SLOT_BYTES
    return this.#regions.count !== 0 && isCollection(this.records.type(ref))
      ? own + this.collections.regionBytes(ref)
      : own
  }

  /** The hash of a member or field, under the same secret as those of keys. */
  hashOf(bytes: Uint8Array, start: number, end: number): Hash {
    return this.#hasher.hash(bytes, start, end)
  }

  copyKey(ref: Ref): Buffer {
    const start = this.records.keyStart(ref)
    return Buffer.from(
      this.#arena.bytes[ref >>> this.#arena.shift].subarray(start, start + this.records.keyLength(ref)),
    )
  }

  copyValue(ref: Ref): Buffer {
    this.records.locate(ref)
    return Buffer.from(this.records.bytes.subarray(this.records.valueStart, this.records.valueEnd))
  }

  valueLength(ref: Ref): number {
    this.records.locate(ref)
    return this.records.valueEnd - this.records.valueStart
  }

  /** Whether a record of this size fits the budget at all. `flags`: `EXPIRES`, `LOADED`, `FRESHNESS`, `TAGS`. */
  fits(keyLength: number, valueLength: number, flags = 0, validatorLength = 0): boolean {
    return this.#unitsFit(unitsFor(recordBytes(keyLength, valueLength, flags, validatorLength)))
  }

  /** Whether a collection of this size fits the budget at all. */
  hasRoom(bytes: number): boolean {
    return bytes <= this.#maxBytes - this.minBytes
  }

  /**
   * Stores a value under a key, which counts as an access, and evicts other records as needed.
   *
   * @param flags which arguments in fields apply: `EXPIRES` (`deadline`), `LOADED` (`loadedAt`, `loadMs`), with both
   *   of them `FRESHNESS` (`windows`, `newValidator`), and the `tagFlags` of as many `entryTags`
   * @returns the record, or `NULL_REF` when it alone exceeds the budget: then nothing has changed
   */
  put(
    key: Uint8Array,
    keyStart: number,
    keyEnd: number,
    value: Uint8Array,
    valueStart: number,
    valueEnd: number,
    type: ValueType,
    flags: number,
  ): Ref {
    const keyLength = keyEnd - keyStart
    const valueLength = valueEnd - valueStart
    const validatorLength = (flags & FRESHNESS) === 0 ? 0 : this.newValidator.length
    const units = unitsFor(recordBytes(keyLength, valueLength, flags, validatorLength))
    if (!this.#unitsFit(units)) return NULL_REF
    const hash = this.#hasher.hash(key, keyStart, keyEnd)
    let ref = this.#find(hash, key, keyStart, keyEnd)
    const second = this.#instant.second
    // A plain value over one of the same layout: only its length and its bytes change.
    const plain = ref !== NULL_REF && (flags & (LOADED | TAGS)) === 0 && type === ValueType.STRING
    if (plain && this.records.refit(ref, type, flags, keyLength, valueLength, second)) {
      if (flags !== 0) this.#replaceDeadline(ref)
      this.#eviction.accessed(ref)
      this.#copyValue(value, valueStart, valueEnd)
      if (this.listener !== undefined) this.listener.changed(hash, key, keyStart, keyEnd)
      return ref
    }
    const inPlace = ref !== NULL_REF && (this.#arena.units(ref) - units) >>> 0 <= 1
    let bits = NO_BITS
    if (inPlace) {
      this.#freeRegion(ref)
      this.#uncount(ref)
      this.#eviction.accessed(ref)
      bits = this.records.policyBits(ref)
    } else {
      if (ref !== NULL_REF) {
        bits = this.records.policyBits(ref)
        this.#removeHashed(ref, hash)
      }
      ref = this.#allocate(units)
      if (ref === NULL_REF) return NULL_REF
    }
    this.#fill(ref, key, keyStart, keyEnd, type, flags, valueLength)
    this.#copyValue(value, valueStart, valueEnd)
    if (!inPlace) this.#publish(hash, ref, bits)
    else if (bits !== 0) this.records.setPolicyBits(ref, bits)
    if (this.listener !== undefined) this.listener.changed(hash, key, keyStart, keyEnd)
    return ref
  }

  /**
   * Changes the length of a value, which counts as an access. Bytes up to the shorter length are kept, new bytes are
   * zero. The deadline and the tags are kept; the freshness windows are dropped, as this is not the origin's value.
   *
   * @returns the record, possibly moved, or `NULL_REF` when it alone exceeds the budget: then nothing has changed
   */
  resize(ref: Ref, valueLength: number): Ref {
    const records = this.records
    const oldLength = this.valueLength(ref)
    if (!records.hasFreshness(ref) && records.setValueLength(ref, valueLength)) {
      this.touch(ref)
      records.locate(ref)
      if (valueLength > oldLength) records.bytes.fill(0, records.valueStart + oldLength, records.valueEnd)
      this.noteChange(ref)
      return ref
    }
    const flags = records.flags(ref) | this.copyTags(ref)
    const keyLength = records.keyLength(ref)
    const bytes = recordBytes(keyLength, valueLength, flags)
    if (!this.fits(keyLength, valueLength, flags)) return NULL_REF
    let units = unitsFor(bytes)
    if (valueLength > oldLength && oldLength >= GROWTH_SLACK_FROM) {
      const roomy = unitsFor(bytes + 8 + valueLength * (GROWTH_FACTOR - 1))
      if (this.#unitsFit(roomy)) units = roomy
    }
    const key = this.copyKey(ref)
    const value = this.copyValue(ref)
    const type = records.type(ref)
    const raw = records.isRaw(ref)
    this.#copyLoadTimes(ref)
    this.deadline[0] = records.deadline(ref)
    const hash = this.#hashOf(ref)
    const bits = records.policyBits(ref)
    this.#removeHashed(ref, hash)
    const moved = this.#allocate(units)
    if (moved === NULL_REF) return NULL_REF
    this.#fill(moved, key, 0, keyLength, type, flags, valueLength)
    if (raw) records.markRaw(moved)
    records.locate(moved)
    value.copy(records.bytes, records.valueStart, 0, Math.min(oldLength, valueLength))
    if (valueLength > oldLength) records.bytes.fill(0, records.valueStart + oldLength, records.valueEnd)
    this.#publish(hash, moved, bits)
    return moved
  }

  /**
   * Sets the deadline of a record to `deadline[0]` (0: none), which counts as an access. Its freshness windows are
   * dropped.
   *
   * @returns the record, possibly moved, or `NULL_REF` when with a deadline it alone exceeds the budget: then nothing
   *   has changed
   */
  expire(ref: Ref): Ref {
    const records = this.records
    const flags = records.flags(ref)
    if ((flags & EXPIRES) === 0 && this.deadline[0] !== 0) {
      if (isCollection(records.type(ref))) {
        if (!this.#unitsFit(this.#arena.units(ref) + 1)) return NULL_REF
        const deadline = this.deadline[0]
        const moved = this.#relocate(
          ref,
          flags | EXPIRES | this.copyTags(ref),
          this.valueLength(ref),
          deadline,
        )
        this.touch(moved)
        this.noteChange(moved)
        this.settle(moved)
        return moved
      }
      const key = this.copyKey(ref)
      const value = this.copyValue(ref)
      const raw = records.isRaw(ref)
      this.#copyLoadTimes(ref)
      const newFlags = flags | EXPIRES | this.copyTags(ref)
      const moved = this.put(key, 0, key.length, value, 0, value.length, records.type(ref), newFlags)
      if (raw && moved !== NULL_REF) records.markRaw(moved)
      return moved
    }
    if ((flags & EXPIRES) !== 0) this.#replaceDeadline(ref)
    if (records.hasFreshness(ref)) records.setWindows(ref, NO_WINDOWS)
    this.touch(ref)
    this.noteChange(ref)
    return ref
  }

  /**
   * Changes the length of a collection's value. Bytes up to the shorter length are kept, new bytes are undefined. As
   * `resize`, it keeps deadline and tags and drops the freshness windows; but nothing is evicted, so that references to
   * other records stay valid: `settle` must follow.
   */
  reshape(ref: Ref, valueLength: number): Ref {
    const { records } = this
    if (!records.hasFreshness(ref) && records.setValueLength(ref, valueLength)) return ref
    const flags = records.flags(ref) | this.copyTags(ref)
    return this.#relocate(ref, flags, valueLength, records.deadline(ref))
  }

  /**
   * Replaces bytes of a collection's value, from `at` on, by as many new ones, which the caller writes; locates the value.
   * Returns the record, possibly moved.
   */
  splice(ref: Ref, at: number, removed: number, inserted: number): Ref {
    const { records } = this
    const length = this.valueLength(ref)
    const longer = inserted - removed
    if (longer < 0) {
      const { bytes, valueStart } = records
      bytes.copyWithin(valueStart + at + inserted, valueStart + at + removed, valueStart + length)
    }
    const moved = this.reshape(ref, length + longer)
    records.locate(moved)
    if (longer > 0) {
      const { bytes, valueStart } = records
      bytes.copyWithin(valueStart + at + inserted, valueStart + at + removed, valueStart + length)
    }
    return moved
  }

  /**
   * Ends a change of a collection, which took memory without evicting: evicts records other than `ref` until the budget
   * holds.
   */
  settle(ref: Ref): void {
    while (this.usedBytes > this.#maxBytes && this.#evict(ref));
    this.#compactor.updateLimit(this.#maxBytes)
    if (this.#compactor.isDue) this.#compactor.compact(0)
  }

  /** Must be called after a value was changed in place, other than by the methods of this class. */
  noteChange(ref: Ref): void {
    if (this.listener !== undefined) this.#notify(ref, this.#hashOf(ref))
  }

  remove(ref: Ref): void {
    this.#removeHashed(ref, this.#hashOf(ref))
  }

  /** Evicts the record that the policy names, but never `except`. False: there is none. */
  evict(except: Ref = NULL_REF): boolean {
    return this.#evict(except)
  }

  /** Removes all negative entries: the group has another origin now. */
  removeAbsent(): void {
    this.keyspace.removeAbsent(this.#absent)
  }

  /** Frees a bounded part of the pages of deleted collections. */
  reclaim(): void {
    this.#regions.reclaim(RECLAIMED_PAGES)
  }

  /** One step of the active expiry cycle; see `Keyspace.sweep`. */
  sweep(slots: number): number {
    const keys = this.#expiring === 0 ? 0 : this.keyspace.sweep(slots)
    return keys + (this.#regions.marked === 0 ? 0 : this.hashes.sweep(slots, (ref) => this.#removeSpent(ref)))
  }

  clear(): void {
    this.listener?.clearing()
    this.prefetcher.invalidate()
    this.#arena.clear()
    this.#index.clear()
    this.#eviction.clear()
    this.#regions.clear()
    this.#expiring = 0
    this.#absent = 0
    this.#compactor.updateLimit(this.#maxBytes)
  }

  /** Throws when the parts of the store contradict each other. For tests, O(n). */
  verify(): void {
    const findOwnKey = (ref: Ref): Ref => {
      const key = this.copyKey(ref)
      return this.#find(this.#hashOf(ref), key, 0, key.length)
    }
    const { collections } = this
    checkIntegrity({
      arena: this.#arena,
      index: this.#index,
      eviction: this.#eviction,
      regions: this.#regions,
      collections,
      findOwnKey,
    })
  }

  /** With one unit more: the arena may give that to a block. */
  #unitsFit(units: number): boolean {
    return units <= MAX_UNITS && (units + 1) * UNIT_BYTES + MIN_INDEX_BYTES <= this.#maxBytes
  }

  #find(hash: Hash, bytes: Uint8Array, start: number, end: number): Ref {
    const { candidate } = this.prefetcher
    if (candidate !== NULL_REF && this.records.hasKey(candidate, bytes, start, end)) return candidate
    const index = this.#index
    let at = index.seek(hash)
    const slots = index.slots
    for (; slots[at] === hash && slots[at + 1] !== NULL_REF; at += 2) {
      const ref = slots[at + 1] as Ref
      if (this.records.hasKey(ref, bytes, start, end)) return ref
    }
    return NULL_REF
  }

  /** Whether a record is expired or invalid. */
  #isDead(ref: Ref): boolean {
    if (this.records.isExpired(ref, this.#instant.ms)) return true
    if (this.#regions.marked !== 0 && this.#isSpent(ref)) return true
    return this.validity.hasInvalidations && this.validity.isInvalid(ref)
  }

  #removeDead(ref: Ref, hash: Hash): void {
    const isExpired = this.records.isExpired(ref, this.#instant.ms)
    if (isExpired || (this.#regions.marked !== 0 && this.#isSpent(ref))) this.expired++
    else this.invalidated++
    this.#removeHashed(ref, hash)
  }

  /** Whether a record is a hash whose fields are all expired. */
  #isSpent(ref: Ref): boolean {
    return this.records.type(ref) === ValueType.HASH && this.hashes.isSpent(ref)
  }

  #removeSpent(ref: Ref): void {
    this.expired++
    this.remove(ref)
  }

  #hashOf(ref: Ref): Hash {
    const start = this.records.keyStart(ref)
    const bytes = this.#arena.bytes[ref >>> this.#arena.shift]
    return this.#hasher.hash(bytes, start, start + this.records.keyLength(ref))
  }

  #fill(
    ref: Ref,
    key: Uint8Array,
    keyStart: number,
    keyEnd: number,
    type: ValueType,
    flags: number,
    valueLength: number,
  ): void {
    const records = this.records
    const keyLength = keyEnd - keyStart
    const hasFreshness = (flags & FRESHNESS) !== 0
    const validatorLength = hasFreshness ? this.newValidator.length : 0
    records.format(ref, type, flags, keyLength, valueLength, this.#instant.second, validatorLength)
    copyBytes(key, keyStart, keyEnd, records.bytes, records.words, records.valueStart - keyLength)
    if ((flags & EXPIRES) !== 0) records.setDeadline(ref, this.deadline)
    if ((flags & LOADED) !== 0) {
      records.setLoaded(ref, this.loadedAt, this.loadMs)
      this.validity.recordLoad(this.loadedAt)
    }
    if ((flags & TAGS) !== 0) records.setTags(ref, this.entryTags)
    if (hasFreshness) {
      records.setWindows(ref, this.windows)
      records.setValidator(ref, this.newValidator)
    }
    this.#count(ref)
  }

  /** Copies a value to where `records.locate` points. */
  #copyValue(value: Uint8Array, start: number, end: number): void {
    const { records } = this
    copyBytes(value, start, end, records.bytes, records.words, records.valueStart)
  }

  /** Adds the freshness windows `windows` and the validator `newValidator` to a record with a deadline that was loaded. */
  addFreshness(ref: Ref): Ref {
    const { records } = this
    const flags = records.flags(ref) | this.copyTags(ref) | FRESHNESS
    const moved = this.#relocate(ref, flags, this.valueLength(ref), records.deadline(ref))
    this.settle(moved)
    return moved
  }

  /** Copies a record to a block for a value of another length, with these flags. Evicts nothing. */
  #relocate(ref: Ref, flags: number, valueLength: number, deadline: number): Ref {
    const { records } = this
    const arena = this.#arena
    const keyLength = records.keyLength(ref)
    const validatorLength = (flags & FRESHNESS) === 0 ? 0 : this.newValidator.length
    const bytes = recordBytes(keyLength, valueLength, flags, validatorLength)
    const oldLength = this.valueLength(ref)
    const isGrowing = valueLength > oldLength && oldLength >= GROWTH_SLACK_FROM
    // Collections are many and grow by elements: less slack than for strings.
    const slack = isGrowing ? COLLECTION_SLACK : 0
    const units = unitsFor(bytes + slack)
    const moved = arena.alloc(units) || arena.alloc(units, true)
    if (moved === NULL_REF) throw new Error('the memory of the group has no segment numbers left')
    const hash = this.#hashOf(ref)
    const exact = deadline > Number.MAX_SAFE_INTEGER ? records.exactDeadline(ref) : 0n
    this.#copyLoadTimes(ref)
    this.deadline[0] = deadline
    this.#uncount(ref)
    const keyStart = records.keyStart(ref)
    const key = arena.bytes[ref >>> arena.shift]
    this.#fill(moved, key, keyStart, keyStart + keyLength, records.type(ref), flags, valueLength)
    if (exact !== 0n) records.setExactDeadline(moved, exact)
    records.copyAccess(ref, moved)
    records.locate(ref)
    const { bytes: source, valueStart } = records
    records.locate(moved)
    const kept = Math.min(oldLength, valueLength)
    // Both are usually in one segment: then `copyWithin` needs no view. Growing collections are copied often.
    if (source === records.bytes && kept > LONG_COPY)
      source.copyWithin(records.valueStart, valueStart, valueStart + kept)
    else copyBytes(source, valueStart, valueStart + kept, records.bytes, records.words, records.valueStart)
    this.prefetcher.invalidate()
    this.#index.replace(hash, ref, moved)
    this.#eviction.moved(ref, moved, arena.units(moved) - arena.units(ref))
    arena.free(ref)
    this.#recordMoved(moved)
    return moved
  }

  /**
   * Makes a filled record visible. The index may grow, so others may have to be evicted. `bits` are the policy's of the
   * record that this one replaces, or `NO_BITS`.
   */
  #publish(hash: Hash, ref: Ref, bits: number): void {
    this.#eviction.inserted(ref, hash, bits)
    this.#index.insert(hash, ref)
    while (this.usedBytes > this.#maxBytes && this.#evict(ref));
    if (this.usedBytes > this.#maxBytes) {
      this.#index.clear()
      this.#index.insert(hash, ref)
    }
  }

  /** `evict` without a default argument, which made a `put` that evicts 3 % slower. */
  #evict(except: Ref): boolean {
    if (this.#regions.reclaim(RECLAIMED_PAGES)) return true
    const ref = this.#eviction.victim(except)
    if (ref === NULL_REF) {
      if (this.#evictionMemory.bytes === 0) return false
      this.#eviction.forget()
      return true
    }
    this.evicted++
    const hash = this.#hashOf(ref)
    this.#eviction.evicted(ref, hash)
    this.#removeHashed(ref, hash)
    return true
  }

  #removeHashed(ref: Ref, hash: Hash): void {
    if (this.listener !== undefined) this.#notify(ref, hash)
    this.#freeRegion(ref)
    this.#uncount(ref)
    this.#index.remove(hash, ref)
    this.#eviction.removed(ref)
    this.prefetcher.invalidate()
    this.#arena.free(ref)
  }

  #freeRegion(ref: Ref): void {
    if (this.#regions.count === 0 || !isCollection(this.records.type(ref))) return
    const region = this.collections.regionOf(ref)
    if (region !== 0) this.#regions.free(region)
  }

  /** A record is in another block. */
  #recordMoved(to: Ref): void {
    if (this.#regions.count === 0 || !isCollection(this.records.type(to))) return
    const region = this.collections.regionOf(to)
    if (region !== 0) this.#regions.setRecord(region, to)
  }

  #notify(ref: Ref, hash: Hash): void {
    if (this.records.type(ref) === ValueType.ABSENT) return
    const start = this.records.keyStart(ref)
    const bytes = this.#arena.bytes[ref >>> this.#arena.shift]
    this.listener?.changed(hash, bytes, start, start + this.records.keyLength(ref))
  }

  #count(ref: Ref): void {
    if (this.records.expires(ref)) this.#expiring++
    if (this.records.type(ref) === ValueType.ABSENT) this.#absent++
  }

  #uncount(ref: Ref): void {
    if (this.records.expires(ref)) this.#expiring--
    if (this.records.type(ref) === ValueType.ABSENT) this.#absent--
  }

  #replaceDeadline(ref: Ref): void {
    this.#uncount(ref)
    this.records.setDeadline(ref, this.deadline)
    this.#count(ref)
  }

  /** Makes the load times of a record the arguments of `put`. */
  #copyLoadTimes(ref: Ref): void {
    this.loadedAt[0] = this.records.loadedAt(ref)
    this.loadMs = this.records.loadMs(ref)
  }

  /** A block of at least `units`, after evicting for it. `NULL_REF`: the arena has no segment numbers left. */
  #allocate(units: number): Ref {
    const arena = this.#arena
    while (this.usedBytes + (units + 1) * UNIT_BYTES > this.#maxBytes) {
      if (this.#evict(NULL_REF)) continue
      this.#index.clear()
      break
    }
    this.#compactor.updateLimit(this.#maxBytes)
    if (this.#compactor.isDue) this.#compactor.compact(units)
    for (;;) {
      const ref = arena.alloc(units)
      if (ref !== NULL_REF) return ref
      // There are holes, but none fits. This block may exceed the limit, and compaction frees memory later.
      this.#compactor.compact(units)
      const forced = arena.alloc(units, true)
      if (forced !== NULL_REF || !this.#evict(NULL_REF)) return forced
    }
  }
}

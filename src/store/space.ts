// The space of a store: what its records occupy, and which of them are evicted to stay within the budget in bytes.

import type { Hash, Hasher } from '../bytes/hash.ts'
import type { Instant } from '../bytes/instant.ts'
import { Arena, NULL_REF, type Ref, UNIT_BYTES } from './arena.ts'
import { Compactor } from './compactor.ts'
import { EvictionChange } from './eviction/change.ts'
import { EVICTION_POLICIES } from './eviction/policies.ts'
import type { EvictionContext, EvictionPolicy, EvictionPolicyFactory } from './eviction/policy.ts'
import { Index, MIN_INDEX_BYTES, SLOT_BYTES } from './index.ts'
import { Prefetcher } from './prefetcher.ts'
import { isCollection, MAX_UNITS, Records, ValueType } from './record.ts'
import type { Collections } from './types/collections.ts'
import type { EncodingLimits } from './types/encoding-limits.ts'
import { Regions } from './types/regions.ts'
import { Validity } from './validity/validity.ts'

const MIN_SEGMENT_BYTES = 64 * 1024
const MAX_SEGMENT_BYTES = 4 * 1024 * 1024
/** The part of the budget from which a store is nearly full. */
const NEARLY_FULL = 3 / 4
/** Pages of a deleted collection that are freed per step. */
const RECLAIMED_PAGES = 2048

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
 * A base class of `Store`. The parts of a store are classes of one object: lookups and writes read each other's fields for
 * every command, and calls between objects, or with closures, would cost more.
 */
export abstract class Space {
  /** Records evicted, since the start or the last reset. */
  evicted = 0
  /** The fields of records. */
  readonly records: Records
  /** Invalidation by tag and by change notification. */
  readonly validity: Validity
  readonly prefetcher: Prefetcher
  /** `undefined` without a listener: then a write costs one comparison. Must not write to the store. */
  listener: ChangeListener | undefined = undefined
  /** The common part of the collection types. */
  abstract readonly collections: Collections
  protected readonly arena: Arena
  protected readonly index = new Index()
  protected readonly instant: Instant
  protected readonly hasher: Hasher
  protected readonly regions: Regions
  /** `maxBytes`. */
  protected budget: number
  protected policy: EvictionPolicy
  /** Records with a deadline. */
  #expiring = 0
  /** Negative entries. */
  #absent = 0
  readonly #evictionContext: EvictionContext
  readonly #evictionMemory = { bytes: 0 }
  readonly #evictionChange: EvictionChange
  readonly #compactor: Compactor

  constructor(options: StoreOptions) {
    const { maxBytes, hasher, instant } = options
    this.budget = maxBytes
    this.instant = instant
    this.hasher = hasher
    // A power of two near a 64th of the budget.
    const share = 2 ** Math.floor(Math.log2(Math.max(1, maxBytes / 64)))
    const arena = new Arena(Math.min(MAX_SEGMENT_BYTES, Math.max(MIN_SEGMENT_BYTES, share)))
    const index = this.index
    const records = new Records(arena)
    const hashOf = (ref: Ref): Hash => this.hashOfRecord(ref)
    const regions = new Regions(arena)
    this.#evictionContext = {
      arena,
      records,
      hashOf,
      isNearlyFull: () => this.usedBytes > this.budget * NEARLY_FULL,
      memory: this.#evictionMemory,
      count: () => index.count,
      units: () => arena.liveUnits - regions.totalUnits,
      walk: (cursor, slots, visit) => index.walk(cursor, Number.POSITIVE_INFINITY, slots, visit),
    }
    const factory = options.eviction ?? EVICTION_POLICIES.lru
    const eviction = factory(this.#evictionContext)
    records.keepPolicyBits(eviction.usesBits)
    const prefetcher = new Prefetcher(arena, index, eviction)
    this.arena = arena
    this.policy = eviction
    this.records = records
    this.prefetcher = prefetcher
    this.validity = new Validity(records, hasher, instant.ms)
    this.regions = regions
    const recordMoved = (to: Ref): void => this.recordMoved(to)
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
    this.#evictionChange = new EvictionChange(factory, this.#evictionContext)
    this.#compactor.updateLimit(this.budget)
  }

  /** Bytes occupied, exactly: live blocks, the whole index, memory of the eviction policy. At most `maxBytes` after every call. */
  get usedBytes(): number {
    return (
      this.arena.liveUnits * UNIT_BYTES +
      this.index.bytes +
      this.regions.rowBytes +
      this.#evictionMemory.bytes
    )
  }

  /** The part of them that is the eviction policy's own memory. */
  get evictionBytes(): number {
    return this.#evictionMemory.bytes
  }

  /** Bytes that entries cannot use: the smallest index, and the rows of regions. */
  get minBytes(): number {
    return MIN_INDEX_BYTES + this.regions.rowBytes
  }

  get indexBytes(): number {
    return this.index.bytes
  }

  /** The current time for expiry, in milliseconds since the Unix epoch. */
  get now(): number {
    return this.instant.now
  }

  /** The same, in a cell. */
  get nowCell(): Float64Array {
    return this.instant.ms
  }

  /** Bytes that the arena has committed, holes included. */
  get arenaBytes(): number {
    return this.arena.committedUnits * UNIT_BYTES
  }

  get maxBytes(): number {
    return this.budget
  }

  /** A lower budget evicts at once. */
  set maxBytes(bytes: number) {
    this.budget = bytes
    this.#compactor.updateLimit(this.budget)
    this.#evictToBudget(NULL_REF)
    // Shards of the index never merge: a large index keeps their minimum size until it is cleared.
    if (this.usedBytes > bytes) this.index.clear()
  }

  /**
   * Uses another eviction policy from now on; all records stay. A change takes steps: until `changeEviction` has returned
   * true, records are evicted by the present policy, or by exact LRU.
   */
  set eviction(factory: EvictionPolicyFactory) {
    const next = this.#evictionChange.begin(factory, this.policy)
    if (next !== undefined) this.#useEviction(next)
    this.#evictToBudget(NULL_REF)
  }

  /** One step of a change of the eviction policy, over about `slots` slots of the index. True: the change is done. */
  changeEviction(slots: number): boolean {
    const next = this.#evictionChange.step(slots, this.policy)
    if (next !== undefined) this.#useEviction(next)
    this.#evictToBudget(NULL_REF)
    return this.#evictionChange.isDone
  }

  #useEviction(eviction: EvictionPolicy): void {
    this.policy = eviction
    this.prefetcher.eviction = eviction
    this.#compactor.eviction = eviction
  }

  /** Keys that have a value, including expired ones not yet removed (as DBSIZE counts them). */
  get size(): number {
    return this.index.count - this.#absent
  }

  /** Records with a deadline. */
  get expiring(): number {
    return this.#expiring
  }

  /** Hashes with fields that have a deadline. */
  get expiringHashes(): number {
    return this.regions.marked
  }

  /** Negative entries: keys known to be absent at the origin. */
  get absent(): number {
    return this.#absent
  }

  /** Bytes that a record occupies, its index slot and its region included. */
  bytesOf(ref: Ref): number {
    const own = this.arena.units(ref) * UNIT_BYTES + SLOT_BYTES
    return this.regions.count !== 0 && isCollection(this.records.type(ref))
      ? own + this.collections.regionBytes(ref)
      : own
  }

  /** Whether a collection of this size fits the budget at all. */
  hasRoom(bytes: number): boolean {
    return bytes <= this.budget - this.minBytes
  }

  /**
   * Ends a change of a collection, which took memory without evicting: evicts records other than `ref` until the budget
   * holds.
   */
  settle(ref: Ref): void {
    while (this.usedBytes > this.budget && this.evictOne(ref));
    this.#compactor.updateLimit(this.budget)
    if (this.#compactor.isDue) this.#compactor.compact(0)
  }

  /** Must be called after a value was changed in place, other than by the methods of this class. */
  noteChange(ref: Ref): void {
    if (this.listener !== undefined) this.notify(ref, this.hashOfRecord(ref))
  }

  remove(ref: Ref): void {
    this.removeHashed(ref, this.hashOfRecord(ref))
  }

  /**
   * Evicts the record that the policy names, but never `except`, and further ones if the policy itself takes more memory
   * than the budget has left. False: there is none.
   */
  evict(except: Ref = NULL_REF): boolean {
    const isEvicted = this.evictOne(except)
    this.#evictToBudget(except)
    return isEvicted
  }

  /** Evicts until the budget holds. What runs for each write repeats this loop instead: the call cost a `put` 3 %. */
  #evictToBudget(except: Ref): void {
    while (this.usedBytes > this.budget && this.evictOne(except));
  }

  /** Frees a bounded part of the pages of deleted collections. */
  reclaim(): void {
    this.regions.reclaim(RECLAIMED_PAGES)
  }

  clear(): void {
    this.listener?.clearing()
    this.prefetcher.invalidate()
    this.arena.clear()
    this.index.clear()
    this.policy.clear()
    this.regions.clear()
    this.#expiring = 0
    this.#absent = 0
    this.#compactor.updateLimit(this.budget)
  }

  /** With one unit more: the arena may give that to a block. */
  protected unitsFit(units: number): boolean {
    return units <= MAX_UNITS && (units + 1) * UNIT_BYTES + MIN_INDEX_BYTES <= this.budget
  }

  protected hashOfRecord(ref: Ref): Hash {
    const start = this.records.keyStart(ref)
    const bytes = this.arena.bytes[ref >>> this.arena.shift]
    return this.hasher.hash(bytes, start, start + this.records.keyLength(ref))
  }

  /**
   * Makes a filled record visible. The index may grow, so others may have to be evicted. `bits` are the policy's of the
   * record that this one replaces, or `NO_BITS`.
   */
  protected publish(hash: Hash, ref: Ref, bits: number): void {
    this.policy.inserted(ref, hash, bits)
    this.index.insert(hash, ref)
    while (this.usedBytes > this.budget && this.evictOne(ref));
    if (this.usedBytes > this.budget) {
      this.index.clear()
      this.index.insert(hash, ref)
    }
  }

  /** `evict` without a default argument, which made a `put` that evicts 3 % slower. */
  protected evictOne(except: Ref): boolean {
    if (this.regions.reclaim(RECLAIMED_PAGES)) return true
    const ref = this.policy.victim(except)
    if (ref === NULL_REF) {
      if (this.#evictionMemory.bytes === 0) return false
      this.policy.forget()
      return true
    }
    this.evicted++
    const hash = this.hashOfRecord(ref)
    this.policy.evicted(ref, hash)
    this.removeHashed(ref, hash)
    return true
  }

  protected removeHashed(ref: Ref, hash: Hash): void {
    if (this.listener !== undefined) this.notify(ref, hash)
    this.freeRegion(ref)
    this.uncount(ref)
    this.index.remove(hash, ref)
    this.policy.removed(ref)
    this.prefetcher.invalidate()
    this.arena.free(ref)
  }

  protected freeRegion(ref: Ref): void {
    if (this.regions.count === 0 || !isCollection(this.records.type(ref))) return
    const region = this.collections.regionOf(ref)
    if (region !== 0) this.regions.free(region)
  }

  /** A record is in another block. */
  protected recordMoved(to: Ref): void {
    if (this.regions.count === 0 || !isCollection(this.records.type(to))) return
    const region = this.collections.regionOf(to)
    if (region !== 0) this.regions.setRecord(region, to)
  }

  protected notify(ref: Ref, hash: Hash): void {
    if (this.records.type(ref) === ValueType.ABSENT) return
    const start = this.records.keyStart(ref)
    const bytes = this.arena.bytes[ref >>> this.arena.shift]
    this.listener?.changed(hash, bytes, start, start + this.records.keyLength(ref))
  }

  protected count(ref: Ref): void {
    if (this.records.expires(ref)) this.#expiring++
    if (this.records.type(ref) === ValueType.ABSENT) this.#absent++
  }

  protected uncount(ref: Ref): void {
    if (this.records.expires(ref)) this.#expiring--
    if (this.records.type(ref) === ValueType.ABSENT) this.#absent--
  }

  /** A block of at least `units`, after evicting for it. `NULL_REF`: the arena has no segment numbers left. */
  protected allocate(units: number): Ref {
    const arena = this.arena
    while (this.usedBytes + (units + 1) * UNIT_BYTES > this.budget) {
      if (this.evictOne(NULL_REF)) continue
      this.index.clear()
      break
    }
    this.#compactor.updateLimit(this.budget)
    if (this.#compactor.isDue) this.#compactor.compact(units)
    for (;;) {
      const ref = arena.alloc(units)
      if (ref !== NULL_REF) return ref
      // There are holes, but none fits. This block may exceed the limit, and compaction frees memory later.
      this.#compactor.compact(units)
      const forced = arena.alloc(units, true)
      if (forced !== NULL_REF || !this.evictOne(NULL_REF)) return forced
    }
  }
}

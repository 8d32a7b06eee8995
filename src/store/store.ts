// The store of one group: finds records by key (`lookup.ts`), keeps them within a budget in bytes by evicting
// (`space.ts`), and writes them.

import { copyBytes } from '../bytes/copy.ts'
import { NULL_REF, type Ref } from './arena.ts'
import { Lookup } from './lookup.ts'
import {
  EXPIRES,
  FRESHNESS,
  FreshnessWindows,
  isCollection,
  LOADED,
  recordBytes,
  TAGS,
  unitsFor,
  ValueType,
} from './record.ts'
import type { StoreOptions } from './space.ts'
import { Collections } from './types/collections.ts'
import { defaultEncodingLimits } from './types/encoding-limits.ts'
import { Hashes } from './types/hashes.ts'
import { Lists } from './types/lists.ts'
import { Sets } from './types/sets.ts'
import { SortedSets } from './types/sorted-sets.ts'
import { Streams } from './types/stream/stream.ts'
import { EntryTags } from './validity/tags.ts'

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

/** A growing value gets a block for this multiple of its length, so that appending byte by byte copies it rarely. */
const GROWTH_FACTOR = 1.25
/** Values below this many bytes grow without slack. */
const GROWTH_SLACK_FROM = 256
/** Additional bytes for a growing collection. */
const COLLECTION_SLACK = 32
/** The policy's bits if a new record replaces none. */
const NO_BITS = -1
const NO_BYTES = Buffer.alloc(0)
const NO_WINDOWS = new FreshnessWindows()

/**
 * A record is addressed by its `Ref`, which is valid until the next call that writes: any write may evict, move or
 * free records. Byte ranges passed in must not lie in the store's own arena.
 *
 * Numbers above 2^31 are passed in `Float64Array` cells: V8 allocates an object for them as fields or arguments.
 */
export class Store extends Lookup {
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
  /** The common part of the collection types, and each type. */
  readonly collections: Collections
  readonly hashes: Hashes
  readonly lists: Lists
  readonly sets: Sets
  readonly sortedSets: SortedSets
  readonly streams: Streams

  constructor(options: StoreOptions) {
    super(options)
    const { records, regions } = this
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
  }

  /** An empty store with the same budget, where keys and elements have the same hashes. */
  another(): Store {
    return new Store({
      maxBytes: this.budget,
      hasher: this.hasher,
      instant: this.instant,
      encodingLimits: this.collections.limits,
    })
  }

  /** Makes the tags of a record the argument of `put`. Returns the flags that go with them. */
  copyTags(ref: Ref): number {
    const flags = this.records.tagFlags(ref)
    if (flags !== 0) this.records.readTags(ref, this.entryTags)
    return flags
  }

  /** Whether a record of this size fits the budget at all. `flags`: `EXPIRES`, `LOADED`, `FRESHNESS`, `TAGS`. */
  fits(keyLength: number, valueLength: number, flags = 0, validatorLength = 0): boolean {
    return this.unitsFit(unitsFor(recordBytes(keyLength, valueLength, flags, validatorLength)))
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
    if (!this.unitsFit(units)) return NULL_REF
    const hash = this.hasher.hash(key, keyStart, keyEnd)
    let ref = this.find(hash, key, keyStart, keyEnd)
    const second = this.instant.second
    // A plain value over one of the same layout: only its length and its bytes change.
    const plain = ref !== NULL_REF && (flags & (LOADED | TAGS)) === 0 && type === ValueType.STRING
    if (plain && this.records.refit(ref, type, flags, keyLength, valueLength, second)) {
      if (flags !== 0) this.#replaceDeadline(ref)
      this.policy.accessed(ref)
      this.#writeValue(value, valueStart, valueEnd)
      if (this.listener !== undefined) this.listener.changed(hash, key, keyStart, keyEnd)
      return ref
    }
    const inPlace = ref !== NULL_REF && (this.arena.units(ref) - units) >>> 0 <= 1
    let bits = NO_BITS
    if (inPlace) {
      this.freeRegion(ref)
      this.uncount(ref)
      this.policy.accessed(ref)
      bits = this.records.policyBits(ref)
    } else {
      if (ref !== NULL_REF) {
        bits = this.records.policyBits(ref)
        this.removeHashed(ref, hash)
      }
      ref = this.allocate(units)
      if (ref === NULL_REF) return NULL_REF
    }
    this.#fill(ref, key, keyStart, keyEnd, type, flags, valueLength)
    this.#writeValue(value, valueStart, valueEnd)
    if (!inPlace) this.publish(hash, ref, bits)
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
      if (this.unitsFit(roomy)) units = roomy
    }
    const key = this.copyKey(ref)
    const value = this.copyValue(ref)
    const type = records.type(ref)
    const raw = records.isRaw(ref)
    this.#copyLoadTimes(ref)
    this.deadline[0] = records.deadline(ref)
    const hash = this.hashOfRecord(ref)
    const bits = records.policyBits(ref)
    this.removeHashed(ref, hash)
    const moved = this.allocate(units)
    if (moved === NULL_REF) return NULL_REF
    this.#fill(moved, key, 0, keyLength, type, flags, valueLength)
    if (raw) records.markRaw(moved)
    records.locate(moved)
    value.copy(records.bytes, records.valueStart, 0, Math.min(oldLength, valueLength))
    if (valueLength > oldLength) records.bytes.fill(0, records.valueStart + oldLength, records.valueEnd)
    this.publish(hash, moved, bits)
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
        if (!this.unitsFit(this.arena.units(ref) + 1)) return NULL_REF
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
    if (longer === 0 && !records.hasFreshness(ref)) return ref
    if (longer < 0) {
      const { bytes, valueStart } = records
      bytes.copy(bytes, valueStart + at + inserted, valueStart + at + removed, valueStart + length)
    }
    const moved = this.reshape(ref, length + longer)
    records.locate(moved)
    if (longer > 0) {
      const { bytes, valueStart } = records
      bytes.copy(bytes, valueStart + at + inserted, valueStart + at + removed, valueStart + length)
    }
    return moved
  }

  /** Adds the freshness windows `windows` and the validator `newValidator` to a record with a deadline that was loaded. */
  addFreshness(ref: Ref): Ref {
    const { records } = this
    const flags = records.flags(ref) | this.copyTags(ref) | FRESHNESS
    const moved = this.#relocate(ref, flags, this.valueLength(ref), records.deadline(ref))
    this.settle(moved)
    return moved
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
    records.format(ref, type, flags, keyLength, valueLength, this.instant.second, validatorLength)
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
    this.count(ref)
  }

  /** Copies a value to where `records.locate` points. */
  #writeValue(value: Uint8Array, start: number, end: number): void {
    const { records } = this
    copyBytes(value, start, end, records.bytes, records.words, records.valueStart)
  }

  /** Copies a record to a block for a value of another length, with these flags. Evicts nothing. */
  #relocate(ref: Ref, flags: number, valueLength: number, deadline: number): Ref {
    const { records } = this
    const arena = this.arena
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
    const hash = this.hashOfRecord(ref)
    const exact = deadline > Number.MAX_SAFE_INTEGER ? records.exactDeadline(ref) : 0n
    this.#copyLoadTimes(ref)
    this.deadline[0] = deadline
    this.uncount(ref)
    const keyStart = records.keyStart(ref)
    const key = arena.bytes[ref >>> arena.shift]
    this.#fill(moved, key, keyStart, keyStart + keyLength, records.type(ref), flags, valueLength)
    if (exact !== 0n) records.setExactDeadline(moved, exact)
    records.copyAccess(ref, moved)
    records.locate(ref)
    const { bytes: source, valueStart } = records
    records.locate(moved)
    const kept = Math.min(oldLength, valueLength)
    copyBytes(source, valueStart, valueStart + kept, records.bytes, records.words, records.valueStart)
    this.prefetcher.invalidate()
    this.index.replace(hash, ref, moved)
    this.policy.moved(ref, moved, arena.units(moved) - arena.units(ref))
    arena.free(ref)
    this.recordMoved(moved)
    return moved
  }

  #replaceDeadline(ref: Ref): void {
    this.uncount(ref)
    this.records.setDeadline(ref, this.deadline)
    this.count(ref)
  }

  /** Makes the load times of a record the arguments of `put`. */
  #copyLoadTimes(ref: Ref): void {
    this.loadedAt[0] = this.records.loadedAt(ref)
    this.loadMs = this.records.loadMs(ref)
  }
}

// The store of one group: records found through the index, bounded in bytes, evicted in exact LRU order.

import { copyBytes } from '../bytes/copy.ts'
import type { Hash, Hasher } from '../bytes/hash.ts'
import type { Instant } from '../bytes/instant.ts'
import { Arena, NULL_REF, type Ref, UNIT_BYTES } from './arena.ts'
import { Compactor } from './compactor.ts'
import { EVICTION_POLICIES } from './eviction/policies.ts'
import type { EvictionPolicy, EvictionPolicyFactory } from './eviction/policy.ts'
import { Index, MIN_INDEX_BYTES, SLOT_BYTES } from './index.ts'
import { checkIntegrity, type StoreParts } from './integrity.ts'
import { Prefetcher } from './prefetcher.ts'
import { RecentChanges } from './recent-changes.ts'
import {
  EXPIRES,
  FRESHNESS,
  FreshnessWindows,
  LOADED,
  MAX_UNITS,
  Records,
  recordBytes,
  SECOND_MASK,
  TAGS,
  unitsFor,
  ValueType,
} from './record.ts'
import { EntryTags, TagEpochs } from './tags.ts'
import { Validity } from './validity.ts'

const MIN_SEGMENT_BYTES = 64 * 1024
const MAX_SEGMENT_BYTES = 4 * 1024 * 1024
/** Values made by growing get this much slack, so that appending byte by byte copies each byte a bounded number of times. */
const GROWTH_FACTOR = 1.25
const GROWTH_SLACK_FROM = 256
/** Entries looked at between two decisions when the whole index is walked. */
const SCAN_STEPS = 4096
const NOTHING = Buffer.alloc(0)
const NO_WINDOWS = new FreshnessWindows()
/** How often `random` draws before it searches. */
const RANDOM_TRIES = 100

export interface StoreOptions {
  /** The budget in bytes: keys, values, headers, rounding, index and links. */
  readonly maxBytes: number
  /** Shared by the stores of a node, so that a record keeps its hash when it moves between them. */
  readonly hasher: Hasher
  readonly instant: Instant
  /** Which record leaves when the budget is full; exact LRU by default. */
  readonly eviction?: EvictionPolicyFactory
}

/**
 * Keys and values live off the heap. A record is named by its `Ref`, valid until the next call that writes
 * (any write may evict, move or free records). Byte ranges passed in must not lie in the store's own arena.
 */
export class Store {
  /** Records evicted, records found expired: since the start or the last reset. */
  evicted = 0
  expired = 0
  /** Argument of `put` with `EXPIRES` and of `expire`: milliseconds since the epoch. A cell: an argument would be boxed. */
  readonly deadline = new Float64Array(1)
  /** Arguments of `put` with `LOADED`: a `loadMoment`, milliseconds since the epoch; milliseconds. */
  readonly loadedAt = new Float64Array(1)
  loadMs = 0
  /** Arguments of `put` with `NOTED`. */
  readonly windows = new FreshnessWindows()
  newValidator: Uint8Array = NOTHING
  /** Argument of `put` with `TAGS`. */
  readonly entryTags = new EntryTags()
  /** Entries that were invalidated by a tag, or by `distrust` without being kept stale, and found to be so. */
  invalidated = 0
  /** When which tag was invalidated. */
  readonly tagEpochs: TagEpochs
  /** What the source says to have changed: see `isOutdated`. */
  readonly #recentChanges: RecentChanges
  readonly #validity: Validity
  readonly #checkedTags = new EntryTags()
  /** Whether there is something to be checked besides deadlines. */
  #hasInvalidations = false
  /** The fields of records; `locate` there points at a value without copying it. */
  readonly records: Records
  #expiring = 0
  #absent = 0
  #maxBytes: number
  #sweepCursor = 0
  readonly #arena: Arena
  readonly #index = new Index()
  readonly #eviction: EvictionPolicy
  /** What the commands of a batch will need, read from memory together. */
  readonly prefetcher: Prefetcher
  readonly #compactor: Compactor
  readonly #parts: Omit<StoreParts, 'findOwnKey'>
  readonly #instant: Instant
  readonly #hasher: Hasher

  constructor(options: StoreOptions) {
    this.#maxBytes = options.maxBytes
    this.#instant = options.instant
    this.tagEpochs = new TagEpochs(options.instant.ms)
    this.#recentChanges = new RecentChanges(options.instant.ms)
    this.#hasher = options.hasher
    const share = 2 ** Math.floor(Math.log2(Math.max(1, options.maxBytes / 64)))
    this.#arena = new Arena(Math.min(MAX_SEGMENT_BYTES, Math.max(MIN_SEGMENT_BYTES, share)))
    this.records = new Records(this.#arena)
    this.#validity = new Validity(this.records, options.instant.ms)
    const { records } = this
    const arena = this.#arena
    const index = this.#index
    const eviction = (options.eviction ?? EVICTION_POLICIES.lru)({ arena, records })
    this.#eviction = eviction
    this.prefetcher = new Prefetcher(arena, index, eviction)
    const { prefetcher } = this
    const hashOf = (ref: Ref): Hash => this.#hashOf(ref)
    this.#parts = { arena, index, eviction }
    this.#compactor = new Compactor({ arena, index, eviction, records, prefetcher, hashOf })
    this.#compactor.updateLimit(this.#maxBytes)
  }

  /** Bytes occupied, exactly: live blocks and the whole index. At most `maxBytes` after every call. */
  get usedBytes(): number {
    return this.#arena.liveUnits * UNIT_BYTES + this.#index.bytes
  }

  get indexBytes(): number {
    return this.#index.bytes
  }

  /** The present moment, as expiry sees it: milliseconds since the epoch. */
  get now(): number {
    return this.#instant.now
  }

  /** The same in a cell. */
  get nowCell(): Float64Array {
    return this.#instant.ms
  }

  /** Bytes the arena has committed, holes included. */
  get arenaBytes(): number {
    return this.#arena.committedUnits * UNIT_BYTES
  }

  get maxBytes(): number {
    return this.#maxBytes
  }

  /** Changing the budget evicts at once what no longer fits. */
  set maxBytes(bytes: number) {
    this.#maxBytes = bytes
    this.#compactor.updateLimit(this.#maxBytes)
    while (this.usedBytes > bytes && this.evict());
    // Shards never merge: an index that was large keeps their least size until it is empty.
    if (this.usedBytes > bytes) this.#index.clear()
  }

  /** Keys that hold a value, expired ones that were not reclaimed yet included (as DBSIZE counts). */
  get size(): number {
    return this.#index.count - this.#absent
  }

  /** Records with a deadline. */
  get expiring(): number {
    return this.#expiring
  }

  /** Keys remembered as absent from the origin. */
  get absent(): number {
    return this.#absent
  }

  /** The live record of a key, not counted as an access; `NULL_REF` if there is none. */
  peek(bytes: Uint8Array, start: number, end: number): Ref {
    const hash = this.#hasher.hash(bytes, start, end)
    const ref = this.#find(hash, bytes, start, end)
    if (ref === NULL_REF || !this.#isDead(ref)) return ref
    this.#removeDead(ref, hash)
    return NULL_REF
  }

  /** The live record of a key, now the most recently used; `NULL_REF` if there is none. */
  get(bytes: Uint8Array, start: number, end: number): Ref {
    const ref = this.peek(bytes, start, end)
    if (ref !== NULL_REF) this.touch(ref)
    return ref
  }

  /** All entries that carry the tag by now are invalid: found to be so when they are asked for. O(1). */
  invalidateTag(hash: number): void {
    this.tagEpochs.invalidate(hash)
    this.#hasInvalidations = true
  }

  /**
   * Word of changes may have been lost: what the origin has given by now is stale from now on. What is not kept after
   * its lifetime, and every absence, is invalid. O(1): found to be so when it is asked for.
   */
  invalidateLoaded(): void {
    if (this.#index.count === 0) return
    this.#validity.invalidate()
    this.#hasInvalidations = true
  }

  /** What the origin has instead of a record is not known: it is stale from now on, or removed if it is of no use then. */
  invalidateEntry(ref: Ref): void {
    if (!this.#validity.expireNow(ref)) this.remove(ref)
  }

  /** The origin that gave what is held is another one from now on: versions of that mean nothing to it. O(1). */
  invalidateValidators(): void {
    this.#validity.invalidateValidators()
  }

  /** A copy of what the origin knows the version of a record by; empty: nothing. */
  validator(ref: Ref): Buffer {
    return this.#validity.isValidatorInvalid(ref) ? NOTHING : this.records.validator(ref)
  }

  /** The `loadedAt` of what is loaded now. */
  loadEpoch(): number {
    return this.#validity.loadEpoch()
  }

  /** The source says that a key has changed. What is held of it stays. */
  recordChange(bytes: Uint8Array, start: number, end: number): void {
    this.#recentChanges.add(this.#hasher.hash(bytes, start, end))
  }

  /** The same of every key. */
  recordAllChanged(): void {
    this.#recentChanges.addAll()
  }

  /**
   * Whether the source may have changed a key within the last so many ms: then what another node has had of it for as
   * long is old, whether or not that node has heard of the change.
   */
  mayHaveChanged(bytes: Uint8Array, start: number, end: number, ms: number): boolean {
    return this.#recentChanges.isWithin(this.#hasher.hash(bytes, start, end), ms)
  }

  /** Makes the tags of a record the argument of `put`, and returns the flags that go with them. */
  copyTags(ref: Ref): number {
    const flags = this.records.tagFlags(ref)
    if (flags !== 0) this.records.readTags(ref, this.entryTags)
    return flags
  }

  /** Makes a record the most recently used. */
  touch(ref: Ref): void {
    this.records.setAccessSecond(ref, this.#instant.second)
    this.#eviction.accessed(ref)
  }

  /** Seconds since the last access, exact for 12 days. */
  idleSeconds(ref: Ref): number {
    return (this.#instant.second - this.records.accessSecond(ref)) & SECOND_MASK
  }

  /** What a record occupies in bytes, its index slot included. */
  bytesOf(ref: Ref): number {
    return this.#arena.units(ref) * UNIT_BYTES + SLOT_BYTES
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

  /** Whether a record of this size can be stored at all. `flags`: `EXPIRES`, `LOADED`, `NOTED`. */
  fits(keyLength: number, valueLength: number, flags = 0, notesLength = 0): boolean {
    return this.#unitsFit(unitsFor(recordBytes(keyLength, valueLength, flags, notesLength)))
  }

  /**
   * Stores a value under a key as the most recently used, evicting the least recently used as needed. `flags`
   * are `EXPIRES` (dies at `deadline`), `LOADED` (came from the origin: `loadedAt`, `loadMs`) and, with both of them,
   * `NOTED` (is kept after its deadline: `windows`, `notes`); `tagFlags` go with `tagging`.
   * Returns its record, or `NULL_REF` when it alone exceeds the budget: then nothing has changed.
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
    const notesLength = (flags & FRESHNESS) === 0 ? 0 : this.newValidator.length
    const units = unitsFor(recordBytes(keyLength, valueLength, flags, notesLength))
    if (!this.#unitsFit(units)) return NULL_REF
    const hash = this.#hasher.hash(key, keyStart, keyEnd)
    let ref = this.#find(hash, key, keyStart, keyEnd)
    const second = this.#instant.second
    const plain = ref !== NULL_REF && (flags & (LOADED | TAGS)) === 0 && type !== ValueType.ABSENT
    if (plain && this.records.refit(ref, type, flags, keyLength, valueLength, second)) {
      if (flags !== 0) this.#replaceDeadline(ref)
      this.#eviction.accessed(ref)
      this.#copyValue(value, valueStart, valueEnd)
      return ref
    }
    const inPlace = ref !== NULL_REF && (this.#arena.units(ref) - units) >>> 0 <= 1
    if (inPlace) {
      this.#uncount(ref)
      this.#eviction.accessed(ref)
    } else {
      if (ref !== NULL_REF) this.#removeHashed(ref, hash)
      ref = this.#allocate(units)
      if (ref === NULL_REF) return NULL_REF
    }
    this.#fill(ref, key, keyStart, keyEnd, type, flags, valueLength)
    this.#copyValue(value, valueStart, valueEnd)
    if (!inPlace) this.#publish(hash, ref)
    return ref
  }

  /**
   * Changes the length of a value, keeping its bytes up to the shorter of both, and its deadline; bytes gained are
   * zero. Returns the record, now the most recently used and possibly elsewhere, or `NULL_REF` when it would alone
   * exceed the budget: then nothing has changed. What was changed here is not kept after its deadline any more.
   */
  resize(ref: Ref, valueLength: number): Ref {
    const records = this.records
    const had = this.valueLength(ref)
    if (!records.hasFreshness(ref) && records.setValueLength(ref, valueLength)) {
      this.touch(ref)
      records.locate(ref)
      if (valueLength > had) records.bytes.fill(0, records.valueStart + had, records.valueEnd)
      return ref
    }
    const flags = records.flags(ref) | this.copyTags(ref)
    const keyLength = records.keyLength(ref)
    const bytes = recordBytes(keyLength, valueLength, flags)
    if (!this.fits(keyLength, valueLength, flags)) return NULL_REF
    let units = unitsFor(bytes)
    if (valueLength > had && had >= GROWTH_SLACK_FROM) {
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
    this.#removeHashed(ref, hash)
    const moved = this.#allocate(units)
    if (moved === NULL_REF) return NULL_REF
    this.#fill(moved, key, 0, keyLength, type, flags, valueLength)
    if (raw) records.markRaw(moved)
    records.locate(moved)
    value.copy(records.bytes, records.valueStart, 0, Math.min(had, valueLength))
    if (valueLength > had) records.bytes.fill(0, records.valueStart + had, records.valueEnd)
    this.#publish(hash, moved)
    return moved
  }

  /**
   * Sets the deadline of a record to `deadline[0]`, 0: none; it is not kept after that. Returns the record, now the most recently used and
   * possibly elsewhere, or `NULL_REF` when with a deadline it would alone exceed the budget: then nothing has changed.
   */
  expire(ref: Ref): Ref {
    const records = this.records
    const flags = records.flags(ref)
    if ((flags & EXPIRES) === 0 && this.deadline[0] !== 0) {
      const key = this.copyKey(ref)
      const value = this.copyValue(ref)
      const raw = records.isRaw(ref)
      this.#copyLoadTimes(ref)
      const kept = flags | EXPIRES | this.copyTags(ref)
      const moved = this.put(key, 0, key.length, value, 0, value.length, records.type(ref), kept)
      if (raw && moved !== NULL_REF) records.markRaw(moved)
      return moved
    }
    if ((flags & EXPIRES) !== 0) this.#replaceDeadline(ref)
    if (records.hasFreshness(ref)) records.setWindows(ref, NO_WINDOWS)
    this.touch(ref)
    return ref
  }

  remove(ref: Ref): void {
    this.#removeHashed(ref, this.#hashOf(ref))
  }

  /** Evicts the record that the policy names, but never `except`. False: there is none. */
  evict(except: Ref = NULL_REF): boolean {
    const ref = this.#eviction.victim(except)
    if (ref === NULL_REF) return false
    this.evicted++
    this.remove(ref)
    return true
  }

  /** Forgets which keys the origin lacks. */
  forgetAbsent(): void {
    const absent: { ref: Ref; hash: Hash }[] = []
    const visit = (ref: Ref, hash: Hash): void => {
      if (this.records.type(ref) === ValueType.ABSENT) absent.push({ ref, hash })
    }
    for (let cursor = 0; this.#absent > 0; ) {
      cursor = this.#index.walk(cursor, SCAN_STEPS, SCAN_STEPS, visit)
      for (const { ref, hash } of absent.splice(0)) this.#removeHashed(ref, hash)
      if (cursor === 0) return
    }
  }

  clear(): void {
    this.prefetcher.invalidate()
    this.#arena.clear()
    this.#index.clear()
    this.#eviction.clear()
    this.#expiring = 0
    this.#absent = 0
    this.#compactor.updateLimit(this.#maxBytes)
  }

  /**
   * Visits live records, no stale ones, in the order of their hashes, from `cursor` (0: the beginning), about `limit` of them.
   * Returns the next cursor, 0 at the end. A key present from the first to the last call is visited.
   * `visit` must not write to the store.
   */
  scan(cursor: number, limit: number, visit: (ref: Ref) => void): number {
    return this.#index.walk(cursor, limit, Number.POSITIVE_INFINITY, (ref) => {
      const { records } = this
      const { ms } = this.#instant
      if (records.type(ref) !== ValueType.ABSENT && !this.#isDead(ref) && !records.isStale(ref, ms))
        visit(ref)
    })
  }

  /**
   * Visits every record, expired and absent ones too, in the order of their hashes, from `cursor` (0: the beginning),
   * looking at about `steps` slots of the index. Returns the next cursor, 0 at the end. A key present from the first
   * to the last call is visited. `visit` must not write to the store.
   */
  walk(cursor: number, steps: number, visit: (ref: Ref) => void): number {
    return this.#index.walk(cursor, Number.POSITIVE_INFINITY, steps, visit)
  }

  /**
   * The same walk, which removes each record, expired and absent ones too, whose key `bytes[start, end)` is not to be
   * kept. `keep` must not write to the store.
   */
  prune(
    cursor: number,
    steps: number,
    keep: (bytes: Uint8Array, start: number, end: number) => boolean,
  ): number {
    const { records } = this
    const unwanted: { ref: Ref; hash: Hash }[] = []
    const next = this.#index.walk(cursor, Number.POSITIVE_INFINITY, steps, (ref, hash) => {
      records.locateKey(ref)
      if (!keep(records.bytes, records.keyFrom, records.keyTo)) unwanted.push({ ref, hash })
    })
    for (const { ref, hash } of unwanted) this.#removeHashed(ref, hash)
    return next
  }

  /** Some live record, each with about the same chance; `random` is uniform in [0, 1). `NULL_REF`: none was found. */
  random(random: () => number): Ref {
    let found = NULL_REF
    const visit = (ref: Ref): void => {
      if (found === NULL_REF) found = ref
    }
    if (this.size === 0) return NULL_REF
    for (let tries = 0; tries < RANDOM_TRIES && found === NULL_REF; tries++)
      this.scan(Math.floor(random() * 2 ** 32), 1, visit)
    // Live records are few among expired and absent ones.
    for (let cursor = 0; found === NULL_REF; ) {
      cursor = this.scan(cursor, SCAN_STEPS, visit)
      if (cursor === 0) break
    }
    return found
  }

  /**
   * Reclaims expired records among the next `slots` of the index, going round. Returns how many.
   * This is the active cycle: a caller bounds its pause by `slots`.
   */
  sweep(slots: number): number {
    if (this.#expiring === 0) return 0
    const dead: { ref: Ref; hash: Hash }[] = []
    const visit = (ref: Ref, hash: Hash): void => {
      if (this.#isDead(ref)) dead.push({ ref, hash })
    }
    this.#sweepCursor = this.#index.walk(this.#sweepCursor, Number.POSITIVE_INFINITY, slots, visit)
    for (const { ref, hash } of dead) {
      this.#removeDead(ref, hash)
    }
    return dead.length
  }

  /** Throws when the parts of the store contradict each other; for tests, O(n). */
  verify(): void {
    const findOwnKey = (ref: Ref): Ref => {
      const key = this.copyKey(ref)
      return this.#find(this.#hashOf(ref), key, 0, key.length)
    }
    checkIntegrity({ ...this.#parts, findOwnKey })
  }

  /** The arena may give a block one unit more than asked. */
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

  /** Whether its life has ended, or it is invalid: by a tag of it, or as what was loaded when it was is distrusted. */
  #isDead(ref: Ref): boolean {
    return this.records.isExpired(ref, this.#instant.ms) || (this.#hasInvalidations && this.#isInvalid(ref))
  }

  #isInvalid(ref: Ref): boolean {
    const { records } = this
    if (this.#validity.isInvalid(ref) && !this.#validity.expireInvalid(ref)) return true
    if (records.tagFlags(ref) === 0) return false
    records.readTags(ref, this.#checkedTags)
    return this.tagEpochs.isInvalid(this.#checkedTags)
  }

  #removeDead(ref: Ref, hash: Hash): void {
    if (this.records.isExpired(ref, this.#instant.ms)) this.expired++
    else this.invalidated++
    this.#removeHashed(ref, hash)
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
    const isNoted = (flags & FRESHNESS) !== 0
    const notesLength = isNoted ? this.newValidator.length : 0
    records.format(ref, type, flags, keyLength, valueLength, this.#instant.second, notesLength)
    copyBytes(key, keyStart, keyEnd, records.bytes, records.words, records.valueStart - keyLength)
    if ((flags & EXPIRES) !== 0) records.setDeadline(ref, this.deadline)
    if ((flags & LOADED) !== 0) {
      records.setLoaded(ref, this.loadedAt, this.loadMs)
      this.#validity.recordLoad(this.loadedAt)
    }
    if ((flags & TAGS) !== 0) records.setTags(ref, this.entryTags)
    if (isNoted) {
      records.setWindows(ref, this.windows)
      records.setValidator(ref, this.newValidator)
    }
    this.#count(ref)
  }

  /** Copies a value to where `records` points. */
  #copyValue(value: Uint8Array, start: number, end: number): void {
    const { records } = this
    copyBytes(value, start, end, records.bytes, records.words, records.valueStart)
  }

  /** Enters a filled record into the list and the index. Its growth, or compacting, may evict others. */
  #publish(hash: Hash, ref: Ref): void {
    this.#eviction.inserted(ref)
    this.#index.insert(hash, ref)
    while (this.usedBytes > this.#maxBytes && this.evict(ref));
    if (this.usedBytes > this.#maxBytes) {
      this.#index.clear()
      this.#index.insert(hash, ref)
    }
  }

  #removeHashed(ref: Ref, hash: Hash): void {
    this.#uncount(ref)
    this.#index.remove(hash, ref)
    this.#eviction.removed(ref)
    this.prefetcher.invalidate()
    this.#arena.free(ref)
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

  /** `put` will write the same times again. */
  #copyLoadTimes(ref: Ref): void {
    this.loadedAt[0] = this.records.loadedAt(ref)
    this.loadMs = this.records.loadMs(ref)
  }

  /** A block of at least `units`, after evicting what the budget asks for. `NULL_REF`: the address space is used up. */
  #allocate(units: number): Ref {
    const arena = this.#arena
    while (this.usedBytes + (units + 1) * UNIT_BYTES > this.#maxBytes) {
      if (this.evict()) continue
      this.#index.clear()
      break
    }
    this.#compactor.updateLimit(this.#maxBytes)
    if (this.#compactor.isDue) this.#compactor.compact(units)
    for (;;) {
      const ref = arena.alloc(units)
      if (ref !== NULL_REF) return ref
      // There are holes, but none fits. One block may pass the limit, compaction earns it back.
      this.#compactor.compact(units)
      const forced = arena.alloc(units, true)
      if (forced !== NULL_REF || !this.evict()) return forced
    }
  }
}

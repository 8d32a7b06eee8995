// Invalidates records before their deadline: by a tag, or by a gap in the origin's change notifications.

import type { Hasher } from '../../bytes/hash.ts'
import type { Ref } from '../arena.ts'
import type { Records } from '../record.ts'
import { LoadEpochs } from './load-epochs.ts'
import { RecentChanges } from './recent-changes.ts'
import { EntryTags, softHash, TagEpochs } from './tags.ts'

const NO_VALIDATOR = Buffer.alloc(0)

/** Every invalidation is O(1): it records an epoch, and a record is compared with it when it is looked up. */
export class Validity {
  /** False until the first invalidation: lookups check deadlines only. */
  hasInvalidations = false
  /** When each tag was last invalidated. */
  readonly tagEpochs: TagEpochs
  readonly #loads: LoadEpochs
  readonly #recentChanges: RecentChanges
  readonly #tags = new EntryTags()
  readonly #records: Records
  readonly #hasher: Hasher

  /** @param now the current time in `now[0]`, in milliseconds since the Unix epoch */
  constructor(records: Records, hasher: Hasher, now: Float64Array) {
    this.#records = records
    this.#hasher = hasher
    this.tagEpochs = new TagEpochs(now)
    this.#loads = new LoadEpochs(records, now)
    this.#recentChanges = new RecentChanges(now)
  }

  /** Invalidates every record that carries the tag. `isSoft`: those that may be served stale become stale. */
  invalidateTag(hash: number, isSoft = false): void {
    this.tagEpochs.invalidate(isSoft ? softHash(hash) : hash)
    this.hasInvalidations = true
  }

  /**
   * Invalidates every record loaded so far, because change notifications may have been lost. Records with freshness
   * windows become stale; others, and negative entries, become invalid.
   */
  invalidateLoaded(): void {
    if (!this.#loads.hasLoads) return
    this.#loads.invalidate()
    this.hasInvalidations = true
  }

  /** Voids all validators so far: another origin issued them, and the new one does not know them. */
  invalidateValidators(): void {
    this.#loads.invalidateValidators()
  }

  /** Whether a record must not be served, not even stale. An invalid record that may be served stale becomes stale. */
  isInvalid(ref: Ref): boolean {
    if (this.#loads.isInvalid(ref) && !this.#loads.expireInvalid(ref)) return true
    if (this.#records.tagFlags(ref) === 0) return false
    this.#records.readTags(ref, this.#tags)
    if (this.tagEpochs.isInvalid(this.#tags)) return true
    return this.tagEpochs.isSoftlyInvalid(this.#tags) && !this.#loads.expireNow(ref)
  }

  /** Makes one record stale. False: it cannot be served stale and must be removed. */
  expire(ref: Ref): boolean {
    return this.#loads.expireNow(ref)
  }

  /** The `loadedAt` for a value loaded now. */
  loadEpoch(): number {
    return this.#loads.current()
  }

  /** A record with the `loadedAt` in `at[0]` was stored. */
  recordLoad(at: Float64Array): void {
    this.#loads.recordLoad(at)
  }

  /** A copy of the record's validator (RFC 9110: ETag or Last-Modified); empty: none, or void. */
  validator(ref: Ref): Buffer {
    return this.#loads.isValidatorInvalid(ref) ? NO_VALIDATOR : this.#records.validator(ref)
  }

  /** The origin reported that a key changed. The record stored here is not affected; see `mayHaveChanged`. */
  recordChange(bytes: Uint8Array, start: number, end: number): void {
    this.#recentChanges.add(this.#hasher.hash(bytes, start, end))
  }

  /** The origin reported that any key may have changed. */
  recordAllChanged(): void {
    this.#recentChanges.addAll()
  }

  /**
   * Whether the key may have changed at the origin within the last `ms` milliseconds. Then a copy of that age from
   * another node is outdated, whether or not that node has seen the notification.
   */
  mayHaveChanged(bytes: Uint8Array, start: number, end: number, ms: number): boolean {
    return this.#recentChanges.isWithin(this.#hasher.hash(bytes, start, end), ms)
  }
}

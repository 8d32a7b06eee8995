// Tags: when each tag was last invalidated, in bounded memory, and the tags of an entry.

import { hashBytes } from '../../bytes/hash.ts'

/** Tags per entry at most. */
export const MAX_TAGS = 16

/** A fixed seed: nodes exchange entries with the hashes of their tags. */
const TAG_SEED_LOW = 0x74616773
const TAG_SEED_HIGH = 0x65726e79

/** An epoch is a time in 1/256 ms, so that events within one millisecond are ordered. */
const EPOCHS_PER_MS = 256

/**
 * Entries per bucket. When a bucket is full the table grows. At its maximum size the oldest entry of the bucket is
 * dropped, and its epoch then counts for every tag of the bucket: entries may be invalidated needlessly, never missed.
 */
const WAYS = 8
const MIN_PLACES = 64
/** 3 MiB. */
const MAX_PLACES = 2 ** 18

/** Two tags with the same hash (one pair in 2^32) are invalidated together. */
export function tagHash(bytes: Uint8Array, start: number, end: number): number {
  // 0 marks a free place in a record.
  return hashBytes(bytes, start, end, TAG_SEED_LOW, TAG_SEED_HIGH) || 1
}

/** Maximum size of the table of recent changes: 768 KiB. */
export const MAX_RECENT_CHANGES = 2 ** 16

/**
 * The hash under which a table records that the entries of a tag became stale: tables are sent between nodes as they are, and
 * a node without this distinction ignores it.
 */
export function softHash(hash: number): number {
  return hash ^ SOFT || 1
}

const SOFT = 0x736f6674

/** The tags of an entry, and the epoch of the entry: later invalidations apply to it. */
export class EntryTags {
  readonly hashes = new Int32Array(MAX_TAGS)
  count = 0
  /** A typed array of one element: V8 allocates an object for a number field this large. */
  readonly epoch = new Float64Array(1)

  copyFrom(other: EntryTags): void {
    this.count = other.count
    this.hashes.set(other.hashes)
    this.epoch[0] = other.epoch[0]
  }

  /** False: there are `MAX_TAGS` already. */
  add(hash: number): boolean {
    for (let i = 0; i < this.count; i++) if (this.hashes[i] === hash) return true
    if (this.count === MAX_TAGS) return false
    this.hashes[this.count++] = hash
    return true
  }
}

export class TagEpochs {
  #hashes = new Int32Array(0)
  /** When each tag was invalidated; 0: the place is free. */
  #epochs = new Float64Array(0)
  /** Per bucket: the latest epoch of an entry that was dropped. */
  #evictedEpochs = new Float64Array(0)
  readonly #latest = new Float64Array(1)
  readonly #now: Float64Array
  readonly #maxPlaces: number

  /** @param now the current time in `now[0]`, in milliseconds since the Unix epoch */
  constructor(now: Float64Array, maxPlaces: number = MAX_PLACES) {
    this.#now = now
    this.#maxPlaces = maxPlaces
  }

  /** Whether no tag was ever invalidated. */
  get isEmpty(): boolean {
    return this.#hashes.length === 0
  }

  /** The current epoch: not before any invalidation so far, even when the system clock is set back. */
  currentEpoch(): number {
    this.#latest[0] = Math.max(this.#latest[0], Math.floor(this.#now[0] * EPOCHS_PER_MS))
    return this.#latest[0]
  }

  /** The epoch `ms` milliseconds ago. */
  epochBefore(ms: number): number {
    return Math.max(0, this.currentEpoch() - ms * EPOCHS_PER_MS)
  }

  /** Advances the current epoch at least to that of another table. */
  advanceTo(other: TagEpochs): void {
    this.#latest[0] = Math.max(this.#latest[0], other.currentEpoch())
  }

  /** The age of an epoch in ms, rounded up. */
  ageMs(epoch: number): number {
    return Math.ceil((this.currentEpoch() - epoch) / EPOCHS_PER_MS)
  }

  /** Invalidates all entries that carry the tag now. O(1), amortised over the growth of the table. */
  invalidate(hash: number): void {
    const epoch = Math.max(this.#latest[0] + 1, Math.floor(this.#now[0] * EPOCHS_PER_MS))
    this.#latest[0] = epoch
    if (this.isEmpty) this.#resize(MIN_PLACES)
    while (!this.#place(hash, epoch) && this.#hashes.length * 2 <= this.#maxPlaces)
      this.#resize(this.#hashes.length * 2)
  }

  /** Whether one of the tags was invalidated after their epoch. */
  isInvalid(tags: EntryTags): boolean {
    if (this.isEmpty) return false
    for (let i = 0; i < tags.count; i++) if (this.#isAfter(tags.hashes[i], tags.epoch)) return true
    return false
  }

  /** The same for invalidations that make entries stale. */
  isSoftlyInvalid(tags: EntryTags): boolean {
    if (this.isEmpty) return false
    for (let i = 0; i < tags.count; i++) if (this.#isAfter(softHash(tags.hashes[i]), tags.epoch)) return true
    return false
  }

  #isAfter(hash: number, epoch: Float64Array): boolean {
    const bucket = this.#bucketOf(hash)
    if (this.#evictedEpochs[bucket] > epoch[0]) return true
    for (let i = bucket * WAYS; i < (bucket + 1) * WAYS; i++)
      if (this.#hashes[i] === hash && this.#epochs[i] > epoch[0]) return true
    return false
  }

  #bucketOf(hash: number): number {
    return hash & (this.#evictedEpochs.length - 1)
  }

  /** False: nothing has changed as the table can grow, or, at its maximum size, another entry was dropped. */
  #place(hash: number, epoch: number): boolean {
    const bucket = this.#bucketOf(hash)
    let oldest = bucket * WAYS
    for (let i = bucket * WAYS; i < (bucket + 1) * WAYS; i++) {
      if (this.#hashes[i] === hash || this.#epochs[i] === 0) {
        this.#hashes[i] = hash
        this.#epochs[i] = epoch
        return true
      }
      if (this.#epochs[i] < this.#epochs[oldest]) oldest = i
    }
    if (this.#hashes.length * 2 <= this.#maxPlaces) return false
    this.#evictedEpochs[bucket] = Math.max(this.#evictedEpochs[bucket], this.#epochs[oldest])
    this.#hashes[oldest] = hash
    this.#epochs[oldest] = epoch
    return false
  }

  #resize(places: number): void {
    const hashes = this.#hashes
    const epochs = this.#epochs
    this.#hashes = new Int32Array(places)
    this.#epochs = new Float64Array(places)
    this.#evictedEpochs = new Float64Array(places / WAYS)
    for (let i = 0; i < hashes.length; i++) if (epochs[i] !== 0) this.#place(hashes[i], epochs[i])
  }
}

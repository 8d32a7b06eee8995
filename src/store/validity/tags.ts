// Tags: when each was last invalidated, in bounded memory, and which of them an entry carries.

import { hashBytes } from '../../bytes/hash.ts'

/** An entry has at most so many tags. */
export const MAX_TAGS = 16

/** Several nodes know tags by the same hash: entries travel with those of theirs. */
const TAG_SEED_LOW = 0x74616773
const TAG_SEED_HIGH = 0x65726e79

/** Moments are milliseconds in so many parts, so that what happens within one millisecond has an order. */
const EPOCHS_PER_MS = 256

/**
 * A tag is remembered in one of these places of its bucket. Before all are taken the table grows; where it may not, the
 * longest ago is forgotten, and all tags of the bucket count as invalidated then: too much, never too little.
 */
const WAYS = 8
const MIN_PLACES = 64
/** 3 MiB. */
const MAX_PLACES = 2 ** 18

/** Two tags of one hash (one in 2^32 pairs) are invalidated together. */
export function tagHash(bytes: Uint8Array, start: number, end: number): number {
  // 0 is the place in a record that holds none.
  return hashBytes(bytes, start, end, TAG_SEED_LOW, TAG_SEED_HIGH) || 1
}

/** The same of keys that their source has told of: 768 KiB. */
export const MAX_RECENT_CHANGES = 2 ** 16

/** The tags of an entry, and the moment from which on their invalidation concerns it. */
export class EntryTags {
  readonly hashes = new Int32Array(MAX_TAGS)
  count = 0
  /** In a cell: as a field it would be boxed. */
  readonly epoch = new Float64Array(1)

  copyFrom(other: EntryTags): void {
    this.count = other.count
    this.hashes.set(other.hashes)
    this.epoch[0] = other.epoch[0]
  }

  /** False: it has as many as an entry can have. */
  add(hash: number): boolean {
    for (let i = 0; i < this.count; i++) if (this.hashes[i] === hash) return true
    if (this.count === MAX_TAGS) return false
    this.hashes[this.count++] = hash
    return true
  }
}

export class TagEpochs {
  #hashes = new Int32Array(0)
  /** 0: the place is free. */
  #epochs = new Float64Array(0)
  /** By bucket: when the last of those that were forgotten was invalidated. */
  #evictedEpochs = new Float64Array(0)
  readonly #latest = new Float64Array(1)
  readonly #now: Float64Array
  readonly #maxPlaces: number

  /** @param now milliseconds since the epoch, in a cell */
  constructor(now: Float64Array, mostPlaces: number = MAX_PLACES) {
    this.#now = now
    this.#maxPlaces = mostPlaces
  }

  /** Whether nothing was invalidated yet. */
  get isEmpty(): boolean {
    return this.#hashes.length === 0
  }

  /** The moment that it is: later than every invalidation so far is only the next one. Clocks that go back do not matter. */
  currentEpoch(): number {
    this.#latest[0] = Math.max(this.#latest[0], Math.floor(this.#now[0] * EPOCHS_PER_MS))
    return this.#latest[0]
  }

  /** The moment that was so many ms ago. */
  epochBefore(ms: number): number {
    return Math.max(0, this.currentEpoch() - ms * EPOCHS_PER_MS)
  }

  /** No moment from now on is before the present one of another table. */
  advanceTo(other: TagEpochs): void {
    this.#latest[0] = Math.max(this.#latest[0], other.currentEpoch())
  }

  /** How many ms ago a moment was, a fraction more at most. */
  ageMs(moment: number): number {
    return Math.ceil((this.currentEpoch() - moment) / EPOCHS_PER_MS)
  }

  /** Every entry that carries the tag by now is invalid. O(1), but for the growth of the table. */
  invalidate(hash: number): void {
    const moment = Math.max(this.#latest[0] + 1, Math.floor(this.#now[0] * EPOCHS_PER_MS))
    this.#latest[0] = moment
    if (this.isEmpty) this.#resize(MIN_PLACES)
    while (!this.#place(hash, moment) && this.#hashes.length * 2 <= this.#maxPlaces)
      this.#resize(this.#hashes.length * 2)
  }

  /** Whether a tag was invalidated after a moment. */
  isInvalid(tagging: EntryTags): boolean {
    if (this.isEmpty) return false
    for (let i = 0; i < tagging.count; i++) if (this.#isAfter(tagging.hashes[i], tagging.epoch)) return true
    return false
  }

  #isAfter(hash: number, moment: Float64Array): boolean {
    const bucket = this.#bucketOf(hash)
    if (this.#evictedEpochs[bucket] > moment[0]) return true
    for (let i = bucket * WAYS; i < (bucket + 1) * WAYS; i++)
      if (this.#hashes[i] === hash && this.#epochs[i] > moment[0]) return true
    return false
  }

  #bucketOf(hash: number): number {
    return hash & (this.#evictedEpochs.length - 1)
  }

  /** False: another one had to be forgotten, or, where the table can grow, nothing has changed. */
  #place(hash: number, moment: number): boolean {
    const bucket = this.#bucketOf(hash)
    let oldest = bucket * WAYS
    for (let i = bucket * WAYS; i < (bucket + 1) * WAYS; i++) {
      if (this.#hashes[i] === hash || this.#epochs[i] === 0) {
        this.#hashes[i] = hash
        this.#epochs[i] = moment
        return true
      }
      if (this.#epochs[i] < this.#epochs[oldest]) oldest = i
    }
    if (this.#hashes.length * 2 <= this.#maxPlaces) return false
    this.#evictedEpochs[bucket] = Math.max(this.#evictedEpochs[bucket], this.#epochs[oldest])
    this.#hashes[oldest] = hash
    this.#epochs[oldest] = moment
    return false
  }

  #resize(places: number): void {
    const hashes = this.#hashes
    const moments = this.#epochs
    this.#hashes = new Int32Array(places)
    this.#epochs = new Float64Array(places)
    this.#evictedEpochs = new Float64Array(places / WAYS)
    for (let i = 0; i < hashes.length; i++) if (moments[i] !== 0) this.#place(hashes[i], moments[i])
  }
}

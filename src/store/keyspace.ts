// Iteration over the records of a store: SCAN, RANDOMKEY, the active expiry cycle, removal of unwanted records.

import type { Hash } from '../bytes/hash.ts'
import { NULL_REF, type Ref } from './arena.ts'
import { type Index, SLOT_BYTES } from './index.ts'
import { type Records, ValueType } from './record.ts'

/** Index slots visited per step when the whole index is searched. */
const STEP_SLOTS = 4096
/** Records whose memory is read ahead: enough to overlap the cache misses, few enough to stay in the L1 cache. */
const BATCH = 256
/** How many random positions `random` tries before it searches from the start, and how many records it then visits. */
const RANDOM_TRIES = 100
const MAX_SEARCHED = 10_000
/** The minimum weight of a sample in the average lifetime. */
const MIN_WEIGHT = 0.02

export interface KeyspaceParts {
  readonly index: Index
  readonly records: Records
  /** The current time in `now[0]`, in milliseconds since the Unix epoch. */
  readonly now: Float64Array
  /** Whether a record is expired or invalid. */
  readonly isDead: (ref: Ref) => boolean
  /** Removes a dead record, and counts it as expired or invalidated. */
  readonly removeDead: (ref: Ref, hash: Hash) => void
  readonly remove: (ref: Ref, hash: Hash) => void
}

/**
 * Records are visited in the order of their hashes. A cursor is the next hash: it stays valid through any change of
 * the store, and a key that is present from the first to the last call is visited. 0 is the first cursor, and the
 * one returned at the end.
 */
export class Keyspace {
  readonly #parts: KeyspaceParts
  #sweepCursor = 0
  /**
   * The average remaining lifetime of the values that expire, in ms: an estimate, like Redis's `avg_ttl`. 0: none was
   * seen yet.
   */
  averageTtlMs = 0
  /** The records of a batch of `scan`. */
  readonly #batch: Ref[] = []
  /** The number of records in it. The array is never emptied, as it would be reallocated. */
  #batchSize = 0
  readonly #collect = (ref: Ref): void => {
    this.#batch[this.#batchSize++] = ref
  }
  /** Keeps the compiler from removing the reads ahead. */
  #touched = 0

  constructor(parts: KeyspaceParts) {
    this.#parts = parts
  }

  /** The number of records, including dead, stale and negative ones. */
  get entries(): number {
    return this.#parts.index.count
  }

  /**
   * Visits about `limit` live records from `cursor` on, without negative entries and stale records. Returns the next
   * cursor. `visit` must neither write to the store nor scan it.
   *
   * The order of hashes is random in memory, so each record is a cache miss. The records of a batch are first read in a
   * loop whose reads do not depend on each other: the processor overlaps them.
   */
  scan(cursor: number, limit: number, visit: (ref: Ref) => void): number {
    const { index, records, now, isDead } = this.#parts
    const batch = this.#batch
    for (let next = cursor, left = limit; ; ) {
      this.#batchSize = 0
      next = index.walk(next, Math.min(left, BATCH), Number.POSITIVE_INFINITY, this.#collect)
      const size = this.#batchSize
      let touched = 0
      for (let i = 0; i < size; i++) touched ^= records.touch(batch[i])
      this.#touched ^= touched
      for (let i = 0; i < size; i++) {
        const ref = batch[i]
        if (records.type(ref) !== ValueType.ABSENT && !isDead(ref) && !records.isStale(ref, now)) visit(ref)
      }
      left -= size
      if (next === 0 || left <= 0) return next
    }
  }

  /**
   * Visits every record from `cursor` on, expired and negative ones too, in about `slots` slots of the index. Returns
   * the next cursor. `visit` must not write to the store.
   */
  walk(cursor: number, slots: number, visit: (ref: Ref) => void): number {
    return this.#parts.index.walk(cursor, Number.POSITIVE_INFINITY, slots, visit)
  }

  /**
   * As `walk`, and removes each record for whose key `bytes[start, end)` `isKept` returns false. `isKept` must not
   * write to the store.
   */
  prune(
    cursor: number,
    slots: number,
    isKept: (bytes: Uint8Array, start: number, end: number) => boolean,
  ): number {
    const { index, records, remove } = this.#parts
    const unwanted: { ref: Ref; hash: Hash }[] = []
    const next = index.walk(cursor, Number.POSITIVE_INFINITY, slots, (ref, hash) => {
      records.locateKey(ref)
      if (!isKept(records.bytes, records.keyFrom, records.keyTo)) unwanted.push({ ref, hash })
    })
    for (const { ref, hash } of unwanted) remove(ref, hash)
    return next
  }

  /**
   * A live record at random, all with about the same probability, unless few records are live. `NULL_REF`: none was
   * found at random, nor among the first MAX_SEARCHED records.
   *
   * @param random uniform in [0, 1)
   */
  random(random: () => number): Ref {
    let found = NULL_REF
    const visit = (ref: Ref): void => {
      if (found === NULL_REF) found = ref
    }
    for (let tries = 0; tries < RANDOM_TRIES && found === NULL_REF; tries++)
      this.scan(Math.floor(random() * 2 ** 32), 1, visit)
    for (let cursor = 0, left = MAX_SEARCHED; found === NULL_REF && left > 0; left -= BATCH) {
      cursor = this.scan(cursor, BATCH, visit)
      if (cursor === 0) break
    }
    return found
  }

  /**
   * Removes dead records in the next `slots` slots of the index, and continues there at the next call: the active
   * expiry cycle. Returns how many were removed. `slots` bounds the pause.
   */
  sweep(slots: number): number {
    const { index, isDead, removeDead, records, now } = this.#parts
    const dead: { ref: Ref; hash: Hash }[] = []
    let ttls = 0
    let expiring = 0
    this.#sweepCursor = index.walk(this.#sweepCursor, Number.POSITIVE_INFINITY, slots, (ref, hash) => {
      if (isDead(ref)) {
        dead.push({ ref, hash })
        return
      }
      if (!records.expires(ref) || records.type(ref) === ValueType.ABSENT || records.isStale(ref, now)) return
      ttls += records.deadline(ref) - now[0]
      expiring++
    })
    if (expiring !== 0) this.#estimateTtl(ttls / expiring, (slots * SLOT_BYTES) / index.bytes)
    for (const { ref, hash } of dead) removeDead(ref, hash)
    return dead.length
  }

  /** A sample of a part of the index has this average: it counts like the part, at least for 2 % as in Redis. */
  #estimateTtl(sample: number, part: number): void {
    const weight = this.averageTtlMs === 0 ? 1 : Math.min(1, Math.max(MIN_WEIGHT, part))
    this.averageTtlMs += (sample - this.averageTtlMs) * weight
  }

  /** Removes up to `count` negative entries, of which there must be as many. */
  removeAbsent(count: number): void {
    const { index, records, remove } = this.#parts
    const absent: { ref: Ref; hash: Hash }[] = []
    for (let cursor = 0, left = count; left > 0; ) {
      cursor = index.walk(cursor, STEP_SLOTS, STEP_SLOTS, (ref, hash) => {
        if (records.type(ref) === ValueType.ABSENT) absent.push({ ref, hash })
      })
      left -= absent.length
      for (const { ref, hash } of absent.splice(0)) remove(ref, hash)
      if (cursor === 0) return
    }
  }
}

// Ghost keys: recently evicted keys, as fingerprints in typed arrays.

import type { Hash } from '../../bytes/hash.ts'

/*
 * A bucket is eight Int32 words, 32 bytes: 16 fingerprints of 16 bits, the newest first. The high bits of a hash choose
 * the bucket, its low 16 bits are the fingerprint; 0 stands for a free place and for 1. A full bucket drops its oldest.
 * So the table remembers about as many evictions as it has places, and takes one key in 4,000 for another.
 *
 * A table that is much too large or too small is replaced one chunk at a time, from the lowest hashes on:
 *
 *   old table   | freed      | in use            |
 *   new table   | in use | to come                   |
 *                        ▲ the key for which both have the same place
 */

const WORDS = 8
const WAYS = 2 * WORDS
const TWO_32 = 2 ** 32
/** The table is replaced when it is by more than this factor too large or too small. */
const TOLERANCE = 1.25
/** log2 of the buckets of a chunk, which has 8 KiB: some hundred records may be evicted for it. */
const CHUNK_SHIFT = 8
const CHUNK_BUCKETS = 1 << CHUNK_SHIFT
const IN_CHUNK = CHUNK_BUCKETS - 1
const FREED = new Int32Array(0)

export class GhostKeys {
  /** The table that grows from 0 to `#buckets`, and has `#built` of them. */
  #chunks: Int32Array[] = []
  #buckets = 0
  #built = 0
  /** The previous table, for the hashes of the other buckets. */
  #old: Int32Array[] = []
  #oldBuckets = 0
  /** The number of its chunks that are freed. */
  #freed = 0
  /** The number of buckets for the last `capacity` of `add`. */
  #wanted = 0
  readonly #memory: { bytes: number }

  /** @param memory counts the bytes of the table */
  constructor(memory: { bytes: number }) {
    this.#memory = memory
  }

  /** Adds a key that was evicted, to about `capacity` others. Takes no memory: before the first `resize` it does nothing. */
  add(hash: Hash, capacity: number): void {
    this.#wanted = Math.ceil(capacity / WAYS)
    const bucket = bucketOf(hash, this.#buckets)
    if (bucket < this.#built) insert(this.#chunks[bucket >>> CHUNK_SHIFT], bucket & IN_CHUNK, print(hash))
    else if (this.#oldBuckets > 0) {
      const old = bucketOf(hash, this.#oldBuckets)
      insert(this.#old[old >>> CHUNK_SHIFT], old & IN_CHUNK, print(hash))
    }
  }

  /** Whether the key was evicted lately; removes it. */
  take(hash: Hash): boolean {
    const bucket = bucketOf(hash, this.#buckets)
    if (bucket < this.#built)
      return take(this.#chunks[bucket >>> CHUNK_SHIFT], bucket & IN_CHUNK, print(hash))
    if (this.#oldBuckets === 0) return false
    const old = bucketOf(hash, this.#oldBuckets)
    return take(this.#old[old >>> CHUNK_SHIFT], old & IN_CHUNK, print(hash))
  }

  /**
   * One step, of at most one chunk, towards the size that the last `add` asked for. Call only where memory may be
   * taken.
   */
  resize(): void {
    if (this.#built < this.#buckets) {
      this.#buildChunk()
      return
    }
    const wanted = this.#wanted
    const buckets = this.#buckets
    if (wanted <= buckets * TOLERANCE && wanted * TOLERANCE >= buckets) return
    this.#old = this.#chunks
    this.#oldBuckets = buckets
    this.#freed = 0
    this.#chunks = []
    this.#buckets = wanted
    this.#built = 0
    this.#buildChunk()
  }

  clear(): void {
    for (const chunk of this.#chunks) this.#memory.bytes -= chunk.byteLength
    for (const chunk of this.#old) this.#memory.bytes -= chunk.byteLength
    this.#chunks = []
    this.#old = []
    this.#buckets = this.#built = this.#oldBuckets = this.#freed = this.#wanted = 0
  }

  /** The keys of a bucket go to the one that has most of the same hashes. */
  #buildChunk(): void {
    const first = this.#built
    const count = Math.min(CHUNK_BUCKETS, this.#buckets - first)
    const chunk = new Int32Array(count * WORDS)
    this.#memory.bytes += chunk.byteLength
    if (this.#oldBuckets > 0)
      for (let i = 0; i < count; i++) {
        const from = Math.floor(((first + i + 0.5) / this.#buckets) * this.#oldBuckets)
        const old = this.#old[from >>> CHUNK_SHIFT]
        const at = (from & IN_CHUNK) * WORDS
        for (let word = 0; word < WORDS; word++) chunk[i * WORDS + word] = old[at + word]
      }
    this.#chunks.push(chunk)
    this.#built += count
    this.#freeOld()
  }

  /** Frees chunks of the old table that no hash needs any more. */
  #freeOld(): void {
    const isDone = this.#built === this.#buckets
    const needed = isDone
      ? this.#old.length
      : Math.max(0, Math.floor((this.#built / this.#buckets) * this.#oldBuckets) - 1) >>> CHUNK_SHIFT
    for (; this.#freed < needed; this.#freed++) {
      this.#memory.bytes -= this.#old[this.#freed].byteLength
      this.#old[this.#freed] = FREED
    }
    if (!isDone) return
    this.#old = []
    this.#oldBuckets = 0
  }
}

function bucketOf(hash: Hash, buckets: number): number {
  return Math.floor(((hash >>> 0) / TWO_32) * buckets)
}

function print(hash: Hash): number {
  return hash & 0xffff || 1
}

/** Shifts the fingerprints of a bucket by one place. The word with a free place ends the shift. */
function insert(words: Int32Array, bucket: number, print: number): void {
  const at = bucket * WORDS
  let carry = print
  for (let i = at; i < at + WORDS; i++) {
    const word = words[i]
    if ((word & 0xffff) === 0) {
      words[i] = word | carry
      return
    }
    words[i] = (word << 16) | carry
    carry = word >>> 16
    if (carry === 0) return
  }
}

function take(words: Int32Array, bucket: number, print: number): boolean {
  const at = bucket * WORDS
  for (let i = at; i < at + WORDS; i++) {
    if ((words[i] & 0xffff) === print) words[i] &= ~0xffff
    else if (words[i] >>> 16 === print) words[i] &= 0xffff
    else continue
    return true
  }
  return false
}

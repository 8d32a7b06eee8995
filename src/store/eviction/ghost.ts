// Ghost keys: which keys were evicted lately, as fingerprints in a typed array.

import type { Hash } from '../../bytes/hash.ts'

/*
 * A bucket is eight Int32 words, 32 bytes: 16 fingerprints of 16 bits, the newest first. The high bits of a hash choose
 * the bucket, its low 16 bits are the fingerprint; 0 stands for a free place and for 1. A full bucket drops its oldest.
 * So the table remembers about as many evictions as it has places, and takes one key in 4,000 for another.
 */

const WORDS = 8
const WAYS = 2 * WORDS
const TWO_32 = 2 ** 32
/** The table is replaced when it is by more than this factor too large or too small. */
const TOLERANCE = 1.25

export class GhostKeys {
  #words = new Int32Array(0)
  #buckets = 0
  readonly #memory: { bytes: number }

  /** @param memory where the bytes of the table count */
  constructor(memory: { bytes: number }) {
    this.#memory = memory
  }

  /** Adds a key that was evicted, to about `capacity` others. */
  add(hash: Hash, capacity: number): void {
    const wanted = Math.ceil(capacity / WAYS)
    if (wanted > this.#buckets * TOLERANCE || wanted * TOLERANCE < this.#buckets) this.#resize(wanted)
    if (this.#buckets === 0) return
    const at = this.#bucketOf(hash)
    this.#insert(at, at + WORDS - 1, print(hash))
  }

  /** Whether the key was evicted lately; removes it. */
  take(hash: Hash): boolean {
    if (this.#buckets === 0) return false
    const words = this.#words
    const at = this.#bucketOf(hash)
    const wanted = print(hash)
    for (let i = at; i < at + WORDS; i++) {
      if ((words[i] & 0xffff) === wanted) words[i] &= ~0xffff
      else if (words[i] >>> 16 === wanted) words[i] &= 0xffff
      else continue
      return true
    }
    return false
  }

  clear(): void {
    this.#resize(0)
  }

  #bucketOf(hash: Hash): number {
    return Math.floor(((hash >>> 0) / TWO_32) * this.#buckets) * WORDS
  }

  /** Shifts the fingerprints of the words `at` to `last` by one place. The word with a free place ends the shift. */
  #insert(at: number, last: number, print: number): void {
    const words = this.#words
    let carry = print
    for (let i = at; i <= last; i++) {
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

  /** The keys of a bucket go to the one that has most of the same hashes. */
  #resize(buckets: number): void {
    const old = this.#words
    const oldBuckets = this.#buckets
    this.#words = new Int32Array(buckets * WORDS)
    this.#buckets = buckets
    this.#memory.bytes += this.#words.byteLength - old.byteLength
    if (oldBuckets === 0) return
    for (let bucket = 0; bucket < buckets; bucket++) {
      const from = Math.floor(((bucket + 0.5) / buckets) * oldBuckets) * WORDS
      for (let i = 0; i < WORDS; i++) this.#words[bucket * WORDS + i] = old[from + i]
    }
  }
}

function print(hash: Hash): number {
  return hash & 0xffff || 1
}

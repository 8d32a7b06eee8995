// A set of keys that stores a 64-bit hash of each: 12 to 23 bytes per key off the heap, whatever its length.

import { type HashSeed, hashBytes, randomSeed } from '../../bytes/hash.ts'

/*
 * Two hashes with secret seeds stand for the key: among 4 million keys, the probability of any collision is below one
 * in a million. Keys are divided among shards, so that growth copies a small part.
 */

const SHARD_BITS = 8
const FIRST_SLOTS = 8
/** A shard doubles above this load factor. */
const MAX_LOAD = 0.7

export class KeySet {
  size = 0
  readonly #shards: Int32Array[] = []
  readonly #counts: number[] = []
  readonly #seeds: readonly [HashSeed, HashSeed] = [randomSeed(), randomSeed()]
  #high = 0
  #low = 0

  /** Adds the key `bytes[start, end)`; keys of different `salt` are different. */
  add(bytes: Uint8Array, start: number, end: number, salt: number): void {
    this.#hash(bytes, start, end, salt)
    const at = this.#high >>> (32 - SHARD_BITS)
    let shard = this.#shards[at]
    if (shard === undefined) {
      shard = new Int32Array(2 * FIRST_SLOTS)
      this.#shards[at] = shard
      this.#counts[at] = 0
    }
    if (!enter(shard, this.#high, this.#low)) return
    this.size++
    if (++this.#counts[at] > (shard.length >> 1) * MAX_LOAD) this.#shards[at] = doubled(shard)
  }

  has(bytes: Uint8Array, start: number, end: number, salt: number): boolean {
    if (this.size === 0) return false
    this.#hash(bytes, start, end, salt)
    const shard = this.#shards[this.#high >>> (32 - SHARD_BITS)]
    if (shard === undefined) return false
    return shard[place(shard, this.#high, this.#low) + 1] !== 0
  }

  #hash(bytes: Uint8Array, start: number, end: number, salt: number): void {
    const [first, second] = this.#seeds
    this.#high = hashBytes(bytes, start, end, first.low ^ salt, first.high)
    // 0 marks an empty slot.
    this.#low = hashBytes(bytes, start, end, second.low ^ salt, second.high) || 1
  }
}

/** The position of the pair, or of the empty slot where it belongs. */
function place(shard: Int32Array, high: number, low: number): number {
  const mask = shard.length - 2
  let at = (low << 1) & mask
  while (shard[at + 1] !== 0 && (shard[at] !== high || shard[at + 1] !== low)) at = (at + 2) & mask
  return at
}

/** Adds the pair. False: it was there already. */
function enter(shard: Int32Array, high: number, low: number): boolean {
  const at = place(shard, high, low)
  if (shard[at + 1] !== 0) return false
  shard[at] = high
  shard[at + 1] = low
  return true
}

function doubled(shard: Int32Array): Int32Array {
  const larger = new Int32Array(shard.length * 2)
  for (let at = 0; at < shard.length; at += 2)
    if (shard[at + 1] !== 0) enter(larger, shard[at], shard[at + 1])
  return larger
}

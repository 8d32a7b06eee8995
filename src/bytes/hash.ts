// Keyed hash of a byte range: HalfSipHash-1-3, which Linux uses for its hash tables.

import { randomBytes } from 'node:crypto'

declare const hashBrand: unique symbol

/** A 32-bit hash, as an int32. The index is sorted by its unsigned value. */
export type Hash = number & { readonly [hashBrand]: true }

/** A 64-bit secret, as two int32 words: without it, keys that collide cannot be constructed. */
export interface HashSeed {
  readonly low: number
  readonly high: number
}

export function randomSeed(): HashSeed {
  const bytes = randomBytes(8)
  return { low: bytes.readInt32LE(0), high: bytes.readInt32LE(4) }
}

/**
 * Hashes `bytes[start, end)`. Allocates nothing.
 *
 * Source: J.-P. Aumasson, D. J. Bernstein, "SipHash: a fast short-input PRF", and the reference `halfsiphash.c`
 * with one compression and three finalisation rounds.
 */
export function hashBytes(bytes: Uint8Array, start: number, end: number, low: number, high: number): Hash {
  // `| 0` tells the compiler that the variables are int32 from the start: half the time.
  let v0 = low | 0
  let v1 = high | 0
  let v2 = 0x6c796765 ^ low
  let v3 = 0x74656462 ^ high
  let at = start | 0
  // The whole words, a last word of the remaining bytes and the length, and three rounds of finalisation: in one loop, so
  // that the round is written (and compiled) once.
  const words = (end - start) >> 2
  for (let i = 0; i < words + 4; i++) {
    let word = 0
    if (i < words) {
      word = bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24)
      at += 4
    } else if (i === words) {
      word = (end - start) << 24
      const rest = end - at
      if (rest > 0) word |= bytes[at]
      if (rest > 1) word |= bytes[at + 1] << 8
      if (rest > 2) word |= bytes[at + 2] << 16
    } else if (i === words + 1) {
      v2 ^= 0xff
    }
    v3 ^= word
    v0 = (v0 + v1) | 0
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0
    v0 = (v0 << 16) | (v0 >>> 16)
    v2 = (v2 + v3) | 0
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2
    v0 = (v0 + v3) | 0
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0
    v2 = (v2 + v1) | 0
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2
    v2 = (v2 << 16) | (v2 >>> 16)
    v0 ^= word
  }
  return (v1 ^ v3) as Hash
}

const NO_BYTES = new Uint8Array(0)

/**
 * The keyed hash of one node. It remembers the hash of one range that was hashed ahead (`prime`), while the bytes do not
 * change.
 */
export class Hasher {
  readonly #low: number
  readonly #high: number
  #bytes: Uint8Array = NO_BYTES
  #start = -1
  #end = -1
  #hash = 0 as Hash

  constructor(seed: HashSeed) {
    this.#low = seed.low
    this.#high = seed.high
  }

  hash(bytes: Uint8Array, start: number, end: number): Hash {
    if (start === this.#start && end === this.#end && bytes === this.#bytes) return this.#hash
    return hashBytes(bytes, start, end, this.#low, this.#high)
  }

  /** Until `forget`, `hash()` returns this hash for exactly this range. */
  prime(bytes: Uint8Array, start: number, end: number, hash: Hash): void {
    this.#bytes = bytes
    this.#start = start
    this.#end = end
    this.#hash = hash
  }

  forget(): void {
    this.#bytes = NO_BYTES
    this.#start = -1
  }
}

// The hash of an element: which register it belongs to, and the value that it has there.

import { INDEX_BITS, MAX_RANK, REGISTERS } from './layout.ts'

// MurmurHash64A by A. Appleby (public domain), with Redis's seed. 64-bit numbers are two int32 words.
const M_LOW = 0x5bd1e995
const M_HIGH = 0xc6a4a793 | 0
const M0 = M_LOW & 0xffff
const M1 = M_LOW >>> 16
const SEED = 0xadc83b19 | 0
const SHIFT = 47 - 32

/** The product of the last `multiply`. */
let low = 0
let high = 0

/** Multiplies a 64-bit number by the multiplier of the hash. */
function multiply(aLow: number, aHigh: number): void {
  const a0 = aLow & 0xffff
  const a1 = aLow >>> 16
  // The high word of the product of the low words, by halves ("Hacker's Delight", figure 8-2).
  const middle = a1 * M0 + ((a0 * M0) >>> 16)
  const carry = (middle >>> 16) + ((a0 * M1 + (middle & 0xffff)) >>> 16)
  high = (Math.imul(aLow, M_HIGH) + Math.imul(aHigh, M_LOW) + ((a1 * M1 + carry) | 0)) | 0
  low = Math.imul(aLow, M_LOW)
}

/** The position of the lowest bit that is set, from 1 on, without the bits of the index. */
function rank(low: number, high: number): number {
  const rest = low >>> INDEX_BITS
  if (rest !== 0) return trailingZeros(rest) + 1
  return high === 0 ? MAX_RANK : 32 - INDEX_BITS + trailingZeros(high) + 1
}

function trailingZeros(word: number): number {
  return 31 - Math.clz32(word & -word)
}

/**
 * Hashes `bytes[start, end)`. Returns the index of the register and its value, 1 to `MAX_RANK`, as
 * `value * REGISTERS + index`. Allocates nothing.
 */
export function hashElement(bytes: Uint8Array, start: number, end: number): number {
  const length = end - start
  multiply(length, 0)
  let hashLow = SEED ^ low
  let hashHigh = high
  let at = start
  for (const last = end - 7; at < last; at += 8) {
    multiply(
      bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24),
      bytes[at + 4] | (bytes[at + 5] << 8) | (bytes[at + 6] << 16) | (bytes[at + 7] << 24),
    )
    multiply(low ^ (high >>> SHIFT), high)
    multiply(hashLow ^ low, hashHigh ^ high)
    hashLow = low
    hashHigh = high
  }
  if (at < end) {
    for (let i = 0; at + i < end; i++) {
      if (i < 4) hashLow ^= bytes[at + i] << (i * 8)
      else hashHigh ^= bytes[at + i] << (i * 8 - 32)
    }
    multiply(hashLow, hashHigh)
    hashLow = low
    hashHigh = high
  }
  multiply(hashLow ^ (hashHigh >>> SHIFT), hashHigh)
  const last = low ^ (high >>> SHIFT)
  return rank(last, high) * REGISTERS + (last & (REGISTERS - 1))
}

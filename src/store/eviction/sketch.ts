// How often keys were accessed lately: a count-min sketch of 4-bit counters in a typed array (TinyLFU).
//
// Einziger, Friedman, Manes: "TinyLFU: A Highly Efficient Cache Admission Policy", ACM Transactions on Storage 13, 2017.

import type { Hash } from '../../bytes/hash.ts'

/*
 * A block is eight Int32 words, half a cache line: four rows of 16 counters, two words each. A key has one block, and in
 * each row one counter; its frequency is the least of the four.
 *
 * Counters are halved once in so many accesses. That is done when a block is next used: each block has the number of the
 * period for which its counters are right. So no access waits for the whole table.
 */

const WORDS = 8
const ROWS = 4
const MAX_COUNT = 15
/** Keys per block: four counters a row for each. */
const KEYS_PER_BLOCK = 4
/** A period is this many accesses per stored record. */
const PERIOD = 6
/** Halvings after which every counter is 0. */
const MAX_HALVINGS = 4
const BYTE = 0xff

export class FrequencySketch {
  #words = new Int32Array(0)
  #periods = new Uint8Array(0)
  #blocks = 0
  #period = 0
  #accesses = 0
  readonly #memory: { bytes: number }

  /** @param memory where the bytes of the sketch count */
  constructor(memory: { bytes: number }) {
    this.#memory = memory
  }

  /** Counts an access of a key, in a store of `records` records. */
  add(hash: Hash, records: number): void {
    while (this.#blocks * KEYS_PER_BLOCK < records) this.#grow()
    const mixed = mix(hash)
    const at = this.#blockOf(mixed)
    const places = mix(mixed)
    const words = this.#words
    for (let row = 0; row < ROWS; row++) {
      const place = (places >>> (row << 3)) & 15
      const word = at + (row << 1) + (place >>> 3)
      const shift = (place & 7) << 2
      if (((words[word] >>> shift) & MAX_COUNT) < MAX_COUNT) words[word] += 1 << shift
    }
    if (++this.#accesses >= PERIOD * records) {
      this.#accesses = 0
      this.#period = (this.#period + 1) & BYTE
    }
  }

  /** Accesses of a key, at least those counted lately. At most 15. */
  frequency(hash: Hash): number {
    if (this.#blocks === 0) return 0
    const mixed = mix(hash)
    const at = this.#blockOf(mixed)
    const places = mix(mixed)
    const words = this.#words
    let least = MAX_COUNT
    for (let row = 0; row < ROWS; row++) {
      const place = (places >>> (row << 3)) & 15
      const count = (words[at + (row << 1) + (place >>> 3)] >>> ((place & 7) << 2)) & MAX_COUNT
      if (count < least) least = count
    }
    return least
  }

  /** Forgets everything: every counter is 0 when it is next used. */
  reset(): void {
    this.#period = (this.#period + MAX_HALVINGS) & BYTE
    this.#accesses = 0
  }

  /** Forgets everything, and gives up the memory. */
  clear(): void {
    this.#memory.bytes -= this.#words.byteLength + this.#periods.byteLength
    this.#words = new Int32Array(0)
    this.#periods = new Uint8Array(0)
    this.#blocks = 0
    this.#accesses = 0
  }

  /** The first word of a block whose counters are right for the present period. */
  #blockOf(mixed: number): number {
    const block = mixed & (this.#blocks - 1)
    const at = block * WORDS
    const age = (this.#period - this.#periods[block]) & BYTE
    if (age !== 0) {
      this.#periods[block] = this.#period
      const halvings = Math.min(age, MAX_HALVINGS)
      for (let i = at; i < at + WORDS; i++)
        this.#words[i] = (this.#words[i] >>> halvings) & ((MAX_COUNT >>> halvings) * 0x11111111)
    }
    return at
  }

  /** Twice as many blocks: a key finds its counters in both copies of its block. */
  #grow(): void {
    const [words, periods] = [this.#words, this.#periods]
    const blocks = Math.max(1, this.#blocks * 2)
    this.#words = new Int32Array(blocks * WORDS)
    this.#periods = new Uint8Array(blocks)
    for (const half of [0, this.#blocks]) {
      this.#words.set(words, half * WORDS)
      this.#periods.set(periods, half)
    }
    this.#memory.bytes += this.#words.byteLength - words.byteLength + blocks - this.#blocks
    this.#blocks = blocks
  }
}

/** Spreads a hash, so that other uses of the same hash do not correlate. */
export function mix(hash: number): number {
  let mixed = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d)
  mixed = Math.imul(mixed ^ (mixed >>> 12), 0x297a2d39)
  return mixed ^ (mixed >>> 15)
}

// Recent access frequencies of keys: a count-min sketch of 4-bit counters in a typed array (TinyLFU).
//
// Einziger, Friedman, Manes: "TinyLFU: A Highly Efficient Cache Admission Policy", ACM Transactions on Storage 13, 2017.

import type { Hash } from '../../bytes/hash.ts'

/*
 * A block is eight Int32 words, half a cache line: four rows of 16 counters, two words each. A key has one block, and in
 * each row one counter; its frequency is the minimum of the four.
 *
 * Counters are halved once per period, a number of accesses. A block is halved when it is next used: it has the number
 * of the period in which its counters were last halved. So no access waits for the whole table.
 */

const WORDS = 8
const ROWS = 4
const MAX_COUNT = 15
/** Bytes of a block, with the byte for its period. */
const BLOCK_BYTES = WORDS * Int32Array.BYTES_PER_ELEMENT + 1
/** Keys per block, on average: four rows of 16 counters for them. */
const KEYS_PER_BLOCK = 3
/** A period is this many accesses per stored record. */
const PERIOD = 6
/** Halvings after which every counter is 0. */
const MAX_HALVINGS = 4
const BYTE = 0xff
/** Blocks of a chunk, a power of two: 33 KiB. */
const CHUNK_SHIFT = 10
const CHUNK_BLOCKS = 1 << CHUNK_SHIFT
const IN_CHUNK = CHUNK_BLOCKS - 1
/** The sketch shrinks when it would still have room for this multiple of the records. */
const SHRUNK_FROM = 2

/*
 * The first chunk doubles; then the sketch grows by one chunk at a time, so that no insertion waits for a copy of all.
 * That is linear hashing (Litwin 1980): a block has as many bits of the hash as the number of blocks needs, and one bit
 * less where that block does not exist yet. A new chunk is a copy of the one which had its keys until then.
 */
export class FrequencySketch {
  readonly #words: Int32Array[] = []
  readonly #periods: Uint8Array[] = []
  /** A power of two up to `CHUNK_BLOCKS`, then a multiple of it. */
  #blocks = 0
  /** The least power of two that is not below `#blocks`, minus 1. */
  #mask = 0
  #period = 0
  #accesses = 0
  readonly #memory: { bytes: number }

  /** @param memory counts the bytes of the sketch */
  constructor(memory: { bytes: number }) {
    this.#memory = memory
  }

  /** One step, of at most one chunk, towards the size for `records` records. Call only where memory may be taken. */
  resizeFor(records: number): void {
    const blocks = this.#blocks
    while (this.#blocks < CHUNK_BLOCKS && this.#blocks * KEYS_PER_BLOCK < records)
      this.#resizeFirst(Math.max(1, this.#blocks * 2))
    if (this.#blocks !== blocks) return
    const less = blocks > CHUNK_BLOCKS ? CHUNK_BLOCKS : blocks >>> 1
    if (blocks * KEYS_PER_BLOCK < records) this.#addChunk()
    else if (blocks > 1 && (blocks - less) * KEYS_PER_BLOCK > SHRUNK_FROM * records) {
      if (blocks > CHUNK_BLOCKS) this.#removeChunk()
      else this.#resizeFirst(less)
    }
  }

  /** Counts an access of a key, in a store of `records` records. Takes no memory: before the first `resizeFor` it does nothing. */
  add(hash: Hash, records: number): void {
    if (this.#blocks === 0) return
    const mixed = mix(hash)
    const block = this.#blockOf(mixed)
    const places = mix(mixed)
    const words = this.#words[block >>> CHUNK_SHIFT]
    const at = (block & IN_CHUNK) * WORDS
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
    const block = this.#blockOf(mixed)
    const places = mix(mixed)
    const words = this.#words[block >>> CHUNK_SHIFT]
    const at = (block & IN_CHUNK) * WORDS
    let least = MAX_COUNT
    for (let row = 0; row < ROWS; row++) {
      const place = (places >>> (row << 3)) & 15
      const count = (words[at + (row << 1) + (place >>> 3)] >>> ((place & 7) << 2)) & MAX_COUNT
      if (count < least) least = count
    }
    return least
  }

  /** Resets all counters, each when its block is next used. */
  reset(): void {
    this.#period = (this.#period + MAX_HALVINGS) & BYTE
    this.#accesses = 0
  }

  /** Resets all counters, and frees the memory. */
  clear(): void {
    this.#words.length = 0
    this.#periods.length = 0
    this.#setBlocks(0)
    this.#accesses = 0
  }

  /** The block of a key, after halving its counters for the periods since its last use. */
  #blockOf(mixed: number): number {
    let block = mixed & this.#mask
    if (block >= this.#blocks) block &= this.#mask >>> 1
    const periods = this.#periods[block >>> CHUNK_SHIFT]
    const inChunk = block & IN_CHUNK
    const age = (this.#period - periods[inChunk]) & BYTE
    if (age === 0) return block
    periods[inChunk] = this.#period
    const words = this.#words[block >>> CHUNK_SHIFT]
    const at = inChunk * WORDS
    const halvings = Math.min(age, MAX_HALVINGS)
    for (let i = at; i < at + WORDS; i++)
      words[i] = (words[i] >>> halvings) & ((MAX_COUNT >>> halvings) * 0x11111111)
    return block
  }

  /**
   * Doubles the blocks by copying them, so that a key finds its counters in either copy; or keeps the first half of
   * them.
   */
  #resizeFirst(blocks: number): void {
    const words = new Int32Array(blocks * WORDS)
    const periods = new Uint8Array(blocks)
    for (let at = 0; at < blocks && this.#blocks > 0; at += this.#blocks) {
      words.set(this.#words[0].subarray(0, blocks * WORDS), at * WORDS)
      periods.set(this.#periods[0].subarray(0, blocks), at)
    }
    this.#words[0] = words
    this.#periods[0] = periods
    this.#setBlocks(blocks)
  }

  #addChunk(): void {
    const chunk = this.#words.length
    const from = chunk - 2 ** (31 - Math.clz32(chunk))
    this.#words.push(this.#words[from].slice())
    this.#periods.push(this.#periods[from].slice())
    this.#setBlocks(this.#blocks + CHUNK_BLOCKS)
  }

  /** Drops the last chunk with its counters. */
  #removeChunk(): void {
    this.#words.pop()
    this.#periods.pop()
    this.#setBlocks(this.#blocks - CHUNK_BLOCKS)
  }

  #setBlocks(blocks: number): void {
    this.#memory.bytes += (blocks - this.#blocks) * BLOCK_BYTES
    this.#blocks = blocks
    this.#mask = blocks === 0 ? 0 : 2 ** (32 - Math.clz32(blocks - 1)) - 1
  }
}

/** Spreads a hash, so that other uses of the same hash do not correlate. */
export function mix(hash: number): number {
  let mixed = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d)
  mixed = Math.imul(mixed ^ (mixed >>> 12), 0x297a2d39)
  return mixed ^ (mixed >>> 15)
}

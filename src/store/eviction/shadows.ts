// Shadow caches: simulate the hits of LRU, S3-FIFO and W-TinyLFU with a sample of the keys, without values.

import type { Hash } from '../../bytes/hash.ts'
import { FrequencySketch } from './sketch.ts'

/*
 * A key has a slot, found by its hash. Each policy has its queues as doubly linked lists over the slots, and a state for
 * each slot: in which queue it is, 0 for none. A slot without a queue is free. Slots are int16: a shadow has at most some
 * thousand entries. Its budget is in units, and an entry counts with those of the record.
 */

/** Bits of what `access` returns. */
export const LRU_HIT = 1
export const S3_HIT = 2
export const TINY_LFU_HIT = 4

/** Slots per entry of a shadow: for the three policies and the ghost of S3-FIFO. */
const SLOTS_PER_ENTRY = 4
const MORE_SLOTS = 16
const NONE = -1

const SMALL_SHARE = 0.1
const WINDOW_SHARE = 0.01
const PROTECTED_SHARE = 0.8
const MAX_HITS = 3
const GHOST_SHARE = 0.9

/** Lists over slots, and which one each slot is in; 0: none. */
class Lists {
  readonly lengths: Int32Array
  /** The sums of the units. */
  readonly units: Float64Array
  readonly list: Uint8Array
  readonly #slots: number
  readonly #unitsOf: Int32Array
  readonly #newer: Int16Array
  readonly #older: Int16Array

  /** @param unitsOf by slot */
  constructor(unitsOf: Int32Array, count: number) {
    const slots = unitsOf.length
    this.#slots = slots
    this.#unitsOf = unitsOf
    this.list = new Uint8Array(slots)
    // List `i` is a ring through the sentinel at `i` places after the slots.
    this.lengths = new Int32Array(count + 1)
    this.units = new Float64Array(count + 1)
    this.#newer = new Int16Array(slots + count + 1)
    this.#older = new Int16Array(slots + count + 1)
    this.clear()
  }

  /** Makes a slot the newest of a list; 0: takes it out of its list. */
  put(slot: number, list: number): void {
    const before = this.list[slot]
    if (before !== 0) {
      const newer = this.#newer[slot]
      const older = this.#older[slot]
      this.#older[newer] = older
      this.#newer[older] = newer
      this.lengths[before]--
      this.units[before] -= this.#unitsOf[slot]
    }
    this.list[slot] = list
    if (list === 0) return
    const ring = this.#slots + list
    const second = this.#older[ring]
    this.#older[slot] = second
    this.#newer[slot] = ring
    this.#newer[second] = slot
    this.#older[ring] = slot
    this.lengths[list]++
    this.units[list] += this.#unitsOf[slot]
  }

  /** The units of a slot are about to grow by `growth`. */
  grow(slot: number, growth: number): void {
    this.units[this.list[slot]] += growth
  }

  /** The oldest slot of a list that is not empty. */
  oldest(list: number): number {
    return this.#newer[this.#slots + list]
  }

  clear(): void {
    this.list.fill(0)
    this.lengths.fill(0)
    this.units.fill(0)
    for (let ring = this.#slots; ring < this.#newer.length; ring++)
      this.#newer[ring] = this.#older[ring] = ring
  }
}

/** Lists of each policy. */
const ALL = 1
const SMALL = 1
const MAIN = 2
const GHOST = 3
const WINDOW = 1
const PROBATION = 2
const PROTECTED = 3

export class Shadows {
  /** Maximum number of entries of a shadow, a power of two. */
  readonly entries: number
  readonly #hashes: Int32Array
  readonly #units: Int32Array
  /** The next slot of the same bucket, or the next free one. */
  readonly #next: Int16Array
  readonly #buckets: Int16Array
  readonly #bucketShift: number
  #free = 0
  readonly #lru: Lists
  readonly #s3: Lists
  readonly #hits: Uint8Array
  readonly #tinyLfu: Lists
  readonly #all: readonly Lists[]
  readonly #sketch: FrequencySketch

  constructor(entries: number) {
    const slots = SLOTS_PER_ENTRY * entries + MORE_SLOTS
    this.entries = entries
    this.#hashes = new Int32Array(slots)
    this.#units = new Int32Array(slots)
    this.#next = new Int16Array(slots)
    this.#buckets = new Int16Array(SLOTS_PER_ENTRY * entries)
    this.#bucketShift = Math.clz32(this.#buckets.length) + 1
    this.#lru = new Lists(this.#units, 1)
    this.#s3 = new Lists(this.#units, 3)
    this.#hits = new Uint8Array(slots)
    this.#tinyLfu = new Lists(this.#units, 3)
    this.#all = [this.#lru, this.#s3, this.#tinyLfu]
    this.#sketch = new FrequencySketch({ bytes: 0 })
    this.clear()
  }

  /** The number of entries of the largest shadow. */
  get length(): number {
    const [lru, s3, tinyLfu] = [this.#lru.lengths, this.#s3.lengths, this.#tinyLfu.lengths]
    return Math.max(lru[ALL], s3[SMALL] + s3[MAIN], tinyLfu[WINDOW] + tinyLfu[PROBATION] + tinyLfu[PROTECTED])
  }

  /** Counts an access of a key whose record has `units`, in shadows of `budget` units each, and returns which of them hit. */
  access(hash: Hash, units: number, budget: number): number {
    const slot = this.#slotOf(hash)
    const growth = units - this.#units[slot]
    if (growth !== 0) {
      for (const lists of this.#all) lists.grow(slot, growth)
      this.#units[slot] = units
    }
    return (
      this.#accessLru(slot, budget) | this.#accessS3(slot, budget) | this.#accessTinyLfu(slot, hash, budget)
    )
  }

  remove(hash: Hash): void {
    const slot = this.#find(hash)
    if (slot === NONE) return
    this.#lru.put(slot, 0)
    this.#s3.put(slot, 0)
    this.#tinyLfu.put(slot, 0)
    this.#release(slot)
  }

  /** The number of slots. */
  get slots(): number {
    return this.#next.length
  }

  /** Removes the keys that are not sampled any more from the slots `from` to `to - 1`. */
  prune(from: number, to: number, isSampled: (hash: Hash) => boolean): void {
    for (let slot = from; slot < to; slot++)
      if (this.#isUsed(slot) && !isSampled(this.#hashes[slot] as Hash))
        this.remove(this.#hashes[slot] as Hash)
  }

  clear(): void {
    for (const lists of this.#all) lists.clear()
    this.#buckets.fill(NONE)
    const { length } = this.#next
    for (let slot = 0; slot < length; slot++) this.#next[slot] = slot + 1 < length ? slot + 1 : NONE
    this.#free = 0
    this.#sketch.clear()
  }

  #accessLru(slot: number, budget: number): number {
    const lists = this.#lru
    const { lengths, units } = lists
    const hit = lists.list[slot] === 0 ? 0 : LRU_HIT
    lists.put(slot, ALL)
    while ((units[ALL] > budget || lengths[ALL] > this.entries) && lengths[ALL] > 1)
      this.#drop(lists, lists.oldest(ALL))
    return hit
  }

  #accessS3(slot: number, budget: number): number {
    const lists = this.#s3
    const hits = this.#hits
    const list = lists.list[slot]
    if (list === SMALL || list === MAIN) {
      if (hits[slot] < MAX_HITS) hits[slot]++
      return S3_HIT
    }
    const { lengths, units } = lists
    lists.put(slot, 0)
    const own = this.#units[slot]
    const small = Math.max(0, budget * SMALL_SHARE - own)
    for (;;) {
      const length = lengths[SMALL] + lengths[MAIN]
      if (length === 0 || (units[SMALL] + units[MAIN] + own <= budget && length < this.entries)) break
      const isSmall = lengths[SMALL] > 0 && (units[SMALL] > small || lengths[MAIN] === 0)
      const oldest = lists.oldest(isSmall ? SMALL : MAIN)
      const count = hits[oldest]
      if (count >= (isSmall ? 2 : 1)) {
        hits[oldest] = isSmall ? 0 : count - 1
        lists.put(oldest, MAIN)
      } else if (isSmall) {
        lists.put(oldest, GHOST)
        if (lengths[GHOST] > length * GHOST_SHARE) this.#drop(lists, lists.oldest(GHOST))
      } else this.#drop(lists, oldest)
    }
    hits[slot] = 0
    lists.put(slot, list === GHOST ? MAIN : SMALL)
    return 0
  }

  #accessTinyLfu(slot: number, hash: Hash, budget: number): number {
    const lists = this.#tinyLfu
    const { lengths, units } = lists
    const length = lengths[WINDOW] + lengths[PROBATION] + lengths[PROTECTED]
    this.#sketch.resizeFor(length)
    this.#sketch.add(hash, Math.max(1, length))
    const list = lists.list[slot]
    const window = budget * WINDOW_SHARE
    if (list !== 0) {
      lists.put(slot, list === WINDOW ? WINDOW : PROTECTED)
      if (units[PROTECTED] > (budget - window) * PROTECTED_SHARE)
        lists.put(lists.oldest(PROTECTED), PROBATION)
      return TINY_LFU_HIT
    }
    const own = this.#units[slot]
    let isFull = false
    for (;;) {
      const left = lengths[WINDOW] + lengths[PROBATION] + lengths[PROTECTED]
      const used = units[WINDOW] + units[PROBATION] + units[PROTECTED]
      if (left === 0 || (used + own <= budget && left < this.entries)) break
      isFull = true
      this.#drop(lists, this.#tinyLfuVictim(window))
    }
    lists.put(slot, WINDOW)
    const most = isFull ? window + 2 * own : window
    while (units[WINDOW] > most && lengths[WINDOW] > 1) lists.put(lists.oldest(WINDOW), PROBATION)
    return 0
  }

  /** As in W-TinyLFU: the oldest entry of the window competes with the oldest one of the rest. */
  #tinyLfuVictim(window: number): number {
    const lists = this.#tinyLfu
    const { lengths, units } = lists
    const rest = lengths[PROBATION] > 0 ? PROBATION : PROTECTED
    if (lengths[rest] === 0) return lists.oldest(WINDOW)
    const oldest = lists.oldest(rest)
    if (lengths[WINDOW] === 0 || units[WINDOW] < window) return oldest
    const candidate = lists.oldest(WINDOW)
    if (this.#frequency(candidate) <= this.#frequency(oldest)) return candidate
    lists.put(candidate, PROBATION)
    return oldest
  }

  #frequency(slot: number): number {
    return this.#sketch.frequency(this.#hashes[slot] as Hash)
  }

  /** Takes a slot out of the lists of one policy. */
  #drop(lists: Lists, slot: number): void {
    lists.put(slot, 0)
    if (!this.#isUsed(slot)) this.#release(slot)
  }

  #isUsed(slot: number): boolean {
    return (this.#lru.list[slot] | this.#s3.list[slot] | this.#tinyLfu.list[slot]) !== 0
  }

  #find(hash: Hash): number {
    let slot = this.#buckets[this.#bucketOf(hash)]
    while (slot !== NONE && this.#hashes[slot] !== hash) slot = this.#next[slot]
    return slot
  }

  /** The slot of a key, a new one if it has none. */
  #slotOf(hash: Hash): number {
    const found = this.#find(hash)
    if (found !== NONE) return found
    const slot = this.#free
    this.#free = this.#next[slot]
    const bucket = this.#bucketOf(hash)
    this.#hashes[slot] = hash
    this.#next[slot] = this.#buckets[bucket]
    this.#buckets[bucket] = slot
    return slot
  }

  #release(slot: number): void {
    const bucket = this.#bucketOf(this.#hashes[slot])
    let at = this.#buckets[bucket]
    if (at === slot) this.#buckets[bucket] = this.#next[slot]
    else {
      while (this.#next[at] !== slot) at = this.#next[at]
      this.#next[at] = this.#next[slot]
    }
    this.#next[slot] = this.#free
    this.#free = slot
  }

  #bucketOf(hash: number): number {
    return Math.imul(hash, 0x9e3779b1) >>> this.#bucketShift
  }
}

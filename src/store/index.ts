// The index: from hash to reference, as sorted linear probing in shards that grow one at a time.

import type { Hash } from '../bytes/hash.ts'
import { NULL_REF, type Ref } from './arena.ts'
import { allocateMemory, dropMemory } from './store-memory.ts'

/*
 * A shard is one Int32Array of slots of two words, sorted by unsigned hash:
 *
 *   | hash | ref | hash | ref | 0 | 0 | hash | ref | …            ref 0: empty
 *
 * The home slot of a hash is proportional to the hash (linear probing in sorted order). Therefore a probe ends at the
 * first greater hash, equal hashes are neighbours, removing an entry shifts the run back and leaves no tombstone, and
 * a walk over the slots visits the keyspace in an order that does not depend on the size of the table: the cursor of
 * SCAN is the next hash.
 *
 * A directory maps the top bits of a hash to its shard (extendible hashing: Fagin et al., 1979). A full shard is rebuilt
 * a quarter larger; at MAX_SLOTS it is split in two. So the longest pause is the copy of one shard, whatever the number
 * of entries, and the load factor stays between 0.64 and 0.8. (A shard can become fuller only if ten thousand hashes
 * share their top 17 bits, which a keyed hash prevents.)
 *
 * A shard is rebuilt in its own memory, from a copy in `scratch`: all shards grow at about the same time, and the arrays
 * they would leave are as much garbage as the index has bytes, each time. V8 would collect the whole heap for them.
 */

const MIN_SLOTS = 64
const MAX_SLOTS = 32768
/** Depth at which shards are not split any more: the directory has at most 2^17 entries. */
const MAX_DEPTH = 17
/** Slots after the last home slot, for runs that continue beyond it. */
const OVERFLOW = 64
/** A shard with more words than this gets memory for MAX_SLOTS at once; the system commits the pages that are used. */
const MAX_EXACT_WORDS = 2 * 8192
const MAX_WORDS = 2 * (MAX_SLOTS + OVERFLOW)
/** With the sign bit flipped, int32 compare as unsigned numbers do. */
const SIGN = 1 << 31
/** Bytes of a slot. */
export const SLOT_BYTES = 8

const NO_SLOTS = new Int32Array(0)

/** It has no slots until it is `reset`. */
class Shard {
  slots: Int32Array
  /** Number of home slots; the array has overflow slots after them. */
  homes = 0
  /** Number of top bits of the hash that select this shard. */
  readonly depth: number
  count = 0
  /** The slots are its beginning; the rest is zero. */
  #memory: Int32Array

  /** @param from the shard whose memory is taken over */
  constructor(depth: number, from?: Shard) {
    this.depth = depth
    this.#memory = from === undefined ? NO_SLOTS : from.#memory
    this.slots = from === undefined ? NO_SLOTS : from.slots
  }

  /** Empties the slots and changes their number. */
  reset(homes: number, overflow: number): void {
    this.homes = homes
    const words = 2 * (homes + overflow)
    const isTooSmall = words > this.#memory.length
    const isTooLarge = words <= MAX_EXACT_WORDS && words < this.#memory.length >> 1
    if (isTooSmall || isTooLarge) this.#memory = allocate(words)
    else this.slots.fill(0)
    this.slots = this.#memory.length === words ? this.#memory : this.#memory.subarray(0, words)
  }

  /** The word where a probe for `hash` begins. */
  home(hash: number): number {
    return (Math.imul((hash << this.depth) >>> 15, this.homes) >>> 17) << 1
  }

  get bytes(): number {
    return (this.slots.length >> 1) * SLOT_BYTES
  }
}

function allocate(words: number): Int32Array {
  if (words <= MAX_EXACT_WORDS) return new Int32Array(words)
  return new Int32Array(allocateMemory(4 * Math.max(words, MAX_WORDS)))
}

/** The slots of the shard that is being rebuilt. */
let scratch = new Int32Array(0)

/** Copies slots into `scratch`; returns the number of words. */
function save(slots: Int32Array): number {
  if (slots.length > scratch.length) scratch = new Int32Array(Math.max(slots.length, MAX_WORDS))
  scratch.set(slots)
  return slots.length
}

/** Bytes of an empty index. */
export const MIN_INDEX_BYTES = (MIN_SLOTS + OVERFLOW) * SLOT_BYTES

export class Index {
  /** The slots of the shard found by the last `seek`. */
  slots: Int32Array
  /** Bytes of all slots, empty ones included. */
  bytes = 0
  count = 0
  #directory: Shard[] = []
  #depth = 0

  constructor() {
    this.slots = NO_SLOTS
    this.clear()
  }

  clear(): void {
    dropMemory(this.bytes)
    const shard = new Shard(0)
    shard.reset(MIN_SLOTS, OVERFLOW)
    this.#directory = [shard]
    this.#depth = 0
    this.bytes = shard.bytes
    this.count = 0
    this.slots = shard.slots
  }

  /**
   * Sets `slots` to the shard of `hash`. Returns the word of the first slot that is empty or has a hash not less than
   * `hash`: slots with an equal hash begin there.
   */
  seek(hash: Hash): number {
    const shard = this.#shard(hash)
    const slots = shard.slots
    this.slots = slots
    let at = shard.home(hash)
    while (slots[at + 1] !== 0 && slots[at] >>> 0 < hash >>> 0) at += 2
    return at
  }

  /** Reads the slots where probes for `hashes[from, to)` will begin; the result has no meaning. See `Prefetcher`. */
  prefetch(hashes: Int32Array, from: number, to: number): number {
    let sum = 0
    for (let i = from; i < to; i++) {
      const shard = this.#shard(hashes[i] as Hash)
      sum ^= shard.slots[shard.home(hashes[i])]
    }
    return sum
  }

  insert(hash: Hash, ref: Ref): void {
    let shard = this.#shard(hash)
    if (shard.count * 5 >= shard.homes * 4) {
      this.#grow(shard)
      shard = this.#shard(hash)
    }
    while (!this.#place(shard, hash, ref)) {
      const overflow = (shard.slots.length >> 1) - shard.homes
      this.#rebuild(shard, shard.homes, overflow + Math.max(OVERFLOW, overflow >> 2))
    }
    shard.count++
    this.count++
  }

  /** Removes the entry of `hash` and `ref`, which must exist. */
  remove(hash: Hash, ref: Ref): void {
    const shard = this.#shard(hash)
    const slots = shard.slots
    let hole = this.#find(hash, ref)
    for (let next = hole + 2; slots[next + 1] !== 0 && shard.home(slots[next]) < next; next += 2) {
      slots[hole] = slots[next]
      slots[hole + 1] = slots[next + 1]
      hole = next
    }
    slots[hole + 1] = NULL_REF
    shard.count--
    this.count--
    if (shard.count * 8 < shard.homes && shard.homes > MIN_SLOTS) {
      this.#rebuild(shard, Math.max(MIN_SLOTS, shard.homes >> 2), OVERFLOW)
    }
  }

  /** Replaces the reference `from` in the entry of `hash` by `to`. */
  replace(hash: Hash, from: Ref, to: Ref): void {
    const at = this.#find(hash, from)
    this.slots[at + 1] = to
  }

  /**
   * Visits entries in unsigned order of hash from `cursor` on, until `visit` was called `limit` times or `steps` slots
   * were read, and then to the end of the last hash. Returns the next cursor, 0 at the end. `visit` must not change the
   * index.
   */
  walk(cursor: number, limit: number, steps: number, visit: (ref: Ref, hash: Hash) => void): number {
    let visited = 0
    let looked = 0
    for (let from = cursor >>> 0; ; ) {
      const shard = this.#shard(from as Hash)
      const slots = shard.slots
      // The slot of the last hash visited. Hashes stay int32: V8 allocates an object for unsigned ones above 2^31.
      let last = -1
      const first = from ^ SIGN
      for (let at = shard.home(from); at < slots.length; at += 2) {
        looked++
        if (slots[at + 1] === 0) continue
        // Entries may be shifted to the right of their home slots: entries before the cursor may follow here.
        if ((slots[at] ^ SIGN) < first) continue
        if (visited >= limit || looked > steps) {
          // In a long probe run the entry at the cursor is far from its home slot. It is visited, so that SCAN makes
          // progress.
          if (last < 0 ? slots[at] !== (cursor | 0) : slots[last] !== slots[at]) return slots[at] >>> 0
        }
        visit(slots[at + 1] as Ref, slots[at] as Hash)
        visited++
        last = at
      }
      const width = 2 ** (32 - shard.depth)
      from = (Math.floor(from / width) + 1) * width
      if (from >= 2 ** 32) return 0
      if (visited >= limit || looked > steps) return from
    }
  }

  #shard(hash: Hash): Shard {
    return this.#directory[(hash >>> 1) >>> (31 - this.#depth)]
  }

  #find(hash: Hash, ref: Ref): number {
    let at = this.seek(hash)
    while (this.slots[at + 1] !== ref) {
      if (this.slots[at + 1] === 0) throw new Error('the index lost an entry')
      at += 2
    }
    return at
  }

  /** Inserts an entry and shifts the rest of the run by one slot. False: the overflow is full. */
  #place(shard: Shard, hash: Hash, ref: Ref): boolean {
    const at = this.seek(hash)
    const slots = shard.slots
    let empty = at
    while (slots[empty + 1] !== 0) empty += 2
    // The last slot stays empty, to end every probe.
    if (empty >= slots.length - 2) return false
    for (; empty > at; empty -= 2) {
      slots[empty] = slots[empty - 2]
      slots[empty + 1] = slots[empty - 1]
    }
    slots[at] = hash
    slots[at + 1] = ref
    return true
  }

  #grow(shard: Shard): void {
    const homes = shard.homes + (shard.homes >> 2)
    if (homes <= MAX_SLOTS) this.#rebuild(shard, homes, OVERFLOW)
    else if (shard.depth < MAX_DEPTH) this.#split(shard)
  }

  #rebuild(shard: Shard, homes: number, overflow: number): void {
    this.bytes -= shard.bytes
    const words = save(shard.slots)
    refill(shard, homes, overflow, 0, words)
    this.bytes += shard.bytes
  }

  #split(shard: Shard): void {
    if (shard.depth === this.#depth) {
      this.#doubleDirectory()
    }
    const depth = shard.depth + 1
    this.bytes -= shard.bytes
    const words = save(shard.slots)
    // In order of hash, the half whose next bit is 0 comes first.
    let middle = 0
    while (
      middle < words &&
      (scratch[middle + 1] === 0 || ((scratch[middle] << shard.depth) & (1 << 31)) === 0)
    )
      middle += 2
    const low = half(0, middle, depth, shard)
    const high = half(middle, words, depth)
    this.bytes += low.bytes + high.bytes
    const first = this.#directory.indexOf(shard)
    const span = 1 << (this.#depth - depth)
    this.#directory.fill(low, first, first + span)
    this.#directory.fill(high, first + span, first + 2 * span)
  }

  #doubleDirectory(): void {
    const { length } = this.#directory
    const doubled = new Array<Shard>(length * 2)
    for (let i = 0; i < length; i++) doubled.fill(this.#directory[i], 2 * i, 2 * i + 2)
    this.#directory = doubled
    this.#depth++
  }
}

/** A shard of the slots in `scratch[from, to)`, in the memory of `old` if that is given. */
function half(from: number, to: number, depth: number, old?: Shard): Shard {
  let count = 0
  for (let at = from; at < to; at += 2) if (scratch[at + 1] !== 0) count++
  const homes = Math.min(MAX_SLOTS, Math.max(MIN_SLOTS, Math.ceil(count / 0.64)))
  const shard = new Shard(depth, old)
  shard.count = count
  refill(shard, homes, OVERFLOW, from, to)
  return shard
}

/** Gives a shard `homes` slots, and `overflow` or more after them, with the used slots of `scratch[from, to)`. */
function refill(shard: Shard, homes: number, overflow: number, from: number, to: number): void {
  for (let room = overflow; ; room += OVERFLOW) {
    shard.reset(homes, room)
    if (copySlots(shard, from, to)) return
  }
}

/** Copies the used slots of `scratch[from, to)` into an empty shard, in order. False: its overflow is too small. */
function copySlots(shard: Shard, from: number, to: number): boolean {
  const slots = shard.slots
  let free = 0
  for (let at = from; at < to; at += 2) {
    if (scratch[at + 1] === 0) continue
    const place = Math.max(shard.home(scratch[at]), free)
    if (place >= slots.length - 2) return false
    slots[place] = scratch[at]
    slots[place + 1] = scratch[at + 1]
    free = place + 2
  }
  return true
}

// Prefetching: reads the memory that the lookups of a batch of commands will need, overlapping the cache misses.

import type { Hash } from '../bytes/hash.ts'
import { type Arena, NULL_REF, OWNER_SHIFT, type Ref } from './arena.ts'
import type { EvictionPolicy } from './eviction/policy.ts'
import type { Index } from './index.ts'
import { LOADED, ValueType } from './record.ts'

/** Int32 words of a cache line of 64 bytes. */
const LINE_WORDS = 16

/** The type of a record in its word 0, and that of strings. Not imported: constants of this file are faster. */
const TYPE_BITS = 7 << OWNER_SHIFT
const STRING_BITS = ValueType.STRING << OWNER_SHIFT

/** Keys per batch at most. */
export const MAX_PREFETCH = 64

export class Prefetcher {
  /** Fewer entries stay in the processor's cache by themselves. Tests lower it. */
  static minEntries = 1024
  readonly #arena: Arena
  readonly #index: Index
  eviction: EvictionPolicy
  readonly #refs = new Int32Array(MAX_PREFETCH)
  /** Counts invalidations of references, and its value when `#refs` was filled. */
  #version = 0
  #batchVersion = -1
  /** The reference found for the key of the current command. */
  #candidate = NULL_REF

  constructor(arena: Arena, index: Index, eviction: EvictionPolicy) {
    this.#arena = arena
    this.#index = index
    this.eviction = eviction
  }

  /** Whether there are so many entries that lookups wait for memory. */
  get isWorthwhile(): boolean {
    return this.#index.count >= Prefetcher.minEntries
  }

  /**
   * Reads the memory that lookups of `hashes[from, to)` will need: index slots, record headers, eviction links. One loop
   * per step: its reads do not depend on each other, so the processor overlaps them. Commands one by one would wait for
   * each read in turn. The result has no meaning: it keeps the compiler from removing the reads.
   */
  prefetch(hashes: Int32Array, from: number, to: number): number {
    const { words, shift, unitMask } = this.#arena
    const index = this.#index
    const { eviction } = this
    const refs = this.#refs
    let sum = index.prefetch(hashes, from, to)
    if (this.#batchVersion !== this.#version) refs.fill(NULL_REF)
    this.#batchVersion = this.#version
    // The candidate of an earlier batch may have been removed.
    this.#candidate = NULL_REF
    for (let i = from; i < to; i++) {
      const at = index.seek(hashes[i] as Hash)
      refs[i] = index.slots[at] === hashes[i] ? index.slots[at + 1] : NULL_REF
    }
    for (let i = from; i < to; i++) {
      if (refs[i] !== NULL_REF) sum ^= words[refs[i] >>> shift][(refs[i] & unitMask) << 1]
    }
    for (let i = from; i < to; i++) {
      if (refs[i] === NULL_REF) continue
      const own = words[refs[i] >>> shift]
      const at = (refs[i] & unitMask) << 1
      sum ^= eviction.prefetch(refs[i] as Ref)
      // With times and windows, key and value begin in the second cache line. A packed collection continues there.
      const isLonger = (own[at] & LOADED) !== 0 || (own[at] & TYPE_BITS) !== STRING_BITS
      if (isLonger && at + LINE_WORDS < own.length) sum ^= own[at + LINE_WORDS]
    }
    return sum
  }

  /** The next key looked up is probably that of `hashes[i]`: its record is tried first. */
  hint(i: number): void {
    this.#candidate = this.#refs[i] as Ref
  }

  /** Ends the batch: candidates are not used any more. */
  endBatch(): void {
    this.#batchVersion = -1
  }

  /** A record was moved or removed: references found before may be invalid. */
  invalidate(): void {
    this.#version++
  }

  /** The record to try first for the key looked up now; `NULL_REF`: none. */
  get candidate(): Ref {
    return this.#version === this.#batchVersion ? this.#candidate : NULL_REF
  }
}

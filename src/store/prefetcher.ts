// Reads from memory, together, what the commands of a batch will look up one after the other.

import type { Hash } from '../bytes/hash.ts'
import { type Arena, NULL_REF, type Ref } from './arena.ts'
import type { EvictionPolicy } from './eviction/policy.ts'
import type { Index } from './index.ts'
import { LOADED } from './record.ts'

/** Words of a cache line. */
const LINE_WORDS = 16

/** Most keys that are read ahead at once. */
export const MAX_PREFETCH = 64

export class Prefetcher {
  readonly #arena: Arena
  readonly #index: Index
  readonly #eviction: EvictionPolicy
  readonly #refs = new Int32Array(MAX_PREFETCH)
  /** Counts what makes references invalid, and its value when those in `#refs` were found. */
  #version = 0
  #batchVersion = -1
  /** Where the key of the present command was found. */
  #candidate = NULL_REF

  constructor(arena: Arena, index: Index, eviction: EvictionPolicy) {
    this.#arena = arena
    this.#index = index
    this.#eviction = eviction
  }

  /**
   * Reads what looking up and touching the keys of `hashes[from, to)` will need. The processor overlaps reads that
   * do not depend on each other, hence a loop for each step, where one command after the other waits for each of
   * its own in turn. Changes nothing; the result means nothing, it keeps the reads from being optimised away.
   */
  prefetch(hashes: Int32Array, from: number, to: number): number {
    const { words, shift, unitMask } = this.#arena
    const index = this.#index
    const eviction = this.#eviction
    const refs = this.#refs
    let sum = index.prefetch(hashes, from, to)
    if (this.#batchVersion !== this.#version) refs.fill(NULL_REF)
    this.#batchVersion = this.#version
    // From an earlier batch it may name what is gone since.
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
      // Times and windows push the key and the value out of the first cache line.
      if ((own[at] & LOADED) !== 0 && at + LINE_WORDS < own.length) sum ^= own[at + LINE_WORDS]
    }
    return sum
  }

  /** The next key looked up is probably that of `hashes[i]`. */
  hint(i: number): void {
    this.#candidate = this.#refs[i] as Ref
  }

  /** The batch is over. */
  endBatch(): void {
    this.#batchVersion = -1
  }

  /** A record was moved or removed: what was found may be gone. */
  invalidate(): void {
    this.#version++
  }

  /** Where the key looked up now may be found; `NULL_REF`: it has to be searched. */
  get candidate(): Ref {
    return this.#version === this.#batchVersion ? this.#candidate : NULL_REF
  }
}

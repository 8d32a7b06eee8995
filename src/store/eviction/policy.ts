// The contract between the store and an eviction policy: which events a policy sees, and the one question it answers.

import type { Arena, Ref } from '../arena.ts'
import type { Records } from '../record.ts'

/**
 * The parts of a store that a policy may use. It must not change them, except for its two words of each record.
 * @public for the declarations of the policies
 */
export interface EvictionContext {
  readonly arena: Arena
  readonly records: Records
}

/**
 * Decides which record leaves when the budget is full. One instance serves one store.
 *
 * Each record has two 32-bit words for its policy, at offset `EVICTION_WORDS` of the record. Their content is
 * undefined before `inserted`; compaction copies them with the record. A policy that needs more state keeps it in
 * typed arrays of its own.
 *
 * The methods run on the hot path of GET and SET: they must not allocate, and all but `forEach` and `clear` should
 * take constant time. While a process uses one implementation only, V8 inlines the calls.
 */
export interface EvictionPolicy {
  /** A new record is in the store. */
  inserted(ref: Ref): void
  /** A stored record was read or overwritten in place. EXISTS, TTL, OBJECT and SCAN are no accesses. */
  accessed(ref: Ref): void
  /** A record leaves the store: evicted, deleted, expired or replaced. Its words are still readable. */
  removed(ref: Ref): void
  /** Compaction moved a record, its words included. `from` is not valid any more. */
  moved(from: Ref, to: Ref): void
  /**
   * The record to evict next, but never `except`; `NULL_REF` when there is no other. The store calls `removed` for it
   * before it asks again. `except` is the record being written, or `NULL_REF`.
   */
  victim(except: Ref): Ref
  /** The record that was accessed last, or the one that was inserted last; `NULL_REF`: there is none. */
  latest(): Ref
  /** The store was emptied. `removed` is not called for its records. */
  clear(): void
  /** Visits every stored record once, the next victim last. For integrity checks, O(n). */
  forEach(visit: (ref: Ref) => void): void
  /**
   * Reads the memory that `accessed(ref)` will touch, so that it is in the cache by then; see `Prefetcher`. The result
   * has no meaning: it keeps the compiler from removing the reads.
   */
  prefetch(ref: Ref): number
}

export type EvictionPolicyFactory = (context: EvictionContext) => EvictionPolicy

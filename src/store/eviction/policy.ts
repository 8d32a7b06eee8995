// The interface between the store and an eviction policy: the events that a policy gets, and how it names a victim.

import type { Hash } from '../../bytes/hash.ts'
import type { Arena, Ref } from '../arena.ts'
import type { Records } from '../record.ts'
import type { RecordList } from './record-list.ts'

/** The parts of a store that a policy may use. It may change only its own words and bits of each record. */
export interface EvictionContext {
  readonly arena: Arena
  readonly records: Records
  /**
   * Bytes of the policy's own memory besides the records. The policy keeps this up to date: they count for the budget.
   */
  readonly memory: { bytes: number }
  /** The number of records. */
  readonly count: () => number
  /** Units of all records together, without the pages of large collections: what `arena.units` gives, summed up. */
  readonly units: () => number
  /** Whether the budget will soon be used up. */
  readonly isNearlyFull: () => boolean
  readonly hashOf: (ref: Ref) => Hash
  /**
   * Visits the records in unsigned order of hash from `cursor` on, about as many as `slots` slots of the index have.
   * Returns the next cursor, 0 at the end.
   */
  readonly walk: (cursor: number, slots: number, visit: (ref: Ref, hash: Hash) => void) => number
}

/**
 * Decides which record is evicted when the budget is full. One instance serves one store.
 *
 * Each record has two 32-bit words for its policy, at offset `EVICTION_WORDS` of the record, and with `usesBits` four
 * bits (`Records.policyBits`). The words are undefined before `inserted`, the bits are 0; compaction copies them with
 * the record. A policy that needs more state keeps it in typed arrays of its own, and counts them.
 *
 * The methods run on the hot path of GET and SET: they must not allocate, and all but `forEach`, `clear` and `forget`
 * should take constant time. While a process uses one implementation only, V8 inlines the calls.
 */
export interface EvictionPolicy {
  readonly usesBits: boolean
  /** A new record is in the store. `before` are the bits of the record of the same key that it replaces; -1: none. */
  inserted(ref: Ref, hash: Hash, before: number): void
  /** A stored record was read or overwritten in place. EXISTS, TTL, OBJECT and SCAN do not count. */
  accessed(ref: Ref): void
  /** A record leaves the store: evicted, deleted, expired or replaced. Its words and bits are still readable. */
  removed(ref: Ref): void
  /** The record that `victim` named is being evicted. `removed` follows. */
  evicted(ref: Ref, hash: Hash): void
  /**
   * A record is in another block, its words and bits included, which has `growth` more units. `from` is not valid any
   * more.
   */
  moved(from: Ref, to: Ref, growth: number): void
  /**
   * The record to evict next, but never `except`; `NULL_REF` when there is no other. The store calls `removed` for it
   * before it asks again. `except` is the record being written, or `NULL_REF`.
   */
  victim(except: Ref): Ref
  /** The record that `victim` named stays for now: it is the last in its queue. */
  spare(ref: Ref): void
  /** The last accessed record, or the last inserted one if the policy does not order accesses; `NULL_REF`: none. */
  latest(): Ref
  /** The store was emptied. `removed` is not called for its records. */
  clear(): void
  /** Frees the policy's own memory, because the budget has no room for it. */
  forget(): void
  /** Visits every stored record once. For integrity checks, O(n). */
  forEach(visit: (ref: Ref) => void): void
  /**
   * Reads the memory that `accessed(ref)` will touch, so that it is in the cache by then; see `Prefetcher`. The result
   * has no meaning: it keeps the compiler from removing the reads.
   */
  prefetch(ref: Ref): number
  /**
   * Prepares `release`, which takes constant time for records that are in lists, by up to about `most` records. True: it
   * takes no longer than that now. The policy goes on working meanwhile.
   */
  prepareRelease(most: number): boolean
  /** Another policy takes over: adds all records to a list, those to keep longest as the newest. */
  release(to: RecordList): void
  /** Takes over the records of a list. Their bits are what `adoptedBits` gave. The policy is new. */
  adopt(records: RecordList): void
  /** The bits of a record that it is to take over. Only with `usesBits`. */
  adoptedBits(hash: Hash): number
}

export type EvictionPolicyFactory = (context: EvictionContext) => EvictionPolicy

// Adds load times to any eviction policy: an entry stays the longer, the more load time each of its bytes saves.

import type { Hash } from '../../bytes/hash.ts'
import { type Arena, NULL_REF, type Ref, UNIT_BYTES } from '../arena.ts'
import { LOADED, type Records } from '../record.ts'
import type { EvictionContext, EvictionPolicy, EvictionPolicyFactory } from './policy.ts'
import type { RecordList } from './record-list.ts'

/*
 * The weight of a record is the duration of its last load, per byte. A victim above the average weight of those that
 * left is spared with the probability 1 - average / weight: it becomes the last in its queue. So a record goes through
 * its queue, on average, as many times as its weight is above the average, as with GreedyDual-Size (Cao, Irani:
 * "Cost-Aware WWW Proxy Caching Algorithms", USITS 1997), but without an order by weight.
 *
 * The average is the harmonic one, of bytes per millisecond: a few heavy records do not raise it.
 */

/** The duration that a load of less than a millisecond counts as. */
const MIN_MS = 0.5
/** A record goes through its queue at most about this many times as often as one of average weight. */
const MAX_TIMES = 32
/** The averages are those of about this many evicted records. */
const AVERAGED = 256
/** Records that one eviction spares. */
const MAX_SPARED = 16

class CostAware implements EvictionPolicy {
  readonly usesBits: boolean
  readonly #policy: EvictionPolicy
  readonly #arena: Arena
  readonly #records: Records
  /** Typed arrays of one element: V8 may allocate an object for a fraction in a field. */
  readonly #averageBytesPerMs = new Float64Array(1)
  readonly #averageMs = new Float64Array(1)
  #random = 1

  constructor(policy: EvictionPolicy, { arena, records }: EvictionContext) {
    this.usesBits = policy.usesBits
    this.#policy = policy
    this.#arena = arena
    this.#records = records
  }

  victim(except: Ref): Ref {
    const policy = this.#policy
    for (let spared = 0; ; spared++) {
      const ref = policy.victim(except)
      if (ref === NULL_REF) return ref
      const bytesPerMs = this.#bytesPerMs(ref)
      const average = this.#averageBytesPerMs[0]
      const times = Math.min(MAX_TIMES, average / bytesPerMs)
      if (spared === MAX_SPARED || times * this.#uniform() <= 1) {
        this.#averageBytesPerMs[0] += (bytesPerMs - average) / (average === 0 ? 1 : AVERAGED)
        return ref
      }
      policy.spare(ref)
    }
  }

  inserted(ref: Ref, hash: Hash, before: number): void {
    this.#policy.inserted(ref, hash, before)
  }

  accessed(ref: Ref): void {
    this.#policy.accessed(ref)
  }

  removed(ref: Ref): void {
    this.#policy.removed(ref)
  }

  evicted(ref: Ref, hash: Hash): void {
    this.#policy.evicted(ref, hash)
  }

  moved(from: Ref, to: Ref, growth: number): void {
    this.#policy.moved(from, to, growth)
  }

  spare(ref: Ref): void {
    this.#policy.spare(ref)
  }

  latest(): Ref {
    return this.#policy.latest()
  }

  clear(): void {
    this.#policy.clear()
  }

  forget(): void {
    this.#policy.forget()
  }

  forEach(visit: (ref: Ref) => void): void {
    this.#policy.forEach(visit)
  }

  prefetch(ref: Ref): number {
    return this.#policy.prefetch(ref)
  }

  prepareRelease(most: number): boolean {
    return this.#policy.prepareRelease(most)
  }

  release(to: RecordList): void {
    this.#policy.release(to)
  }

  adopt(records: RecordList): void {
    this.#policy.adopt(records)
  }

  adoptedBits(hash: Hash): number {
    return this.#policy.adoptedBits(hash)
  }

  /** The inverse of the weight. A record that was not loaded counts as average. */
  #bytesPerMs(ref: Ref): number {
    const averageMs = this.#averageMs
    if ((this.#records.flags(ref) & LOADED) !== 0) {
      const ms = Math.max(MIN_MS, this.#records.loadMs(ref))
      averageMs[0] += (ms - averageMs[0]) / (averageMs[0] === 0 ? 1 : AVERAGED)
      return (this.#arena.units(ref) * UNIT_BYTES) / ms
    }
    return (this.#arena.units(ref) * UNIT_BYTES) / Math.max(MIN_MS, averageMs[0])
  }

  /** In [0, 1), the same in every run: xorshift32. */
  #uniform(): number {
    this.#random ^= this.#random << 13
    this.#random ^= this.#random >>> 17
    this.#random ^= this.#random << 5
    return (this.#random >>> 0) / 2 ** 32
  }
}

export function costAware(policy: EvictionPolicyFactory): EvictionPolicyFactory {
  return (context) => new CostAware(policy(context), context)
}

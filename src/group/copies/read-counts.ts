// Counts the reads and writes of each key since its last fetch: they decide how many new values of it are worth sending.

import type { Hash } from '../../bytes/hash.ts'
import type { Instant } from '../../bytes/instant.ts'

/** A power of two. Keys share counters: a key may seem to be read more often than it is. */
const COUNTERS = 4096
/** Shorter times give no useful rate, ms. */
const MIN_MS = 10

export class ReadCounts {
  readonly #instant: Instant
  readonly #counts = new Uint32Array(COUNTERS)
  readonly #writes = new Uint32Array(COUNTERS)
  /** When each counter was restarted, ms since the epoch. */
  readonly #since = new Float64Array(COUNTERS)

  constructor(instant: Instant) {
    this.#instant = instant
  }

  /** Counts a read of the key with this hash. Allocates nothing. */
  count(hash: Hash): void {
    this.#counts[hash & (COUNTERS - 1)]++
  }

  /** Counts a write of a key. */
  countWrite(hash: Hash): void {
    this.#writes[hash & (COUNTERS - 1)]++
  }

  /** The writes of a key since its counter was restarted. */
  writesOf(hash: Hash): number {
    return this.#writes[hash & (COUNTERS - 1)]
  }

  /** The reads of a key since its counter was restarted. */
  of(hash: Hash): number {
    return this.#counts[hash & (COUNTERS - 1)]
  }

  /**
   * Restarts a key's counter. Returns the reads in `ms` at its rate until now; 0: the counter is too old to give one.
   */
  restart(hash: Hash, ms: number): number {
    const i = hash & (COUNTERS - 1)
    const { now } = this.#instant
    const elapsed = now - this.#since[i]
    const count = this.#counts[i]
    this.#counts[i] = 0
    this.#writes[i] = 0
    this.#since[i] = now
    if (elapsed < 0 || elapsed > 4 * ms) return 0
    return (count * ms) / Math.max(elapsed, MIN_MS)
  }
}

// Active expiry: removes expired entries that are not accessed, in short steps.

import type { Group } from '../group/group.ts'
import { SLOT_BYTES } from '../store/index.ts'
import type { NodeStats } from '../telemetry/node-stats.ts'

/** The target duration of a step, µs: short enough not to be noticed as latency. */
const STEP_MICROS = 500

/** Index slots per step: the first value, and the bounds within which it follows the measured time. 4096 take 1 ms. */
const FIRST_SLOTS = 1024
const MIN_SLOTS = 64
const MAX_SLOTS = 4096

/** Above this share of expired entries among those that can expire, another step follows (Redis: 10 %). */
const ACCEPTABLE_STALE = 0.1

export class ExpiryCycle {
  readonly #groups: readonly Group[]
  readonly #stats: NodeStats
  readonly #micros: () => number
  #slots = FIRST_SLOTS
  /** The group where the next round begins: a round that ran out of time is continued there. */
  #first = 0

  /** @param micros a monotonic clock, in microseconds */
  constructor(groups: readonly Group[], stats: NodeStats, micros: () => number) {
    this.#groups = groups
    this.#stats = stats
    this.#micros = micros
  }

  /**
   * One round: a step in every group, and further steps while many entries are expired. Ends at the first step that
   * exceeds `budget` (µs). Returns its duration, µs.
   */
  run(budget: number): number {
    const startedAt = this.#micros()
    for (const { copies } of this.#groups) copies?.sweep(FIRST_SLOTS)
    const count = this.#groups.length
    for (let i = 0; i < count; i++) {
      const at = (this.#first + i) % count
      for (let stale = 1; stale > ACCEPTABLE_STALE; ) {
        stale = this.#step(this.#groups[at])
        if (this.#micros() - startedAt < budget) continue
        this.#first = at
        this.#stats.expiryTimeouts++
        return this.#finish(startedAt)
      }
    }
    return this.#finish(startedAt)
  }

  #finish(startedAt: number): number {
    const took = this.#micros() - startedAt
    this.#stats.expiryMs += took / 1000
    return took
  }

  /** Visits the next slots of a group. Returns the expired share of the entries with a TTL. */
  #step({ store }: Group): number {
    store.reclaim()
    const { expiring, expiringHashes } = store
    if (expiring + expiringHashes === 0) return 0
    const looked = Math.min(this.#slots, store.indexBytes / SLOT_BYTES)
    const expected = (looked * (expiring + expiringHashes) * SLOT_BYTES) / store.indexBytes
    const startedAt = this.#micros()
    const expired = store.sweep(looked)
    const took = this.#micros() - startedAt
    if (took > STEP_MICROS) this.#slots = Math.max(MIN_SLOTS, this.#slots >> 1)
    else if (took < STEP_MICROS / 4) this.#slots = Math.min(MAX_SLOTS, this.#slots * 2)
    const stale = Math.min(1, expired / expected)
    this.#stats.stalePercent = this.#stats.stalePercent * 0.95 + stale * 100 * 0.05
    return stale
  }
}

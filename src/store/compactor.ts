// Keeps the arena near its live bytes: moves records out of sparse segments when holes have become of no use.

import type { Hash } from '../bytes/hash.ts'
import { type Arena, NULL_REF, type Ref, UNIT_BYTES } from './arena.ts'
import type { EvictionPolicy } from './eviction/policy.ts'
import type { Index } from './index.ts'
import type { Prefetcher } from './prefetcher.ts'
import type { Records } from './record.ts'

/** What the arena may commit beyond its live bytes before it is compacted: keeps RSS below 1.15 × budget. */
const ARENA_OVERHEAD = 1.09
/** Units moved at one allocation: a base, and so many times the allocation. */
const BASE_UNITS = 512
const UNITS_PER_ALLOCATED = 16
/** What looking a record up and mending the links to it costs, in units of copying. */
const MOVE_COST_UNITS = 8

/** What knows where a record is. */
export interface RecordReferrers {
  readonly arena: Arena
  readonly index: Index
  readonly eviction: EvictionPolicy
  readonly records: Records
  readonly prefetcher: Prefetcher
  readonly hashOf: (ref: Ref) => Hash
}

export class Compactor {
  readonly #parts: RecordReferrers
  /** The budget and the size of the index that the arena's limit was computed from. */
  #maxBytes = -1
  #indexBytes = -1

  constructor(keepers: RecordReferrers) {
    this.#parts = keepers
  }

  /** Lets the arena commit what a budget of `maxBytes` leaves it beside the index. */
  updateLimit(maxBytes: number): void {
    const { arena, index } = this.#parts
    if (index.bytes === this.#indexBytes && maxBytes === this.#maxBytes) return
    this.#maxBytes = maxBytes
    this.#indexBytes = index.bytes
    const room = (maxBytes - index.bytes) * ARENA_OVERHEAD + arena.segmentUnits * UNIT_BYTES
    arena.maxCommittedUnits = Math.floor(room / UNIT_BYTES)
  }

  /** Whether work is left over from before. */
  get isDue(): boolean {
    const { arena } = this.#parts
    return arena.evacuating || arena.committedUnits > arena.maxCommittedUnits
  }

  /** Does a share of the work, in proportion to the allocation of `units` that pays for it. */
  compact(units: number): void {
    const { arena, index, eviction, records, prefetcher, hashOf } = this.#parts
    if (!arena.evacuating && !arena.beginEvacuation()) return
    for (let quota = BASE_UNITS + units * UNITS_PER_ALLOCATED; quota > 0; ) {
      const from = arena.nextToMove()
      if (from === NULL_REF) {
        if (arena.committedUnits + units > arena.maxCommittedUnits && arena.beginEvacuation()) continue
        return
      }
      const needed = records.neededUnits(from)
      const to = arena.alloc(needed) || arena.alloc(needed, true)
      if (to === NULL_REF) return
      const hash = hashOf(from)
      prefetcher.invalidate()
      records.move(from, to, needed)
      index.replace(hash, from, to)
      eviction.moved(from, to)
      quota -= needed + MOVE_COST_UNITS
    }
  }
}

// Compaction: moves records out of sparse segments when holes keep the arena above its limit.

import type { Hash } from '../bytes/hash.ts'
import { type Arena, NULL_REF, type Ref, UNIT_BYTES } from './arena.ts'
import type { EvictionPolicy } from './eviction/policy.ts'
import type { Index } from './index.ts'
import type { Prefetcher } from './prefetcher.ts'
import type { Records } from './record.ts'
import type { Regions } from './types/regions.ts'

/** The arena may commit this factor of its live bytes before it is compacted: keeps RSS below 1.15 × budget. */
const ARENA_OVERHEAD = 1.09
/** Units moved per allocation: a base, and a multiple of the allocated units. */
const BASE_UNITS = 512
const UNITS_PER_ALLOCATED = 16
/** Cost of finding a record and updating the references to it, expressed in copied units. */
const MOVE_COST_UNITS = 8

/** The parts that hold references to records, and are updated when one moves. */
export interface RecordReferrers {
  readonly arena: Arena
  readonly index: Index
  readonly eviction: EvictionPolicy
  readonly records: Records
  readonly prefetcher: Prefetcher
  readonly regions: Regions
  readonly hashOf: (ref: Ref) => Hash
  readonly recordMoved: (to: Ref) => void
}

export class Compactor {
  readonly #parts: RecordReferrers
  eviction: EvictionPolicy
  /** The budget and the index size for which the limit was computed. */
  #maxBytes = -1
  #indexBytes = -1

  constructor(keepers: RecordReferrers) {
    this.#parts = keepers
    this.eviction = keepers.eviction
  }

  /** Sets the arena's limit to what `maxBytes` leaves beside the index. */
  updateLimit(maxBytes: number): void {
    const { arena, index } = this.#parts
    if (index.bytes === this.#indexBytes && maxBytes === this.#maxBytes) return
    this.#maxBytes = maxBytes
    this.#indexBytes = index.bytes
    const room = (maxBytes - index.bytes) * ARENA_OVERHEAD + arena.segmentUnits * UNIT_BYTES
    arena.maxCommittedUnits = Math.floor(room / UNIT_BYTES)
  }

  /** Whether an evacuation is unfinished, or the arena is above its limit. */
  get isDue(): boolean {
    const { arena } = this.#parts
    return arena.evacuating || arena.committedUnits > arena.maxCommittedUnits
  }

  /** Does a part of the work in proportion to an allocation of `units`, so that no single write pays for all of it. */
  compact(units: number): void {
    const { arena, index, records, prefetcher, regions, hashOf, recordMoved } = this.#parts
    const { eviction } = this
    if (!arena.evacuating && !arena.beginEvacuation()) return
    for (let quota = BASE_UNITS + units * UNITS_PER_ALLOCATED; quota > 0; ) {
      const from = arena.nextToMove()
      if (from === NULL_REF) {
        if (arena.committedUnits + units > arena.maxCommittedUnits && arena.beginEvacuation()) continue
        return
      }
      const isPage = regions.isPage(from)
      const needed = isPage ? regions.neededUnits(from) : records.neededUnits(from)
      const to = arena.alloc(needed) || arena.alloc(needed, true)
      if (to === NULL_REF) return
      quota -= needed + MOVE_COST_UNITS
      if (isPage) {
        regions.move(from, to)
        continue
      }
      const hash = hashOf(from)
      const growth = arena.units(to) - arena.units(from)
      prefetcher.invalidate()
      records.move(from, to, needed)
      index.replace(hash, from, to)
      eviction.moved(from, to, growth)
      recordMoved(to)
    }
  }
}

// Keeps the arena near its live bytes: moves records out of sparse segments when holes have become of no use.

import type { Hash } from '../bytes/hash.ts'
import { type Arena, NULL_REF, type Ref, UNIT_BYTES } from './arena.ts'
import type { Index } from './index.ts'
import type { ReadAhead } from './read-ahead.ts'
import type { Recency } from './recency.ts'
import type { Records } from './record.ts'

/** What the arena may commit beyond its live bytes before it is compacted: keeps RSS below 1.15 × budget. */
const ARENA_OVERHEAD = 1.09
/** Units moved at one allocation: a base, and so many times the allocation. */
const BASE_UNITS = 512
const FACTOR = 16
/** What looking a record up and mending the links to it costs, in units of copying. */
const MOVE_UNITS = 8

/** What knows where a record is. */
export interface RecordKeepers {
  readonly arena: Arena
  readonly index: Index
  readonly recency: Recency
  readonly records: Records
  readonly readAhead: ReadAhead
  readonly hashOf: (ref: Ref) => Hash
}

export class Compactor {
  readonly #keepers: RecordKeepers
  /** The budget and the size of the index that the arena's limit was computed from. */
  #maxBytes = -1
  #indexBytes = -1

  constructor(keepers: RecordKeepers) {
    this.#keepers = keepers
  }

  /** Lets the arena commit what a budget of `maxBytes` leaves it beside the index. */
  limit(maxBytes: number): void {
    const { arena, index } = this.#keepers
    if (index.bytes === this.#indexBytes && maxBytes === this.#maxBytes) return
    this.#maxBytes = maxBytes
    this.#indexBytes = index.bytes
    const room = (maxBytes - index.bytes) * ARENA_OVERHEAD + arena.segmentUnits * UNIT_BYTES
    arena.limit = Math.floor(room / UNIT_BYTES)
  }

  /** Whether work is left over from before. */
  get isDue(): boolean {
    const { arena } = this.#keepers
    return arena.evacuating || arena.footprint > arena.limit
  }

  /** Does a share of the work, in proportion to the allocation of `units` that pays for it. */
  compact(units: number): void {
    const { arena, index, recency, records, readAhead, hashOf } = this.#keepers
    if (!arena.evacuating && !arena.beginEvacuation()) return
    for (let quota = BASE_UNITS + units * FACTOR; quota > 0; ) {
      const from = arena.nextToMove()
      if (from === NULL_REF) {
        if (arena.footprint + units > arena.limit && arena.beginEvacuation()) continue
        return
      }
      const needed = records.neededUnits(from)
      const to = arena.alloc(needed) || arena.alloc(needed, true)
      if (to === NULL_REF) return
      const hash = hashOf(from)
      readAhead.invalidate()
      records.move(from, to, needed)
      index.replace(hash, from, to)
      recency.moved(to)
      quota -= needed + MOVE_UNITS
    }
  }
}

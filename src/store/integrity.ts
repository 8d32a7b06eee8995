// Checks that arena, index and recency list agree; for tests, O(n).

import { type Arena, NULL_REF, type Ref } from './arena.ts'
import type { Index } from './index.ts'
import type { Recency } from './recency.ts'
import { OLDER, type Records } from './record.ts'

export interface StoreParts {
  readonly arena: Arena
  readonly index: Index
  readonly recency: Recency
  readonly records: Records
  /** Where the index finds the key that a record has. */
  readonly findOwnKey: (ref: Ref) => Ref
}

/** @throws Error that says what contradicts what */
export function checkIntegrity({ arena, index, recency, records, findOwnKey }: StoreParts): void {
  let live = 0
  let holes = 0
  arena.walk((_ref, units, free) => {
    if (free) holes += units
    else live += units
  })
  if (live !== arena.liveUnits) throw new Error(`live units: ${live} walked, ${arena.liveUnits} counted`)
  if (!arena.evacuating && holes !== arena.binnedUnits()) throw new Error('a hole is in no bin')
  let listed = 0
  let listedUnits = 0
  for (let ref = recency.newest; ref !== NULL_REF; ref = records.word(ref, OLDER) as Ref) {
    if (findOwnKey(ref) !== ref) throw new Error('a listed record is not in the index')
    listed++
    listedUnits += arena.units(ref)
  }
  if (listed !== index.count) throw new Error(`${listed} records listed, ${index.count} indexed`)
  if (listedUnits !== live) throw new Error(`${listedUnits} units listed, ${live} live`)
}

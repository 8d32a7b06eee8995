// Checks that arena, index and eviction policy agree; for tests, O(n).

import type { Arena, Ref } from './arena.ts'
import type { EvictionPolicy } from './eviction/policy.ts'
import type { Index } from './index.ts'

export interface StoreParts {
  readonly arena: Arena
  readonly index: Index
  readonly eviction: EvictionPolicy
  /** Where the index finds the key that a record has. */
  readonly findOwnKey: (ref: Ref) => Ref
}

/** @throws Error that says what contradicts what */
export function checkIntegrity({ arena, index, eviction, findOwnKey }: StoreParts): void {
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
  eviction.forEach((ref) => {
    if (findOwnKey(ref) !== ref) throw new Error('a record of the eviction policy is not in the index')
    listed++
    listedUnits += arena.units(ref)
  })
  if (listed !== index.count) throw new Error(`${listed} records listed, ${index.count} indexed`)
  if (listedUnits !== live) throw new Error(`${listedUnits} units listed, ${live} live`)
}

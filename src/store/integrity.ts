// Checks that arena, index and eviction policy agree; for tests, O(n).

import type { Arena, Ref } from './arena.ts'
import type { EvictionPolicy } from './eviction/policy.ts'
import type { Index } from './index.ts'
import { isCollection } from './record.ts'
import type { Collections } from './types/collections.ts'
import type { Regions } from './types/regions.ts'

export interface StoreParts {
  readonly arena: Arena
  readonly index: Index
  readonly eviction: EvictionPolicy
  readonly regions: Regions
  readonly collections: Collections
  /** The record that the index finds for the key of a record. */
  readonly findOwnKey: (ref: Ref) => Ref
}

/** @throws Error that describes the contradiction */
export function checkIntegrity({
  arena,
  index,
  eviction,
  regions,
  collections,
  findOwnKey,
}: StoreParts): void {
  let live = 0
  let holes = 0
  arena.walk((ref, units, free) => {
    if (free) holes += units
    else live += units
    if (!free && regions.isPage(ref) && !regions.isKnown(ref)) throw new Error('a page belongs to no region')
  })
  if (live !== arena.liveUnits) throw new Error(`live units: ${live} walked, ${arena.liveUnits} counted`)
  if (!arena.evacuating && holes !== arena.binnedUnits()) throw new Error('a hole is in no bin')
  let listed = 0
  let listedUnits = regions.dyingUnits
  let listedRegions = 0
  eviction.forEach((ref) => {
    if (findOwnKey(ref) !== ref) throw new Error('a record of the eviction policy is not in the index')
    listed++
    listedUnits += arena.units(ref)
    if (!isCollection(collections.records.type(ref))) return
    const region = collections.regionOf(ref)
    if (region === 0) return
    if (regions.record(region) !== ref) throw new Error('a region belongs to another record')
    listedRegions++
    listedUnits += regions.units(region)
  })
  if (listedRegions !== regions.count)
    throw new Error(`${listedRegions} regions listed, ${regions.count} counted`)
  if (listed !== index.count) throw new Error(`${listed} records listed, ${index.count} indexed`)
  if (listedUnits !== live) throw new Error(`${listedUnits} units listed, ${live} live`)
}

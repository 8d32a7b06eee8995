// Samples of records by how long ago they were accessed.

import { NULL_REF, type Ref } from '../../arena.ts'
import type { EvictionContext } from '../policy.ts'
import { stampOf } from './stamps.ts'

/** Slots of the index that are sampled together, since a call costs something. */
const STEP = 128

/** How many accesses before `now` the last ones of `size` records were, in ascending order. No record is in a list. */
export function sampleAges({ arena, walk }: EvictionContext, now: number, size: number): Int32Array {
  const ages = new Int32Array(size)
  let sampled = 0
  let cursor = 0
  do {
    cursor = walk(cursor, STEP, (ref) => {
      if (sampled < size) ages[sampled++] = now - stampOf(arena, ref)
    })
  } while (cursor !== 0 && sampled < size)
  return ages.subarray(0, sampled).sort()
}

/**
 * The oldest of some records among those that have stamps; `NULL_REF`: none has one.
 *
 * @param from the hash to begin at, unsigned
 */
export function oldestOfSome(
  { arena, walk }: EvictionContext,
  now: number,
  from: number,
  isStamped: (ref: Ref) => boolean,
): Ref {
  let oldest = NULL_REF
  let most = -1
  let cursor = from
  for (let ends = 0; ends < 2 && oldest === NULL_REF; ) {
    cursor = walk(cursor, STEP, (ref) => {
      const age = (now - stampOf(arena, ref)) | 0
      if (age <= most || !isStamped(ref)) return
      oldest = ref
      most = age
    })
    if (cursor === 0) ends++
  }
  return oldest
}

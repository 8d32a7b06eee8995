// The two eviction words of a record under LRU, while the record is not in a list.

import type { Arena, Ref } from '../../arena.ts'
import { EVICTION_WORDS } from '../../record.ts'

/** The number of the last access. */
export const STAMP = EVICTION_WORDS
/** `UNLISTED`, or where the record is in the buckets. */
const PLACE = EVICTION_WORDS + 1
/** No block begins at this reference, the last unit of all: so it is no link of a list. Nor is it a place. */
export const UNLISTED = -1

export function stampOf({ words, shift, unitMask }: Arena, ref: Ref): number {
  return words[ref >>> shift][((ref & unitMask) << 1) + STAMP]
}

/** The place of a record; for a record in a list a link, which may look like one. */
export function placeOf({ words, shift, unitMask }: Arena, ref: Ref): number {
  return words[ref >>> shift][((ref & unitMask) << 1) + PLACE]
}

export function setPlace({ words, shift, unitMask }: Arena, ref: Ref, place: number): void {
  words[ref >>> shift][((ref & unitMask) << 1) + PLACE] = place
}

export function markUnlisted(arena: Arena, ref: Ref): void {
  setPlace(arena, ref, UNLISTED)
}

// Sends a large collection part by part, so that neither node works on it for long at a time. See `Arrivals`.

import type { Group } from '../../group/group.ts'
import { NULL_REF, type Ref } from '../../store/arena.ts'
import { dumpValue } from '../../store/rdb/dump-value.ts'
import { ValueType } from '../../store/record.ts'
import type { Store } from '../../store/store.ts'
import { hasPages } from '../../store/transfer/detached.ts'
import type { Pace } from './pace.ts'

/** Collections with more bytes are sent in parts; streams are not, as a part of a stream is not a valid stream. */
export const LARGE_BYTES: number = 256 * 1024
/** Elements of a part: half a millisecond of work on either side, if they are short. */
const PART_ELEMENTS = 256
/** A part with more bytes has fewer elements next time. */
const PART_BYTES = 64 * 1024
/** Time before a part that was answered with `later` is sent again, ms. */
const RETRY_MS = 50

/** The receiver's answer to PEER PART. `unknown`: it is of a version without it. */
type PartAnswer = 'taken' | 'kept' | 'refused' | 'later' | 'unknown'
export type SendPart = (
  to: string,
  group: Group,
  key: Buffer,
  number: number,
  dump: Buffer,
) => Promise<PartAnswer>

export interface PartsOptions {
  readonly pace: Pace
  readonly sendPart: SendPart
  /** The group that has this store now; `undefined`: none. */
  readonly groupOf: (store: Store) => Group | undefined
  /** Whether the key still has to be sent to this member. */
  readonly isMeant: () => boolean
}

/**
 * The outcome. `parts`: all parts were taken, and the rest of the entry may follow. `changed`, `gone`: the key was
 * changed, or was removed or has another destination. `kept`: the receiver has a newer value. `refused`, `unknown`: see
 * `PartAnswer`.
 */
export type PartsOutcome = { readonly parts: number } | 'changed' | 'gone' | 'kept' | 'refused' | 'unknown'

export function isLarge(store: Store, ref: Ref, from: number): boolean {
  if (!hasPages(store, ref) || store.records.type(ref) === ValueType.STREAM) return false
  return store.collections.regionBytes(ref) > from
}

export async function sendInParts(
  store: Store,
  key: Buffer,
  to: string,
  { pace, sendPart, groupOf, isMeant }: PartsOptions,
): Promise<PartsOutcome> {
  let elements = PART_ELEMENTS
  let from = 0
  let parts = 0
  let stamp = -1
  for (;;) {
    const ref = store.peek(key, 0, key.length)
    const group = groupOf(store)
    if (ref === NULL_REF || group === undefined || !isMeant()) return 'gone'
    const now = store.collections.stamp(ref)
    if (stamp !== -1 && now !== stamp) return 'changed'
    stamp = now
    if (from >= lengthOf(store, ref)) return { parts }
    const dump = dumpValue(store, ref, from, elements)
    await pace.throttle(dump.length)
    const answer = await sendPart(to, group, key, parts, dump).catch(() => 'later' as const)
    if (answer === 'later') await pace.wait(RETRY_MS)
    else if (answer !== 'taken') return answer
    else {
      parts++
      from += elements
      if (dump.length > PART_BYTES) elements = Math.max(1, elements >> 1)
    }
    await pace.yieldIfDue()
  }
}

function lengthOf({ collections, hashes, records }: Store, ref: Ref): number {
  return records.type(ref) === ValueType.HASH ? hashes.storedLength(ref) : collections.length(ref)
}

// What commands that write to an origin change: of each key what it becomes there, and what the cache then holds.

import { type Entry, putEntry } from '../../commands/keys/entry.ts'
import type { Group } from '../../group/group.ts'
import type { Write } from '../../group/writes/queue.ts'
import type { WriteOutcome } from '../../group/writes/writes.ts'
import { NULL_REF, type Ref } from '../../store/arena.ts'
import { EXPIRES, LOADED, ValueType } from '../../store/record.ts'

/** What a command does to a key at the origin, and in the cache: `entry` undefined, it is removed there. */
export interface Change extends Write {
  readonly entry: Entry | undefined
}

/** Whether a record is there that a write does not take for absent. */
export function isValue({ store }: Group, ref: Ref): boolean {
  if (ref === NULL_REF || store.records.type(ref) === ValueType.ABSENT) return false
  return !store.records.isStale(ref, store.nowCell)
}

/** Makes the cache hold what the origin does, or will. */
export function apply(group: Group, { key, entry }: Change): void {
  if (entry === undefined) {
    group.remove(key)
    return
  }
  const isOver = (entry.flags & EXPIRES) !== 0 && Number(entry.deadline) <= group.store.now
  if (group.isWatched) group.fence(key, 0, key.length)
  const flags = entry.flags & ~LOADED
  // One that has become too large meanwhile is not kept either: the budget has changed.
  if (isOver || !putEntry(group, key, 0, key.length, { ...entry, from: group, flags })) group.remove(key)
}

/**
 * Makes the cache follow those that the origin has taken. Of what nobody knows it holds what is stale at most, and nothing
 * once the client has been told that it is written: no read may find less than that.
 */
export function applyOutcome(
  group: Group,
  changes: readonly Change[],
  { taken, unsure, error }: WriteOutcome,
): void {
  for (const change of changes) {
    if (taken.includes(change)) apply(group, change)
    else if (!unsure.includes(change)) continue
    else if (error === undefined) group.remove(change.key)
    else group.markStale(change.key)
  }
}

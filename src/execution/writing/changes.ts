// The changes that a command makes to keys, at the origin and then in the cache.

import { type Entry, putEntry } from '../../commands/keys/entry.ts'
import type { Group } from '../../group/group.ts'
import type { Write } from '../../group/writes/queue.ts'
import type { WriteOutcome } from '../../group/writes/writes.ts'
import { NULL_REF, type Ref } from '../../store/arena.ts'
import { EXPIRES, LOADED, ValueType } from '../../store/record.ts'

/** The change of one key at the origin and in the cache; without an `entry` the key is removed from the cache. */
export interface Change extends Write {
  readonly entry: Entry | undefined
}

/** A key of which only the TTL has changed: that concerns the cache only. */
export interface Retimed {
  readonly key: Buffer
  /** 0: none. */
  readonly deadline: number
}

/** Whether a record exists for a write: neither absent nor stale. */
export function isValue({ store }: Group, ref: Ref): boolean {
  if (ref === NULL_REF || store.records.type(ref) === ValueType.ABSENT) return false
  return !store.records.isStale(ref, store.nowCell)
}

/** Applies a change, which the origin has or will have, to the cache. */
export function apply(group: Group, { key, entry }: Change): void {
  if (entry === undefined) {
    group.remove(key)
    return
  }
  const isOver = (entry.flags & EXPIRES) !== 0 && Number(entry.deadline) <= group.store.now
  if (group.isWatched) group.fence(key, 0, key.length)
  const flags = entry.flags & ~LOADED
  // The budget may have shrunk meanwhile: an entry that no longer fits is removed.
  if (isOver || !putEntry(group, key, 0, key.length, { ...entry, from: group, flags })) group.remove(key)
}

/** Changes the deadline of an entry in the cache. */
export function retime(group: Group, { key, deadline }: Retimed): void {
  if (group.isWatched) group.fence(key, 0, key.length)
  const { store } = group
  const ref = store.peek(key, 0, key.length)
  if (ref === NULL_REF) return
  if (deadline !== 0 && deadline <= store.now) {
    store.remove(ref)
    return
  }
  store.deadline[0] = deadline
  store.expire(ref)
}

/**
 * Applies the changes that the origin has accepted to the cache. If it is unknown whether a change was accepted, the
 * cached value becomes stale after an error reply. After a success reply it is removed: a later read must not see the
 * value from before the write.
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

// A record copied out of the arena, without its key, to be stored under another key or in another group.

import type { Group } from '../../group/group.ts'
import { NULL_REF, type Ref } from '../../store/arena.ts'
import { EXPIRES, LOADED, TAGS } from '../../store/record.ts'
import { EntryTags } from '../../store/validity/tags.ts'
import { copyValue, putValue, type Value } from '../../store/value.ts'

/** A copy, since writing to the store may move or evict the original record. */
export interface Entry {
  readonly from: Group
  readonly value: Value
  /** `EXPIRES`, `LOADED`, and the flags of tags. */
  readonly flags: number
  readonly isRaw: boolean
  /** With `EXPIRES`: an int64, milliseconds since the epoch. */
  readonly deadline: bigint
  /** With `LOADED`: when it was loaded (ms since the epoch), and how long the load took (ms). */
  readonly loadedAt: number
  readonly loadMs: number
  readonly tagging: EntryTags
}

export function copyEntry(from: Group, ref: Ref): Entry {
  const { records } = from.store
  const deadline = records.exactDeadline(ref)
  const tagging = new EntryTags()
  records.readTags(ref, tagging)
  return {
    from,
    value: copyValue(from.store, ref),
    flags: (records.flags(ref) & LOADED) | (deadline === 0n ? 0 : EXPIRES) | records.tagFlags(ref),
    isRaw: records.isRaw(ref),
    deadline,
    loadedAt: records.loadedAt(ref),
    loadMs: records.loadMs(ref),
    tagging,
  }
}

/**
 * Stores an entry under a key of a group. It keeps its deadline; without one, in another group it gets that group's
 * TTL. The load time is kept only within its own group.
 * False: the entry alone exceeds the budget; nothing has changed.
 */
export function putEntry(group: Group, key: Buffer, start: number, end: number, entry: Entry): boolean {
  const { store } = group
  const { value } = entry
  let flags = entry.flags
  if (group !== entry.from) flags = (flags & EXPIRES || group.lifetime()) | (flags & TAGS)
  if ((entry.flags & EXPIRES) !== 0) store.deadline[0] = Number(entry.deadline)
  store.loadedAt[0] = entry.loadedAt
  store.loadMs = entry.loadMs
  store.entryTags.copyFrom(entry.tagging)
  const ref = putValue(store, key, start, end, value, flags)
  if (ref === NULL_REF) return false
  if (entry.isRaw) store.records.markRaw(ref)
  if ((entry.flags & EXPIRES) !== 0) store.records.setExactDeadline(ref, entry.deadline)
  return true
}

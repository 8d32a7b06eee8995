// A record copied out of the arena, without its key, to be stored under another key or in another group.

import type { Group } from '../../group/group.ts'
import { NULL_REF, type Ref } from '../../store/arena.ts'
import { EXPIRES, isCollection, LOADED, TAGS } from '../../store/record.ts'
import type { Store } from '../../store/store.ts'
import { attach, copyOf, detach, hasPages } from '../../store/transfer/detached.ts'
import { EntryTags } from '../../store/validity/tags.ts'
import { copyValue, putValue, type Value } from '../../store/value.ts'

/** A record without its value: what is copied with it. */
interface EntryFacts {
  readonly from: Group
  /** `EXPIRES`, `LOADED`, and the flags of tags. */
  readonly flags: number
  readonly isRaw: boolean
  /** See `Collections.isLarge`; `undefined`: it is a string. */
  readonly isLarge: boolean | undefined
  /** With `EXPIRES`: an int64, milliseconds since the epoch. */
  readonly deadline: bigint
  /** With `LOADED`: when it was loaded (ms since the epoch), and how long the load took (ms). */
  readonly loadedAt: number
  readonly loadMs: number
  readonly tagging: EntryTags
}

/** A copy, since writing to the store may move or evict the original record. */
export interface Entry extends EntryFacts {
  readonly value: Value
}

export function copyEntry(from: Group, ref: Ref): Entry {
  const { flags, isRaw, isLarge, deadline, loadedAt, loadMs, tagging } = factsOf(from, ref)
  const value = copyValue(from.store, ref)
  // Field by field: V8 makes an object that begins with a spread a dictionary.
  return { from, value, flags, isRaw, isLarge, deadline, loadedAt, loadMs, tagging }
}

function factsOf(from: Group, ref: Ref): EntryFacts {
  const { collections, records } = from.store
  const deadline = records.exactDeadline(ref)
  const tagging = new EntryTags()
  records.readTags(ref, tagging)
  return {
    from,
    flags: (records.flags(ref) & LOADED) | (deadline === 0n ? 0 : EXPIRES) | records.tagFlags(ref),
    isRaw: records.isRaw(ref),
    isLarge: isCollection(records.type(ref)) ? collections.isLarge(ref) : undefined,
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
  return put(group, entry, (flags) => putValue(group.store, key, start, end, entry.value, flags))
}

/** The same for the entry of a record, which stays. Large collections are copied page by page. */
export function copyEntryTo(
  group: Group,
  key: Buffer,
  start: number,
  end: number,
  from: Group,
  ref: Ref,
): boolean {
  const facts = factsOf(from, ref)
  const { store } = group
  if (!hasPages(from.store, ref)) return put(group, facts, storing(store, key, start, end, from.store, ref))
  if (!store.fits(end - start, from.store.valueLength(ref), facts.flags)) return false
  const copied = copyOf(from.store, ref, store)
  return copied !== undefined && put(group, facts, (flags) => attach(store, key, start, end, copied, flags))
}

/** Gives a record another key. False: it exceeds the budget with that; nothing has changed. */
export function renameEntry(group: Group, key: Buffer, start: number, end: number, ref: Ref): boolean {
  const { store } = group
  const facts = factsOf(group, ref)
  if (!hasPages(store, ref)) {
    // Once the entry is removed, storing it again must not fail; removing it first saves the room for two copies.
    if (!store.fits(end - start, store.valueLength(ref), facts.flags)) return false
    const write = storing(store, key, start, end, store, ref)
    store.remove(ref)
    return put(group, facts, write)
  }
  const longer = Math.max(0, end - start - store.records.keyLength(ref))
  if (!store.hasRoom(store.bytesOf(ref) + longer + 16)) return false
  const detached = detach(store, ref)
  return put(group, facts, (flags) => attach(store, key, start, end, detached, flags))
}

/** Copies the value of a record without pages; the function stores it under a key. A packed collection is its bytes. */
function storing(
  store: Store,
  key: Buffer,
  start: number,
  end: number,
  from: Store,
  ref: Ref,
): (flags: number) => Ref {
  const value = from.copyValue(ref)
  const type = from.records.type(ref)
  return (flags) => store.put(key, start, end, value, 0, value.length, type, flags)
}

/** Stores a value with these facts: `write` gets the flags, and the arguments in fields of the store. */
function put(group: Group, entry: EntryFacts, write: (flags: number) => Ref): boolean {
  const { store } = group
  let flags = entry.flags
  if (group !== entry.from) flags = (flags & EXPIRES || group.lifetime()) | (flags & TAGS)
  if ((entry.flags & EXPIRES) !== 0) store.deadline[0] = Number(entry.deadline)
  store.loadedAt[0] = entry.loadedAt
  store.loadMs = entry.loadMs
  store.entryTags.copyFrom(entry.tagging)
  const ref = write(flags)
  if (ref === NULL_REF) return false
  if (entry.isRaw) store.records.markRaw(ref)
  // As in Redis a collection keeps its encoding: it may have shrunk, or the limits may be other ones.
  if (entry.isLarge !== undefined) store.collections.setLarge(ref, entry.isLarge)
  if ((entry.flags & EXPIRES) !== 0) store.records.setExactDeadline(ref, entry.deadline)
  return true
}

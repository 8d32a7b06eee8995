// Dry run: runs a command on a scratch copy of its keys, to learn its reply and what it would write to the origin.

import { copyEntry, type Entry, putEntry } from '../../commands/keys/entry.ts'
import { tooLarge } from '../../commands/spec/errors.ts'
import type { LoadResult } from '../../group/flights/flight.ts'
import type { Group } from '../../group/group.ts'
import { scratchOf } from '../../group/scratch.ts'
import { isErrorReply } from '../../resp/reply.ts'
import { NULL_REF } from '../../store/arena.ts'
import { EXPIRES, LOADED } from '../../store/record.ts'
import { Collection, putValue, sameValue, type Value } from '../../store/value.ts'
import { type Change, isValue, type Retimed } from './changes.ts'

export interface DryRunResult {
  readonly reply: Buffer
  readonly changes: readonly Change[]
  /** Keys of which only the TTL has changed: that concerns the cache only. */
  readonly retimed: readonly Retimed[]
  /** An error that replaces both. */
  readonly refusal?: string
}

/** What a dry run executes: a command, or the commands of a transaction. Keys are given by their index. */
export interface DryRunnable {
  /** Whether the client gives a TTL with the value. Asked for after `run`. */
  readonly givesTtl: (key: number) => boolean
  /** Whether it removes the key from the origin even if it is not cached. Asked for after `run`. */
  readonly removesUncached: (key: number) => boolean
  /** The entry that the key had until its TTL was over, if that is why it is gone. Asked for after `run`. */
  readonly expired?: (key: number) => Entry | undefined
  /** Runs it on the scratch group. */
  readonly run: (group: Group) => Buffer
}

/** @param loadResults of keys that are not cached */
export function dryRun(
  group: Group,
  keys: readonly Buffer[],
  loadResults: ReadonlyMap<Buffer, LoadResult>,
  command: DryRunnable,
): DryRunResult {
  const scratch = scratchOf(group, keys.length)
  const { store } = scratch
  try {
    const before = keys.map((key) => prepare(group, scratch, key, loadResults.get(key)))
    const reply = command.run(scratch)
    const changes: Change[] = []
    const retimed: Retimed[] = []
    for (const [i, key] of keys.entries()) {
      const ref = store.peek(key, 0, key.length)
      const old = before[i]?.value
      const givesTtl = command.givesTtl(i)
      const expired = ref === NULL_REF ? command.expired?.(i) : undefined
      if (ref === NULL_REF && expired === undefined) {
        // A value set with a deadline in the past is removed at once.
        const isOver = givesTtl && !isErrorReply(reply)
        if (old !== undefined || isOver || command.removesUncached(i))
          changes.push({ key, value: null, entry: undefined })
        continue
      }
      const entry = expired ?? copyEntry(scratch, ref)
      const { value } = entry
      // A key that was set counts as changed even if its value is the same.
      const isSet = (entry.flags & LOADED) === 0
      const timed = expired
        ? { ...entry, flags: entry.flags | EXPIRES, deadline: BigInt(group.store.now) }
        : entry
      const deadline = (timed.flags & EXPIRES) === 0 ? 0 : Number(timed.deadline)
      if (!isSet && old !== undefined && sameValue(old, value)) {
        if (deadline !== before[i]?.deadline) retimed.push({ key, deadline })
        continue
      }
      if (!group.store.fits(key.length, value.length, entry.flags))
        return { reply, changes: [], retimed: [], refusal: tooLarge(group.store.maxBytes) }
      const replaced = value instanceof Collection ? (old ?? null) : undefined
      changes.push({
        key,
        value,
        before: replaced,
        entry: timed,
        deadline: givesTtl ? Number(entry.deadline) : undefined,
      })
    }
    return { reply, changes, retimed }
  } finally {
    for (const key of keys) scratch.remove(key)
  }
}

/** Copies a key's value into the scratch group, flagged as loaded: a value that the command sets has no such flag. */
function prepare(
  group: Group,
  scratch: Group,
  key: Buffer,
  loadResult: LoadResult | undefined,
): { readonly value: Value; readonly deadline: number } | undefined {
  const { store } = group
  const ref = store.peek(key, 0, key.length)
  if (isValue(group, ref)) {
    const entry = copyEntry(group, ref)
    const { value } = entry
    putEntry(scratch, key, 0, key.length, { ...entry, from: scratch, flags: entry.flags | LOADED })
    return { value, deadline: (entry.flags & EXPIRES) === 0 ? 0 : Number(entry.deadline) }
  }
  const value = loadResult?.value
  if (value === null || value === undefined) return undefined
  const deadline = deadlineOf(group, loadResult)
  scratch.store.deadline[0] = deadline
  const flags = deadline === Infinity ? LOADED : LOADED | EXPIRES
  putValue(scratch.store, key, 0, key.length, value, flags)
  return { value, deadline: deadline === Infinity ? 0 : deadline }
}

/** The deadline of a value that was loaded but not stored. With a TTL of 0 it expires after this millisecond. */
function deadlineOf(group: Group, loadResult: LoadResult | undefined): number {
  const ttl = loadResult?.facts?.ttl
  if (ttl === Infinity) return ttl
  if (ttl !== undefined) return Math.min(group.store.now + Math.ceil(ttl), Number.MAX_SAFE_INTEGER)
  return group.lifetime() === 0 ? Infinity : group.store.deadline[0]
}

// Dry run: runs a command on a scratch copy of its keys, to learn its reply and what it would write to the origin.

import { copyEntry, putEntry } from '../../commands/keys/entry.ts'
import { tooLarge } from '../../commands/spec/errors.ts'
import type { LoadResult } from '../../group/flights/flight.ts'
import type { Group } from '../../group/group.ts'
import { scratchOf } from '../../group/scratch.ts'
import { NULL_REF } from '../../store/arena.ts'
import { EXPIRES, LOADED } from '../../store/record.ts'
import { fitsValue, putValue, sameValue, type Value } from '../../store/value.ts'
import { type Change, isValue } from './changes.ts'

export interface DryRunResult {
  readonly reply: Buffer
  readonly changes: readonly Change[]
  /** An error that replaces both. */
  readonly refusal?: string
}

/** The command as a dry run sees it. */
export interface DryRunnable {
  /** Whether the client gives a TTL. */
  readonly givesTtl: boolean
  /** Whether it removes keys from the origin even if they are not cached. */
  readonly removesUncached: boolean
  /** Runs it on the scratch group. */
  readonly run: (group: Group) => Buffer
}

/** '-', the first byte of an error reply. */
const ERROR = 0x2d

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
    for (const [i, key] of keys.entries()) {
      const ref = store.peek(key, 0, key.length)
      const old = before[i]
      if (ref === NULL_REF) {
        // A value set with a deadline in the past is removed at once.
        const isOver = command.givesTtl && reply[0] !== ERROR
        if (old !== undefined || isOver || command.removesUncached)
          changes.push({ key, value: null, entry: undefined })
        continue
      }
      const entry = copyEntry(scratch, ref)
      const { value } = entry
      // A key that was set counts as changed even if its value is the same.
      const isSet = (entry.flags & LOADED) === 0
      if (!isSet && old !== undefined && sameValue(old, value)) continue
      if (!fitsValue(group.store, key.length, value, entry.flags))
        return { reply, changes: [], refusal: tooLarge(group.store.maxBytes) }
      changes.push({ key, value, entry, deadline: command.givesTtl ? Number(entry.deadline) : undefined })
    }
    return { reply, changes }
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
): Value | undefined {
  const { store } = group
  const ref = store.peek(key, 0, key.length)
  if (isValue(group, ref)) {
    const entry = copyEntry(group, ref)
    const { value } = entry
    putEntry(scratch, key, 0, key.length, { ...entry, from: scratch, flags: entry.flags | LOADED })
    return value
  }
  const value = loadResult?.value
  if (value === null || value === undefined) return undefined
  const deadline = deadlineOf(group, loadResult)
  scratch.store.deadline[0] = deadline
  const flags = deadline === Infinity ? LOADED : LOADED | EXPIRES
  putValue(scratch.store, key, 0, key.length, value, flags)
  return value
}

/** The deadline of a value that was loaded but not stored. With a TTL of 0 it expires after this millisecond. */
function deadlineOf(group: Group, loadResult: LoadResult | undefined): number {
  const ttl = loadResult?.facts?.ttl
  if (ttl === Infinity) return ttl
  if (ttl !== undefined) return Math.min(group.store.now + Math.ceil(ttl), Number.MAX_SAFE_INTEGER)
  return group.lifetime() === 0 ? Infinity : group.store.deadline[0]
}

// Learns what a command would write, and answer: it is run on what its keys hold, apart from the cache.

import { copyEntry, putEntry } from '../../commands/keys/entry.ts'
import { tooLarge } from '../../commands/spec/errors.ts'
import type { LoadResult } from '../../group/flights/flight.ts'
import type { Group } from '../../group/group.ts'
import { NULL_REF } from '../../store/arena.ts'
import { EXPIRES, LOADED, ValueType } from '../../store/record.ts'
import { type Change, isValue } from './changes.ts'

export interface DryRunResult {
  readonly reply: Buffer
  readonly changes: readonly Change[]
  /** An error that takes the place of both. */
  readonly refusal?: string
}

/** What has to be known of the command. */
export interface DryRunnable {
  /** Whether the client says for how long the value is to live. */
  readonly givesTtl: boolean
  /** Whether it removes keys from the origin that nobody holds. */
  readonly removesUncached: boolean
  /** Runs it on a group, which stands for the real one. */
  readonly run: (group: Group) => Buffer
}

/** What an error reply begins with. */
const ERROR = 0x2d

/** `loadResults`: what was loaded of keys that are not held. */
export function dryRun(
  group: Group,
  keys: readonly Buffer[],
  loadResults: ReadonlyMap<Buffer, LoadResult>,
  command: DryRunnable,
): DryRunResult {
  const scratch = group.scratch(keys.length)
  const { store } = scratch
  try {
    const before = keys.map((key) => prepare(group, scratch, key, loadResults.get(key)))
    const reply = command.run(scratch)
    const changes: Change[] = []
    for (const [i, key] of keys.entries()) {
      const ref = store.peek(key, 0, key.length)
      const old = before[i]
      if (ref === NULL_REF) {
        // A value whose time is over when it is set is gone at once.
        const isOver = command.givesTtl && reply[0] !== ERROR
        if (old !== undefined || isOver || command.removesUncached)
          changes.push({ key, value: null, entry: undefined })
        continue
      }
      const entry = copyEntry(scratch, ref)
      const { value } = entry
      // What was set, even to the value that it had, came anew.
      const isSet = (entry.flags & LOADED) === 0
      if (!isSet && old?.equals(value)) continue
      if (!group.store.fits(key.length, value.length, entry.flags))
        return { reply, changes: [], refusal: tooLarge(group.store.maxBytes) }
      changes.push({ key, value, entry, deadline: command.givesTtl ? Number(entry.deadline) : undefined })
    }
    return { reply, changes }
  } finally {
    for (const key of keys) scratch.remove(key)
  }
}

/** Puts what a key holds into the scratch, marked as loaded so that what is set there can be told from it. */
function prepare(
  group: Group,
  scratch: Group,
  key: Buffer,
  loadResult: LoadResult | undefined,
): Buffer | undefined {
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
  scratch.store.put(key, 0, key.length, value, 0, value.length, ValueType.STRING, flags)
  return value
}

/** When a value ends that was loaded and is not held. One that is never kept lives through this millisecond. */
function deadlineOf(group: Group, loadResult: LoadResult | undefined): number {
  const ttl = loadResult?.facts?.ttl
  if (ttl === Infinity) return ttl
  if (ttl !== undefined) return Math.min(group.store.now + Math.ceil(ttl), Number.MAX_SAFE_INTEGER)
  return group.lifetime() === 0 ? Infinity : group.store.deadline[0]
}

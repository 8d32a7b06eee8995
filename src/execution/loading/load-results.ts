// The results of the loads that a command waited for, and the store that a read runs on when not all were admitted.

import type { LoadResult } from '../../group/flights/flight.ts'
import { MAX_KEY_BYTES } from '../../group/flights/loadable-key.ts'
import type { Group } from '../../group/group.ts'
import { temporaryStore } from '../../group/scratch.ts'
import type { Args } from '../../resp/args.ts'
import { NULL_REF } from '../../store/arena.ts'
import { EXPIRES, ValueType } from '../../store/record.ts'
import type { Store } from '../../store/store.ts'
import { copyValue, putValue, type Value } from '../../store/value.ts'

/** A command fails when this many loads of one of its keys were fenced in a row. */
export const MAX_ATTEMPTS = 8
export const CHANGED_IN_EACH = `the key was changed during each of ${MAX_ATTEMPTS} loads`

/** Load results by `keyName`. */
export type LoadResults = Map<string, LoadResult>

/**
 * A string that identifies a key. Keys too long to be loaded may share one; their commands then wait for each other
 * without need. A string cannot hold the longest keys.
 */
export function keyName(args: Args, i: number): string {
  const length = args.length(i)
  return length <= MAX_KEY_BYTES ? args.latin1(i) : `${args.latin1(i, MAX_KEY_BYTES)} ${length}`
}

/** The error that a command fails with, if any. A read accepts a stale value where the load failed, a write does not. */
export function firstError(loadResults: LoadResults, isWrite: boolean): string | undefined {
  for (const { error, isStale } of loadResults.values())
    if (error !== undefined && (isWrite || isStale !== true)) return error
  return undefined
}

/**
 * The store that a read runs on after its loads: the group's own if it still has what was loaded, else a temporary
 * one. The value of a fenced load is for its waiters only.
 */
export function storeForRead(
  group: Group,
  args: Args,
  positions: readonly number[],
  loadResults: LoadResults,
): Store {
  const { store } = group
  const { buf, start, end } = args
  const isMissing = (i: number): boolean => {
    const loadResult = loadResults.get(keyName(args, i))
    if (loadResult === undefined || loadResult.fenced) return loadResult !== undefined
    return loadResult.value !== null && store.peek(buf, start[i], end[i]) === NULL_REF
  }
  if (!positions.some(isMissing)) return store
  const values = new Map<number, Value>()
  let bytes = 0
  for (const i of positions) {
    const loadResult = loadResults.get(keyName(args, i))
    const value = loadResult === undefined ? cachedValue(store, args, i) : loadResult.value
    if (value === null) continue
    values.set(i, value)
    bytes += args.length(i) + value.length
  }
  const temporary = temporaryStore(group, values.size, bytes)
  for (const [i, value] of values) putValue(temporary, buf, start[i], end[i], value, 0)
  return temporary
}

/** Whether a load gave a value with a TTL of 0, and no write has fenced it. */
export function hasZeroTtl({ value, fenced, facts }: LoadResult): boolean {
  return value !== null && !fenced && facts?.ttl === 0
}

/** Whether a read-modify-write has to load again, because another command has changed what its load gave. */
export function mustReload(loadResult: LoadResult): boolean {
  return loadResult.fenced || (loadResult.value !== null && !hasZeroTtl(loadResult))
}

/**
 * Stores values with a TTL of 0 until the end of this millisecond, for a command that changes them; the new value
 * expires then, too.
 */
export function storeTemporarily(
  group: Group,
  args: Args,
  positions: readonly number[],
  loadResults: LoadResults,
): void {
  const { store } = group
  const { buf, start, end } = args
  for (const i of positions) {
    const loadResult = loadResults.get(keyName(args, i))
    if (!loadResult?.value || !hasZeroTtl(loadResult) || !group.wouldLoad(buf, start[i], end[i], true))
      continue
    const { value } = loadResult
    store.deadline[0] = store.now
    putValue(store, buf, start[i], end[i], value, EXPIRES)
  }
}

function cachedValue(store: Store, args: Args, i: number): Value | null {
  const ref = store.peek(args.buf, args.start[i], args.end[i])
  return ref === NULL_REF || store.records.type(ref) === ValueType.ABSENT ? null : copyValue(store, ref)
}

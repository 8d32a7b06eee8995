// How the loads of a held command ended, and what a read is answered from when not all of it was kept.

import type { LoadResult } from '../../group/flights/flight.ts'
import { MAX_KEY_BYTES } from '../../group/flights/loadable-key.ts'
import type { Group } from '../../group/group.ts'
import type { Args } from '../../resp/args.ts'
import { NULL_REF } from '../../store/arena.ts'
import { EXPIRES, ValueType } from '../../store/record.ts'
import type { Store } from '../../store/store.ts'

/** By the names of keys. */
export type LoadResults = Map<string, LoadResult>

/**
 * Tells keys apart. One that is too long to be asked for may have the name of another, which then waits in vain:
 * V8 has no string for the longest keys.
 */
export function keyName(args: Args, i: number): string {
  const length = args.length(i)
  return length <= MAX_KEY_BYTES ? args.latin1(i) : `${args.latin1(i, MAX_KEY_BYTES)} ${length}`
}

/** Why a command fails. A read is content with a stale value where the load failed, a write is not. */
export function firstError(loadResults: LoadResults, isWrite: boolean): string | undefined {
  for (const { error, isStale } of loadResults.values())
    if (error !== undefined && (isWrite || isStale !== true)) return error
  return undefined
}

/**
 * The keyspace a held read runs on: the group's own if it still has what was loaded, else a passing one. A fenced
 * load's value is for its waiters only.
 */
export function storeForRead(
  group: Group,
  args: Args,
  positions: readonly number[],
  loadResults: LoadResults,
): Store {
  const { store } = group
  const { buf, start, end } = args
  const isLost = (i: number): boolean => {
    const loadResult = loadResults.get(keyName(args, i))
    if (loadResult === undefined || loadResult.fenced) return loadResult !== undefined
    return loadResult.value !== null && store.peek(buf, start[i], end[i]) === NULL_REF
  }
  if (!positions.some(isLost)) return store
  const values = new Map<number, Buffer>()
  let bytes = 0
  for (const i of positions) {
    const loadResult = loadResults.get(keyName(args, i))
    const value = loadResult === undefined ? cachedValue(store, args, i) : loadResult.value
    if (value === null) continue
    values.set(i, value)
    bytes += args.length(i) + value.length
  }
  const passing = group.temporaryStore(values.size, bytes)
  for (const [i, value] of values)
    passing.put(buf, start[i], end[i], value, 0, value.length, ValueType.STRING, 0)
  return passing
}

/** Whether a load gave a value that has no lifetime, though no write came between. */
function hasZeroTtl({ value, fenced, facts }: LoadResult): boolean {
  return value !== null && !fenced && facts?.ttl === 0
}

/** Whether a read-modify-write has to load again: somebody has changed what its load gave. */
export function mustReload(loadResult: LoadResult): boolean {
  return loadResult.fenced || (loadResult.value !== null && !hasZeroTtl(loadResult))
}

/**
 * Holds what has no lifetime through this millisecond, for a command that changes it; what that makes of it has none
 * either.
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
    store.put(buf, start[i], end[i], value, 0, value.length, ValueType.STRING, EXPIRES)
  }
}

function cachedValue(store: Store, args: Args, i: number): Buffer | null {
  const ref = store.peek(args.buf, args.start[i], args.end[i])
  return ref === NULL_REF || store.records.type(ref) === ValueType.ABSENT ? null : store.copyValue(ref)
}

// Reads and writes of a group for the embedding API, with loads from the origin and writes to it.

import { NULL_REF } from '../store/arena.ts'
import { EXPIRES, ValueType } from '../store/record.ts'
import { Collection, copyValue, type Value } from '../store/value.ts'
import type { LoadResult } from './flights/flight.ts'
import type { Group } from './group.ts'
import { OriginError } from './policy.ts'
import type { WriteOutcome } from './writes/writes.ts'

/**
 * Steps 4 to 7 of the read path. Resolves to a copy of the value, or `null` if there is none.
 * @throws OriginError
 */
export async function fetchValue(group: Group, key: Buffer): Promise<Buffer | null> {
  const { store, instant } = group
  instant.refresh()
  let ref = store.get(key, 0, key.length)
  const isDue = ref !== NULL_REF && store.records.needsRefresh(ref, instant.ms)
  if (isDue && !group.serves(ref, key, 0, key.length)) ref = NULL_REF
  if (ref !== NULL_REF && store.records.type(ref) !== ValueType.ABSENT) {
    group.hits++
    return stringOf(copyValue(store, ref))
  }
  if (ref !== NULL_REF && group.flights !== undefined) {
    group.negativeHits++
    return null
  }
  group.misses++
  if (group.flights === undefined) return null
  const loadResult = await new Promise<LoadResult>((resolve) => group.load(key, resolve))
  const { value, error, cause, isStale } = loadResult
  if (isStale === true) group.rescued++
  if (error !== undefined && isStale !== true) throw originError(group, error, cause)
  return value === null ? null : Buffer.from(stringOf(value))
}

/** @throws Error as GET on a collection */
function stringOf(value: Value): Buffer {
  if (value instanceof Collection)
    throw new Error('WRONGTYPE Operation against a key holding the wrong kind of value')
  return value
}

/**
 * Sets a key to a string in the cache only; with `ttlMs` 0 the group's TTL applies.
 * @throws RangeError when the entry alone exceeds the budget; then nothing has changed
 */
export function writeValue(group: Group, key: Buffer, value: Buffer, ttlMs: number): void {
  const { store, instant } = group
  instant.refresh()
  if (group.isWatched) group.fence(key, 0, key.length)
  store.deadline[0] = instant.now + ttlMs
  const ref = group.set(key, 0, key.length, value, 0, value.length, ttlMs === 0 ? 0 : EXPIRES)
  if (ref === NULL_REF)
    throw new RangeError(
      `the entry alone exceeds the budget of ${store.maxBytes} bytes: raise maxBytes of the group, or split the value`,
    )
}

/**
 * Writes a key, or removes it (`null`), in the cache and at the origin as the policy says. Resolves to whether the
 * cache changed.
 * @throws OriginError, RangeError as `writeValue`
 */
export async function changeValue(
  group: Group,
  key: Buffer,
  value: Buffer | null,
  ttlMs: number,
): Promise<boolean> {
  const apply = (): boolean => {
    if (value === null) return group.remove(key)
    writeValue(group, key, value, ttlMs)
    return true
  }
  const { writes } = group
  if (writes === undefined) return apply()
  if (writes.mode === 'refuse') throw originError(group, 'the group refuses writes', undefined)
  // An entry too large for the cache is not written to the origin either.
  if (value !== null && !group.store.fits(key.length, value.length, EXPIRES)) return apply()
  return writes.exclusive([key], async () => {
    const { instant } = group
    instant.refresh()
    const deadline = value === null || ttlMs === 0 ? undefined : instant.now + ttlMs
    const change = [{ key, value, deadline }]
    const conclude = ({
      unsure,
      error,
      cause,
    }: Pick<WriteOutcome, 'unsure' | 'error' | 'cause'>): boolean => {
      if (error !== undefined) {
        if (unsure.length > 0) group.markStale(key)
        throw originError(group, error, cause)
      }
      if (unsure.length === 0) return apply()
      group.remove(key)
      return true
    }
    if (writes.mode === 'through') return writes.through(change, conclude)
    return conclude({ unsure: [], error: writes.enqueue(change) })
  })
}

function originError(group: Group, reason: string, cause: unknown): OriginError {
  return new OriginError(`${group.name}: ${reason}`, cause === undefined ? undefined : { cause })
}

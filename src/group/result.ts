// Validates the results of an origin: anything that is not a valid result becomes an error of its key.

import type { Value } from '../store/value.ts'
import { describe, valueFrom } from './loaded-value.ts'
import { BadRequest, Loaded, type LoadedFacts, type OriginResult, type OriginResults } from './origin.ts'

/** A valid result: bytes, or null if the key does not exist. */
export interface ReadResult {
  readonly value: Value | null
  /** Facts about it, if the origin returned any. */
  readonly facts: LoadedFacts | undefined
}

const MAX_SHOWN = 60

/** @throws TypeError naming the key, for an invalid result */
export function readResult(
  result: OriginResult | Value,
  key: string,
  cached?: { readonly value: Value; readonly validator: string },
): ReadResult {
  if (!(result instanceof Loaded)) return { value: toValue(result, key), facts: undefined }
  if (result.unchanged && cached !== undefined)
    return {
      value: cached.value,
      facts: { ...result.facts, validator: result.facts.validator ?? cached.validator },
    }
  if (result.unchanged)
    throw new TypeError(`the origin returned unchanged() for ${showKey(key)}, which has no cached version`)
  return { value: toValue(result.value, key), facts: result.facts }
}

/**
 * The results of several keys in order; the single results are not validated yet.
 * @throws BadRequest naming the keys, if the results cannot be assigned to them
 */
export function readResults(
  results: OriginResults,
  keys: readonly string[],
): readonly (OriginResult | Error)[] {
  if (results instanceof Map)
    return keys.map((key) => (results as ReadonlyMap<string, OriginResult | Error>).get(key))
  const names = keys.length === 1 ? showKey(keys[0]) : `${showKey(keys[0])} and ${keys.length - 1} more keys`
  if (!Array.isArray(results))
    throw new BadRequest(`loadMany gave ${describe(results)} for ${names}, not an array or a Map`)
  if (results.length !== keys.length)
    throw new BadRequest(
      `loadMany gave an array of ${results.length} for ${names}, wants one of ${keys.length}`,
    )
  return results
}

/** One line, short enough for an error reply. */
export function reasonOf(error: unknown): string {
  const line = textOf(error).replace(/\s+/g, ' ').trim()
  return line.length > 200 ? `${line.slice(0, 200)}…` : line || 'failed'
}

function toValue(value: unknown, key: string): Value | null {
  try {
    return valueFrom(value)
  } catch (error) {
    throw new TypeError(
      `the origin gave ${(error as Error).message} for ${showKey(key)}: a value is a string, bytes, null, or an object, Map, array, Set or sortedSet() of strings, bytes and numbers`,
    )
  }
}

/** A key in an error: in quotes, and not too long. */
export function showKey(key: string): string {
  return JSON.stringify(key.length > MAX_SHOWN ? `${key.slice(0, MAX_SHOWN)}…` : key)
}

/** Anything can be thrown, even objects whose getters throw. */
function textOf(error: unknown): string {
  try {
    return String(error instanceof Error ? error.message || error.name : error)
  } catch {
    return 'failed with an error without a message'
  }
}

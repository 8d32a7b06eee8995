// Checks and converts the arguments of the embedding API.

import { kindOf } from '../config/readers.ts'

/** Text, which is stored as UTF-8, or bytes. */
export type Bytes = string | Uint8Array

export interface SetOptions {
  /** Lifetime in milliseconds, at least 1; without one, the group's. */
  readonly ttl?: number
}

/** @throws TypeError, RangeError */
export function ttlOf(options: SetOptions): number | undefined {
  if (typeof options !== 'object' || options === null)
    throw new TypeError(`got ${kindOf(options)} for the options, wants an object such as { ttl: 60_000 }`)
  const { ttl } = options
  if (ttl === undefined) return undefined
  if (typeof ttl !== 'number') throw new TypeError(`got ${kindOf(ttl)} for the ttl, wants milliseconds`)
  if (!(ttl >= 1)) throw new RangeError(`got a ttl of ${ttl}, wants milliseconds, at least 1`)
  return ttl
}

/** The arguments of SET for a TTL. */
export function ttlArguments(ttl: number | undefined): string[] {
  if (ttl === undefined) return []
  if (!Number.isSafeInteger(Math.ceil(ttl))) throw new RangeError(`got a ttl of ${ttl}, wants less`)
  return ['PX', String(Math.ceil(ttl))]
}

/** A copy: the caller may change its own while a load runs. */
export function bytesOf(value: Bytes, what: string): Buffer {
  if (typeof value === 'string') return Buffer.from(value, 'utf8')
  if (value instanceof Uint8Array) return Buffer.from(value)
  throw new TypeError(`got ${kindOf(value)} for ${what}, wants a string or bytes (a Uint8Array)`)
}

export function textOf(value: Buffer | null): string | null {
  return value === null ? null : value.toString('utf8')
}

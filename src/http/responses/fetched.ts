// Decodes the reply of FETCH: see `commands/own/fetch.ts`.

import { parseReplies, type Reply } from '../../cluster/links/request.ts'
import type { FetchSource } from '../../commands/own/fetch.ts'

export interface Fetched {
  readonly source: FetchSource
  /** As TYPE has it; `none`: there is no value. */
  readonly type: string
  /** `undefined`: it was not loaded. */
  readonly ageMs: number | undefined
  /** The remaining TTL; negative: it has expired; `undefined`: there is no TTL. */
  readonly ttlMs: number | undefined
  readonly loadMs: number | undefined
  readonly waitMs: number
  /** The bytes of a string; the elements of a collection; `undefined`: there is no value. */
  readonly value: Buffer | readonly Reply[] | undefined
}

const CR = 0x0d
const STAR = 0x2a
const DOLLAR = 0x24
const MINUS = 0x2d
const ZERO = 0x30
const LETTER_I = 0x69
const LETTER_S = 0x73

const SOURCES: Readonly<Record<number, FetchSource>> = {
  104: 'hit',
  109: 'miss',
  115: 'stale',
  97: 'absent',
  99: 'copy',
}

/** The current read position in a reply. */
let at = 0

/**
 * Reads a reply that is not an error. A string, the usual value, is read here, without a parser's objects; its bytes are a view
 * of the reply.
 */
export function readFetched(reply: Buffer): Fetched {
  at = 4
  const source = SOURCES[reply[at + 1]]
  skipLine(reply)
  // Two letters tell `string` from `set` and `stream`.
  const isString = reply[at + 1] === LETTER_S && reply[at + 4] === LETTER_I
  if (reply[0] !== STAR || source === undefined || !isString) return parseFetched(reply)
  skipLine(reply)
  const ageMs = readNumber(reply)
  const ttlMs = readNumber(reply)
  const loadMs = readNumber(reply)
  const waitMs = readNumber(reply) ?? 0
  const length = readNumber(reply) ?? 0
  return { source, type: 'string', ageMs, ttlMs, loadMs, waitMs, value: reply.subarray(at, at + length) }
}

/** Any type, by a parser. */
function parseFetched(reply: Buffer): Fetched {
  const [parts] = parseReplies(reply)
  if (!Array.isArray(parts) || parts.length < 7) throw new Error('not a reply of FETCH')
  const [source, type, ageMs, ttlMs, loadMs, waitMs, value] = parts
  return {
    source: String(source) as FetchSource,
    type: String(type),
    ageMs: numberOf(ageMs),
    ttlMs: numberOf(ttlMs),
    loadMs: numberOf(loadMs),
    waitMs: numberOf(waitMs) ?? 0,
    value: value === null ? undefined : (value as Buffer | Reply[]),
  }
}

function numberOf(reply: Reply): number | undefined {
  return typeof reply === 'number' ? reply : undefined
}

function skipLine(bytes: Buffer): void {
  while (bytes[at] !== CR) at++
  at += 2
}

/** An integer, or the length of a bulk string; `undefined` for `$-1`. */
function readNumber(bytes: Buffer): number | undefined {
  const isBulk = bytes[at++] === DOLLAR
  const isNegative = bytes[at] === MINUS
  if (isNegative) at++
  let n = 0
  for (; bytes[at] !== CR; at++) n = n * 10 + bytes[at] - ZERO
  at += 2
  if (isBulk && isNegative) return undefined
  return isNegative ? -n : n
}

// Values of headers and query parameters.

import { parseMilliseconds } from '../../bytes/units.ts'
import { quote } from '../responses/problem.ts'
import { BadRequestError } from './target.ts'

/** Redis: a TTL must end before 2^63 ms since the epoch. This ends far earlier. */
const MAX_TTL_MS = 2 ** 52

/**
 * A TTL in ms: `5m`, `250ms` or a number of ms.
 * @throws BadRequestError
 */
export function lifetimeOf(text: string | null): number | undefined {
  if (text === null) return undefined
  const ms = parseMilliseconds(text)
  if (ms !== undefined && ms >= 1 && ms <= MAX_TTL_MS) return Math.ceil(ms)
  throw new BadRequestError(
    `got ${quote(text)} for ttl, wants a duration such as 5m, or milliseconds, at least 1`,
  )
}

/** The bytes of names that a header lists. */
export function listOf(text: string | undefined, separator: ',' | ' '): readonly Buffer[] {
  if (text === undefined) return []
  const names = text.split(separator === ',' ? ',' : /[\s,]+/).map((name) => name.trim())
  // Node.js gives the bytes of headers as one character each.
  return names.filter((name) => name !== '').map((name) => Buffer.from(name, 'latin1'))
}

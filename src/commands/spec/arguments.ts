// Parsers of arguments that several commands share.

import { parseInt64, parseInteger } from '../../bytes/numbers/decimal.ts'
import type { Context } from './context.ts'
import { NOT_AN_INTEGER } from './errors.ts'

/**
 * Argument `i` as an integer. Beyond 2^53 the nearest double: precise enough to compare with lengths.
 * NaN after an error reply: it is not an int64.
 */
export function readInteger(c: Context, i: number): number {
  const { buf, start, end } = c.args
  const n = parseInteger(buf, start[i], end[i])
  if (!Number.isNaN(n)) return n
  const large = parseInt64(buf, start[i], end[i])
  if (large !== null) return Number(large)
  c.reply.error(NOT_AN_INTEGER)
  return Number.NaN
}

const NOT_POSITIVE = 'ERR value is out of range, must be positive'

/** Argument `i` as an integer of at least `least`. NaN after the error reply. */
export function readPositive(c: Context, i: number, least = 0, error: string = NOT_POSITIVE): number {
  const { buf, start, end } = c.args
  const n = parseInteger(buf, start[i], end[i])
  const value = Number.isNaN(n) ? Number(parseInt64(buf, start[i], end[i]) ?? Number.NaN) : n
  if (value >= least) return value
  c.reply.error(error)
  return Number.NaN
}

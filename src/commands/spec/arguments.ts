// Parsers of arguments that several commands share.

import { parseInt64, parseInteger } from '../../bytes/numbers/decimal.ts'
import type { Args } from '../../resp/args.ts'
import type { Context } from './context.ts'
import { NOT_AN_INTEGER } from './errors.ts'

/**
 * Argument `i` as an integer. Beyond 2^53 the nearest double: precise enough to compare with lengths. NaN: it is not an
 * int64.
 */
export function integerAt({ buf, start, end }: Args, i: number): number {
  const n = parseInteger(buf, start[i], end[i])
  return Number.isNaN(n) ? Number(parseInt64(buf, start[i], end[i]) ?? Number.NaN) : n
}

/** The same; NaN after the error reply. */
export function readInteger(c: Context, i: number, error: string = NOT_AN_INTEGER): number {
  const n = integerAt(c.args, i)
  if (Number.isNaN(n)) c.reply.error(error)
  return n
}

/** The exact int64 in argument `i`. `undefined` after the error reply. */
export function readInt64(
  { args, reply }: Context,
  i: number,
  error: string = NOT_AN_INTEGER,
): bigint | undefined {
  const n = parseInt64(args.buf, args.start[i], args.end[i])
  if (n !== null) return n
  reply.error(error)
  return undefined
}

const NOT_POSITIVE = 'ERR value is out of range, must be positive'

/** Argument `i` as an integer of at least `least`. NaN after the error reply. */
export function readPositive(c: Context, i: number, least = 0, error: string = NOT_POSITIVE): number {
  const n = integerAt(c.args, i)
  if (n >= least) return n
  c.reply.error(error)
  return Number.NaN
}

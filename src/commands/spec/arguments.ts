// Arguments that several commands read alike.

import { parseInt64, parseInteger } from '../../bytes/numbers/decimal.ts'
import type { Context } from './context.ts'
import { NOT_AN_INTEGER } from './errors.ts'

/**
 * Argument `i` as an integer; beyond 2^53 the nearest number, which is as good where it is compared with lengths.
 * NaN: it is no int64, and the reply says so.
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

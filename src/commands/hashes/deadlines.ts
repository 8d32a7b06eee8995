// What the commands on lifetimes of fields share: the parsing of deadlines and of `FIELDS numfields field …`.

import { parseInt64, parseInteger } from '../../bytes/numbers/decimal.ts'
import type { Context } from '../spec/context.ts'
import { NOT_AN_INTEGER } from '../spec/errors.ts'
import { arg, option } from '../spec/shorthand.ts'

/** The latest deadline, ms since the epoch (Redis: `HFE_MAX_ABS_TIME_MSEC`). */
const MAX_DEADLINE = 2 ** 46 - 1

const NOT_A_COUNT = 'ERR Number of fields must be a positive integer'
const NO_FIELDS = 'ERR Mandatory argument FIELDS is missing or not at the right position'
const OTHER_COUNT = 'ERR The `numfields` parameter must match the number of arguments'

/** COMMAND DOCS of `FIELDS numfields field …`. */
export const FIELDS = arg('fields', 'block', {
  token: 'FIELDS',
  arguments: [arg('numfields', 'integer'), arg('field', 'string', { multiple: true })],
})

/** COMMAND DOCS of `EX seconds` and its like. */
export const LIFETIMES = [
  option('EX', 'seconds', 'integer'),
  option('PX', 'milliseconds', 'integer'),
  option('EXAT', 'unix-time-seconds', 'unix-time'),
  option('PXAT', 'unix-time-milliseconds', 'unix-time'),
] as const

/**
 * Argument `i` as a time; returns the deadline in ms since the epoch. NaN after an error reply.
 *
 * @param unitMs 1000: it is in seconds
 * @param since what it is counted from, ms since the epoch
 */
export function readDeadline(c: Context, i: number, unitMs: number, since: number): number {
  const { buf, start, end } = c.args
  const n = parseInteger(buf, start[i], end[i])
  const time = Number.isNaN(n) ? Number(parseInt64(buf, start[i], end[i]) ?? Number.NaN) : n
  const deadline = time * unitMs + since
  if (Number.isNaN(time)) c.reply.error(NOT_AN_INTEGER)
  else if (time < 0) c.reply.error('ERR invalid expire time, must be >= 0')
  else if (deadline > MAX_DEADLINE)
    c.reply.error(`ERR invalid expire time in '${c.command.fullName}' command`)
  else return deadline
  return Number.NaN
}

/**
 * The position of the first field behind `FIELDS numfields`, which begins at argument `i`; 0 after an error reply. All
 * arguments behind are fields.
 */
export function readFields(c: Context, i: number, notACount: string = NOT_A_COUNT): number {
  const { args, reply } = c
  const at = i + 1
  if (at >= args.count || !args.is(i, 'FIELDS')) {
    reply.error(NO_FIELDS)
    return 0
  }
  const n = parseInteger(args.buf, args.start[at], args.end[at])
  const isLarge = Number.isNaN(n) && (parseInt64(args.buf, args.start[at], args.end[at]) ?? 0n) > 0n
  if (n > 0 || isLarge) {
    if (n === args.count - at - 1) return at + 1
    reply.error(OTHER_COUNT)
  } else reply.error(notACount)
  return 0
}

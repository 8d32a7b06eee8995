// What the commands on TTLs of fields share: the parsing of deadlines and of `FIELDS numfields field …`.

import { integerAt, readInteger } from '../spec/arguments.ts'
import type { Context } from '../spec/context.ts'
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
  const time = readInteger(c, i)
  if (Number.isNaN(time)) return time
  const deadline = time * unitMs + since
  if (time < 0) c.reply.error('ERR invalid expire time, must be >= 0')
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
  const n = integerAt(args, at)
  if (n > 0) {
    if (n === args.count - at - 1) return at + 1
    reply.error(OTHER_COUNT)
  } else reply.error(notACount)
  return 0
}

// The timeouts of blocking commands.

import { parseInt64 } from '../../../bytes/numbers/decimal.ts'
import { parseLongDouble } from '../../../bytes/numbers/long-double.ts'
import type { Args } from '../../../resp/args.ts'
import type { TimeoutArgument } from '../command.ts'
import type { Context } from '../context.ts'

/** `key … timeout` */
export const timeoutLast = (args: Args): TimeoutArgument => ({ at: args.count - 1, unitMs: 1000 })
/** `timeout key …` */
export const timeoutFirst = (): TimeoutArgument => ({ at: 1, unitMs: 1000 })

/** The time in ms; 0: without end, or no valid time. */
export function timeoutMsOf(args: Args, { at, unitMs }: TimeoutArgument): number {
  const ms = Number(args.latin1(at)) * unitMs
  return Number.isFinite(ms) && ms > 0 ? ms : 0
}

/** The text of an argument that stands for this time; never 0, which means without end. */
export function timeoutText(ms: number, { unitMs }: TimeoutArgument): string {
  return String(Math.max(1, Math.ceil(ms)) / unitMs)
}

const MAX_INT64 = 2 ** 63
const NEGATIVE = 'ERR timeout is negative'
const OUT_OF_RANGE = 'ERR timeout is out of range'

/**
 * Argument `i`, seconds, as milliseconds, rounded up; 0: without end. -1 after an error reply. As in Redis, so are -0.5 ms,
 * which are rounded up to 0.
 */
export function readTimeout({ args, instant, reply }: Context, i: number): number {
  const seconds = parseLongDouble(args.buf, args.start[i], args.end[i])
  if (seconds === null) reply.error('ERR timeout is not a float or out of range')
  else {
    const isInfinite = seconds.exponent === Number.POSITIVE_INFINITY
    const exact = isInfinite ? seconds.exponent : Number(seconds.significand) * 2 ** seconds.exponent * 1000
    const ms = seconds.negative ? -Math.floor(exact) : Math.ceil(exact)
    // Redis: it ends at a time that is an int64.
    if (ms >= MAX_INT64 - instant.now) reply.error(OUT_OF_RANGE)
    else if (ms < 0) reply.error(NEGATIVE)
    else return Math.abs(ms)
  }
  return -1
}

/** Argument `i`, milliseconds; 0: without end. -1 after an error reply. */
export function readTimeoutMs({ args, instant, reply }: Context, i: number): number {
  const ms = parseInt64(args.buf, args.start[i], args.end[i])
  if (ms === null) reply.error('ERR timeout is not an integer or out of range')
  else if (ms < 0n) reply.error(NEGATIVE)
  else if (Number(ms) >= MAX_INT64 - instant.now) reply.error(OUT_OF_RANGE)
  else return Number(ms)
  return -1
}

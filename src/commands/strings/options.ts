// The options of SET and GETEX as bits of one number, so that parsing allocates nothing.

import { parseInteger } from '../../bytes/numbers/decimal.ts'
import type { Args } from '../../resp/args.ts'
import type { Ref } from '../../store/arena.ts'
import { MAX_TAGS, tagHash } from '../../store/validity/tags.ts'
import type { Context } from '../spec/context.ts'
import { SYNTAX_ERROR } from '../spec/errors.ts'
import { EX, EXAT, PX, PXAT, readDeadline, settleDeadline, TIMED } from './lifetime.ts'

// Bits besides those of the times.
export const NX = 16
export const XX = 32
export const GET = 64
export const KEEPTTL = 128
export const PERSIST = 256
/** An extension of Erinys: `TAGS numtags tag [tag ...]`. */
export const TAGGED = 512

export const CONDITION = NX | XX
const LIFETIME = TIMED | KEEPTTL | PERSIST

export const SET_OPTIONS = CONDITION | GET | KEEPTTL | TIMED | TAGGED
export const GETEX_OPTIONS = PERSIST | TIMED

/** The position of the option's time is stored above the bits, in multiples of this. */
const POSITION = 1024

/** Options that consist of a time at argument `i` alone. */
export function timeAt(i: number, option: number): number {
  return option + i * POSITION
}

/**
 * The options from argument `first` on, as bits to be tested with `&`; 0 for none. -1 after a syntax error reply.
 * Redis (`parseExtendedStringArgumentsOrReply`) accepts one of NX and XX and one of the times, each repeatedly.
 */
export function readOptions(c: Context, first: number, allowed: number): number {
  const { args } = c
  let options = 0
  let position = 0
  for (let i = first; i < args.count; i++) {
    const one = optionAt(args, i) & allowed
    const others = (one & CONDITION) !== 0 ? CONDITION & ~one : (one & LIFETIME) !== 0 ? LIFETIME & ~one : 0
    const isAgain = one === TAGGED && (options & TAGGED) !== 0
    const lacksTime = (one & TIMED) !== 0 && i + 1 === args.count
    if (one === 0 || (options & others) !== 0 || lacksTime || isAgain) {
      c.reply.error(SYNTAX_ERROR)
      return -1
    }
    options |= one
    if ((one & TIMED) !== 0) position = ++i
    else if (one === TAGGED) {
      i = readTags(c, i + 1)
      if (i < 0) return -1
    }
  }
  return timeAt(position, options)
}

/** Reads the tags, whose count is argument `at`, into `store.entryTags`. The last tag's position; -1 as `readOptions`. */
function readTags({ args, group, reply }: Context, at: number): number {
  const { entryTags, validity } = group.store
  const count = at < args.count ? parseInteger(args.buf, args.start[at], args.end[at]) : 0
  if (!(count >= 1 && at + count < args.count)) {
    reply.error(SYNTAX_ERROR)
    return -1
  }
  entryTags.count = 0
  entryTags.epoch[0] = validity.tagEpochs.currentEpoch()
  for (let i = at + 1; i <= at + count; i++) {
    if (entryTags.add(tagHash(args.buf, args.start[i], args.end[i]))) continue
    reply.error(`ERR an entry has at most ${MAX_TAGS} tags`)
    return -1
  }
  return at + count
}

/** Whether one of the options from argument `first` on is a time. */
export function givesTime(args: Args, first: number): boolean {
  for (let i = first; i < args.count; i++) {
    const one = optionAt(args, i)
    if ((one & TIMED) !== 0) return true
    if (one === TAGGED && i + 1 < args.count)
      i += 1 + parseInteger(args.buf, args.start[i + 1], args.end[i + 1])
  }
  return false
}

/** Reads the options' time, if any, into `store.deadline`. False after an error reply. */
export function readTime(c: Context, options: number): boolean {
  return (options & TIMED) === 0 || readDeadline(c, Math.floor(options / POSITION), options)
}

/** Must be called for the written record: see `settleDeadline`. */
export function settleTime(c: Context, ref: Ref, options: number): void {
  if ((options & TIMED) !== 0) settleDeadline(c, ref, Math.floor(options / POSITION), options)
}

/** The bit of the option that argument `i` names; 0: not an option. */
function optionAt(args: Args, i: number): number {
  switch (args.length(i)) {
    case 2:
      if (args.is(i, 'EX')) return EX
      if (args.is(i, 'PX')) return PX
      if (args.is(i, 'NX')) return NX
      return args.is(i, 'XX') ? XX : 0
    case 3:
      return args.is(i, 'GET') ? GET : 0
    case 4:
      if (args.is(i, 'EXAT')) return EXAT
      if (args.is(i, 'TAGS')) return TAGGED
      return args.is(i, 'PXAT') ? PXAT : 0
    case 7:
      if (args.is(i, 'KEEPTTL')) return KEEPTTL
      return args.is(i, 'PERSIST') ? PERSIST : 0
    default:
      return 0
  }
}

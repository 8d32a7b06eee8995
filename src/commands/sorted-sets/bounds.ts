// The bounds of a range: by index, score or member.

import { parseBound } from '../../bytes/numbers/double.ts'
import type { Ref } from '../../store/arena.ts'
import type { SortedSets } from '../../store/types/sorted-sets.ts'
import { readInteger } from '../spec/arguments.ts'
import type { Context } from '../spec/context.ts'
import { endOf, startOf } from '../spec/values/positions.ts'

const OPEN = 0x28
const CLOSED = 0x5b
const PLUS = 0x2b
const MINUS = 0x2d

/** A range of a sorted set: the elements `from ≤ index < to`, in the order of the scores. Empty: `from ≥ to`. */
export interface Bounds {
  from(sortedSets: SortedSets, ref: Ref): number
  to(sortedSets: SortedSets, ref: Ref): number
}

/** From arguments `first` and `last`: negative ones are counted from the end. `undefined` after an error reply. */
export function readIndexBounds(
  c: Context,
  first: number,
  last: number,
  isReverse: boolean,
): Bounds | undefined {
  const start = readInteger(c, first)
  if (Number.isNaN(start)) return undefined
  const stop = readInteger(c, last)
  if (Number.isNaN(stop)) return undefined
  return {
    from(sortedSets, ref) {
      const length = sortedSets.length(ref)
      return isReverse ? length - endOf(stop, length) : startOf(start, length)
    },
    to(sortedSets, ref) {
      const length = sortedSets.length(ref)
      return isReverse ? length - startOf(start, length) : endOf(stop, length)
    },
  }
}

/** From arguments `min` and `max`: scores, `(` before one excludes it. `undefined` after an error reply. */
export function readScoreBounds(c: Context, min: number, max: number): Bounds | undefined {
  const { buf, start, end } = c.args
  const isMinOpen = isOpen(c, min)
  const isMaxOpen = isOpen(c, max)
  const low = parseBound(buf, start[min] + (isMinOpen ? 1 : 0), end[min])
  const high = parseBound(buf, start[max] + (isMaxOpen ? 1 : 0), end[max])
  if (Number.isNaN(low) || Number.isNaN(high)) {
    c.reply.error('ERR min or max is not a float')
    return undefined
  }
  return {
    from: (sortedSets, ref) => sortedSets.rankOfScore(ref, low, isMinOpen),
    to: (sortedSets, ref) => sortedSets.rankOfScore(ref, high, !isMaxOpen),
  }
}

/**
 * From arguments `min` and `max`: members behind `[`, or `(` to exclude them; `-` and `+` are below and above all.
 * `undefined` after an error reply.
 */
export function readMemberBounds(c: Context, min: number, max: number): Bounds | undefined {
  if (!isMemberBound(c, min) || !isMemberBound(c, max)) {
    c.reply.error('ERR min or max not valid string range item')
    return undefined
  }
  const isMinOpen = isOpen(c, min)
  const isMaxOpen = isOpen(c, max)
  return {
    from: (sortedSets, ref) => rankOf(c, sortedSets, ref, min, isMinOpen),
    to: (sortedSets, ref) => rankOf(c, sortedSets, ref, max, !isMaxOpen),
  }
}

function rankOf(c: Context, sortedSets: SortedSets, ref: Ref, i: number, orEqual: boolean): number {
  const { buf, start, end } = c.args
  const first = buf[start[i]]
  if (first === MINUS) return 0
  if (first === PLUS) return sortedSets.length(ref)
  return sortedSets.rankOfMember(ref, buf, start[i] + 1, end[i], orEqual)
}

function isOpen({ args }: Context, i: number): boolean {
  return args.length(i) > 0 && args.buf[args.start[i]] === OPEN
}

function isMemberBound({ args }: Context, i: number): boolean {
  const length = args.length(i)
  const first = length > 0 ? args.buf[args.start[i]] : 0
  return first === OPEN || first === CLOSED || (length === 1 && (first === PLUS || first === MINUS))
}

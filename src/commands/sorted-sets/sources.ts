// The inputs of ZUNION, ZINTER and ZDIFF: sorted sets, and sets, whose members have the score 1.

import { NULL_REF, type Ref } from '../../store/arena.ts'
import { ValueType } from '../../store/record.ts'
import type { Context } from '../spec/context.ts'
import { WRONG_TYPE } from '../spec/errors.ts'

const SET_SCORE = 1

/** One input; a key that does not exist is an empty one. */
export interface Source {
  readonly ref: Ref
  readonly isSet: boolean
  readonly size: number
  weight: number
}

/** The inputs under `count` keys from argument `first` on. `undefined` after WRONGTYPE. */
export function readSources(c: Context, first: number, count: number): Source[] | undefined {
  const { sortedSets, sets, records } = c.store
  const sources: Source[] = []
  for (let i = first; i < first + count; i++) {
    const ref = c.command.isWrite ? c.find(i) : c.read(i)
    const type = ref === NULL_REF ? ValueType.SORTED_SET : records.type(ref)
    const isSet = type === ValueType.SET
    if (!isSet && type !== ValueType.SORTED_SET) {
      c.reply.error(WRONG_TYPE)
      return undefined
    }
    const size = ref === NULL_REF ? 0 : isSet ? sets.size(ref) : sortedSets.length(ref)
    sources.push({ ref, isSet, size, weight: 1 })
  }
  return sources
}

/**
 * Visits the members of a source with their scores, until `visit` returns false, in an order in which other sources are
 * searched fast. It may call `scoreIn`.
 */
export function forEachMember(
  c: Context,
  { ref, isSet, size }: Source,
  visit: (bytes: Buffer, start: number, end: number, score: number) => boolean,
): void {
  if (size === 0) return
  const { sortedSets, sets } = c.store
  if (isSet) {
    const { member } = sets
    for (let is = sets.first(ref); is; is = sets.next())
      if (!visit(member.bytes, member.start, member.end, SET_SCORE)) return
    return
  }
  const { span, score } = sortedSets
  for (let is = sortedSets.first(ref); is; is = sortedSets.next())
    if (!visit(span.bytes, span.start, span.end, score[0])) return
}

/** The score of a member in a source; NaN: it is not in it. */
export function scoreIn(
  c: Context,
  { ref, isSet, size }: Source,
  bytes: Buffer,
  start: number,
  end: number,
): number {
  if (size === 0) return Number.NaN
  const { sortedSets, sets } = c.store
  if (isSet) return sets.has(ref, bytes, start, end) ? SET_SCORE : Number.NaN
  return sortedSets.find(ref, bytes, start, end) ? sortedSets.score[0] : Number.NaN
}

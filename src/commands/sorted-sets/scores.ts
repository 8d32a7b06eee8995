// Gives members scores, as the options of ZADD allow: ZADD, ZINCRBY, GEOADD.

import { NULL_REF, type Ref } from '../../store/arena.ts'
import { ValueType } from '../../store/record.ts'
import type { Context } from '../spec/context.ts'
import { argumentBytes, createCollection, findCollection, hasRoom } from '../spec/values/collection.ts'
import { elementBytes } from './elements.ts'

export const NX = 1
export const XX = 2
export const GT = 4
export const LT = 8
export const CHANGED = 16
export const INCREMENT = 32

/** Scores of more members are not kept after the command. */
const KEPT_SCORES = 1024
let scores = new Float64Array(KEPT_SCORES)
/** The new score of the last member; NaN: the options have excluded it. */
export const lastScore: Float64Array = new Float64Array(1)

/** Room for the scores of as many members, to be filled in before `setScores`. */
export function scoresFor(count: number): Float64Array {
  if (count > scores.length || scores.length > KEPT_SCORES)
    scores = new Float64Array(Math.max(count, KEPT_SCORES))
  return scores
}

/**
 * Gives the `count` members in arguments `first`, `first + step`, … of the key in argument 1 the scores that were filled in.
 * Returns the reply of ZADD; -1 after an error reply.
 */
export function setScores(c: Context, first: number, step: number, count: number, options: number): number {
  const found = findCollection(c, 1, ValueType.SORTED_SET)
  if (found === undefined) return -1
  if (found === NULL_REF && (options & XX) !== 0) {
    lastScore[0] = Number.NaN
    return 0
  }
  const bytes = elementBytes(argumentBytes(c, first, step), count)
  if (!hasRoom(c, found, 1, bytes, count)) return -1
  const ref = found === NULL_REF ? createCollection(c, 1, ValueType.SORTED_SET) : found
  const changes = setEach(c, ref, first, step, count, options)
  if (changes < 0) c.reply.error('ERR resulting score is not a number (NaN)')
  return changes
}

/** -1: a sum is NaN. */
function setEach(
  c: Context,
  created: Ref,
  first: number,
  step: number,
  count: number,
  options: number,
): number {
  const { buf, start, end } = c.args
  const { sortedSets, collections } = c.group.store
  const { score } = sortedSets
  let ref = created
  let added = 0
  let updated = 0
  for (let i = 0, at = first; i < count; i++, at += step) {
    const from = start[at]
    const to = end[at]
    const given = scores[i]
    lastScore[0] = Number.NaN
    if (sortedSets.find(ref, buf, from, to)) {
      if ((options & NX) !== 0) continue
      const old = score[0]
      const next = (options & INCREMENT) === 0 ? given : old + given
      if (Number.isNaN(next)) return -1
      if ((options & LT && next >= old) || (options & GT && next <= old)) continue
      lastScore[0] = next
      if (next === old) continue
      score[0] = next
      ref = sortedSets.update(ref, buf, from, to)
      updated++
    } else if ((options & XX) === 0) {
      score[0] = given
      lastScore[0] = given
      ref = sortedSets.insert(ref, buf, from, to)
      added++
    }
  }
  collections.finish(ref, sortedSets.length(ref), added + updated > 0)
  return options & CHANGED ? added + updated : added
}

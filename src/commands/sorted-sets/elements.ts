// Members and scores in replies, and sorted sets that a command makes as a whole.

import { NULL_REF } from '../../store/arena.ts'
import { ValueType } from '../../store/record.ts'
import type { ScoredMembers } from '../../store/types/bulk/scored-members.ts'
import { PACKED_ELEMENTS } from '../../store/types/collections.ts'
import type { SortedSets } from '../../store/types/sorted-sets.ts'
import type { Context } from '../spec/context.ts'
import { createCollection, hasRoom } from '../spec/values/collection.ts'

/** The header of a reply of `count` elements. With scores RESP2 has twice as many values, RESP3 has pairs. */
export function replyElementCount(c: Context, count: number, hasScores: boolean): void {
  c.reply.array(hasScores && c.reply.protocol === 2 ? 2 * count : count)
}

/** Writes the element that was read. */
export function replyElement(c: Context, { span, score }: SortedSets, hasScore: boolean): void {
  const { reply } = c
  if (hasScore && reply.protocol === 3) reply.array(2)
  reply.bulk(span.bytes, span.start, span.end, span.view)
  if (hasScore) reply.doubleOf(score)
}

/** Bytes that a sorted set may grow by for `count` members of `bytes` together: each may be in two trees. */
export function elementBytes(bytes: number, count: number): number {
  return 2 * bytes + 16 * count
}

/**
 * Replaces what is under the key in argument `i` by these elements, and replies their number. None: the key is removed.
 *
 * @param asWhole Redis chooses the encoding when all elements are there, not when it adds one: a score may stay -0
 */
export function storeElements(
  c: Context,
  i: number,
  { members, scores, count }: ScoredMembers,
  asWhole: boolean,
): void {
  const { reply, group } = c
  const { sortedSets, collections } = group.store
  if (count === 0) {
    const old = c.peek(i)
    if (old !== NULL_REF) group.store.remove(old)
    reply.integer(0)
    return
  }
  if (!hasRoom(c, NULL_REF, i, elementBytes(members.size, count), count)) return
  let ref = createCollection(c, i, ValueType.SORTED_SET)
  if (count > PACKED_ELEMENTS) ref = sortedSets.load(ref, members, scores)
  else {
    const { bytes, starts, ends } = members
    if (asWhole && sortedSets.areLarge(members)) collections.setLarge(ref, true)
    for (let at = 0; at < count; at++) {
      sortedSets.find(ref, bytes, starts[at], ends[at])
      sortedSets.score[0] = scores[at]
      ref = sortedSets.insert(ref, bytes, starts[at], ends[at])
    }
  }
  collections.finish(ref, count)
  reply.integer(count)
}

// Random elements of a collection, by rank: HRANDFIELD, SRANDMEMBER, SPOP, ZRANDMEMBER.

import { readInteger } from '../arguments.ts'
import type { Context } from '../context.ts'

export const OUT_OF_RANGE = 'ERR value is out of range'
const MAX_INT64 = '9223372036854775807'
/** The most elements that one command draws with repetition. Redis replies until its memory is full. */
const MAX_DRAWS = 2 ** 24

/** Argument `i` as the count of HRANDFIELD and its like; negative: with repetition. `undefined` after an error reply. */
export function readSampleCount(c: Context, i: number): number | undefined {
  const count = readInteger(c, i)
  if (Number.isNaN(count)) return undefined
  if (count >= -MAX_DRAWS) return count
  const isLeast = c.args.length(i) > MAX_INT64.length && c.args.latin1(i).endsWith('808')
  const bounds = `, value must between -${MAX_INT64} and ${MAX_INT64}`
  c.reply.error(isLeast ? OUT_OF_RANGE + bounds : OUT_OF_RANGE)
  return undefined
}

/**
 * `count` different ranks below `size`, each with the same probability, in ascending order.
 *
 * @param count at most `size`
 * @param random uniform in [0, 1)
 */
export function sampleRanks(count: number, size: number, random: () => number): number[] {
  // Most of them: the others are chosen instead. Otherwise a rank would be drawn many times.
  const isInverse = count > size / 2
  const chosen = new Set<number>()
  // R. Floyd's method: one draw per rank.
  const draws = isInverse ? size - count : count
  for (let i = size - draws; i < size; i++) {
    const rank = Math.floor(random() * (i + 1))
    chosen.add(chosen.has(rank) ? i : rank)
  }
  if (!isInverse) return [...chosen].sort((a, b) => a - b)
  const ranks: number[] = []
  for (let rank = 0; rank < size; rank++) if (!chosen.has(rank)) ranks.push(rank)
  return ranks
}

// Random elements of a collection, by rank: HRANDFIELD, SRANDMEMBER, SPOP, ZRANDMEMBER.

import { NULL_REF, type Ref } from '../../../store/arena.ts'
import type { ValueType } from '../../../store/record.ts'
import type { Store } from '../../../store/store.ts'
import { readInteger } from '../arguments.ts'
import type { Context } from '../context.ts'
import { SYNTAX_ERROR } from '../errors.ts'
import { readCollection } from './collection.ts'

const OUT_OF_RANGE = 'ERR value is out of range'
const MAX_INT64 = '9223372036854775807'
/** The most elements that one command draws with repetition. Redis replies until its memory is full. */
const MAX_DRAWS = 2 ** 24
/** With a second value for each element, a reply has twice as many values: Redis's limit is half of the largest int64. */
const MAX_PAIRS = 2 ** 62

/** How the elements of a type of collection are read and replied. */
export interface Sampled {
  readonly type: ValueType
  size(store: Store, ref: Ref): number
  /** Reads the element with a rank. */
  seek(store: Store, ref: Ref, rank: number): boolean
  /** Reads the first one in the order in which all are replied. False: there is none. */
  first(store: Store, ref: Ref): boolean
  /** Reads the one after it. False: there is none. */
  next(store: Store): boolean
  /** Replies the element that was read. */
  reply(c: Context): void
  /** An option that adds a second value to each element, and what it adds. */
  readonly second?: { readonly option: string; reply(c: Context): void }
}

/** HRANDFIELD and its like: `key [count [option]]`. */
export function replyRandom(c: Context, sampled: Sampled): void {
  if (c.args.count === 2) replyOne(c, sampled)
  else replyMany(c, sampled)
}

function replyOne(c: Context, sampled: Sampled): void {
  const ref = readCollection(c, 1, sampled.type)
  if (ref === undefined) return
  if (ref === NULL_REF) {
    c.reply.null()
    return
  }
  const { store } = c
  sampled.seek(store, ref, Math.floor(c.group.environment.random() * sampled.size(store, ref)))
  sampled.reply(c)
}

function replyMany(c: Context, sampled: Sampled): void {
  const { args, reply } = c
  const { second } = sampled
  // Redis: before the count if there is no option.
  if (second === undefined && args.count > 3) {
    reply.error(SYNTAX_ERROR)
    return
  }
  const wanted = readSampleCount(c, 2)
  if (wanted === undefined) return
  const isPair = second !== undefined && args.count === 4 && args.is(3, second.option)
  if (args.count > 3 && !isPair) {
    reply.error(SYNTAX_ERROR)
    return
  }
  if (isPair && Math.abs(wanted) > MAX_PAIRS) {
    reply.error(OUT_OF_RANGE)
    return
  }
  const ref = readCollection(c, 1, sampled.type)
  if (ref === undefined) return
  const { store } = c
  const size = ref === NULL_REF ? 0 : sampled.size(store, ref)
  const count = size === 0 ? 0 : wanted < 0 ? -wanted : Math.min(wanted, size)
  const isNested = isPair && reply.protocol === 3
  reply.array(isPair && !isNested ? 2 * count : count)
  if (count === 0) return
  const answer = (): void => {
    if (isNested) reply.array(2)
    sampled.reply(c)
    if (isPair) second.reply(c)
  }
  const { random } = c.group.environment
  if (wanted < 0) {
    for (let i = 0; i < count; i++) {
      sampled.seek(store, ref, Math.floor(random() * size))
      answer()
    }
  } else if (count === size) {
    for (let is = sampled.first(store, ref); is; is = sampled.next(store)) answer()
  } else {
    for (const rank of sampleRanks(count, size, random)) {
      sampled.seek(store, ref, rank)
      answer()
    }
  }
}

/** Argument `i` as the count of HRANDFIELD and its like; negative: with repetition. `undefined` after an error reply. */
function readSampleCount(c: Context, i: number): number | undefined {
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
  // Most ranks are wanted: the ones to leave out are drawn instead, since drawing many would repeat ranks.
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

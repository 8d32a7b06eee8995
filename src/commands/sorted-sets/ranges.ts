// Ranges of elements: ZRANGE and its older forms, ZRANGESTORE.

import { NULL_REF, type Ref } from '../../store/arena.ts'
import { ValueType } from '../../store/record.ts'
import { ScoredMembers } from '../../store/types/bulk/scored-members.ts'
import { readInteger } from '../spec/arguments.ts'
import type { CommandSpec } from '../spec/command.ts'
import type { Context } from '../spec/context.ts'
import { SYNTAX_ERROR } from '../spec/errors.ts'
import { readCollection } from '../spec/values/collection.ts'
import { type Bounds, readIndexBounds, readMemberBounds, readScoreBounds } from './bounds.ts'
import { replyElement, replyElementCount, storeElements } from './elements.ts'
import { RANGE_SPECS, type RangeForm, type RangeOrder } from './range-specs.ts'

interface RangeOptions {
  readonly order: RangeOrder
  readonly isReverse: boolean
  readonly hasScores: boolean
  readonly offset: number
  /** Negative: all. */
  readonly limit: number
}

/** The options behind argument `first`. `undefined` after an error reply. */
function readOptions(c: Context, first: number, form: RangeForm): RangeOptions | undefined {
  const { args, reply } = c
  let { order, isReverse } = form
  let hasScores = false
  let offset = 0
  let limit = -1
  for (let i = first; i < args.count; i++) {
    if (!form.isStored && args.is(i, 'WITHSCORES')) hasScores = true
    else if (args.is(i, 'LIMIT') && i + 2 < args.count) {
      offset = readInteger(c, i + 1)
      if (Number.isNaN(offset)) return undefined
      limit = readInteger(c, i + 2)
      if (Number.isNaN(limit)) return undefined
      i += 2
    } else if (isReverse === undefined && args.is(i, 'REV')) isReverse = true
    else if (order === undefined && args.is(i, 'BYLEX')) order = 'member'
    else if (order === undefined && args.is(i, 'BYSCORE')) order = 'score'
    else {
      reply.error(SYNTAX_ERROR)
      return undefined
    }
  }
  if (limit !== -1 && (order ?? 'index') === 'index') {
    reply.error('ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX')
    return undefined
  }
  if (hasScores && order === 'member') {
    reply.error('ERR syntax error, WITHSCORES not supported in combination with BYLEX')
    return undefined
  }
  return { order: order ?? 'index', isReverse: isReverse ?? false, hasScores, offset, limit }
}

/** The bounds in arguments `i` and `i + 1`: a reverse range begins with the upper one. */
function readBounds(c: Context, i: number, { order, isReverse }: RangeOptions): Bounds | undefined {
  if (order === 'index') return readIndexBounds(c, i, i + 1, isReverse)
  const min = isReverse ? i + 1 : i
  const max = isReverse ? i : i + 1
  return order === 'score' ? readScoreBounds(c, min, max) : readMemberBounds(c, min, max)
}

/** How many elements are in a range, and the index of the first one of the reply. */
const counted = { count: 0, first: 0 }

function countRange(c: Context, ref: Ref, bounds: Bounds, options: RangeOptions): void {
  const { sortedSets } = c.store
  const { isReverse, offset, limit } = options
  const from = ref === NULL_REF ? 0 : bounds.from(sortedSets, ref)
  const to = ref === NULL_REF ? 0 : bounds.to(sortedSets, ref)
  const behindOffset = offset < 0 ? 0 : Math.max(0, to - from - offset)
  counted.count = limit < 0 ? behindOffset : Math.min(limit, behindOffset)
  counted.first = isReverse ? to - 1 - offset : from + offset
}

function range(c: Context, form: RangeForm): void {
  const key = form.isStored ? 2 : 1
  const options = readOptions(c, key + 3, form)
  if (options === undefined) return
  const bounds = readBounds(c, key + 1, options)
  if (bounds === undefined) return
  const ref = readCollection(c, key, ValueType.SORTED_SET)
  if (ref === undefined) return
  countRange(c, ref, bounds, options)
  const { count, first } = counted
  const { sortedSets } = c.store
  const { isReverse, hasScores } = options
  if (form.isStored) {
    const elements = new ScoredMembers()
    const { span, score } = sortedSets
    if (count > 0) sortedSets.seek(ref, first, isReverse)
    for (let left = count; left > 0; left--, sortedSets.next())
      elements.add(span.bytes, span.start, span.end, score[0])
    storeElements(c, 1, elements, false)
    return
  }
  replyElementCount(c, count, hasScores)
  if (count === 0) return
  sortedSets.seek(ref, first, isReverse)
  for (let left = count; left > 0; left--) {
    replyElement(c, sortedSets, hasScores)
    if (left > 1) sortedSets.next()
  }
}

export const sortedSetRangeCommands: readonly CommandSpec[] = RANGE_SPECS.map(({ form, ...spec }) => ({
  ...spec,
  run: (c) => range(c, form),
}))

// Taking the elements with the lowest or highest scores: ZPOPMIN, ZPOPMAX, ZMPOP.

import { NULL_REF, type Ref } from '../../store/arena.ts'
import { ValueType } from '../../store/record.ts'
import { readPositive } from '../spec/arguments.ts'
import type { CommandSpec } from '../spec/command.ts'
import type { Context } from '../spec/context.ts'
import { SYNTAX_ERROR } from '../spec/errors.ts'
import { arg, countedKeys, KEY, oneKey, oneOf, option, token } from '../spec/shorthand.ts'
import { findCollection } from '../spec/values/collection.ts'
import { type Popped, popMany } from '../spec/values/popping.ts'

/**
 * Takes `count` elements from an end of a sorted set, which must have as many, and replies each of them.
 *
 * @param isNested member and score are a pair, and not two values
 */
export function popElements(c: Context, ref: Ref, isMax: boolean, count: number, isNested: boolean): void {
  const { reply } = c
  const { sortedSets, collections } = c.group.store
  const { span, score } = sortedSets
  const length = sortedSets.length(ref)
  const rest = length - count
  sortedSets.seek(ref, isMax ? length - 1 : 0, isMax)
  for (let left = count; left > 0; left--) {
    if (isNested) reply.array(2)
    reply.bulk(span.bytes, span.start, span.end, span.view)
    reply.doubleOf(score)
    if (left > 1) sortedSets.next()
  }
  const first = isMax ? rest : 0
  // The record is removed as a whole if nothing is left.
  let own = ref
  if (rest > 0)
    own = count === 1 ? sortedSets.removeRead(ref, first) : sortedSets.removeRange(ref, first, count)
  collections.finish(own, rest)
}

function pop(c: Context, isMax: boolean): void {
  const { args, reply } = c
  if (args.count > 3) {
    reply.error(SYNTAX_ERROR)
    return
  }
  const hasCount = args.count === 3
  const wanted = hasCount ? readPositive(c, 2) : 1
  if (Number.isNaN(wanted)) return
  const ref = findCollection(c, 1, ValueType.SORTED_SET)
  if (ref === undefined) return
  const count = ref === NULL_REF ? 0 : Math.min(wanted, c.group.store.sortedSets.length(ref))
  const isNested = hasCount && reply.protocol === 3
  reply.array(isNested ? count : 2 * count)
  if (count > 0) popElements(c, ref, isMax, count, isNested)
}

export const POPPED_SORTED_SETS: Popped = {
  type: ValueType.SORTED_SET,
  ends: ['MAX', 'MIN'],
  length: ({ sortedSets }, ref) => sortedSets.length(ref),
  pop: (c, ref, isMax, count) => popElements(c, ref, isMax, count, true),
}

const POP = {
  arity: -2,
  flags: ['write', 'fast'],
  categories: ['write', 'sortedset', 'fast'],
  keys: oneKey('RW', 'access', 'delete'),
  load: 'first',
  since: '5.0.0',
  group: 'sorted-set',
  complexity:
    'O(log(N)*M) with N being the number of elements in the sorted set, and M being the number of elements popped.',
  arguments: [KEY, arg('count', 'integer', { optional: true })],
} as const satisfies Partial<CommandSpec>

export const sortedSetPopCommands: readonly CommandSpec[] = [
  {
    ...POP,
    name: 'zpopmin',
    summary: 'Returns and removes the elements of a sorted set with the lowest scores.',
    run: (c) => pop(c, false),
  },
  {
    ...POP,
    name: 'zpopmax',
    summary: 'Returns and removes the elements of a sorted set with the highest scores.',
    run: (c) => pop(c, true),
  },
  {
    name: 'zmpop',
    arity: -4,
    flags: ['write', 'movablekeys'],
    categories: ['write', 'sortedset', 'slow'],
    keys: [{ first: 1, last: 1, step: 1, counted: true, flags: ['RW', 'access', 'delete'] }],
    findKeys: countedKeys(1),
    load: 'first',
    summary: 'Returns and removes elements of the first sorted set of several that is not empty.',
    since: '7.0.0',
    group: 'sorted-set',
    complexity:
      'O(K) + O(M*log(N)) where K is the number of provided keys, N being the number of elements in the sorted set, ' +
      'and M being the number of elements popped.',
    arguments: [
      arg('numkeys', 'integer'),
      { ...KEY, multiple: true },
      oneOf('where', [token('MIN'), token('MAX')]),
      option('COUNT', 'count', 'integer', { optional: true }),
    ],
    run: (c) => popMany(c, POPPED_SORTED_SETS),
  },
]

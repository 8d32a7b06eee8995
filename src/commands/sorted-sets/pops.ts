// Taking the elements with the lowest or highest scores: ZPOPMIN, ZPOPMAX, ZMPOP.

import { NULL_REF, type Ref } from '../../store/arena.ts'
import { ValueType } from '../../store/record.ts'
import { readPositive } from '../spec/arguments.ts'
import type { CommandSpec } from '../spec/command.ts'
import type { Context } from '../spec/context.ts'
import { SYNTAX_ERROR } from '../spec/errors.ts'
import { arg, countedKeys, KEY, oneKey, oneOf, option, token } from '../spec/shorthand.ts'
import { findCollection } from '../spec/values/collection.ts'

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
  sortedSets.seek(ref, isMax ? length - 1 : 0, isMax)
  for (let left = count; ; sortedSets.next()) {
    if (isNested) reply.array(2)
    reply.bulk(span.bytes, span.start, span.end, span.view)
    reply.doubleOf(score)
    if (--left === 0) break
  }
  const rest = length - count
  // The record is removed as a whole if nothing is left.
  collections.finish(rest === 0 ? ref : sortedSets.removeRange(ref, isMax ? rest : 0, count), rest)
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

/** Which end ZMPOP and BZMPOP take from: true is MAX; `undefined`: neither MIN nor MAX. */
function readEnd({ args }: Context, i: number): boolean | undefined {
  if (args.is(i, 'MAX')) return true
  return args.is(i, 'MIN') ? false : undefined
}

interface PopOptions {
  readonly keys: number
  readonly isMax: boolean
  readonly count: number
}

/** The number of keys in argument `i`, and behind the keys the end, and COUNT. `undefined` after an error reply. */
export function readPopOptions(c: Context, i: number): PopOptions | undefined {
  const { args, reply } = c
  const keys = readPositive(c, i, 1, 'ERR numkeys should be greater than 0')
  if (Number.isNaN(keys)) return undefined
  const at = i + 1 + keys
  const isMax = at < args.count ? readEnd(c, at) : undefined
  const rest = args.count - at - 1
  if (isMax === undefined || (rest > 0 && (rest < 2 || !args.is(at + 1, 'COUNT')))) {
    reply.error(SYNTAX_ERROR)
    return undefined
  }
  const count = rest === 0 ? 1 : readPositive(c, at + 2, 1, 'ERR count should be greater than 0')
  if (Number.isNaN(count)) return undefined
  if (rest > 2) {
    reply.error(SYNTAX_ERROR)
    return undefined
  }
  return { keys, isMax, count }
}

/** Replies the key in argument `i` and up to `count` elements of its sorted set, which is taken from. */
export function popFrom(c: Context, i: number, ref: Ref, isMax: boolean, count: number): void {
  const { args, reply } = c
  const taken = Math.min(count, c.group.store.sortedSets.length(ref))
  reply.array(2)
  reply.bulk(args.buf, args.start[i], args.end[i])
  reply.array(taken)
  popElements(c, ref, isMax, taken, true)
}

function popFirst(c: Context): void {
  const options = readPopOptions(c, 1)
  if (options === undefined) return
  for (let i = 2; i < 2 + options.keys; i++) {
    const ref = findCollection(c, i, ValueType.SORTED_SET)
    if (ref === undefined) return
    if (ref === NULL_REF) continue
    popFrom(c, i, ref, options.isMax, options.count)
    return
  }
  c.reply.nullArray()
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
    run: popFirst,
  },
]

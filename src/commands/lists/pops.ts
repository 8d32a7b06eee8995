// Taking elements from the ends of lists: LPOP, RPOP, LMPOP.

import { NULL_REF, type Ref } from '../../store/arena.ts'
import { ValueType } from '../../store/record.ts'
import { readPositive } from '../spec/arguments.ts'
import type { CommandSpec } from '../spec/command.ts'
import type { Context } from '../spec/context.ts'
import { wrongArguments } from '../spec/errors.ts'
import { arg, countedKeys, KEY, oneKey, oneOf, option, token } from '../spec/shorthand.ts'
import { findCollection, replySpan } from '../spec/values/collection.ts'
import { type Popped, popMany, readEnd } from '../spec/values/popping.ts'

/** Takes `count` elements from an end of a list, which must have as many, and replies each of them. */
export function popElements(c: Context, ref: Ref, isLeft: boolean, count: number): void {
  const { lists, collections } = c.group.store
  const length = lists.length(ref)
  // The record is removed as a whole if nothing is left.
  const rest = length - count
  if (count === 1) {
    lists.seekEnd(ref, isLeft)
    replySpan(c)
    collections.finish(rest === 0 ? ref : lists.removeRead(ref, isLeft ? 0 : rest), rest)
    return
  }
  if (isLeft) lists.seek(ref, 0)
  else lists.seekBack(ref, length - 1)
  for (let left = count; left > 0; left--) {
    replySpan(c)
    if (left === 1) break
    if (isLeft) lists.next()
    else lists.previous()
  }
  collections.finish(rest === 0 ? ref : lists.remove(ref, isLeft ? 0 : rest, count), rest)
}

function pop(c: Context, isLeft: boolean): void {
  const { args, reply } = c
  if (args.count > 3) {
    reply.error(wrongArguments(c.command.fullName))
    return
  }
  const hasCount = args.count === 3
  const wanted = hasCount ? readPositive(c, 2) : 1
  if (Number.isNaN(wanted)) return
  const ref = findCollection(c, 1, ValueType.LIST)
  if (ref === undefined) return
  if (ref === NULL_REF) {
    if (hasCount) reply.nullArray()
    else reply.null()
    return
  }
  const count = Math.min(wanted, c.group.store.lists.length(ref))
  if (hasCount) reply.array(count)
  if (count > 0) popElements(c, ref, isLeft, count)
}

export const POPPED_LISTS: Popped = {
  type: ValueType.LIST,
  ends: ['LEFT', 'RIGHT'],
  length: ({ lists }, ref) => lists.length(ref),
  pop: popElements,
}

/** Where LMOVE takes an element, or puts it: true is LEFT; `undefined`: neither LEFT nor RIGHT. */
export function readSide(c: Context, i: number): boolean | undefined {
  return readEnd(c, i, POPPED_LISTS.ends)
}

const POP = {
  arity: -2,
  flags: ['write', 'fast'],
  categories: ['write', 'list', 'fast'],
  keys: oneKey('RW', 'access', 'delete'),
  load: 'first',
  since: '1.0.0',
  group: 'list',
  complexity: 'O(log N + M) where N is the length of the list and M the number of elements returned.',
  history: [['6.2.0', 'Added the `count` argument.']],
  arguments: [KEY, arg('count', 'integer', { optional: true, since: '6.2.0' })],
} as const satisfies Partial<CommandSpec>

export const listPopCommands: readonly CommandSpec[] = [
  {
    ...POP,
    name: 'lpop',
    summary: 'Returns and removes the first elements of a list.',
    run: (c) => pop(c, true),
  },
  {
    ...POP,
    name: 'rpop',
    summary: 'Returns and removes the last elements of a list.',
    run: (c) => pop(c, false),
  },
  {
    name: 'lmpop',
    arity: -4,
    flags: ['write', 'movablekeys'],
    categories: ['write', 'list', 'slow'],
    keys: [{ first: 1, last: 1, step: 1, counted: true, flags: ['RW', 'access', 'delete'] }],
    findKeys: countedKeys(1),
    load: 'first',
    summary: 'Returns and removes elements of the first list of several that is not empty.',
    since: '7.0.0',
    group: 'list',
    complexity: 'O(N+M) where N is the number of keys and M the number of elements returned.',
    arguments: [
      arg('numkeys', 'integer'),
      { ...KEY, multiple: true },
      oneOf('where', [token('LEFT'), token('RIGHT')]),
      option('COUNT', 'count', 'integer', { optional: true }),
    ],
    run: (c) => popMany(c, POPPED_LISTS),
  },
]

// Taking elements from the ends of lists: LPOP, RPOP, LMPOP.

import { NULL_REF, type Ref } from '../../store/arena.ts'
import { ValueType } from '../../store/record.ts'
import { readPositive } from '../spec/arguments.ts'
import type { CommandSpec } from '../spec/command.ts'
import type { Context } from '../spec/context.ts'
import { SYNTAX_ERROR, wrongArguments } from '../spec/errors.ts'
import { arg, countedKeys, KEY, oneKey, oneOf, option, token } from '../spec/shorthand.ts'
import { findCollection, replySpan } from '../spec/values/collection.ts'

/** Takes `count` elements from an end of a list, which must have as many, and replies each of them. */
export function popElements(c: Context, ref: Ref, isLeft: boolean, count: number): void {
  const { lists, collections } = c.group.store
  const length = lists.length(ref)
  if (isLeft) {
    lists.seek(ref, 0)
    for (let left = count; ; lists.next()) {
      replySpan(c)
      if (--left === 0) break
    }
  } else {
    lists.seekBack(ref, length - 1)
    for (let left = count; ; lists.previous()) {
      replySpan(c)
      if (--left === 0) break
    }
  }
  const rest = length - count
  // The record is removed as a whole if nothing is left.
  const moved = rest === 0 ? ref : lists.remove(ref, isLeft ? 0 : rest, count)
  collections.finish(moved, rest)
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

/** Where LMPOP, BLMPOP and LMOVE take elements: true is LEFT; `undefined`: neither LEFT nor RIGHT. */
export function readSide(c: Context, i: number): boolean | undefined {
  if (c.args.is(i, 'LEFT')) return true
  return c.args.is(i, 'RIGHT') ? false : undefined
}

/** What follows the keys' number in argument `i`: the side, and COUNT. `undefined` after an error reply. */
export function readPopOptions(
  c: Context,
  i: number,
): { readonly keys: number; readonly isLeft: boolean; readonly count: number } | undefined {
  const { args, reply } = c
  const keys = readPositive(c, i, 1, 'ERR numkeys should be greater than 0')
  if (Number.isNaN(keys)) return undefined
  const at = i + 1 + keys
  const isLeft = at < args.count ? readSide(c, at) : undefined
  const rest = args.count - at - 1
  if (isLeft === undefined || (rest !== 0 && (rest !== 2 || !args.is(at + 1, 'COUNT')))) {
    reply.error(SYNTAX_ERROR)
    return undefined
  }
  const count = rest === 0 ? 1 : readPositive(c, at + 2, 1, 'ERR count should be greater than 0')
  return Number.isNaN(count) ? undefined : { keys, isLeft, count }
}

/** Replies the key in argument `i` and up to `count` elements of its list, which is taken from. */
export function popFrom(c: Context, i: number, ref: Ref, isLeft: boolean, count: number): void {
  const { args, reply } = c
  const taken = Math.min(count, c.group.store.lists.length(ref))
  reply.array(2)
  reply.bulk(args.buf, args.start[i], args.end[i])
  reply.array(taken)
  popElements(c, ref, isLeft, taken)
}

function popFirst(c: Context): void {
  const options = readPopOptions(c, 1)
  if (options === undefined) return
  for (let i = 2; i < 2 + options.keys; i++) {
    const ref = findCollection(c, i, ValueType.LIST)
    if (ref === undefined) return
    if (ref === NULL_REF) continue
    popFrom(c, i, ref, options.isLeft, options.count)
    return
  }
  c.reply.nullArray()
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
    run: popFirst,
  },
]

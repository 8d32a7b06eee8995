// Moving an element from one list to another: LMOVE, RPOPLPUSH.

import { NULL_REF, type Ref } from '../../store/arena.ts'
import { ValueType } from '../../store/record.ts'
import type { CommandSpec } from '../spec/command.ts'
import type { Context } from '../spec/context.ts'
import { SYNTAX_ERROR } from '../spec/errors.ts'
import { arg, oneOf, token } from '../spec/shorthand.ts'
import { createCollection, findCollection, hasRoom } from '../spec/values/collection.ts'
import { readSide } from './pops.ts'

/**
 * Moves an element of the list at `source`, which is the key in argument 1, to the list in argument 2, and replies it.
 * False: there was an error, and nothing has changed.
 */
export function moveElement(c: Context, source: Ref, fromLeft: boolean, toLeft: boolean): boolean {
  const { lists, collections } = c.group.store
  const target = findCollection(c, 2, ValueType.LIST)
  if (target === undefined) return false
  const length = lists.length(source)
  lists.seekEnd(source, fromLeft)
  const element = lists.span.copy()
  if (target === source) {
    c.reply.bulk(element, 0, element.length)
    if (length === 1) return true
    const rest = lists.remove(source, fromLeft ? 0 : length - 1)
    const turned = lists.push(rest, toLeft, element, 0, element.length)
    collections.finish(turned, length)
    return true
  }
  if (!hasRoom(c, target, 2, element.length, 1)) return false
  c.reply.bulk(element, 0, element.length)
  if (length === 1) collections.finish(source, 0)
  else collections.noteChange(lists.remove(source, fromLeft ? 0 : length - 1))
  // Creating a record, and finishing one, may move or evict others: the source is complete by now.
  const list = target === NULL_REF ? createCollection(c, 2, ValueType.LIST) : target
  const pushed = lists.push(list, toLeft, element, 0, element.length)
  collections.finish(pushed, lists.length(pushed))
  return true
}

function move(c: Context, fromLeft: boolean | undefined, toLeft: boolean | undefined): void {
  if (fromLeft === undefined || toLeft === undefined) {
    c.reply.error(SYNTAX_ERROR)
    return
  }
  const source = findCollection(c, 1, ValueType.LIST)
  if (source === undefined) return
  if (source === NULL_REF) c.reply.null()
  else moveElement(c, source, fromLeft, toLeft)
}

const MOVE = {
  flags: ['write', 'denyoom'],
  categories: ['write', 'list', 'slow'],
  keys: [
    { first: 1, last: 1, step: 1, flags: ['RW', 'access', 'delete'] },
    { first: 2, last: 2, step: 1, flags: ['RW', 'insert'] },
  ],
  load: 'first',
  group: 'list',
  complexity: 'O(1)',
} as const satisfies Partial<CommandSpec>

const LISTS = [arg('source', 'key'), arg('destination', 'key')]
const SIDES = [token('LEFT'), token('RIGHT')]

export const listMoveCommands: readonly CommandSpec[] = [
  {
    ...MOVE,
    name: 'lmove',
    arity: 5,
    summary: 'Takes an element from an end of one list, pushes it to an end of another one and returns it.',
    since: '6.2.0',
    arguments: [...LISTS, oneOf('wherefrom', SIDES), oneOf('whereto', SIDES)],
    run: (c) => move(c, readSide(c, 3), readSide(c, 4)),
  },
  {
    ...MOVE,
    name: 'rpoplpush',
    arity: 3,
    summary: 'Takes the last element of a list, pushes it to the front of another one and returns it.',
    since: '1.2.0',
    deprecated: { since: '6.2.0', replacedBy: '`LMOVE` with the `RIGHT` and `LEFT` arguments' },
    arguments: LISTS,
    run: (c) => move(c, false, true),
  },
]

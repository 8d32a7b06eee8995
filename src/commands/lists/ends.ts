// The ends of lists: LPUSH, RPUSH, LPUSHX, RPUSHX, and LLEN.

import { NULL_REF } from '../../store/arena.ts'
import { ValueType } from '../../store/record.ts'
import { PACKED_ELEMENTS } from '../../store/types/collections.ts'
import type { CommandSpec } from '../spec/command.ts'
import type { Context } from '../spec/context.ts'
import { arg, KEY, oneKey } from '../spec/shorthand.ts'
import {
  argumentBytes,
  argumentList,
  createCollection,
  findCollection,
  hasRoom,
  readCollection,
} from '../spec/values/collection.ts'

function push(c: Context, isLeft: boolean, isCreated: boolean): void {
  const { args } = c
  const { lists, collections } = c.group.store
  const found = findCollection(c, 1, ValueType.LIST)
  if (found === undefined) return
  if (found === NULL_REF && !isCreated) {
    c.reply.integer(0)
    return
  }
  if (!hasRoom(c, found, 1, argumentBytes(c, 2), args.count - 2)) return
  let ref = found === NULL_REF ? createCollection(c, 1, ValueType.LIST) : found
  let length = lists.length(ref)
  const pushed = args.count - 2
  if (pushed > PACKED_ELEMENTS && (!isLeft || length === 0)) {
    ref = lists.load(ref, argumentList(c, 2), isLeft ? backwards(pushed) : undefined)
    length += pushed
  } else
    for (let i = 2; i < args.count; i++, length++)
      ref = lists.push(ref, isLeft, args.buf, args.start[i], args.end[i])
  collections.finish(ref, length)
  c.reply.integer(length)
}

/** The indexes of `count` elements from the last one to the first. */
function backwards(count: number): Int32Array {
  const order = new Int32Array(count)
  for (let i = 0; i < count; i++) order[i] = count - 1 - i
  return order
}

const PUSH = {
  arity: -3,
  flags: ['write', 'denyoom', 'fast'],
  categories: ['write', 'list', 'fast'],
  keys: oneKey('RW', 'insert'),
  load: 'first',
  group: 'list',
  complexity: 'O(1) for each pushed element.',
  arguments: [KEY, arg('element', 'string', { multiple: true })],
} as const satisfies Partial<CommandSpec>

export const listEndCommands: readonly CommandSpec[] = [
  {
    ...PUSH,
    name: 'lpush',
    summary: "Prepends one or more elements to a list. Creates the key if it doesn't exist.",
    since: '1.0.0',
    history: [['2.4.0', 'Accepts multiple `element` arguments.']],
    run: (c) => push(c, true, true),
  },
  {
    ...PUSH,
    name: 'rpush',
    summary: "Appends one or more elements to a list. Creates the key if it doesn't exist.",
    since: '1.0.0',
    history: [['2.4.0', 'Accepts multiple `element` arguments.']],
    run: (c) => push(c, false, true),
  },
  {
    ...PUSH,
    name: 'lpushx',
    summary: 'Prepends one or more elements to a list only when the list exists.',
    since: '2.2.0',
    history: [['4.0.0', 'Accepts multiple `element` arguments.']],
    run: (c) => push(c, true, false),
  },
  {
    ...PUSH,
    name: 'rpushx',
    summary: 'Appends elements to a list only when the list exists.',
    since: '2.2.0',
    history: [['4.0.0', 'Accepts multiple `element` arguments.']],
    run: (c) => push(c, false, false),
  },
  {
    name: 'llen',
    arity: 2,
    flags: ['readonly', 'fast'],
    categories: ['read', 'list', 'fast'],
    keys: oneKey('RO'),
    load: 'through',
    summary: 'Returns the length of a list.',
    since: '1.0.0',
    group: 'list',
    complexity: 'O(1)',
    arguments: [KEY],
    run(c) {
      const ref = readCollection(c, 1, ValueType.LIST)
      if (ref !== undefined) c.reply.integer(ref === NULL_REF ? 0 : c.store.lists.length(ref))
    },
  },
]

// Lists whose elements a client waits for: BLPOP, BRPOP, BLMPOP, BLMOVE, BRPOPLPUSH.

import { NULL_REF, type Ref } from '../../store/arena.ts'
import { ValueType } from '../../store/record.ts'
import type { CommandSpec } from '../spec/command.ts'
import type { Context } from '../spec/context.ts'
import { SYNTAX_ERROR } from '../spec/errors.ts'
import { readTimeout, timeoutFirst, timeoutLast } from '../spec/session/timeout.ts'
import { arg, countedKeys, KEY, oneOf, option, token } from '../spec/shorthand.ts'
import { findCollection } from '../spec/values/collection.ts'
import { popManyOrWait, popOrWait } from '../spec/values/popping.ts'
import { moveElement } from './moves.ts'
import { POPPED_LISTS, popElements, readSide } from './pops.ts'

/** Replies the key in argument `i` and an element of its list, which is taken from. */
function popOne(c: Context, i: number, ref: Ref, isLeft: boolean): void {
  const { args, reply } = c
  reply.array(2)
  reply.bulk(args.buf, args.start[i], args.end[i])
  popElements(c, ref, isLeft, 1)
}

function blockingPop(c: Context, isLeft: boolean): void {
  popOrWait(c, ValueType.LIST, (own, i, ref) => popOne(own, i, ref, isLeft))
}

function blockingMove(c: Context, fromLeft: boolean | undefined, toLeft: boolean | undefined): void {
  if (fromLeft === undefined || toLeft === undefined) {
    c.reply.error(SYNTAX_ERROR)
    return
  }
  const timeoutMs = readTimeout(c, c.args.count - 1)
  if (timeoutMs < 0) return
  const serve = (own: Context): boolean => {
    moveElement(own, own.find(1), fromLeft, toLeft)
    return true
  }
  const source = findCollection(c, 1, ValueType.LIST)
  if (source === undefined) return
  if (source !== NULL_REF) serve(c)
  else
    c.waitForKeys({
      keys: [1],
      type: ValueType.LIST,
      timeoutMs,
      serve,
      timedOut: ({ reply, inTransaction }) => {
        // Redis: within a transaction it is LMOVE, whose nil is another one.
        if (inTransaction) reply.null()
        else reply.nullArray()
      },
    })
}

const BLOCKING = {
  flags: ['write', 'noscript', 'blocking'],
  categories: ['write', 'list', 'slow', 'blocking'],
  load: 'first',
  group: 'list',
  timeout: timeoutLast,
} as const satisfies Partial<CommandSpec>

const POP = {
  ...BLOCKING,
  arity: -3,
  keys: [{ first: 1, last: -2, step: 1, flags: ['RW', 'access', 'delete'] }],
  since: '2.0.0',
  complexity: 'O(N) where N is the number of provided keys.',
  history: [['6.0.0', '`timeout` is interpreted as a double instead of an integer.']],
  arguments: [arg('key', 'key', { multiple: true }), arg('timeout', 'double')],
} as const satisfies Partial<CommandSpec>

const MOVE = {
  ...BLOCKING,
  flags: ['write', 'denyoom', 'noscript', 'blocking'],
  keys: [
    { first: 1, last: 1, step: 1, flags: ['RW', 'access', 'delete'] },
    { first: 2, last: 2, step: 1, flags: ['RW', 'insert'] },
  ],
  complexity: 'O(1)',
} as const satisfies Partial<CommandSpec>

const LISTS = [arg('source', 'key'), arg('destination', 'key')]
const SIDES = [token('LEFT'), token('RIGHT')]

export const blockingListCommands: readonly CommandSpec[] = [
  {
    ...POP,
    name: 'blpop',
    summary: 'Takes the first element of one of several lists, and waits for one if all are empty.',
    run: (c) => blockingPop(c, true),
  },
  {
    ...POP,
    name: 'brpop',
    summary: 'Takes the last element of one of several lists, and waits for one if all are empty.',
    run: (c) => blockingPop(c, false),
  },
  {
    ...BLOCKING,
    name: 'blmpop',
    arity: -5,
    flags: ['write', 'blocking', 'movablekeys'],
    keys: [{ first: 2, last: 2, step: 1, counted: true, flags: ['RW', 'access', 'delete'] }],
    findKeys: countedKeys(2),
    timeout: timeoutFirst,
    summary: 'Takes elements of the first list of several that is not empty, and waits for one.',
    since: '7.0.0',
    complexity: 'O(N+M) where N is the number of keys and M the number of elements returned.',
    arguments: [
      arg('timeout', 'double'),
      arg('numkeys', 'integer'),
      { ...KEY, multiple: true },
      oneOf('where', SIDES),
      option('COUNT', 'count', 'integer', { optional: true }),
    ],
    run: (c) => popManyOrWait(c, POPPED_LISTS),
  },
  {
    ...MOVE,
    name: 'blmove',
    arity: 6,
    summary: 'Moves an element from an end of one list to an end of another one, and waits for one.',
    since: '6.2.0',
    arguments: [...LISTS, oneOf('wherefrom', SIDES), oneOf('whereto', SIDES), arg('timeout', 'double')],
    run: (c) => blockingMove(c, readSide(c, 3), readSide(c, 4)),
  },
  {
    ...MOVE,
    name: 'brpoplpush',
    arity: 4,
    summary: 'Moves the last element of one list to the front of another one, and waits for one.',
    since: '2.2.0',
    history: [['6.0.0', '`timeout` is interpreted as a double instead of an integer.']],
    deprecated: { since: '6.2.0', replacedBy: '`BLMOVE` with the `RIGHT` and `LEFT` arguments' },
    arguments: [...LISTS, arg('timeout', 'double')],
    run: (c) => blockingMove(c, false, true),
  },
]

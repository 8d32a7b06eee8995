// Sorted sets whose elements a client waits for: BZPOPMIN, BZPOPMAX, BZMPOP.

import type { Ref } from '../../store/arena.ts'
import { ValueType } from '../../store/record.ts'
import type { CommandSpec } from '../spec/command.ts'
import type { Context } from '../spec/context.ts'
import { timeoutFirst, timeoutLast } from '../spec/session/timeout.ts'
import { arg, countedKeys, KEY, oneOf, option, token } from '../spec/shorthand.ts'
import { popManyOrWait, popOrWait } from '../spec/values/popping.ts'
import { POPPED_SORTED_SETS, popElements } from './pops.ts'

/** Replies the key in argument `i`, and a member of its sorted set with its score, which is taken. */
function popOne(c: Context, i: number, ref: Ref, isMax: boolean): void {
  const { args, reply } = c
  reply.array(3)
  reply.bulk(args.buf, args.start[i], args.end[i])
  popElements(c, ref, isMax, 1, false)
}

function blockingPop(c: Context, isMax: boolean): void {
  popOrWait(c, ValueType.SORTED_SET, (own, i, ref) => popOne(own, i, ref, isMax))
}

const POP = {
  arity: -3,
  flags: ['write', 'noscript', 'blocking', 'fast'],
  categories: ['write', 'sortedset', 'fast', 'blocking'],
  keys: [{ first: 1, last: -2, step: 1, flags: ['RW', 'access', 'delete'] }],
  load: 'first',
  timeout: timeoutLast,
  since: '5.0.0',
  group: 'sorted-set',
  complexity: 'O(log(N)) with N being the number of elements in the sorted set.',
  history: [['6.0.0', '`timeout` is interpreted as a double instead of an integer.']],
  arguments: [arg('key', 'key', { multiple: true }), arg('timeout', 'double')],
} as const satisfies Partial<CommandSpec>

export const blockingSortedSetCommands: readonly CommandSpec[] = [
  {
    ...POP,
    name: 'bzpopmin',
    summary: 'Takes the element with the lowest score of one of several sorted sets, and waits for one.',
    run: (c) => blockingPop(c, false),
  },
  {
    ...POP,
    name: 'bzpopmax',
    summary: 'Takes the element with the highest score of one of several sorted sets, and waits for one.',
    run: (c) => blockingPop(c, true),
  },
  {
    name: 'bzmpop',
    arity: -5,
    flags: ['write', 'blocking', 'movablekeys'],
    categories: ['write', 'sortedset', 'slow', 'blocking'],
    keys: [{ first: 2, last: 2, step: 1, counted: true, flags: ['RW', 'access', 'delete'] }],
    findKeys: countedKeys(2),
    timeout: timeoutFirst,
    load: 'first',
    summary: 'Takes elements of the first sorted set of several that is not empty, and waits for one.',
    since: '7.0.0',
    group: 'sorted-set',
    complexity:
      'O(K) + O(M*log(N)) where K is the number of provided keys, N being the number of elements in the sorted set, ' +
      'and M being the number of elements popped.',
    arguments: [
      arg('timeout', 'double'),
      arg('numkeys', 'integer'),
      { ...KEY, multiple: true },
      oneOf('where', [token('MIN'), token('MAX')]),
      option('COUNT', 'count', 'integer', { optional: true }),
    ],
    run: (c) => popManyOrWait(c, POPPED_SORTED_SETS),
  },
]

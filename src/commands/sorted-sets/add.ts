// Adding members and changing scores: ZADD, ZINCRBY.

import { parseDouble } from '../../bytes/numbers/double.ts'
import type { CommandSpec } from '../spec/command.ts'
import type { Context } from '../spec/context.ts'
import { NOT_A_FLOAT, SYNTAX_ERROR } from '../spec/errors.ts'
import { arg, KEY, oneKey, oneOf, token } from '../spec/shorthand.ts'
import { CHANGED, GT, INCREMENT, LT, lastScore, NX, scoresFor, setScores, XX } from './scores.ts'

function optionOf({ args }: Context, i: number): number {
  if (args.length(i) !== 2 && args.length(i) !== 4) return 0
  if (args.is(i, 'NX')) return NX
  if (args.is(i, 'XX')) return XX
  if (args.is(i, 'GT')) return GT
  if (args.is(i, 'LT')) return LT
  if (args.is(i, 'CH')) return CHANGED
  return args.is(i, 'INCR') ? INCREMENT : 0
}

/** The error if options exclude each other; `undefined`: they do not. */
function conflictOf(options: number, count: number): string | undefined {
  if ((options & (NX | XX)) === (NX | XX)) return 'ERR XX and NX options at the same time are not compatible'
  const excluding = (options & NX ? 1 : 0) + (options & GT ? 1 : 0) + (options & LT ? 1 : 0)
  if (excluding > 1) return 'ERR GT, LT, and/or NX options at the same time are not compatible'
  return options & INCREMENT && count > 1
    ? 'ERR INCR option supports a single increment-element pair'
    : undefined
}

/** Reads the scores in arguments `first`, `first + 2`, … False after an error reply. */
function readScores(c: Context, first: number, count: number): boolean {
  const { buf, start, end } = c.args
  const scores = scoresFor(count)
  for (let i = 0, at = first; i < count; i++, at += 2) {
    const score = parseDouble(buf, start[at], end[at])
    if (Number.isNaN(score)) {
      c.reply.error(NOT_A_FLOAT)
      return false
    }
    scores[i] = score
  }
  return true
}

function add(c: Context, defaults: number): void {
  const { args, reply } = c
  let options = defaults
  let first = 2
  for (let option = optionOf(c, first); option !== 0; first++) {
    options |= option
    option = first + 1 < args.count ? optionOf(c, first + 1) : 0
  }
  const count = (args.count - first) / 2
  if (count === 0 || !Number.isInteger(count)) {
    reply.error(SYNTAX_ERROR)
    return
  }
  const conflict = conflictOf(options, count)
  if (conflict !== undefined) {
    reply.error(conflict)
    return
  }
  if (!readScores(c, first, count)) return
  const changes = setScores(c, first + 1, 2, count, options)
  if (changes < 0) return
  if ((options & INCREMENT) === 0) reply.integer(changes)
  else if (Number.isNaN(lastScore[0])) reply.null()
  else reply.doubleOf(lastScore)
}

const ADD = {
  flags: ['write', 'denyoom', 'fast'],
  categories: ['write', 'sortedset', 'fast'],
  load: 'first',
  since: '1.2.0',
  group: 'sorted-set',
} as const satisfies Partial<CommandSpec>

export const sortedSetAddCommands: readonly CommandSpec[] = [
  {
    ...ADD,
    name: 'zadd',
    arity: -4,
    keys: oneKey('RW', 'update'),
    summary: "Adds members to a sorted set, or changes their scores. Creates the key if it doesn't exist.",
    complexity: 'O(log(N)) for each item added, where N is the number of elements in the sorted set.',
    history: [
      ['2.4.0', 'Accepts multiple elements.'],
      ['3.0.2', 'Added the `XX`, `NX`, `CH` and `INCR` options.'],
      ['6.2.0', 'Added the `GT` and `LT` options.'],
    ],
    arguments: [
      KEY,
      oneOf('condition', [token('NX'), token('XX')], { optional: true, since: '3.0.2' }),
      oneOf('comparison', [token('GT'), token('LT')], { optional: true, since: '6.2.0' }),
      arg('change', 'pure-token', { token: 'CH', optional: true, since: '3.0.2' }),
      arg('increment', 'pure-token', { token: 'INCR', optional: true, since: '3.0.2' }),
      arg('score_member', 'block', {
        multiple: true,
        arguments: [arg('score', 'double'), arg('member', 'string')],
      }),
    ],
    run: (c) => add(c, 0),
  },
  {
    ...ADD,
    name: 'zincrby',
    arity: 4,
    keys: oneKey('RW', 'access', 'update'),
    summary: "Adds to the score of a member. Creates the member if it doesn't exist.",
    complexity: 'O(log(N)) where N is the number of elements in the sorted set.',
    arguments: [KEY, arg('increment', 'integer'), arg('member', 'string')],
    run: (c) => add(c, INCREMENT),
  },
]

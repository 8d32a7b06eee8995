// Scores are set: ZADD, ZINCRBY.

import { parseDouble } from '../../bytes/numbers/double.ts'
import { NULL_REF, type Ref } from '../../store/arena.ts'
import { ValueType } from '../../store/record.ts'
import type { CommandSpec } from '../spec/command.ts'
import type { Context } from '../spec/context.ts'
import { NOT_A_FLOAT, SYNTAX_ERROR } from '../spec/errors.ts'
import { arg, KEY, oneKey, oneOf, token } from '../spec/shorthand.ts'
import { argumentBytes, createCollection, findCollection, hasRoom } from '../spec/values/collection.ts'
import { elementBytes } from './elements.ts'

const NX = 1
const XX = 2
const GT = 4
const LT = 8
const CHANGED = 16
const INCREMENT = 32

/** Scores of more members are not kept after the command. */
const KEPT_SCORES = 1024
let scores = new Float64Array(KEPT_SCORES)
/** The new score of the last member. */
const result = new Float64Array(1)

function optionOf({ args }: Context, i: number): number {
  if (args.length(i) !== 2 && args.length(i) !== 4) return 0
  if (args.is(i, 'NX')) return NX
  if (args.is(i, 'XX')) return XX
  if (args.is(i, 'GT')) return GT
  if (args.is(i, 'LT')) return LT
  if (args.is(i, 'CH')) return CHANGED
  return args.is(i, 'INCR') ? INCREMENT : 0
}

/** Why options exclude each other; `undefined`: they do not. */
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
  if (count > scores.length || scores.length > KEPT_SCORES)
    scores = new Float64Array(Math.max(count, KEPT_SCORES))
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
  const found = findCollection(c, 1, ValueType.SORTED_SET)
  if (found === undefined) return
  let changes = 0
  if (found !== NULL_REF || (options & XX) === 0) {
    const bytes = elementBytes(argumentBytes(c, first + 1, 2), count)
    if (!hasRoom(c, found, 1, bytes, count)) return
    const ref = found === NULL_REF ? createCollection(c, 1, ValueType.SORTED_SET) : found
    changes = addMembers(c, ref, first, count, options)
    if (changes < 0) {
      reply.error('ERR resulting score is not a number (NaN)')
      return
    }
  } else result[0] = Number.NaN
  if ((options & INCREMENT) === 0) reply.integer(changes)
  else if (Number.isNaN(result[0])) reply.null()
  else reply.doubleOf(result)
}

/**
 * Sets the scores of the members in arguments `first + 1`, `first + 3`, …, as the options allow. `result`: the new score
 * of the last one; NaN: the options have excluded it. Returns the reply of ZADD; -1: the sum is NaN.
 */
function addMembers(c: Context, created: Ref, first: number, count: number, options: number): number {
  const { buf, start, end } = c.args
  const { sortedSets, collections } = c.group.store
  const { score } = sortedSets
  let ref = created
  let added = 0
  let updated = 0
  for (let i = 0, at = first + 1; i < count; i++, at += 2) {
    const from = start[at]
    const to = end[at]
    const given = scores[i]
    result[0] = Number.NaN
    if (sortedSets.find(ref, buf, from, to)) {
      if ((options & NX) !== 0) continue
      const old = score[0]
      const next = (options & INCREMENT) === 0 ? given : old + given
      if (Number.isNaN(next)) return -1
      if ((options & LT && next >= old) || (options & GT && next <= old)) continue
      result[0] = next
      if (next === old) continue
      score[0] = next
      ref = sortedSets.update(ref, buf, from, to)
      updated++
    } else if ((options & XX) === 0) {
      score[0] = given
      result[0] = given
      ref = sortedSets.insert(ref, buf, from, to)
      added++
    }
  }
  collections.finish(ref, sortedSets.length(ref), added + updated > 0)
  return options & CHANGED ? added + updated : added
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

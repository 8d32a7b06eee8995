// Several sorted sets combined: ZUNION, ZINTER, ZDIFF, the forms that store the result, and ZINTERCARD.

import { parseDouble } from '../../bytes/numbers/double.ts'
import { DistinctStrings } from '../../store/types/bulk/distinct-strings.ts'
import { rankOrder, ScoredMembers } from '../../store/types/bulk/scored-members.ts'
import { readInteger, readPositive } from '../spec/arguments.ts'
import type { ArgumentSpec, CommandSpec } from '../spec/command.ts'
import type { Context } from '../spec/context.ts'
import { SYNTAX_ERROR } from '../spec/errors.ts'
import { arg, countedKeys, KEY, oneKey, option, token } from '../spec/shorthand.ts'
import { replyElementCount, storeElements } from './elements.ts'
import { forEachMember, readSources, type Source, scoreIn } from './sources.ts'

type Combination = 'union' | 'inter' | 'diff'
type Aggregate = (a: number, b: number) => number

const SUM: Aggregate = (a, b) => zeroIfNaN(a + b)
const MIN: Aggregate = (a, b) => (b < a ? b : a)
const MAX: Aggregate = (a, b) => (b > a ? b : a)

interface Inputs {
  readonly sources: Source[]
  readonly aggregate: Aggregate
  readonly hasScores: boolean
  /** ZINTERCARD counts no further; 0: no limit. */
  readonly limit: number
}

interface Form {
  readonly combination: Combination
  /** The argument that is the number of keys. */
  readonly numKeysAt: number
  readonly isStored: boolean
  readonly isCounted: boolean
}

/** Infinite scores and weights can give NaN (Redis: 0 instead). */
function zeroIfNaN(score: number): number {
  return Number.isNaN(score) ? 0 : score
}

/** The keys and options. `undefined` after an error reply. */
function readInputs(c: Context, form: Form): Inputs | undefined {
  const { args, reply } = c
  const { numKeysAt, combination, isCounted, isStored } = form
  const count = readInteger(c, numKeysAt)
  if (Number.isNaN(count)) return undefined
  if (count < 1) {
    reply.error(`ERR at least 1 input key is needed for '${c.command.fullName}' command`)
    return undefined
  }
  if (count > args.count - numKeysAt - 1) {
    reply.error(SYNTAX_ERROR)
    return undefined
  }
  const sources = readSources(c, numKeysAt + 1, count)
  if (sources === undefined) return undefined
  const isWeighted = combination !== 'diff' && !isCounted
  let aggregate = SUM
  let hasScores = false
  let limit = 0
  for (let i = numKeysAt + 1 + count; i < args.count; i++) {
    const left = args.count - i
    if (isWeighted && left > count && args.is(i, 'WEIGHTS')) {
      if (!readWeights(c, i + 1, sources)) return undefined
      i += count
    } else if (isWeighted && left >= 2 && args.is(i, 'AGGREGATE')) {
      const chosen = aggregateOf(c, ++i)
      if (chosen === undefined) return undefined
      aggregate = chosen
    } else if (!isStored && !isCounted && args.is(i, 'WITHSCORES')) hasScores = true
    else if (isCounted && left >= 2 && args.is(i, 'LIMIT')) {
      limit = readPositive(c, ++i, 0, "ERR LIMIT can't be negative")
      if (Number.isNaN(limit)) return undefined
    } else {
      reply.error(SYNTAX_ERROR)
      return undefined
    }
  }
  return { sources, aggregate, hasScores, limit }
}

/** False after an error reply. */
function readWeights(c: Context, first: number, sources: readonly Source[]): boolean {
  const { buf, start, end } = c.args
  for (const [i, source] of sources.entries()) {
    const at = first + i
    source.weight = parseDouble(buf, start[at], end[at])
    if (!Number.isNaN(source.weight)) continue
    c.reply.error('ERR weight value is not a float')
    return false
  }
  return true
}

function aggregateOf({ args, reply }: Context, i: number): Aggregate | undefined {
  if (args.is(i, 'SUM')) return SUM
  if (args.is(i, 'MIN')) return MIN
  if (args.is(i, 'MAX')) return MAX
  reply.error(SYNTAX_ERROR)
  return undefined
}

/** The members of the result, in any order. */
function combine(c: Context, combination: Combination, inputs: Inputs): ScoredMembers {
  // Redis adds scores in this order, too.
  if (combination !== 'diff') inputs.sources.sort((a, b) => a.size - b.size)
  if (combination === 'union') return union(c, inputs)
  return combination === 'inter' ? intersection(c, inputs) : difference(c, inputs.sources)
}

function union(c: Context, { sources, aggregate }: Inputs): ScoredMembers {
  const result = new ScoredMembers()
  // A source that is named many times counts once.
  const sizes = new Map(sources.map(({ ref, size }) => [ref, size]))
  const most = [...sizes.values()].reduce((sum, size) => sum + size, 0)
  const distinct = new DistinctStrings(result.members, most)
  const { store } = c
  for (const source of sources)
    forEachMember(c, source, (bytes, start, end, score) => {
      const weighted = zeroIfNaN(source.weight * score)
      const i = distinct.indexOf(store.hashOf(bytes, start, end), bytes, start, end)
      if (i < 0) result.add(bytes, start, end, weighted)
      else result.scores[i] = aggregate(result.scores[i], weighted)
      return true
    })
  return result
}

/** The members of the smallest source that are in all others. `limit` > 0: at most this many. */
function intersection(c: Context, { sources, aggregate, limit }: Inputs): ScoredMembers {
  const result = new ScoredMembers()
  const [smallest, ...others] = sources
  forEachMember(c, smallest, (bytes, start, end, score) => {
    let sum = zeroIfNaN(smallest.weight * score)
    for (const other of others) {
      const own = scoreIn(c, other, bytes, start, end)
      if (Number.isNaN(own)) return true
      sum = aggregate(sum, own * other.weight)
    }
    result.add(bytes, start, end, sum)
    return result.count !== limit
  })
  return result
}

function difference(c: Context, [first, ...others]: readonly Source[]): ScoredMembers {
  const result = new ScoredMembers()
  forEachMember(c, first, (bytes, start, end, score) => {
    const isInOther = others.some((other) => !Number.isNaN(scoreIn(c, other, bytes, start, end)))
    if (!isInOther) result.add(bytes, start, end, score)
    return true
  })
  return result
}

function run(c: Context, form: Form): void {
  const { reply } = c
  const inputs = readInputs(c, form)
  if (inputs === undefined) return
  const result = combine(c, form.combination, inputs)
  if (form.isCounted) reply.integer(result.count)
  else if (form.isStored) storeElements(c, 1, result, true)
  else replyElements(c, result, inputs.hasScores)
}

function replyElements(c: Context, { members, scores, count }: ScoredMembers, hasScores: boolean): void {
  const { reply } = c
  const { bytes, view, starts, ends } = members
  replyElementCount(c, count, hasScores)
  for (const i of rankOrder(members, scores)) {
    if (hasScores && reply.protocol === 3) reply.array(2)
    reply.bulk(bytes, starts[i], ends[i], view)
    if (hasScores) reply.double(scores[i])
  }
}

const COMPLEXITY: Readonly<Record<Combination, string>> = {
  union:
    'O(N)+O(M*log(M)) with N being the sum of the sizes of the input sorted sets, and M being the number of elements ' +
    'in the resulting sorted set.',
  inter:
    'O(N*K)+O(M*log(M)) worst case with N being the smallest input sorted set, K being the number of input sorted ' +
    'sets and M being the number of elements in the resulting sorted set.',
  diff:
    'O(N*K)+O(M*log(M)) worst case with N being the size of the first set, K being the number of input sorted sets ' +
    'and M being the number of elements in the resulting sorted set.',
}

const OPTIONAL = { optional: true } as const
const INPUTS = [arg('numkeys', 'integer'), { ...KEY, multiple: true }] as const
const WEIGHTS: readonly ArgumentSpec[] = [
  option('WEIGHTS', 'weight', 'integer', { optional: true, multiple: true }),
  arg('aggregate', 'oneof', {
    token: 'AGGREGATE',
    optional: true,
    arguments: [token('SUM'), token('MIN'), token('MAX')],
  }),
]

function reading(combination: Combination, summary: string, since: string): CommandSpec {
  const form: Form = { combination, numKeysAt: 1, isStored: false, isCounted: false }
  return {
    name: `z${combination}`,
    arity: -3,
    flags: ['readonly', 'movablekeys'],
    categories: ['read', 'sortedset', 'slow'],
    keys: [{ first: 1, last: 1, step: 1, counted: true, flags: ['RO', 'access'] }],
    findKeys: countedKeys(1),
    load: 'through',
    summary,
    since,
    group: 'sorted-set',
    complexity: COMPLEXITY[combination],
    arguments: [...INPUTS, ...(combination === 'diff' ? [] : WEIGHTS), token('WITHSCORES', OPTIONAL)],
    run: (c) => run(c, form),
  }
}

const sourceKeys = countedKeys(2)

function storing(combination: Combination, summary: string, since: string): CommandSpec {
  const form: Form = { combination, numKeysAt: 2, isStored: true, isCounted: false }
  return {
    name: `z${combination}store`,
    arity: -4,
    flags: ['write', 'denyoom', 'movablekeys'],
    categories: ['write', 'sortedset', 'slow'],
    keys: [...oneKey('OW', 'update'), { first: 2, last: 2, step: 1, counted: true, flags: ['RO', 'access'] }],
    findKeys: (c, thatItReads) => (thatItReads ? sourceKeys(c) : [1, ...sourceKeys(c)]),
    load: 'first',
    summary,
    since,
    group: 'sorted-set',
    complexity: COMPLEXITY[combination],
    arguments: [arg('destination', 'key'), ...INPUTS, ...(combination === 'diff' ? [] : WEIGHTS)],
    run: (c) => run(c, form),
  }
}

export const sortedSetCombinationCommands: readonly CommandSpec[] = [
  reading('union', 'Returns the elements that are in any of several sorted sets.', '6.2.0'),
  reading('inter', 'Returns the elements that are in all of several sorted sets.', '6.2.0'),
  reading('diff', 'Returns the elements of the first sorted set that are in none of the others.', '6.2.0'),
  storing('union', 'Stores the elements that are in any of several sorted sets.', '2.0.0'),
  storing('inter', 'Stores the elements that are in all of several sorted sets.', '2.0.0'),
  storing('diff', 'Stores the elements of the first sorted set that are in none of the others.', '6.2.0'),
  {
    ...reading('inter', 'Returns how many members are in all of several sorted sets.', '7.0.0'),
    name: 'zintercard',
    complexity:
      'O(N*K) worst case with N being the smallest input sorted set, K being the number of input sorted sets.',
    arguments: [...INPUTS, option('LIMIT', 'limit', 'integer', OPTIONAL)],
    run: (c) => run(c, { combination: 'inter', numKeysAt: 1, isStored: false, isCounted: true }),
  },
]

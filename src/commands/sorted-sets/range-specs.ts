// The specifications of the range commands: ZRANGE, its older forms, ZRANGESTORE.

import type { ArgumentSpec, CommandSpec } from '../spec/command.ts'
import { arg, KEY, oneKey, oneOf, token } from '../spec/shorthand.ts'

export type RangeOrder = 'index' | 'score' | 'member'

/** The properties that a command fixes; `undefined`: its options decide. */
export interface RangeForm {
  readonly order: RangeOrder | undefined
  readonly isReverse: boolean | undefined
  /** The result is stored under argument 1; the source is argument 2. */
  readonly isStored: boolean
}

type RangeSpec = Omit<CommandSpec, 'run'> & { readonly form: RangeForm }

const LIMIT = arg('offset_count', 'block', {
  token: 'LIMIT',
  optional: true,
  arguments: [arg('offset', 'integer'), arg('count', 'integer')],
})
const SORT_BY = [token('BYSCORE'), token('BYLEX')]

const READ = {
  arity: -4,
  flags: ['readonly'],
  categories: ['read', 'sortedset', 'slow'],
  keys: oneKey('RO', 'access'),
  load: 'through',
  group: 'sorted-set',
  complexity:
    'O(log(N)+M) with N being the number of elements in the sorted set and M the number of elements returned.',
} as const satisfies Partial<CommandSpec>

const OPTIONAL = { optional: true } as const

function older(
  order: RangeOrder,
  isReverse: boolean,
  replacedBy: string,
): Pick<RangeSpec, 'deprecated' | 'form'> {
  return { deprecated: { since: '6.2.0', replacedBy }, form: { order, isReverse, isStored: false } }
}

function bounds(isReverse: boolean, type: ArgumentSpec['type']): ArgumentSpec[] {
  const both = [arg('min', type), arg('max', type)]
  return [KEY, ...(isReverse ? both.reverse() : both)]
}

export const RANGE_SPECS: readonly RangeSpec[] = [
  {
    ...READ,
    name: 'zrange',
    summary: 'Returns a range of elements of a sorted set: by index, score or member.',
    since: '1.2.0',
    history: [['6.2.0', 'Added the `REV`, `BYSCORE`, `BYLEX` and `LIMIT` options.']],
    arguments: [
      KEY,
      arg('start', 'string'),
      arg('stop', 'string'),
      oneOf('sortby', SORT_BY, { optional: true, since: '6.2.0' }),
      token('REV', { optional: true, since: '6.2.0' }),
      { ...LIMIT, since: '6.2.0' },
      token('WITHSCORES', OPTIONAL),
    ],
    form: { order: undefined, isReverse: undefined, isStored: false },
  },
  {
    ...READ,
    name: 'zrangestore',
    arity: -5,
    flags: ['write', 'denyoom'],
    categories: ['write', 'sortedset', 'slow'],
    keys: [
      { first: 1, last: 1, step: 1, flags: ['OW', 'update'] },
      { first: 2, last: 2, step: 1, flags: ['RO', 'access'] },
    ],
    load: 'first',
    summary: 'Stores a range of elements of a sorted set under another key.',
    since: '6.2.0',
    arguments: [
      arg('dst', 'key'),
      arg('src', 'key'),
      arg('min', 'string'),
      arg('max', 'string'),
      oneOf('sortby', SORT_BY, OPTIONAL),
      token('REV', OPTIONAL),
      LIMIT,
    ],
    form: { order: undefined, isReverse: undefined, isStored: true },
  },
  {
    ...READ,
    ...older('score', false, '`ZRANGE` with the `BYSCORE` argument'),
    name: 'zrangebyscore',
    summary: 'Returns the elements of a sorted set within a range of scores.',
    since: '1.0.5',
    history: [['2.0.0', 'Added the `WITHSCORES` modifier.']],
    arguments: [...bounds(false, 'double'), token('WITHSCORES', { optional: true, since: '2.0.0' }), LIMIT],
  },
  {
    ...READ,
    ...older('index', true, '`ZRANGE` with the `REV` argument'),
    name: 'zrevrange',
    summary: 'Returns a range of elements of a sorted set by index, from the highest score on.',
    since: '1.2.0',
    arguments: [KEY, arg('start', 'integer'), arg('stop', 'integer'), token('WITHSCORES', OPTIONAL)],
  },
  {
    ...READ,
    ...older('score', true, '`ZRANGE` with the `REV` and `BYSCORE` arguments'),
    name: 'zrevrangebyscore',
    summary: 'Returns the elements of a sorted set within a range of scores, from the highest on.',
    since: '2.2.0',
    history: [['2.1.6', '`min` and `max` can be exclusive.']],
    arguments: [...bounds(true, 'double'), token('WITHSCORES', OPTIONAL), LIMIT],
  },
  {
    ...READ,
    ...older('member', false, '`ZRANGE` with the `BYLEX` argument'),
    name: 'zrangebylex',
    summary: 'Returns the members of a sorted set within a lexicographical range.',
    since: '2.8.9',
    arguments: [...bounds(false, 'string'), LIMIT],
  },
  {
    ...READ,
    ...older('member', true, '`ZRANGE` with the `REV` and `BYLEX` arguments'),
    name: 'zrevrangebylex',
    summary: 'Returns the members of a sorted set within a lexicographical range, from the highest on.',
    since: '2.8.9',
    arguments: [...bounds(true, 'string'), LIMIT],
  },
]

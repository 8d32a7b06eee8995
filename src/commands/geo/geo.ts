// Positions on the Earth: the commands on sorted sets whose scores are geohashes.

import type { ArgumentSpec, CommandSpec } from '../spec/command.ts'
import type { Context } from '../spec/context.ts'
import { arg, KEY, oneKey, oneOf, option, token } from '../spec/shorthand.ts'
import { UNIT } from './coordinates.ts'
import { geoMemberCommands } from './members.ts'
import { search } from './search.ts'

/** The source, and the destination of the last STORE or STOREDIST. */
function radiusKeys({ args }: Context): number[] {
  let storeAt = 0
  for (let i = 5; i + 1 < args.count; i++) if (args.is(i, 'STORE') || args.is(i, 'STOREDIST')) storeAt = ++i
  return storeAt === 0 ? [1] : [1, storeAt]
}

const WITH = [
  token('WITHCOORD', { optional: true }),
  token('WITHDIST', { optional: true }),
  token('WITHHASH', { optional: true }),
] as const

const ORDER = oneOf('order', [token('ASC'), token('DESC')], { optional: true })

function count(anySince?: string): ArgumentSpec {
  const any = token('ANY', anySince === undefined ? { optional: true } : { optional: true, since: anySince })
  return arg('count-block', 'block', {
    optional: true,
    arguments: [option('COUNT', 'count', 'integer'), any],
  })
}

const CENTER_AND_SHAPE = [
  oneOf('from', [
    option('FROMMEMBER', 'member', 'string'),
    arg('fromlonlat', 'block', {
      token: 'FROMLONLAT',
      arguments: [arg('longitude', 'double'), arg('latitude', 'double')],
    }),
  ]),
  oneOf('by', [
    arg('circle', 'block', { arguments: [option('BYRADIUS', 'radius', 'double'), UNIT] }),
    arg('box', 'block', { arguments: [option('BYBOX', 'width', 'double'), arg('height', 'double'), UNIT] }),
  ]),
] as const

const STORE = [
  option('STORE', 'storekey', 'key', { optional: true }),
  option('STOREDIST', 'storedistkey', 'key', { optional: true }),
] as const

const POSITION = [
  arg('longitude', 'double'),
  arg('latitude', 'double'),
  arg('radius', 'double'),
  UNIT,
] as const
const MEMBER = [arg('member', 'string'), arg('radius', 'double'), UNIT] as const

const UPPERCASE = ['7.0.0', 'Added support for uppercase unit names.'] as const
const ANY_ADDED = ['6.2.0', 'Added the `ANY` option for `COUNT`.'] as const

const READ = {
  flags: ['readonly'],
  categories: ['read', 'geo', 'slow'],
  keys: oneKey('RO', 'access'),
  load: 'through',
  group: 'geo',
  complexity:
    'O(N+log(M)) where N is the number of members in the cells of the grid around the area and M the number of members of the sorted set.',
} as const satisfies Partial<CommandSpec>

/** GEORADIUS and GEORADIUSBYMEMBER: reads, unless they store. */
const RADIUS = {
  ...READ,
  flags: ['write', 'denyoom', 'movablekeys'],
  categories: ['write', 'geo', 'slow'],
  findKeys: radiusKeys,
  load: 'first',
  since: '3.2.0',
} as const satisfies Partial<CommandSpec>

function radiusKeySpecs(optionsAt: number): NonNullable<CommandSpec['keys']> {
  const behind = (keyword: string) => ({
    first: optionsAt,
    last: 0,
    step: 1,
    keyword,
    flags: ['OW', 'update'] as const,
  })
  return [...oneKey('RO', 'access'), behind('STORE'), behind('STOREDIST')]
}

export const geoCommands: readonly CommandSpec[] = [
  ...geoMemberCommands,
  {
    ...READ,
    name: 'geosearch',
    arity: -7,
    summary: 'Returns the members within a circle or a box around a position or a member.',
    since: '6.2.0',
    history: [UPPERCASE],
    arguments: [KEY, ...CENTER_AND_SHAPE, ORDER, count(), ...WITH],
    run: (c) => search(c, { form: 'options', sourceAt: 1, optionsAt: 2 }),
  },
  {
    name: 'geosearchstore',
    arity: -8,
    flags: ['write', 'denyoom'],
    categories: ['write', 'geo', 'slow'],
    keys: [
      { first: 1, last: 1, step: 1, flags: ['OW', 'update'] },
      { first: 2, last: 2, step: 1, flags: ['RO', 'access'] },
    ],
    load: 'first',
    summary:
      'Stores the members within a circle or a box in another key, with geohashes or distances as scores.',
    since: '6.2.0',
    group: 'geo',
    complexity: READ.complexity,
    history: [UPPERCASE],
    arguments: [
      arg('destination', 'key'),
      arg('source', 'key'),
      ...CENTER_AND_SHAPE,
      ORDER,
      count(),
      token('STOREDIST', { optional: true }),
    ],
    run: (c) => search(c, { form: 'options', sourceAt: 2, optionsAt: 3, storeAt: 1 }),
  },
  {
    ...RADIUS,
    name: 'georadius',
    arity: -6,
    keys: radiusKeySpecs(6),
    summary: 'Returns or stores the members within a circle around a position.',
    history: [ANY_ADDED, UPPERCASE],
    deprecated: {
      since: '6.2.0',
      replacedBy: '`GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` argument',
    },
    arguments: [KEY, ...POSITION, ...WITH, count('6.2.0'), ORDER, ...STORE],
    run: (c) => search(c, { form: 'position', sourceAt: 1, optionsAt: 6, mayStore: true }),
  },
  {
    ...READ,
    name: 'georadius_ro',
    arity: -6,
    summary: 'Returns the members within a circle around a position. The read-only GEORADIUS.',
    since: '3.2.10',
    history: [ANY_ADDED],
    deprecated: { since: '6.2.0', replacedBy: '`GEOSEARCH` with the `BYRADIUS` argument' },
    arguments: [KEY, ...POSITION, ...WITH, count('6.2.0'), ORDER],
    run: (c) => search(c, { form: 'position', sourceAt: 1, optionsAt: 6 }),
  },
  {
    ...RADIUS,
    name: 'georadiusbymember',
    arity: -5,
    keys: radiusKeySpecs(5),
    summary: 'Returns or stores the members within a circle around a member.',
    history: [UPPERCASE],
    deprecated: {
      since: '6.2.0',
      replacedBy: '`GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` and `FROMMEMBER` arguments',
    },
    arguments: [KEY, ...MEMBER, ...WITH, count(), ORDER, ...STORE],
    run: (c) => search(c, { form: 'member', sourceAt: 1, optionsAt: 5, mayStore: true }),
  },
  {
    ...READ,
    name: 'georadiusbymember_ro',
    arity: -5,
    summary: 'Returns the members within a circle around a member. The read-only GEORADIUSBYMEMBER.',
    since: '3.2.10',
    deprecated: { since: '6.2.0', replacedBy: '`GEOSEARCH` with the `BYRADIUS` and `FROMMEMBER` arguments' },
    arguments: [KEY, ...MEMBER, ...WITH, count(), ORDER],
    run: (c) => search(c, { form: 'member', sourceAt: 1, optionsAt: 5 }),
  },
]

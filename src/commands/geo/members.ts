// Members and their positions: GEOADD, GEOPOS, GEOHASH, GEODIST.

import { distance, distanceText } from '../../bytes/geo/distance.ts'
import { geohashScore, geohashText, Position } from '../../bytes/geo/geohash.ts'
import { NULL_REF, type Ref } from '../../store/arena.ts'
import { ValueType } from '../../store/record.ts'
import { CHANGED, NX, scoresFor, setScores, XX } from '../sorted-sets/scores.ts'
import type { CommandSpec } from '../spec/command.ts'
import type { Context } from '../spec/context.ts'
import { SYNTAX_ERROR } from '../spec/errors.ts'
import { arg, KEY, oneKey, oneOf, token } from '../spec/shorthand.ts'
import { readCollection } from '../spec/values/collection.ts'
import { readPosition, readUnit, replyPosition, UNIT } from './coordinates.ts'

/** The option of GEOADD in argument `i`; 0: it is not an option. */
function optionOf({ args }: Context, i: number): number {
  if (args.length(i) !== 2) return 0
  if (args.is(i, 'NX')) return NX
  if (args.is(i, 'XX')) return XX
  return args.is(i, 'CH') ? CHANGED : 0
}

function add(c: Context): void {
  const { args, reply } = c
  let options = 0
  let first = 2
  for (; first < args.count; first++) {
    const option = optionOf(c, first)
    if (option === 0) break
    options |= option
  }
  const values = args.count - first
  if (values === 0 || values % 3 !== 0 || (options & (NX | XX)) === (NX | XX)) {
    reply.error(SYNTAX_ERROR)
    return
  }
  const count = values / 3
  const scores = scoresFor(count)
  for (let n = 0; n < count; n++) {
    const position = readPosition(c, first + 3 * n)
    if (position === undefined) return
    scores[n] = geohashScore(position[0], position[1])
  }
  const changes = setScores(c, first + 2, 3, count, options)
  if (changes >= 0) reply.integer(changes)
}

/** The position of the member in argument `i`; undefined: it is not a member. */
function positionOf(c: Context, ref: Ref, i: number): Position | undefined {
  const { buf, start, end } = c.args
  const { sortedSets } = c.store
  if (ref === NULL_REF || !sortedSets.find(ref, buf, start[i], end[i])) return undefined
  const position = new Position()
  position.decode(sortedSets.score[0])
  return position
}

/** Replies an array with one element for each member from argument 2 on. */
function replyEach(c: Context, write: (position: Position | undefined) => void): void {
  const ref = readCollection(c, 1, ValueType.SORTED_SET)
  if (ref === undefined) return
  c.reply.array(c.args.count - 2)
  for (let i = 2; i < c.args.count; i++) write(positionOf(c, ref, i))
}

function replyDistance(c: Context): void {
  const { args, reply } = c
  const unit = args.count === 5 ? readUnit(c, 4) : 1
  if (Number.isNaN(unit)) return
  if (args.count > 5) {
    reply.error(SYNTAX_ERROR)
    return
  }
  const ref = readCollection(c, 1, ValueType.SORTED_SET)
  if (ref === undefined) return
  const from = positionOf(c, ref, 2)
  const to = positionOf(c, ref, 3)
  if (from === undefined || to === undefined) {
    reply.null()
    return
  }
  const meters = distance(from.longitude, from.latitude, to.longitude, to.latitude)
  reply.bulkText(distanceText(meters / unit))
}

const READ = {
  flags: ['readonly'],
  categories: ['read', 'geo', 'slow'],
  keys: oneKey('RO', 'access'),
  load: 'through',
  since: '3.2.0',
  group: 'geo',
} as const satisfies Partial<CommandSpec>

const MEMBERS = arg('member', 'string', { multiple: true, optional: true })

export const geoMemberCommands: readonly CommandSpec[] = [
  {
    name: 'geoadd',
    arity: -5,
    flags: ['write', 'denyoom'],
    categories: ['write', 'geo', 'slow'],
    keys: oneKey('RW', 'update'),
    load: 'first',
    summary:
      'Adds members with positions to a sorted set, whose scores are geohashes. Creates the key if it does not exist.',
    since: '3.2.0',
    group: 'geo',
    complexity: 'O(log N) for each member.',
    history: [['6.2.0', 'Added the `CH`, `NX` and `XX` options.']],
    arguments: [
      KEY,
      oneOf('condition', [token('NX'), token('XX')], { optional: true, since: '6.2.0' }),
      arg('change', 'pure-token', { token: 'CH', optional: true, since: '6.2.0' }),
      arg('data', 'block', {
        multiple: true,
        arguments: [arg('longitude', 'double'), arg('latitude', 'double'), arg('member', 'string')],
      }),
    ],
    run: add,
  },
  {
    ...READ,
    name: 'geopos',
    arity: -2,
    summary: 'Returns the longitudes and latitudes of members.',
    complexity: 'O(log N) for each member.',
    arguments: [KEY, MEMBERS],
    run(c) {
      replyEach(c, (position) => {
        if (position === undefined) c.reply.nullArray()
        else replyPosition(c.reply, position.longitude, position.latitude)
      })
    },
  },
  {
    ...READ,
    name: 'geohash',
    arity: -2,
    summary: 'Returns the standard geohashes of members, as strings of 11 characters.',
    complexity: 'O(log N) for each member.',
    arguments: [KEY, MEMBERS],
    run(c) {
      replyEach(c, (position) => {
        if (position === undefined) c.reply.null()
        else c.reply.bulkText(geohashText(position))
      })
    },
  },
  {
    ...READ,
    name: 'geodist',
    arity: -4,
    summary: 'Returns the distance between two members.',
    complexity: 'O(log N)',
    arguments: [KEY, arg('member1', 'string'), arg('member2', 'string'), { ...UNIT, optional: true }],
    run: replyDistance,
  },
]

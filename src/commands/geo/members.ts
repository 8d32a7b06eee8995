// Members and their positions: GEOADD, GEOPOS, GEOHASH, GEODIST.

import { distance, distanceText } from '../../bytes/geo/distance.ts'
import { geohashScore, geohashText, Position } from '../../bytes/geo/geohash.ts'
import { NULL_REF, type Ref } from '../../store/arena.ts'
import { ValueType } from '../../store/record.ts'
import type { CommandSpec } from '../spec/command.ts'
import type { Context } from '../spec/context.ts'
import { SYNTAX_ERROR } from '../spec/errors.ts'
import { arg, KEY, oneKey, oneOf, token } from '../spec/shorthand.ts'
import {
  argumentBytes,
  createCollection,
  findCollection,
  hasRoom,
  readCollection,
} from '../spec/values/collection.ts'
import { readPosition, readUnit, replyPosition, UNIT } from './coordinates.ts'

interface AddOptions {
  readonly onlyNew: boolean
  readonly onlyOld: boolean
  readonly countsChanges: boolean
  /** The first longitude. */
  readonly first: number
}

/** Undefined after an error reply. */
function readAddOptions({ args, reply }: Context): AddOptions | undefined {
  let onlyNew = false
  let onlyOld = false
  let countsChanges = false
  let first = 2
  for (; first < args.count; first++) {
    if (args.is(first, 'NX')) onlyNew = true
    else if (args.is(first, 'XX')) onlyOld = true
    else if (args.is(first, 'CH')) countsChanges = true
    else break
  }
  const values = args.count - first
  if (values > 0 && values % 3 === 0 && !(onlyNew && onlyOld))
    return { onlyNew, onlyOld, countsChanges, first }
  reply.error(SYNTAX_ERROR)
  return undefined
}

/** The scores of all positions. Undefined after an error reply. */
function readScores(c: Context, first: number): number[] | undefined {
  const scores: number[] = []
  for (let i = first; i < c.args.count; i += 3) {
    const position = readPosition(c, i)
    if (position === undefined) return undefined
    scores.push(geohashScore(...position))
  }
  return scores
}

function add(c: Context): void {
  const { args, group, reply } = c
  const options = readAddOptions(c)
  const scores = options && readScores(c, options.first)
  if (options === undefined || scores === undefined) return
  const found = findCollection(c, 1, ValueType.SORTED_SET)
  if (found === undefined) return
  if (found === NULL_REF && options.onlyOld) {
    reply.integer(0)
    return
  }
  if (!hasRoom(c, found, 1, argumentBytes(c, options.first + 2, 3), scores.length)) return
  const { sortedSets, collections } = group.store
  let ref = found === NULL_REF ? createCollection(c, 1, ValueType.SORTED_SET) : found
  let added = 0
  let changed = 0
  for (const [n, score] of scores.entries()) {
    const i = options.first + 3 * n + 2
    const [start, end] = [args.start[i], args.end[i]]
    if (sortedSets.find(ref, args.buf, start, end)) {
      if (options.onlyNew || sortedSets.score[0] === score) continue
      sortedSets.score[0] = score
      ref = sortedSets.update(ref, args.buf, start, end)
      changed++
    } else if (!options.onlyOld) {
      sortedSets.score[0] = score
      ref = sortedSets.insert(ref, args.buf, start, end)
      added++
    }
  }
  collections.finish(ref, sortedSets.length(ref))
  reply.integer(options.countsChanges ? added + changed : added)
}

/** The position of the member in argument `i`; undefined: it is none. */
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

// A part of the elements of a sorted set: ZRANDMEMBER, ZSCAN.

import { formatDouble } from '../../bytes/numbers/double.ts'
import { NULL_REF } from '../../store/arena.ts'
import { ValueType } from '../../store/record.ts'
import type { CommandSpec } from '../spec/command.ts'
import type { Context } from '../spec/context.ts'
import { SYNTAX_ERROR } from '../spec/errors.ts'
import { arg, KEY, oneKey, token } from '../spec/shorthand.ts'
import { readCollection, replySpan } from '../spec/values/collection.ts'
import { OUT_OF_RANGE, readSampleCount, sampleRanks } from '../spec/values/sampling.ts'
import { SCAN_ARGUMENTS, scanCollection } from '../spec/values/scanning.ts'
import { replyElement, replyElementCount } from './elements.ts'

/** With scores a reply has twice as many values: Redis's limit is half of the largest int64. */
const MAX_PAIRS = 2 ** 62

function randomMember(c: Context): void {
  const ref = readCollection(c, 1, ValueType.SORTED_SET)
  if (ref === undefined) return
  if (ref === NULL_REF) {
    c.reply.null()
    return
  }
  const { sortedSets } = c.store
  sortedSets.seek(ref, Math.floor(c.group.environment.random() * sortedSets.length(ref)))
  replySpan(c, sortedSets.span)
}

function randomMembers(c: Context): void {
  const { args, reply } = c
  const wanted = readSampleCount(c, 2)
  if (wanted === undefined) return
  const hasScores = args.count === 4 && args.is(3, 'WITHSCORES')
  if (args.count > 4 || (args.count === 4 && !hasScores)) {
    reply.error(SYNTAX_ERROR)
    return
  }
  if (hasScores && Math.abs(wanted) > MAX_PAIRS) {
    reply.error(OUT_OF_RANGE)
    return
  }
  const ref = readCollection(c, 1, ValueType.SORTED_SET)
  if (ref === undefined) return
  const { sortedSets } = c.store
  const { random } = c.group.environment
  const length = ref === NULL_REF ? 0 : sortedSets.length(ref)
  const count = length === 0 ? 0 : wanted < 0 ? -wanted : Math.min(wanted, length)
  replyElementCount(c, count, hasScores)
  if (count === 0) return
  if (wanted < 0) {
    for (let i = 0; i < count; i++) {
      sortedSets.seek(ref, Math.floor(random() * length))
      replyElement(c, sortedSets, hasScores)
    }
  } else if (count === length) {
    for (let is = sortedSets.seek(ref, 0); is; is = sortedSets.next()) replyElement(c, sortedSets, hasScores)
  } else {
    for (const rank of sampleRanks(count, length, random)) {
      sortedSets.seek(ref, rank)
      replyElement(c, sortedSets, hasScores)
    }
  }
}

const READ = {
  flags: ['readonly'],
  categories: ['read', 'sortedset', 'slow'],
  keys: oneKey('RO', 'access'),
  load: 'through',
  group: 'sorted-set',
  tips: ['nondeterministic_output'],
} as const satisfies Partial<CommandSpec>

export const sortedSetIterationCommands: readonly CommandSpec[] = [
  {
    ...READ,
    name: 'zrandmember',
    arity: -2,
    summary: 'Returns one or more random members of a sorted set.',
    since: '6.2.0',
    complexity: 'O(M*log(N)) where M is the number of elements returned.',
    arguments: [
      KEY,
      arg('options', 'block', {
        optional: true,
        arguments: [arg('count', 'integer'), token('WITHSCORES', { optional: true })],
      }),
    ],
    run: (c) => (c.args.count === 2 ? randomMember(c) : randomMembers(c)),
  },
  {
    ...READ,
    name: 'zscan',
    arity: -3,
    summary: 'Iterates over the members and scores of a sorted set.',
    since: '2.8.0',
    complexity:
      'O(1) for every call. O(N) for a complete iteration, including enough command calls for the cursor to return ' +
      'back to 0. N is the number of elements inside the collection.',
    arguments: [KEY, ...SCAN_ARGUMENTS],
    run(c) {
      const { sortedSets } = c.store
      const visits: Parameters<typeof scanCollection>[2] = (ref, cursor, count, visit) =>
        sortedSets.scan(ref, cursor, count, visit)
      scanCollection(c, ValueType.SORTED_SET, visits, sortedSets.span, () =>
        Buffer.from(formatDouble(sortedSets.score[0])),
      )
    },
  },
]

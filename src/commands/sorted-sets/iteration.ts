// A part of the elements of a sorted set: ZRANDMEMBER, ZSCAN.

import { formatDouble } from '../../bytes/numbers/double.ts'
import { ValueType } from '../../store/record.ts'
import type { CommandSpec } from '../spec/command.ts'
import { arg, KEY, oneKey, token } from '../spec/shorthand.ts'
import { replySpan } from '../spec/values/collection.ts'
import { replyRandom, type Sampled } from '../spec/values/sampling.ts'
import { SCAN_ARGUMENTS, scanCollection } from '../spec/values/scanning.ts'

const RANDOM_MEMBERS: Sampled = {
  type: ValueType.SORTED_SET,
  size: ({ sortedSets }, ref) => sortedSets.length(ref),
  seek: ({ sortedSets }, ref, rank) => sortedSets.seek(ref, rank),
  first: ({ sortedSets }, ref) => sortedSets.seek(ref, 0),
  next: ({ sortedSets }) => sortedSets.next(),
  reply: (c) => replySpan(c, c.store.sortedSets.span),
  second: { option: 'WITHSCORES', reply: ({ reply, store }) => reply.doubleOf(store.sortedSets.score) },
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
    run: (c) => replyRandom(c, RANDOM_MEMBERS),
  },
  {
    ...READ,
    name: 'zscan',
    arity: -3,
    hasCursor: true,
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

// A part of the fields of a hash: HRANDFIELD, HSCAN.

import { ValueType } from '../../store/record.ts'
import type { CommandSpec } from '../spec/command.ts'
import { arg, KEY, oneKey, token } from '../spec/shorthand.ts'
import { replySpan } from '../spec/values/collection.ts'
import { replyRandom, type Sampled } from '../spec/values/sampling.ts'
import { SCAN_ARGUMENTS, scanCollection } from '../spec/values/scanning.ts'

const RANDOM_FIELDS: Sampled = {
  type: ValueType.HASH,
  size: ({ hashes }, ref) => hashes.length(ref),
  seek: ({ hashes }, ref, rank) => hashes.seek(ref, rank),
  first: ({ hashes }, ref) => hashes.seek(ref, 0),
  next: ({ hashes }) => hashes.next(),
  reply: (c) => replySpan(c, c.store.hashes.field),
  second: { option: 'WITHVALUES', reply: (c) => replySpan(c, c.store.hashes.value) },
}

const READ = {
  flags: ['readonly'],
  categories: ['read', 'hash', 'slow'],
  keys: oneKey('RO', 'access'),
  load: 'through',
  group: 'hash',
  tips: ['nondeterministic_output'],
} as const satisfies Partial<CommandSpec>

export const hashIterationCommands: readonly CommandSpec[] = [
  {
    ...READ,
    name: 'hrandfield',
    arity: -2,
    summary: 'Returns one or more random fields of a hash.',
    since: '6.2.0',
    complexity: 'O(N) where N is the number of fields returned',
    arguments: [
      KEY,
      arg('options', 'block', {
        optional: true,
        arguments: [arg('count', 'integer'), token('WITHVALUES', { optional: true })],
      }),
    ],
    run: (c) => replyRandom(c, RANDOM_FIELDS),
  },
  {
    ...READ,
    name: 'hscan',
    arity: -3,
    hasCursor: true,
    summary: 'Iterates over the fields and values of a hash.',
    since: '2.8.0',
    complexity:
      'O(1) for every call. O(N) for a complete iteration, including enough command calls for the cursor to return ' +
      'back to 0. N is the number of elements inside the collection.',
    arguments: [KEY, ...SCAN_ARGUMENTS],
    run(c) {
      const { hashes } = c.store
      const { field, value } = hashes
      const visits: Parameters<typeof scanCollection>[2] = (ref, cursor, count, visit) =>
        hashes.scan(ref, cursor, count, visit)
      scanCollection(c, ValueType.HASH, visits, field, () => value.copy())
    },
  },
]

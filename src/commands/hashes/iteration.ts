// A part of the fields of a hash: HRANDFIELD, HSCAN.

import { NULL_REF } from '../../store/arena.ts'
import { ValueType } from '../../store/record.ts'
import type { CommandSpec } from '../spec/command.ts'
import type { Context } from '../spec/context.ts'
import { SYNTAX_ERROR } from '../spec/errors.ts'
import { arg, KEY, oneKey, token } from '../spec/shorthand.ts'
import { readCollection, replySpan } from '../spec/values/collection.ts'
import { OUT_OF_RANGE, readSampleCount, sampleRanks } from '../spec/values/sampling.ts'
import { SCAN_ARGUMENTS, scanCollection } from '../spec/values/scanning.ts'

const MAX_PAIRS = 2 ** 62

function randomField(c: Context): void {
  const ref = readCollection(c, 1, ValueType.HASH)
  if (ref === undefined) return
  if (ref === NULL_REF) {
    c.reply.null()
    return
  }
  const { hashes } = c.store
  hashes.seek(ref, Math.floor(c.group.environment.random() * hashes.length(ref)))
  replySpan(c, hashes.field)
}

function randomFields(c: Context): void {
  const { args, reply } = c
  const count = readSampleCount(c, 2)
  if (count === undefined) return
  const hasValues = args.count === 4 && args.is(3, 'WITHVALUES')
  if (args.count > 4 || (args.count === 4 && !hasValues)) {
    reply.error(SYNTAX_ERROR)
    return
  }
  if (hasValues && Math.abs(count) > MAX_PAIRS) {
    reply.error(OUT_OF_RANGE)
    return
  }
  const ref = readCollection(c, 1, ValueType.HASH)
  if (ref === undefined) return
  const { hashes } = c.store
  const length = ref === NULL_REF ? 0 : hashes.length(ref)
  const replies = length === 0 ? 0 : count < 0 ? -count : Math.min(count, length)
  const isNested = hasValues && reply.protocol === 3
  reply.array(hasValues && !isNested ? 2 * replies : replies)
  if (replies === 0) return
  const { random } = c.group.environment
  const answer = (): void => {
    if (isNested) reply.array(2)
    replySpan(c, hashes.field)
    if (hasValues) replySpan(c, hashes.value)
  }
  if (count < 0) {
    for (let i = 0; i < replies; i++) {
      hashes.seek(ref, Math.floor(random() * length))
      answer()
    }
  } else if (replies === length) {
    for (let is = hashes.seek(ref, 0); is; is = hashes.next()) answer()
  } else {
    for (const rank of sampleRanks(replies, length, random)) {
      hashes.seek(ref, rank)
      answer()
    }
  }
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
    run: (c) => (c.args.count === 2 ? randomField(c) : randomFields(c)),
  },
  {
    ...READ,
    name: 'hscan',
    arity: -3,
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

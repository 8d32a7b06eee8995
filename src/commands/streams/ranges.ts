// XRANGE and XREVRANGE.

import { EntryReader } from '../../store/types/stream/entry-reader.ts'
import { readInteger } from '../spec/arguments.ts'
import type { CommandSpec } from '../spec/command.ts'
import type { Context } from '../spec/context.ts'
import { SYNTAX_ERROR } from '../spec/errors.ts'
import { arg, KEY, oneKey, option } from '../spec/shorthand.ts'
import { readEnd, readStart } from './ids.ts'
import { readStream, replyEntries } from './stream-value.ts'

function range(c: Context, isReverse: boolean): void {
  const { args, reply } = c
  const from = readStart(c, isReverse ? 3 : 2)
  if (from === undefined) return
  const to = readEnd(c, isReverse ? 2 : 3)
  if (to === undefined) return
  let most = Number.POSITIVE_INFINITY
  for (let i = 4; i < args.count; i += 2) {
    if (!args.is(i, 'COUNT') || i + 1 === args.count) {
      reply.error(SYNTAX_ERROR)
      return
    }
    most = readInteger(c, i + 1)
    if (Number.isNaN(most)) return
  }
  const stream = readStream(c, 1)
  if (stream === null) reply.array(0)
  if (!stream) return
  if (most <= 0) {
    reply.nullArray()
    return
  }
  const entries = new EntryReader(stream)
  const count = Math.min(most, stream.count(from, to))
  replyEntries(c, isReverse ? entries.openBackwards(to) : entries.openAt(from), count)
}

const RANGE = {
  arity: -4,
  flags: ['readonly'],
  categories: ['read', 'stream', 'slow'],
  keys: oneKey('RO', 'access'),
  load: 'through',
  since: '5.0.0',
  group: 'stream',
  complexity: 'O(log N + M) where M is the number of entries returned.',
  history: [['6.2.0', 'Added exclusive ranges.']],
} as const satisfies Partial<CommandSpec>

const COUNT = option('COUNT', 'count', 'integer', { optional: true })

export const streamRangeCommands: readonly CommandSpec[] = [
  {
    name: 'xrange',
    ...RANGE,
    summary: 'Returns the entries of a stream with IDs in a range.',
    arguments: [KEY, arg('start', 'string'), arg('end', 'string'), COUNT],
    run: (c) => range(c, false),
  },
  {
    name: 'xrevrange',
    ...RANGE,
    summary: 'Returns the entries of a stream with IDs in a range, from the last one to the first.',
    arguments: [KEY, arg('end', 'string'), arg('start', 'string'), COUNT],
    run: (c) => range(c, true),
  },
]

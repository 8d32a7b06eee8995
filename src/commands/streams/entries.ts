// Adding and removing entries: XADD, XDEL, XTRIM, XLEN, XSETID.

import {
  compareIds,
  copyId,
  ID_WORDS,
  type IdWords,
  incrementId,
  MIN_ID,
  setMilliseconds,
  splitId,
} from '../../store/types/stream/id.ts'
import { readInt64 } from '../spec/arguments.ts'
import type { CommandSpec } from '../spec/command.ts'
import type { Context } from '../spec/context.ts'
import { NO_SUCH_KEY, SYNTAX_ERROR, wrongArguments } from '../spec/errors.ts'
import { arg, KEY, oneKey, oneOf, option, token } from '../spec/shorthand.ts'
import { argumentBytes } from '../spec/values/collection.ts'
import { FIRST, type NewId, readId, readIds } from './ids.ts'
import { createStream, findStream, hasStreamRoom, readStream, replyId, settle } from './stream-value.ts'
import { readTrimOptions, TRIM_ARGUMENTS } from './trimming.ts'

/** Redis's limit of the strings of an entry. */
const MAX_ENTRY_BYTES = 2 ** 30

const TOO_SMALL = 'ERR The ID specified in XADD is equal or smaller than the target stream top item'

/** The last ID of the stream, and that of the new entry: in words, as an XADD with `*` makes no large numbers. */
const last: IdWords = new Int32Array(ID_WORDS)
const next: IdWords = new Int32Array(ID_WORDS)

/** Makes `next` the ID of a new entry. False: it would not be above all others. */
function takeNewId(given: NewId | undefined, now: Float64Array): boolean {
  if (given === undefined) {
    setMilliseconds(next, now)
    if (compareIds(next, last) > 0) return true
    copyId(last, next)
    return incrementId(next)
  }
  splitId(given.id, next)
  if (given.automatic && next[0] === last[0] && next[1] === last[1]) {
    copyId(last, next)
    incrementId(next)
    // Only the sequence number may grow.
    return next[1] === last[1]
  }
  return compareIds(next, last) > 0
}

function add(c: Context): void {
  const { args, reply } = c
  const options = readTrimOptions(c, true)
  if (options === undefined) return
  const { id: given, idAt, trimming } = options
  const fields = args.count - idAt - 1
  if (fields < 2 || fields % 2 === 1) {
    reply.error(wrongArguments(c.command.fullName))
    return
  }
  if (given?.id === MIN_ID && !given.automatic) {
    reply.error('ERR The ID specified in XADD must be greater than 0-0')
    return
  }
  const found = findStream(c, 1)
  if (found === undefined) return
  if (found === null && options.makesNoStream) {
    reply.null()
    return
  }
  if (found === null) last.fill(0)
  else found.readLastId(last)
  if ((last[0] & last[1] & last[2] & last[3]) === -1) {
    reply.error('ERR The stream has exhausted the last possible ID, unable to add more items')
    return
  }
  if (!takeNewId(given, c.instant.ms)) {
    reply.error(TOO_SMALL)
    return
  }
  const bytes = argumentBytes(c, idAt + 1)
  if (bytes > MAX_ENTRY_BYTES) {
    reply.error('ERR Elements are too large to be stored')
    return
  }
  if (!hasStreamRoom(c, found, 1, bytes, fields)) return
  const stream = found ?? createStream(c, 1)
  stream.appendWords(next, args, idAt + 1, fields / 2)
  if (trimming !== undefined) stream.trim(trimming)
  settle(c, stream)
  replyId(reply, next)
}

function trim(c: Context): void {
  const options = readTrimOptions(c, false)
  if (options?.trimming === undefined) return
  const stream = findStream(c, 1)
  if (stream === undefined) return
  const trimmed = stream === null ? 0 : stream.trim(options.trimming)
  c.reply.integer(trimmed)
  if (stream !== null) settle(c, stream, trimmed > 0)
}

function deleteEntries(c: Context): void {
  const stream = findStream(c, 1)
  if (stream === null) c.reply.integer(0)
  else if (stream !== undefined) {
    const ids = readIds(c, 2)
    if (ids === undefined) return
    const deleted = stream.delete(ids)
    c.reply.integer(deleted)
    settle(c, stream, deleted > 0)
  }
}

function setId(c: Context): void {
  const { args, reply } = c
  const id = readId(c, 2, FIRST)
  if (id === undefined) return
  let added: bigint | undefined
  let maxDeletedId = MIN_ID
  for (let i = 3; i < args.count; i += 2) {
    const hasValue = i + 1 < args.count
    if (hasValue && args.is(i, 'ENTRIESADDED')) {
      const value = readInt64(c, i + 1)
      if (value === undefined) return
      if (value < 0n) {
        reply.error('ERR entries_added must be positive')
        return
      }
      added = value
    } else if (hasValue && args.is(i, 'MAXDELETEDID')) {
      const value = readId(c, i + 1, FIRST)
      if (value === undefined) return
      if (id < value) {
        reply.error('ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id')
        return
      }
      maxDeletedId = value
    } else {
      reply.error(SYNTAX_ERROR)
      return
    }
  }
  const stream = findStream(c, 1)
  if (stream === null) reply.error(NO_SUCH_KEY)
  if (!stream) return
  if (stream.length > 0) {
    if (id < stream.topId) {
      reply.error('ERR The ID specified in XSETID is smaller than the target stream top item')
      return
    }
    if (added !== undefined && BigInt(stream.length) > added) {
      reply.error('ERR The entries_added specified in XSETID is smaller than the target stream length')
      return
    }
  }
  stream.lastId = id
  if (added !== undefined) stream.entriesAdded = added
  if (maxDeletedId !== MIN_ID) stream.maxDeletedId = maxDeletedId
  settle(c, stream, false)
  reply.ok()
}

export const streamEntryCommands: readonly CommandSpec[] = [
  {
    name: 'xadd',
    arity: -5,
    flags: ['write', 'denyoom', 'fast'],
    categories: ['write', 'stream', 'fast'],
    keys: oneKey('RW', 'update'),
    load: 'first',
    summary:
      'Appends an entry to a stream, and trims the stream if asked. Creates the key if it does not exist.',
    since: '5.0.0',
    group: 'stream',
    complexity: 'O(log N) to add an entry, and O(M log N) to trim M entries.',
    tips: ['nondeterministic_output'],
    history: [
      ['6.2.0', 'Added the `NOMKSTREAM` option, `MINID` trimming strategy and the `LIMIT` option.'],
      ['7.0.0', 'Added support for the `<ms>-*` explicit ID form.'],
    ],
    arguments: [
      KEY,
      token('NOMKSTREAM', { optional: true, since: '6.2.0' }),
      arg('trim', 'block', { optional: true, arguments: TRIM_ARGUMENTS }),
      oneOf('id-selector', [arg('auto-id', 'pure-token', { token: '*' }), arg('id', 'string')]),
      arg('data', 'block', { multiple: true, arguments: [arg('field', 'string'), arg('value', 'string')] }),
    ],
    run: add,
  },
  {
    name: 'xdel',
    arity: -3,
    flags: ['write', 'fast'],
    categories: ['write', 'stream', 'fast'],
    keys: oneKey('RW', 'delete'),
    load: 'first',
    summary: 'Removes entries from a stream by their IDs, and returns how many there were.',
    since: '5.0.0',
    group: 'stream',
    complexity: 'O(log N) for each entry.',
    arguments: [KEY, arg('id', 'string', { multiple: true })],
    run: deleteEntries,
  },
  {
    name: 'xtrim',
    arity: -4,
    flags: ['write'],
    categories: ['write', 'stream', 'slow'],
    keys: oneKey('RW', 'delete'),
    load: 'first',
    summary: 'Removes the oldest entries of a stream, down to a length or up to an ID.',
    since: '5.0.0',
    group: 'stream',
    complexity: 'O(M log N) where M is the number of removed entries.',
    tips: ['nondeterministic_output'],
    history: [['6.2.0', 'Added the `MINID` trimming strategy and the `LIMIT` option.']],
    arguments: [KEY, arg('trim', 'block', { arguments: TRIM_ARGUMENTS })],
    run: trim,
  },
  {
    name: 'xlen',
    arity: 2,
    flags: ['readonly', 'fast'],
    categories: ['read', 'stream', 'fast'],
    keys: oneKey('RO'),
    load: 'through',
    summary: 'Returns the number of entries of a stream.',
    since: '5.0.0',
    group: 'stream',
    complexity: 'O(1)',
    arguments: [KEY],
    run(c) {
      const stream = readStream(c, 1)
      if (stream !== undefined) c.reply.integer(stream?.length ?? 0)
    },
  },
  {
    name: 'xsetid',
    arity: -3,
    flags: ['write', 'denyoom', 'fast'],
    categories: ['write', 'stream', 'fast'],
    keys: oneKey('RW', 'update'),
    load: 'first',
    summary: 'Sets the last ID and the counters of a stream. Replication uses it.',
    since: '5.0.0',
    group: 'stream',
    complexity: 'O(1)',
    history: [['7.0.0', 'Added the `entries_added` and `max_deleted_entry_id` arguments.']],
    arguments: [
      KEY,
      arg('last-id', 'string'),
      option('ENTRIESADDED', 'entries-added', 'integer', { optional: true, since: '7.0.0' }),
      option('MAXDELETEDID', 'max-deleted-id', 'string', { optional: true, since: '7.0.0' }),
    ],
    run: setId,
  },
]

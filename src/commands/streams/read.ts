// XREAD and XREADGROUP: entries after an ID, from several streams.

import { EntryReader } from '../../store/types/stream/entry-reader.ts'
import { idText, MAX_ID, MIN_ID, type StreamId } from '../../store/types/stream/id.ts'
import type { Stream } from '../../store/types/stream/stream.ts'
import type { CommandSpec } from '../spec/command.ts'
import type { Context } from '../spec/context.ts'
import { arg, option, token } from '../spec/shorthand.ts'
import { deliverHistory, deliverNew, requireReadGroup, type Served } from './delivery.ts'
import { FIRST, INVALID_ID, readId, readSpecial } from './ids.ts'
import { type ReadOptions, readReadOptions, streamKeys } from './read-options.ts'
import { findStream, readStream, replyEntries, replyEntry } from './stream-value.ts'

/** The ID in argument `i`, which is neither `-` nor `+`. Undefined after an error reply. */
function readPlainId(c: Context, i: number): StreamId | undefined {
  if (readSpecial(c.args, i) === undefined) return readId(c, i, FIRST)
  c.reply.error(INVALID_ID)
  return undefined
}

const NEW_IN_XREAD =
  'ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> <consumer> option.'
const LAST_IN_XREADGROUP =
  'ERR The $ ID is meaningless in the context of XREADGROUP: you want to read the history of this consumer by specifying a proper ID, or use the > ID to get new messages. The $ ID would just return an empty result set.'

function read(c: Context): void {
  const options = readReadOptions(c, false)
  if (options === undefined) return
  const { firstKey, streams } = options
  const served: Served[] = []
  for (let keyAt = firstKey; keyAt < firstKey + streams; keyAt++) {
    const stream = readStream(c, keyAt)
    if (stream === undefined) return
    const after = readAfter(c, keyAt + streams, stream)
    if (after === undefined) return
    if (stream === null || stream.length === 0 || stream.topId <= after) continue
    served.push({ keyAt, from: after + 1n, count: atMost(options, stream.count(after + 1n, MAX_ID)) })
  }
  replyServed(c, served)
}

/** The ID after which entries are wanted. Undefined after an error reply. */
function readAfter(c: Context, i: number, stream: Stream | null): StreamId | undefined {
  const { args, reply } = c
  if (args.is(i, '$')) return stream?.lastId ?? MIN_ID
  if (!args.is(i, '>')) return readPlainId(c, i)
  reply.error(NEW_IN_XREAD)
  return undefined
}

function atMost({ count }: ReadOptions, available: number): number {
  return count === 0 ? available : Math.min(count, available)
}

function readGroup(c: Context): void {
  const options = readReadOptions(c, true)
  if (options === undefined) return
  const { firstKey, streams } = options
  const after: StreamId[] = []
  for (let keyAt = firstKey; keyAt < firstKey + streams; keyAt++) {
    if (requireReadGroup(c, keyAt, options.groupAt) === undefined) return
    const id = readGroupAfter(c, keyAt + streams)
    if (id === undefined) return
    after.push(id)
  }
  const served: Served[] = []
  for (const [n, id] of after.entries()) {
    const keyAt = firstKey + n
    // Found anew: the delivery from an earlier stream, which may be the same one, has changed the store.
    const found = requireReadGroup(c, keyAt, options.groupAt)
    if (found === undefined) return
    const result =
      id === MAX_ID ? deliverNew(c, found, options, keyAt) : deliverHistory(c, found, options, keyAt, id)
    if (result === undefined) return
    if (result !== null) served.push(result)
  }
  replyServed(c, served)
}

/** The ID after which a consumer's history is wanted; the largest one stands for `>`. Undefined after an error reply. */
function readGroupAfter(c: Context, i: number): StreamId | undefined {
  const { args, reply } = c
  if (args.is(i, '>')) return MAX_ID
  if (!args.is(i, '$')) return readPlainId(c, i)
  reply.error(LAST_IN_XREADGROUP)
  return undefined
}

/** A map of keys and their entries; nil if there are none. */
function replyServed(c: Context, served: readonly Served[]): void {
  const { args, reply } = c
  if (served.length === 0) {
    reply.nullArray()
    return
  }
  if (reply.protocol === 3) reply.map(served.length)
  else reply.array(served.length)
  for (const { keyAt, from, count, ids } of served) {
    if (reply.protocol !== 3) reply.array(2)
    reply.bulk(args.buf, args.start[keyAt], args.end[keyAt])
    const stream = findStream(c, keyAt)
    if (!stream) reply.array(0)
    else if (ids === undefined) replyEntries(c, new EntryReader(stream).openAt(from), count)
    else replyHistory(c, stream, ids)
  }
}

function replyHistory(c: Context, stream: Stream, ids: readonly StreamId[]): void {
  const { reply } = c
  const entries = new EntryReader(stream)
  reply.array(ids.length)
  for (const id of ids) {
    if (stream.has(id)) {
      entries.openAt(id).next()
      replyEntry(c, entries)
    } else {
      reply.array(2)
      reply.bulkText(idText(id))
      reply.nullArray()
    }
  }
}

const STREAMS = arg('streams', 'block', {
  token: 'STREAMS',
  arguments: [arg('key', 'key', { multiple: true }), arg('id', 'string', { multiple: true })],
})
const COUNT = option('COUNT', 'count', 'integer', { optional: true })
const BLOCK = option('BLOCK', 'milliseconds', 'integer', { optional: true })

export const streamReadCommands: readonly CommandSpec[] = [
  {
    name: 'xread',
    arity: -4,
    flags: ['readonly', 'blocking', 'movablekeys'],
    categories: ['read', 'stream', 'slow', 'blocking'],
    keys: [{ first: 1, last: -1, step: 1, keyword: 'STREAMS', limit: 2, flags: ['RO', 'access'] }],
    findKeys: streamKeys,
    load: 'through',
    summary: 'Returns the entries of streams after the given IDs, and can wait for them.',
    since: '5.0.0',
    group: 'stream',
    complexity: 'O(log N + M) for each stream, where M is the number of entries returned.',
    arguments: [COUNT, BLOCK, STREAMS],
    run: read,
  },
  {
    name: 'xreadgroup',
    arity: -7,
    flags: ['write', 'blocking', 'movablekeys'],
    categories: ['write', 'stream', 'slow', 'blocking'],
    keys: [{ first: 4, last: -1, step: 1, keyword: 'STREAMS', limit: 2, flags: ['RO', 'access'] }],
    findKeys: streamKeys,
    load: 'first',
    summary:
      'Returns entries of streams that no consumer of a group has got yet, or those pending for the consumer. Can wait for new ones.',
    since: '5.0.0',
    group: 'stream',
    complexity: 'O(M log N) for each stream, where M is the number of entries returned.',
    arguments: [
      arg('group-block', 'block', {
        token: 'GROUP',
        arguments: [arg('group', 'string'), arg('consumer', 'string')],
      }),
      COUNT,
      BLOCK,
      token('NOACK', { optional: true }),
      STREAMS,
    ],
    run: readGroup,
  },
]

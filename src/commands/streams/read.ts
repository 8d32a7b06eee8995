// XREAD and XREADGROUP: entries after an ID, from several streams.

import { ValueType } from '../../store/record.ts'
import { findGroup } from '../../store/types/stream/groups.ts'
import { idText, MAX_ID, MIN_ID, type StreamId } from '../../store/types/stream/id.ts'
import type { Stream } from '../../store/types/stream/stream.ts'
import type { CommandSpec } from '../spec/command.ts'
import type { Context } from '../spec/context.ts'
import { arg, option, token } from '../spec/shorthand.ts'
import { deliverHistory, deliverNew, requireReadGroup } from './delivery.ts'
import { FIRST, readId } from './ids.ts'
import { blockTime, type ReadOptions, readReadOptions, streamKeys } from './read-options.ts'
import { replyServed, type Served } from './served.ts'
import { findStream, readStream } from './stream-value.ts'

/** The limit for a client that has waited without COUNT: many entries may have been added at once (Redis). */
const WAITED_COUNT = 1000

const NEW_IN_XREAD =
  'ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> <consumer> option.'
const LAST_IN_XREADGROUP =
  'ERR The $ ID is meaningless in the context of XREADGROUP: you want to read the history of this consumer by specifying a proper ID, or use the > ID to get new messages. The $ ID would just return an empty result set.'

function read(c: Context): void {
  const options = readReadOptions(c, false)
  if (options === undefined) return
  const { firstKey, streams, blockMs } = options
  const afters: StreamId[] = []
  const served: Served[] = []
  for (let keyAt = firstKey; keyAt < firstKey + streams; keyAt++) {
    const stream = readStream(c, keyAt)
    if (stream === undefined) return
    const after = readAfter(c, keyAt + streams, stream)
    if (after === undefined) return
    afters.push(after)
    if (stream === null || stream.topId <= after) continue
    served.push(entriesAfter(stream, keyAt, after, options.count))
  }
  if (served.length > 0 || blockMs === undefined) replyServed(c, served)
  else if (!c.missed) waitForEntries(c, options, blockMs, afters)
}

function entriesAfter(stream: Stream, keyAt: number, after: StreamId, most: number): Served {
  const from = after + 1n
  const available = stream.count(from, MAX_ID)
  return { keyAt, stream, from, count: most === 0 ? available : Math.min(most, available) }
}

/** Waits until one of the streams has an entry after the ID that belongs to it. */
function waitForEntries(
  c: Context,
  options: ReadOptions,
  timeoutMs: number,
  afters: readonly StreamId[],
): void {
  const { firstKey, count } = options
  c.waitForKeys({
    keys: streamKeys(c),
    type: ValueType.STREAM,
    timeoutMs,
    resolved: new Map(
      afters.flatMap((after, n) => {
        const at = firstKey + options.streams + n
        return c.args.is(at, '$') ? [[at, idText(after)] as const] : []
      }),
    ),
    serve(own, i) {
      const after = afters[i - firstKey]
      const stream = readStream(own, i)
      if (!stream || stream.topId <= after) return false
      replyServed(own, [entriesAfter(stream, i, after, count || WAITED_COUNT)])
      return true
    },
    timedOut: ({ reply }) => reply.nullArray(),
  })
}

/** The ID after which entries are wanted. Undefined after an error reply. */
function readAfter(c: Context, i: number, stream: Stream | null): StreamId | undefined {
  const { args, reply } = c
  if (args.is(i, '$')) return stream?.lastId ?? MIN_ID
  if (!args.is(i, '>')) return readId(c, i, FIRST)
  reply.error(NEW_IN_XREAD)
  return undefined
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
    // Looked up again: the delivery from an earlier stream, which may be the same one, has changed the store.
    const found = requireReadGroup(c, keyAt, options.groupAt)
    if (found === undefined) return
    const result =
      id === MAX_ID ? deliverNew(c, found, options, keyAt) : deliverHistory(c, found, options, keyAt, id)
    if (result === undefined) return
    if (result !== null) served.push(result)
  }
  if (served.length > 0 || options.blockMs === undefined) replyServed(c, served)
  else waitForNew(c, options, options.blockMs)
}

/** Waits until one of the streams has an entry that no consumer of the group has got. */
function waitForNew(c: Context, options: ReadOptions, timeoutMs: number): void {
  const waited = { ...options, count: options.count || WAITED_COUNT }
  c.waitForKeys({
    keys: streamKeys(c),
    type: ValueType.STREAM,
    timeoutMs,
    serve(own, i) {
      const stream = findStream(own, i)
      const group = stream ? findGroup(stream, own.args.copy(options.groupAt)) : undefined
      if (!stream || group === undefined) {
        own.reply.error('NOGROUP the consumer group this client was blocked on no longer exists')
        return true
      }
      const served = deliverNew(own, { stream, group }, waited, i)
      if (served === null) return false
      if (served !== undefined) replyServed(own, [served])
      return true
    },
    timedOut: ({ reply }) => reply.nullArray(),
    lost({ reply }) {
      reply.error('UNBLOCKED the stream key no longer exists')
      return true
    },
  })
}

/** The ID after which a consumer's history is wanted; the largest one stands for `>`. Undefined after an error reply. */
function readGroupAfter(c: Context, i: number): StreamId | undefined {
  const { args, reply } = c
  if (args.is(i, '>')) return MAX_ID
  if (!args.is(i, '$')) return readId(c, i, FIRST)
  reply.error(LAST_IN_XREADGROUP)
  return undefined
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
    timeout: blockTime,
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
    timeout: blockTime,
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

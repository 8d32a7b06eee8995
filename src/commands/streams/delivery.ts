// Delivers entries to a consumer of a group (XREADGROUP).

import { EntryReader } from '../../store/types/stream/entry-reader.ts'
import { type Consumer, type ConsumerGroup, findGroup } from '../../store/types/stream/groups.ts'
import { MAX_ID, type StreamId } from '../../store/types/stream/id.ts'
import { readsAfter } from '../../store/types/stream/lag.ts'
import type { Context } from '../spec/context.ts'
import { type FoundGroup, shown } from './group-lookup.ts'
import type { ReadOptions } from './read-options.ts'
import type { Served } from './served.ts'
import { findStream, hasPendingRoom, settle } from './stream-value.ts'

/** The group of XREADGROUP in a stream. Undefined after an error reply. */
export function requireReadGroup(c: Context, keyAt: number, groupAt: number): FoundGroup | undefined {
  const stream = findStream(c, keyAt)
  if (stream === undefined) return undefined
  const group = stream === null ? undefined : findGroup(stream, c.args.copy(groupAt))
  if (stream !== null && group !== undefined) return { stream, group }
  const [key, name] = [shown(c, keyAt), shown(c, groupAt)]
  c.reply.error(
    `NOGROUP No such key '${key}' or consumer group '${name}' in XREADGROUP with GROUP option`,
    'latin1',
  )
  return undefined
}

/** Entries that no consumer of the group has got. Null: there are none; undefined after an error reply. */
export function deliverNew(
  c: Context,
  { stream, group }: FoundGroup,
  options: ReadOptions,
  keyAt: number,
): Served | null | undefined {
  if (stream.length === 0 || stream.topId <= group.lastId) return null
  const from = group.lastId + 1n
  const available = stream.count(from, MAX_ID)
  const count = options.count === 0 ? available : Math.min(options.count, available)
  const nameBytes = c.args.length(options.groupAt + 1)
  if (!hasPendingRoom(c, stream, keyAt, nameBytes, options.noAck ? 0 : count)) return undefined
  const consumer = readingConsumer(c, group, options)
  const { now } = c.instant
  // Read before the first change of the stream.
  const ids: StreamId[] = []
  const entries = new EntryReader(stream).openAt(from)
  while (ids.length < count && entries.next()) ids.push(entries.id)
  for (const id of ids) {
    group.entriesRead = readsAfter(stream, group, id)
    group.lastId = id
    if (!options.noAck) group.assign(consumer, { id, time: now, deliveries: 1n }, group.pendingEntry(id))
  }
  if (ids.length > 0) consumer.active = now
  settle(c, stream, false)
  return { keyAt, from, count }
}

/** Entries pending for the consumer, after an ID. Undefined after an error reply. */
export function deliverHistory(
  c: Context,
  { stream, group }: FoundGroup,
  options: ReadOptions,
  keyAt: number,
  after: StreamId,
): Served | undefined {
  if (!hasPendingRoom(c, stream, keyAt, c.args.length(options.groupAt + 1), 0)) return undefined
  const consumer = readingConsumer(c, group, options)
  const { now } = c.instant
  const most = options.count === 0 ? Number.POSITIVE_INFINITY : options.count
  const found = []
  for (const pending of group.pendings(after + 1n, MAX_ID, consumer)) {
    found.push(pending)
    if (found.length >= most) break
  }
  for (const pending of found) {
    if (stream.has(pending.id)) {
      group.assign(consumer, { ...pending, time: now, deliveries: pending.deliveries + 1n }, pending)
    }
  }
  if (found.length > 0) consumer.active = now
  settle(c, stream, false)
  return { keyAt, from: after, count: 0, ids: found.map(({ id }) => id) }
}

/** The consumer that reads, which is created if necessary. */
function readingConsumer(c: Context, group: ConsumerGroup, { groupAt }: ReadOptions): Consumer {
  const name = c.args.copy(groupAt + 1)
  const { now } = c.instant
  const consumer = group.consumer(name) ?? group.createConsumer(name, now)
  consumer.seen = now
  return consumer
}

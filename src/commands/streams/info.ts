// XINFO: streams, consumer groups and consumers.

import { EntryReader } from '../../store/types/stream/entry-reader.ts'
import {
  type Consumer,
  type ConsumerGroup,
  findGroup,
  groupsOf,
  NEVER,
  type Pending,
  UNKNOWN_READS,
} from '../../store/types/stream/groups.ts'
import { idText, MAX_ID, MIN_ID } from '../../store/types/stream/id.ts'
import { lagOf } from '../../store/types/stream/lag.ts'
import type { Stream } from '../../store/types/stream/stream.ts'
import { readInteger } from '../spec/arguments.ts'
import type { CommandSpec, KeySpec } from '../spec/command.ts'
import { container } from '../spec/container.ts'
import type { Context } from '../spec/context.ts'
import { NO_SUCH_KEY, wrongSubcommand } from '../spec/errors.ts'
import { arg, KEY, option } from '../spec/shorthand.ts'
import { idleMs } from './group-lookup.ts'
import { replyNoGroup } from './groups.ts'
import { readStream, replyEntries, replyEntry } from './stream-value.ts'

const DEFAULT_COUNT = 10

/** The stream of argument 2. Undefined after an error reply. */
function requireStream(c: Context): Stream | undefined {
  const stream = readStream(c, 2)
  if (stream === null) c.reply.error(NO_SUCH_KEY)
  return stream ?? undefined
}

/** Whether XINFO STREAM has no options (0) or FULL, then the count of it (0: all). `undefined` after an error reply. */
function readFull(c: Context): { count: number } | false | undefined {
  const { args, reply } = c
  if (args.count === 3) return false
  const isValid = args.is(3, 'FULL') && (args.count === 4 || (args.count === 6 && args.is(4, 'COUNT')))
  if (!isValid) {
    reply.error(wrongSubcommand('XINFO', args.latin1(1)), 'latin1')
    return undefined
  }
  const count = args.count === 4 ? DEFAULT_COUNT : readInteger(c, 5)
  if (Number.isNaN(count)) return undefined
  return { count: count < 0 ? DEFAULT_COUNT : count }
}

function info(c: Context): void {
  const { reply } = c
  const stream = requireStream(c)
  if (stream === undefined) return
  const full = readFull(c)
  if (full === undefined) return
  reply.map(full ? 9 : 10)
  reply.bulkText('length')
  reply.integer(stream.length)
  const { nodes } = stream
  reply.bulkText('radix-tree-keys')
  reply.integer(nodes)
  reply.bulkText('radix-tree-nodes')
  reply.integer(nodes + 1)
  reply.bulkText('last-generated-id')
  reply.bulkText(idText(stream.lastId))
  reply.bulkText('max-deleted-entry-id')
  reply.bulkText(idText(stream.maxDeletedId))
  reply.bulkText('entries-added')
  reply.bigint(stream.entriesAdded)
  reply.bulkText('recorded-first-entry-id')
  reply.bulkText(idText(stream.firstId))
  if (full) replyContents(c, stream, full.count)
  else replyEdges(c, stream)
}

function replyEdges(c: Context, stream: Stream): void {
  const { reply } = c
  const entries = new EntryReader(stream)
  reply.bulkText('groups')
  reply.integer(stream.groupCount)
  reply.bulkText('first-entry')
  if (entries.openAt(MIN_ID).next()) replyEntry(c, entries)
  else reply.null()
  reply.bulkText('last-entry')
  if (entries.openBackwards(MAX_ID).next()) replyEntry(c, entries)
  else reply.null()
}

/** @param count entries, and pending entries of each group and consumer, at most; 0: all */
function replyContents(c: Context, stream: Stream, count: number): void {
  const { reply } = c
  const most = count === 0 ? Number.POSITIVE_INFINITY : count
  reply.bulkText('entries')
  replyEntries(c, new EntryReader(stream).openAt(MIN_ID), Math.min(most, stream.length))
  const groups = groupsOf(stream)
  reply.bulkText('groups')
  reply.array(groups.length)
  for (const group of groups) {
    reply.map(7)
    reply.bulkText('name')
    reply.bulk(group.name, 0, group.name.length)
    replyProgress(c, stream, group)
    reply.bulkText('pel-count')
    reply.integer(group.pending)
    reply.bulkText('pending')
    const pending = firstOf(group, most)
    reply.array(pending.length)
    for (const { id, consumer, time, deliveries } of pending) {
      reply.array(4)
      reply.bulkText(idText(id))
      const name = group.consumerName(consumer)
      reply.bulk(name, 0, name.length)
      reply.integer(time)
      reply.bigint(deliveries)
    }
    const consumers = group.consumers()
    reply.bulkText('consumers')
    reply.array(consumers.length)
    for (const consumer of consumers) replyConsumer(c, group, consumer, most)
  }
}

function firstOf(group: ConsumerGroup, most: number, consumer?: Consumer): Pending[] {
  const found: Pending[] = []
  for (const pending of group.pendings(MIN_ID, MAX_ID, consumer)) {
    if (found.push(pending) >= most) break
  }
  return found
}

function replyConsumer({ reply }: Context, group: ConsumerGroup, consumer: Consumer, most: number): void {
  const { name, seen, active, pending } = consumer
  reply.map(5)
  reply.bulkText('name')
  reply.bulk(name, 0, name.length)
  reply.bulkText('seen-time')
  reply.integer(seen)
  reply.bulkText('active-time')
  reply.integer(active)
  reply.bulkText('pel-count')
  reply.integer(pending)
  reply.bulkText('pending')
  const owned = firstOf(group, most, consumer)
  reply.array(owned.length)
  for (const { id, time, deliveries } of owned) {
    reply.array(3)
    reply.bulkText(idText(id))
    reply.integer(time)
    reply.bigint(deliveries)
  }
}

/** How far a group has read: three fields. */
function replyProgress({ reply }: Context, stream: Stream, group: ConsumerGroup): void {
  reply.bulkText('last-delivered-id')
  reply.bulkText(idText(group.lastId))
  reply.bulkText('entries-read')
  if (group.entriesRead === UNKNOWN_READS) reply.null()
  else reply.bigint(group.entriesRead)
  reply.bulkText('lag')
  const lag = lagOf(stream, group)
  if (lag === undefined) reply.null()
  else reply.bigint(lag)
}

function groups(c: Context): void {
  const { reply } = c
  const stream = requireStream(c)
  if (stream === undefined) return
  const found = groupsOf(stream)
  reply.array(found.length)
  for (const group of found) {
    reply.map(6)
    reply.bulkText('name')
    reply.bulk(group.name, 0, group.name.length)
    reply.bulkText('consumers')
    reply.integer(group.consumerCount)
    reply.bulkText('pending')
    reply.integer(group.pending)
    replyProgress(c, stream, group)
  }
}

function consumers(c: Context): void {
  const { args, instant, reply } = c
  const stream = requireStream(c)
  if (stream === undefined) return
  const group = findGroup(stream, args.copy(3))
  if (group === undefined) {
    replyNoGroup(c)
    return
  }
  const found = group.consumers()
  const { now } = instant
  reply.array(found.length)
  for (const { name, pending, seen, active } of found) {
    reply.map(4)
    reply.bulkText('name')
    reply.bulk(name, 0, name.length)
    reply.bulkText('pending')
    reply.integer(pending)
    reply.bulkText('idle')
    reply.integer(idleMs(now, seen))
    reply.bulkText('inactive')
    reply.integer(active === NEVER ? NEVER : idleMs(now, active))
  }
}

const KEYS: readonly KeySpec[] = [{ first: 2, last: 2, step: 1, flags: ['RO', 'access'] }]

const SUBCOMMAND = {
  flags: ['readonly'],
  categories: ['read', 'stream', 'slow'],
  keys: KEYS,
  load: 'through',
  since: '5.0.0',
  group: 'stream',
  complexity: 'O(N) where N is the number of elements returned.',
} as const satisfies Partial<CommandSpec>

export const streamInfoCommands: readonly CommandSpec[] = [
  container({
    name: 'xinfo',
    flags: [],
    categories: ['slow'],
    helpSince: '5.0.0',
    helpCategories: ['stream', 'slow'],
    summary: 'A container for commands that describe streams.',
    since: '5.0.0',
    group: 'stream',
    subcommands: [
      {
        name: 'consumers',
        ...SUBCOMMAND,
        arity: 4,
        summary: 'Returns the consumers of a consumer group.',
        tips: ['nondeterministic_output'],
        history: [['7.2.0', 'Added the `inactive` field, and changed the meaning of `idle`.']],
        arguments: [KEY, arg('group', 'string')],
        run: consumers,
      },
      {
        name: 'groups',
        ...SUBCOMMAND,
        arity: 3,
        summary: 'Returns the consumer groups of a stream.',
        history: [['7.0.0', 'Added the `entries-read` and `lag` fields']],
        arguments: [KEY],
        run: groups,
      },
      {
        name: 'stream',
        ...SUBCOMMAND,
        arity: -3,
        summary: 'Returns counters of a stream, and with FULL its entries, groups and consumers.',
        history: [
          ['6.0.0', 'Added the `FULL` modifier.'],
          [
            '7.0.0',
            'Added the `max-deleted-entry-id`, `entries-added`, `recorded-first-entry-id`, `entries-read` and `lag` fields',
          ],
          ['7.2.0', 'Added the `active-time` field, and changed the meaning of `seen-time`.'],
        ],
        arguments: [
          KEY,
          arg('full-block', 'block', {
            optional: true,
            arguments: [
              arg('full', 'pure-token', { token: 'FULL' }),
              option('COUNT', 'count', 'integer', { optional: true }),
            ],
          }),
        ],
        run: info,
      },
    ],
  }),
]

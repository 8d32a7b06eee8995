// Entries that were delivered and not acknowledged: XACK, XPENDING.

import { findGroup, type Pending } from '../../store/types/stream/groups.ts'
import { idText, type StreamId } from '../../store/types/stream/id.ts'
import { readInteger } from '../spec/arguments.ts'
import type { CommandSpec } from '../spec/command.ts'
import type { Context } from '../spec/context.ts'
import { SYNTAX_ERROR } from '../spec/errors.ts'
import { arg, KEY, oneKey, option } from '../spec/shorthand.ts'
import { type FoundGroup, idleMs, requireGroup } from './group-lookup.ts'
import { readEnd, readIds, readStart } from './ids.ts'
import { findStream, readStream, settle } from './stream-value.ts'

function acknowledge(c: Context): void {
  const { args, reply } = c
  const stream = findStream(c, 1)
  if (stream === undefined) return
  const group = stream === null ? undefined : findGroup(stream, args.copy(2))
  if (stream === null || group === undefined) {
    reply.integer(0)
    return
  }
  const ids = readIds(c, 3)
  if (ids === undefined) return
  let acknowledged = 0
  for (const id of ids) {
    const pending = group.pendingEntry(id)
    if (pending === undefined) continue
    group.remove(pending)
    acknowledged++
  }
  settle(c, stream, false)
  reply.integer(acknowledged)
}

interface Filter {
  readonly from: StreamId
  readonly to: StreamId
  readonly count: number
  readonly minIdleMs: number
  /** Its argument; 0: of all consumers. */
  readonly consumerAt: number
}

/** The arguments of the extended form. Undefined after an error reply. */
function readFilter(c: Context): Filter | undefined {
  const { args, reply } = c
  const hasIdle = args.is(3, 'IDLE')
  const at = hasIdle ? 5 : 3
  const minIdleMs = hasIdle ? readInteger(c, 4) : 0
  if (Number.isNaN(minIdleMs)) return undefined
  if (hasIdle && args.count < 8) {
    reply.error(SYNTAX_ERROR)
    return undefined
  }
  const count = readInteger(c, at + 2)
  if (Number.isNaN(count)) return undefined
  const from = readStart(c, at)
  if (from === undefined) return undefined
  const to = readEnd(c, at + 1)
  if (to === undefined) return undefined
  return { from, to, count, minIdleMs, consumerAt: at + 3 < args.count ? at + 3 : 0 }
}

function pending(c: Context): void {
  const { args, reply } = c
  const isSummary = args.count === 3
  if (!isSummary && (args.count < 6 || args.count > 9)) {
    reply.error(SYNTAX_ERROR)
    return
  }
  const filter = isSummary ? undefined : readFilter(c)
  if (!isSummary && filter === undefined) return
  const stream = readStream(c, 1)
  const found = stream === undefined ? undefined : requireGroup(c, stream, 1, 2)
  if (found === undefined) return
  if (filter === undefined) replySummary(c, found)
  else replyPending(c, found, filter)
}

function replySummary({ reply }: Context, { group }: FoundGroup): void {
  reply.array(4)
  reply.integer(group.pending)
  const edges = group.pendingEdges()
  if (edges === undefined) {
    reply.null()
    reply.null()
    reply.nullArray()
    return
  }
  for (const id of edges) reply.bulkText(idText(id))
  const owners = group.consumers().filter((consumer) => consumer.pending > 0)
  reply.array(owners.length)
  for (const { name, pending } of owners) {
    reply.array(2)
    reply.bulk(name, 0, name.length)
    reply.bulkText(String(pending))
  }
}

function replyPending(c: Context, { group }: FoundGroup, filter: Filter): void {
  const { args, instant, reply } = c
  const { from, to, count, minIdleMs, consumerAt } = filter
  const consumer = consumerAt === 0 ? undefined : group.consumer(args.copy(consumerAt))
  const found: Pending[] = []
  const { now } = instant
  if (count > 0 && (consumerAt === 0 || consumer !== undefined)) {
    for (const each of group.pendings(from, to, consumer)) {
      if (minIdleMs !== 0 && now - each.time < minIdleMs) continue
      if (found.push(each) >= count) break
    }
  }
  reply.array(found.length)
  for (const { id, consumer: owner, time, deliveries } of found) {
    reply.array(4)
    reply.bulkText(idText(id))
    const name = group.consumerName(owner)
    reply.bulk(name, 0, name.length)
    reply.integer(idleMs(now, time))
    reply.bigint(deliveries)
  }
}

export const streamPendingCommands: readonly CommandSpec[] = [
  {
    name: 'xack',
    arity: -4,
    flags: ['write', 'fast'],
    categories: ['write', 'stream', 'fast'],
    keys: oneKey('RW', 'update'),
    load: 'first',
    summary: 'Acknowledges entries: they are no longer pending in a consumer group. Returns how many were.',
    since: '5.0.0',
    group: 'stream',
    complexity: 'O(log N) for each entry.',
    arguments: [KEY, arg('group', 'string'), arg('id', 'string', { multiple: true })],
    run: acknowledge,
  },
  {
    name: 'xpending',
    arity: -3,
    flags: ['readonly'],
    categories: ['read', 'stream', 'slow'],
    keys: oneKey('RO', 'access'),
    load: 'through',
    summary: 'Returns the pending entries of a consumer group, or a summary of them.',
    since: '5.0.0',
    group: 'stream',
    complexity:
      'O(log N + M) where M is the number of entries returned, or looked at with IDLE. The summary: O(K) where K is the number of consumers.',
    tips: ['nondeterministic_output'],
    history: [['6.2.0', 'Added the `IDLE` option and exclusive range intervals.']],
    arguments: [
      KEY,
      arg('group', 'string'),
      arg('filters', 'block', {
        optional: true,
        arguments: [
          option('IDLE', 'min-idle-time', 'integer', { optional: true, since: '6.2.0' }),
          arg('start', 'string'),
          arg('end', 'string'),
          arg('count', 'integer'),
          arg('consumer', 'string', { optional: true }),
        ],
      }),
    ],
    run: pending,
  },
]

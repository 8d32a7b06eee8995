// Pending entries that change their consumer: XCLAIM, XAUTOCLAIM.

import { parseInt64 } from '../../bytes/numbers/decimal.ts'
import { EntryReader } from '../../store/types/stream/entry-reader.ts'
import type { Consumer, ConsumerGroup, Pending } from '../../store/types/stream/groups.ts'
import { idText, MAX_ID, MIN_ID, type StreamId } from '../../store/types/stream/id.ts'
import type { Stream } from '../../store/types/stream/stream.ts'
import { readInt64, readInteger } from '../spec/arguments.ts'
import type { CommandSpec } from '../spec/command.ts'
import type { Context } from '../spec/context.ts'
import { SYNTAX_ERROR } from '../spec/errors.ts'
import { arg, KEY, oneKey, option, token } from '../spec/shorthand.ts'
import { type FoundGroup, requireGroup, shown } from './group-lookup.ts'
import { FIRST, parseId, readId, readStart } from './ids.ts'
import { findStream, hasPendingRoom, replyEntry, settle } from './stream-value.ts'

interface ClaimOptions {
  readonly ids: readonly StreamId[]
  /** Of the delivery, ms since the epoch. */
  readonly time: number
  /** How often the entries were delivered; undefined: once more. */
  readonly deliveries: bigint | undefined
  readonly isForced: boolean
  readonly onlyIds: boolean
  readonly lastId: StreamId
}

/** The IDs of XCLAIM, then its options. Undefined after an error reply. */
function readOptions(c: Context): ClaimOptions | undefined {
  const { args, instant, reply } = c
  const ids: StreamId[] = []
  let i = 5
  for (; i < args.count; i++) {
    const id = parseId(args, i, FIRST)
    if (id === undefined) break
    ids.push(id)
  }
  let time = -1
  let retries: bigint | undefined
  let isForced = false
  let onlyIds = false
  let lastId = MIN_ID
  for (; i < args.count; i++) {
    const hasValue = i + 1 < args.count
    if (args.is(i, 'FORCE')) isForced = true
    else if (args.is(i, 'JUSTID')) onlyIds = true
    else if (hasValue && args.is(i, 'IDLE')) {
      const idle = readInteger(c, ++i, 'ERR Invalid IDLE option argument for XCLAIM')
      if (Number.isNaN(idle)) return undefined
      time = instant.now - idle
    } else if (hasValue && args.is(i, 'TIME')) {
      time = readInteger(c, ++i, 'ERR Invalid TIME option argument for XCLAIM')
      if (Number.isNaN(time)) return undefined
    } else if (hasValue && args.is(i, 'RETRYCOUNT')) {
      retries = readInt64(c, ++i, 'ERR Invalid RETRYCOUNT option argument for XCLAIM')
      if (retries === undefined) return undefined
    } else if (hasValue && args.is(i, 'LASTID')) {
      const id = readId(c, ++i, FIRST)
      if (id === undefined) return undefined
      lastId = id
    } else {
      reply.error(`ERR Unrecognized XCLAIM option '${shown(c, i)}'`, 'latin1')
      return undefined
    }
  }
  // A time in the future is replaced: the client's clock may be ahead.
  if (time < 0 || time > instant.now) time = instant.now
  const deliveries = retries !== undefined && retries >= 0n ? retries : undefined
  return { ids, time, deliveries, isForced, onlyIds, lastId }
}

/** Gives pending entries to one consumer, which is created with the first one. */
class Claiming {
  readonly #c: Context
  readonly #group: ConsumerGroup
  readonly #name: Buffer
  #consumer: Consumer | undefined

  constructor(c: Context, group: ConsumerGroup, name: Buffer) {
    this.#c = c
    this.#group = group
    this.#name = name
  }

  claim(id: StreamId, before: Pending | undefined, time: number, deliveries: bigint): void {
    const { now } = this.#c.instant
    this.#consumer ??= this.#group.consumer(this.#name) ?? this.#group.createConsumer(this.#name, now)
    const consumer = this.#consumer
    consumer.seen = now
    consumer.active = now
    this.#group.assign(consumer, { id, time, deliveries }, before)
  }
}

function claim(c: Context): void {
  const { args, instant } = c
  const found = findStream(c, 1)
  const lookup = found === undefined ? undefined : requireGroup(c, found, 1, 2)
  if (lookup === undefined) return
  const { stream, group } = lookup
  const minIdleMs = readInteger(c, 4, 'ERR Invalid min-idle-time argument for XCLAIM')
  if (Number.isNaN(minIdleMs)) return
  const options = readOptions(c)
  if (options === undefined) return
  if (!hasPendingRoom(c, stream, 1, args.length(3), options.ids.length)) return
  if (options.lastId > group.lastId) group.lastId = options.lastId
  const claiming = new Claiming(c, group, args.copy(3))
  const claimed: StreamId[] = []
  for (const id of options.ids) {
    const pending = group.pendingEntry(id)
    if (!stream.has(id)) {
      if (pending !== undefined) group.remove(pending)
      continue
    }
    if (pending === undefined ? !options.isForced : minIdleMs > 0 && instant.now - pending.time < minIdleMs)
      continue
    const deliveries = options.deliveries ?? (pending?.deliveries ?? 1n) + (options.onlyIds ? 0n : 1n)
    claiming.claim(id, pending, options.time, deliveries)
    claimed.push(id)
  }
  settle(c, stream, false)
  replyClaimed(c, stream, claimed, options.onlyIds)
}

function replyClaimed(c: Context, stream: Stream, ids: readonly StreamId[], onlyIds: boolean): void {
  const { reply } = c
  const entries = new EntryReader(stream)
  reply.array(ids.length)
  for (const id of ids) {
    if (onlyIds) reply.bulkText(idText(id))
    else {
      entries.openAt(id).next()
      replyEntry(c, entries)
    }
  }
}

const DEFAULT_COUNT = 100
/** XAUTOCLAIM looks at this many times as many entries as it returns. */
const ATTEMPTS = 10
/** An ID has 16 bytes, and Redis computes with their number. */
const MAX_COUNT = (2n ** 63n - 1n) / 16n

/** The options of XAUTOCLAIM. Undefined after an error reply. */
function readAutoOptions(c: Context): { count: number; onlyIds: boolean } | undefined {
  const { args, reply } = c
  let count = DEFAULT_COUNT
  let onlyIds = false
  for (let i = 6; i < args.count; i++) {
    if (args.is(i, 'COUNT') && i + 1 < args.count) {
      i++
      const value = parseInt64(args.buf, args.start[i], args.end[i])
      if (value === null || value < 1n || value > MAX_COUNT) {
        reply.error('ERR COUNT must be > 0')
        return undefined
      }
      count = Number(value)
    } else if (args.is(i, 'JUSTID')) onlyIds = true
    else {
      reply.error(SYNTAX_ERROR)
      return undefined
    }
  }
  return { count, onlyIds }
}

function autoClaim(c: Context): void {
  const { args, reply } = c
  const minIdleMs = readInteger(c, 4, 'ERR Invalid min-idle-time argument for XAUTOCLAIM')
  if (Number.isNaN(minIdleMs)) return
  const start = readStart(c, 5)
  if (start === undefined) return
  const options = readAutoOptions(c)
  if (options === undefined) return
  const found = findStream(c, 1)
  const lookup = found === undefined ? undefined : requireGroup(c, found, 1, 2)
  if (lookup === undefined) return
  const entries = Math.min(options.count, lookup.group.pending)
  if (!hasPendingRoom(c, lookup.stream, 1, args.length(3), entries)) return
  const result = claimFrom(c, lookup, start, { ...options, minIdleMs, name: args.copy(3) })
  settle(c, lookup.stream, false)
  reply.array(3)
  reply.bulkText(idText(result.next))
  replyClaimed(c, lookup.stream, result.claimed, options.onlyIds)
  reply.array(result.deleted.length)
  for (const id of result.deleted) reply.bulkText(idText(id))
}

interface AutoClaim {
  readonly count: number
  readonly onlyIds: boolean
  readonly minIdleMs: number
  readonly name: Buffer
}

interface AutoClaimed {
  /** The first pending entry that was not examined; 0-0: there is none. */
  readonly next: StreamId
  readonly claimed: readonly StreamId[]
  /** Were pending, but not in the stream any more. */
  readonly deleted: readonly StreamId[]
}

function claimFrom(
  c: Context,
  { stream, group }: FoundGroup,
  start: StreamId,
  options: AutoClaim,
): AutoClaimed {
  const { now } = c.instant
  const { count, minIdleMs, name, onlyIds } = options
  const claiming = new Claiming(c, group, name)
  const claimed: StreamId[] = []
  const deleted: StreamId[] = []
  let attempts = count * ATTEMPTS
  let pending = group.firstPending(start)
  for (; pending !== undefined && attempts > 0 && claimed.length + deleted.length < count; attempts--) {
    const { id } = pending
    if (!stream.has(id)) {
      group.remove(pending)
      deleted.push(id)
    } else if (minIdleMs <= 0 || now - pending.time >= minIdleMs) {
      claiming.claim(id, pending, now, pending.deliveries + (onlyIds ? 0n : 1n))
      claimed.push(id)
    }
    pending = id === MAX_ID ? undefined : group.firstPending(id + 1n)
  }
  return { next: pending?.id ?? MIN_ID, claimed, deleted }
}

const CLAIM = {
  arity: -6,
  flags: ['write', 'fast'],
  categories: ['write', 'stream', 'fast'],
  load: 'first',
  group: 'stream',
  tips: ['nondeterministic_output'],
} as const satisfies Partial<CommandSpec>

const CLAIMANT = [
  KEY,
  arg('group', 'string'),
  arg('consumer', 'string'),
  arg('min-idle-time', 'string'),
] as const

export const streamClaimCommands: readonly CommandSpec[] = [
  {
    name: 'xclaim',
    ...CLAIM,
    keys: oneKey('RW', 'update'),
    summary: 'Makes a consumer the owner of pending entries of its group, as if they were delivered to it.',
    since: '5.0.0',
    complexity: 'O(log N) for each entry, where N is the number of pending entries of the group.',
    arguments: [
      ...CLAIMANT,
      arg('id', 'string', { multiple: true }),
      option('IDLE', 'ms', 'integer', { optional: true }),
      option('TIME', 'unix-time-milliseconds', 'unix-time', { optional: true }),
      option('RETRYCOUNT', 'count', 'integer', { optional: true }),
      token('FORCE', { optional: true }),
      token('JUSTID', { optional: true }),
      option('LASTID', 'lastid', 'string', { optional: true }),
    ],
    run: claim,
  },
  {
    name: 'xautoclaim',
    ...CLAIM,
    keys: oneKey('RW', 'delete'),
    summary: 'Makes a consumer the owner of those entries that have been pending in its group for some time.',
    since: '6.2.0',
    complexity: 'O(1) if COUNT is small.',
    history: [
      [
        '7.0.0',
        'Added an element to the reply array, containing deleted entries the command cleared from the PEL',
      ],
    ],
    arguments: [
      ...CLAIMANT,
      arg('start', 'string'),
      option('COUNT', 'count', 'integer', { optional: true }),
      token('JUSTID', { optional: true }),
    ],
    run: autoClaim,
  },
]

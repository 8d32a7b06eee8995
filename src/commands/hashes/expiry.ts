// The TTLs of fields: HEXPIRE, HPEXPIRE, HEXPIREAT, HPEXPIREAT, HTTL, HPTTL, HEXPIRETIME, HPEXPIRETIME, HPERSIST.

import { NULL_REF } from '../../store/arena.ts'
import { ValueType } from '../../store/record.ts'
import type { DeadlineCondition } from '../../store/types/hash/deadline-condition.ts'
import { ExpireOutcome } from '../../store/types/hashes.ts'
import type { CommandSpec } from '../spec/command.ts'
import type { Context } from '../spec/context.ts'
import { arg, KEY, oneKey, oneOf, token } from '../spec/shorthand.ts'
import { argumentBytes, findCollection, hasRoom, readCollection } from '../spec/values/collection.ts'
import { FIELDS, readDeadline, readFields } from './deadlines.ts'

const NO_FIELD = -2
const NO_DEADLINE = -1

function readCondition(c: Context, i: number): DeadlineCondition {
  if (c.args.is(i, 'NX')) return 'nx'
  if (c.args.is(i, 'XX')) return 'xx'
  if (c.args.is(i, 'GT')) return 'gt'
  return c.args.is(i, 'LT') ? 'lt' : undefined
}

/** Sets the deadline of fields; the time in argument 2 is counted from now, or else from the epoch. */
function expire(c: Context, unitMs: number, isRelative: boolean): void {
  const { args, reply } = c
  const found = findCollection(c, 1, ValueType.HASH)
  if (found === undefined) return
  const deadline = readDeadline(c, 2, unitMs, isRelative ? c.instant.now : 0)
  if (Number.isNaN(deadline)) return
  const condition = readCondition(c, 3)
  const first = readFields(
    c,
    condition === undefined ? 3 : 4,
    'ERR Parameter `numFields` should be greater than 0',
  )
  if (first === 0) return
  const { hashes, collections } = c.group.store
  if (found !== NULL_REF && !hasRoom(c, found, 1, 2 * argumentBytes(c, first), 2 * (args.count - first)))
    return
  reply.array(args.count - first)
  let ref = found
  let left = found === NULL_REF ? 0 : hashes.length(found)
  for (let i = first; i < args.count; i++) {
    if (left === 0) {
      reply.integer(ExpireOutcome.NO_FIELD)
      continue
    }
    hashes.deadline[0] = deadline
    ref = hashes.expire(ref, args.buf, args.start[i], args.end[i], condition)
    if (hashes.outcome === ExpireOutcome.REMOVED) left--
    reply.integer(hashes.outcome)
  }
  if (found !== NULL_REF) collections.finish(ref, left)
}

/** Replies the deadlines of fields: the time left until then, or the time since the epoch. */
function readDeadlines(c: Context, unitMs: number, isRelative: boolean): void {
  const { args, reply } = c
  const ref = readCollection(c, 1, ValueType.HASH)
  if (ref === undefined) return
  const first = readFields(c, 2)
  if (first === 0) return
  const { hashes } = c.store
  const { buf, start, end } = args
  reply.array(args.count - first)
  for (let i = first; i < args.count; i++) {
    if (ref === NULL_REF || !hashes.get(ref, buf, start[i], end[i])) reply.integer(NO_FIELD)
    else if (!hashes.hasDeadline(ref, buf, start[i], end[i])) reply.integer(NO_DEADLINE)
    else {
      const time = hashes.deadline[0] - (isRelative ? c.instant.now : 0)
      reply.integer(unitMs === 1 ? time : Math.floor((time + unitMs - 1) / unitMs))
    }
  }
}

function persist(c: Context): void {
  const { args, reply } = c
  const ref = findCollection(c, 1, ValueType.HASH)
  if (ref === undefined) return
  const first = readFields(c, 2)
  if (first === 0) return
  const { hashes } = c.group.store
  const { buf, start, end } = args
  reply.array(args.count - first)
  for (let i = first; i < args.count; i++) {
    if (ref === NULL_REF || !hashes.get(ref, buf, start[i], end[i])) reply.integer(NO_FIELD)
    else reply.integer(hashes.persist(ref, buf, start[i], end[i]) ? 1 : NO_DEADLINE)
  }
}

const WRITE = {
  arity: -6,
  flags: ['write', 'denyoom', 'fast'],
  categories: ['write', 'hash', 'fast'],
  keys: oneKey('RW', 'update'),
  load: 'first',
  since: '7.4.0',
  group: 'hash',
  complexity: 'O(N) where N is the number of specified fields',
} as const satisfies Partial<CommandSpec>

const READ = {
  arity: -5,
  flags: ['readonly', 'fast'],
  categories: ['read', 'hash', 'fast'],
  keys: oneKey('RO', 'access'),
  load: 'through',
  since: '7.4.0',
  group: 'hash',
  complexity: 'O(N) where N is the number of specified fields',
  arguments: [KEY, FIELDS],
} as const satisfies Partial<CommandSpec>

const CONDITION = oneOf('condition', [token('NX'), token('XX'), token('GT'), token('LT')], { optional: true })

export const hashExpiryCommands: readonly CommandSpec[] = [
  {
    ...WRITE,
    name: 'hexpire',
    summary: 'Sets the TTL of fields of a hash, in seconds.',
    arguments: [KEY, arg('seconds', 'integer'), CONDITION, FIELDS],
    run: (c) => expire(c, 1000, true),
  },
  {
    ...WRITE,
    name: 'hpexpire',
    summary: 'Sets the TTL of fields of a hash, in milliseconds.',
    arguments: [KEY, arg('milliseconds', 'integer'), CONDITION, FIELDS],
    run: (c) => expire(c, 1, true),
  },
  {
    ...WRITE,
    name: 'hexpireat',
    summary: 'Sets the time when fields of a hash expire, in seconds since the Unix epoch.',
    arguments: [KEY, arg('unix-time-seconds', 'unix-time'), CONDITION, FIELDS],
    run: (c) => expire(c, 1000, false),
  },
  {
    ...WRITE,
    name: 'hpexpireat',
    summary: 'Sets the time when fields of a hash expire, in milliseconds since the Unix epoch.',
    arguments: [KEY, arg('unix-time-milliseconds', 'unix-time'), CONDITION, FIELDS],
    run: (c) => expire(c, 1, false),
  },
  {
    ...READ,
    name: 'httl',
    summary: 'Returns the remaining TTL of fields of a hash, in seconds.',
    tips: ['nondeterministic_output'],
    run: (c) => readDeadlines(c, 1000, true),
  },
  {
    ...READ,
    name: 'hpttl',
    summary: 'Returns the remaining TTL of fields of a hash, in milliseconds.',
    tips: ['nondeterministic_output'],
    run: (c) => readDeadlines(c, 1, true),
  },
  {
    ...READ,
    name: 'hexpiretime',
    summary: 'Returns when fields of a hash expire, in seconds since the Unix epoch.',
    run: (c) => readDeadlines(c, 1000, false),
  },
  {
    ...READ,
    name: 'hpexpiretime',
    summary: 'Returns when fields of a hash expire, in milliseconds since the Unix epoch.',
    run: (c) => readDeadlines(c, 1, false),
  },
  {
    ...WRITE,
    name: 'hpersist',
    arity: -5,
    flags: ['write', 'fast'],
    summary: 'Removes the TTL of fields of a hash.',
    arguments: [KEY, FIELDS],
    run: persist,
  },
]

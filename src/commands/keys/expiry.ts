// Commands on the TTLs of keys. They see only what is cached and never load.

import { parseInt64, parseInteger } from '../../bytes/numbers/decimal.ts'
import { NULL_REF, type Ref } from '../../store/arena.ts'
import type { ArgumentSpec, CommandSpec } from '../spec/command.ts'
import type { Context } from '../spec/context.ts'
import { NOT_AN_INTEGER, tooLarge } from '../spec/errors.ts'
import { arg, KEY, oneKey, oneOf, token } from '../spec/shorthand.ts'

/** A Unix time or a duration in milliseconds: a bigint beyond 2^53, as an int64 may be. */
type Milliseconds = number | bigint

const MAX_INT64 = 2n ** 63n - 1n
const MIN_INT64 = -(2n ** 63n)

/** Milliseconds in a second. */
const SECOND = 1000

interface Writing {
  readonly name: string
  readonly summary: string
  readonly since: string
  readonly argument: ArgumentSpec
  /** Milliseconds in the unit of the argument. */
  readonly unit: number
  /** Whether the argument is a Unix time, not a duration. */
  readonly isMoment: boolean
}

interface Reading {
  readonly name: string
  readonly summary: string
  readonly since: string
  readonly unit: number
  readonly isMoment: boolean
  readonly more: Pick<CommandSpec, 'tips' | 'history'>
}

const WRITING: readonly Writing[] = [
  {
    name: 'expire',
    summary: 'Sets the expiration time of a key in seconds.',
    since: '1.0.0',
    argument: arg('seconds', 'integer'),
    unit: SECOND,
    isMoment: false,
  },
  {
    name: 'pexpire',
    summary: 'Sets the expiration time of a key in milliseconds.',
    since: '2.6.0',
    argument: arg('milliseconds', 'integer'),
    unit: 1,
    isMoment: false,
  },
  {
    name: 'expireat',
    summary: 'Sets the expiration time of a key to a Unix timestamp.',
    since: '1.2.0',
    argument: arg('unix-time-seconds', 'unix-time'),
    unit: SECOND,
    isMoment: true,
  },
  {
    name: 'pexpireat',
    summary: 'Sets the expiration time of a key to a Unix milliseconds timestamp.',
    since: '2.6.0',
    argument: arg('unix-time-milliseconds', 'unix-time'),
    unit: 1,
    isMoment: true,
  },
]

const DURATION = {
  tips: ['nondeterministic_output'],
  history: [['2.8.0', 'Added the -2 reply.']],
} as const

const READING: readonly Reading[] = [
  {
    name: 'ttl',
    summary: 'Returns the expiration time in seconds of a key.',
    since: '1.0.0',
    unit: SECOND,
    isMoment: false,
    more: DURATION,
  },
  {
    name: 'pttl',
    summary: 'Returns the expiration time in milliseconds of a key.',
    since: '2.6.0',
    unit: 1,
    isMoment: false,
    more: DURATION,
  },
  {
    name: 'expiretime',
    summary: 'Returns the expiration time of a key as a Unix timestamp.',
    since: '7.0.0',
    unit: SECOND,
    isMoment: true,
    more: {},
  },
  {
    name: 'pexpiretime',
    summary: 'Returns the expiration time of a key as a Unix milliseconds timestamp.',
    since: '7.0.0',
    unit: 1,
    isMoment: true,
    more: {},
  },
]

export const expiryCommands: readonly CommandSpec[] = [
  ...WRITING.map(writingSpec),
  ...READING.map(readingSpec),
  {
    name: 'persist',
    arity: 2,
    flags: ['write', 'fast'],
    categories: ['keyspace', 'write', 'fast'],
    keys: oneKey('RW', 'update'),
    repeatable: true,
    summary: 'Removes the expiration time of a key.',
    since: '2.2.0',
    group: 'generic',
    complexity: 'O(1)',
    arguments: [KEY],
    run(c) {
      const ref = c.find(1)
      const expires = ref !== NULL_REF && c.store.records.deadline(ref) !== 0
      if (expires) {
        c.store.deadline[0] = 0
        c.store.expire(ref)
      }
      c.reply.integer(expires ? 1 : 0)
    },
  },
]

function writingSpec({ name, summary, since, argument, unit, isMoment }: Writing): CommandSpec {
  return {
    name,
    arity: -3,
    flags: ['write', 'fast'],
    categories: ['keyspace', 'write', 'fast'],
    keys: oneKey('RW', 'update'),
    repeatable: (args) => args.count === 3,
    summary,
    since,
    group: 'generic',
    complexity: 'O(1)',
    history: [['7.0.0', 'Added options: `NX`, `XX`, `GT` and `LT`.']],
    arguments: [
      KEY,
      argument,
      oneOf('condition', [token('NX'), token('XX'), token('GT'), token('LT')], {
        since: '7.0.0',
        optional: true,
      }),
    ],
    run: (c) => setDeadline(c, unit, isMoment ? 0 : c.instant.now),
  }
}

function readingSpec({ name, summary, since, unit, isMoment, more }: Reading): CommandSpec {
  return {
    name,
    arity: 2,
    flags: ['readonly', 'fast'],
    categories: ['keyspace', 'read', 'fast'],
    keys: oneKey('RO', 'access'),
    summary,
    since,
    group: 'generic',
    complexity: 'O(1)',
    ...more,
    arguments: [KEY],
    run: (c) => replyDeadline(c, unit, isMoment ? 0 : c.instant.now),
  }
}

const NX = 1
const XX = 2
const GT = 4
const LT = 8

/** Redis: `expireGenericCommand`. Argument 2 counts units of `unit` milliseconds from `base` on. */
function setDeadline(c: Context, unit: number, base: number): void {
  const { reply, store } = c
  const conditions = readConditions(c)
  if (conditions < 0) return
  const deadline = readDeadline(c, unit, base)
  if (deadline === undefined) return
  const ref = c.find(1)
  if (ref === NULL_REF || !isAllowed(conditions, deadline, deadlineOf(c, ref))) {
    reply.integer(0)
    return
  }
  if (deadline <= c.instant.now) {
    store.remove(ref)
    reply.integer(1)
    return
  }
  store.deadline[0] = Number(deadline)
  // The record grows by the deadline, and may then exceed the budget.
  const expiring = store.expire(ref)
  if (expiring === NULL_REF) {
    reply.error(tooLarge(store.maxBytes))
    return
  }
  if (typeof deadline === 'bigint') store.records.setExactDeadline(expiring, deadline)
  reply.integer(1)
}

/** The conditions after argument 2; -1 after an error reply. */
function readConditions(c: Context): number {
  const { args, reply } = c
  let conditions = 0
  for (let i = 3; i < args.count; i++) {
    if (args.is(i, 'NX')) conditions |= NX
    else if (args.is(i, 'XX')) conditions |= XX
    else if (args.is(i, 'GT')) conditions |= GT
    else if (args.is(i, 'LT')) conditions |= LT
    else {
      reply.error(`ERR Unsupported option ${args.latin1(i)}`, 'latin1')
      return -1
    }
  }
  if ((conditions & NX) !== 0 && conditions !== NX) {
    reply.error('ERR NX and XX, GT or LT options at the same time are not compatible')
    return -1
  }
  if ((conditions & GT) !== 0 && (conditions & LT) !== 0) {
    reply.error('ERR GT and LT options at the same time are not compatible')
    return -1
  }
  return conditions
}

/** The Unix time that argument 2 means; `undefined` after an error reply. */
function readDeadline(c: Context, unit: number, base: number): Milliseconds | undefined {
  const { buf, start, end } = c.args
  const duration = parseInteger(buf, start[2], end[2]) * unit
  if (Number.isSafeInteger(duration) && Number.isSafeInteger(duration + base)) return duration + base
  const exact = parseInt64(buf, start[2], end[2])
  if (exact === null) {
    c.reply.error(NOT_AN_INTEGER)
    return undefined
  }
  const ms = exact * BigInt(unit)
  if (ms < MIN_INT64 || ms > MAX_INT64 - BigInt(base)) {
    c.reply.error(`ERR invalid expire time in '${c.command.fullName}' command`)
    return undefined
  }
  return ms + BigInt(base)
}

/** Whether a key that expires at `current` (0: never) may be given this deadline. */
function isAllowed(conditions: number, deadline: Milliseconds, current: Milliseconds): boolean {
  const expires = current !== 0
  if ((conditions & NX) !== 0) return !expires
  if ((conditions & XX) !== 0 && !expires) return false
  if ((conditions & GT) !== 0) return expires && deadline > current
  if ((conditions & LT) !== 0) return !expires || deadline < current
  return true
}

/** The deadline of a record, 0 for none. */
function deadlineOf({ store: { records } }: Context, ref: Ref): Milliseconds {
  const deadline = records.deadline(ref)
  return Number.isSafeInteger(deadline) ? deadline : records.exactDeadline(ref)
}

/** Redis: `ttlGenericCommand`. Answers in units of so many milliseconds from `base` on, rounded. */
function replyDeadline(c: Context, unit: number, base: number): void {
  const { reply } = c
  const ref = c.peek(1)
  const deadline = ref === NULL_REF ? 0 : deadlineOf(c, ref)
  if (deadline === 0) {
    reply.integer(ref === NULL_REF ? -2 : -1)
  } else if (typeof deadline === 'bigint') {
    const ms = deadline - BigInt(base)
    reply.bigint((ms + BigInt(unit >> 1)) / BigInt(unit))
  } else {
    reply.integer(Math.floor((deadline - base + (unit >> 1)) / unit))
  }
}

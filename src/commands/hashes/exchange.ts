// Fields together with their TTLs: HGETEX, HSETEX, HGETDEL.

import { NULL_REF } from '../../store/arena.ts'
import { ValueType } from '../../store/record.ts'
import { ExpireOutcome } from '../../store/types/hashes.ts'
import { readPositive } from '../spec/arguments.ts'
import type { CommandSpec } from '../spec/command.ts'
import type { Context } from '../spec/context.ts'
import { MAX_SHOWN, printable, wrongArguments } from '../spec/errors.ts'
import { arg, KEY, oneKey, oneOf, token } from '../spec/shorthand.ts'
import {
  argumentBytes,
  createCollection,
  findCollection,
  hasRoom,
  replySpan,
} from '../spec/values/collection.ts'
import { FIELDS, LIFETIMES, readDeadline, readFields } from './deadlines.ts'

/** EX, PX, EXAT and PXAT: the unit in ms, and whether the time is counted from now. */
const TIMES = [
  ['EX', 1000, true],
  ['PX', 1, true],
  ['EXAT', 1000, false],
  ['PXAT', 1, false],
] as const

/** The deadline of the option `i` and its value behind; `undefined`: it is no such option. NaN after an error reply. */
function readLifetime(c: Context, i: number): number | undefined {
  const time = TIMES.find(([word]) => c.args.is(i, word))
  if (time === undefined) return undefined
  const [, unitMs, isRelative] = time
  return readDeadline(c, i + 1, unitMs, isRelative ? c.instant.now : 0)
}

function getAndExpire(c: Context): void {
  const { args, reply } = c
  const found = findCollection(c, 1, ValueType.HASH)
  if (found === undefined) return
  const deadline = readLifetime(c, 2)
  if (Number.isNaN(deadline)) return
  const persists = args.is(2, 'PERSIST')
  const first = readFields(c, deadline !== undefined ? 4 : persists ? 3 : 2)
  if (first === 0) return
  const { hashes, collections } = c.group.store
  const { buf, start, end, count } = args
  if (found !== NULL_REF && deadline !== undefined)
    if (!hasRoom(c, found, 1, 2 * argumentBytes(c, first), 2 * (count - first))) return
  reply.array(count - first)
  let ref = found
  let left = found === NULL_REF ? 0 : hashes.length(found)
  for (let i = first; i < count; i++) {
    if (left === 0 || !hashes.get(ref, buf, start[i], end[i])) {
      reply.null()
      continue
    }
    replySpan(c, hashes.value)
    if (persists) hashes.persist(ref, buf, start[i], end[i])
    if (deadline === undefined) continue
    hashes.deadline[0] = deadline
    ref = hashes.expire(ref, buf, start[i], end[i], undefined)
    if (hashes.outcome === ExpireOutcome.REMOVED) left--
  }
  if (found !== NULL_REF) collections.finish(ref, left)
}

function getAndRemove(c: Context): void {
  const { args, reply } = c
  const found = findCollection(c, 1, ValueType.HASH)
  if (found === undefined) return
  const first = readFields(c, 2)
  if (first === 0) return
  const { hashes, collections } = c.group.store
  const { buf, start, end, count } = args
  reply.array(count - first)
  let ref = found
  let left = found === NULL_REF ? 0 : hashes.length(found)
  for (let i = first; i < count; i++) {
    if (left === 0 || !hashes.get(ref, buf, start[i], end[i])) {
      reply.null()
      continue
    }
    replySpan(c, hashes.value)
    ref = hashes.remove(ref, buf, start[i], end[i])
    left--
  }
  if (found !== NULL_REF) collections.finish(ref, left)
}

interface SetOptions {
  /** Only if all fields exist, or none. */
  readonly condition: 'fxx' | 'fnx' | undefined
  /** `undefined`: none. */
  readonly deadline: number | undefined
  readonly keepsDeadline: boolean
  /** The position of the first field. */
  readonly first: number
}

/** `undefined` after an error reply. */
function readSetOptions(c: Context): SetOptions | undefined {
  const { args, reply } = c
  let condition: 'fxx' | 'fnx' | undefined
  let deadline: number | undefined
  let keepsDeadline = false
  for (let i = 2; i < args.count; i++) {
    if (args.is(i, 'FIELDS')) {
      const first = readPairs(c, i)
      return first === 0 ? undefined : { condition, deadline, keepsDeadline, first }
    }
    const isTime = TIMES.some(([word]) => args.is(i, word))
    if (isTime || args.is(i, 'KEEPTTL')) {
      if (keepsDeadline || deadline !== undefined) {
        reply.error('ERR Only one of EX, PX, EXAT, PXAT or KEEPTTL arguments can be specified')
        return undefined
      }
      if (!isTime) {
        keepsDeadline = true
        continue
      }
      if (i === args.count - 1) {
        reply.error('ERR missing expire time')
        return undefined
      }
      deadline = readLifetime(c, i++)
      if (Number.isNaN(deadline)) return undefined
    } else if (args.is(i, 'FXX') || args.is(i, 'FNX')) {
      if (condition !== undefined) {
        reply.error('ERR Only one of FXX or FNX arguments can be specified')
        return undefined
      }
      condition = args.is(i, 'FXX') ? 'fxx' : 'fnx'
    } else {
      reply.error(`ERR unknown argument: ${printable(args, i, MAX_SHOWN)}`, 'latin1')
      return undefined
    }
  }
  reply.error(wrongArguments(c.command.fullName))
  return undefined
}

const INVALID_COUNT = 'ERR invalid number of fields'
const INT_MAX = 0x7fff_ffff

/** The position of the first field of `FIELDS numfields field value …`, which begins at `i`; 0 after an error reply. */
function readPairs(c: Context, i: number): number {
  const { args } = c
  if (i < args.count - 3) {
    const count = readPositive(c, i + 1, 1, INVALID_COUNT)
    if (Number.isNaN(count)) return 0
    if (count > INT_MAX) {
      c.reply.error(INVALID_COUNT)
      return 0
    }
    if (args.count - i - 2 === 2 * count) return i + 2
  }
  c.reply.error(wrongArguments(c.command.fullName))
  return 0
}

function setAndExpire(c: Context): void {
  const options = readSetOptions(c)
  if (options === undefined) return
  const { condition, deadline, keepsDeadline, first } = options
  const found = findCollection(c, 1, ValueType.HASH)
  if (found === undefined) return
  const { hashes, collections } = c.group.store
  const { buf, start, end, count } = c.args
  if (condition !== undefined) {
    for (let i = first; i < count; i += 2) {
      const exists = found !== NULL_REF && hashes.get(found, buf, start[i], end[i])
      if (exists === (condition === 'fxx')) continue
      c.reply.integer(0)
      return
    }
  }
  const times = deadline === undefined ? 1 : 3
  if (!hasRoom(c, found, 1, times * argumentBytes(c, first), (times * (count - first)) >> 1)) return
  let ref = found === NULL_REF ? createCollection(c, 1, ValueType.HASH) : found
  for (let i = first; i < count; i += 2) {
    const hasTime = keepsDeadline || deadline !== undefined
    ref = hashes.set(ref, buf, start[i], end[i], buf, start[i + 1], end[i + 1], hasTime)
    if (deadline === undefined) continue
    hashes.deadline[0] = deadline
    ref = hashes.expire(ref, buf, start[i], end[i], undefined)
  }
  collections.finish(ref, hashes.length(ref))
  c.reply.integer(1)
}

const COMMON = {
  flags: ['write', 'fast'],
  categories: ['write', 'hash', 'fast'],
  load: 'first',
  since: '8.0.0',
  group: 'hash',
} as const satisfies Partial<CommandSpec>

const PAIRS = arg('fields', 'block', {
  token: 'FIELDS',
  arguments: [
    arg('numfields', 'integer'),
    arg('data', 'block', { multiple: true, arguments: [arg('field', 'string'), arg('value', 'string')] }),
  ],
})

export const hashExchangeCommands: readonly CommandSpec[] = [
  {
    ...COMMON,
    name: 'hgetex',
    arity: -5,
    keys: oneKey('RW', 'access', 'update'),
    summary: 'Returns the values of fields of a hash, and sets or removes their TTL.',
    complexity: 'O(N) where N is the number of specified fields',
    arguments: [KEY, oneOf('expiration', [...LIFETIMES, token('PERSIST')], { optional: true }), FIELDS],
    run: getAndExpire,
  },
  {
    ...COMMON,
    name: 'hsetex',
    arity: -6,
    flags: ['write', 'denyoom', 'fast'],
    keys: oneKey('RW', 'update'),
    summary: 'Sets fields of a hash together with their TTL.',
    complexity: 'O(N) where N is the number of fields being set.',
    arguments: [
      KEY,
      oneOf('condition', [token('FNX'), token('FXX')], { optional: true }),
      oneOf('expiration', [...LIFETIMES, token('KEEPTTL')], { optional: true }),
      PAIRS,
    ],
    run: setAndExpire,
  },
  {
    ...COMMON,
    name: 'hgetdel',
    arity: -5,
    keys: oneKey('RW', 'access', 'delete'),
    summary:
      'Returns the values of fields of a hash, and removes the fields. Removes the key with the last field.',
    complexity: 'O(N) where N is the number of specified fields',
    arguments: [KEY, FIELDS],
    run: getAndRemove,
  },
]

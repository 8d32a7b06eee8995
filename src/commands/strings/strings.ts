// Strings, one key at a time: GET, SET and similar commands.

import type { Args } from '../../resp/args.ts'
import { NULL_REF, type Ref } from '../../store/arena.ts'
import { EXPIRES, tagFlags, ValueType } from '../../store/record.ts'
import type { CommandSpec, KeyFlag } from '../spec/command.ts'
import type { Context } from '../spec/context.ts'
import { tooLarge } from '../spec/errors.ts'
import { arg, KEY, oneKey, oneOf, option, token } from '../spec/shorthand.ts'
import { EX, EXAT, PX, PXAT, setKeepingDeadline, TIMED } from './lifetime.ts'
import {
  CONDITION,
  GET,
  GETEX_OPTIONS,
  KEEPTTL,
  NX,
  PERSIST,
  readOptions,
  readTime,
  SET_OPTIONS,
  settleTime,
  TAGGED,
  timeAt,
  XX,
} from './options.ts'

/** Whether SET answers with the old value, which it then has to know. */
function answersOld(args: Args): boolean {
  for (let i = 3; i < args.count; i++) if (args.is(i, 'GET')) return true
  return false
}

/** SET with options. Not part of `run`, so that the plain SET stays small enough for V8 to inline. */
function setWithOptions(c: Context): void {
  const options = readOptions(c, 3, SET_OPTIONS)
  if (options >= 0 && readTime(c, options)) set(c, 2, options)
}

/**
 * Sets the key in argument 1 to argument `valueAt` (Redis: `setGenericCommand`). If the options include a time,
 * `store.deadline` has been set.
 */
function set(c: Context, valueAt: number, options: number): void {
  const { args, group, reply } = c
  const mark = reply.mark()
  const wantsOld = (options & GET) !== 0
  let ref: Ref = NULL_REF
  if (wantsOld) {
    ref = c.read(1)
    if (!replyString(c, ref)) return
  } else if ((options & (CONDITION | KEEPTTL)) !== 0) {
    // Only GET loads: NX and XX test whether the key is cached, not whether the origin has it.
    ref = c.find(1)
  }
  if ((options & (ref === NULL_REF ? XX : NX)) !== 0) {
    if (!wantsOld) reply.null()
    return
  }
  const start = args.start[valueAt]
  const end = args.end[valueAt]
  const tags = (options & TAGGED) === 0 ? 0 : tagFlags(group.store.entryTags.count)
  const flags = tags | ((options & TIMED) !== 0 ? EXPIRES : 0)
  const written =
    (options & KEEPTTL) !== 0
      ? setKeepingDeadline(c, ref, args.buf, start, end, tags)
      : group.set(args.buf, args.start[1], args.end[1], args.buf, start, end, flags)
  if (written === NULL_REF) {
    reply.rewind(mark)
    reply.error(tooLarge(group.store.maxBytes))
    return
  }
  settleTime(c, written, options)
  if (!wantsOld) reply.ok()
}

/** Replies the value of a record, or null for none. False after a WRONGTYPE reply. */
function replyString(c: Context, ref: Ref): boolean {
  if (ref === NULL_REF) c.reply.null()
  else if (c.holds(ref, ValueType.STRING)) c.replyValue(ref)
  else return false
  return true
}

const VALUE = arg('value', 'string')

const READ_AND_SET: readonly KeyFlag[] = ['RW', 'access', 'update']
const SET: readonly KeyFlag[] = ['OW', 'update']

/** Whether this SET neither depends on the old value nor replies with it. */
function isUnconditional(args: Args): boolean {
  for (let i = 3; i < args.count; i++)
    if (args.is(i, 'NX') || args.is(i, 'XX') || args.is(i, 'GET')) return false
  return true
}

export const stringCommands: readonly CommandSpec[] = [
  {
    name: 'get',
    arity: 2,
    flags: ['readonly', 'fast'],
    categories: ['read', 'string', 'fast'],
    keys: oneKey('RO', 'access'),
    load: 'through',
    summary: 'Returns the string value of a key.',
    since: '1.0.0',
    group: 'string',
    complexity: 'O(1)',
    arguments: [KEY],
    run(c) {
      const ref = c.read(1)
      if (ref === NULL_REF) c.reply.null()
      else if (c.holds(ref, ValueType.STRING)) c.replyValue(ref)
    },
  },
  {
    name: 'set',
    arity: -3,
    flags: ['write', 'denyoom'],
    categories: ['write', 'string', 'slow'],
    keys: oneKey('RW', 'access', 'update', 'variable_flags'),
    findKeyFlags: (args) => (answersOld(args) ? READ_AND_SET : SET),
    load: (args) => (answersOld(args) ? 'first' : undefined),
    repeatable: isUnconditional,
    summary: "Sets the string value of a key, ignoring its type. The key is created if it doesn't exist.",
    since: '1.0.0',
    group: 'string',
    complexity: 'O(1)',
    history: [
      ['2.6.12', 'Added the `EX`, `PX`, `NX` and `XX` options.'],
      ['6.0.0', 'Added the `KEEPTTL` option.'],
      ['6.2.0', 'Added the `GET`, `EXAT` and `PXAT` option.'],
      ['7.0.0', 'Allowed the `NX` and `GET` options to be used together.'],
    ],
    arguments: [
      KEY,
      VALUE,
      oneOf('condition', [token('NX'), token('XX')], { optional: true, since: '2.6.12' }),
      token('GET', { optional: true, since: '6.2.0' }),
      oneOf(
        'expiration',
        [
          option('EX', 'seconds', 'integer', { since: '2.6.12' }),
          option('PX', 'milliseconds', 'integer', { since: '2.6.12' }),
          option('EXAT', 'unix-time-seconds', 'unix-time', { since: '6.2.0' }),
          option('PXAT', 'unix-time-milliseconds', 'unix-time', { since: '6.2.0' }),
          token('KEEPTTL', { since: '6.0.0' }),
        ],
        { optional: true },
      ),
      // An extension of Erinys.
      arg('tags', 'block', {
        token: 'TAGS',
        optional: true,
        arguments: [arg('numtags', 'integer'), arg('tag', 'string', { multiple: true })],
      }),
    ],
    run(c) {
      const { args, group } = c
      if (args.count > 3) {
        setWithOptions(c)
        return
      }
      const ref = group.set(args.buf, args.start[1], args.end[1], args.buf, args.start[2], args.end[2], 0)
      if (ref === NULL_REF) c.reply.error(tooLarge(group.store.maxBytes))
      else c.reply.ok()
    },
  },
  {
    name: 'setnx',
    arity: 3,
    flags: ['write', 'denyoom', 'fast'],
    categories: ['write', 'string', 'fast'],
    keys: oneKey('OW', 'insert'),
    summary: "Set the string value of a key only when the key doesn't exist.",
    since: '1.0.0',
    group: 'string',
    complexity: 'O(1)',
    deprecated: { since: '2.6.12', replacedBy: '`SET` with the `NX` argument' },
    arguments: [KEY, VALUE],
    run(c) {
      const { args, group } = c
      // Like SET … NX: tests whether the key is cached.
      if (c.find(1) !== NULL_REF) {
        c.reply.integer(0)
        return
      }
      const ref = group.set(args.buf, args.start[1], args.end[1], args.buf, args.start[2], args.end[2], 0)
      if (ref === NULL_REF) c.reply.error(tooLarge(group.store.maxBytes))
      else c.reply.integer(1)
    },
  },
  {
    name: 'setex',
    arity: 4,
    flags: ['write', 'denyoom'],
    categories: ['write', 'string', 'slow'],
    keys: oneKey('OW', 'update'),
    repeatable: true,
    summary: "Sets the string value and expiration time of a key. Creates the key if it doesn't exist.",
    since: '2.0.0',
    group: 'string',
    complexity: 'O(1)',
    deprecated: { since: '2.6.12', replacedBy: '`SET` with the `EX` argument' },
    arguments: [KEY, arg('seconds', 'integer'), VALUE],
    run(c) {
      const options = timeAt(2, EX)
      if (readTime(c, options)) set(c, 3, options)
    },
  },
  {
    name: 'psetex',
    arity: 4,
    flags: ['write', 'denyoom'],
    categories: ['write', 'string', 'slow'],
    keys: oneKey('OW', 'update'),
    repeatable: true,
    summary:
      "Sets both string value and expiration time in milliseconds of a key. The key is created if it doesn't exist.",
    since: '2.6.0',
    group: 'string',
    complexity: 'O(1)',
    deprecated: { since: '2.6.12', replacedBy: '`SET` with the `PX` argument' },
    arguments: [KEY, arg('milliseconds', 'integer'), VALUE],
    run(c) {
      const options = timeAt(2, PX)
      if (readTime(c, options)) set(c, 3, options)
    },
  },
  {
    name: 'getset',
    arity: 3,
    flags: ['write', 'denyoom', 'fast'],
    categories: ['write', 'string', 'fast'],
    keys: oneKey('RW', 'access', 'update'),
    load: 'first',
    summary: 'Returns the previous string value of a key after setting it to a new value.',
    since: '1.0.0',
    group: 'string',
    complexity: 'O(1)',
    deprecated: { since: '6.2.0', replacedBy: '`SET` with the `!GET` argument' },
    arguments: [KEY, VALUE],
    run(c) {
      set(c, 2, GET)
    },
  },
  {
    name: 'getex',
    arity: -2,
    flags: ['write', 'fast'],
    categories: ['write', 'string', 'fast'],
    keys: oneKey('RW', 'access', 'update'),
    load: 'first',
    repeatable: true,
    summary: 'Returns the string value of a key after setting its expiration time.',
    since: '6.2.0',
    group: 'string',
    complexity: 'O(1)',
    arguments: [
      KEY,
      oneOf(
        'expiration',
        [
          option('EX', 'seconds', 'integer'),
          option('PX', 'milliseconds', 'integer'),
          option('EXAT', 'unix-time-seconds', 'unix-time'),
          option('PXAT', 'unix-time-milliseconds', 'unix-time'),
          token('PERSIST'),
        ],
        { optional: true },
      ),
    ],
    run: getAndExpire,
  },
  {
    name: 'getdel',
    arity: 2,
    flags: ['write', 'fast'],
    categories: ['write', 'string', 'fast'],
    keys: oneKey('RW', 'access', 'delete'),
    load: 'first',
    summary: 'Returns the string value of a key after deleting the key.',
    since: '6.2.0',
    group: 'string',
    complexity: 'O(1)',
    arguments: [KEY],
    run(c) {
      const ref = c.read(1)
      if (replyString(c, ref) && ref !== NULL_REF) c.store.remove(ref)
    },
  },
]

/** GETEX. Redis replies nil for a missing key before it validates the time. */
function getAndExpire(c: Context): void {
  const { reply, store } = c
  const options = readOptions(c, 2, GETEX_OPTIONS)
  if (options < 0) return
  const ref = c.read(1)
  if (ref === NULL_REF) {
    reply.null()
    return
  }
  if (!c.holds(ref, ValueType.STRING) || !readTime(c, options)) return
  const mark = reply.mark()
  c.replyValue(ref)
  if (options === 0) return
  if ((options & PERSIST) !== 0) {
    // As after PERSIST, no watch breaks.
    if (store.records.deadline(ref) === 0) return
    store.deadline[0] = 0
  }
  if ((options & (EXAT | PXAT)) !== 0 && store.deadline[0] <= c.instant.ms[0]) {
    store.remove(ref)
    return
  }
  const written = store.expire(ref)
  if (written === NULL_REF) {
    reply.rewind(mark)
    reply.error(tooLarge(store.maxBytes))
  } else settleTime(c, written, options)
}

// DUMP and RESTORE: values in Redis's own encoding, so that they travel between Erinys and Redis.

import { NULL_REF } from '../../store/arena.ts'
import { dumpValue } from '../../store/rdb/dump-value.ts'
import { Restorable } from '../../store/rdb/restore-value.ts'
import { EXPIRES, SECOND_MASK } from '../../store/record.ts'
import { readInt64, readInteger } from '../spec/arguments.ts'
import type { CommandSpec } from '../spec/command.ts'
import type { Context } from '../spec/context.ts'
import { SYNTAX_ERROR, tooLarge } from '../spec/errors.ts'
import { arg, KEY, oneKey, option, token } from '../spec/shorthand.ts'

const BUSY_KEY = 'BUSYKEY Target key name already exists.'
const WRONG_FOOTER = 'ERR DUMP payload version or checksum are wrong'
const BAD_DATA = 'ERR Bad data format'

const MAX_FREQUENCY = 255

const DUMP_AT = 3
const OPTIONS_AT = 4

export const dumpCommands: readonly CommandSpec[] = [
  {
    name: 'dump',
    arity: 2,
    flags: ['readonly'],
    categories: ['keyspace', 'read', 'slow'],
    keys: oneKey('RO', 'access'),
    load: 'through',
    summary: 'Returns a serialized representation of the value stored at a key.',
    since: '2.6.0',
    group: 'generic',
    complexity: 'O(N) where N is the size of the value, with all its elements.',
    tips: ['nondeterministic_output'],
    arguments: [KEY],
    run(c) {
      const ref = c.read(1)
      if (ref === NULL_REF) {
        c.reply.null()
        return
      }
      const dump = dumpValue(c.store, ref)
      c.reply.bulk(dump, 0, dump.length)
    },
  },
  {
    name: 'restore',
    arity: -4,
    flags: ['write', 'denyoom'],
    categories: ['keyspace', 'write', 'slow', 'dangerous'],
    keys: oneKey('OW', 'update'),
    repeatable: (args) => {
      for (let i = OPTIONS_AT; i < args.count; i++) if (args.is(i, 'REPLACE')) return true
      return false
    },
    summary: 'Creates a key from the serialized representation of a value.',
    since: '2.6.0',
    group: 'generic',
    complexity:
      'O(N) where N is the size of the value, with all its elements; O(N*log(N)) for N members of a sorted set.',
    history: [
      ['3.0.0', 'Added the `REPLACE` modifier.'],
      ['5.0.0', 'Added the `ABSTTL` modifier.'],
      ['5.0.0', 'Added the `IDLETIME` and `FREQ` options.'],
    ],
    arguments: [
      KEY,
      arg('ttl', 'integer'),
      arg('serialized-value', 'string'),
      token('REPLACE', { optional: true, since: '3.0.0' }),
      token('ABSTTL', { optional: true, since: '5.0.0' }),
      option('IDLETIME', 'seconds', 'integer', { optional: true, since: '5.0.0' }),
      option('FREQ', 'frequency', 'integer', { optional: true, since: '5.0.0' }),
    ],
    run: restore,
  },
]

interface RestoreOptions {
  replace: boolean
  isMoment: boolean
  /** Seconds since the last access; -1: now. */
  idle: number
}

function restore(c: Context): void {
  const { args, group, instant, reply } = c
  const { store } = group
  const options = readOptions(c)
  if (options === undefined) return
  if (!options.replace && c.peek(1) !== NULL_REF) {
    reply.error(BUSY_KEY)
    return
  }
  const ttl = readInt64(c, 2)
  if (ttl === undefined) return
  if (ttl < 0n) {
    reply.error('ERR Invalid TTL value, must be >= 0')
    return
  }
  const value = Restorable.read(args.buf, args.start[DUMP_AT], args.end[DUMP_AT])
  if (!(value instanceof Restorable)) {
    reply.error(value === 'wrong footer' ? WRONG_FOOTER : BAD_DATA)
    return
  }
  // Redis adds without a check for overflow.
  const deadline = options.isMoment || ttl === 0n ? ttl : BigInt.asIntN(64, ttl + BigInt(instant.now))
  if (deadline !== 0n && deadline <= BigInt(instant.now)) {
    const old = c.peek(1)
    if (old !== NULL_REF) store.remove(old)
    reply.ok()
    return
  }
  const flags = deadline === 0n ? group.lifetime() : EXPIRES
  if (deadline !== 0n) store.deadline[0] = Number(deadline)
  const ref = value.store(store, args.buf, args.start[1], args.end[1], flags)
  if (ref === NULL_REF) {
    if (value.isSpent) reply.ok()
    else reply.error(tooLarge(store.maxBytes))
    return
  }
  if (deadline !== 0n) store.records.setExactDeadline(ref, deadline)
  if (options.idle >= 0)
    store.records.setAccessSecond(ref, instant.second - Math.min(options.idle, SECOND_MASK))
  reply.ok()
}

/** `undefined` after an error reply. */
function readOptions(c: Context): RestoreOptions | undefined {
  const { args, reply } = c
  const options = { replace: false, isMoment: false, idle: -1 }
  let hasFrequency = false
  for (let i = OPTIONS_AT; i < args.count; i++) {
    const hasMore = i + 1 < args.count
    if (args.is(i, 'REPLACE')) options.replace = true
    else if (args.is(i, 'ABSTTL')) options.isMoment = true
    else if (args.is(i, 'IDLETIME') && hasMore && !hasFrequency) {
      const seconds = readInteger(c, ++i)
      if (Number.isNaN(seconds)) return undefined
      if (seconds < 0) {
        reply.error('ERR Invalid IDLETIME value, must be >= 0')
        return undefined
      }
      options.idle = seconds
    } else if (args.is(i, 'FREQ') && hasMore && options.idle < 0) {
      // Checked only: eviction keeps no frequencies.
      const frequency = readInteger(c, ++i)
      if (Number.isNaN(frequency)) return undefined
      if (frequency < 0 || frequency > MAX_FREQUENCY) {
        reply.error('ERR Invalid FREQ value, must be >= 0 and <= 255')
        return undefined
      }
      hasFrequency = true
    } else {
      reply.error(SYNTAX_ERROR)
      return undefined
    }
  }
  return options
}

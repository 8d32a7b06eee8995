// Counters: INCR, DECR, INCRBY, DECRBY, INCRBYFLOAT.

import { integerDigits, parseInt64, parseInteger, writeInteger } from '../../bytes/numbers/decimal.ts'
import {
  addLongDoubles,
  formatLongDouble,
  type LongDouble,
  parseLongDouble,
} from '../../bytes/numbers/long-double.ts'
import { NULL_REF, type Ref } from '../../store/arena.ts'
import { ValueType } from '../../store/record.ts'
import type { CommandSpec } from '../spec/command.ts'
import type { Context } from '../spec/context.ts'
import { NOT_A_FLOAT, NOT_AN_INTEGER, tooLarge } from '../spec/errors.ts'
import { arg, KEY, oneKey } from '../spec/shorthand.ts'
import { setKeepingDeadline } from './lifetime.ts'

const MIN_INT64 = -0x8000_0000_0000_0000n
const MAX_INT64 = 0x7fff_ffff_ffff_ffffn

const ZERO: LongDouble = { negative: false, significand: 0n, exponent: 0 }

/** Scratch buffer for digits that are not written directly into the arena. */
const digits = Buffer.alloc(20)

/** Adds `by`, |by| < 2^53, to the integer under argument 1. */
function increment(c: Context, by: number): void {
  const { records } = c.group.store
  const ref = c.find(1)
  let old = 0
  if (ref !== NULL_REF) {
    if (!c.holds(ref, ValueType.STRING)) return
    records.locate(ref)
    old = parseInteger(records.bytes, records.valueStart, records.valueEnd)
  }
  const sum = old + by
  if (!Number.isSafeInteger(sum)) {
    incrementLarge(c, ref, BigInt(by))
    return
  }
  if (writeCounter(c, ref, sum)) c.reply.integer(sum)
}

/** Replaces the value that `records` has located for `ref` by `n`. False after an OOM reply. */
function writeCounter(c: Context, ref: Ref, n: number): boolean {
  const { store } = c.group
  const { records } = store
  const length = integerDigits(n)
  let written = ref
  if (ref === NULL_REF || records.isRaw(ref) || records.hasFreshness(ref)) {
    // APPEND and SETRANGE leave raw strings, and a counter is not one; a stored validator belongs to the loaded value.
    written = setKeepingDeadline(c, ref, digits, 0, writeInteger(digits, 0, n))
  } else {
    if (records.valueEnd - records.valueStart !== length) {
      written = store.resize(ref, length)
      if (written !== NULL_REF) records.locate(written)
    }
    if (written !== NULL_REF) {
      writeInteger(records.bytes, records.valueStart, n)
      store.noteChange(written)
    }
  }
  if (written !== NULL_REF) return true
  c.reply.error(tooLarge(store.maxBytes))
  return false
}

/** `increment` where the old value, the increment or the sum is beyond 2^53, or the old value is not an integer. */
function incrementLarge(c: Context, ref: Ref, by: bigint): void {
  const { store } = c.group
  const { records } = store
  let old: bigint | null = 0n
  if (ref !== NULL_REF) {
    if (!c.holds(ref, ValueType.STRING)) return
    records.locate(ref)
    old = parseInt64(records.bytes, records.valueStart, records.valueEnd)
  }
  if (old === null) {
    c.reply.error(NOT_AN_INTEGER)
    return
  }
  const sum = old + by
  if (sum < MIN_INT64 || sum > MAX_INT64) {
    c.reply.error('ERR increment or decrement would overflow')
    return
  }
  const end = digits.write(sum.toString(), 'latin1')
  if (setKeepingDeadline(c, ref, digits, 0, end) === NULL_REF) c.reply.error(tooLarge(store.maxBytes))
  else c.reply.bigint(sum)
}

/** Adds or subtracts argument 2. */
function incrementByArgument(c: Context, sign: 1 | -1): void {
  const { args } = c
  const by = parseInteger(args.buf, args.start[2], args.end[2])
  if (!Number.isNaN(by)) {
    increment(c, sign * by)
    return
  }
  const large = parseInt64(args.buf, args.start[2], args.end[2])
  if (large === null) c.reply.error(NOT_AN_INTEGER)
  else if (sign === 1) incrementLarge(c, c.find(1), large)
  else if (large === MIN_INT64) c.reply.error('ERR decrement would overflow')
  else incrementLarge(c, c.find(1), -large)
}

/** INCRBYFLOAT. Redis validates the value before the increment. */
function incrementByFloat(c: Context): void {
  const { args, reply } = c
  const { store } = c.group
  const { records } = store
  const ref = c.find(1)
  let old: LongDouble | null = ZERO
  if (ref !== NULL_REF) {
    if (!c.holds(ref, ValueType.STRING)) return
    records.locate(ref)
    old = parseLongDouble(records.bytes, records.valueStart, records.valueEnd)
  }
  const by = old && parseLongDouble(args.buf, args.start[2], args.end[2])
  if (old === null || by === null) {
    reply.error(NOT_A_FLOAT)
    return
  }
  const sum = addLongDoubles(old, by)
  if (sum === null) {
    reply.error('ERR increment would produce NaN or Infinity')
    return
  }
  const value = Buffer.from(formatLongDouble(sum), 'latin1')
  if (setKeepingDeadline(c, ref, value, 0, value.length) === NULL_REF) reply.error(tooLarge(store.maxBytes))
  else reply.bulk(value, 0, value.length)
}

/** Shared by all counters. */
const COUNTER = {
  flags: ['write', 'denyoom', 'fast'],
  categories: ['write', 'string', 'fast'],
  keys: oneKey('RW', 'access', 'update'),
  load: 'first',
  group: 'string',
  complexity: 'O(1)',
} as const satisfies Partial<CommandSpec>

export const counterCommands: readonly CommandSpec[] = [
  {
    name: 'incr',
    arity: 2,
    ...COUNTER,
    summary:
      "Increments the integer value of a key by one. Uses 0 as initial value if the key doesn't exist.",
    since: '1.0.0',
    arguments: [KEY],
    run(c) {
      increment(c, 1)
    },
  },
  {
    name: 'decr',
    arity: 2,
    ...COUNTER,
    summary:
      "Decrements the integer value of a key by one. Uses 0 as initial value if the key doesn't exist.",
    since: '1.0.0',
    arguments: [KEY],
    run(c) {
      increment(c, -1)
    },
  },
  {
    name: 'incrby',
    arity: 3,
    ...COUNTER,
    summary:
      "Increments the integer value of a key by a number. Uses 0 as initial value if the key doesn't exist.",
    since: '1.0.0',
    arguments: [KEY, arg('increment', 'integer')],
    run(c) {
      incrementByArgument(c, 1)
    },
  },
  {
    name: 'decrby',
    arity: 3,
    ...COUNTER,
    summary:
      "Decrements a number from the integer value of a key. Uses 0 as initial value if the key doesn't exist.",
    since: '1.0.0',
    arguments: [KEY, arg('decrement', 'integer')],
    run(c) {
      incrementByArgument(c, -1)
    },
  },
  {
    name: 'incrbyfloat',
    arity: 3,
    ...COUNTER,
    summary:
      "Increment the floating point value of a key by a number. Uses 0 as initial value if the key doesn't exist.",
    since: '2.6.0',
    arguments: [KEY, arg('increment', 'double')],
    run: incrementByFloat,
  },
]

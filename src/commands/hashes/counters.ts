// Counters in fields of hashes: HINCRBY, HINCRBYFLOAT.

import { parseInt64 } from '../../bytes/numbers/decimal.ts'
import {
  addLongDoubles,
  formatLongDouble,
  type LongDouble,
  parseLongDouble,
} from '../../bytes/numbers/long-double.ts'
import { NULL_REF, type Ref } from '../../store/arena.ts'
import { ValueType } from '../../store/record.ts'
import { readInt64 } from '../spec/arguments.ts'
import type { CommandSpec } from '../spec/command.ts'
import type { Context } from '../spec/context.ts'
import { NOT_A_FLOAT } from '../spec/errors.ts'
import { arg, KEY, oneKey } from '../spec/shorthand.ts'
import { createCollection, findCollection, hasRoom } from '../spec/values/collection.ts'

const MIN_INT64 = -0x8000_0000_0000_0000n
const MAX_INT64 = 0x7fff_ffff_ffff_ffffn
const ZERO: LongDouble = { negative: false, significand: 0n, exponent: 0 }

/** Sets the field in argument 2. False after an OOM reply. */
function setField(c: Context, found: Ref, value: Buffer): boolean {
  const { hashes, collections } = c.group.store
  if (!hasRoom(c, found, 1, c.args.length(2) + value.length, 1)) return false
  const { buf, start, end } = c.args
  const ref = found === NULL_REF ? createCollection(c, 1, ValueType.HASH) : found
  collections.finish(hashes.set(ref, buf, start[2], end[2], value, 0, value.length, true), 1)
  return true
}

function increment(c: Context): void {
  const { buf, start, end } = c.args
  const by = readInt64(c, 3)
  if (by === undefined) return
  const ref = findCollection(c, 1, ValueType.HASH)
  if (ref === undefined) return
  const { hashes } = c.group.store
  let old: bigint | null = 0n
  if (ref !== NULL_REF && hashes.get(ref, buf, start[2], end[2])) {
    const { value } = hashes
    old = parseInt64(value.bytes, value.start, value.end)
  }
  if (old === null) {
    c.reply.error('ERR hash value is not an integer')
    return
  }
  const sum = old + by
  if (sum < MIN_INT64 || sum > MAX_INT64) c.reply.error('ERR increment or decrement would overflow')
  else if (setField(c, ref, Buffer.from(sum.toString(), 'latin1'))) c.reply.bigint(sum)
}

function incrementByFloat(c: Context): void {
  const { buf, start, end } = c.args
  const by = parseLongDouble(buf, start[3], end[3])
  if (by === null || by.exponent === Number.POSITIVE_INFINITY) {
    c.reply.error(by === null ? NOT_A_FLOAT : 'ERR value is NaN or Infinity')
    return
  }
  const ref = findCollection(c, 1, ValueType.HASH)
  if (ref === undefined) return
  const { hashes } = c.group.store
  let old: LongDouble | null = ZERO
  if (ref !== NULL_REF && hashes.get(ref, buf, start[2], end[2])) {
    const { value } = hashes
    old = parseLongDouble(value.bytes, value.start, value.end)
  }
  if (old === null) {
    c.reply.error('ERR hash value is not a float')
    return
  }
  const sum = addLongDoubles(old, by)
  if (sum === null) {
    c.reply.error('ERR increment would produce NaN or Infinity')
    return
  }
  const value = Buffer.from(formatLongDouble(sum), 'latin1')
  if (setField(c, ref, value)) c.reply.bulk(value, 0, value.length)
}

const COUNTER = {
  arity: 4,
  flags: ['write', 'denyoom', 'fast'],
  categories: ['write', 'hash', 'fast'],
  keys: oneKey('RW', 'access', 'update'),
  load: 'first',
  group: 'hash',
  complexity: 'O(1)',
} as const satisfies Partial<CommandSpec>

export const hashCounterCommands: readonly CommandSpec[] = [
  {
    ...COUNTER,
    name: 'hincrby',
    summary: 'Increments the integer value of a field in a hash. Uses 0 where there is no field.',
    since: '2.0.0',
    arguments: [KEY, arg('field', 'string'), arg('increment', 'integer')],
    run: increment,
  },
  {
    ...COUNTER,
    name: 'hincrbyfloat',
    summary: 'Increments the floating point value of a field in a hash. Uses 0 where there is no field.',
    since: '2.6.0',
    arguments: [KEY, arg('field', 'string'), arg('increment', 'double')],
    run: incrementByFloat,
  },
]

// Single bits of strings: SETBIT, GETBIT.

import { parseInteger } from '../../bytes/numbers/decimal.ts'
import { NULL_REF } from '../../store/arena.ts'
import { ValueType } from '../../store/record.ts'
import type { CommandSpec } from '../spec/command.ts'
import type { Context } from '../spec/context.ts'
import { arg, KEY, oneKey } from '../spec/shorthand.ts'
import { growString } from '../strings/length.ts'
import { readBitOffset } from './offset.ts'

function setBit(c: Context): void {
  const { args, reply } = c
  const offset = readBitOffset(c, 2)
  if (offset < 0) return
  const bit = parseInteger(args.buf, args.start[3], args.end[3])
  if (bit !== 0 && bit !== 1) {
    reply.error('ERR bit is not an integer or out of range')
    return
  }
  const ref = c.find(1)
  if (ref !== NULL_REF && !c.holds(ref, ValueType.STRING)) return
  const byte = Math.floor(offset / 8)
  const { records } = c.store
  const mask = 0x80 >>> (offset % 8)
  if (ref !== NULL_REF) {
    records.locate(ref)
    const at = records.valueStart + byte
    const isSet = at < records.valueEnd && (records.bytes[at] & mask) !== 0
    // Nothing changes, so no watch breaks. As in Redis, the string is not an integer to OBJECT ENCODING any more.
    if (at < records.valueEnd && isSet === (bit === 1)) {
      records.markRaw(ref)
      reply.integer(bit)
      return
    }
  }
  if (growString(c, ref, byte + 1) === NULL_REF) return
  const { bytes, valueStart } = c.group.store.records
  const old = bytes[valueStart + byte]
  bytes[valueStart + byte] = bit === 1 ? old | mask : old & ~mask
  reply.integer((old & mask) === 0 ? 0 : 1)
}

function getBit(c: Context): void {
  const offset = readBitOffset(c, 2)
  if (offset < 0) return
  const ref = c.read(1)
  if (ref === NULL_REF) {
    c.reply.integer(0)
    return
  }
  if (!c.holds(ref, ValueType.STRING)) return
  const { records } = c.store
  records.locate(ref)
  const at = records.valueStart + Math.floor(offset / 8)
  const isSet = at < records.valueEnd && (records.bytes[at] & (0x80 >>> (offset % 8))) !== 0
  c.reply.integer(isSet ? 1 : 0)
}

export const bitCommands: readonly CommandSpec[] = [
  {
    name: 'setbit',
    arity: 4,
    flags: ['write', 'denyoom'],
    categories: ['write', 'bitmap', 'slow'],
    keys: oneKey('RW', 'access', 'update'),
    load: 'first',
    repeatable: true,
    summary:
      'Sets or clears one bit of a string, and returns what it was. Creates the key if it does not exist.',
    since: '2.2.0',
    group: 'bitmap',
    complexity: 'O(1)',
    arguments: [KEY, arg('offset', 'integer'), arg('value', 'integer')],
    run: setBit,
  },
  {
    name: 'getbit',
    arity: 3,
    flags: ['readonly', 'fast'],
    categories: ['read', 'bitmap', 'fast'],
    keys: oneKey('RO', 'access'),
    load: 'through',
    summary: 'Returns one bit of a string.',
    since: '2.2.0',
    group: 'bitmap',
    complexity: 'O(1)',
    arguments: [KEY, arg('offset', 'integer')],
    run: getBit,
  },
]

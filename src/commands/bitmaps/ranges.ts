// Ranges of bits: BITCOUNT, BITPOS.

import { countBits } from '../../bytes/bits/count.ts'
import { findBit } from '../../bytes/bits/find.ts'
import { NULL_REF } from '../../store/arena.ts'
import { ValueType } from '../../store/record.ts'
import { readInteger } from '../spec/arguments.ts'
import type { ArgumentSpec, CommandSpec } from '../spec/command.ts'
import type { Context } from '../spec/context.ts'
import { SYNTAX_ERROR } from '../spec/errors.ts'
import { arg, KEY, oneKey, oneOf, token } from '../spec/shorthand.ts'
import { startOf } from '../spec/values/positions.ts'

/** The bits of one unit, by argument `i`; 0 after an error reply. */
function readUnit({ args, reply }: Context, i: number): number {
  if (args.is(i, 'BIT')) return 1
  if (args.is(i, 'BYTE')) return 8
  reply.error(SYNTAX_ERROR)
  return 0
}

function bitCount(c: Context): void {
  const { args, reply } = c
  const ref = c.read(1)
  if (ref === NULL_REF) {
    reply.integer(0)
    return
  }
  if (!c.holds(ref, ValueType.STRING)) return
  const length = c.store.valueLength(ref)
  if (args.count === 2) {
    reply.integer(countRange(c, 0, length * 8 - 1))
    return
  }
  if (args.count !== 4 && args.count !== 5) {
    reply.error(SYNTAX_ERROR)
    return
  }
  const start = readInteger(c, 2)
  if (Number.isNaN(start)) return
  const end = readInteger(c, 3)
  if (Number.isNaN(end)) return
  // Redis: before the unit is parsed.
  if (start < 0 && end < 0 && start > end) {
    reply.integer(0)
    return
  }
  const unit = args.count === 5 ? readUnit(c, 4) : 8
  if (unit === 0) return
  const units = (length * 8) / unit
  const first = startOf(start, units)
  const last = Math.min(startOf(end, units), units - 1)
  reply.integer(first > last ? 0 : countRange(c, first * unit, last * unit + unit - 1))
}

/** The bits set from `first` to `last` of the value that was located. */
function countRange(c: Context, first: number, last: number): number {
  if (last < 0) return 0
  const { bytes, words, valueStart } = c.store.records
  const from = valueStart + Math.floor(first / 8)
  const to = valueStart + Math.floor(last / 8)
  let count = countBits(bytes, words, from, to + 1)
  // Less the bits of the first and the last byte outside the range.
  for (let bit = first - (first % 8); bit < first; bit++) count -= (bytes[from] >>> (7 - (bit % 8))) & 1
  for (let bit = last + 1; bit % 8 !== 0; bit++) count -= (bytes[to] >>> (7 - (bit % 8))) & 1
  return count
}

function bitPosition(c: Context): void {
  const { args, reply } = c
  const bit = readInteger(c, 2)
  if (Number.isNaN(bit)) return
  if (bit !== 0 && bit !== 1) {
    reply.error('ERR The bit argument must be 1 or 0.')
    return
  }
  const ref = c.read(1)
  if (ref === NULL_REF) {
    reply.integer(bit === 1 ? -1 : 0)
    return
  }
  if (!c.holds(ref, ValueType.STRING)) return
  const bits = c.store.valueLength(ref) * 8
  if (args.count > 6) {
    reply.error(SYNTAX_ERROR)
    return
  }
  let first = 0
  let last = bits - 1
  if (args.count > 3) {
    const start = readInteger(c, 3)
    if (Number.isNaN(start)) return
    const unit = args.count === 6 ? readUnit(c, 5) : 8
    if (unit === 0) return
    const end = args.count > 4 ? readInteger(c, 4) : -1
    if (Number.isNaN(end)) return
    first = startOf(start, bits / unit) * unit
    last = Math.min(startOf(end, bits / unit) * unit + unit - 1, bits - 1)
  }
  if (first > last) {
    reply.integer(-1)
    return
  }
  const { bytes, words, valueStart } = c.store.records
  const found = findBit(bytes, words, valueStart, first, last, bit)
  // Without an end, zeros follow the string.
  reply.integer(found < 0 && bit === 0 && args.count < 5 ? bits : found)
}

const UNIT: ArgumentSpec = oneOf('index_unit', [token('BYTE'), token('BIT')], {
  optional: true,
  since: '7.0.0',
})

/** Shared by both. */
const RANGE = {
  flags: ['readonly'],
  categories: ['read', 'bitmap', 'slow'],
  keys: oneKey('RO', 'access'),
  load: 'through',
  group: 'bitmap',
  complexity: 'O(N)',
  history: [['7.0.0', 'Added the `BYTE|BIT` option.']],
} as const satisfies Partial<CommandSpec>

export const bitRangeCommands: readonly CommandSpec[] = [
  {
    name: 'bitcount',
    arity: -2,
    ...RANGE,
    summary: 'Counts the bits that are set in a string, or in a part of it.',
    since: '2.6.0',
    arguments: [
      KEY,
      arg('index', 'block', {
        optional: true,
        arguments: [arg('start', 'integer'), arg('end', 'integer'), UNIT],
      }),
    ],
    run: bitCount,
  },
  {
    name: 'bitpos',
    arity: -3,
    ...RANGE,
    summary: 'Returns the position of the first bit that is set, or clear, in a string or in a part of it.',
    since: '2.8.7',
    arguments: [
      KEY,
      arg('bit', 'integer'),
      arg('index', 'block', {
        optional: true,
        arguments: [
          arg('start', 'integer'),
          arg('end_index', 'block', { optional: true, arguments: [arg('end', 'integer'), UNIT] }),
        ],
      }),
    ],
    run: bitPosition,
  },
]

// BITFIELD and BITFIELD_RO: integers of any width inside a string.

import { MAX_NARROW, readField, readWideField, writeField, writeWideField } from '../../bytes/bits/fields.ts'
import { parseInteger } from '../../bytes/numbers/decimal.ts'
import type { Args } from '../../resp/args.ts'
import { NULL_REF, type Ref } from '../../store/arena.ts'
import { ValueType } from '../../store/record.ts'
import { readInt64 } from '../spec/arguments.ts'
import type { CommandSpec, KeyFlag } from '../spec/command.ts'
import type { Context } from '../spec/context.ts'
import { SYNTAX_ERROR } from '../spec/errors.ts'
import { arg, KEY, oneKey, oneOf, token } from '../spec/shorthand.ts'
import { growString } from '../strings/length.ts'
import { readBitOffset } from './offset.ts'
import { type Overflow, settle, settleWide } from './overflow.ts'

const INVALID_TYPE =
  'ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.'

const LOWER_I = 0x69
const LOWER_U = 0x75
const NOTHING = Buffer.alloc(0)

/** Operands within this are added to a narrow field without rounding. */
const MAX_OPERAND = 2 ** 52

interface Operation {
  readonly kind: 'get' | 'set' | 'incrby'
  readonly signed: boolean
  readonly bits: number
  readonly offset: number
  readonly operand: bigint
  readonly overflow: Overflow
}

function bitField(c: Context, isReadOnly: boolean): void {
  const operations = readOperations(c)
  if (operations === undefined) return
  let length = 0
  for (const { kind, offset, bits } of operations)
    if (kind !== 'get') length = Math.max(length, Math.floor((offset + bits - 1) / 8) + 1)
  if (length !== 0 && isReadOnly) {
    c.reply.error('ERR BITFIELD_RO only supports the GET subcommand')
    return
  }
  const ref = isReadOnly ? c.read(1) : c.find(1)
  if (ref !== NULL_REF && !c.holds(ref, ValueType.STRING)) return
  const grows = length > (ref === NULL_REF ? 0 : c.store.valueLength(ref))
  if (!grows) locate(c, ref)
  else if (growString(c, ref, length) === NULL_REF) return
  c.reply.array(operations.length)
  let isChanged = false
  for (const operation of operations) {
    const isNarrow = operation.bits <= MAX_NARROW && isSmall(operation.operand)
    const changes = isNarrow ? runNarrow(c, operation) : runWide(c, operation)
    isChanged ||= changes
  }
  if (grows || length === 0) return
  // If nothing changes, no watch breaks. As in Redis, the string is not an integer to OBJECT ENCODING any more.
  if (isChanged) growString(c, ref, length)
  else c.store.records.markRaw(ref)
}

/** Locates the value to read; a missing key has none. */
function locate({ store }: Context, ref: Ref): void {
  const { records } = store
  if (ref !== NULL_REF) {
    records.locate(ref)
    return
  }
  records.bytes = NOTHING
  records.valueStart = 0
  records.valueEnd = 0
}

function isSmall(n: bigint): boolean {
  return n <= MAX_OPERAND && n >= -MAX_OPERAND
}

/** Returns whether the string has changed. */
function runNarrow({ reply, store }: Context, operation: Operation): boolean {
  const { kind, signed, bits, offset, overflow } = operation
  const { bytes, valueStart, valueEnd } = store.records
  const raw = readField(bytes, valueStart, valueEnd, offset, bits)
  const old = signed && raw >= 2 ** (bits - 1) ? raw - 2 ** bits : raw
  if (kind === 'get') {
    reply.integer(old)
    return false
  }
  const operand = Number(operation.operand)
  // Redis takes the operand of SET for an unsigned number: a negative one counts as too large, not as too small.
  const isHuge = kind === 'set' && !signed && operand < 0
  const wanted = kind === 'set' ? operand : old + operand
  const value = settle(wanted, bits, signed, overflow, isHuge)
  if (Number.isNaN(value)) {
    reply.null()
    return false
  }
  writeField(bytes, valueStart, offset, bits, value < 0 ? value + 2 ** bits : value)
  reply.integer(kind === 'set' ? old : value)
  return value !== old
}

/**
 * Redis compares the room above the operand of SET, in 64 bits: it overflows for the least numbers, which then count as too
 * large. For signed fields.
 */
function isFarBelow(operand: bigint, bits: number): boolean {
  const room = (1n << BigInt(bits - 1)) - 1n - operand
  return bits < 64 && BigInt.asIntN(64, room) !== room
}

/** The same for fields and operands of any size. */
function runWide({ reply, store }: Context, operation: Operation): boolean {
  const { kind, signed, bits, offset, operand, overflow } = operation
  const { bytes, valueStart, valueEnd } = store.records
  const raw = readWideField(bytes, valueStart, valueEnd, offset, bits)
  const old = signed ? BigInt.asIntN(bits, raw) : raw
  if (kind === 'get') {
    reply.bigint(old)
    return false
  }
  const isHuge = kind === 'set' && (signed ? isFarBelow(operand, bits) : operand < 0n)
  const value = settleWide(kind === 'set' ? operand : old + operand, bits, signed, overflow, isHuge)
  if (value === undefined) {
    reply.null()
    return false
  }
  writeWideField(bytes, valueStart, offset, bits, BigInt.asUintN(bits, value))
  reply.bigint(kind === 'set' ? old : value)
  return value !== old
}

/** All operations; `undefined` after an error reply. */
function readOperations(c: Context): Operation[] | undefined {
  const { args, reply } = c
  const operations: Operation[] = []
  let overflow: Overflow = 'wrap'
  for (let i = 2; i < args.count; ) {
    const left = args.count - i - 1
    if (args.is(i, 'OVERFLOW') && left >= 1) {
      const chosen = overflowOf(args, i + 1)
      if (chosen === undefined) {
        reply.error('ERR Invalid OVERFLOW type specified')
        return undefined
      }
      overflow = chosen
      i += 2
      continue
    }
    const kind = kindOf(args, i, left)
    if (kind === undefined) {
      reply.error(SYNTAX_ERROR)
      return undefined
    }
    const type = readType(args, i + 1)
    if (type === 0) {
      reply.error(INVALID_TYPE)
      return undefined
    }
    const bits = Math.abs(type)
    const offset = readBitOffset(c, i + 2, bits)
    if (offset < 0) return undefined
    const operand = kind === 'get' ? 0n : readInt64(c, i + 3)
    if (operand === undefined) return undefined
    operations.push({ kind, signed: type < 0, bits, offset, operand, overflow })
    i += kind === 'get' ? 3 : 4
  }
  return operations
}

/** The operation at argument `i`, if `left` arguments are enough for it. */
function kindOf(args: Args, i: number, left: number): Operation['kind'] | undefined {
  if (args.is(i, 'GET') && left >= 2) return 'get'
  if (args.is(i, 'SET') && left >= 3) return 'set'
  return args.is(i, 'INCRBY') && left >= 3 ? 'incrby' : undefined
}

function overflowOf(args: Args, i: number): Overflow | undefined {
  if (args.is(i, 'WRAP')) return 'wrap'
  if (args.is(i, 'SAT')) return 'sat'
  return args.is(i, 'FAIL') ? 'fail' : undefined
}

/** The width of a type such as `u8`; of a signed one, `i8`, its negative; 0: argument `i` is no type. */
function readType({ buf, start, end }: Args, i: number): number {
  if (end[i] === start[i]) return 0
  const sign = buf[start[i]]
  const bits = parseInteger(buf, start[i] + 1, end[i])
  if (sign === LOWER_I) return bits >= 1 && bits <= 64 ? -bits : 0
  return sign === LOWER_U && bits >= 1 && bits <= 63 ? bits : 0
}

const READ_AND_SET: readonly KeyFlag[] = ['RW', 'access', 'update']
const READ_ONLY: readonly KeyFlag[] = ['RO', 'access']

/** How these arguments use the key (Redis: `bitfieldGetKeys`). */
function keyFlags(args: Args): readonly KeyFlag[] {
  for (let i = 2; i < args.count; ) {
    const left = args.count - i - 1
    if (args.is(i, 'GET') && left >= 2) i += 3
    else if (args.is(i, 'OVERFLOW') && left >= 1) i += 2
    else return READ_AND_SET
  }
  return READ_ONLY
}

const PLACE = [arg('encoding', 'string'), arg('offset', 'integer')]

const SHARED = {
  arity: -2,
  group: 'bitmap',
  complexity: 'O(1) for each subcommand specified',
} as const satisfies Partial<CommandSpec>

export const bitFieldCommands: readonly CommandSpec[] = [
  {
    name: 'bitfield',
    ...SHARED,
    flags: ['write', 'denyoom'],
    categories: ['write', 'bitmap', 'slow'],
    keys: oneKey('RW', 'update', 'access', 'variable_flags'),
    findKeyFlags: keyFlags,
    load: 'first',
    summary: 'Reads, sets and increments integers of any width inside a string.',
    since: '3.2.0',
    arguments: [
      KEY,
      oneOf(
        'operation',
        [
          arg('encoding_offset', 'block', { token: 'GET', arguments: PLACE }),
          arg('write', 'block', {
            arguments: [
              arg('wrap_sat_fail', 'oneof', {
                token: 'OVERFLOW',
                optional: true,
                arguments: [token('WRAP'), token('SAT'), token('FAIL')],
              }),
              oneOf('write_operation', [
                arg('encoding_offset_value', 'block', {
                  token: 'SET',
                  arguments: [...PLACE, arg('value', 'integer')],
                }),
                arg('encoding_offset_increment', 'block', {
                  token: 'INCRBY',
                  arguments: [...PLACE, arg('increment', 'integer')],
                }),
              ]),
            ],
          }),
        ],
        { optional: true, multiple: true },
      ),
    ],
    run(c) {
      bitField(c, false)
    },
  },
  {
    name: 'bitfield_ro',
    ...SHARED,
    flags: ['readonly', 'fast'],
    categories: ['read', 'bitmap', 'fast'],
    keys: oneKey('RO', 'access'),
    load: 'through',
    summary: 'Reads integers of any width inside a string.',
    since: '6.0.0',
    arguments: [
      KEY,
      arg('encoding_offset', 'block', {
        token: 'GET',
        optional: true,
        multiple: true,
        multipleToken: true,
        arguments: PLACE,
      }),
    ],
    run(c) {
      bitField(c, true)
    },
  },
]

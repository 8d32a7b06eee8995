// BITOP: the bits of several strings, combined into another one.

import {
  allocateBits,
  type BitOperation,
  type Bits,
  combineBits,
  invertBits,
} from '../../bytes/bits/combine.ts'
import { NULL_REF, type Ref } from '../../store/arena.ts'
import { ValueType } from '../../store/record.ts'
import type { CommandSpec } from '../spec/command.ts'
import type { Context } from '../spec/context.ts'
import { SYNTAX_ERROR, tooLarge } from '../spec/errors.ts'
import { arg } from '../spec/shorthand.ts'

/** Results up to this many bytes are made in one buffer that is kept. */
const KEPT_BYTES = 2 ** 20
const kept = allocateBits(KEPT_BYTES)

/** The first key whose bits are read; the one before it is the destination. */
const FIRST_SOURCE = 3

type Operation = BitOperation | 'not'

function operationOf({ args }: Context): Operation | undefined {
  if (args.is(1, 'AND')) return 'and'
  if (args.is(1, 'OR')) return 'or'
  if (args.is(1, 'XOR')) return 'xor'
  return args.is(1, 'NOT') ? 'not' : undefined
}

function bitOperation(c: Context): void {
  const { args, group, reply } = c
  const { store } = group
  const operation = operationOf(c)
  if (operation === undefined) {
    reply.error(SYNTAX_ERROR)
    return
  }
  if (operation === 'not' && args.count !== 4) {
    reply.error('ERR BITOP NOT must be called with a single source key.')
    return
  }
  let length = 0
  for (let i = FIRST_SOURCE; i < args.count; i++) {
    const ref = c.find(i)
    if (ref === NULL_REF) continue
    if (!c.holds(ref, ValueType.STRING)) return
    length = Math.max(length, store.valueLength(ref))
  }
  if (length === 0) {
    const old = c.peek(2)
    if (old !== NULL_REF) store.remove(old)
    reply.integer(0)
    return
  }
  const result = length <= KEPT_BYTES ? kept : allocateBits(length)
  combineSources(c, operation, result, length)
  const { buf, start, end } = args
  const written = group.set(buf, start[2], end[2], result.bytes, 0, length, 0)
  if (written === NULL_REF) {
    reply.error(tooLarge(store.maxBytes))
    return
  }
  store.records.markRaw(written)
  reply.integer(length)
}

function combineSources(c: Context, operation: Operation, result: Bits, length: number): void {
  const { records } = c.group.store
  for (let i = FIRST_SOURCE; i < c.args.count; i++) {
    const isEmpty = !locate(c, c.peek(i))
    const start = isEmpty ? 0 : records.valueStart
    const end = isEmpty ? 0 : records.valueEnd
    if (i === FIRST_SOURCE) {
      records.bytes.copy(result.bytes, 0, start, end)
      result.bytes.fill(0, end - start, length)
    } else if (operation !== 'not')
      combineBits(operation, result, length, records.bytes, records.view, start, end)
  }
  if (operation === 'not') invertBits(result, length)
}

function locate({ group }: Context, ref: Ref): boolean {
  if (ref !== NULL_REF) group.store.records.locate(ref)
  return ref !== NULL_REF
}

export const bitOperationCommands: readonly CommandSpec[] = [
  {
    name: 'bitop',
    arity: -4,
    flags: ['write', 'denyoom'],
    categories: ['write', 'bitmap', 'slow'],
    keys: [
      { first: 2, last: 2, step: 1, flags: ['OW', 'update'] },
      { first: FIRST_SOURCE, last: -1, step: 1, flags: ['RO', 'access'] },
    ],
    load: 'first',
    summary:
      'Combines strings bit by bit with AND, OR or XOR, or inverts one with NOT, and stores the result.',
    since: '2.6.0',
    group: 'bitmap',
    complexity: 'O(N)',
    arguments: [arg('operation', 'string'), arg('destkey', 'key'), arg('key', 'key', { multiple: true })],
    run: bitOperation,
  },
]

// Reading hashes: HGET, HMGET, HGETALL, HKEYS, HVALS, HLEN, HEXISTS, HSTRLEN.

import { NULL_REF } from '../../store/arena.ts'
import { ValueType } from '../../store/record.ts'
import type { CommandSpec } from '../spec/command.ts'
import type { Context } from '../spec/context.ts'
import { arg, KEY, oneKey } from '../spec/shorthand.ts'
import { readCollection, replySpan } from '../spec/values/collection.ts'

/** Fields, values or both. */
function readAll(c: Context, hasFields: boolean, hasValues: boolean): void {
  const ref = readCollection(c, 1, ValueType.HASH)
  if (ref === undefined) return
  const { reply } = c
  const { hashes } = c.store
  const length = ref === NULL_REF ? 0 : hashes.length(ref)
  if (hasFields && hasValues) reply.map(length)
  else reply.array(length)
  if (length === 0) return
  for (let is = hashes.seek(ref, 0); is; is = hashes.next()) {
    if (hasFields) replySpan(c, hashes.field)
    if (hasValues) replySpan(c, hashes.value)
  }
}

const ONE = {
  flags: ['readonly', 'fast'],
  categories: ['read', 'hash', 'fast'],
  keys: oneKey('RO', 'access'),
  load: 'through',
  since: '2.0.0',
  group: 'hash',
  complexity: 'O(1)',
} as const satisfies Partial<CommandSpec>

const ALL = {
  arity: 2,
  flags: ['readonly'],
  categories: ['read', 'hash', 'slow'],
  keys: oneKey('RO', 'access'),
  load: 'through',
  since: '2.0.0',
  group: 'hash',
  complexity: 'O(N) where N is the size of the hash.',
  tips: ['nondeterministic_output_order'],
  arguments: [KEY],
} as const satisfies Partial<CommandSpec>

const FIELD = arg('field', 'string')

export const hashFieldCommands: readonly CommandSpec[] = [
  {
    ...ONE,
    name: 'hget',
    arity: 3,
    summary: 'Returns the value of a field in a hash.',
    arguments: [KEY, FIELD],
    run(c) {
      const ref = readCollection(c, 1, ValueType.HASH)
      if (ref === undefined) return
      const { buf, start, end } = c.args
      if (ref !== NULL_REF && c.store.hashes.get(ref, buf, start[2], end[2])) replySpan(c)
      else c.reply.null()
    },
  },
  {
    ...ONE,
    name: 'hmget',
    arity: -3,
    summary: 'Returns the values of several fields in a hash.',
    complexity: 'O(N) where N is the number of fields being requested.',
    arguments: [KEY, arg('field', 'string', { multiple: true })],
    run(c) {
      const ref = readCollection(c, 1, ValueType.HASH)
      if (ref === undefined) return
      const { buf, start, end, count } = c.args
      c.reply.array(count - 2)
      for (let i = 2; i < count; i++)
        if (ref !== NULL_REF && c.store.hashes.get(ref, buf, start[i], end[i])) replySpan(c)
        else c.reply.null()
    },
  },
  {
    ...ALL,
    name: 'hgetall',
    summary: 'Returns all fields and values in a hash.',
    run: (c) => readAll(c, true, true),
  },
  { ...ALL, name: 'hkeys', summary: 'Returns all fields in a hash.', run: (c) => readAll(c, true, false) },
  { ...ALL, name: 'hvals', summary: 'Returns all values in a hash.', run: (c) => readAll(c, false, true) },
  {
    ...ONE,
    name: 'hlen',
    arity: 2,
    keys: oneKey('RO'),
    summary: 'Returns the number of fields in a hash.',
    arguments: [KEY],
    run(c) {
      const ref = readCollection(c, 1, ValueType.HASH)
      if (ref !== undefined) c.reply.integer(ref === NULL_REF ? 0 : c.store.hashes.length(ref))
    },
  },
  {
    ...ONE,
    name: 'hexists',
    arity: 3,
    keys: oneKey('RO'),
    summary: 'Tells whether a field exists in a hash.',
    arguments: [KEY, FIELD],
    run(c) {
      const ref = readCollection(c, 1, ValueType.HASH)
      if (ref === undefined) return
      const { buf, start, end } = c.args
      c.reply.integer(ref !== NULL_REF && c.store.hashes.get(ref, buf, start[2], end[2]) ? 1 : 0)
    },
  },
  {
    ...ONE,
    name: 'hstrlen',
    arity: 3,
    keys: oneKey('RO'),
    summary: 'Returns the length of the value of a field in a hash.',
    since: '3.2.0',
    arguments: [KEY, FIELD],
    run(c) {
      const ref = readCollection(c, 1, ValueType.HASH)
      if (ref === undefined) return
      const { buf, start, end } = c.args
      const { hashes } = c.store
      const isFound = ref !== NULL_REF && hashes.get(ref, buf, start[2], end[2])
      c.reply.integer(isFound ? hashes.value.length : 0)
    },
  },
]

// Setting and removing fields: HSET, HMSET, HSETNX, HDEL.

import { NULL_REF } from '../../store/arena.ts'
import { ValueType } from '../../store/record.ts'
import type { CommandSpec } from '../spec/command.ts'
import type { Context } from '../spec/context.ts'
import { wrongArguments } from '../spec/errors.ts'
import { arg, KEY, oneKey } from '../spec/shorthand.ts'
import { argumentBytes, createCollection, findCollection, hasRoom } from '../spec/values/collection.ts'

/** Sets the fields from argument 2 on. Returns how many are new; -1 after an error reply. */
function setFields(c: Context): number {
  const { args } = c
  if (args.count % 2 !== 0) {
    c.reply.error(wrongArguments(c.command.fullName))
    return -1
  }
  const { hashes, collections } = c.group.store
  const found = findCollection(c, 1, ValueType.HASH)
  if (found === undefined) return -1
  if (!hasRoom(c, found, 1, argumentBytes(c, 2), (args.count - 2) >> 1)) return -1
  let ref = found === NULL_REF ? createCollection(c, 1, ValueType.HASH) : found
  let added = 0
  const { buf, start, end } = args
  for (let i = 2; i < args.count; i += 2) {
    ref = hashes.set(ref, buf, start[i], end[i], buf, start[i + 1], end[i + 1])
    if (!hashes.found) added++
  }
  collections.finish(ref, 1)
  return added
}

const CHANGE = {
  flags: ['write', 'denyoom', 'fast'],
  categories: ['write', 'hash', 'fast'],
  keys: oneKey('RW', 'update'),
  load: 'first',
  since: '2.0.0',
  group: 'hash',
} as const satisfies Partial<CommandSpec>

const FIELD = arg('field', 'string')
const VALUE = arg('value', 'string')
const PAIRS = arg('field_value', 'block', { multiple: true, arguments: [FIELD, VALUE] })

export const hashChangeCommands: readonly CommandSpec[] = [
  {
    ...CHANGE,
    name: 'hset',
    arity: -4,
    summary: "Sets fields of a hash. Creates the key if it doesn't exist.",
    complexity:
      'O(1) for each field/value pair added, so O(N) to add N field/value pairs when the command is called with ' +
      'multiple field/value pairs.',
    history: [['4.0.0', 'Accepts multiple `field` and `value` arguments.']],
    arguments: [KEY, PAIRS],
    run(c) {
      const added = setFields(c)
      if (added >= 0) c.reply.integer(added)
    },
  },
  {
    ...CHANGE,
    name: 'hmset',
    arity: -4,
    summary: 'Sets the values of several fields of a hash.',
    complexity: 'O(N) where N is the number of fields being set.',
    deprecated: { since: '4.0.0', replacedBy: '`HSET` with multiple field-value pairs' },
    arguments: [KEY, PAIRS],
    run(c) {
      if (setFields(c) >= 0) c.reply.ok()
    },
  },
  {
    ...CHANGE,
    name: 'hsetnx',
    arity: 4,
    keys: oneKey('RW', 'insert'),
    summary: 'Sets a field of a hash only if the field does not exist.',
    complexity: 'O(1)',
    arguments: [KEY, FIELD, VALUE],
    run(c) {
      const { buf, start, end } = c.args
      const found = findCollection(c, 1, ValueType.HASH)
      if (found === undefined) return
      if (found !== NULL_REF && c.group.store.hashes.get(found, buf, start[2], end[2])) {
        c.reply.integer(0)
        return
      }
      if (setFields(c) >= 0) c.reply.integer(1)
    },
  },
  {
    ...CHANGE,
    name: 'hdel',
    arity: -3,
    flags: ['write', 'fast'],
    keys: oneKey('RW', 'delete'),
    summary: 'Removes fields of a hash. Removes the key with the last field.',
    complexity: 'O(N) where N is the number of fields to be removed.',
    history: [['2.4.0', 'Accepts multiple `field` arguments.']],
    arguments: [KEY, arg('field', 'string', { multiple: true })],
    run(c) {
      const { hashes, collections } = c.group.store
      const found = findCollection(c, 1, ValueType.HASH)
      if (found === undefined) return
      let removed = 0
      if (found !== NULL_REF) {
        const { buf, start, end, count } = c.args
        let ref = found
        let left = hashes.length(ref)
        for (let i = 2; i < count && left > 0; i++) {
          ref = hashes.remove(ref, buf, start[i], end[i])
          if (!hashes.found) continue
          removed++
          left--
        }
        collections.finish(ref, left, removed > 0)
      }
      c.reply.integer(removed)
    },
  },
]

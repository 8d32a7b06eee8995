// Counting and removing ranges: ZCOUNT, ZLEXCOUNT, ZREMRANGEBYRANK, ZREMRANGEBYSCORE, ZREMRANGEBYLEX.

import { NULL_REF } from '../../store/arena.ts'
import { ValueType } from '../../store/record.ts'
import type { ArgumentSpec, CommandSpec } from '../spec/command.ts'
import type { Context } from '../spec/context.ts'
import { arg, KEY, oneKey } from '../spec/shorthand.ts'
import { findCollection, readCollection } from '../spec/values/collection.ts'
import { type Bounds, readIndexBounds, readMemberBounds, readScoreBounds } from './bounds.ts'

function count(c: Context, bounds: Bounds | undefined): void {
  if (bounds === undefined) return
  const ref = readCollection(c, 1, ValueType.SORTED_SET)
  if (ref === undefined) return
  const { sortedSets } = c.store
  const size = ref === NULL_REF ? 0 : bounds.to(sortedSets, ref) - bounds.from(sortedSets, ref)
  c.reply.integer(Math.max(0, size))
}

function removeRange(c: Context, bounds: Bounds | undefined): void {
  if (bounds === undefined) return
  const ref = findCollection(c, 1, ValueType.SORTED_SET)
  if (ref === undefined) return
  const { sortedSets, collections } = c.group.store
  const from = ref === NULL_REF ? 0 : bounds.from(sortedSets, ref)
  const removed = ref === NULL_REF ? 0 : Math.max(0, bounds.to(sortedSets, ref) - from)
  if (removed > 0) {
    const left = sortedSets.length(ref) - removed
    // The record is removed as a whole if nothing is left.
    collections.finish(left === 0 ? ref : sortedSets.removeRange(ref, from, removed), left)
  }
  c.reply.integer(removed)
}

function bounds(type: ArgumentSpec['type'], first = 'min', last = 'max'): ArgumentSpec[] {
  return [KEY, arg(first, type), arg(last, type)]
}

const COUNT = {
  arity: 4,
  flags: ['readonly', 'fast'],
  categories: ['read', 'sortedset', 'fast'],
  keys: oneKey('RO', 'access'),
  load: 'through',
  group: 'sorted-set',
  complexity: 'O(log(N)) with N being the number of elements in the sorted set.',
} as const satisfies Partial<CommandSpec>

const REMOVE = {
  arity: 4,
  flags: ['write'],
  categories: ['write', 'sortedset', 'slow'],
  keys: oneKey('RW', 'delete'),
  load: 'first',
  group: 'sorted-set',
  complexity:
    'O(M*log(N)) with N being the number of elements in the sorted set and M the number of elements removed by the ' +
    'operation.',
} as const satisfies Partial<CommandSpec>

export const sortedSetCountCommands: readonly CommandSpec[] = [
  {
    ...COUNT,
    name: 'zcount',
    summary: 'Returns how many members of a sorted set have scores within a range.',
    since: '2.0.0',
    arguments: bounds('double'),
    run: (c) => count(c, readScoreBounds(c, 2, 3)),
  },
  {
    ...COUNT,
    name: 'zlexcount',
    summary: 'Returns how many members of a sorted set are within a lexicographical range.',
    since: '2.8.9',
    arguments: bounds('string'),
    run: (c) => count(c, readMemberBounds(c, 2, 3)),
  },
  {
    ...REMOVE,
    name: 'zremrangebyrank',
    summary: 'Removes the members of a sorted set within a range of indexes.',
    since: '2.0.0',
    arguments: bounds('integer', 'start', 'stop'),
    run: (c) => removeRange(c, readIndexBounds(c, 2, 3, false)),
  },
  {
    ...REMOVE,
    name: 'zremrangebyscore',
    summary: 'Removes the members of a sorted set within a range of scores.',
    since: '1.2.0',
    arguments: bounds('double'),
    run: (c) => removeRange(c, readScoreBounds(c, 2, 3)),
  },
  {
    ...REMOVE,
    name: 'zremrangebylex',
    summary: 'Removes the members of a sorted set within a lexicographical range.',
    since: '2.8.9',
    arguments: bounds('string'),
    run: (c) => removeRange(c, readMemberBounds(c, 2, 3)),
  },
]

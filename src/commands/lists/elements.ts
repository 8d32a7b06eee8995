// Elements within lists: LSET, LINSERT, LREM, LTRIM, LPOS.

import { NULL_REF, type Ref } from '../../store/arena.ts'
import { ValueType } from '../../store/record.ts'
import { readInteger, readPositive } from '../spec/arguments.ts'
import type { CommandSpec } from '../spec/command.ts'
import type { Context } from '../spec/context.ts'
import { NO_SUCH_KEY, SYNTAX_ERROR } from '../spec/errors.ts'
import { arg, KEY, oneKey, oneOf, option, token } from '../spec/shorthand.ts'
import { findCollection, hasRoom, readCollection } from '../spec/values/collection.ts'
import { endOf, startOf } from '../spec/values/positions.ts'

const ZERO_RANK =
  "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use negative to start from the end of the list"

function setElement(c: Context): void {
  const { args, reply } = c
  const { lists, collections } = c.group.store
  const ref = findCollection(c, 1, ValueType.LIST)
  if (ref === undefined) return
  if (ref === NULL_REF) {
    reply.error(NO_SUCH_KEY)
    return
  }
  const index = readInteger(c, 2)
  if (Number.isNaN(index)) return
  const length = lists.length(ref)
  const at = index < 0 ? index + length : index
  if (at < 0 || at >= length) reply.error('ERR index out of range')
  else if (hasRoom(c, ref, 1, args.length(3), 1)) {
    collections.finish(lists.set(ref, at, args.buf, args.start[3], args.end[3]), length)
    reply.ok()
  }
}

/** The index of the first element from `from` on that is argument `i`; -1: none. */
function indexOf(c: Context, ref: Ref, i: number, from: number): number {
  const { args } = c
  const { lists } = c.group.store
  let index = from
  for (let is = lists.seek(ref, from); is; is = lists.next(), index++)
    if (lists.span.equals(args.buf, args.start[i], args.end[i])) return index
  return -1
}

/** The index of the last element up to `from` that is argument `i`; -1: none. */
function lastIndexOf(c: Context, ref: Ref, i: number, from: number): number {
  const { args } = c
  const { lists } = c.group.store
  if (from < 0) return -1
  lists.seekBack(ref, from)
  let index = from
  do {
    if (lists.span.equals(args.buf, args.start[i], args.end[i])) return index
    index--
  } while (lists.previous())
  return -1
}

function insert(c: Context): void {
  const { args, reply } = c
  const { lists, collections } = c.group.store
  const isAfter = args.is(2, 'AFTER')
  if (!isAfter && !args.is(2, 'BEFORE')) {
    reply.error(SYNTAX_ERROR)
    return
  }
  const ref = findCollection(c, 1, ValueType.LIST)
  if (ref === undefined) return
  const pivot = ref === NULL_REF ? -1 : indexOf(c, ref, 3, 0)
  if (pivot < 0) {
    reply.integer(ref === NULL_REF ? 0 : -1)
    return
  }
  if (!hasRoom(c, ref, 1, args.length(4), 1)) return
  const length = lists.length(ref) + 1
  const at = isAfter ? pivot + 1 : pivot
  collections.finish(lists.insert(ref, at, args.buf, args.start[4], args.end[4]), length)
  reply.integer(length)
}

function removeElements(c: Context): void {
  const { reply } = c
  const { lists, collections } = c.group.store
  const count = readInteger(c, 2)
  if (Number.isNaN(count)) return
  const found = findCollection(c, 1, ValueType.LIST)
  if (found === undefined) return
  if (found === NULL_REF) {
    reply.integer(0)
    return
  }
  let ref = found
  const before = lists.length(ref)
  const most = count === 0 ? before : Math.min(before, Math.abs(count))
  let removed = 0
  if (count < 0)
    for (let at = before - 1; removed < most; at--) {
      at = lastIndexOf(c, ref, 3, at)
      if (at < 0) break
      ref = lists.remove(ref, at)
      removed++
    }
  else
    for (let at = 0; removed < most; ) {
      at = indexOf(c, ref, 3, at)
      if (at < 0) break
      ref = lists.remove(ref, at)
      removed++
    }
  if (removed > 0) collections.finish(ref, before - removed)
  reply.integer(removed)
}

function trim(c: Context): void {
  const { reply } = c
  const { lists, collections } = c.group.store
  const start = readInteger(c, 2)
  if (Number.isNaN(start)) return
  const stop = readInteger(c, 3)
  if (Number.isNaN(stop)) return
  const ref = findCollection(c, 1, ValueType.LIST)
  if (ref === undefined) return
  reply.ok()
  if (ref === NULL_REF) return
  const length = lists.length(ref)
  const from = startOf(start, length)
  const to = endOf(stop, length)
  const kept = Math.max(0, to - from)
  if (kept === 0) collections.finish(ref, 0)
  else if (kept < length) {
    let moved = ref
    if (to < length) moved = lists.remove(moved, to, length - to)
    if (from > 0) moved = lists.remove(moved, 0, from)
    collections.finish(moved, kept)
  } else c.group.store.noteChange(ref) // Redis: a key that is trimmed to what it was has changed for WATCH
}

interface PositionOptions {
  readonly rank: number
  /** Matches wanted; 0: all. `undefined`: the first one, not as an array. */
  readonly count: number | undefined
  /** Comparisons at most; 0: no limit. */
  readonly maxLength: number
}

function readPositionOptions(c: Context): PositionOptions | undefined {
  const { args, reply } = c
  let rank = 1
  let count: number | undefined
  let maxLength = 0
  for (let i = 3; i < args.count; i += 2) {
    const isRank = args.is(i, 'RANK')
    const isCount = args.is(i, 'COUNT')
    if (i + 1 >= args.count || !(isRank || isCount || args.is(i, 'MAXLEN'))) {
      reply.error(SYNTAX_ERROR)
      return undefined
    }
    const negative = `ERR ${isCount ? 'COUNT' : 'MAXLEN'} can't be negative`
    const n = isRank ? readInteger(c, i + 1) : readPositive(c, i + 1, 0, negative)
    if (Number.isNaN(n)) return undefined
    // Redis negates the least number in 64 bits: it stays negative, which is below the first match.
    if (isRank) rank = args.is(i + 1, '-9223372036854775808') ? -1 : n
    else if (isCount) count = n
    else maxLength = n
    if (rank === 0) {
      reply.error(ZERO_RANK)
      return undefined
    }
  }
  return { rank, count, maxLength }
}

function positions(c: Context): void {
  const { args, reply } = c
  const options = readPositionOptions(c)
  if (options === undefined) return
  const ref = readCollection(c, 1, ValueType.LIST)
  if (ref === undefined) return
  const { rank, count, maxLength } = options
  const found: number[] = []
  if (ref !== NULL_REF) {
    const { lists } = c.store
    const length = lists.length(ref)
    const wanted = count === undefined ? 1 : count === 0 ? length : count
    const compared = maxLength === 0 ? length : Math.min(length, maxLength)
    let skipped = Math.abs(rank) - 1
    const isForward = rank > 0
    if (isForward) lists.seek(ref, 0)
    else lists.seekBack(ref, length - 1)
    for (let i = 0; i < compared && found.length < wanted; i++) {
      if (lists.span.equals(args.buf, args.start[2], args.end[2]) && skipped-- <= 0)
        found.push(isForward ? i : length - 1 - i)
      if (isForward) lists.next()
      else lists.previous()
    }
  }
  if (count !== undefined) {
    reply.array(found.length)
    for (const index of found) reply.integer(index)
  } else if (found.length === 0) reply.null()
  else reply.integer(found[0])
}

export const listElementCommands: readonly CommandSpec[] = [
  {
    name: 'lset',
    arity: 4,
    flags: ['write', 'denyoom'],
    categories: ['write', 'list', 'slow'],
    keys: oneKey('RW', 'update'),
    load: 'first',
    summary: 'Sets the value of an element in a list by its index.',
    since: '1.0.0',
    group: 'list',
    complexity: 'O(log N) where N is the length of the list.',
    arguments: [KEY, arg('index', 'integer'), arg('element', 'string')],
    run: setElement,
  },
  {
    name: 'linsert',
    arity: 5,
    flags: ['write', 'denyoom'],
    categories: ['write', 'list', 'slow'],
    keys: oneKey('RW', 'insert'),
    load: 'first',
    summary: 'Inserts an element before or after another element in a list.',
    since: '2.2.0',
    group: 'list',
    complexity: 'O(N) where N is the number of elements up to the pivot.',
    arguments: [
      KEY,
      oneOf('where', [token('BEFORE'), token('AFTER')]),
      arg('pivot', 'string'),
      arg('element', 'string'),
    ],
    run: insert,
  },
  {
    name: 'lrem',
    arity: 4,
    flags: ['write'],
    categories: ['write', 'list', 'slow'],
    keys: oneKey('RW', 'delete'),
    load: 'first',
    summary: 'Removes elements that are equal to a value from a list.',
    since: '1.0.0',
    group: 'list',
    complexity: 'O(N + M log N) where N is the length of the list and M the number of elements removed.',
    arguments: [KEY, arg('count', 'integer'), arg('element', 'string')],
    run: removeElements,
  },
  {
    name: 'ltrim',
    arity: 4,
    flags: ['write'],
    categories: ['write', 'list', 'slow'],
    keys: oneKey('RW', 'delete'),
    load: 'first',
    summary: 'Removes the elements of a list outside of a range.',
    since: '1.0.0',
    group: 'list',
    complexity: 'O(N) where N is the number of elements removed.',
    arguments: [KEY, arg('start', 'integer'), arg('stop', 'integer')],
    run: trim,
  },
  {
    name: 'lpos',
    arity: -3,
    flags: ['readonly'],
    categories: ['read', 'list', 'slow'],
    keys: oneKey('RO', 'access'),
    load: 'through',
    summary: 'Returns the index of matching elements in a list.',
    since: '6.0.6',
    group: 'list',
    complexity: 'O(N) where N is the number of elements compared.',
    arguments: [
      KEY,
      arg('element', 'string'),
      option('RANK', 'rank', 'integer', { optional: true }),
      option('COUNT', 'num-matches', 'integer', { optional: true }),
      option('MAXLEN', 'len', 'integer', { optional: true }),
    ],
    run: positions,
  },
]

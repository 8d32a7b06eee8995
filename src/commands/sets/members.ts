// One set and its members: SADD, SREM, SMOVE, SCARD, SISMEMBER, SMISMEMBER, SMEMBERS, SSCAN.

import { NULL_REF } from '../../store/arena.ts'
import { ValueType } from '../../store/record.ts'
import type { CommandSpec } from '../spec/command.ts'
import type { Context } from '../spec/context.ts'
import { arg, KEY, oneKey } from '../spec/shorthand.ts'
import {
  argumentBytes,
  createCollection,
  findCollection,
  hasRoom,
  readCollection,
  replySpan,
} from '../spec/values/collection.ts'
import { SCAN_ARGUMENTS, scanCollection } from '../spec/values/scanning.ts'

function add(c: Context): void {
  const { args } = c
  const { sets, collections } = c.group.store
  const found = findCollection(c, 1, ValueType.SET)
  if (found === undefined || !hasRoom(c, found, 1, argumentBytes(c, 2), args.count - 2)) return
  let ref = found === NULL_REF ? createCollection(c, 1, ValueType.SET) : found
  let added = 0
  for (let i = 2; i < args.count; i++) {
    ref = sets.add(ref, args.buf, args.start[i], args.end[i])
    if (!sets.found) added++
  }
  collections.finish(ref, 1, added > 0)
  c.reply.integer(added)
}

function remove(c: Context): void {
  const { buf, start, end, count } = c.args
  const { sets, collections } = c.group.store
  const found = findCollection(c, 1, ValueType.SET)
  if (found === undefined) return
  let removed = 0
  if (found !== NULL_REF) {
    let ref = found
    let left = sets.size(ref)
    for (let i = 2; i < count && left > 0; i++) {
      ref = sets.remove(ref, buf, start[i], end[i])
      if (!sets.found) continue
      removed++
      left--
    }
    collections.finish(ref, left, removed > 0)
  }
  c.reply.integer(removed)
}

function move(c: Context): void {
  const { buf, start, end } = c.args
  const { sets, collections } = c.group.store
  const source = c.find(1)
  if (source === NULL_REF) {
    c.reply.integer(0)
    return
  }
  if (!c.holds(source, ValueType.SET)) return
  const target = findCollection(c, 2, ValueType.SET)
  if (target === undefined) return
  const isMember = sets.has(source, buf, start[3], end[3])
  if (!isMember || target === source) {
    c.reply.integer(isMember ? 1 : 0)
    return
  }
  if (!hasRoom(c, target, 2, c.args.length(3), 1)) return
  if (sets.size(source) === 1) collections.finish(source, 0)
  else collections.noteChange(sets.remove(source, buf, start[3], end[3]))
  // Creating a record, and finishing one, may move or evict others: the source is complete by now.
  const set = target === NULL_REF ? createCollection(c, 2, ValueType.SET) : target
  const added = sets.add(set, buf, start[3], end[3])
  collections.finish(added, 1, !sets.found)
  c.reply.integer(1)
}

const READ = {
  flags: ['readonly', 'fast'],
  categories: ['read', 'set', 'fast'],
  keys: oneKey('RO'),
  load: 'through',
  since: '1.0.0',
  group: 'set',
  complexity: 'O(1)',
} as const satisfies Partial<CommandSpec>

const WRITE = {
  flags: ['write', 'fast'],
  categories: ['write', 'set', 'fast'],
  load: 'first',
  since: '1.0.0',
  group: 'set',
} as const satisfies Partial<CommandSpec>

const MEMBER = arg('member', 'string')
const MEMBERS = arg('member', 'string', { multiple: true })

export const setMemberCommands: readonly CommandSpec[] = [
  {
    ...WRITE,
    name: 'sadd',
    arity: -3,
    flags: ['write', 'denyoom', 'fast'],
    keys: oneKey('RW', 'insert'),
    summary: "Adds one or more members to a set. Creates the key if it doesn't exist.",
    complexity:
      'O(1) for each element added, so O(N) to add N elements when the command is called with multiple arguments.',
    history: [['2.4.0', 'Accepts multiple `member` arguments.']],
    arguments: [KEY, MEMBERS],
    run: add,
  },
  {
    ...WRITE,
    name: 'srem',
    arity: -3,
    keys: oneKey('RW', 'delete'),
    summary: 'Removes one or more members from a set. Removes the key with the last member.',
    complexity: 'O(N) where N is the number of members to be removed.',
    history: [['2.4.0', 'Accepts multiple `member` arguments.']],
    arguments: [KEY, MEMBERS],
    run: remove,
  },
  {
    ...WRITE,
    name: 'smove',
    arity: 4,
    keys: [
      { first: 1, last: 1, step: 1, flags: ['RW', 'access', 'delete'] },
      { first: 2, last: 2, step: 1, flags: ['RW', 'insert'] },
    ],
    summary: 'Moves a member from one set to another.',
    complexity: 'O(1)',
    arguments: [arg('source', 'key'), arg('destination', 'key'), MEMBER],
    run: move,
  },
  {
    ...READ,
    name: 'scard',
    arity: 2,
    summary: 'Returns the number of members of a set.',
    arguments: [KEY],
    run(c) {
      const ref = readCollection(c, 1, ValueType.SET)
      if (ref !== undefined) c.reply.integer(ref === NULL_REF ? 0 : c.store.sets.size(ref))
    },
  },
  {
    ...READ,
    name: 'sismember',
    arity: 3,
    summary: 'Tells whether a value is a member of a set.',
    arguments: [KEY, MEMBER],
    run(c) {
      const ref = readCollection(c, 1, ValueType.SET)
      if (ref === undefined) return
      const { buf, start, end } = c.args
      c.reply.integer(ref !== NULL_REF && c.store.sets.has(ref, buf, start[2], end[2]) ? 1 : 0)
    },
  },
  {
    ...READ,
    name: 'smismember',
    arity: -3,
    keys: oneKey('RO', 'access'),
    summary: 'Tells for each of several values whether it is a member of a set.',
    since: '6.2.0',
    complexity: 'O(N) where N is the number of elements being checked for membership',
    arguments: [KEY, MEMBERS],
    run(c) {
      const ref = readCollection(c, 1, ValueType.SET)
      if (ref === undefined) return
      const { buf, start, end, count } = c.args
      c.reply.array(count - 2)
      for (let i = 2; i < count; i++)
        c.reply.integer(ref !== NULL_REF && c.store.sets.has(ref, buf, start[i], end[i]) ? 1 : 0)
    },
  },
  {
    ...READ,
    name: 'smembers',
    arity: 2,
    flags: ['readonly'],
    categories: ['read', 'set', 'slow'],
    keys: oneKey('RO', 'access'),
    summary: 'Returns all members of a set.',
    complexity: 'O(N) where N is the set cardinality.',
    tips: ['nondeterministic_output_order'],
    arguments: [KEY],
    run(c) {
      const ref = readCollection(c, 1, ValueType.SET)
      if (ref === undefined) return
      const { sets } = c.store
      c.reply.set(ref === NULL_REF ? 0 : sets.size(ref))
      if (ref !== NULL_REF) for (let is = sets.first(ref); is; is = sets.next()) replySpan(c)
    },
  },
  {
    ...READ,
    name: 'sscan',
    arity: -3,
    hasCursor: true,
    flags: ['readonly'],
    categories: ['read', 'set', 'slow'],
    keys: oneKey('RO', 'access'),
    summary: 'Iterates over the members of a set.',
    since: '2.8.0',
    complexity:
      'O(1) for every call. O(N) for a complete iteration, including enough command calls for the cursor to return ' +
      'back to 0. N is the number of elements inside the collection.',
    tips: ['nondeterministic_output'],
    arguments: [KEY, ...SCAN_ARGUMENTS],
    run(c) {
      const { sets } = c.store
      const visits: Parameters<typeof scanCollection>[2] = (ref, cursor, count, visit) =>
        sets.scan(ref, cursor, count, visit)
      scanCollection(c, ValueType.SET, visits, sets.member)
    },
  },
]

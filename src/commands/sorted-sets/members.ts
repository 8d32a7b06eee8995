// Single members: ZREM, ZCARD, ZSCORE, ZMSCORE, ZRANK, ZREVRANK.

import { NULL_REF } from '../../store/arena.ts'
import { ValueType } from '../../store/record.ts'
import type { CommandSpec } from '../spec/command.ts'
import type { Context } from '../spec/context.ts'
import { SYNTAX_ERROR, wrongArguments } from '../spec/errors.ts'
import { arg, KEY, oneKey, token } from '../spec/shorthand.ts'
import { findCollection, readCollection } from '../spec/values/collection.ts'

function removeMembers(c: Context): void {
  const { buf, count, start, end } = c.args
  const { sortedSets, collections } = c.group.store
  const found = findCollection(c, 1, ValueType.SORTED_SET)
  if (found === undefined) return
  let removed = 0
  if (found !== NULL_REF) {
    let ref = found
    const length = sortedSets.length(ref)
    for (let i = 2; i < count && removed < length; i++) {
      if (!sortedSets.find(ref, buf, start[i], end[i])) continue
      ref = sortedSets.remove(ref, buf, start[i], end[i])
      removed++
    }
    if (removed > 0) collections.finish(ref, length - removed)
  }
  c.reply.integer(removed)
}

function replyScores(c: Context): void {
  const { args, reply, store } = c
  const ref = readCollection(c, 1, ValueType.SORTED_SET)
  if (ref === undefined) return
  const { sortedSets } = store
  reply.array(args.count - 2)
  for (let i = 2; i < args.count; i++) {
    if (ref !== NULL_REF && sortedSets.find(ref, args.buf, args.start[i], args.end[i]))
      reply.doubleOf(sortedSets.score)
    else reply.null()
  }
}

function replyRank(c: Context, isReverse: boolean): void {
  const { args, reply, store } = c
  const { sortedSets } = store
  if (args.count > 4) {
    reply.error(wrongArguments(c.command.fullName))
    return
  }
  const hasScore = args.count === 4
  if (hasScore && !args.is(3, 'WITHSCORE')) {
    reply.error(SYNTAX_ERROR)
    return
  }
  const ref = readCollection(c, 1, ValueType.SORTED_SET)
  if (ref === undefined) return
  const from = args.start[2]
  const to = args.end[2]
  if (ref === NULL_REF || !sortedSets.find(ref, args.buf, from, to)) {
    if (hasScore) reply.nullArray()
    else reply.null()
    return
  }
  const rank = sortedSets.rank(args.buf, from, to)
  if (hasScore) reply.array(2)
  reply.integer(isReverse ? sortedSets.length(ref) - 1 - rank : rank)
  if (hasScore) reply.doubleOf(sortedSets.score)
}

const READ = {
  flags: ['readonly', 'fast'],
  categories: ['read', 'sortedset', 'fast'],
  load: 'through',
  group: 'sorted-set',
} as const satisfies Partial<CommandSpec>

const RANK = {
  ...READ,
  arity: -3,
  keys: oneKey('RO', 'access'),
  since: '2.0.0',
  complexity: 'O(log(N))',
  history: [['7.2.0', 'Added the optional `WITHSCORE` argument.']],
  arguments: [KEY, arg('member', 'string'), token('WITHSCORE', { optional: true })],
} as const satisfies Partial<CommandSpec>

export const sortedSetMemberCommands: readonly CommandSpec[] = [
  {
    name: 'zrem',
    arity: -3,
    flags: ['write', 'fast'],
    categories: ['write', 'sortedset', 'fast'],
    keys: oneKey('RW', 'delete'),
    load: 'first',
    summary: 'Removes members of a sorted set. Removes the key with the last one.',
    since: '1.2.0',
    group: 'sorted-set',
    complexity:
      'O(M*log(N)) with N being the number of elements in the sorted set and M the number of elements to be removed.',
    history: [['2.4.0', 'Accepts multiple elements.']],
    arguments: [KEY, arg('member', 'string', { multiple: true })],
    run: removeMembers,
  },
  {
    ...READ,
    name: 'zcard',
    arity: 2,
    keys: oneKey('RO'),
    summary: 'Returns the number of members of a sorted set.',
    since: '1.2.0',
    complexity: 'O(1)',
    arguments: [KEY],
    run(c) {
      const ref = readCollection(c, 1, ValueType.SORTED_SET)
      if (ref !== undefined) c.reply.integer(ref === NULL_REF ? 0 : c.store.sortedSets.length(ref))
    },
  },
  {
    ...READ,
    name: 'zscore',
    arity: 3,
    keys: oneKey('RO', 'access'),
    summary: 'Returns the score of a member of a sorted set.',
    since: '1.2.0',
    complexity: 'O(log(N)) where N is the number of elements in the sorted set.',
    arguments: [KEY, arg('member', 'string')],
    run(c) {
      const { args, reply } = c
      const ref = readCollection(c, 1, ValueType.SORTED_SET)
      if (ref === undefined) return
      const { sortedSets } = c.store
      if (ref !== NULL_REF && sortedSets.find(ref, args.buf, args.start[2], args.end[2]))
        reply.doubleOf(sortedSets.score)
      else reply.null()
    },
  },
  {
    ...READ,
    name: 'zmscore',
    arity: -3,
    keys: oneKey('RO', 'access'),
    summary: 'Returns the scores of several members of a sorted set.',
    since: '6.2.0',
    complexity: 'O(M*log(N)) where M is the number of members being requested.',
    arguments: [KEY, arg('member', 'string', { multiple: true })],
    run: replyScores,
  },
  {
    ...RANK,
    name: 'zrank',
    summary: 'Returns the index of a member of a sorted set, from the lowest score on.',
    run: (c) => replyRank(c, false),
  },
  {
    ...RANK,
    name: 'zrevrank',
    summary: 'Returns the index of a member of a sorted set, from the highest score on.',
    run: (c) => replyRank(c, true),
  },
]

// Commands on whole groups: KEYS, SCAN, DBSIZE, FLUSHDB, SELECT and others.

import { Glob } from '../../bytes/glob.ts'
import { exchangeKeys } from '../../group/exchange.ts'
import { NULL_REF } from '../../store/arena.ts'
import { replyToFlush } from '../cluster/flush.ts'
import { KeyList, walkKeys } from '../slices/key-walk.ts'
import type { ArgumentSpec, CommandSpec } from '../spec/command.ts'
import type { Context } from '../spec/context.ts'
import { SYNTAX_ERROR } from '../spec/errors.ts'
import { findGroup, findGroupOrReply, isIndex, outOfRange } from '../spec/selection.ts'
import { arg, oneOf, option, token } from '../spec/shorthand.ts'
import { scan } from './scan.ts'

const STAR = 0x2a

const FLUSH_HISTORY = [
  ['4.0.0', 'Added the `ASYNC` flushing mode modifier.'],
  ['6.2.0', 'Added the `SYNC` flushing mode modifier.'],
] as const
const FLUSH_TIPS = ['request_policy:all_shards', 'response_policy:all_succeeded']
const FLUSH_ARGUMENTS: readonly ArgumentSpec[] = [
  oneOf('flush-type', [token('ASYNC', { since: '4.0.0' }), token('SYNC', { since: '6.2.0' })], {
    optional: true,
  }),
]

export const keyspaceCommands: readonly CommandSpec[] = [
  {
    name: 'select',
    arity: 2,
    flags: ['loading', 'stale', 'fast'],
    categories: ['fast', 'connection'],
    summary: 'Changes the selected database.',
    since: '1.0.0',
    group: 'connection',
    complexity: 'O(1)',
    arguments: [arg('index', 'integer')],
    groups: (c) => [findGroup(c, 1)],
    run(c) {
      const group = findGroupOrReply(c, 1)
      if (group === undefined) return
      c.client.group = group
      c.reply.ok()
    },
  },
  {
    name: 'swapdb',
    arity: 3,
    flags: ['write', 'fast'],
    categories: ['keyspace', 'write', 'fast', 'dangerous'],
    wholeKeyspace: true,
    fanOut: 'ok',
    summary: 'Swaps two Redis databases.',
    since: '4.0.0',
    group: 'server',
    complexity: 'O(N) where N is the number of keys that exceed the budget they come under.',
    arguments: [arg('index1', 'integer'), arg('index2', 'integer')],
    groups: (c) => [findGroup(c, 1), findGroup(c, 2)],
    run: swapGroups,
  },
  {
    name: 'keys',
    arity: 2,
    flags: ['readonly'],
    categories: ['keyspace', 'read', 'slow', 'dangerous'],
    wholeKeyspace: true,
    fanOut: 'list',
    summary: 'Returns all key names that match a pattern.',
    since: '1.0.0',
    group: 'generic',
    complexity:
      'O(N) with N being the number of keys in the database, under the assumption that the key names in the ' +
      'database and the given pattern have limited length.',
    tips: ['request_policy:all_shards', 'nondeterministic_output_order'],
    arguments: [arg('pattern', 'pattern')],
    run: listKeys,
  },
  {
    name: 'scan',
    arity: -2,
    flags: ['readonly'],
    categories: ['keyspace', 'read', 'slow'],
    wholeKeyspace: true,
    fanOut: 'cursor',
    summary: 'Iterates over the key names in the database.',
    since: '2.8.0',
    group: 'generic',
    complexity:
      'O(1) for every call. O(N) for a complete iteration, including enough command calls for the cursor to ' +
      'return back to 0. N is the number of elements inside the collection.',
    tips: ['nondeterministic_output', 'request_policy:special'],
    history: [['6.0.0', 'Added the `TYPE` subcommand.']],
    arguments: [
      arg('cursor', 'integer'),
      option('MATCH', 'pattern', 'pattern', { optional: true }),
      option('COUNT', 'count', 'integer', { optional: true }),
      option('TYPE', 'type', 'string', { since: '6.0.0', optional: true }),
    ],
    run: scan,
  },
  {
    name: 'randomkey',
    arity: 1,
    flags: ['readonly'],
    categories: ['keyspace', 'read', 'slow'],
    wholeKeyspace: true,
    fanOut: 'any',
    summary: 'Returns a random key name from the database.',
    since: '1.0.0',
    group: 'generic',
    complexity: 'O(1)',
    tips: ['request_policy:all_shards', 'nondeterministic_output'],
    run: replyRandomKey,
  },
  {
    name: 'dbsize',
    arity: 1,
    flags: ['readonly', 'fast'],
    categories: ['keyspace', 'read', 'fast'],
    wholeKeyspace: true,
    fanOut: 'sum',
    summary: 'Returns the number of keys in the database.',
    since: '1.0.0',
    group: 'server',
    complexity: 'O(1)',
    tips: ['request_policy:all_shards', 'response_policy:agg_sum'],
    run(c) {
      c.reply.integer(c.store.size)
    },
  },
  {
    name: 'flushdb',
    arity: -1,
    flags: ['write'],
    categories: ['keyspace', 'write', 'slow', 'dangerous'],
    wholeKeyspace: true,
    fanOut: 'ok',
    repeatable: true,
    summary: 'Removes all keys from the current database.',
    since: '1.0.0',
    group: 'server',
    complexity: 'O(1)',
    tips: FLUSH_TIPS,
    history: FLUSH_HISTORY,
    arguments: FLUSH_ARGUMENTS,
    run(c) {
      if (!readFlushMode(c)) return
      c.group.clear()
      replyToFlush(c, [c.group])
    },
  },
  {
    name: 'flushall',
    arity: -1,
    flags: ['write'],
    categories: ['keyspace', 'write', 'slow', 'dangerous'],
    wholeKeyspace: true,
    fanOut: 'ok',
    repeatable: true,
    summary: 'Removes all keys from all databases.',
    since: '1.0.0',
    group: 'server',
    complexity: 'O(N) where N is the number of databases.',
    tips: FLUSH_TIPS,
    history: FLUSH_HISTORY,
    arguments: FLUSH_ARGUMENTS,
    groups: ({ host }) => host.groups,
    run(c) {
      if (!readFlushMode(c)) return
      for (const group of c.host.groups) group.clear()
      replyToFlush(c, c.host.groups)
    },
  },
]

function swapGroups(c: Context): void {
  const first = findGroup(c, 1)
  const second = findGroup(c, 2)
  if (first === undefined && !isIndex(c, 1)) c.reply.error('ERR invalid first DB index')
  else if (second === undefined && !isIndex(c, 2)) c.reply.error('ERR invalid second DB index')
  else if (first === undefined || second === undefined)
    c.reply.error(outOfRange(c, first === undefined ? 1 : 2))
  else {
    if (first !== second) exchangeKeys(first, second)
    c.reply.ok()
  }
}

function listKeys(c: Context): void {
  const { args, store } = c
  const pattern = args.copy(1)
  // An empty key matches no other pattern, as in Redis.
  const all = pattern.length === 1 && pattern[0] === STAR
  const glob = new Glob(pattern, 0, pattern.length)
  const { records } = store
  const list = new KeyList(c)
  walkKeys(c, {
    visit(ref) {
      records.locateKey(ref)
      if (all || glob.matches(records.bytes, records.keyFrom, records.keyTo)) list.add(ref)
      return true
    },
    endStep: () => list.write(),
    keep: (written) => list.keep(written),
    answer: () => list.answer(),
  })
}

/** A random position is sufficient, unless almost all entries are expired or negative. */
function replyRandomKey(c: Context): void {
  const { reply, store } = c
  const ref = c.group.randomKey()
  if (ref !== NULL_REF) {
    c.replyKey(ref)
    return
  }
  let key: Buffer | undefined
  walkKeys(c, {
    visit(found) {
      key = store.copyKey(found)
      return false
    },
    answer() {
      if (key === undefined) reply.null()
      else reply.bulk(key, 0, key.length)
    },
  })
}

/** ASYNC and SYNC behave alike: a flush frees a handful of buffers. False after an error reply. */
function readFlushMode({ args, reply }: Context): boolean {
  if (args.count === 1) return true
  if (args.count === 2 && (args.is(1, 'SYNC') || args.is(1, 'ASYNC'))) return true
  reply.error(SYNTAX_ERROR)
  return false
}

// Commands on keys of any type. They see only what is cached and never load.

import type { Group } from '../../group/group.ts'
import { NULL_REF, type Ref } from '../../store/arena.ts'
import { ValueType } from '../../store/record.ts'
import type { CommandSpec } from '../spec/command.ts'
import type { Context } from '../spec/context.ts'
import { NO_SUCH_KEY, SYNTAX_ERROR, tooLarge } from '../spec/errors.ts'
import { findGroup, findGroupOrReply } from '../spec/selection.ts'
import { arg, KEY, manyKeys, oneKey, option, token } from '../spec/shorthand.ts'
import { typeName } from '../spec/values/names.ts'
import { copyEntryTo, renameEntry } from './entry.ts'

const SAME_OBJECT = 'ERR source and destination objects are the same'

const KEYS = [{ ...KEY, multiple: true }] as const
const NEW_KEY = arg('newkey', 'key')
const SPLIT_AND_SUM = ['request_policy:multi_shard', 'response_policy:agg_sum']

export const keyCommands: readonly CommandSpec[] = [
  {
    name: 'del',
    arity: -2,
    flags: ['write'],
    categories: ['keyspace', 'write', 'slow'],
    keys: manyKeys(1, 'RM', 'delete'),
    merge: 'sum',
    repeatable: true,
    summary: 'Deletes one or more keys.',
    since: '1.0.0',
    group: 'generic',
    complexity: 'O(N) where N is the number of keys that will be removed.',
    tips: SPLIT_AND_SUM,
    arguments: KEYS,
    run: deleteKeys,
  },
  {
    name: 'unlink',
    arity: -2,
    flags: ['write', 'fast'],
    categories: ['keyspace', 'write', 'fast'],
    keys: manyKeys(1, 'RM', 'delete'),
    merge: 'sum',
    repeatable: true,
    summary: 'Asynchronously deletes one or more keys.',
    since: '4.0.0',
    group: 'generic',
    complexity: 'O(1) for each key removed regardless of its size.',
    tips: SPLIT_AND_SUM,
    arguments: KEYS,
    run: deleteKeys,
  },
  {
    name: 'exists',
    arity: -2,
    flags: ['readonly', 'fast'],
    categories: ['keyspace', 'read', 'fast'],
    keys: manyKeys(1, 'RO'),
    merge: 'sum',
    summary: 'Determines whether one or more keys exist.',
    since: '1.0.0',
    group: 'generic',
    complexity: 'O(N) where N is the number of keys to check.',
    tips: SPLIT_AND_SUM,
    history: [['3.0.3', 'Accepts multiple `key` arguments.']],
    arguments: KEYS,
    run(c) {
      let count = 0
      for (let i = 1; i < c.args.count; i++) if (c.peek(i) !== NULL_REF) count++
      c.reply.integer(count)
    },
  },
  {
    name: 'touch',
    arity: -2,
    flags: ['readonly', 'fast'],
    categories: ['keyspace', 'read', 'fast'],
    keys: manyKeys(1, 'RO'),
    merge: 'sum',
    summary:
      'Returns the number of existing keys out of those specified after updating the time they were last accessed.',
    since: '3.2.1',
    group: 'generic',
    complexity: 'O(N) where N is the number of keys that will be touched.',
    tips: SPLIT_AND_SUM,
    arguments: KEYS,
    run(c) {
      let count = 0
      for (let i = 1; i < c.args.count; i++) if (c.find(i) !== NULL_REF) count++
      c.reply.integer(count)
    },
  },
  {
    name: 'type',
    arity: 2,
    flags: ['readonly', 'fast'],
    categories: ['keyspace', 'read', 'fast'],
    keys: oneKey('RO'),
    summary: 'Determines the type of value stored at a key.',
    since: '1.0.0',
    group: 'generic',
    complexity: 'O(1)',
    arguments: [KEY],
    run(c) {
      const ref = c.peek(1)
      c.reply.simple(ref === NULL_REF ? 'none' : typeName(c.store.records.type(ref)))
    },
  },
  {
    name: 'rename',
    arity: 3,
    flags: ['write'],
    categories: ['keyspace', 'write', 'slow'],
    keys: [
      { first: 1, last: 1, step: 1, flags: ['RW', 'access', 'delete'] },
      { first: 2, last: 2, step: 1, flags: ['OW', 'update'] },
    ],
    summary: 'Renames a key and overwrites the destination.',
    since: '1.0.0',
    group: 'generic',
    complexity: 'O(1)',
    arguments: [KEY, NEW_KEY],
    run(c) {
      const ref = findOrReply(c)
      if (ref !== NULL_REF && (sameKey(c) || rename(c, ref))) c.reply.ok()
    },
  },
  {
    name: 'renamenx',
    arity: 3,
    flags: ['write', 'fast'],
    categories: ['keyspace', 'write', 'fast'],
    keys: [
      { first: 1, last: 1, step: 1, flags: ['RW', 'access', 'delete'] },
      { first: 2, last: 2, step: 1, flags: ['OW', 'insert'] },
    ],
    summary: "Renames a key only when the target key name doesn't exist.",
    since: '1.0.0',
    group: 'generic',
    complexity: 'O(1)',
    history: [
      ['3.2.0', 'The command no longer returns an error when source and destination names are the same.'],
    ],
    arguments: [KEY, NEW_KEY],
    run(c) {
      const ref = findOrReply(c)
      if (ref === NULL_REF) return
      if (c.peek(2) !== NULL_REF) c.reply.integer(0)
      else if (rename(c, ref)) c.reply.integer(1)
    },
  },
  {
    name: 'copy',
    arity: -3,
    flags: ['write', 'denyoom'],
    categories: ['keyspace', 'write', 'slow'],
    keys: [
      { first: 1, last: 1, step: 1, flags: ['RO', 'access'] },
      { first: 2, last: 2, step: 1, flags: ['OW', 'update'] },
    ],
    summary: 'Copies the value of a key to a new key.',
    since: '6.2.0',
    group: 'generic',
    complexity: 'O(N) where N is the length of the value.',
    arguments: [
      arg('source', 'key'),
      arg('destination', 'key'),
      option('DB', 'destination-db', 'integer', { optional: true }),
      token('REPLACE', { optional: true }),
    ],
    groups: (c, selected) => [selected, targetOfCopy(c)],
    run: copy,
  },
  {
    name: 'move',
    arity: 3,
    flags: ['write', 'fast'],
    categories: ['keyspace', 'write', 'fast'],
    keys: oneKey('RW', 'access', 'update'),
    summary: 'Moves a key to another database.',
    since: '1.0.0',
    group: 'generic',
    complexity: 'O(1)',
    arguments: [KEY, arg('db', 'integer')],
    groups: (c, selected) => [selected, findGroup(c, 2)],
    run: move,
  },
]

function deleteKeys(c: Context): void {
  const { args, store } = c
  let count = 0
  for (let i = 1; i < args.count; i++) {
    const ref = store.peek(args.buf, args.start[i], args.end[i])
    if (ref === NULL_REF) continue
    // A negative entry is removed too, so that the next read loads, but does not count as a deleted key.
    if (store.records.type(ref) !== ValueType.ABSENT && !store.records.isStale(ref, c.instant.ms)) count++
    store.remove(ref)
  }
  c.reply.integer(count)
}

function findOrReply(c: Context): Ref {
  const ref = c.find(1)
  if (ref === NULL_REF) c.reply.error(NO_SUCH_KEY)
  return ref
}

function sameKey({ args }: Context): boolean {
  return args.buf.compare(args.buf, args.start[1], args.end[1], args.start[2], args.end[2]) === 0
}

/**
 * Renames the entry of `ref` to argument 2. Like COPY and MOVE it works on what is cached and loads nothing, in
 * groups with an origin too: the origin does not know the new name. False after an error reply.
 */
function rename(c: Context, ref: Ref): boolean {
  const { args, group, store } = c
  if (renameEntry(group, args.buf, args.start[2], args.end[2], ref)) return true
  c.reply.error(tooLarge(store.maxBytes))
  return false
}

/** The last group that DB names; arguments may be wrong. */
function targetOfCopy(c: Context): Group | undefined {
  const { args } = c
  let target: Group | undefined
  for (let i = 3; i + 1 < args.count; i++) if (args.is(i, 'DB')) target = findGroup(c, ++i)
  return target
}

function copy(c: Context): void {
  const { args, reply } = c
  let target: Group | undefined = c.group
  let replace = false
  for (let i = 3; i < args.count; i++) {
    if (args.is(i, 'REPLACE')) replace = true
    else if (args.is(i, 'DB') && i + 1 < args.count) {
      target = findGroupOrReply(c, ++i)
      if (target === undefined) return
    } else {
      reply.error(SYNTAX_ERROR)
      return
    }
  }
  if (target === c.group && sameKey(c)) {
    reply.error(SAME_OBJECT)
    return
  }
  const ref = c.find(1)
  if (ref === NULL_REF || (!replace && holds(target, c, 2))) reply.integer(0)
  else if (transfer(c, ref, target, 2)) reply.integer(1)
}

function move(c: Context): void {
  const { reply } = c
  const target = findGroupOrReply(c, 2)
  if (target === undefined) return
  if (target === c.group) {
    reply.error(SAME_OBJECT)
    return
  }
  const ref = c.find(1)
  if (ref === NULL_REF || holds(target, c, 1)) {
    reply.integer(0)
  } else if (transfer(c, ref, target, 1)) {
    // The other group has its own store: writing there did not move this record.
    c.store.remove(ref)
    reply.integer(1)
  }
}

/** Whether a group has a value cached for the key in argument `i`. */
function holds({ store }: Group, { args, instant }: Context, i: number): boolean {
  const ref = store.peek(args.buf, args.start[i], args.end[i])
  if (ref === NULL_REF || store.records.type(ref) === ValueType.ABSENT) return false
  return !store.records.isStale(ref, instant.ms)
}

/** Copies the entry of `ref` to the key in argument `i` of a group. False after an error reply; nothing has changed. */
function transfer(c: Context, ref: Ref, target: Group, i: number): boolean {
  const { args } = c
  // The executor has fenced the loads of this group's keys already.
  if (target !== c.group && target.isWatched) target.fence(args.buf, args.start[i], args.end[i])
  if (copyEntryTo(target, args.buf, args.start[i], args.end[i], c.group, ref)) return true
  c.reply.error(tooLarge(target.store.maxBytes))
  return false
}

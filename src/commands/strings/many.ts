// Strings, several keys at a time.

import { NULL_REF } from '../../store/arena.ts'
import { EXPIRES, ValueType } from '../../store/record.ts'
import type { ArgumentSpec, CommandSpec } from '../spec/command.ts'
import type { Context } from '../spec/context.ts'
import { tooLarge, wrongArguments } from '../spec/errors.ts'
import { arg, KEY, manyKeys } from '../spec/shorthand.ts'

/** Whether every key has a value; if not, replies a wrong number of arguments. */
function arePairs(c: Context): boolean {
  if (c.args.count % 2 === 1) return true
  c.reply.error(wrongArguments(c.command.fullName))
  return false
}

/** Sets all pairs, or none (false after an OOM reply) if one of them alone exceeds the budget. */
function setAll(c: Context): boolean {
  const { args, group } = c
  const { store } = group
  const flags = group.policy.ttlMs === 0 ? 0 : EXPIRES
  for (let i = 1; i < args.count; i += 2) {
    if (store.fits(args.length(i), args.length(i + 1), flags)) continue
    c.reply.error(tooLarge(store.maxBytes))
    return false
  }
  for (let i = 1; i < args.count; i += 2) {
    group.set(args.buf, args.start[i], args.end[i], args.buf, args.start[i + 1], args.end[i + 1], 0)
  }
  return true
}

const PAIRS: ArgumentSpec = arg('data', 'block', { multiple: true, arguments: [KEY, arg('value', 'string')] })

export const manyStringCommands: readonly CommandSpec[] = [
  {
    name: 'mget',
    arity: -2,
    flags: ['readonly', 'fast'],
    categories: ['read', 'string', 'fast'],
    keys: manyKeys(1, 'RO', 'access'),
    load: 'through',
    merge: 'values',
    summary: 'Atomically returns the string values of one or more keys.',
    since: '1.0.0',
    group: 'string',
    complexity: 'O(N) where N is the number of keys to retrieve.',
    tips: ['request_policy:multi_shard'],
    arguments: [arg('key', 'key', { multiple: true })],
    run(c) {
      const { reply } = c
      const { count } = c.args
      reply.array(count - 1)
      for (let i = 1; i < count; i++) {
        const ref = c.read(i)
        // The command runs again when all keys are loaded; until then the other keys are only read to be counted.
        if (c.missed) continue
        if (ref !== NULL_REF && c.store.records.type(ref) === ValueType.STRING) c.replyValue(ref)
        else reply.null()
      }
    },
  },
  {
    name: 'mset',
    arity: -3,
    flags: ['write', 'denyoom'],
    categories: ['write', 'string', 'slow'],
    keys: manyKeys(2, 'OW', 'update'),
    merge: 'ok',
    repeatable: true,
    summary: 'Atomically creates or modifies the string values of one or more keys.',
    since: '1.0.1',
    group: 'string',
    complexity: 'O(N) where N is the number of keys to set.',
    tips: ['request_policy:multi_shard', 'response_policy:all_succeeded'],
    arguments: [PAIRS],
    run(c) {
      if (arePairs(c) && setAll(c)) c.reply.ok()
    },
  },
  {
    name: 'msetnx',
    arity: -3,
    flags: ['write', 'denyoom'],
    categories: ['write', 'string', 'slow'],
    keys: manyKeys(2, 'OW', 'insert'),
    summary: "Atomically modifies the string values of one or more keys only when all keys don't exist.",
    since: '1.0.1',
    group: 'string',
    complexity: 'O(N) where N is the number of keys to set.',
    arguments: [PAIRS],
    run(c) {
      if (!arePairs(c)) return
      // Like SET … NX: tests whether the keys are cached.
      for (let i = 1; i < c.args.count; i += 2) {
        if (c.find(i) === NULL_REF) continue
        c.reply.integer(0)
        return
      }
      if (setAll(c)) c.reply.integer(1)
    },
  },
]

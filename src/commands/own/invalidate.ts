// INVALIDATE: removes entries whose source has changed, by key or by tag. A command of Erinys, not of Redis.

import type { Args } from '../../resp/args.ts'
import { replyToFlush } from '../cluster/flush.ts'
import type { CommandSpec } from '../spec/command.ts'
import type { Context } from '../spec/context.ts'
import { CUT_OFF, wrongArguments } from '../spec/errors.ts'
import { arg, KEY, manyKeys, oneOf, option, token } from '../spec/shorthand.ts'

/** `INVALIDATE SOFT KEY key…`, `INVALIDATE SOFT TAG tag…`: entries become stale instead of absent. */
function isSoft(args: Args): boolean {
  return args.is(1, 'SOFT') && args.count > 2 && (args.is(2, 'TAG') || args.is(2, 'KEY'))
}

/** The position of the word TAG or KEY, or of the first key. */
function wordAt(args: Args): number {
  return isSoft(args) ? 2 : 1
}

/** Whether the arguments are tags: `INVALIDATE TAG tag…`; otherwise they are keys. */
function namesTags(args: Args): boolean {
  return args.is(wordAt(args), 'TAG')
}

function firstKey(args: Args): number {
  const at = wordAt(args)
  return args.is(at, 'KEY') ? at + 1 : at
}

/** `INVALIDATE TAG` or `INVALIDATE KEY` without anything behind it: an empty list, not a key of that name. */
function isEmpty(args: Args): boolean {
  const at = wordAt(args)
  return args.count === at + 1 && (args.is(at, 'TAG') || args.is(at, 'KEY'))
}

function keysOf({ args }: Context): number[] {
  if (namesTags(args)) return []
  const first = firstKey(args)
  return Array.from({ length: args.count - first }, (_, i) => first + i)
}

function invalidate(c: Context): void {
  const { args, group, reply, host, command } = c
  const isCutOff = host.cluster?.status.isCutOff ?? false
  if (isEmpty(args)) {
    reply.error(wrongArguments(command.fullName))
    return
  }
  const soft = isSoft(args)
  if (namesTags(args)) {
    const first = wordAt(args) + 1
    const tags = Array.from({ length: args.count - first }, (_, i) => args.copy(first + i))
    for (const tag of tags) group.invalidateTag(tag, soft)
    if (isCutOff) reply.error(CUT_OFF)
    else replyToFlush(c, [group], tags)
    return
  }
  let invalidated = 0
  for (let i = firstKey(args); i < args.count; i++) if (group.invalidate(args.copy(i), soft)) invalidated++
  if (isCutOff) reply.error(CUT_OFF)
  else reply.integer(invalidated)
}

export const invalidateCommands: readonly CommandSpec[] = [
  {
    name: 'invalidate',
    arity: -2,
    flags: ['write', 'movablekeys'],
    categories: ['keyspace', 'write', 'slow'],
    keys: manyKeys(1, 'RM', 'delete'),
    findKeys: keysOf,
    merge: 'sum',
    // A key may be named 'tag' or 'key'.
    partHead: (args) => (isSoft(args) ? ['SOFT', 'KEY'] : ['KEY']),
    fanOut: (args) => (namesTags(args) && !isEmpty(args) ? 'ok' : undefined),
    repeatable: true,
    summary:
      'Removes keys, or all entries with one of the tags, and fences their running loads; SOFT: makes them stale instead.',
    since: '0.1.0',
    group: 'erinys',
    complexity: 'O(N) where N is the number of keys or tags, whatever the number of entries.',
    tips: ['request_policy:multi_shard', 'response_policy:agg_sum'],
    arguments: [
      token('SOFT', { optional: true }),
      oneOf('what', [
        arg('keys', 'block', {
          arguments: [token('KEY', { optional: true, name: 'word' }), { ...KEY, multiple: true }],
        }),
        option('TAG', 'tag', 'string', { multiple: true }),
      ]),
    ],
    run: invalidate,
  },
]

// Writes that do not depend on the current values of their keys: their changes are known without a dry run.

import type { Context } from '../../commands/spec/context.ts'
import { tooLarge } from '../../commands/spec/errors.ts'
import { EX, PX, TIMED } from '../../commands/strings/lifetime.ts'
import { readOptions, readTime, SET_OPTIONS, timeAt } from '../../commands/strings/options.ts'
import type { Group } from '../../group/group.ts'
import type { Args } from '../../resp/args.ts'
import { OK } from '../../resp/reply.ts'
import { EXPIRES } from '../../store/record.ts'
import { EntryTags } from '../../store/validity/tags.ts'
import { type Change, isValue } from './changes.ts'

export interface PlainWrite {
  readonly changes: readonly Change[]
  /** Whether the reply is the number of keys that existed in the cache, rather than OK. */
  readonly counts: boolean
}

const NO_TAGS = new EntryTags()

/**
 * The changes of the context's command, copied. 'refused': it cannot be run, and the reply has the error.
 * `undefined`: only a dry run can tell.
 */
export function plainWrite(c: Context): PlainWrite | 'refused' | undefined {
  switch (c.command.fullName) {
    case 'set': {
      if (c.args.count === 3) return setting(c, 2, 0)
      const options = readOptions(c, 3, SET_OPTIONS)
      if (options < 0) return 'refused'
      return (options & SET_OPTIONS & ~TIMED) === 0 ? setting(c, 2, options) : undefined
    }
    case 'setex':
      return setting(c, 3, timeAt(2, EX))
    case 'psetex':
      return setting(c, 3, timeAt(2, PX))
    case 'del':
    case 'unlink':
      return removing(c.args)
    default:
      return undefined
  }
}

/** The reply, before the changes are applied. */
export function replyOf({ changes, counts }: PlainWrite, group: Group): Buffer {
  return counts ? Buffer.from(`:${countOf(changes, group)}\r\n`) : OK
}

/** How many of the keys are cached. */
export function countOf(changes: readonly Change[], group: Group): number {
  let cached = 0
  for (const { key } of changes) if (isValue(group, group.store.peek(key, 0, key.length))) cached++
  return cached
}

function setting(c: Context, valueAt: number, options: number): PlainWrite | 'refused' | undefined {
  const { args, group, reply } = c
  const { store } = group
  if (!readTime(c, options)) return 'refused'
  const isTimed = (options & TIMED) !== 0
  const flags = isTimed ? EXPIRES : group.lifetime()
  const end = flags === 0 ? 0 : store.deadline[0]
  // A deadline in the past, or beyond the exact integers of a double: left to the dry run.
  if (isTimed && (end <= c.instant.ms[0] || end > Number.MAX_SAFE_INTEGER)) return undefined
  if (!store.fits(args.length(1), args.length(valueAt), flags)) {
    reply.error(tooLarge(store.maxBytes))
    return 'refused'
  }
  const value = args.copy(valueAt)
  const entry = {
    from: group,
    value,
    flags,
    isRaw: false,
    isLarge: undefined,
    deadline: BigInt(end),
    loadedAt: 0,
    loadMs: 0,
    tagging: NO_TAGS,
  }
  const change = { key: args.copy(1), value, entry, deadline: isTimed ? end : undefined }
  return { changes: [change], counts: false }
}

function removing(args: Args): PlainWrite {
  if (args.count === 2)
    return { changes: [{ key: args.copy(1), value: null, entry: undefined }], counts: true }
  const keys = new Map<string, Change>()
  for (let i = 1; i < args.count; i++)
    keys.set(args.latin1(i), { key: args.copy(i), value: null, entry: undefined })
  return { changes: [...keys.values()], counts: true }
}

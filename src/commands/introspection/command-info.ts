// COMMAND INFO: arity, flags, key positions and ACL categories of a command.

import { CATEGORIES } from '../../access/categories.ts'
import type { ReplyWriter } from '../../resp/reply.ts'
import type { CommandFlag, CommandSpec, KeyFlag, KeySpec } from '../spec/command.ts'
import type { Command } from '../spec/ready-command.ts'

/** In Redis's order; 'protected' is not shown (Redis: `addReplyFlagsForCommand`). */
const SHOWN_FLAGS: readonly CommandFlag[] = [
  'write',
  'readonly',
  'denyoom',
  'admin',
  'noscript',
  'blocking',
  'loading',
  'stale',
  'skip_monitor',
  'skip_slowlog',
  'fast',
  'no_auth',
  'no_async_loading',
  'no_multi',
  'movablekeys',
  'allow_busy',
]

/** In Redis's order (Redis: `docFlagNames` of key arguments). */
const KEY_FLAGS: readonly KeyFlag[] = [
  'RO',
  'RW',
  'OW',
  'RM',
  'access',
  'update',
  'insert',
  'delete',
  'not_key',
  'variable_flags',
]

export function writeCommandInfo(reply: ReplyWriter, { spec, fullName, subcommands }: Command): void {
  const keys = keyRange(spec.keys ?? [])
  const tips = spec.tips ?? []
  reply.array(10)
  reply.bulkText(fullName)
  reply.integer(spec.arity)
  writeFlags(reply, SHOWN_FLAGS, spec.flags)
  reply.integer(keys.first)
  reply.integer(keys.last)
  reply.integer(keys.step)
  writeFlags(
    reply,
    CATEGORIES.map((name) => `@${name}`),
    spec.categories.map((name) => `@${name}`),
  )
  reply.set(tips.length)
  for (const tip of tips) reply.bulkText(tip)
  reply.set(spec.keys?.length ?? 0)
  for (const each of spec.keys ?? []) writeKeySpec(reply, each)
  reply.set(subcommands.size)
  for (const sub of subcommands.values()) writeCommandInfo(reply, sub)
}

export function writeKeyFlags(reply: ReplyWriter, flags: readonly KeyFlag[]): void {
  writeFlags(reply, KEY_FLAGS, flags)
}

/** A set of simple strings, in the order of `all`. */
function writeFlags(reply: ReplyWriter, all: readonly string[], chosen: readonly string[]): void {
  const shown = all.filter((flag) => chosen.includes(flag))
  reply.set(shown.length)
  for (const flag of shown) reply.simple(flag)
}

/** The single key range for clients that do not read key specifications (Redis: `populateCommandLegacyRangeSpec`). */
function keyRange(specs: CommandSpec['keys'] & object): Omit<KeySpec, 'flags'> {
  const fixed = specs.filter(({ counted, keyword, unknown }) => !counted && keyword === undefined && !unknown)
  const [head] = fixed
  if (head === undefined) return { first: 0, last: 0, step: 0 }
  const { first, step } = head
  const last = fixed.at(-1)?.last ?? head.last
  return { first, last, step }
}

function writeKeySpec(reply: ReplyWriter, spec: KeySpec): void {
  reply.map(3)
  reply.bulkText('flags')
  writeKeyFlags(reply, spec.flags)
  reply.bulkText('begin_search')
  if (spec.unknown) writeUnknown(reply)
  else writeSearch(reply, spec)
  reply.bulkText('find_keys')
  if (spec.unknown) writeUnknown(reply)
  else writeFind(reply, spec)
}

function writeUnknown(reply: ReplyWriter): void {
  reply.map(2)
  reply.bulkText('type')
  reply.bulkText('unknown')
  reply.bulkText('spec')
  reply.map(0)
}

function writeSearch(reply: ReplyWriter, { first, keyword }: KeySpec): void {
  reply.map(2)
  reply.bulkText('type')
  reply.bulkText(keyword === undefined ? 'index' : 'keyword')
  reply.bulkText('spec')
  if (keyword === undefined) writeNumbers(reply, { index: first })
  else {
    reply.map(2)
    reply.bulkText('keyword')
    reply.bulkText(keyword)
    reply.bulkText('startfrom')
    reply.integer(first)
  }
}

function writeFind(reply: ReplyWriter, { first, last, step, counted, keyword, limit = 0 }: KeySpec): void {
  reply.map(2)
  reply.bulkText('type')
  reply.bulkText(counted ? 'keynum' : 'range')
  reply.bulkText('spec')
  const lastKey = last < 0 || keyword !== undefined ? last : last - first
  if (counted) writeNumbers(reply, { keynumidx: 0, firstkey: 1, keystep: step })
  else writeNumbers(reply, { lastkey: lastKey, keystep: step, limit })
}

function writeNumbers(reply: ReplyWriter, numbers: Readonly<Record<string, number>>): void {
  const entries = Object.entries(numbers)
  reply.map(entries.length)
  for (const [name, n] of entries) {
    reply.bulkText(name)
    reply.integer(n)
  }
}

// Parts of strings: APPEND, SETRANGE, GETRANGE, STRLEN.

import { copyBytes } from '../../bytes/copy.ts'
import { NULL_REF, type Ref } from '../../store/arena.ts'
import { ValueType } from '../../store/record.ts'
import { readInteger } from '../spec/arguments.ts'
import type { CommandSpec } from '../spec/command.ts'
import type { Context } from '../spec/context.ts'
import { STRING_TOO_LONG, tooLarge } from '../spec/errors.ts'
import { arg, KEY, oneKey } from '../spec/shorthand.ts'
import { startOf } from '../spec/values/positions.ts'
import { growString } from './length.ts'

const NOTHING = Buffer.alloc(0)

/** Writes argument `i` at `offset` of a value, which grows if necessary; replies its length. */
function writeAt(c: Context, ref: Ref, i: number, offset: number): void {
  const { args } = c
  if (growString(c, ref, offset + args.length(i)) === NULL_REF) return
  const { bytes, words, valueStart, valueEnd } = c.group.store.records
  copyBytes(args.buf, args.start[i], args.end[i], bytes, words, valueStart + offset)
  c.reply.integer(valueEnd - valueStart)
}

function append(c: Context): void {
  const { args, group, reply } = c
  const ref = c.find(1)
  if (ref === NULL_REF) {
    // Like SET: the encoding is not raw, and the length has passed the request's limit already.
    const { buf, start, end } = args
    if (group.set(buf, start[1], end[1], buf, start[2], end[2], 0) === NULL_REF)
      reply.error(tooLarge(group.store.maxBytes))
    else reply.integer(args.length(2))
    return
  }
  if (!c.holds(ref, ValueType.STRING)) return
  const length = group.store.valueLength(ref)
  if (length + args.length(2) > c.host.protoMaxBulkLen) reply.error(STRING_TOO_LONG)
  else writeAt(c, ref, 2, length)
}

function setRange(c: Context): void {
  const { args, group, reply } = c
  const { store } = group
  const offset = readInteger(c, 2)
  if (Number.isNaN(offset)) return
  if (offset < 0) {
    reply.error('ERR offset is out of range')
    return
  }
  const ref = c.find(1)
  if (ref !== NULL_REF && !c.holds(ref, ValueType.STRING)) return
  if (args.length(3) === 0) {
    reply.integer(ref === NULL_REF ? 0 : store.valueLength(ref))
    return
  }
  const length = offset + args.length(3)
  if (length > c.host.protoMaxBulkLen) {
    reply.error(STRING_TOO_LONG)
    return
  }
  writeAt(c, ref, 3, offset)
}

function getRange(c: Context): void {
  const start = readInteger(c, 2)
  if (Number.isNaN(start)) return
  const end = readInteger(c, 3)
  if (Number.isNaN(end)) return
  const { reply, store } = c
  const ref = c.read(1)
  if (ref === NULL_REF) {
    reply.bulk(NOTHING, 0, 0)
    return
  }
  if (!c.holds(ref, ValueType.STRING)) return
  const { records } = store
  records.locate(ref)
  const length = records.valueEnd - records.valueStart
  // Two negative positions in the wrong order select nothing; otherwise both are clamped to the first byte.
  const reversed = start < 0 && end < 0 && start > end
  const first = startOf(start, length)
  const last = Math.min(startOf(end, length), length - 1)
  if (reversed || first > last) reply.bulk(NOTHING, 0, 0)
  else reply.bulk(records.bytes, records.valueStart + first, records.valueStart + last + 1, records.view)
}

const SUBSTRING = {
  arity: 4,
  flags: ['readonly'],
  categories: ['read', 'string', 'slow'],
  keys: oneKey('RO', 'access'),
  load: 'through',
  group: 'string',
  complexity:
    'O(N) where N is the length of the returned string. The complexity is ultimately determined by the returned length, but because creating a substring from an existing string is very cheap, it can be considered O(1) for small strings.',
  arguments: [KEY, arg('start', 'integer'), arg('end', 'integer')],
  run: getRange,
} as const satisfies Partial<CommandSpec>

export const rangeCommands: readonly CommandSpec[] = [
  {
    name: 'append',
    arity: 3,
    flags: ['write', 'denyoom', 'fast'],
    categories: ['write', 'string', 'fast'],
    keys: oneKey('RW', 'insert'),
    load: 'first',
    summary: "Appends a string to the value of a key. Creates the key if it doesn't exist.",
    since: '2.0.0',
    group: 'string',
    complexity:
      'O(1). The amortized time complexity is O(1) assuming the appended value is small and the already present value is of any size, since the dynamic string library used by Redis will double the free space available on every reallocation.',
    arguments: [KEY, arg('value', 'string')],
    run: append,
  },
  {
    name: 'strlen',
    arity: 2,
    flags: ['readonly', 'fast'],
    categories: ['read', 'string', 'fast'],
    keys: oneKey('RO'),
    load: 'through',
    summary: 'Returns the length of a string value.',
    since: '2.2.0',
    group: 'string',
    complexity: 'O(1)',
    arguments: [KEY],
    run(c) {
      const ref = c.read(1)
      if (ref === NULL_REF) c.reply.integer(0)
      else if (c.holds(ref, ValueType.STRING)) c.reply.integer(c.store.valueLength(ref))
    },
  },
  {
    name: 'setrange',
    arity: 4,
    flags: ['write', 'denyoom'],
    categories: ['write', 'string', 'slow'],
    keys: oneKey('RW', 'update'),
    load: 'first',
    repeatable: true,
    summary:
      "Overwrites a part of a string value with another by an offset. Creates the key if it doesn't exist.",
    since: '2.2.0',
    group: 'string',
    complexity:
      'O(1), not counting the time taken to copy the new string in place. Usually, this string is very small so the amortized complexity is O(1). Otherwise, complexity is O(M) with M being the length of the value argument.',
    arguments: [KEY, arg('offset', 'integer'), arg('value', 'string')],
    run: setRange,
  },
  {
    name: 'getrange',
    ...SUBSTRING,
    summary: 'Returns a substring of the string stored at a key.',
    since: '2.4.0',
  },
  {
    name: 'substr',
    ...SUBSTRING,
    summary: 'Returns a substring from a string value.',
    since: '1.0.0',
    deprecated: { since: '2.0.0', replacedBy: '`GETRANGE`' },
  },
]

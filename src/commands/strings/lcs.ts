// LCS: the longest common subsequence of two strings.

import { type LcsResult, lcsLength, lcsTableBytes, longestCommonSubsequence } from '../../bytes/lcs.ts'
import { NULL_REF, type Ref } from '../../store/arena.ts'
import { ValueType } from '../../store/record.ts'
import { readInteger } from '../spec/arguments.ts'
import type { CommandSpec } from '../spec/command.ts'
import type { Context } from '../spec/context.ts'
import { SYNTAX_ERROR } from '../spec/errors.ts'
import { KEY, option, token } from '../spec/shorthand.ts'

const NOTHING = Buffer.alloc(0)

function lcs(c: Context): void {
  const { args, reply } = c
  const { records } = c.store
  const first = c.read(1)
  const second = c.read(2)
  // The command runs again when both keys are loaded.
  if (c.missed) return
  for (const ref of [first, second]) {
    if (ref === NULL_REF || records.type(ref) === ValueType.STRING) continue
    // Redis does not answer WRONGTYPE here.
    reply.error('ERR The specified keys must contain string values')
    return
  }
  let wantsLength = false
  let wantsIndexes = false
  let withLengths = false
  let minLength = 0
  for (let i = 3; i < args.count; i++) {
    if (args.is(i, 'IDX')) wantsIndexes = true
    else if (args.is(i, 'LEN')) wantsLength = true
    else if (args.is(i, 'WITHMATCHLEN')) withLengths = true
    else if (args.is(i, 'MINMATCHLEN') && i + 1 < args.count) {
      minLength = readInteger(c, ++i)
      if (Number.isNaN(minLength)) return
    } else {
      reply.error(SYNTAX_ERROR)
      return
    }
  }
  if (wantsIndexes && wantsLength) {
    reply.error('ERR If you want both the length and indexes, please just use IDX.')
    return
  }
  const a = bytesOf(c, first)
  const b = bytesOf(c, second)
  if (lcsTableBytes(a.length, b.length) > c.host.protoMaxBulkLen) {
    reply.error('ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len')
    return
  }
  if (wantsLength) {
    reply.integer(lcsLength(a, b))
    return
  }
  const found = longestCommonSubsequence(a, b, minLength)
  if (wantsIndexes) replyIndexes(c, found, withLengths)
  else reply.bulk(found.text, 0, found.text.length)
}

/** A view of a value; an absent key is an empty string. */
function bytesOf(c: Context, ref: Ref): Buffer {
  if (ref === NULL_REF) return NOTHING
  const { records } = c.store
  records.locate(ref)
  return records.bytes.subarray(records.valueStart, records.valueEnd)
}

function replyIndexes({ reply }: Context, { text, matches }: LcsResult, withLengths: boolean): void {
  reply.map(2)
  reply.bulkText('matches')
  reply.array(matches.length)
  for (const { aStart, aEnd, bStart, bEnd } of matches) {
    reply.array(withLengths ? 3 : 2)
    reply.array(2)
    reply.integer(aStart)
    reply.integer(aEnd)
    reply.array(2)
    reply.integer(bStart)
    reply.integer(bEnd)
    if (withLengths) reply.integer(aEnd - aStart + 1)
  }
  reply.bulkText('len')
  reply.integer(text.length)
}

export const lcsCommands: readonly CommandSpec[] = [
  {
    name: 'lcs',
    arity: -3,
    flags: ['readonly'],
    categories: ['read', 'string', 'slow'],
    keys: [{ first: 1, last: 2, step: 1, flags: ['RO', 'access'] }],
    load: 'through',
    summary: 'Finds the longest common substring.',
    since: '7.0.0',
    group: 'string',
    complexity: 'O(N*M) where N and M are the lengths of s1 and s2, respectively',
    arguments: [
      { ...KEY, name: 'key1' },
      { ...KEY, name: 'key2' },
      token('LEN', { optional: true }),
      token('IDX', { optional: true }),
      option('MINMATCHLEN', 'min-match-len', 'integer', { optional: true }),
      token('WITHMATCHLEN', { optional: true }),
    ],
    run: lcs,
  },
]

// The options of XADD and XTRIM.

import type { StreamId } from '../../store/types/stream/id.ts'
import type { Trimming } from '../../store/types/stream/stream.ts'
import { readInteger } from '../spec/arguments.ts'
import type { ArgumentSpec } from '../spec/command.ts'
import type { Context } from '../spec/context.ts'
import { SYNTAX_ERROR } from '../spec/errors.ts'
import { arg, oneOf, option, token } from '../spec/shorthand.ts'
import { FIRST, type NewId, readId, readNewId } from './ids.ts'

export interface TrimOptions {
  readonly trimming: Trimming | undefined
  readonly makesNoStream: boolean
  /** The ID of XADD; undefined: `*`. */
  readonly id: NewId | undefined
  /** The argument of XADD's ID. */
  readonly idAt: number
}

/** Without LIMIT, `~` removes as many entries as this many full nodes hold. */
const LIMIT_NODES = 100
const MAX_LIMIT = 1_000_000
const UNBOUNDED_NODE_LIMIT = 10_000

/** Of XADD with no more than `*`. */
const NEW_ENTRY: TrimOptions = { trimming: undefined, makesNoStream: false, id: undefined, idAt: 2 }

/** Undefined after an error reply. */
export function readTrimOptions(c: Context, isAdd: boolean): TrimOptions | undefined {
  const { args, reply } = c
  if (isAdd && args.is(2, '*')) return NEW_ENTRY
  const fail = (text: string): undefined => {
    reply.error(text)
    return undefined
  }
  let strategy: { maxLength?: number; minId?: StreamId } | undefined
  let approximate = false
  let limit: number | undefined
  let makesNoStream = false
  let id: NewId | undefined
  let i = 2
  for (; i < args.count; i++) {
    const more = args.count - 1 - i
    if (isAdd && args.is(i, '*')) break
    if (more > 0 && (args.is(i, 'MAXLEN') || args.is(i, 'MINID'))) {
      if (strategy !== undefined) {
        return fail('ERR syntax error, MAXLEN and MINID options at the same time are not compatible')
      }
      const byLength = args.is(i, 'MAXLEN')
      approximate = more >= 2 && args.is(i + 1, '~')
      if (approximate || (more >= 2 && args.is(i + 1, '='))) i++
      i++
      if (byLength) {
        const maxLength = readInteger(c, i)
        if (Number.isNaN(maxLength)) return undefined
        if (maxLength < 0) return fail('ERR The MAXLEN argument must be >= 0.')
        strategy = { maxLength }
      } else {
        const minId = readId(c, i, FIRST)
        if (minId === undefined) return undefined
        strategy = { minId }
      }
    } else if (more > 0 && args.is(i, 'LIMIT')) {
      limit = readInteger(c, ++i)
      if (Number.isNaN(limit)) return undefined
      if (limit < 0) return fail('ERR The LIMIT argument must be >= 0.')
    } else if (isAdd && args.is(i, 'NOMKSTREAM')) {
      makesNoStream = true
    } else if (isAdd) {
      id = readNewId(c, i)
      if (id === undefined) return undefined
      break
    } else {
      return fail(SYNTAX_ERROR)
    }
  }
  if (limit && strategy === undefined) {
    return fail('ERR syntax error, LIMIT cannot be used without specifying a trimming strategy')
  }
  if (!isAdd && strategy === undefined) {
    return fail('ERR syntax error, XTRIM must be called with a trimming strategy')
  }
  if (limit !== undefined && !approximate) {
    return fail('ERR syntax error, LIMIT cannot be used without the special ~ option')
  }
  const most = limit ?? (approximate ? defaultLimit(c.store.collections.limits.streamNodeMaxEntries) : 0)
  const trimming = strategy && { ...strategy, approximate, limit: most }
  return { trimming, makesNoStream, id, idAt: i }
}

function defaultLimit(maxEntries: number): number {
  const limit = LIMIT_NODES * maxEntries
  return limit <= 0 ? UNBOUNDED_NODE_LIMIT : Math.min(limit, MAX_LIMIT)
}

export const TRIM_ARGUMENTS: readonly ArgumentSpec[] = [
  oneOf('strategy', [token('MAXLEN'), token('MINID', { since: '6.2.0' })]),
  oneOf(
    'operator',
    [arg('equal', 'pure-token', { token: '=' }), arg('approximately', 'pure-token', { token: '~' })],
    {
      optional: true,
    },
  ),
  arg('threshold', 'string'),
  option('LIMIT', 'count', 'integer', { optional: true, since: '6.2.0' }),
]

// The options of XREAD and XREADGROUP.

import type { Args } from '../../resp/args.ts'
import { readInteger } from '../spec/arguments.ts'
import type { TimeoutArgument } from '../spec/command.ts'
import type { Context } from '../spec/context.ts'
import { SYNTAX_ERROR } from '../spec/errors.ts'
import { readTimeoutMs } from '../spec/session/timeout.ts'

export interface ReadOptions {
  /** Entries of each stream; 0: all. */
  readonly count: number
  /** How long to wait for entries, ms; 0: without end, undefined: not at all. */
  readonly blockMs: number | undefined
  readonly noAck: boolean
  /** The argument of the group, before that of the consumer; 0: none. */
  readonly groupAt: number
  readonly firstKey: number
  readonly streams: number
}

const UNBALANCED = "ERR Unbalanced XREAD list of streams: for each stream key an ID or '$' must be specified."

/** Undefined after an error reply. */
export function readReadOptions(c: Context, isGroup: boolean): ReadOptions | undefined {
  const { args, reply } = c
  const fail = (text: string): undefined => {
    reply.error(text)
    return undefined
  }
  let count = 0
  let blockMs: number | undefined
  let noAck = false
  let groupAt = 0
  let firstKey = 0
  for (let i = 1; i < args.count && firstKey === 0; i++) {
    const more = args.count - 1 - i
    if (more >= 1 && args.is(i, 'BLOCK')) {
      blockMs = readTimeoutMs(c, ++i)
      if (blockMs < 0) return undefined
    } else if (more >= 1 && args.is(i, 'COUNT')) {
      count = readInteger(c, ++i)
      if (Number.isNaN(count)) return undefined
      count = Math.max(0, count)
    } else if (more >= 1 && args.is(i, 'STREAMS')) {
      firstKey = i + 1
      if (more % 2 !== 0) return fail(UNBALANCED)
    } else if (more >= 2 && args.is(i, 'GROUP')) {
      if (!isGroup) return fail(onlyForGroups('GROUP'))
      groupAt = i + 1
      i += 2
    } else if (args.is(i, 'NOACK')) {
      if (!isGroup) return fail(onlyForGroups('NOACK'))
      noAck = true
    } else return fail(SYNTAX_ERROR)
  }
  if (firstKey === 0) return fail(SYNTAX_ERROR)
  if (isGroup && groupAt === 0) return fail('ERR Missing GROUP option for XREADGROUP')
  return { count, blockMs, noAck, groupAt, firstKey, streams: (args.count - firstKey) / 2 }
}

function onlyForGroups(option: string): string {
  return `ERR The ${option} option is only supported by XREADGROUP. You called XREAD instead.`
}

/** The argument of BLOCK. */
export function blockTime(args: Args): TimeoutArgument | undefined {
  for (let i = 1; i < args.count; i++) {
    if (args.is(i, 'BLOCK')) return i + 1 < args.count ? { at: i + 1, unitMs: 1 } : undefined
    if (args.is(i, 'COUNT')) i++
    else if (args.is(i, 'GROUP')) i += 2
    else if (!args.is(i, 'NOACK')) return undefined
  }
  return undefined
}

/** The positions of the keys: the first half of what follows STREAMS. */
export function streamKeys({ args }: { readonly args: Args }): number[] {
  for (let i = 1; i < args.count; i++) {
    if (args.is(i, 'BLOCK') || args.is(i, 'COUNT')) i++
    else if (args.is(i, 'GROUP')) i += 2
    else if (args.is(i, 'STREAMS')) {
      const streams = (args.count - i - 1) / 2
      return Number.isInteger(streams) ? Array.from({ length: streams }, (_, n) => i + 1 + n) : []
    } else if (!args.is(i, 'NOACK')) return []
  }
  return []
}

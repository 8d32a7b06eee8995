// Reads stream IDs from arguments.

import type { Args } from '../../resp/args.ts'
import { MAX_ID, MAX_PART, MIN_ID, type StreamId, streamId } from '../../store/types/stream/id.ts'
import type { Context } from '../spec/context.ts'

const INVALID_ID = 'ERR Invalid stream ID specified as stream command argument'

/** Longer texts are not IDs (Redis). */
const MAX_TEXT = 127

/** What an ID without a sequence number stands for: the first or the last one of its millisecond. */
export const FIRST = 0n
const LAST: bigint = MAX_PART

/** The ID in argument `i`, or undefined. */
export function parseId(args: Args, i: number, missingSequence: bigint): StreamId | undefined {
  return args.length(i) > MAX_TEXT ? undefined : parseText(args.latin1(i), missingSequence)
}

/** Like `parseId`. Undefined after an error reply. */
export function readId(c: Context, i: number, missingSequence: bigint): StreamId | undefined {
  const id = parseId(c.args, i, missingSequence)
  if (id === undefined) c.reply.error(INVALID_ID)
  return id
}

/** All arguments from `first` on as IDs. Undefined after an error reply. */
export function readIds(c: Context, first: number): StreamId[] | undefined {
  const ids: StreamId[] = []
  for (let i = first; i < c.args.count; i++) {
    const id = readId(c, i, FIRST)
    if (id === undefined) return undefined
    ids.push(id)
  }
  return ids
}

/** The ID of XADD in argument `i`; `automatic`: its sequence number follows from the stream (`ms-*`). */
export interface NewId {
  readonly id: StreamId
  readonly automatic: boolean
}

/** Undefined after an error reply. */
export function readNewId(c: Context, i: number): NewId | undefined {
  const text = c.args.length(i) > MAX_TEXT ? '' : c.args.latin1(i)
  const automatic = text.indexOf('-') === text.length - 2 && text.endsWith('*')
  const id = parseText(automatic ? text.slice(0, -2) : text, FIRST)
  if (id !== undefined) return { id, automatic }
  c.reply.error(INVALID_ID)
  return undefined
}

/** The start of a range in argument `i`: `-`, `+`, an ID, or with `(` the one after it. Undefined after an error reply. */
export function readStart(c: Context, i: number): StreamId | undefined {
  const id = readBound(c, i, FIRST)
  if (id === undefined || !isExclusive(c.args, i)) return id
  if (id < MAX_ID) return id + 1n
  c.reply.error('ERR invalid start ID for the interval')
  return undefined
}

/** The end of a range. See `readStart`. */
export function readEnd(c: Context, i: number): StreamId | undefined {
  const id = readBound(c, i, LAST)
  if (id === undefined || !isExclusive(c.args, i)) return id
  if (id > MIN_ID) return id - 1n
  c.reply.error('ERR invalid end ID for the interval')
  return undefined
}

function isExclusive(args: Args, i: number): boolean {
  return args.length(i) > 1 && args.buf[args.start[i]] === 0x28
}

function readBound(c: Context, i: number, missingSequence: bigint): StreamId | undefined {
  if (!isExclusive(c.args, i)) {
    const special = readSpecial(c.args, i)
    return special ?? readId(c, i, missingSequence)
  }
  const text = c.args.latin1(i).slice(1)
  const id = text.length > MAX_TEXT ? undefined : parseText(text, missingSequence)
  if (id === undefined) c.reply.error(INVALID_ID)
  return id
}

/** `-` and `+`, the smallest and the largest ID, where a command takes them. */
export function readSpecial(args: Args, i: number): StreamId | undefined {
  if (args.is(i, '-')) return MIN_ID
  return args.is(i, '+') ? MAX_ID : undefined
}

function parseText(text: string, missingSequence: bigint): StreamId | undefined {
  // A C string ends at its first zero byte.
  const [whole = ''] = text.split('\0', 1)
  const dash = whole.indexOf('-')
  const milliseconds = parsePart(dash < 0 ? whole : whole.slice(0, dash))
  const sequence = dash < 0 ? missingSequence : parsePart(whole.slice(dash + 1))
  return milliseconds === undefined || sequence === undefined ? undefined : streamId(milliseconds, sequence)
}

const PLAIN = /^[0-9]+$/
/** What C's `strtoull` takes besides. */
const LENIENT = /^[ \t\n\v\f\r]*([+-]?)([0-9]+)$/
const NEGATIVE = /^-[1-9]/

/** An unsigned number of 64 bits as Redis's `string2ull` reads it: what is not a plain integer goes to `strtoull`. */
function parsePart(text: string): bigint | undefined {
  if (PLAIN.test(text)) return inRange(BigInt(text))
  const match = LENIENT.exec(text)
  if (match === null) return undefined
  const value = inRange(BigInt(match[2] ?? ''))
  if (value === undefined || match[1] !== '-') return value
  const isInt64 = NEGATIVE.test(text) && value <= 2n ** 63n
  return isInt64 ? undefined : BigInt.asUintN(64, -value)
}

function inRange(value: bigint): bigint | undefined {
  return value > MAX_PART ? undefined : value
}

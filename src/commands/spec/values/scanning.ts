// What SCAN, HSCAN, SSCAN and ZSCAN share: cursor and options.

import { Glob } from '../../../bytes/glob.ts'
import { NULL_REF, type Ref } from '../../../store/arena.ts'
import type { ValueType } from '../../../store/record.ts'
import type { Span } from '../../../store/types/span.ts'
import { readInteger } from '../arguments.ts'
import type { Context } from '../context.ts'
import { SYNTAX_ERROR } from '../errors.ts'
import { arg, option } from '../shorthand.ts'
import { readCollection } from './collection.ts'

const STAR = 0x2a
const NOTHING = Buffer.alloc(0)
const DEFAULT_COUNT = 10
const MAX_UINT64 = 2n ** 64n - 1n
/** The cursor of an iteration: the next hash. */
const CURSORS = 2 ** 32

export interface ScanOptions {
  /** `undefined`: everything matches. */
  readonly glob: Glob | undefined
  readonly count: number
  /** In lower case; SCAN only. */
  readonly type: string | undefined
}

/** COMMAND DOCS of the arguments. */
export const SCAN_ARGUMENTS = [
  arg('cursor', 'integer'),
  option('MATCH', 'pattern', 'pattern', { optional: true }),
  option('COUNT', 'count', 'integer', { optional: true }),
] as const

/**
 * Argument `i` as a cursor; Infinity: one that no call has returned. `undefined` after an error reply.
 *
 * Redis: `parseScanCursorOrReply` uses C's `strtoul`: a sign is accepted, and no digits mean 0.
 */
export function readCursor(c: Context, i: number): number | undefined {
  const text = c.args.latin1(i)
  if (text === '') return 0
  const magnitude = /^[+-]?\d{1,100}$/.test(text) ? BigInt(text.replace(/^[+-]/, '')) : MAX_UINT64 + 1n
  if (magnitude > MAX_UINT64) {
    c.reply.error('ERR invalid cursor')
    return undefined
  }
  const cursor = Number(BigInt.asUintN(64, text.startsWith('-') ? -magnitude : magnitude))
  return cursor < CURSORS ? cursor : Number.POSITIVE_INFINITY
}

/** The options from argument `first` on; `undefined` after an error reply. */
export function readScanOptions(c: Context, first: number, hasType = false): ScanOptions | undefined {
  const { args, reply } = c
  const { buf, start, end } = args
  let pattern = 0
  let count = DEFAULT_COUNT
  let type: string | undefined
  for (let i = first; i < args.count; i += 2) {
    const value = i + 1
    if (value < args.count && args.is(i, 'COUNT')) {
      count = readInteger(c, value)
      if (Number.isNaN(count)) return undefined
      if (count < 1) {
        reply.error(SYNTAX_ERROR)
        return undefined
      }
    } else if (value < args.count && args.is(i, 'MATCH')) {
      const all = end[value] - start[value] === 1 && buf[start[value]] === STAR
      pattern = all ? 0 : value
    } else if (hasType && value < args.count && args.is(i, 'TYPE')) {
      type = args.latin1(value).toLowerCase()
    } else {
      reply.error(SYNTAX_ERROR)
      return undefined
    }
  }
  // A copy: SCAN may continue when the arguments are gone.
  const bytes = pattern === 0 ? NOTHING : args.copy(pattern)
  const glob = pattern === 0 ? undefined : new Glob(bytes, 0, bytes.length)
  return { glob, count, type }
}

/**
 * The scan of a collection under argument 1.
 *
 * @param visits calls `visit` for each element, and returns the next cursor; Infinity is past the end
 * @param name the string that MATCH is about
 * @param rest what is replied behind it
 */
export function scanCollection(
  c: Context,
  type: ValueType,
  visits: (ref: Ref, cursor: number, count: number, visit: () => void) => number,
  name: Span,
  rest?: () => Uint8Array,
): void {
  const { reply } = c
  const cursor = readCursor(c, 2)
  if (cursor === undefined) return
  const ref = readCollection(c, 1, type)
  if (ref === undefined) return
  const found: Uint8Array[] = []
  let next = 0
  if (ref !== NULL_REF) {
    const options = readScanOptions(c, 3)
    if (options === undefined) return
    const { glob, count } = options
    const visit = (): void => {
      if (glob !== undefined && !glob.matches(name.bytes, name.start, name.end)) return
      found.push(name.copy())
      if (rest !== undefined) found.push(rest())
    }
    next = visits(ref, cursor, count, visit)
  }
  reply.array(2)
  reply.bulkText(String(next))
  reply.array(found.length)
  for (const each of found) reply.bulk(each, 0, each.length)
}

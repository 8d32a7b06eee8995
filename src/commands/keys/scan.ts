// SCAN: iterates in the order of hashes, so that growth of the index between two calls moves no key past the cursor.

import { Glob } from '../../bytes/glob.ts'
import { parseInt64, parseInteger } from '../../bytes/numbers/decimal.ts'
import { KeyList, walkKeys } from '../slices/key-walk.ts'
import type { Context } from '../spec/context.ts'
import { NOT_AN_INTEGER, SYNTAX_ERROR } from '../spec/errors.ts'
import { typeName } from '../spec/values/names.ts'

const STAR = 0x2a
const NOTHING = Buffer.alloc(0)
const DEFAULT_COUNT = 10
const MAX_UINT64 = 2n ** 64n - 1n
/** The cursor of an iteration: the next hash. */
const CURSORS = 2 ** 32

interface ScanOptions {
  /** The argument that is the pattern; 0: every key matches. */
  readonly pattern: number
  readonly count: number
  /** In lower case. */
  readonly type: string | undefined
}

export function scan(c: Context): void {
  const { args, reply, store } = c
  const cursor = readCursor(args.latin1(1))
  if (cursor === undefined) {
    reply.error('ERR invalid cursor')
    return
  }
  const options = readOptions(c)
  if (options === undefined) return
  const { pattern, count, type } = options
  const { records } = store
  const bytes = pattern === 0 ? NOTHING : args.copy(pattern)
  const glob = pattern === 0 ? undefined : new Glob(bytes, 0, bytes.length)
  const list = new KeyList(c)
  const answer = (next: number): void => {
    reply.array(2)
    reply.bulkText(String(next))
    list.answer()
  }
  // A cursor that no call returned is past the end.
  if (cursor >= CURSORS) {
    answer(0)
    return
  }
  walkKeys(c, {
    cursor,
    limit: count,
    visit(ref) {
      records.locateKey(ref)
      const matches = glob === undefined || glob.matches(records.bytes, records.keyFrom, records.keyTo)
      if (matches && (type === undefined || typeName(records.type(ref)) === type)) list.add(ref)
      return true
    },
    endStep: () => list.write(),
    keep: (written) => list.keep(written),
    answer,
  })
}

/** Redis: `parseScanCursorOrReply` uses C's `strtoul`: a sign is accepted, and no digits mean 0. */
function readCursor(text: string): number | undefined {
  if (text === '') return 0
  if (!/^[+-]?\d{1,100}$/.test(text)) return undefined
  const magnitude = BigInt(text.replace(/^[+-]/, ''))
  if (magnitude > MAX_UINT64) return undefined
  return Number(BigInt.asUintN(64, text.startsWith('-') ? -magnitude : magnitude))
}

/** `undefined` after an error reply. */
function readOptions({ args, reply }: Context): ScanOptions | undefined {
  let pattern = 0
  let count = DEFAULT_COUNT
  let type: string | undefined
  for (let i = 2; i < args.count; i += 2) {
    const { buf, start, end } = args
    const value = i + 1
    if (value < args.count && args.is(i, 'COUNT')) {
      count = parseInteger(buf, start[value], end[value])
      if (Number.isNaN(count)) count = Number(parseInt64(buf, start[value], end[value]) ?? Number.NaN)
      if (!(count >= 1)) {
        reply.error(Number.isNaN(count) ? NOT_AN_INTEGER : SYNTAX_ERROR)
        return undefined
      }
    } else if (value < args.count && args.is(i, 'MATCH')) {
      const all = end[value] - start[value] === 1 && buf[start[value]] === STAR
      pattern = all ? 0 : value
    } else if (value < args.count && args.is(i, 'TYPE')) {
      type = args.latin1(value).toLowerCase()
    } else {
      reply.error(SYNTAX_ERROR)
      return undefined
    }
  }
  return { pattern, count, type }
}

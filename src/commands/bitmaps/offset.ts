// Bit offsets as arguments.

import { parseInteger } from '../../bytes/numbers/decimal.ts'
import type { Context } from '../spec/context.ts'

const HASH = 0x23

/**
 * Argument `i` as a bit offset (Redis: `getBitOffsetFromArgument`). With `bits`, `#n` is the offset of the n-th field of
 * that width. -1 after an error reply.
 */
export function readBitOffset(c: Context, i: number, bits = 0): number {
  const { buf, start, end } = c.args
  const isField = bits !== 0 && end[i] > start[i] && buf[start[i]] === HASH
  // An offset beyond 2^53 is out of range, too.
  const n = parseInteger(buf, isField ? start[i] + 1 : start[i], end[i])
  const offset = isField ? n * bits : n
  if (offset >= 0 && offset / 8 < c.host.protoMaxBulkLen) return offset
  c.reply.error('ERR bit offset is not an integer or out of range')
  return -1
}

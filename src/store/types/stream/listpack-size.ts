// How many bytes Redis's listpack encoding takes. By them Redis divides a stream into nodes, and `XTRIM … ~` removes whole
// nodes.

import { parseInt64 } from '../../../bytes/numbers/decimal.ts'

/** Header and end of a listpack. */
export const LISTPACK_OVERHEAD = 7

/** Longer texts are not integers. */
const MAX_INTEGER_TEXT = 20

/** Bytes of an integer as an element. */
export function integerSize(n: bigint): number {
  if (n >= 0n && n <= 127n) return 2
  if (n >= -4096n && n <= 4095n) return 3
  if (n >= -0x8000n && n <= 0x7fffn) return 4
  if (n >= -0x80_0000n && n <= 0x7f_ffffn) return 5
  return n >= -0x8000_0000n && n <= 0x7fff_ffffn ? 6 : 10
}

/** Bytes of `bytes[start, end)` as an element: a canonical integer is one, anything else is a string. */
export function elementSize(bytes: Uint8Array, start: number, end: number): number {
  const length = end - start
  if (length <= MAX_INTEGER_TEXT) {
    const n = parseInt64(bytes, start, end)
    if (n !== null) return integerSize(n)
  }
  const size = length + (length < 64 ? 1 : length < 4096 ? 2 : 5)
  return size + backLengthSize(size)
}

/** Bytes of the length at the end of an element, which is read from right to left. */
function backLengthSize(size: number): number {
  if (size <= 127) return 1
  if (size < 16_383) return 2
  if (size < 2_097_151) return 3
  return size < 268_435_455 ? 4 : 5
}

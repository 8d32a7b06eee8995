// The size of elements in Redis's listpack encoding, by which Redis divides a stream into nodes; `XTRIM … ~` removes
// whole nodes.

import { isCanonicalInteger, parseInteger } from '../../../bytes/numbers/decimal.ts'

/** Header and end of a listpack. */
export const LISTPACK_OVERHEAD = 7

/** Bytes of an integer beyond 32 bits. */
const LARGE_INTEGER = 10

/** Bytes of an integer as an element. It may be rounded. */
export function integerSize(n: number): number {
  if (n >= 0 && n <= 127) return 2
  if (n >= -4096 && n <= 4095) return 3
  if (n >= -0x8000 && n <= 0x7fff) return 4
  if (n >= -0x80_0000 && n <= 0x7f_ffff) return 5
  return n >= -0x8000_0000 && n <= 0x7fff_ffff ? 6 : LARGE_INTEGER
}

/** Bytes of `bytes[start, end)` as an element: a canonical integer is one, anything else is a string. */
export function elementSize(bytes: Uint8Array, start: number, end: number): number {
  const n = parseInteger(bytes, start, end)
  if (!Number.isNaN(n)) return integerSize(n)
  if (isCanonicalInteger(bytes, start, end)) return LARGE_INTEGER
  const length = end - start
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

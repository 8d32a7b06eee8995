// How the elements of a long list are encoded.

import { parseInteger } from '../../../bytes/numbers/decimal.ts'
import { isSeparate } from '../tree/layout.ts'

/*
 * The first byte of an element says how long it is, and the last one again: so a list is read from both ends.
 *
 *   n           | n bytes                       | n             n ≤ 239
 *   LONG        | length | bytes | length       | LONG          lengths in 2 bytes
 *   SEPARATE    | number of a page | length     | SEPARATE      each in 4 bytes; the page has the bytes
 *   INTEGER + k | an integer in k bytes         | INTEGER + k   its text is the element; k: 1, 2, 3, 4 or 7
 *
 * Numbers are little-endian.
 */

export const LONG = 0xf0
export const SEPARATE = 0xf1
export const INTEGER = 0xf2

export const LONG_BYTES = 6
export const SEPARATE_BYTES = 10

/** Only text of up to this length is tried as an integer. */
const MAX_INTEGER_TEXT = 17
const MINUS = 45
const ZERO = 48
const NINE = 57

/** Bytes of the element `bytes[start, end)`. */
export function elementBytes(bytes: Uint8Array, start: number, end: number): number {
  const n = integerOf(bytes, start, end)
  return Number.isNaN(n) ? textBytes(end - start) : integerBytes(n) + 2
}

/** Bytes of an element of this length that is no integer. */
export function textBytes(length: number): number {
  if (length < LONG) return length + 2
  return isSeparate(length) ? SEPARATE_BYTES : length + LONG_BYTES
}

/** The integer whose text is `bytes[start, end)`, if it takes fewer bytes than the text; NaN otherwise. */
export function integerOf(bytes: Uint8Array, start: number, end: number): number {
  const first = bytes[start]
  if ((first > NINE || first < ZERO) && first !== MINUS) return Number.NaN
  const length = end - start
  if (length < 2 || length > MAX_INTEGER_TEXT) return Number.NaN
  return parseInteger(bytes, start, end)
}

/** Bytes of an integer: fewer than its text has, if that has two or more. */
export function integerBytes(n: number): number {
  if (n >= -0x80 && n <= 0x7f) return 1
  if (n >= -0x8000 && n <= 0x7fff) return 2
  if (n >= -0x80_0000 && n <= 0x7f_ffff) return 3
  return n >= -0x8000_0000 && n <= 0x7fff_ffff ? 4 : 7
}

const TWO_32 = 2 ** 32

export function writeIntegerBytes(view: DataView, at: number, n: number, bytes: number): void {
  switch (bytes) {
    case 1:
      view.setInt8(at, n)
      return
    case 2:
      view.setInt16(at, n, true)
      return
    case 3:
      view.setInt16(at, n, true)
      view.setInt8(at + 2, n >> 16)
      return
    case 4:
      view.setInt32(at, n, true)
      return
    default: {
      const high = Math.floor(n / TWO_32)
      view.setUint32(at, n - high * TWO_32, true)
      view.setInt16(at + 4, high, true)
      view.setInt8(at + 6, high >> 16)
    }
  }
}

export function readIntegerBytes(view: DataView, at: number, bytes: number): number {
  switch (bytes) {
    case 1:
      return view.getInt8(at)
    case 2:
      return view.getInt16(at, true)
    case 3:
      return view.getUint16(at, true) | (view.getInt8(at + 2) << 16)
    case 4:
      return view.getInt32(at, true)
    default: {
      const high = view.getUint16(at + 4, true) | (view.getInt8(at + 6) << 16)
      return high * TWO_32 + view.getUint32(at, true)
    }
  }
}

// Scores of packed sorted sets: doubles in one to nine bytes.

/*
 *   0x00–0x7f        | n |                 0 … 127
 *   0x80–0xbf        | high 6 bits | low | 128 … 16383, and smaller ones that were put so
 *   INTEGER + width  | width bytes |       a signed integer, little-endian
 *   CENTS + width    | width bytes |       the same, divided by 100
 *   DOUBLE           | 8 bytes |           any other
 *   0xf0–0xff        | high 4 bits | 2 bytes | 16384 … 1048575, most significant byte first
 */

const SHORT = 0x80
const INTEGER = 0xc0
const CENTS = 0xd0
const DOUBLE = 0xe8
const WIDTH = 0x0f
const MIDDLE = 0xf0
/** Smaller integers take one or two bytes, from MIDDLE_LIMIT on they are tagged. */
const SHORT_LIMIT = 0x4000
const MIDDLE_LIMIT = 0x10_0000
const MAX_WIDTH = 6
const WIDE_LIMIT = 2 ** (8 * MAX_WIDTH - 1)

/** Bytes of the score that begins with `first`. */
export function scoreLength(first: number): number {
  if (first < INTEGER) return first < SHORT ? 1 : 2
  return first >= MIDDLE ? 3 : 1 + (first & WIDTH)
}

/** Bytes that a score takes. */
export function scoreBytes(score: number): number {
  if (isInteger(score)) {
    if (score < 0 || score >= MIDDLE_LIMIT) return 1 + widthOf(score)
    return score < SHORT ? 1 : score < SHORT_LIMIT ? 2 : 3
  }
  const cents = centsOf(score)
  return Number.isNaN(cents) ? 9 : 1 + widthOf(cents)
}

export function readScore(bytes: Uint8Array, view: DataView, at: number): number {
  const first = bytes[at]
  if (first < SHORT) return first
  if (first < INTEGER) return ((first & 0x3f) << 8) | bytes[at + 1]
  if (first >= MIDDLE) return ((first & WIDTH) << 16) | (bytes[at + 1] << 8) | bytes[at + 2]
  if (first === DOUBLE) return view.getFloat64(at + 1, true)
  const n = readInteger(bytes, at + 1, first & WIDTH)
  return first >= CENTS ? n / 100 : n
}

/** Writes the `scoreBytes` of a score at `at`. */
export function writeScore(bytes: Uint8Array, view: DataView, at: number, score: number): void {
  if (isInteger(score)) {
    if (score < 0 || score >= MIDDLE_LIMIT) writeTagged(bytes, at, INTEGER, score)
    else if (score < SHORT) bytes[at] = score
    else if (score < SHORT_LIMIT) {
      bytes[at] = SHORT | (score >>> 8)
      bytes[at + 1] = score & 0xff
    } else {
      bytes[at] = MIDDLE | (score >>> 16)
      bytes[at + 1] = (score >>> 8) & 0xff
      bytes[at + 2] = score & 0xff
    }
    return
  }
  const cents = centsOf(score)
  if (!Number.isNaN(cents)) writeTagged(bytes, at, CENTS, cents)
  else {
    bytes[at] = DOUBLE
    view.setFloat64(at + 1, score, true)
  }
}

/** Whether a score is an integer of at most MAX_WIDTH bytes; -0 is not. */
function isInteger(score: number): boolean {
  return score === Math.floor(score) && Math.abs(score) < WIDE_LIMIT && !Object.is(score, -0)
}

/** The score in hundredths, if it is exactly that quotient; otherwise NaN. */
function centsOf(score: number): number {
  const cents = Math.round(score * 100)
  return cents !== 0 && Math.abs(cents) < WIDE_LIMIT && cents / 100 === score ? cents : Number.NaN
}

function widthOf(n: number): number {
  let width = 1
  for (let limit = 0x80; n >= limit || n < -limit; limit *= 0x100) width++
  return width
}

function writeTagged(bytes: Uint8Array, at: number, tag: number, n: number): void {
  const width = widthOf(n)
  bytes[at] = tag | width
  const low = n | 0
  for (let i = 0; i < width && i < 4; i++) bytes[at + 1 + i] = low >> (8 * i)
  if (width <= 4) return
  const high = Math.floor(n / 2 ** 32)
  for (let i = 4; i < width; i++) bytes[at + 1 + i] = high >> (8 * (i - 4))
}

function readInteger(bytes: Uint8Array, at: number, width: number): number {
  let low = 0
  for (let i = 0; i < width && i < 4; i++) low |= bytes[at + i] << (8 * i)
  if (width < 4) return (low << (32 - 8 * width)) >> (32 - 8 * width)
  if (width === 4) return low
  const high =
    width === 5 ? (bytes[at + 4] << 24) >> 24 : ((bytes[at + 4] | (bytes[at + 5] << 8)) << 16) >> 16
  return high * 2 ** 32 + (low >>> 0)
}

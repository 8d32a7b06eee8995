// The x87 80-bit `long double` that Redis uses for INCRBYFLOAT and HINCRBYFLOAT: parses, adds, formats.
//
// A significand of 64 bits, exponents of 15 bits with subnormal numbers, rounding half to even. Time and memory are
// bounded for any input: a text has fewer than 5120 bytes, and a number at most about 17,000 bits before and after the
// point.

import { bitLength, type FloatText, roundBinary, scanFloat } from './float-text.ts'

/** Redis rejects texts of this length or more (`MAX_LONG_DOUBLE_CHARS`). */
const MAX_CHARS = 5 * 1024

const PRECISION = 64
/** Exponent of the last bit of the smallest number (2^-16445). */
const MIN_EXPONENT = -16_445
/** Exponent of the last bit of the largest number ((2^64 - 1) · 2^16320). */
const MAX_EXPONENT = 16_320

/** A number of at least 10^4933 overflows; one below 10^-4951 is less than half the smallest number. */
const MAX_DECIMAL_POINT = 4933
const MIN_DECIMAL_POINT = -4950

/** Digits after the point before Redis trims zeros (`%.17Lf`). */
const FRACTION_DIGITS = 17
const FRACTION_SCALE = 10n ** 17n

/** ± significand × 2^exponent; an infinity has the exponent Infinity. */
export interface LongDouble {
  readonly negative: boolean
  /** Below 2^64. */
  readonly significand: bigint
  readonly exponent: number
}

/**
 * The number in `bytes[start, end)`, correctly rounded; null where Redis replies "value is not a valid float". Accepts what
 * Redis's `string2ld` does: the grammar of `strtold`, without leading spaces, NaN, and numbers that overflow or
 * underflow. `inf` is accepted, but adding it fails.
 */
export function parseLongDouble(bytes: Uint8Array, start: number, end: number): LongDouble | null {
  if (end - start >= MAX_CHARS) return null
  const text = scanFloat(bytes, start, end, MAX_CHARS)
  if (text === null) return null
  const { negative } = text
  if (text.kind === 'infinity') return { negative, significand: 0n, exponent: Number.POSITIVE_INFINITY }
  if (text.digits === '') return { negative: false, significand: 0n, exponent: 0 }
  const value = text.kind === 'hex' ? fromHex(text) : fromDecimal(text)
  if (value === null || value.significand === 0n || overflows(value)) return null
  return { negative, ...value }
}

/**
 * a + b, correctly rounded; null where Redis replies "increment would produce NaN or Infinity". Zero has no sign, as Redis
 * prints none.
 */
export function addLongDoubles(a: LongDouble, b: LongDouble): LongDouble | null {
  if (a.exponent === Number.POSITIVE_INFINITY || b.exponent === Number.POSITIVE_INFINITY) return null
  const exponent = Math.min(a.exponent, b.exponent)
  const sum = signed(a, exponent) + signed(b, exponent)
  const negative = sum < 0n
  const value = roundBinary({ significand: negative ? -sum : sum, exponent }, false, PRECISION, MIN_EXPONENT)
  return overflows(value) ? null : { negative, ...value }
}

/**
 * The text that Redis stores and replies (`ld2string`, `LD_STR_HUMAN`): no exponent, at most 17 digits after the point
 * (half to even), no trailing zeros, no `-0`.
 *
 * @param value a finite number
 */
export function formatLongDouble(value: LongDouble): string {
  const { negative, significand, exponent } = value
  const sign = negative ? '-' : ''
  if (exponent >= 0) return sign + (significand << BigInt(exponent)).toString()
  const scaled = significand * FRACTION_SCALE
  // With this precision roundBinary only rounds to a multiple of 1 (exponent 0).
  const rounded = roundBinary({ significand: scaled, exponent }, false, bitLength(scaled), 0)
  const digits = rounded.significand.toString().padStart(FRACTION_DIGITS + 1, '0')
  const point = digits.length - FRACTION_DIGITS
  let last = digits.length
  while (last > point && digits.charCodeAt(last - 1) === 0x30) last--
  const whole = digits.slice(0, point)
  const text = last > point ? `${whole}.${digits.slice(point, last)}` : whole
  return text === '0' ? text : sign + text
}

function fromHex(text: FloatText): { significand: bigint; exponent: number } | null {
  const significand = BigInt(`0x${text.digits}`)
  // Decided by the position of the first bit, before any shift.
  const top = text.exponent + bitLength(significand)
  if (top > MAX_EXPONENT + PRECISION || top < MIN_EXPONENT) return null
  return roundBinary({ significand, exponent: text.exponent }, false, PRECISION, MIN_EXPONENT)
}

function fromDecimal(text: FloatText): { significand: bigint; exponent: number } | null {
  const point = text.digits.length + text.exponent
  if (point > MAX_DECIMAL_POINT || point < MIN_DECIMAL_POINT) return null
  const digits = BigInt(text.digits)
  if (text.exponent >= 0) {
    const whole = digits * 10n ** BigInt(text.exponent)
    return roundBinary({ significand: whole, exponent: 0 }, false, PRECISION, MIN_EXPONENT)
  }
  // digits / 10^n = digits · 2^s / 5^n · 2^(-s-n), where s gives the quotient two extra bits.
  const divisor = 5n ** BigInt(-text.exponent)
  const shift = Math.max(0, bitLength(divisor) - bitLength(digits) + PRECISION + 2)
  const dividend = digits << BigInt(shift)
  const quotient = dividend / divisor
  const inexact = quotient * divisor !== dividend
  return roundBinary(
    { significand: quotient, exponent: text.exponent - shift },
    inexact,
    PRECISION,
    MIN_EXPONENT,
  )
}

function overflows(value: { significand: bigint; exponent: number }): boolean {
  return value.exponent + bitLength(value.significand) > MAX_EXPONENT + PRECISION
}

function signed(value: LongDouble, exponent: number): bigint {
  const shifted = value.significand << BigInt(value.exponent - exponent)
  return value.negative ? -shifted : shifted
}

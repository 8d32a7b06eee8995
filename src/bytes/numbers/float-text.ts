// Scans floating-point text by C's grammar (`strtod`, C locale), and rounds binary fractions as IEEE 754 does.

import { equalsUpper } from '../ascii.ts'

const PLUS = 0x2b
const MINUS = 0x2d
const DOT = 0x2e
const ZERO = 0x30
const NINE = 0x39
const CASE_BIT = 0x20
const LOWER_A = 0x61
const LOWER_E = 0x65
const LOWER_F = 0x66
const LOWER_P = 0x70
const LOWER_X = 0x78

/** Above any exponent that the digits of a text can compensate, and exact as a number. */
const EXPONENT_LIMIT = 1e12

/** A number as written: digits × base^exponent. */
export interface FloatText {
  readonly kind: 'decimal' | 'hex' | 'infinity'
  readonly negative: boolean
  /** The significant digits, without leading zeros; empty for zero and infinity. */
  readonly digits: string
  /** The integer `digits` is multiplied by this power of ten (decimal) or two (hex). */
  readonly exponent: number
}

/**
 * Scans `bytes[start, end)` if all of it is a number: decimal or `0x` hexadecimal, with an optional fraction and exponent
 * (`e`, `p`), or `inf` / `infinity` in any case. Otherwise null, also for spaces and NaN, which Redis accepts nowhere.
 *
 * @param maxDigits digits to keep. If dropped digits are not all 0, a final 1 replaces them: the result rounds as the
 *   written number does, to any precision that `maxDigits` digits can distinguish
 */
export function scanFloat(
  bytes: Uint8Array,
  start: number,
  end: number,
  maxDigits: number,
): FloatText | null {
  let i = start
  const negative = i < end && bytes[i] === MINUS
  if (i < end && (negative || bytes[i] === PLUS)) i++
  if (equalsUpper(bytes, i, end, 'INF') || equalsUpper(bytes, i, end, 'INFINITY')) {
    return { kind: 'infinity', negative, digits: '', exponent: 0 }
  }
  const hex = i + 1 < end && bytes[i] === ZERO && (bytes[i + 1] | CASE_BIT) === LOWER_X
  if (hex) i += 2

  const digits = Buffer.allocUnsafe(Math.min(end - i, maxDigits) + 1)
  let kept = 0
  let places = 0 // power of the base at the last digit kept
  let inexact = false
  let seen = false
  let fraction = false
  for (; i < end; i++) {
    const c = bytes[i]
    if (c === DOT && !fraction) {
      fraction = true
      continue
    }
    if (!isDigit(c, hex)) break
    seen = true
    if (kept === maxDigits) {
      if (c !== ZERO) inexact = true
      if (!fraction) places++
    } else {
      if (kept > 0 || c !== ZERO) digits[kept++] = c
      if (fraction) places--
    }
  }
  if (!seen) return null
  if (inexact) {
    digits[kept++] = ZERO + 1
    places--
  }

  let power = 0
  if (i < end) {
    if ((bytes[i] | CASE_BIT) !== (hex ? LOWER_P : LOWER_E)) return null
    i++
    const down = i < end && bytes[i] === MINUS
    if (i < end && (down || bytes[i] === PLUS)) i++
    if (i === end) return null
    for (; i < end; i++) {
      if (!isDigit(bytes[i], false)) return null
      power = Math.min(EXPONENT_LIMIT, power * 10 + (bytes[i] - ZERO))
    }
    if (down) power = -power
  }
  return {
    kind: hex ? 'hex' : 'decimal',
    negative,
    digits: digits.toString('latin1', 0, kept),
    exponent: (hex ? places * 4 : places) + power,
  }
}

function isDigit(c: number, hex: boolean): boolean {
  if (c >= ZERO && c <= NINE) return true
  return hex && (c | CASE_BIT) >= LOWER_A && (c | CASE_BIT) <= LOWER_F
}

/** A non-negative number: significand × 2^exponent. */
export interface Binary {
  readonly significand: bigint
  readonly exponent: number
}

/**
 * Rounds significand × 2^exponent to `precision` bits, half to even; to fewer bits where the exponent of the last bit
 * would be below `minExponent` (subnormal numbers), down to significand 0. There is no upper limit.
 *
 * @param inexact the true number is greater, by less than one unit of `significand`, which must be at least two bits
 *   longer than `precision`
 */
export function roundBinary(value: Binary, inexact: boolean, precision: number, minExponent: number): Binary {
  const { significand, exponent } = value
  const target = Math.max(exponent + bitLength(significand) - precision, minExponent)
  const drop = target - exponent
  if (drop <= 0) return value
  // Far below the smallest number: 0, without the shift.
  if (drop > bitLength(significand) + 1) return { significand: 0n, exponent: target }
  const shift = BigInt(drop)
  const half = 1n << (shift - 1n)
  const rest = significand & ((1n << shift) - 1n)
  let rounded = significand >> shift
  if (rest > half || (rest === half && (inexact || (rounded & 1n) === 1n))) rounded++
  // A carry into one more bit: the number is even, so nothing is lost.
  if (bitLength(rounded) > precision) return { significand: rounded >> 1n, exponent: target + 1 }
  return { significand: rounded, exponent: target }
}

/** Number of bits of a non-negative integer; 0 for 0. */
export function bitLength(n: bigint): number {
  if (n === 0n) return 0
  if (n <= 0xffff_ffffn) return 32 - Math.clz32(Number(n))
  const hex = n.toString(16)
  return hex.length * 4 - Math.clz32(Number.parseInt(hex[0], 16)) + 28
}

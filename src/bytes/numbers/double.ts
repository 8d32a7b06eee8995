// Parses and formats doubles as Redis does: scores, coordinates, RESP3 doubles.

import { writeInteger } from './decimal.ts'
import { roundBinary, scanFloat } from './float-text.ts'
import { parseLongDecimal } from './long-decimal.ts'

const MINUS = 0x2d
const DOT = 0x2e
const ZERO = 0x30
const NINE = 0x39
const SPACE = 0x20
const TAB = 0x09
const RETURN = 0x0d

/** More digits than any number halfway between two doubles (767). */
const MAX_DIGITS = 800

const PRECISION = 53
const MIN_EXPONENT = -1074
const MAX_EXPONENT = 971

/** The powers of ten that are exact as doubles. */
const POWERS = Float64Array.from({ length: 23 }, (_, n) => Number(`1e${n}`))

/** Integers of this many digits are exact as doubles. */
const EXACT_DIGITS = 15

/** Up to here Redis formats a double without a fraction as an integer. */
const INTEGER_LIMIT = 2 ** 62

/**
 * The double in `bytes[start, end)`, correctly rounded; NaN where Redis replies "value is not a valid float". Accepts what
 * Redis's `string2d` does: the grammar of `strtod`, with `inf`, hexadecimal numbers and `-0`, but without leading spaces,
 * NaN, and numbers that overflow or underflow. Decimals without an exponent mostly allocate nothing.
 */
export function parseDouble(bytes: Uint8Array, start: number, end: number): number {
  const simple = parseSimple(bytes, start, end)
  if (!Number.isNaN(simple)) return simple
  const long = parseLongDecimal(bytes, start, end)
  if (!Number.isNaN(long)) return long
  const text = scanFloat(bytes, start, end, MAX_DIGITS)
  if (text === null) return Number.NaN
  const sign = text.negative ? -1 : 1
  if (text.kind === 'infinity') return sign * Number.POSITIVE_INFINITY
  if (text.digits === '') return sign * 0
  const magnitude =
    text.kind === 'hex' ? fromHex(text.digits, text.exponent) : Number(`${text.digits}e${text.exponent}`)
  return magnitude === 0 || magnitude === Number.POSITIVE_INFINITY ? Number.NaN : sign * magnitude
}

/**
 * The same for the bound of a range: as C's `strtod`, it accepts leading spaces, nothing at all (0), and numbers that
 * overflow or underflow.
 */
export function parseBound(bytes: Uint8Array, start: number, end: number): number {
  if (start === end) return 0
  let first = start
  while (first < end && (bytes[first] === SPACE || (bytes[first] >= TAB && bytes[first] <= RETURN))) first++
  const value = parseDouble(bytes, first, end)
  if (!Number.isNaN(value)) return value
  const text = scanFloat(bytes, first, end, MAX_DIGITS)
  if (text === null) return Number.NaN
  const sign = text.negative ? -1 : 1
  return sign * (text.digits.length + text.exponent > 0 ? Number.POSITIVE_INFINITY : 0)
}

/** At most fifteen digits with a point: one exact division. NaN: anything else. */
function parseSimple(bytes: Uint8Array, start: number, end: number): number {
  const negative = start < end && bytes[start] === MINUS
  const first = negative ? start + 1 : start
  let n = 0
  let digits = 0
  let point = -1
  for (let i = first; i < end; i++) {
    const c = bytes[i]
    if (c >= ZERO && c <= NINE) {
      n = n * 10 + (c - ZERO)
      digits++
    } else if (c === DOT && point < 0) {
      point = i
    } else {
      return Number.NaN
    }
  }
  if (digits === 0 || digits > EXACT_DIGITS) return Number.NaN
  if (point >= 0) n /= POWERS[end - point - 1]
  return negative ? -n : n
}

function fromHex(digits: string, exponent: number): number {
  const top = exponent + digits.length * 4
  if (top > MAX_EXPONENT + PRECISION + 4) return Number.POSITIVE_INFINITY
  if (top < MIN_EXPONENT) return 0
  const value = roundBinary({ significand: BigInt(`0x${digits}`), exponent }, false, PRECISION, MIN_EXPONENT)
  // Already rounded: both factors and the product are exact, or the product is infinite.
  return Number(value.significand) * 2 ** value.exponent
}

/**
 * The shortest text that parses as `value`, as in Redis 7.2 and later (`d2string` with `fpconv_dtoa`): integers up to 2^62
 * in full, exponents only where they save zeros (`1e+30`, `1.5e-7`).
 */
export function formatDouble(value: number): string {
  if (!Number.isFinite(value)) return formatSpecial(value)
  if (value === 0) return formatZero(value)
  if (Number.isInteger(value) && Math.abs(value) <= INTEGER_LIMIT) return BigInt(value).toString()
  const scientific = Math.abs(value).toExponential()
  const e = scientific.indexOf('e')
  const power = Number(scientific.slice(e + 1))
  const digits = scientific[0] + scientific.slice(2, e)
  const sign = value < 0 ? '-' : ''
  // Power of ten of the last digit.
  const last = power - digits.length + 1
  if (last >= 0 && power < digits.length + 7) return sign + digits + '0'.repeat(last)
  if (last < 0 && (last > -7 || Math.abs(power) < 4)) {
    return power < 0
      ? `${sign}0.${'0'.repeat(-power - 1)}${digits}`
      : `${sign}${digits.slice(0, power + 1)}.${digits.slice(power + 1)}`
  }
  return sign + scientific
}

/** Bytes that `writeShortDouble` may write. */
export const SHORT_DOUBLE_BYTES = 24

/** Its text has digits and a point only. */
const MAX_SHORT = 1e15
const MAX_PLACES = 15
/** With more places than this, exponents are used outside of 10^-3 … 10^4. */
const SURE_PLACES = 6
const HIGH = 1e8

/**
 * Writes the text that `formatDouble` gives for `cell[0]` at `bytes[at]`, if it is short: a safe integer, or a decimal of
 * at most 15 digits. Returns the index after it; -1: it is another one. Allocates nothing.
 */
export function writeShortDouble(bytes: Uint8Array, at: number, cell: Float64Array): number {
  const value = cell[0]
  const x = Math.abs(value)
  let to = at
  if (value < 0 || Object.is(value, -0)) bytes[to++] = MINUS
  if (x === Math.floor(x)) return x <= Number.MAX_SAFE_INTEGER ? writeDigits(bytes, to, x) : -1
  if (!(x < MAX_SHORT)) return -1
  const most = x >= 1e-3 && x < 1e4 ? MAX_PLACES : SURE_PLACES
  for (let places = 1; places <= most; places++) {
    const scale = POWERS[places]
    const all = Math.round(x * scale)
    if (all >= MAX_SHORT) return -1
    if (all / scale !== x) continue
    const whole = Math.floor(x)
    to = writeDigits(bytes, to, whole)
    bytes[to++] = DOT
    const rest = all - whole * scale
    if (places <= 8) return writePadded(bytes, to, rest | 0, places)
    const high = Math.floor(rest / HIGH)
    to = writePadded(bytes, to, high | 0, places - 8)
    return writePadded(bytes, to, (rest - high * HIGH) | 0, 8)
  }
  return -1
}

/** A safe integer in two parts: a function that is given a larger number than 2^31 may get an object. */
function writeDigits(bytes: Uint8Array, at: number, x: number): number {
  if (x < HIGH) return writeInteger(bytes, at, x | 0)
  const high = Math.floor(x / HIGH)
  return writePadded(bytes, writeInteger(bytes, at, high | 0), (x - high * HIGH) | 0, 8)
}

function writePadded(bytes: Uint8Array, at: number, n: number, digits: number): number {
  let rest = n
  for (let i = at + digits - 1; i >= at; i--) {
    const next = (rest / 10) | 0
    bytes[i] = ZERO + (rest - next * 10)
    rest = next
  }
  return at + digits
}

/**
 * The result of C's `%.17g`, as in Redis up to 7.0: 17 significant digits without trailing zeros, an exponent below 10^-4
 * and from 10^17.
 */
export function formatDouble17(value: number): string {
  if (!Number.isFinite(value)) return formatSpecial(value)
  if (value === 0) return formatZero(value)
  const scientific = seventeenDigits(Math.abs(value))
  const e = scientific.indexOf('e')
  const power = Number(scientific.slice(e + 1))
  const digits = (scientific[0] + scientific.slice(2, e)).replace(/0+$/, '')
  const sign = value < 0 ? '-' : ''
  if (power < -4 || power >= 17) {
    const fraction = digits.length > 1 ? `.${digits.slice(1)}` : ''
    const exponent = String(Math.abs(power)).padStart(2, '0')
    return `${sign}${digits[0]}${fraction}e${power < 0 ? '-' : '+'}${exponent}`
  }
  if (power < 0) return `${sign}0.${'0'.repeat(-power - 1)}${digits}`
  if (digits.length <= power + 1) return sign + digits.padEnd(power + 1, '0')
  return `${sign}${digits.slice(0, power + 1)}.${digits.slice(power + 1)}`
}

/** `toExponential` with 17 digits, but exact halves are rounded to even, as in C, not up. */
function seventeenDigits(value: number): string {
  const rounded = value.toExponential(16)
  const e = rounded.indexOf('e')
  if ((rounded.charCodeAt(e - 1) & 1) === 0) return rounded
  // A double that is not exactly a half differs from it within 60 digits.
  const exact = value.toExponential(59)
  return /^.{18}50*e/.test(exact) ? exact.slice(0, 18) + exact.slice(exact.indexOf('e')) : rounded
}

/** From here on `toFixed` uses exponents. */
const FIXED_LIMIT = 1e21

/**
 * The result of C's `%.<digits>f`: exact halves are rounded to even.
 *
 * @param digits from 1 to 20
 */
export function formatFixed(value: number, digits: number): string {
  if (!Number.isFinite(value)) return formatSpecial(value)
  if (Math.abs(value) >= FIXED_LIMIT) return `${BigInt(value)}.${'0'.repeat(digits)}`
  // toFixed rounds halves up, and drops the sign of -0. Halves are odd multiples of 2^-(digits + 1).
  if (Math.abs((value * 2 ** (digits + 1)) % 2) !== 1) {
    return Object.is(value, -0) ? `-${value.toFixed(digits)}` : value.toFixed(digits)
  }
  const exact = value.toFixed(digits + 1)
  const isEven = (exact.charCodeAt(exact.length - 2) & 1) === 0
  return isEven ? exact.slice(0, -1) : value.toFixed(digits)
}

function formatSpecial(value: number): string {
  if (Number.isNaN(value)) return 'nan'
  return value < 0 ? '-inf' : 'inf'
}

function formatZero(value: number): string {
  return Object.is(value, -0) ? '-0' : '0'
}

// Decimals with more than fifteen digits, without allocating objects: the digits as an exact sum of two doubles, and one division.

/*
 * T. J. Dekker, "A floating-point technique for extending the available precision", 1971. The quotient of such a sum is
 * known to about 100 bits: enough to round it, unless it is next to the middle between two doubles.
 */

const MINUS = 0x2d
const DOT = 0x2e
const ZERO = 0x30
const NINE = 0x39

/** Digits of each of the two parts: integers of fifteen digits are exact. */
const PART = 15
/** The powers of ten that are exact as doubles. */
const POWERS = Float64Array.from({ length: 23 }, (_, n) => Number(`1e${n}`))
const MAX_PLACES = POWERS.length - 1

/** Splits a double into halves of 26 bits. */
const SPLITTER = 2 ** 27 + 1

/** More than the relative error of the lower part of a quotient. */
const ERROR = 2 ** -48

/**
 * The double of digits with at most one point and a minus, correctly rounded. NaN: it is written in another way, has more
 * than 30 digits, or is too close to the middle between two doubles.
 */
export function parseLongDecimal(bytes: Uint8Array, start: number, end: number): number {
  const negative = start < end && bytes[start] === MINUS
  let high = 0
  let low = 0
  let digits = 0
  let lowDigits = 0
  let point = -1
  for (let i = negative ? start + 1 : start; i < end; i++) {
    const c = bytes[i]
    if (c >= ZERO && c <= NINE) {
      if (digits === 0 && c === ZERO) continue
      if (digits < PART) high = high * 10 + (c - ZERO)
      else {
        low = low * 10 + (c - ZERO)
        lowDigits++
      }
      digits++
    } else if (c === DOT && point < 0) point = i
    else return Number.NaN
  }
  const places = point < 0 ? 0 : end - point - 1
  if (digits === 0 || lowDigits > PART || places > MAX_PLACES) return Number.NaN
  const value = quotient(high, POWERS[lowDigits], low, POWERS[places])
  return negative ? -value : value
}

/** (a × b + c) / d, rounded; NaN if that is uncertain. All are integers, so that the numerator is exact. */
function quotient(a: number, b: number, c: number, d: number): number {
  const product = a * b
  const rest = productError(a, b, product) + c
  const high = product + rest
  const low = product - high + rest
  const first = high / d
  const back = first * d
  const second = (high - back - productError(first, d, back) + low) / d
  const error = Math.abs(second) * ERROR
  const below = first + (second - error)
  return below === first + (second + error) ? below : Number.NaN
}

/** What is missing in `product`, the rounded a × b. */
function productError(a: number, b: number, product: number): number {
  const shiftedA = SPLITTER * a
  const highA = shiftedA - (shiftedA - a)
  const lowA = a - highA
  const shiftedB = SPLITTER * b
  const highB = shiftedB - (shiftedB - b)
  const lowB = b - highB
  return highA * highB - product + highA * lowB + lowA * highB + lowA * lowB
}

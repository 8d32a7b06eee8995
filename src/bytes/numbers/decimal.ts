// Parses and formats integers as Redis does: strict int64 decimals in byte ranges, without strings.
//
// A text is *canonical* when formatting the number returns the same bytes (Redis: `string2ll`): digits with an optional
// `-`; no `+`, no spaces, no leading zeros, no `-0`; within int64.

const MINUS = 0x2d
const ZERO = 0x30
const NINE = 0x39

/** Length of the longest canonical text, `-9223372036854775808`. */
const MAX_TEXT = 20

/** An integer of at most this many digits is below 2^53. */
const SAFE_DIGITS = 15

/** The maximum number of digits of an int64. */
const MAX_DIGITS = 19

/** Digits of the largest int64. The smallest one ends in 8 instead of 7. */
const INT64_MAX_DIGITS = Uint8Array.from('9223372036854775807', (digit) => digit.charCodeAt(0))

/**
 * The integer in `bytes[start, end)` if it is canonical and |n| ≤ 2^53 - 1; otherwise NaN.
 *
 * So NaN means "not an integer" or "an int64 too large for a number"; {@link parseInt64} distinguishes them. Allocates
 * nothing.
 */
export function parseInteger(bytes: Uint8Array, start: number, end: number): number {
  const negative = end > start && bytes[start] === MINUS
  const first = negative ? start + 1 : start
  const digits = end - first
  if (digits <= 0 || digits > 16) return Number.NaN
  const lead = bytes[first]
  if (lead === ZERO) return digits === 1 && !negative ? 0 : Number.NaN
  let n = 0
  for (let i = first; i < end; i++) {
    const c = bytes[i]
    if (c < ZERO || c > NINE) return Number.NaN
    n = n * 10 + (c - ZERO)
  }
  // A number of sixteen digits may be rounded, but never across 2^53.
  if (digits > SAFE_DIGITS && n > Number.MAX_SAFE_INTEGER) return Number.NaN
  return negative ? -n : n
}

/**
 * The integer in `bytes[start, end)` as a bigint if it is canonical; otherwise null. The slow path of
 * {@link parseInteger}: it allocates.
 */
export function parseInt64(bytes: Uint8Array, start: number, end: number): bigint | null {
  if (!isCanonicalInteger(bytes, start, end)) return null
  const negative = bytes[start] === MINUS
  const first = negative ? start + 1 : start
  // Two halves, each exact as a number.
  const middle = Math.max(first, end - SAFE_DIGITS)
  let high = 0
  for (let i = first; i < middle; i++) high = high * 10 + (bytes[i] - ZERO)
  let low = 0
  for (let i = middle; i < end; i++) low = low * 10 + (bytes[i] - ZERO)
  const magnitude = BigInt(high) * 1_000_000_000_000_000n + BigInt(low)
  return negative ? -magnitude : magnitude
}

/**
 * Whether `bytes[start, end)` is the canonical text of an int64: whether Redis stores it in `int` encoding. Allocates
 * nothing.
 */
export function isCanonicalInteger(bytes: Uint8Array, start: number, end: number): boolean {
  if (end <= start || end - start > MAX_TEXT) return false
  const negative = bytes[start] === MINUS
  const first = negative ? start + 1 : start
  const digits = end - first
  if (digits === 0 || digits > MAX_DIGITS) return false
  if (bytes[first] === ZERO) return digits === 1 && !negative
  for (let i = first; i < end; i++) {
    const c = bytes[i]
    if (c < ZERO || c > NINE) return false
  }
  if (digits < MAX_DIGITS) return true
  for (let i = 0; i < MAX_DIGITS; i++) {
    const c = bytes[first + i]
    const limit = INT64_MAX_DIGITS[i] + (negative && i === MAX_DIGITS - 1 ? 1 : 0)
    if (c !== limit) return c < limit
  }
  return true
}

/** Number of bytes that {@link writeInteger} writes for `n`, the sign included. */
export function integerDigits(n: number): number {
  const sign = n < 0 ? 1 : 0
  const m = n < 0 ? -n : n
  if (m < 10) return sign + 1
  if (m < 100) return sign + 2
  if (m < 1000) return sign + 3
  if (m < 10_000) return sign + 4
  let digits = sign + 5
  for (let limit = 100_000; m >= limit; limit *= 10) digits++
  return digits
}

/**
 * Writes the decimal text of `n` at `bytes[at]` and returns the index after it. Allocates nothing.
 *
 * @param n an integer with |n| ≤ 2^53 - 1; there must be room for {@link integerDigits} bytes
 */
export function writeInteger(bytes: Uint8Array, at: number, n: number): number {
  const end = at + integerDigits(n)
  let rest = n
  if (n < 0) {
    bytes[at] = MINUS
    rest = -n
  }
  let i = end
  // Above 2^31 V8 divides doubles, which is slow: once per eight digits here, not once per digit.
  while (rest >= 0x8000_0000) {
    const high = Math.floor(rest / 1e8)
    let low = (rest - high * 1e8) | 0
    for (let digit = 0; digit < 8; digit++) {
      const next = (low / 10) | 0
      bytes[--i] = ZERO + (low - next * 10)
      low = next
    }
    rest = high
  }
  let small = rest | 0
  while (small >= 10) {
    const next = (small / 10) | 0
    bytes[--i] = ZERO + (small - next * 10)
    small = next
  }
  bytes[--i] = ZERO + small
  return end
}

/** Compares two canonical integers: negative, 0 or positive. Allocates nothing. */
export function compareIntegers(
  a: Uint8Array,
  aStart: number,
  aEnd: number,
  b: Uint8Array,
  bStart: number,
  bEnd: number,
): number {
  const isNegative = a[aStart] === MINUS
  if (isNegative !== (b[bStart] === MINUS)) return isNegative ? -1 : 1
  // With the same sign, the longer one has the larger magnitude.
  let difference = aEnd - aStart - (bEnd - bStart)
  for (let i = aStart, j = bStart; difference === 0 && i < aEnd; i++, j++) difference = a[i] - b[j]
  return isNegative ? -difference : difference
}

// What BITFIELD stores when a value does not fit its field.

/** Take the low bits, take the nearest value that fits, or store nothing. */
export type Overflow = 'wrap' | 'sat' | 'fail'

/**
 * The value to store where `value` is wanted; NaN: none. With `isHuge` it counts as too large, although it is negative.
 * For fields of at most 32 bits.
 */
export function settle(
  value: number,
  bits: number,
  signed: boolean,
  overflow: Overflow,
  isHuge: boolean,
): number {
  const values = 2 ** bits
  const min = signed ? -values / 2 : 0
  const max = min + values - 1
  if (value >= min && value <= max) return value
  if (overflow === 'fail') return Number.NaN
  if (overflow === 'sat') return isHuge || value > max ? max : min
  const low = ((value % values) + values) % values
  return low > max ? low - values : low
}

/** The same for fields of up to 64 bits; `undefined`: none. */
export function settleWide(
  value: bigint,
  bits: number,
  signed: boolean,
  overflow: Overflow,
  isHuge: boolean,
): bigint | undefined {
  const low = signed ? BigInt.asIntN(bits, value) : BigInt.asUintN(bits, value)
  if (low === value) return value
  if (overflow === 'fail') return undefined
  if (overflow === 'wrap') return low
  const min = signed ? -(1n << BigInt(bits - 1)) : 0n
  return isHuge || value > 0n ? min + (1n << BigInt(bits)) - 1n : min
}

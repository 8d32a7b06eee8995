// Integers of 1 to 64 bits at any bit of a byte range. Bit 0 is the highest one of the first byte, as in Redis.

/** Fields up to this width are read and written as numbers, wider ones in two parts. */
export const MAX_NARROW = 32

/** The unsigned field of at most `MAX_NARROW` bits, `offset` bits after `bytes[start]`. Bytes from `end` on count as 0. */
export function readField(
  bytes: Uint8Array,
  start: number,
  end: number,
  offset: number,
  bits: number,
): number {
  const first = start + Math.floor(offset / 8)
  const skipped = offset % 8
  const count = (skipped + bits + 7) >>> 3
  // At most 39 bits: exact as a number.
  let value = 0
  for (let i = first; i < first + count; i++) value = value * 256 + (i < end ? bytes[i] : 0)
  return Math.floor(value / 2 ** (count * 8 - skipped - bits)) % 2 ** bits
}

/** Writes such a field; all its bytes must exist. */
export function writeField(
  bytes: Uint8Array,
  start: number,
  offset: number,
  bits: number,
  value: number,
): void {
  let at = start + Math.floor((offset + bits - 1) / 8)
  let shift = 7 - ((offset + bits - 1) % 8)
  let rest = value
  for (let left = bits; left > 0; at--) {
    const width = Math.min(left, 8 - shift)
    const mask = (1 << width) - 1
    bytes[at] = (bytes[at] & ~(mask << shift)) | (((rest % 256) & mask) << shift)
    rest = Math.floor(rest / (mask + 1))
    left -= width
    shift = 0
  }
}

/** The unsigned field of up to 64 bits. */
export function readWideField(
  bytes: Uint8Array,
  start: number,
  end: number,
  offset: number,
  bits: number,
): bigint {
  if (bits <= MAX_NARROW) return BigInt(readField(bytes, start, end, offset, bits))
  const high = readField(bytes, start, end, offset, bits - MAX_NARROW)
  const low = readField(bytes, start, end, offset + bits - MAX_NARROW, MAX_NARROW)
  return (BigInt(high) << 32n) | BigInt(low)
}

/** Writes a field of up to 64 bits; `value` is unsigned. */
export function writeWideField(
  bytes: Uint8Array,
  start: number,
  offset: number,
  bits: number,
  value: bigint,
): void {
  const low = Number(BigInt.asUintN(32, value))
  if (bits <= MAX_NARROW) {
    writeField(bytes, start, offset, bits, low)
    return
  }
  writeField(bytes, start, offset, bits - MAX_NARROW, Number(value >> 32n))
  writeField(bytes, start, offset + bits - MAX_NARROW, MAX_NARROW, low)
}

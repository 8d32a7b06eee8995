// The bytes of a HyperLogLog: Redis's own encoding, so that a value can be copied between Redis and this program.

/*
 *   0 – 3    "HYLL"
 *   4        encoding: DENSE or SPARSE
 *   5 – 7    unused
 *   8 – 15   cached cardinality, uint64, little-endian; its highest bit is set while it is invalid
 *   16 …     16,384 registers
 *
 * A dense one has 6 bits for each register, from the lowest bit of the first byte on: 12,288 bytes.
 *
 * A sparse one has runs of registers. A register above 32 needs the dense encoding.
 *
 *   00nnnnnn            ZERO    n + 1 registers are 0
 *   01nnnnnn nnnnnnnn   XZERO   n + 1 registers are 0, high byte first
 *   1vvvvvnn            VALUE   n + 1 registers are v + 1
 */

export const HEADER_BYTES = 16
export const DENSE = 0
export const SPARSE = 1
/** The number of bits of a hash that choose the register; of the others, the lowest one that is set is its value. */
export const INDEX_BITS = 14
export const REGISTERS: number = 1 << INDEX_BITS
/** The largest value that a hash gives. */
export const MAX_RANK = 64 - INDEX_BITS + 1
export const DENSE_BYTES: number = HEADER_BYTES + (REGISTERS * 6) / 8

const ENCODING = 4
const CARDINALITY = 8
const INVALID = 0x80
const MAGIC = Buffer.from('HYLL')

/** Whether `bytes[start, end)` is a HyperLogLog by its header and length. Its registers may still be corrupt. */
export function isSketch(bytes: Uint8Array, start: number, end: number): boolean {
  if (end - start < HEADER_BYTES) return false
  for (let i = 0; i < MAGIC.length; i++) if (bytes[start + i] !== MAGIC[i]) return false
  const encoding = bytes[start + ENCODING]
  return encoding === SPARSE || (encoding === DENSE && end - start === DENSE_BYTES)
}

export function isDense(bytes: Uint8Array, start: number): boolean {
  return bytes[start + ENCODING] === DENSE
}

/** Writes the header of an empty one, whose cached cardinality, 0, is valid. */
export function writeHeader(bytes: Uint8Array, start: number, encoding: number): void {
  bytes.fill(0, start, start + HEADER_BYTES)
  bytes.set(MAGIC, start)
  bytes[start + ENCODING] = encoding
}

export function invalidateCardinality(bytes: Uint8Array, start: number): void {
  bytes[start + HEADER_BYTES - 1] |= INVALID
}

/** The cached cardinality; -1: it is invalid, -2: it is beyond 2^53 (`readExactCardinality`). */
export function readCardinality(bytes: Uint8Array, start: number): number {
  let high = 0
  for (let i = 7; i >= 4; i--) high = high * 256 + bytes[start + CARDINALITY + i]
  if (high >= 2 ** 31) return -1
  if (high >= 2 ** 21) return -2
  let low = 0
  for (let i = 3; i >= 0; i--) low = low * 256 + bytes[start + CARDINALITY + i]
  return high * 2 ** 32 + low
}

export function readExactCardinality(bytes: Uint8Array, start: number): bigint {
  let n = 0n
  for (let i = 7; i >= 0; i--) n = (n << 8n) | BigInt(bytes[start + CARDINALITY + i])
  return n
}

/** @param n below 2^64 */
export function writeCardinality(bytes: Uint8Array, start: number, n: number): void {
  let rest = n
  for (let i = 0; i < 8; i++) {
    bytes[start + CARDINALITY + i] = rest % 256
    rest = Math.floor(rest / 256)
  }
}

/** Register `index` of a dense one. */
export function readRegister(bytes: Uint8Array, start: number, index: number): number {
  const bit = index * 6
  const at = start + HEADER_BYTES + (bit >>> 3)
  const shift = bit & 7
  const low = bytes[at] >>> shift
  return (shift <= 2 ? low : low | (bytes[at + 1] << (8 - shift))) & 63
}

/** Raises register `index` of a dense one to `value`. False: it is not lower. */
export function raiseRegister(bytes: Uint8Array, start: number, index: number, value: number): boolean {
  if (readRegister(bytes, start, index) >= value) return false
  const bit = index * 6
  const at = start + HEADER_BYTES + (bit >>> 3)
  const shift = bit & 7
  bytes[at] = (bytes[at] & ~(63 << shift)) | (value << shift)
  if (shift > 2) bytes[at + 1] = (bytes[at + 1] & ~(63 >>> (8 - shift))) | (value >>> (8 - shift))
  return true
}

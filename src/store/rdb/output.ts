// Writes the primitives of the RDB format: lengths, strings, doubles. The format is drawn in `input.ts`.

import { GrowingBuffer } from '../../bytes/growing-buffer.ts'
import { parseInteger } from '../../bytes/numbers/decimal.ts'
import { FOOTER_BYTES, RDB_VERSION, type RdbType, writeFooter } from './format.ts'
import { compress } from './lzf.ts'

/** Only text of up to this length is tried as an integer of 32 bits. */
const MAX_INT32_TEXT = 11
/** Shorter strings are not compressed, as in Redis. */
const MIN_COMPRESSED = 21
/** Compression must save this many bytes. */
const MIN_SAVED = 4

const LENGTH_32 = 0x80
const LENGTH_64 = 0x81
const INT_8 = 0xc0
const INT_16 = 0xc1
const INT_32 = 0xc2
const LZF = 0xc3

/** The longest form of a length. */
const MAX_LENGTH_BYTES = 9
/** The form of a length that is known later. */
const LATER_LENGTH_BYTES = 5

export class Output {
  readonly #out = new GrowingBuffer()

  type(type: RdbType): void {
    const at = this.#out.reserve(1)
    this.#out.bytes[at] = type
  }

  length(n: number): void {
    const out = this.#out
    out.ensure(MAX_LENGTH_BYTES)
    out.length = writeLength(out.bytes, out.length, n)
  }

  /** Leaves room for a length below 2^32. Returns what `setLength` takes. */
  laterLength(): number {
    return this.#out.reserve(LATER_LENGTH_BYTES)
  }

  setLength(at: number, n: number): void {
    this.#out.bytes[at] = LENGTH_32
    this.#out.bytes.writeUInt32BE(n, at + 1)
  }

  /** A number of 64 bits in the form of a length. */
  uint64(n: bigint): void {
    if (n <= Number.MAX_SAFE_INTEGER) {
      this.length(Number(n))
      return
    }
    const at = this.#out.reserve(MAX_LENGTH_BYTES)
    this.#out.bytes[at] = LENGTH_64
    this.#out.bytes.writeBigUInt64BE(n, at + 1)
  }

  int64(n: bigint): void {
    const at = this.#out.reserve(8)
    this.#out.bytes.writeBigInt64LE(n, at)
  }

  double(n: number): void {
    const at = this.#out.reserve(8)
    this.#out.bytes.writeDoubleLE(n, at)
  }

  /** Bytes without their length. */
  raw(bytes: Uint8Array): void {
    this.#out.append(bytes, 0, bytes.length)
  }

  string(bytes: Uint8Array, start: number, end: number): void {
    const length = end - start
    if (length <= MAX_INT32_TEXT && this.#integer(parseInteger(bytes, start, end))) return
    if (length >= MIN_COMPRESSED && this.#compressed(bytes, start, end)) return
    this.length(length)
    this.#out.append(bytes, start, end)
  }

  /** Everything with the footer. Nothing may follow. */
  finish(version: number = RDB_VERSION): Buffer {
    const out = this.#out
    const end = out.reserve(FOOTER_BYTES)
    writeFooter(out.bytes, end, version)
    return out.bytes.subarray(0, out.length)
  }

  /** Writes an integer. False: it does not fit 32 bits. */
  #integer(n: number): boolean {
    const out = this.#out
    out.ensure(5)
    const { bytes, length } = out
    if (n >= -0x80 && n <= 0x7f) {
      bytes[length] = INT_8
      out.length = bytes.writeInt8(n, length + 1)
    } else if (n >= -0x8000 && n <= 0x7fff) {
      bytes[length] = INT_16
      out.length = bytes.writeInt16LE(n, length + 1)
    } else if (n >= -0x8000_0000 && n <= 0x7fff_ffff) {
      bytes[length] = INT_32
      out.length = bytes.writeInt32LE(n, length + 1)
    } else {
      return false
    }
    return true
  }

  /** Writes a compressed string. False: compression does not save enough. */
  #compressed(bytes: Uint8Array, start: number, end: number): boolean {
    const out = this.#out
    const length = end - start
    out.ensure(1 + 2 * MAX_LENGTH_BYTES + length)
    const from = out.length + 1 + 2 * MAX_LENGTH_BYTES
    const to = compress(bytes, start, end, out.bytes, from, from + length - MIN_SAVED)
    if (to === 0) return false
    // The lengths are known only now, and are shorter than the room that was reserved for them.
    out.bytes[out.length] = LZF
    let at = writeLength(out.bytes, out.length + 1, to - from)
    at = writeLength(out.bytes, at, length)
    out.bytes.copyWithin(at, from, to)
    out.length = at + to - from
    return true
  }
}

/** The index after the length. */
function writeLength(bytes: Buffer, at: number, n: number): number {
  if (n < 0x40) {
    bytes[at] = n
    return at + 1
  }
  if (n < 0x4000) return bytes.writeUInt16BE(0x4000 | n, at)
  if (n <= 0xffff_ffff) {
    bytes[at] = LENGTH_32
    return bytes.writeUInt32BE(n, at + 1)
  }
  bytes[at] = LENGTH_64
  return bytes.writeBigUInt64BE(BigInt(n), at + 1)
}

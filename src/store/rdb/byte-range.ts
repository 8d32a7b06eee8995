// A reused range of bytes: the current element while a dump is read.

import { writeInteger } from '../../bytes/numbers/decimal.ts'

/** The longest text of an int64. */
const MAX_INTEGER_TEXT = 20

/** Larger scratch buffers are not kept for reuse. */
const MAX_SCRATCH = 64 * 1024

/** `bytes[start, end)`. Valid until the next element is read. */
export class ByteRange {
  bytes: Buffer
  start = 0
  end = 0
  #scratch: Buffer = Buffer.allocUnsafe(MAX_INTEGER_TEXT)

  constructor() {
    this.bytes = this.#scratch
  }

  get length(): number {
    return this.end - this.start
  }

  point(bytes: Buffer, start: number, end: number): void {
    this.bytes = bytes
    this.start = start
    this.end = end
  }

  /** Becomes the decimal text of an integer of at most 53 bits. */
  setInteger(n: number): void {
    this.point(this.#scratch, 0, writeInteger(this.#scratch, 0, n))
  }

  /** Becomes the decimal text of the int64 at `bytes[at]`, little-endian. */
  setInt64(bytes: Buffer, at: number): void {
    const n = bytes.readInt32LE(at + 4) * 2 ** 32 + bytes.readUInt32LE(at)
    if (Number.isSafeInteger(n)) this.setInteger(n)
    else this.point(this.#scratch, 0, this.#scratch.write(bytes.readBigInt64LE(at).toString(), 'latin1'))
  }

  /** Becomes `length` bytes whose contents are undefined. */
  allocate(length: number): void {
    const kept = length <= MAX_SCRATCH
    if (kept && this.#scratch.length < length)
      this.#scratch = Buffer.allocUnsafeSlow(Math.min(MAX_SCRATCH, 2 * length))
    this.point(kept ? this.#scratch : Buffer.allocUnsafeSlow(length), 0, length)
  }
}

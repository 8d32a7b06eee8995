// Bytes that are appended to a buffer that grows.

import { copyShort } from './copy.ts'

const MIN_BYTES = 256

export class GrowingBuffer {
  /** `bytes[0, length)` was written. */
  bytes: Buffer = Buffer.allocUnsafe(MIN_BYTES)
  length = 0

  clear(): void {
    this.length = 0
  }

  /**
   * Appends `count` bytes that the caller writes to `bytes`, which may be another buffer afterwards. Returns the index of
   * the first one.
   */
  reserve(count: number): number {
    const at = this.length
    this.ensure(count)
    this.length = at + count
    return at
  }

  /** Makes room for `count` more bytes. */
  ensure(count: number): void {
    const needed = this.length + count
    if (needed <= this.bytes.length) return
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, Math.ceil(this.bytes.length * 1.5)))
    this.bytes.copy(grown, 0, 0, this.length)
    this.bytes = grown
  }

  append(bytes: Uint8Array, start: number, end: number): void {
    const at = this.reserve(end - start)
    copyShort(bytes, start, end, this.bytes, at)
  }
}

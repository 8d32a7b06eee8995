// Many strings in one buffer.

import { GrowingBuffer } from '../../bytes/growing-buffer.ts'
import { compareBytes } from '../../store/types/span.ts'

export class Texts {
  readonly #buffer = new GrowingBuffer()
  /** Where each string ends; the first one begins at 0. */
  readonly #ends: number[] = []

  get count(): number {
    return this.#ends.length
  }

  /** All strings together. */
  get length(): number {
    return this.#buffer.length
  }

  /** The strings. The next `add` may replace it. */
  get bytes(): Buffer {
    return this.#buffer.bytes
  }

  start(i: number): number {
    return i === 0 ? 0 : this.#ends[i - 1]
  }

  end(i: number): number {
    return this.#ends[i]
  }

  add(bytes: Uint8Array, start: number, end: number): void {
    this.#buffer.append(bytes, start, end)
    this.#ends.push(this.#buffer.length)
  }

  indexes(): Int32Array {
    return Int32Array.from(this.#ends, (_, i) => i)
  }

  /** Byte by byte: negative, 0 or positive. */
  compare(a: number, b: number): number {
    const { bytes } = this
    return compareBytes(bytes, this.start(a), this.end(a), bytes, this.start(b), this.end(b))
  }
}

// Buffers of freed spans, kept for the next: what V8 would collect only later stays within a bound, and is reused.

const MAX_BUFFERS = 16

export class BufferPool {
  readonly #buffers: ArrayBuffer[] = []
  #bytes = 0
  readonly #maxBytes: number

  /** @param maxBytes what is kept at most */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  /** A buffer of at least `bytes` and at most a sixteenth more, not zeroed, or `undefined`. */
  take(bytes: number): ArrayBuffer | undefined {
    for (let i = this.#buffers.length - 1; i >= 0; i--) {
      const buffer = this.#buffers[i]
      if (buffer.byteLength < bytes || buffer.byteLength > bytes + (bytes >> 4)) continue
      this.#buffers.splice(i, 1)
      this.#bytes -= buffer.byteLength
      return buffer
    }
    return undefined
  }

  /** Keeps a buffer if it can be worth it; the oldest make room. */
  put(buffer: ArrayBuffer): void {
    if (buffer.byteLength > this.#maxBytes) return
    this.#buffers.push(buffer)
    this.#bytes += buffer.byteLength
    while (this.#bytes > this.#maxBytes || this.#buffers.length > MAX_BUFFERS) {
      this.#bytes -= this.#buffers.shift()?.byteLength ?? 0
    }
  }

  clear(): void {
    this.#buffers.length = 0
    this.#bytes = 0
  }
}

// Buffers of freed large blocks, kept for reuse: V8 would free them only at a later garbage collection.

const MAX_BUFFERS = 16

export class BufferPool {
  readonly #buffers: ArrayBuffer[] = []
  #bytes = 0
  readonly #maxBytes: number

  /** @param maxBytes limit of all buffers kept */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  /** A buffer of `bytes` to 17/16 × `bytes`, not zeroed; `undefined`: there is none. */
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

  /** Keeps a buffer, and drops the oldest ones beyond the limits. */
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

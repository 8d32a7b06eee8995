// Replies that a socket does not accept yet: in order, and copied into blocks of their own.

/** Longer replies are kept as they are; shorter ones are copied, so that they do not keep a shared page or chunk alive. */
const COPIED_BYTES = 65_536

/** A new block is as large as the bytes held so far, within these bounds: few blocks, and little unused memory. */
const MIN_BLOCK_BYTES = 4096
const MAX_BLOCK_BYTES = 262_144

/** Taken blocks are removed from the array in bulk, once there are this many: a removal moves all later blocks. */
const COMPACT_FROM_BLOCKS = 64

/** A FIFO queue of bytes. The last block is open: it is filled by further replies. */
export class HeldOutput {
  /** Bytes held. */
  size = 0
  readonly #blocks: Buffer[] = []
  /** Blocks before this index are taken. */
  #next = 0
  #open: Buffer | undefined
  #filled = 0

  /** Appends bytes. Returns whether they were copied: the caller may then reuse them. */
  append(bytes: Buffer): boolean {
    this.size += bytes.length
    if (bytes.length > COPIED_BYTES) {
      this.#close()
      this.#blocks.push(bytes)
      return false
    }
    for (let at = 0; at < bytes.length; ) {
      this.#open ??= Buffer.allocUnsafeSlow(
        Math.min(MAX_BLOCK_BYTES, Math.max(MIN_BLOCK_BYTES, this.size, bytes.length - at)),
      )
      const copied = bytes.copy(this.#open, this.#filled, at)
      this.#filled += copied
      at += copied
      if (this.#filled === this.#open.length) this.#close()
    }
    return true
  }

  /** Removes the oldest block; there must be something. */
  take(): Buffer {
    if (this.#next === this.#blocks.length) this.#close()
    const block = this.#blocks[this.#next]
    this.#next++
    this.size -= block.length
    if (this.#next === this.#blocks.length || this.#next >= COMPACT_FROM_BLOCKS) {
      this.#blocks.splice(0, this.#next)
      this.#next = 0
    }
    return block
  }

  clear(): void {
    this.#blocks.length = 0
    this.#next = 0
    this.#open = undefined
    this.#filled = 0
    this.size = 0
  }

  #close(): void {
    if (this.#open === undefined) return
    this.#blocks.push(this.#open.subarray(0, this.#filled))
    this.#open = undefined
    this.#filled = 0
  }
}

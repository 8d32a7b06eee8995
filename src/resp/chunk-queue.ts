// Chunks that arrived while the one before them was not used up, because its connection had stopped pulling.

/** First in, first out; nothing is allocated until something waits. */
export class ChunkQueue {
  /** Bytes in the chunks that wait. */
  bytes = 0
  private chunks: Buffer[] | null = null
  private head = 0

  get empty(): boolean {
    return this.chunks === null
  }

  push(chunk: Buffer): void {
    this.chunks ??= []
    this.chunks.push(chunk)
    this.bytes += chunk.length
  }

  /** The chunk that waits longest, or null. */
  shift(): Buffer | null {
    if (this.chunks === null) return null
    const chunk = this.chunks[this.head]
    this.bytes -= chunk.length
    this.head++
    if (this.head === this.chunks.length) this.clear()
    return chunk
  }

  clear(): void {
    this.chunks = null
    this.head = 0
    this.bytes = 0
  }
}

// Chunks that arrived before the previous chunk was fully decoded, for example while the connection was paused.

/** A FIFO queue that allocates nothing while it is empty. */
export class ChunkQueue {
  /** Bytes of all queued chunks. */
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

  /** Removes and returns the oldest chunk; null: the queue is empty. */
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

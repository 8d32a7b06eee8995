// The input of one connection: the current chunk, chunks that wait, and the frame that is divided between chunks.

import { ChunkQueue } from './chunk-queue.ts'
import { type DecoderLimits, MAX_FRAME } from './limits.ts'
import { type PartialFrame, WHOLE_LINE } from './partial-frame.ts'

const LF = 0x0a

/** Bytes of an argument range in `Args`: two int32. They count as buffered, as the client decides how many there are. */
const RANGE_BYTES = 8

const NO_BYTES = Buffer.alloc(0)

/** Holds what was received and not yet decoded, and enforces the limit on it. {@link RequestDecoder} is its decoder. */
export class RequestInput {
  /** The client's error, without `-ERR `: `Protocol error: invalid bulk length`. Empty: none. */
  error = ''
  /** Whether the error is an exceeded query buffer limit: Redis then closes the connection without a reply. */
  overflow = false

  protected limits: DecoderLimits
  protected chunk: Buffer = NO_BYTES
  /** The bytes of the chunk not yet decoded: `chunk[at, limit)`. */
  protected at = 0
  protected limit = 0
  /** The frame that began in an earlier chunk. */
  protected partial: PartialFrame | null = null
  private readonly queue = new ChunkQueue()

  constructor(limits: DecoderLimits) {
    this.limits = limits
  }

  /** Bytes held that have not become a request. */
  get buffered(): number {
    const partial = this.partial
    const begun = partial === null || partial.complete ? 0 : partial.length
    return begun + (this.limit - this.at) + this.queue.bytes
  }

  /** Replaces the limits: a peer node forwards requests that were checked where they arrived. */
  relimit(limits: DecoderLimits): void {
    this.limits = limits
  }

  /** Whether all chunks are decoded, or copied for a frame whose end is missing: they may change. */
  get hasDecodedAll(): boolean {
    return this.at === this.limit && this.queue.empty
  }

  /**
   * Takes over a received chunk, which must not change until it is decoded. Invalidates the decoded `args`.
   *
   * @param length the number of bytes of the chunk that were received
   */
  feed(chunk: Buffer, length: number = chunk.length): void {
    if (this.error !== '') return
    if (this.hasDecodedAll) {
      this.chunk = chunk
      this.at = 0
      this.limit = length
      return
    }
    this.queue.push(length === chunk.length ? chunk : chunk.subarray(0, length))
    if (this.buffered > this.limits.maxQueryBuffer) this.failOverflow()
  }

  /** Moves missing bytes from the chunk to `partial`. False: it still cannot be decoded any further. */
  protected extend(partial: PartialFrame): boolean {
    const { chunk, at } = this
    const available = this.limit - at
    const whole = partial.missingBytes === WHOLE_LINE
    const lineFeed = whole ? chunk.indexOf(LF, at) : -1
    const missing = whole ? (lineFeed < 0 ? available : lineFeed + 1 - at) : partial.missingBytes
    const taken = Math.min(missing, available)
    const held = partial.length + taken + partial.index * RANGE_BYTES
    if (held > Math.min(this.limits.maxQueryBuffer, MAX_FRAME)) {
      this.failOverflow()
      return false
    }
    partial.append(chunk, at, at + taken)
    this.at = at + taken
    if (whole) return lineFeed >= 0 || partial.length > this.limits.maxInline
    partial.missingBytes -= taken
    return partial.bulk < 0 || partial.at + partial.bulk + 2 <= partial.length
  }

  /** Makes the next queued chunk the current one. False: there is none. */
  protected nextChunk(): boolean {
    let chunk = this.queue.shift()
    while (chunk !== null && chunk.length === 0) chunk = this.queue.shift()
    this.chunk = chunk ?? NO_BYTES
    this.at = 0
    this.limit = this.chunk.length
    return chunk !== null
  }

  /** Ends decoding for good, and drops all input. */
  protected abandon(error: string): void {
    this.error = error
    this.partial = null
    this.queue.clear()
    this.chunk = NO_BYTES
    this.at = 0
    this.limit = 0
  }

  private failOverflow(): void {
    this.overflow = true
    this.abandon('max query buffer length reached')
  }
}

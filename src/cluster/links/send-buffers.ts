// Send buffers: the memory in which requests to a peer are collected, and stay until they are answered.

/** Size of a buffer: as much as one write to a socket usefully carries, more than a thousand small requests. */
const BUFFER_BYTES = 65_536

/** Most requests in a buffer. The shortest one with a key has 23 bytes. */
const BUFFER_REQUESTS = 4096

/**
 * The same for a small buffer, used by a link with little traffic. A node sends heartbeats to all others at once; with
 * a large buffer for each of 1,000 peers this took 80 MB, and 20 ms of every 500 ms.
 */
const SMALL_BYTES = 4096
const SMALL_REQUESTS = 256

/** How many free large and small buffers are kept for reuse. Others are left to the garbage collector. */
const KEPT_BUFFERS = 32
const KEPT_SMALL = 1024

/** The link that fills a buffer. */
export interface SendBufferOwner {
  /** The buffer is no longer in use. */
  onBufferFree(buffer: SendBuffer): void
}

/**
 * A buffer, or one made for a single large request:
 *
 *     answered … | written, unanswered … | flushed: unwritten … | at: free
 *
 * It is in use while a run of its requests is unanswered, or a socket still reads from it.
 */
export class SendBuffer {
  readonly buf: Buffer
  readonly words: Int32Array
  readonly view: DataView
  /** Where each request ends. */
  readonly ends: Int32Array
  /** Number of requests. */
  count = 0
  at = 0
  flushed = 0
  uses = 0
  owner: SendBufferOwner | null = null
  /** Ends one use. A field, so that a write allocates no closure. */
  readonly release: () => void

  constructor(pool: SendBufferPool, bytes: number, requests: number) {
    // A multiple of four, as `words` is a view of it.
    const own = Buffer.allocUnsafeSlow((bytes + 3) & ~3)
    this.buf = own.subarray(0, bytes)
    this.words = new Int32Array(own.buffer)
    this.view = new DataView(own.buffer)
    this.ends = new Int32Array(requests)
    this.release = () => {
      if (--this.uses > 0) return
      this.owner?.onBufferFree(this)
      this.owner = null
      pool.put(this)
    }
  }
}

/** The free buffers of a node. */
export class SendBufferPool {
  readonly #free: SendBuffer[] = []
  readonly #small: SendBuffer[] = []

  /** An empty buffer with room for a request of `bytes`; a small one if that suffices and `isSmall`. */
  take(owner: SendBufferOwner, bytes: number, isSmall: boolean): SendBuffer {
    let buffer: SendBuffer
    if (bytes > BUFFER_BYTES) buffer = new SendBuffer(this, bytes, 1)
    else if (isSmall && bytes <= SMALL_BYTES) {
      buffer = this.#small.pop() ?? new SendBuffer(this, SMALL_BYTES, SMALL_REQUESTS)
    } else buffer = this.#free.pop() ?? new SendBuffer(this, BUFFER_BYTES, BUFFER_REQUESTS)
    buffer.owner = owner
    return buffer
  }

  /** Takes back a buffer that is no longer in use. */
  put(buffer: SendBuffer): void {
    const { length } = buffer.ends
    if (length === BUFFER_REQUESTS) keep(buffer, this.#free, KEPT_BUFFERS)
    else if (length === SMALL_REQUESTS) keep(buffer, this.#small, KEPT_SMALL)
  }

  /** Number of free buffers. */
  get idle(): number {
    return this.#free.length + this.#small.length
  }
}

/** Whether a small buffer would have had room for the content twice. */
export function fitsSmallBuffer({ at }: SendBuffer): boolean {
  return at <= SMALL_BYTES / 2
}

function keep(buffer: SendBuffer, free: SendBuffer[], most: number): void {
  if (free.length === most) return
  buffer.count = 0
  buffer.at = 0
  buffer.flushed = 0
  free.push(buffer)
}

// Pages that requests to a peer are gathered in, and stay in until they are answered.

/** Size of a page: what one write to a socket usefully carries, and room for more than a thousand small requests. */
const PAGE_BYTES = 65_536

/** Most requests in a page. The shortest one with a key has 23 bytes. */
const PAGE_REQUESTS = 4096

/**
 * The same of a small page, for a link that carries little: a node pings all others at once, and with a large page for
 * each of 1,000 it took up 80 MB and 20 ms of every half second.
 */
const SMALL_BYTES = 4096
const SMALL_REQUESTS = 256

/** Free pages kept for the next burst, and small ones; more go back to the system. */
const KEPT_PAGES = 32
const KEPT_SMALL = 1024

/** Whoever is writing into a page. */
export interface SendBufferOwner {
  /** The page is used by nobody any more. */
  onBufferFree(page: SendBuffer): void
}

/**
 * A page, or the buffer of one large request:
 *
 *     answered … | sent, unanswered … | flushed: not sent … | at: free
 *
 * It is in use while a run of requests in it is unanswered, or a socket still reads from it.
 */
export class SendBuffer {
  readonly buf: Buffer
  readonly words: Int32Array
  readonly view: DataView
  /** Where each request ends. */
  readonly ends: Int32Array
  /** How many requests there are. */
  count = 0
  at = 0
  flushed = 0
  uses = 0
  owner: SendBufferOwner | null = null
  /** Ends one use. Made once, so that a write makes no closure. */
  readonly release: () => void

  constructor(pool: SendBufferPool, bytes: number, requests: number) {
    // A multiple of four, so that it can be seen as words.
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

/** The free pages of a node. */
export class SendBufferPool {
  readonly #free: SendBuffer[] = []
  readonly #small: SendBuffer[] = []

  /** An empty page with room for a request of `bytes`, and not for many more if `isSmall`. */
  take(writer: SendBufferOwner, bytes: number, isSmall: boolean): SendBuffer {
    let page: SendBuffer
    if (bytes > PAGE_BYTES) page = new SendBuffer(this, bytes, 1)
    else if (isSmall && bytes <= SMALL_BYTES) {
      page = this.#small.pop() ?? new SendBuffer(this, SMALL_BYTES, SMALL_REQUESTS)
    } else page = this.#free.pop() ?? new SendBuffer(this, PAGE_BYTES, PAGE_REQUESTS)
    page.owner = writer
    return page
  }

  /** Takes back a page that nobody uses. */
  put(page: SendBuffer): void {
    const { length } = page.ends
    if (length === PAGE_REQUESTS) keep(page, this.#free, KEPT_PAGES)
    else if (length === SMALL_REQUESTS) keep(page, this.#small, KEPT_SMALL)
  }

  /** How many pages wait for use. */
  get idle(): number {
    return this.#free.length + this.#small.length
  }
}

/** Whether so little was in a page that a small one would have done. */
export function fitsSmallBuffer({ at }: SendBuffer): boolean {
  return at <= SMALL_BYTES / 2
}

function keep(page: SendBuffer, free: SendBuffer[], most: number): void {
  if (free.length === most) return
  page.count = 0
  page.at = 0
  page.flushed = 0
  free.push(page)
}

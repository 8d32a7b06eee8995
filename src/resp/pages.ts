// Output pages: buffers of a fixed size that replies are written into. Sockets read parts of them; then they are reused.

/** A useful size for one socket write, with room for thousands of small replies. */
export const PAGE_BYTES = 65_536

/** Idle pages kept for reuse; more are left to the garbage collector. */
const MAX_IDLE_PAGES = 8

/** The output that writes into a page. */
export interface PageWriter {
  /** No socket reads from the page any more. */
  pageFree(): void
}

/** A buffer, with a reference count of its parts. */
export class Page {
  readonly buf: Buffer = Buffer.allocUnsafeSlow(PAGE_BYTES)
  readonly view: DataView = new DataView(this.buf.buffer, this.buf.byteOffset, PAGE_BYTES)
  /** Parts that are pending or that a socket still reads. The page is in use while there are any. */
  parts = 0
  /** The output that writes into the page now. */
  writer: PageWriter | null = null
  /** Releases one part. Created once, so that no closure is made per part. */
  readonly released: () => void

  constructor(pool: PagePool) {
    this.released = () => {
      this.parts--
      if (this.parts > 0) return
      if (this.writer === null) pool.put(this)
      else this.writer.pageFree()
    }
  }
}

/** The free pages of a node. */
export class PagePool {
  private readonly free: Page[] = []

  /** Number of idle pages. */
  get idle(): number {
    return this.free.length
  }

  /** An empty page for `writer`. */
  take(writer: PageWriter): Page {
    const page = this.free.pop() ?? new Page(this)
    page.writer = writer
    return page
  }

  /** Returns a page that has no parts and no writer. */
  put(page: Page): void {
    if (this.free.length < MAX_IDLE_PAGES) this.free.push(page)
  }
}

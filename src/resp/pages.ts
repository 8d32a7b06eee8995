// Output pages: fixed buffers that replies are written into, lent to sockets part by part, and used again.

/** Size of a page: what one write to a socket usefully carries, and room for thousands of small replies. */
export const PAGE_BYTES = 65_536

/** Free pages kept for the next burst; more go back to the system. */
const MAX_IDLE_PAGES = 8

/** Whoever is writing into a page. */
export interface PageWriter {
  /** No part of the page is lent any more. */
  pageFree(): void
}

/** A buffer, and how many of its parts are spoken for. */
export class Page {
  readonly buf: Buffer = Buffer.allocUnsafeSlow(PAGE_BYTES)
  readonly view: DataView = new DataView(this.buf.buffer, this.buf.byteOffset, PAGE_BYTES)
  /** Parts written and not yet released, those not yet handed out included. The page is in use while any is left. */
  parts = 0
  /** Who writes into the page now, if anyone. */
  writer: PageWriter | null = null
  /** Gives one part back. Made once, so that handing a part out makes no closure. */
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

  /** How many pages wait for use. */
  get idle(): number {
    return this.free.length
  }

  /** A page without parts, for `writer`. */
  take(writer: PageWriter): Page {
    const page = this.free.pop() ?? new Page(this)
    page.writer = writer
    return page
  }

  /** Takes back a page that has no parts and no writer. */
  put(page: Page): void {
    if (this.free.length < MAX_IDLE_PAGES) this.free.push(page)
  }
}

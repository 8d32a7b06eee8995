// Pending output: bytes written into pages one after another, to be handed to a socket or taken back.

import { copyOut } from './copy.ts'
import { PAGE_BYTES, type Page, PagePool, type PageWriter } from './pages.ts'

/** Where pending bytes go. */
export interface Sink {
  /** Takes `bytes` over without a copy and calls `released` when they have left, or never will. */
  write(bytes: Buffer, released: () => void): void
}

/** Values above this many bytes get a buffer of their own instead of a quarter of a page or more. */
export const MAX_PAGED_BYTES = 16_384

/** A finished stretch of pending bytes: part of a page, or a buffer of its own (`page` null). */
interface Piece {
  readonly buf: Buffer
  readonly page: Page | null
  readonly start: number
  readonly end: number
}

/**
 * The bytes pending for one connection, in order: finished pieces, then what is open at the end of the current page.
 *
 *     current page   | lent to sockets | open: start … at | free |
 *
 * A page is filled over many flushes and started again only when none of its parts is lent or pending
 * ({@link Page.parts}): a socket reads a part until it releases it.
 */
export class PagedOutput implements PageWriter {
  /** The current page's bytes. */
  protected buf: Buffer
  /** Where the next byte goes. */
  protected at = 0

  private readonly pool: PagePool
  private page: Page
  private start = 0
  private pieces: Piece[] = []
  /** Bytes in `pieces`. */
  private finished = 0

  constructor(pool: PagePool = new PagePool()) {
    this.pool = pool
    this.page = pool.take(this)
    this.buf = this.page.buf
  }

  /** Bytes pending. */
  get size(): number {
    return this.finished + this.at - this.start
  }

  /** The position after the last byte written since the last flush or take, for {@link rewind}. */
  mark(): number {
    return this.size
  }

  /** Drops what was written since `mark` was taken; there was no flush or take in between. */
  rewind(mark: number): void {
    while (this.finished > mark) this.dropPiece(mark)
    this.at = this.start + (mark - this.finished)
  }

  /** Hands all pending bytes over, in order. */
  flush(sink: Sink): void {
    const { page, pieces, start, at } = this
    this.pieces = pieces.length === 0 ? pieces : []
    this.finished = 0
    this.start = at
    if (at > start) page.parts++
    for (const piece of pieces) {
      const released = piece.page === null ? nothing : piece.page.released
      sink.write(piece.buf.subarray(piece.start, piece.end), released)
    }
    if (at > start) sink.write(page.buf.subarray(start, at), page.released)
  }

  /** All pending bytes in one buffer of their own, for a reply that is held back; nothing stays pending. */
  take(): Buffer {
    const bytes = Buffer.allocUnsafe(this.size)
    let at = 0
    for (const piece of this.pieces) at += piece.buf.copy(bytes, at, piece.start, piece.end)
    this.buf.copy(bytes, at, this.start, this.at)
    this.rewind(0)
    return bytes
  }

  /** The current page is lent to nobody: unless bytes are pending in it, it is used from its beginning again. */
  pageFree(): void {
    if (this.at !== this.start) return
    this.start = 0
    this.at = 0
  }

  /** Makes room for `bytes`, at most a page, in one stretch at `at`. */
  protected reserve(bytes: number): void {
    if (this.at + bytes > PAGE_BYTES) this.nextPage()
  }

  /** Copies `source[start, end)` to `at` and moves `at`; the room is reserved. */
  protected put(source: Uint8Array, start: number, end: number, sourceView?: DataView): void {
    copyOut(source, start, end, this.buf, this.page.view, this.at, sourceView)
    this.at += end - start
  }

  /** Appends a buffer that nobody changes any more, without a copy. */
  protected append(buf: Buffer): void {
    this.closePiece()
    this.pieces.push({ buf, page: null, start: 0, end: buf.length })
    this.finished += buf.length
  }

  /** Turns to a fresh page. */
  private nextPage(): void {
    this.closePiece()
    if (this.page.parts === 0) {
      this.pageFree()
      return
    }
    this.page.writer = null
    this.setPage(this.pool.take(this), 0)
  }

  /** Makes the open bytes a piece. */
  private closePiece(): void {
    if (this.at === this.start) return
    this.page.parts++
    this.pieces.push({ buf: this.buf, page: this.page, start: this.start, end: this.at })
    this.finished += this.at - this.start
    this.start = this.at
  }

  /** Drops the last piece; if `mark` lies in it, its page is the current one again and it is open. */
  private dropPiece(mark: number): void {
    const piece = this.pieces.pop() as Piece
    const { page, start, end } = piece
    this.finished -= end - start
    if (page === null) return
    page.parts--
    if (this.finished <= mark && page !== this.page) {
      // It was taken after `mark`, so none of its parts is lent.
      this.page.writer = null
      this.pool.put(this.page)
      page.writer = this
      this.setPage(page, start)
    } else if (page === this.page) {
      this.start = start
    } else if (page.parts === 0) {
      this.pool.put(page)
    }
  }

  private setPage(page: Page, at: number): void {
    this.page = page
    this.buf = page.buf
    this.start = at
    this.at = at
  }
}

/** A buffer of its own is used once: there is nothing to release. */
function nothing(): void {}

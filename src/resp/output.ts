// Pending output of one connection: bytes in pages, to be flushed to a socket or rewound.

import { copyOut } from './copy.ts'
import { PAGE_BYTES, type Page, PagePool, type PageWriter } from './pages.ts'

/** The destination of output. */
export interface Sink {
  /** Writes `bytes` without a copy. Calls `released` when they were sent, or never will be. */
  write(bytes: Buffer, released: () => void): void
}

/** Larger values get a buffer of their own: they would take more than a quarter of a page. */
export const MAX_PAGED_BYTES = 16_384

/** A closed range of pending bytes: part of a page, or a buffer of its own (`page` null). */
interface Piece {
  readonly buf: Buffer
  readonly page: Page | null
  readonly start: number
  readonly end: number
}

/**
 * The pending bytes in order: closed pieces, then the open range at the end of the current page.
 *
 *     current page   | read by sockets | open: start … at | free |
 *
 * A page is filled over many flushes. It is reused from its beginning only when no part is pending or read by a socket
 * ({@link Page.parts}): a socket reads a part until it releases it.
 */
export class PagedOutput implements PageWriter {
  /** The current page's bytes, and a view of them. */
  protected buf: Buffer
  protected view: DataView
  /** Position of the next byte. */
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
    this.view = this.page.view
  }

  /** Bytes pending. */
  get size(): number {
    return this.finished + this.at - this.start
  }

  /** The current position, for {@link rewind}. */
  mark(): number {
    return this.size
  }

  /** Drops what was written since `mark`. There must have been no flush or take in between. */
  rewind(mark: number): void {
    while (this.finished > mark) this.dropPiece(mark)
    this.at = this.start + (mark - this.finished)
  }

  /** Writes all pending bytes to the sink, in order. */
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

  /** Removes all pending bytes, and returns a copy: for a reply that must wait for an earlier one. */
  take(): Buffer {
    const bytes = Buffer.allocUnsafe(this.size)
    let at = 0
    for (const piece of this.pieces) at += piece.buf.copy(bytes, at, piece.start, piece.end)
    this.buf.copy(bytes, at, this.start, this.at)
    this.rewind(0)
    return bytes
  }

  /** The same in parts: buffers of their own are not copied. */
  takeParts(): Buffer[] {
    const parts: Buffer[] = []
    for (const { buf, page, start, end } of this.pieces)
      parts.push(page === null ? buf : Buffer.from(buf.subarray(start, end)))
    if (this.at > this.start) parts.push(Buffer.from(this.buf.subarray(this.start, this.at)))
    this.rewind(0)
    return parts
  }

  /** No socket reads the current page: without pending bytes, it is reused from its beginning. */
  pageFree(): void {
    if (this.at !== this.start) return
    this.start = 0
    this.at = 0
  }

  /** Makes room for `bytes`, at most a page, in one range at `at`. */
  protected reserve(bytes: number): void {
    if (this.at + bytes > PAGE_BYTES) this.nextPage()
  }

  /** Appends `source[start, end)`. The room must be reserved. */
  protected put(source: Uint8Array, start: number, end: number): void {
    this.putAt(this.at, source, start, end)
    this.at += end - start
  }

  /** Copies `source[start, end)` to `at`, behind what is appended. */
  protected putAt(at: number, source: Uint8Array, start: number, end: number, sourceView?: DataView): void {
    copyOut(source, start, end, this.buf, this.view, at, sourceView)
  }

  /** Appends a buffer without a copy. It must not change any more. */
  protected append(buf: Buffer): void {
    this.closePiece()
    this.pieces.push({ buf, page: null, start: 0, end: buf.length })
    this.finished += buf.length
  }

  /** Continues on an empty page. */
  private nextPage(): void {
    this.closePiece()
    if (this.page.parts === 0) {
      this.pageFree()
      return
    }
    this.page.writer = null
    this.setPage(this.pool.take(this), 0)
  }

  /** Closes the open range. */
  private closePiece(): void {
    if (this.at === this.start) return
    this.page.parts++
    this.pieces.push({ buf: this.buf, page: this.page, start: this.start, end: this.at })
    this.finished += this.at - this.start
    this.start = this.at
  }

  /** Drops the last piece. If `mark` lies in it, its page becomes the current one, and the piece is open again. */
  private dropPiece(mark: number): void {
    const piece = this.pieces.pop() as Piece
    const { page, start, end } = piece
    this.finished -= end - start
    if (page === null) return
    page.parts--
    if (this.finished <= mark && page !== this.page) {
      // This page was taken after `mark`: no socket reads from it.
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
    this.view = page.view
    this.start = at
    this.at = at
  }
}

/** A piece with a buffer of its own is used once: there is nothing to release. */
function nothing(): void {}

// Writes replies in RESP2 or RESP3 directly into output pages.

import { integerDigits, writeInteger } from '../bytes/numbers/decimal.ts'
import { formatDouble, SHORT_DOUBLE_BYTES, writeShortDouble } from '../bytes/numbers/double.ts'
import { MAX_PAGED_BYTES, PagedOutput } from './output.ts'

export type { Sink } from './output.ts'

const CR = 0x0d
const LF = 0x0a
/** A line end, as a word of two bytes. */
const CRLF = 0x0a0d

/** Room for a type byte, any integer with its sign, and the line end. */
const HEADER_BYTES = 24

/** Up to this many characters, text is written as ASCII if possible, without the native encoder. */
const SHORT_TEXT = 128

const ARRAY = 0x2a
const BIG_NUMBER = 0x28
const BULK = 0x24
const DOUBLE = 0x2c
const ERROR = 0x2d
const INTEGER = 0x3a
const MAP = 0x25
const PUSH = 0x3e
const SET = 0x7e
const SIMPLE = 0x2b
const VERBATIM = 0x3d

const doubleText = Buffer.alloc(SHORT_DOUBLE_BYTES)

/** A complete reply. The bytes must not be changed. */
export const OK: Buffer = Buffer.from('+OK\r\n')
const NULL_2 = Buffer.from('$-1\r\n')
const NULL_ARRAY_2 = Buffer.from('*-1\r\n')
const NULL_3 = Buffer.from('_\r\n')
const TRUE_3 = Buffer.from('#t\r\n')
const FALSE_3 = Buffer.from('#f\r\n')

/** A complete reply. The text must not contain line ends. */
export function errorReply(text: string): Buffer {
  return Buffer.from(`-${text}\r\n`)
}

/** Whether a complete reply is an error. */
export function isErrorReply(reply: Buffer): boolean {
  return reply[0] === ERROR
}

/**
 * Writes replies for all connections of a node: one connection is served for a chunk, then its replies are flushed.
 *
 * Each method writes one RESP value, or the header of an aggregate whose elements the caller writes next. A reply up to
 * {@link MAX_PAGED_BYTES} allocates nothing. Types that RESP2 lacks are written as Redis does for RESP2 clients.
 */
export class ReplyWriter extends PagedOutput {
  protocol: 2 | 3 = 2
  /** Called for every error written. */
  onError: (text: string) => void = ignore

  ok(): void {
    this.constant(OK)
  }

  /** A simple string. It must not contain line ends. */
  simple(text: string): void {
    this.line(SIMPLE, text, 'utf8')
  }

  /**
   * An error.
   *
   * @param text code and message, `ERR syntax error`; line ends become spaces
   * @param encoding `latin1`: every character is one byte, as in {@link Args.latin1}
   */
  error(text: string, encoding: 'utf8' | 'latin1' = 'utf8'): void {
    this.onError(text)
    this.line(ERROR, hasLineEnd(text) ? text.replace(/[\r\n]/g, ' ') : text, encoding)
  }

  /** @param n an integer with |n| ≤ 2^53 - 1 */
  integer(n: number): void {
    this.header(INTEGER, n)
  }

  bigint(n: bigint): void {
    this.line(INTEGER, n.toString(), 'latin1')
  }

  /** A bulk string of `bytes[start, end)`. A `view` of the same memory makes the copy faster. */
  bulk(bytes: Uint8Array, start: number, end: number, view?: DataView): void {
    const length = end - start
    if (length > MAX_PAGED_BYTES) {
      this.ownBulk(bytes.subarray(start, end))
      return
    }
    this.reserve(HEADER_BYTES + length + 2)
    const from = writeHeader(this.buf, this.view, this.at, BULK, length)
    this.putAt(from, bytes, start, end, view)
    const to = from + length
    this.view.setInt16(to, CRLF, true)
    this.at = to + 2
  }

  /** A bulk string of UTF-8 text. */
  bulkText(text: string): void {
    this.sizedText(BULK, text)
  }

  null(): void {
    this.constant(this.protocol === 3 ? NULL_3 : NULL_2)
  }

  /** The null array: `*-1` in RESP2. */
  nullArray(): void {
    this.constant(this.protocol === 3 ? NULL_3 : NULL_ARRAY_2)
  }

  /** Header of an array of `n` values. */
  array(n: number): void {
    this.header(ARRAY, n)
  }

  /** Header of a map of `n` pairs; an array of `2n` in RESP2. */
  map(n: number): void {
    if (this.protocol === 3) this.header(MAP, n)
    else this.header(ARRAY, 2 * n)
  }

  /** Header of a set of `n` values; an array in RESP2. */
  set(n: number): void {
    this.header(this.protocol === 3 ? SET : ARRAY, n)
  }

  /** Header of a push message of `n` values; an array in RESP2. */
  push(n: number): void {
    this.header(this.protocol === 3 ? PUSH : ARRAY, n)
  }

  /** A double in its shortest form; a bulk string in RESP2 (Redis: `addReplyDouble`). */
  double(x: number): void {
    if (this.protocol === 3) this.line(DOUBLE, formatDouble(x), 'latin1')
    else this.bulkText(formatDouble(x))
  }

  /** The same of `cell[0]`: one of a few digits allocates nothing. */
  doubleOf(cell: Float64Array): void {
    const length = writeShortDouble(doubleText, 0, cell)
    if (length < 0) {
      this.double(cell[0])
      return
    }
    this.reserve(HEADER_BYTES + length + 2)
    if (this.protocol === 3) this.buf[this.at++] = DOUBLE
    else this.headerInPlace(BULK, length)
    this.put(doubleText, 0, length)
    this.endLine()
  }

  /** A boolean; `1` or `0` in RESP2. */
  boolean(b: boolean): void {
    if (this.protocol === 3) this.constant(b ? TRUE_3 : FALSE_3)
    else this.header(INTEGER, b ? 1 : 0)
  }

  /**
   * A verbatim string; a bulk string in RESP2.
   *
   * @param format three letters: `txt` or `mkd`
   */
  verbatim(format: string, text: string): void {
    if (this.protocol === 3) this.sizedText(VERBATIM, `${format}:${text}`)
    else this.bulkText(text)
  }

  /** An integer of any size in decimal text; a bulk string in RESP2. */
  bigNumber(text: string): void {
    if (this.protocol === 3) this.line(BIG_NUMBER, text, 'latin1')
    else this.bulkText(text)
  }

  /** Bytes that are RESP already, such as a peer's reply. They are copied. */
  raw(bytes: Buffer): void {
    if (bytes.length > MAX_PAGED_BYTES) {
      const own = Buffer.allocUnsafeSlow(bytes.length)
      own.set(bytes)
      this.append(own)
      return
    }
    this.reserve(bytes.length)
    this.put(bytes, 0, bytes.length)
  }

  /** The same without a copy: the bytes must not change any more. */
  own(bytes: Buffer): void {
    if (bytes.length > MAX_PAGED_BYTES) this.append(bytes)
    else this.raw(bytes)
  }

  private constant(bytes: Buffer): void {
    const { length } = bytes
    this.reserve(length)
    const { buf, at } = this
    for (let i = 0; i < length; i++) buf[at + i] = bytes[i]
    this.at = at + length
  }

  private header(type: number, n: number): void {
    this.reserve(HEADER_BYTES)
    this.headerInPlace(type, n)
  }

  private headerInPlace(type: number, n: number): void {
    this.at = writeHeader(this.buf, this.view, this.at, type, n)
  }

  private endLine(): void {
    const { buf, at } = this
    buf[at] = CR
    buf[at + 1] = LF
    this.at = at + 2
  }

  /** A bulk string too large for a page, in a buffer of its own. */
  private ownBulk(bytes: Uint8Array): void {
    const { length } = bytes
    const own = Buffer.allocUnsafeSlow(integerDigits(length) + length + 5)
    own[0] = BULK
    const at = writeInteger(own, 1, length) + 2
    own[at - 2] = CR
    own[at - 1] = LF
    own.set(bytes, at)
    own[at + length] = CR
    own[at + length + 1] = LF
    this.append(own)
  }

  /** Type byte, text, line end. */
  private line(type: number, text: string, encoding: 'utf8' | 'latin1'): void {
    const room = 3 * text.length + 3
    if (room > MAX_PAGED_BYTES) {
      this.append(Buffer.from(`${String.fromCharCode(type)}${text}\r\n`, encoding))
      return
    }
    this.reserve(room)
    const before = this.at
    this.buf[this.at++] = type
    if (!this.putAscii(text)) this.at = before + 1 + this.buf.write(text, before + 1, encoding)
    this.endLine()
  }

  /** Type byte, byte length of the text, line end, text, line end. */
  private sizedText(type: number, text: string): void {
    const room = 3 * text.length + HEADER_BYTES + 2
    if (room <= MAX_PAGED_BYTES) {
      this.reserve(room)
      const before = this.at
      this.headerInPlace(type, text.length)
      if (!this.putAscii(text)) {
        this.at = before
        this.headerInPlace(type, Buffer.byteLength(text))
        this.at += this.buf.write(text, this.at)
      }
      this.endLine()
      return
    }
    const header = `${String.fromCharCode(type)}${Buffer.byteLength(text)}\r\n`
    this.append(Buffer.from(`${header}${text}\r\n`))
  }

  /** Writes short text if all its characters are ASCII. False: nothing was written. */
  private putAscii(text: string): boolean {
    const { length } = text
    if (length > SHORT_TEXT) return false
    const { buf, at } = this
    for (let i = 0; i < length; i++) {
      const c = text.charCodeAt(i)
      if (c > 0x7f) return false
      buf[at + i] = c
    }
    this.at = at + length
    return true
  }
}

function hasLineEnd(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i)
    if (c === CR || c === LF) return true
  }
  return false
}

function ignore(): void {}

/**
 * By number below 100: the first four bytes of its header as a word, without the type: one digit and the line end, or two
 * digits and the CR.
 */
const SHORT_HEADERS = Int32Array.from({ length: 100 }, (_, n) =>
  Buffer.from(`\0${n}\r\n`, 'latin1').readInt32LE(),
)

/** Writes a type byte, `n` and a line end at `buf[at]`, whose memory `view` is; returns the index after them. */
function writeHeader(buf: Buffer, view: DataView, at: number, type: number, n: number): number {
  if (n >= 0 && n < 100) {
    view.setInt32(at, SHORT_HEADERS[n] | type, true)
    if (n < 10) return at + 4
    buf[at + 4] = LF
    return at + 5
  }
  buf[at] = type
  const end = writeInteger(buf, at + 1, n)
  view.setInt16(end, CRLF, true)
  return end + 2
}

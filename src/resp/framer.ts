// Finds the ends of replies without decoding them: a forwarding node divides a peer's stream into replies.

import { MAX_FRAME } from './limits.ts'

const CR = 0x0d
const LF = 0x0a
const ZERO = 0x30
const MINUS = 0x2d
const COLON = 0x3a
const DOLLAR = 0x24
const PLUS = 0x2b
const UNDERSCORE = 0x5f

/** The kinds of frames, by their first byte. Text lines may hold any bytes but line ends; counts are decimal. */
const TEXT = 1
const BULK = 2
const LIST = 3
const PAIRS = 4
const ATTRIBUTES = 5
const PEER_LINE = 6
const PUSH = 7

const KINDS = new Uint8Array(256)
for (const [types, kind] of [
  ['+-:_#,(', TEXT],
  ['$!=', BULK],
  ['*~', LIST],
  ['%', PAIRS],
  ['|', ATTRIBUTES],
  ['@^?', PEER_LINE],
  ['>', PUSH],
] as const) {
  for (const type of types) KINDS[type.charCodeAt(0)] = kind
}

/** Maximum bytes of a text line: an error message, a big number. */
const MAX_LINE = 1024 * 1024

/** Maximum bytes of a count line: more digits than any count below {@link MAX_FRAME} has. */
const MAX_COUNT_LINE = 12

/** Maximum number of missing elements of one reply. Only their number is stored, so nesting costs nothing. */
const MAX_OPEN = 2 ** 32

/** Up to this many bytes a line end is searched byte by byte, then natively. */
const SHORT_LINE = 64

/**
 * Divides a stream of RESP2 and RESP3 replies, or of multibulk requests, which have the same frames. Chunks may end
 * anywhere:
 *
 * ```ts
 * at = framer.scan(chunk, at, chunk.length, awaited)
 * // framer.count replies end at framer.whole; chunk[framer.whole, at) is the beginning of another one
 * ```
 *
 * Nothing is allocated. The state of a reply is the number of missing elements, and the position in the current one.
 */
export class ReplyFramer {
  /** Number of replies that the last scan completed. */
  count = 0
  /** End of the last complete reply; the start of the scan if there was none. */
  whole = 0
  /** The first byte of a frame between nodes (`@ ^ ? >`) before which the last scan stopped; 0: none. */
  special = 0
  /** The protocol error of the stream, which ends the scan for good. Empty: none. */
  error = ''

  /** Missing elements of the current reply, the current element included; 0 between replies. */
  private open = 0
  /** Missing bytes of the current bulk string, its line end included. */
  private skip = 0
  /** Type of the current line, or 0; its bytes so far; its count so far. */
  private line = 0
  private lineBytes = 0
  private value = 0
  private negative = false
  private returned = false

  /** Whether a reply is incomplete. */
  get isOpen(): boolean {
    return this.open !== 0
  }

  /** Resets the state, for another stream. */
  reset(): void {
    this.count = 0
    this.whole = 0
    this.special = 0
    this.error = ''
    this.open = 0
    this.skip = 0
    this.line = 0
  }

  /**
   * Scans `buf[from, to)` until `most` replies (at least one) are complete.
   *
   * @returns the index after them; or `to`, when an incomplete reply follows; or the position of a frame between nodes,
   *   or of an error
   */
  scan(buf: Buffer, from: number, to: number, most: number): number {
    this.special = 0
    let at = from
    let whole = from
    let count = 0
    let open = this.open
    let divided = this.skip !== 0 || this.line !== 0
    while (count < most && at < to) {
      let end = 0
      if (!divided) {
        const type = buf[at]
        if (type === DOLLAR) {
          // The fast path: lengths of one or two digits, and null.
          if (to - at >= 5) {
            const first = buf[at + 1] - ZERO
            const second = buf[at + 2]
            if (first >= 0 && first <= 9) {
              let text = 0
              if (second === CR) {
                text = at + 4
                end = text + first
              } else if (second >= ZERO && second <= ZERO + 9 && first !== 0 && buf[at + 3] === CR) {
                text = at + 5
                end = text + first * 10 + (second - ZERO)
              }
              // `step` reports malformed bytes.
              if (end + 2 <= to && buf[text - 1] === LF && buf[end] === CR && buf[end + 1] === LF) end += 2
              else end = 0
            } else if (
              first === MINUS - ZERO &&
              second === ZERO + 1 &&
              buf[at + 3] === CR &&
              buf[at + 4] === LF
            ) {
              end = at + 5
            }
          }
        } else if (type === PLUS || type === COLON || type === MINUS || type === UNDERSCORE) {
          const last = to - at > SHORT_LINE ? at + SHORT_LINE : to - 1
          let i = at + 1
          while (i < last && buf[i] !== CR) i++
          if (i < last && buf[i + 1] === LF) end = i + 2
        }
      }
      if (end !== 0) {
        at = end
        if (open > 1) {
          open--
          continue
        }
        open = 0
      } else {
        divided = false
        this.open = open
        at = this.step(buf, at, to, false)
        open = this.open
        if (this.error !== '' || this.special !== 0) break
        if (open !== 0) continue
      }
      whole = at
      count++
    }
    this.open = open
    this.whole = whole
    this.count = count
    return at
  }

  /**
   * Scans `buf[from, to)` to the end of one frame of any kind, a frame between nodes too. `count` is 1 when it is
   * complete; otherwise {@link scan} with `most` 1 completes it.
   */
  take(buf: Buffer, from: number, to: number): number {
    this.special = 0
    this.count = 0
    this.whole = from
    const at = this.step(buf, from, to, true)
    if (this.error !== '' || at === to || this.open === 0) {
      if (this.error === '' && this.open === 0) {
        this.count = 1
        this.whole = at
      }
      return at
    }
    const end = this.scan(buf, at, to, 1)
    if (this.count === 0) this.whole = from
    return end
  }

  /** One element header, or the available part of a bulk string: the slow path of {@link scan}. */
  private step(buf: Buffer, from: number, to: number, peers: boolean): number {
    if (this.skip !== 0) return this.pass(buf, from, to)
    let at = from
    if (this.line === 0) {
      const type = buf[at]
      const kind = KINDS[type]
      if (kind === 0 || (kind >= PEER_LINE && this.open !== 0)) return this.fail(at, type)
      if (kind >= PEER_LINE && !peers) {
        this.special = type
        return at
      }
      if (this.open === 0) this.open = 1
      this.line = type
      this.lineBytes = 0
      this.value = 0
      this.negative = false
      this.returned = false
      at++
    }
    const kind = KINDS[this.line]
    at = kind === TEXT || kind === PEER_LINE ? this.text(buf, at, to) : this.digits(buf, at, to)
    if (!this.returned || at === to || this.error !== '') return at
    if (buf[at] !== LF) return this.fail(at, buf[at])
    at++
    this.begin(kind)
    return this.skip !== 0 && at < to ? this.pass(buf, at, to) : at
  }

  /** Scans the rest of a text line, with its carriage return. */
  private text(buf: Buffer, from: number, to: number): number {
    if (this.returned) return from
    let end = from
    const near = Math.min(to, from + SHORT_LINE)
    while (end < near && buf[end] !== CR) end++
    if (end === near && near < to) {
      const far = buf.indexOf(CR, near)
      end = far < 0 || far > to ? to : far
    }
    this.lineBytes += end - from
    if (this.lineBytes > MAX_LINE) {
      this.error = 'a line is too long'
      return end
    }
    if (end === to) return to
    this.returned = true
    return end + 1
  }

  /** Scans the rest of a count, with its carriage return. */
  private digits(buf: Buffer, from: number, to: number): number {
    let at = from
    while (at < to && !this.returned) {
      const c = buf[at]
      if (c === CR && this.lineBytes > (this.negative ? 1 : 0)) this.returned = true
      else if (c === MINUS && this.lineBytes === 0) this.negative = true
      else if (c >= ZERO && c <= ZERO + 9) this.value = this.value * 10 + (c - ZERO)
      else return this.fail(at, c)
      this.lineBytes++
      at++
      if (this.lineBytes > MAX_COUNT_LINE) return this.fail(at, c)
    }
    return at
  }

  /** Begins the element whose header is complete, and ends it if nothing follows the header. */
  private begin(kind: number): void {
    const { value } = this
    this.line = 0
    if (kind === TEXT || kind === PEER_LINE) {
      this.open--
      return
    }
    // RESP2's null: `$-1`, `*-1`.
    if (this.negative) {
      if (value === 1 && kind <= LIST) this.open--
      else this.error = `a length of -${value}`
      return
    }
    if (value > MAX_FRAME) {
      this.error = `a length of ${value}`
      return
    }
    if (kind === BULK) {
      this.skip = value + 2
      return
    }
    if (kind === ATTRIBUTES) this.open += 2 * value
    else this.open += (kind === PAIRS ? 2 * value : value) - 1
    if (this.open > MAX_OPEN) this.error = `more than ${MAX_OPEN} elements`
  }

  /** Skips the rest of a bulk string. */
  private pass(buf: Buffer, from: number, to: number): number {
    const { skip } = this
    const end = Math.min(to, from + skip)
    const cr = from + skip - 2
    if (cr >= from && cr < end && buf[cr] !== CR) return this.fail(cr, buf[cr])
    if (cr + 1 < end && buf[cr + 1] !== LF) return this.fail(cr + 1, buf[cr + 1])
    this.skip = skip - (end - from)
    if (this.skip === 0) this.open--
    return end
  }

  private fail(at: number, byte: number): number {
    this.error = `unexpected byte 0x${byte.toString(16).padStart(2, '0')}`
    return at
  }
}

// Decodes the requests of a connection: Redis's multibulk and inline formats, with its limits and its errors.

import { isCanonicalInteger, parseInteger } from '../bytes/numbers/decimal.ts'
import type { Args } from './args.ts'
import { splitInline } from './inline.ts'
import { refuseCount, refuseLength } from './limits.ts'
import { PartialFrame, WHOLE_LINE } from './partial-frame.ts'
import { RequestInput } from './request-input.ts'

export type { DecoderLimits } from './limits.ts'

/** Every byte received is decoded: more is needed. */
export const NEED_MORE = 0
/** A request is in `args`. */
export const REQUEST = 1
/** The client violated the protocol: `error` says how. Nothing more is decoded, and the connection must be closed. */
export const PROTOCOL_ERROR = 2

/** A frame without a request: an empty line, or a multibulk of no arguments. */
const NO_REQUEST = 3

export type Decoded = typeof NEED_MORE | typeof REQUEST | typeof PROTOCOL_ERROR
type Step = Decoded | typeof NO_REQUEST

const ASTERISK = 0x2a
const DOLLAR = 0x24
const CR = 0x0d
const LF = 0x0a
const ZERO = 0x30
const MINUS = 0x2d

/** Results of `lineEnd`: the end has not arrived yet, or the line exceeds its limit. */
const INCOMPLETE = -1
const TOO_LONG = -2

/**
 * Decodes the requests of one connection, pulled one at a time:
 *
 * ```ts
 * decoder.feed(chunk)
 * while (decoder.next(args) === REQUEST) handle(args)
 * ```
 *
 * Arguments are ranges of the chunk itself; nothing is allocated per request. Only a frame that ends in a later chunk
 * is copied to a buffer of its own (see {@link PartialFrame}). Decoding continues where it stopped, so the work is
 * linear in the bytes, however they are divided into chunks. The caller may stop at any request and continue later,
 * with or without feeding more chunks first.
 *
 * As in Redis, the two bytes after an argument, and the byte after the `\r` of a line, are skipped without a check.
 */
export class RequestDecoder extends RequestInput {
  /** False: only small requests are allowed, enough for AUTH and HELLO (Redis's limits for unauthenticated clients). */
  authenticated = true

  /** Decodes the next request into `args`, which are valid until the next call of this or of {@link feed}. */
  next(args: Args): Decoded {
    for (;;) {
      let step: Step
      if (this.partial !== null || this.at === this.limit) {
        step = this.resume(args)
        if (step === NEED_MORE) return NEED_MORE
      } else {
        const buf = this.chunk
        const at = this.at
        step =
          buf[at] === ASTERISK
            ? this.multibulk(args, buf, at, this.limit, 0, 0, -1)
            : this.inline(args, buf, at, this.limit)
      }
      if (step === REQUEST) return REQUEST
      if (step === PROTOCOL_ERROR) return PROTOCOL_ERROR
    }
  }

  /** The slow path of {@link next}: continues a divided frame, or goes on to the next chunk. */
  private resume(args: Args): Step {
    if (this.error !== '') return PROTOCOL_ERROR
    if (this.partial?.complete) this.partial = null
    while (this.at < this.limit || this.nextChunk()) {
      const partial = this.partial
      if (partial === null) return NO_REQUEST
      const ready = this.extend(partial)
      if (this.overflow) return PROTOCOL_ERROR
      if (!ready) continue
      partial.swapRanges(args)
      const step =
        partial.missingBytes === WHOLE_LINE
          ? this.inline(args, partial.buf, 0, partial.length)
          : this.multibulk(
              args,
              partial.buf,
              partial.at,
              partial.length,
              partial.argc,
              partial.index,
              partial.bulk,
            )
      if (step === NEED_MORE) continue
      partial.restoreRanges(args)
      if (step === REQUEST) partial.complete = true
      else this.partial = null
      return step
    }
    args.clear()
    return NEED_MORE
  }

  /**
   * Decodes a multibulk frame from where decoding stopped: at its own header (`announced` 0), or at argument `index`,
   * whose length is `length`, or -1 when its header is not decoded yet.
   */
  private multibulk(
    args: Args,
    buf: Buffer,
    from: number,
    limit: number,
    announced: number,
    index: number,
    length: number,
  ): Step {
    const { limits, authenticated } = this
    let at = from
    let argc = announced
    if (argc === 0) {
      // The fast path for one digit.
      const digit = limit - at >= 4 && buf[at + 2] === CR ? buf[at + 1] - ZERO : 0
      if (digit > 0 && digit <= 9 && digit <= limits.maxMultibulk) {
        argc = digit
        at += 4
      } else {
        const end = this.lineEnd(buf, at, limit)
        if (end === INCOMPLETE) return this.suspend(args, buf, at, limit, 0, 0, -1)
        if (end === TOO_LONG) return this.fail(args, 'too big mbulk count string')
        argc = multibulkCount(buf, at + 1, end)
        const refused = refuseCount(argc, limits, authenticated)
        if (refused !== '') return this.fail(args, refused)
        at = end + 2
        if (argc <= 0) {
          if (this.partial === null) this.at = at
          return NO_REQUEST
        }
      }
    }
    let { start, end: ends } = args
    let bulk = length
    for (let i = index; i < argc; i++) {
      if (bulk < 0) {
        // The fast path for one or two digits.
        if (limit - at >= 5 && buf[at] === DOLLAR && limits.maxBulk >= 99) {
          const first = buf[at + 1] - ZERO
          const second = buf[at + 2]
          if (first >= 0 && first <= 9) {
            if (second === CR) {
              bulk = first
              at += 4
            } else if (first > 0 && second >= ZERO && second <= ZERO + 9 && buf[at + 3] === CR) {
              bulk = first * 10 + (second - ZERO)
              at += 5
            }
          }
        }
        if (bulk < 0) {
          const end = this.lineEnd(buf, at, limit)
          if (end === INCOMPLETE) return this.suspend(args, buf, at, limit, argc, i, -1)
          if (end === TOO_LONG) return this.fail(args, 'too big bulk count string')
          if (buf[at] !== DOLLAR) {
            return this.fail(args, `expected '$', got '${String.fromCharCode(buf[at])}'`)
          }
          bulk = parseInteger(buf, at + 1, end)
          const refused = refuseLength(bulk, limits, authenticated)
          if (refused !== '') return this.fail(args, refused)
          at = end + 2
        }
      }
      const end = at + bulk
      if (end + 2 > limit) return this.suspend(args, buf, at, limit, argc, i, bulk)
      if (i === start.length) {
        args.grow()
        start = args.start
        ends = args.end
      }
      start[i] = at
      ends[i] = end
      at = end + 2
      bulk = -1
    }
    args.buf = buf
    args.count = argc
    args.frameEnd = at
    if (this.partial === null) {
      args.frameStart = this.at
      this.at = at
    } else args.frameStart = 0
    return REQUEST
  }

  /** Decodes an inline request: one line that ends with `\n` or `\r\n`. */
  private inline(args: Args, buf: Buffer, at: number, limit: number): Step {
    const last = Math.min(limit, at + this.limits.maxInline + 1)
    let lineFeed = at
    while (lineFeed < last && buf[lineFeed] !== LF) lineFeed++
    if (lineFeed === last) {
      if (limit - at > this.limits.maxInline) return this.fail(args, 'too big inline request')
      this.partial = new PartialFrame(buf, at, limit, args, 0)
      this.at = limit
      return NEED_MORE
    }
    const end = lineFeed > at && buf[lineFeed - 1] === CR ? lineFeed - 1 : lineFeed
    args.frameStart = -1
    if (!splitInline(args, buf, at, end)) return this.fail(args, 'unbalanced quotes in request')
    if (this.partial === null) this.at = lineFeed + 1
    return args.count === 0 ? NO_REQUEST : REQUEST
  }

  /** Index of the `\r` that ends the line at `at`, if a byte follows it; else {@link INCOMPLETE} or {@link TOO_LONG}. */
  private lineEnd(buf: Buffer, at: number, limit: number): number {
    const last = Math.min(limit, at + this.limits.maxInline + 1)
    let end = this.partial === null ? at : Math.max(at, this.partial.searched)
    while (end < last && buf[end] !== CR) end++
    if (end === last) return limit - at > this.limits.maxInline ? TOO_LONG : INCOMPLETE
    return end + 1 < limit ? end : INCOMPLETE
  }

  /** Saves an incomplete multibulk frame, and the position that it is decoded to: see {@link PartialFrame.suspend}. */
  private suspend(
    args: Args,
    buf: Buffer,
    at: number,
    limit: number,
    argc: number,
    index: number,
    bulk: number,
  ): typeof NEED_MORE {
    if (this.partial !== null) {
      this.partial.swapRanges(args)
      this.partial.suspend(at, argc, index, bulk)
    } else {
      this.partial = new PartialFrame(buf, this.at, limit, args, index)
      this.partial.suspend(at - this.at, argc, index, bulk)
      this.at = limit
    }
    return NEED_MORE
  }

  private fail(args: Args, what: string): typeof PROTOCOL_ERROR {
    args.clear()
    this.abandon(`Protocol error: ${what}`)
    return PROTOCOL_ERROR
  }
}

/** The count in `buf[start, end)`; NaN: no int64. -1 stands for every count below -2^53. */
function multibulkCount(buf: Buffer, start: number, end: number): number {
  const count = parseInteger(buf, start, end)
  if (Number.isNaN(count) && buf[start] === MINUS && isCanonicalInteger(buf, start, end)) return -1
  return count
}

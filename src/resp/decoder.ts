// Turns the chunks of a connection into requests: Redis's multibulk and inline formats, its limits and its errors.

import { isCanonicalInteger, parseInteger } from '../bytes/numbers/decimal.ts'
import type { Args } from './args.ts'
import { ChunkQueue } from './chunk-queue.ts'
import { splitInline } from './inline.ts'
import { type DecoderLimits, MAX_FRAME, refuseCount, refuseLength } from './limits.ts'
import { PartialFrame, WHOLE_LINE } from './partial-frame.ts'

export type { DecoderLimits } from './limits.ts'

/** Every byte received has been used: feed more. */
export const NEED_MORE = 0
/** A request is in `args`. */
export const REQUEST = 1
/** The client broke the protocol: `error` says how, nothing more is decoded, the connection must close. */
export const PROTOCOL_ERROR = 2

/** A frame without a request: an empty line, a multibulk of no arguments. */
const NO_REQUEST = 3

export type Decoded = typeof NEED_MORE | typeof REQUEST | typeof PROTOCOL_ERROR
type Step = Decoded | typeof NO_REQUEST

const ASTERISK = 0x2a
const DOLLAR = 0x24
const CR = 0x0d
const LF = 0x0a
const ZERO = 0x30
const MINUS = 0x2d

/** What {@link RequestDecoder} gets for a line whose end has not arrived, or will not be waited for. */
const INCOMPLETE = -1
const TOO_LONG = -2

/** What a range costs in {@link Args}: two int32. Counted as held, since a client decides how many there are. */
const RANGE_BYTES = 8

const NOTHING = Buffer.alloc(0)

/**
 * Decodes the requests of one connection, pulled one at a time:
 *
 * ```ts
 * decoder.feed(chunk)
 * while (decoder.next(args) === REQUEST) handle(args)
 * ```
 *
 * Arguments are ranges of the chunk itself; nothing is allocated per request. Only a frame that ends in a later
 * chunk is put together in a buffer of its own (see {@link PartialFrame}), and decoding goes on where it stopped, so
 * the work is linear in the bytes however they are divided. Pulling may stop at any request and go on later, with
 * or without further chunks fed meanwhile.
 *
 * As in Redis, the two bytes after an argument and the byte after a line's `\r` are skipped unread.
 */
export class RequestDecoder {
  /** False while the client may send only what AUTH and HELLO need (Redis: unauthenticated limits). */
  authenticated = true
  /** What the client did wrong, without `-ERR `: `Protocol error: invalid bulk length`. */
  error = ''
  /** Whether the error is too many bytes held: Redis then closes the connection without a reply. */
  overflow = false

  private limits: DecoderLimits
  private chunk: Buffer = NOTHING
  private at = 0
  private limit = 0
  private partial: PartialFrame | null = null
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

  /** What follows was let in elsewhere already: other limits hold for it. */
  relimit(limits: DecoderLimits): void {
    this.limits = limits
  }

  /** Takes over a received chunk, which must not change until it is used up. Ends the validity of `args`. */
  feed(chunk: Buffer): void {
    if (this.error !== '') return
    if (this.at === this.limit && this.queue.empty) {
      this.chunk = chunk
      this.at = 0
      this.limit = chunk.length
      return
    }
    this.queue.push(chunk)
    if (this.buffered > this.limits.maxQueryBuffer) this.failOverflow()
  }

  /** Decodes the next request into `args`, which stay valid until the next call of this or of {@link feed}. */
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

  /** The slower part of {@link next}: continues a divided frame, or turns to the next chunk. */
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

  /** Moves what `partial` wants from the chunk to it; false when that cannot have brought it further. */
  private extend(partial: PartialFrame): boolean {
    const { chunk, at } = this
    const available = this.limit - at
    const whole = partial.missingBytes === WHOLE_LINE
    const lineFeed = whole ? chunk.indexOf(LF, at) : -1
    const wanted = whole ? (lineFeed < 0 ? available : lineFeed + 1 - at) : partial.missingBytes
    const taken = Math.min(wanted, available)
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

  /** Makes the next chunk that waits the current one; false when none does. */
  private nextChunk(): boolean {
    let chunk = this.queue.shift()
    while (chunk !== null && chunk.length === 0) chunk = this.queue.shift()
    this.chunk = chunk ?? NOTHING
    this.at = 0
    this.limit = this.chunk.length
    return chunk !== null
  }

  /**
   * Decodes a multibulk frame from where it stopped: its own header (`announced` 0), or argument `index`, whose
   * length is `length` or still to be read (-1).
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
      // One digit is read here, all else below.
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
        // One or two digits are read here, all else below.
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

  /** Decodes an inline request: one line, ended by `\n` or `\r\n`. */
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

  /** Index of the `\r` that ends the line at `at` and has a byte after it, or {@link INCOMPLETE}, {@link TOO_LONG}. */
  private lineEnd(buf: Buffer, at: number, limit: number): number {
    const last = Math.min(limit, at + this.limits.maxInline + 1)
    let end = this.partial === null ? at : Math.max(at, this.partial.searched)
    while (end < last && buf[end] !== CR) end++
    if (end === last) return limit - at > this.limits.maxInline ? TOO_LONG : INCOMPLETE
    return end + 1 < limit ? end : INCOMPLETE
  }

  /** Keeps what has arrived of a multibulk frame, and how far it is decoded: as in {@link PartialFrame.suspend}. */
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

  private failOverflow(): void {
    this.overflow = true
    this.abandon('max query buffer length reached')
  }

  /** Decodes nothing more, and holds nothing. */
  private abandon(error: string): void {
    this.error = error
    this.partial = null
    this.queue.clear()
    this.chunk = NOTHING
    this.at = 0
    this.limit = 0
  }
}

/** The count that `buf[start, end)` spells; NaN when it is no int64. Below -2^53 only the sign is right. */
function multibulkCount(buf: Buffer, start: number, end: number): number {
  const count = parseInteger(buf, start, end)
  if (Number.isNaN(count) && buf[start] === MINUS && isCanonicalInteger(buf, start, end)) return -1
  return count
}

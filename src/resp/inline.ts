// Splits the line of an inline request into arguments by Redis's quoting rules (`sdssplitargs`).

import type { Args } from './args.ts'

const DOUBLE_QUOTE = 0x22
const SINGLE_QUOTE = 0x27
const BACKSLASH = 0x5c
const LETTER_X = 0x78

/** Escape sequences between double quotes: letter → byte. Any other character stands for itself. */
const ESCAPES: ReadonlyMap<number, number> = new Map([
  [0x6e, 0x0a],
  [0x72, 0x0d],
  [0x74, 0x09],
  [0x62, 0x08],
  [0x61, 0x07],
])

/**
 * Splits `buf[start, end)`, a line without its end, into `args`.
 *
 * Without quotes the ranges refer to `buf`, with quotes to a new buffer with the unescaped bytes.
 *
 * @returns false when a quote is not closed, or a closing quote is not followed by a space or the end.
 */
export function splitInline(args: Args, buf: Buffer, start: number, end: number): boolean {
  args.count = 0
  for (let i = start; i < end; i++) {
    if (buf[i] === DOUBLE_QUOTE || buf[i] === SINGLE_QUOTE) return splitQuoted(args, buf, start, end)
  }
  args.buf = buf
  let at = start
  for (;;) {
    while (at < end && isSpace(buf[at])) at++
    if (at === end) return true
    const from = at
    while (at < end && !endsToken(buf[at])) at++
    add(args, from, at)
  }
}

function splitQuoted(args: Args, buf: Buffer, start: number, end: number): boolean {
  // Unescaping never makes the text longer.
  const out = Buffer.allocUnsafe(end - start)
  args.buf = out
  let at = start
  let to = 0
  for (;;) {
    while (at < end && isSpace(buf[at])) at++
    if (at === end) return true
    const from = to
    let quote = 0
    for (; at < end; at++) {
      const c = buf[at]
      if (quote === 0) {
        if (endsToken(c)) break
        if (c === DOUBLE_QUOTE || c === SINGLE_QUOTE) quote = c
        else out[to++] = c
      } else if (c === quote) {
        if (at + 1 < end && !isSpace(buf[at + 1])) return false
        quote = 0
        at++
        break
      } else if (c !== BACKSLASH || at + 1 === end) {
        out[to++] = c
      } else if (quote === SINGLE_QUOTE) {
        if (buf[at + 1] === SINGLE_QUOTE) at++
        out[to++] = buf[at]
      } else {
        const byte = buf[at + 1] === LETTER_X && at + 3 < end ? hexByte(buf[at + 2], buf[at + 3]) : -1
        out[to++] = byte >= 0 ? byte : (ESCAPES.get(buf[at + 1]) ?? buf[at + 1])
        at += byte >= 0 ? 3 : 1
      }
    }
    if (quote !== 0) return false
    add(args, from, to)
  }
}

function add(args: Args, from: number, to: number): void {
  const i = args.count
  if (i === args.start.length) args.grow()
  args.start[i] = from
  args.end[i] = to
  args.count = i + 1
}

/** Whether a byte separates arguments: C `isspace`. */
function isSpace(c: number): boolean {
  return c === 0x20 || (c >= 0x09 && c <= 0x0d)
}

/** Whether a byte ends an argument outside quotes. Vertical tab and form feed separate arguments but do not end one. */
function endsToken(c: number): boolean {
  return c === 0x20 || c === 0x09 || c === 0x0a || c === 0x0d
}

function hexByte(high: number, low: number): number {
  const h = hexDigit(high)
  const l = hexDigit(low)
  return h < 0 || l < 0 ? -1 : h * 16 + l
}

function hexDigit(c: number): number {
  if (c >= 0x30 && c <= 0x39) return c - 0x30
  const letter = c | 0x20
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1
}

// Glob patterns over bytes, for KEYS, SCAN MATCH and CONFIG GET (Redis: `stringmatchlen`).

import { Elements, STAR_CODE } from './glob-elements.ts'
import { SegmentSearch } from './glob-search.ts'

/** Steps per byte of the text after which a segment is worth a search that needs tables. */
const STEPS_PER_BYTE = 8

/**
 * A compiled pattern.
 *
 * `*` any bytes, `?` one byte, `[abc]` `[a-z]` `[^a]` one byte in (not in) a class, `\x` the byte x. The edge cases are
 * Redis's: an unclosed class ends with the pattern, `]` directly after `[` closes it, a range may be reversed, an escaped
 * byte in a class is case-sensitive even with `nocase`, and an empty text matches only an empty pattern (not `*`:
 * Redis's commands handle that before). Bytes are unsigned.
 *
 * Every element except `*` matches exactly one byte, whatever the size of its class. So the part before the first star
 * is compared at the start of the text, the part after the last star at its end, and each segment between two stars is
 * searched once, from left to right: its first occurrence is sufficient.
 */
export class Glob {
  readonly #elements: Elements
  /** The index of the first star; without one, the number of elements. */
  readonly #head: number
  /** The index after the last star; 0: there is none. */
  readonly #tail: number
  #search: SegmentSearch | undefined

  /** The bytes of the pattern must not change while this is in use. */
  constructor(pattern: Uint8Array, start: number, end: number, nocase = false) {
    this.#elements = new Elements(pattern, start, end, nocase)
    const { codes } = this.#elements
    const head = codes.indexOf(STAR_CODE)
    this.#head = head < 0 ? codes.length : head
    this.#tail = codes.lastIndexOf(STAR_CODE) + 1
  }

  /** Whether `text[start, end)` matches. Allocates nothing, unless the text is long and nearly matches in many places. */
  matches(text: Uint8Array, start: number, end: number): boolean {
    const elements = this.#elements
    const { codes } = elements
    if (start === end) return codes.length === 0
    const tail = this.#tail
    const head = this.#head
    if (tail === 0 ? end - start !== head : end - start < head + codes.length - tail) return false
    for (let i = 0; i < head; i++) if (!elements.fits(codes[i], text[start + i])) return false
    if (tail === 0) return true
    const limit = end - (codes.length - tail)
    for (let i = tail, t = limit; t < end; i++, t++) if (!elements.fits(codes[i], text[t])) return false
    for (let first = head + 1, t = start + head; first < tail; ) {
      const last = codes.indexOf(STAR_CODE, first)
      t = this.#find(first, last, text, t, limit)
      if (t < 0) return false
      t += last - first
      first = last + 1
    }
    return true
  }

  /** Where the segment `[first, last)` occurs in `text[start, end)` for the first time; -1: nowhere. */
  #find(first: number, last: number, text: Uint8Array, start: number, end: number): number {
    const elements = this.#elements
    const { codes } = elements
    const length = last - first
    let steps = STEPS_PER_BYTE * (end - start + length)
    for (let t = start; t + length <= end; t++) {
      let i = 0
      while (i < length && elements.fits(codes[first + i], text[t + i])) i++
      if (i === length) return t
      steps -= i
      if (steps < 0) {
        this.#search ??= new SegmentSearch(elements)
        return this.#search.find(first, last, text, t + 1, end)
      }
    }
    return -1
  }
}

/** Matches one text. To match many, compile the pattern once. */
export function globMatch(
  pattern: Uint8Array,
  patternStart: number,
  patternEnd: number,
  text: Uint8Array,
  textStart: number,
  textEnd: number,
  nocase = false,
): boolean {
  return new Glob(pattern, patternStart, patternEnd, nocase).matches(text, textStart, textEnd)
}

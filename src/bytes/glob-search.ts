// The search for a segment of a glob pattern in a text that nearly matches in many places.

import { ANY_CODE, type Elements } from './glob-elements.ts'

/** Words of the tables of a segment at most (64 MB): a longer one is compared byte by byte. */
const MAX_WORDS = 2 ** 24

export class SegmentSearch {
  readonly #elements: Elements
  /** The segment whose tables these are; 0: none, since a star comes before each segment. */
  #first = 0
  /** For each byte, a bit for each element that it fits. */
  #masks = new Int32Array(0)
  /** Bit i: the last i + 1 bytes fit the first i + 1 elements. */
  #state = new Int32Array(0)

  constructor(elements: Elements) {
    this.#elements = elements
  }

  /**
   * Where the segment `[first, last)` occurs in `text[start, end)` for the first time; -1: nowhere. Bytes alone are
   * searched natively (Boyer-Moore), classes by the Shift-And algorithm: 32 elements in one step.
   */
  find(first: number, last: number, text: Uint8Array, start: number, end: number): number {
    const segment = this.#elements.codes.subarray(first, last)
    if (!this.#elements.nocase && segment.every((code) => code < ANY_CODE)) {
      const found = Buffer.prototype.indexOf.call(text.subarray(start, end), Uint8Array.from(segment))
      return found < 0 ? -1 : start + found
    }
    const words = Math.ceil(segment.length / 32)
    if (256 * words > MAX_WORDS) return this.#compare(first, last, text, start, end)
    if (first !== this.#first) this.#prepare(segment, words)
    this.#first = first
    return this.#shiftAnd(segment.length, words, text, start, end)
  }

  #prepare(segment: Uint16Array | Uint32Array, words: number): void {
    this.#masks = new Int32Array(256 * words)
    this.#state = new Int32Array(words)
    for (let i = 0; i < segment.length; i++) {
      const code = segment[i]
      const bit = 1 << (i & 31)
      for (let c = 0; c < 256; c++)
        if (this.#elements.fits(code, c)) this.#masks[c * words + (i >>> 5)] |= bit
    }
  }

  #shiftAnd(length: number, words: number, text: Uint8Array, start: number, end: number): number {
    const masks = this.#masks
    const state = this.#state.fill(0)
    const lastBit = 1 << ((length - 1) & 31)
    // Words above it are 0.
    let top = 0
    for (let t = start; t < end; t++) {
      const row = text[t] * words
      const most = Math.min(top + 1, words - 1)
      let carry = 1
      top = 0
      for (let w = 0; w <= most; w++) {
        const old = state[w]
        const fresh = ((old << 1) | carry) & masks[row + w]
        carry = old >>> 31
        state[w] = fresh
        if (fresh !== 0) top = w
      }
      if (top === words - 1 && (state[top] & lastBit) !== 0) return t + 1 - length
    }
    return -1
  }

  #compare(first: number, last: number, text: Uint8Array, start: number, end: number): number {
    const { codes } = this.#elements
    const length = last - first
    for (let t = start; t + length <= end; t++) {
      let i = 0
      while (i < length && this.#elements.fits(codes[first + i], text[t + i])) i++
      if (i === length) return t
    }
    return -1
  }
}

// The elements of a glob pattern: one number for each byte of the text that it matches, and for each star.

import { LOWER } from './ascii.ts'

const STAR = 0x2a
const QUESTION = 0x3f
const OPEN = 0x5b
const CLOSE = 0x5d
const CARET = 0x5e
const BACKSLASH = 0x5c
const DASH = 0x2d

/** Codes below are literal bytes, codes from `FIRST_CLASS` on classes. */
export const ANY_CODE = 256
export const STAR_CODE = 257
const FIRST_CLASS = 258
const MAX_UINT16 = 0xffff
/** Classes written with at most this many bytes share their sets, up to this many different ones. */
const SHARED_BYTES = 16
const MAX_SHARED = 256

/**
 * The pattern is read once, in a few steps per byte. The set of a class is built when the class is first compared:
 * most classes of a long pattern never are. The bytes of the pattern must not change.
 */
export class Elements {
  /** No two stars are neighbours, and no `?` follows a star: `*?` is `?*`. */
  readonly codes: Uint16Array | Uint32Array
  readonly nocase: boolean
  readonly #pattern: Uint8Array
  readonly #end: number
  /** Where the members of each class begin. */
  readonly #classes: Uint32Array
  /** By class: 256 bits. */
  readonly #sets: (Uint8Array | undefined)[] = []
  readonly #shared = new Map<string, Uint8Array>()

  constructor(pattern: Uint8Array, start: number, end: number, nocase: boolean) {
    this.#pattern = pattern
    this.#end = end
    this.nocase = nocase
    let most = 0
    for (let p = start; p < end; p++) if (pattern[p] === OPEN) most++
    this.#classes = new Uint32Array(most)
    const codes =
      FIRST_CLASS + most > MAX_UINT16 ? new Uint32Array(end - start) : new Uint16Array(end - start)
    this.codes = codes.subarray(0, this.#read(codes, start))
  }

  /** Whether a byte is what an element wants that is not a star. */
  fits(code: number, c: number): boolean {
    if (code < ANY_CODE) return code === (this.nocase ? LOWER[c] : c)
    if (code === ANY_CODE) return true
    const set = this.#sets[code - FIRST_CLASS] ?? this.#set(code - FIRST_CLASS)
    return (set[c >>> 3] & (1 << (c & 7))) !== 0
  }

  /** Returns the number of elements. */
  #read(codes: Uint16Array | Uint32Array, start: number): number {
    const pattern = this.#pattern
    const end = this.#end
    let count = 0
    let classCount = 0
    for (let p = start; p < end; p++) {
      const first = pattern[p]
      const follows = count > 0 && codes[count - 1] === STAR_CODE
      if (first === STAR) {
        if (!follows) codes[count++] = STAR_CODE
      } else if (first === QUESTION) {
        if (follows) codes[count - 1] = ANY_CODE
        codes[count++] = follows ? STAR_CODE : ANY_CODE
      } else if (first === OPEN) {
        this.#classes[classCount] = p + 1
        codes[count++] = FIRST_CLASS + classCount++
        p++
        while (p < end && pattern[p] !== CLOSE) p = this.#afterMember(p)
      } else {
        if (first === BACKSLASH && p + 1 < end) p++
        codes[count++] = this.nocase ? LOWER[pattern[p]] : pattern[p]
      }
    }
    return count
  }

  /** Where the member of a class ends that begins at `p`. */
  #afterMember(p: number): number {
    const left = this.#end - p
    if (this.#pattern[p] === BACKSLASH && left > 1) return p + 2
    return left > 2 && this.#pattern[p + 1] === DASH ? p + 3 : p + 1
  }

  #set(index: number): Uint8Array {
    const start = this.#classes[index]
    let end = start
    while (end < this.#end && this.#pattern[end] !== CLOSE) end = this.#afterMember(end)
    const source = end - start > SHARED_BYTES ? undefined : this.#pattern.subarray(start, end).join()
    const set = (source !== undefined && this.#shared.get(source)) || this.#build(start)
    if (source !== undefined && this.#shared.size < MAX_SHARED) this.#shared.set(source, set)
    this.#sets[index] = set
    return set
  }

  #build(start: number): Uint8Array {
    const { nocase } = this
    const pattern = this.#pattern
    const negated = start < this.#end && pattern[start] === CARET
    // Members as differences of neighbours: a range costs two steps, whatever its width.
    const ranges = new Int32Array(257)
    const escaped = new Uint8Array(256)
    let next = negated ? start + 1 : start
    for (let p = next; p < this.#end && pattern[p] !== CLOSE; p = next) {
      next = this.#afterMember(p)
      if (next === p + 2) {
        escaped[pattern[p + 1]] = 1
        continue
      }
      const last = pattern[next - 1]
      let low = Math.min(pattern[p], last)
      let high = Math.max(pattern[p], last)
      if (nocase) {
        low = LOWER[low]
        high = LOWER[high]
      }
      // Lower case may have reversed it: then it is empty.
      if (low > high) continue
      ranges[low]++
      ranges[high + 1]--
    }
    for (let c = 1; c < 256; c++) ranges[c] += ranges[c - 1]
    const set = new Uint8Array(32)
    for (let c = 0; c < 256; c++) {
      const found = escaped[c] === 1 || ranges[nocase ? LOWER[c] : c] > 0
      if (found !== negated) set[c >>> 3] |= 1 << (c & 7)
    }
    return set
  }
}

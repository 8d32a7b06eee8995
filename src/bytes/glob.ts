// Glob patterns over bytes, for KEYS, SCAN MATCH and CONFIG GET (Redis: `stringmatchlen`).

import { LOWER } from './ascii.ts'

const STAR = 0x2a
const QUESTION = 0x3f
const OPEN = 0x5b
const CLOSE = 0x5d
const CARET = 0x5e
const BACKSLASH = 0x5c
const DASH = 0x2d

/**
 * Whether `text[textStart, textEnd)` matches the pattern in `pattern[patternStart, patternEnd)`.
 *
 * `*` any bytes, `?` one byte, `[abc]` `[a-z]` `[^a]` one byte in (not in) a class, `\x` the byte x. The edge cases are
 * Redis's: an unclosed class ends with the pattern, `]` directly after `[` closes it, a range may be reversed, an escaped
 * byte in a class is case-sensitive even with `nocase`, and an empty text matches only an empty pattern (not `*`:
 * Redis's commands handle that before). Bytes are unsigned.
 *
 * Every element except `*` matches exactly one byte, so backtracking to the latest `*` is sufficient: at most
 * pattern × text steps. Allocates nothing.
 */
export function globMatch(
  pattern: Uint8Array,
  patternStart: number,
  patternEnd: number,
  text: Uint8Array,
  textStart: number,
  textEnd: number,
  nocase = false,
): boolean {
  let p = patternStart
  let t = textStart
  // Where to resume after the latest star, and the first text byte that this star does not match yet.
  let afterStar = -1
  let retry = 0
  while (t < textEnd) {
    if (p < patternEnd) {
      if (pattern[p] === STAR) {
        do p++
        while (p < patternEnd && pattern[p] === STAR)
        if (p === patternEnd) return true
        afterStar = p
        retry = t
        continue
      }
      const next = matchOne(pattern, p, patternEnd, text[t], nocase)
      if (next > 0) {
        p = next
        t++
        continue
      }
    }
    if (afterStar < 0) return false
    p = afterStar
    t = ++retry
  }
  // Remaining stars match the empty text, but only after a byte that matched.
  if (t > textStart) while (p < patternEnd && pattern[p] === STAR) p++
  return p === patternEnd
}

/** Matches the byte `c` with the element at `p`. Returns the index after the element, or 0 if it differs. */
function matchOne(pattern: Uint8Array, p: number, end: number, c: number, nocase: boolean): number {
  const first = pattern[p]
  if (first === QUESTION) return p + 1
  if (first === OPEN) return matchClass(pattern, p + 1, end, c, nocase)
  const at = first === BACKSLASH && p + 1 < end ? p + 1 : p
  const same = nocase ? LOWER[pattern[at]] === LOWER[c] : pattern[at] === c
  return same ? at + 1 : 0
}

/** The same for a class. `start` is after its `[`. */
function matchClass(pattern: Uint8Array, start: number, end: number, c: number, nocase: boolean): number {
  const negated = start < end && pattern[start] === CARET
  const folded = nocase ? LOWER[c] : c
  let found = false
  let p = negated ? start + 1 : start
  for (; p < end && pattern[p] !== CLOSE; p++) {
    if (pattern[p] === BACKSLASH && p + 1 < end) {
      if (pattern[++p] === c) found = true
    } else if (p + 2 < end && pattern[p + 1] === DASH) {
      let low = Math.min(pattern[p], pattern[p + 2])
      let high = Math.max(pattern[p], pattern[p + 2])
      if (nocase) {
        low = LOWER[low]
        high = LOWER[high]
      }
      if (folded >= low && folded <= high) found = true
      p += 2
    } else if ((nocase ? LOWER[pattern[p]] : pattern[p]) === folded) {
      found = true
    }
  }
  if (found === negated) return 0
  return p < end ? p + 1 : end
}

// LZF, the compression of long strings in a dump.

/*
 *   000nnnnn                        n + 1 literal bytes follow
 *   nnnooooo oooooooo               n + 2 bytes (n: 1 to 6) from o + 1 bytes before
 *   111ooooo nnnnnnnn oooooooo      n + 9 bytes from o + 1 bytes before
 */

const MAX_LITERALS = 32
const MAX_DISTANCE = 1 << 13
const MAX_MATCH = 264
const MIN_MATCH = 3
/** Matches up to this length have the short form. */
const SHORT_MATCH = 8

/** No three bytes of compressed input give more output than this many per byte. */
export const MAX_RATIO = MAX_MATCH / 3

const HASH_BITS = 14

/** After 2^this bytes without a repetition, only every other position is tried, and so on. */
const STEP_SHIFT = 9
const MAX_STEP = 8

/** Per hash of three bytes: where they were last, counted from `#base` on. Allocated with the first compression. */
let table: Int32Array | undefined
/** Positions of earlier inputs are below this, so that the table need not be cleared for each input. */
let base = 0

/**
 * Decompresses `source[start, end)` to exactly `target[at, targetEnd)`. False: the input is malformed or its output has
 * another length; then the target's bytes are undefined.
 */
export function decompress(
  source: Uint8Array,
  start: number,
  end: number,
  target: Uint8Array,
  at: number,
  targetEnd: number,
): boolean {
  let from = start
  let to = at
  while (from < end) {
    const control = source[from++]
    if (control < MAX_LITERALS) {
      const stop = from + control + 1
      if (stop > end || to + control + 1 > targetEnd) return false
      while (from < stop) target[to++] = source[from++]
      continue
    }
    let length = control >>> 5
    if (length === 7) {
      if (from === end) return false
      length += source[from++]
    }
    if (from === end) return false
    let copied = to - ((control & 0x1f) << 8) - source[from++] - 1
    const stop = to + length + 2
    if (copied < at || stop > targetEnd) return false
    while (to < stop) target[to++] = target[copied++]
  }
  return to === targetEnd
}

/**
 * Compresses `source[start, end)` into `target` from `at` on, as long as the result stays below `limit`.
 *
 * @returns the index after the result; 0: it would not have stayed below
 */
export function compress(
  source: Uint8Array,
  start: number,
  end: number,
  target: Uint8Array,
  at: number,
  limit: number,
): number {
  table ??= new Int32Array(1 << HASH_BITS)
  if (base + end - start > 0x3fff_ffff) {
    table.fill(0)
    base = 0
  }
  const origin = base + 1 - start
  base += end - start
  let to = at
  let literalsFrom = start
  let from = start
  for (const last = end - MIN_MATCH; from <= last; ) {
    const three = (source[from] << 16) | (source[from + 1] << 8) | source[from + 2]
    const hash = Math.imul(three, 0x9e3779b1) >>> (32 - HASH_BITS)
    const candidate = table[hash] - origin
    table[hash] = from + origin
    const isMatch =
      candidate >= start &&
      from - candidate <= MAX_DISTANCE &&
      source[candidate] === source[from] &&
      source[candidate + 1] === source[from + 1] &&
      source[candidate + 2] === source[from + 2]
    if (!isMatch) {
      // After a long incompressible stretch, positions are tried in larger steps.
      from += Math.min(MAX_STEP, 1 + ((from - literalsFrom) >>> STEP_SHIFT))
      continue
    }
    to = copyLiterals(source, literalsFrom, from, target, to, limit)
    if (to === 0 || to + 3 > limit) return 0
    const longest = Math.min(MAX_MATCH, end - from)
    let length = MIN_MATCH
    while (length < longest && source[candidate + length] === source[from + length]) length++
    const distance = from - candidate - 1
    if (length <= SHORT_MATCH) {
      target[to++] = ((length - 2) << 5) | (distance >>> 8)
    } else {
      target[to++] = 0xe0 | (distance >>> 8)
      target[to++] = length - SHORT_MATCH - 1
    }
    target[to++] = distance & 0xff
    from += length
    literalsFrom = from
  }
  return copyLiterals(source, literalsFrom, end, target, to, limit)
}

/** The index after the literals; 0: above the limit. */
function copyLiterals(
  source: Uint8Array,
  start: number,
  end: number,
  target: Uint8Array,
  at: number,
  limit: number,
): number {
  let from = start
  let to = at
  while (from < end) {
    const stop = Math.min(end, from + MAX_LITERALS)
    if (to + 1 + stop - from > limit) return 0
    target[to++] = stop - from - 1
    while (from < stop) target[to++] = source[from++]
  }
  return to
}

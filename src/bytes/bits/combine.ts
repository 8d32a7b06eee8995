// Combines ranges of bytes bit by bit. A shorter range counts as if zeros followed it.

export type BitOperation = 'and' | 'or' | 'xor'

/** A buffer with a view of its words, which begin with it. */
export interface Bits {
  readonly bytes: Buffer
  readonly words: Int32Array
}

/** Room for `length` bytes, with any content. */
export function allocateBits(length: number): Bits {
  const bytes = Buffer.allocUnsafeSlow((length + 3) & ~3)
  return { bytes, words: new Int32Array(bytes.buffer, 0, bytes.length >>> 2) }
}

/**
 * Combines the first `length` bytes of `target` with `source[start, end)`, which is not longer. `view` is the same
 * memory as `source`: its start need not be that of a word.
 */
export function combineBits(
  operation: BitOperation,
  { bytes, words }: Bits,
  length: number,
  source: Uint8Array,
  view: DataView,
  start: number,
  end: number,
): void {
  const count = (end - start) >>> 2
  if (operation === 'and') {
    andWords(words, count, view, start)
    for (let i = count << 2; i < end - start; i++) bytes[i] &= source[start + i]
    bytes.fill(0, end - start, length)
  } else if (operation === 'or') {
    orWords(words, count, view, start)
    for (let i = count << 2; i < end - start; i++) bytes[i] |= source[start + i]
  } else {
    xorWords(words, count, view, start)
    for (let i = count << 2; i < end - start; i++) bytes[i] ^= source[start + i]
  }
}

/** Inverts the first `length` bytes, and up to three after them. */
export function invertBits({ words }: Bits, length: number): void {
  const count = (length + 3) >>> 2
  let i = 0
  for (const last = count - 3; i < last; i += 4) {
    words[i] = ~words[i]
    words[i + 1] = ~words[i + 1]
    words[i + 2] = ~words[i + 2]
    words[i + 3] = ~words[i + 3]
  }
  for (; i < count; i++) words[i] = ~words[i]
}

// Four words in each round, since V8 checks for interrupts in each: twice as fast as one.

function andWords(words: Int32Array, count: number, view: DataView, start: number): void {
  let i = 0
  let at = start
  for (const last = count - 3; i < last; i += 4, at += 16) {
    words[i] &= view.getInt32(at, true)
    words[i + 1] &= view.getInt32(at + 4, true)
    words[i + 2] &= view.getInt32(at + 8, true)
    words[i + 3] &= view.getInt32(at + 12, true)
  }
  for (; i < count; i++, at += 4) words[i] &= view.getInt32(at, true)
}

function orWords(words: Int32Array, count: number, view: DataView, start: number): void {
  let i = 0
  let at = start
  for (const last = count - 3; i < last; i += 4, at += 16) {
    words[i] |= view.getInt32(at, true)
    words[i + 1] |= view.getInt32(at + 4, true)
    words[i + 2] |= view.getInt32(at + 8, true)
    words[i + 3] |= view.getInt32(at + 12, true)
  }
  for (; i < count; i++, at += 4) words[i] |= view.getInt32(at, true)
}

function xorWords(words: Int32Array, count: number, view: DataView, start: number): void {
  let i = 0
  let at = start
  for (const last = count - 3; i < last; i += 4, at += 16) {
    words[i] ^= view.getInt32(at, true)
    words[i + 1] ^= view.getInt32(at + 4, true)
    words[i + 2] ^= view.getInt32(at + 8, true)
    words[i + 3] ^= view.getInt32(at + 12, true)
  }
  for (; i < count; i++, at += 4) words[i] ^= view.getInt32(at, true)
}

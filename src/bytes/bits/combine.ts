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
    for (let i = 0; i < count; i++) words[i] &= view.getInt32(start + (i << 2), true)
    for (let i = count << 2; i < end - start; i++) bytes[i] &= source[start + i]
    bytes.fill(0, end - start, length)
  } else if (operation === 'or') {
    for (let i = 0; i < count; i++) words[i] |= view.getInt32(start + (i << 2), true)
    for (let i = count << 2; i < end - start; i++) bytes[i] |= source[start + i]
  } else {
    for (let i = 0; i < count; i++) words[i] ^= view.getInt32(start + (i << 2), true)
    for (let i = count << 2; i < end - start; i++) bytes[i] ^= source[start + i]
  }
}

/** Inverts the first `length` bytes. */
export function invertBits({ words }: Bits, length: number): void {
  for (let i = 0; i << 2 < length; i++) words[i] = ~words[i]
}

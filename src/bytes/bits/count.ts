// Counts the bits that are set in a range of bytes.

import { loadPopulationCount, PIECE_BYTES, type PopulationCount } from './population-count.ts'

/** From this many bytes on, the native count is faster although the bytes are copied for it. */
const NATIVE_BYTES = 512

/** Bits set in each byte. */
const BITS_OF_BYTE = Uint8Array.from({ length: 256 }, (_, byte) => bitsOf(byte))

/** Made when it is first needed; null: there is none. */
let native: PopulationCount | null | undefined

/** The bits set in `bytes[start, end)`. `words` is the same memory as `bytes`. Short ranges allocate nothing. */
export function countBits(bytes: Uint8Array, words: Int32Array, start: number, end: number): number {
  if (end - start >= NATIVE_BYTES) {
    if (native === undefined) native = loadPopulationCount()
    if (native !== null) return countNatively(native, bytes, start, end)
  }
  let count = 0
  let at = start
  for (; at < end && (at & 3) !== 0; at++) count += BITS_OF_BYTE[bytes[at]]
  let word = at >>> 2
  const lastWord = word + ((end - at) >>> 2)
  at += (lastWord - word) << 2
  for (; word < lastWord; word++) count += bitsOf(words[word])
  for (; at < end; at++) count += BITS_OF_BYTE[bytes[at]]
  return count
}

function countNatively(
  { memory, count }: PopulationCount,
  bytes: Uint8Array,
  start: number,
  end: number,
): number {
  let sum = 0
  for (let at = start; at < end; at += PIECE_BYTES) {
    const length = Math.min(PIECE_BYTES, end - at)
    memory.set(bytes.subarray(at, at + length))
    sum += count(length)
  }
  return sum
}

/** The bits set in a word. Source: H. S. Warren, "Hacker's Delight", figure 5-2. */
function bitsOf(word: number): number {
  let x = word - ((word >>> 1) & 0x55555555)
  x = (x & 0x33333333) + ((x >>> 2) & 0x33333333)
  return Math.imul((x + (x >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24
}

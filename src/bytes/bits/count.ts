// Counts the bits that are set in a range of bytes.

/** Words per call of `countWords`: their bits fit an int32. */
const MAX_WORDS = 1 << 22

/** Bits set in each byte. */
const BITS_OF_BYTE = Uint8Array.from({ length: 256 }, (_, byte) => bitsOf(byte))

/** The bits set in `bytes[start, end)`. `words` is the same memory as `bytes`. Allocates nothing. */
export function countBits(bytes: Uint8Array, words: Int32Array, start: number, end: number): number {
  let count = 0
  let at = start
  for (; at < end && (at & 3) !== 0; at++) count += BITS_OF_BYTE[bytes[at]]
  let word = at >>> 2
  const lastWord = word + ((end - at) >>> 2)
  at += (lastWord - word) << 2
  for (; word < lastWord; word += MAX_WORDS)
    count += countWords(words, word, Math.min(lastWord, word + MAX_WORDS))
  for (; at < end; at++) count += BITS_OF_BYTE[bytes[at]]
  return count
}

/** The bits set in a word. Source: H. S. Warren, "Hacker's Delight", figure 5-2. */
function bitsOf(word: number): number {
  let x = word - ((word >>> 1) & 0x55555555)
  x = (x & 0x33333333) + ((x >>> 2) & 0x33333333)
  return Math.imul((x + (x >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24
}

/**
 * The bits set in `words[from, to)`. Eight words go through a tree of carry-save adders, so that one of eight is counted
 * by itself. Source: R. Harley and D. Seal, in "Hacker's Delight", figure 5-9.
 */
function countWords(words: Int32Array, from: number, to: number): number {
  let ones = 0
  let twos = 0
  let fours = 0
  let eights = 0
  let i = from
  for (const last = to - 7; i < last; i += 8) {
    const a = words[i]
    const b = words[i + 1]
    const c = words[i + 2]
    const d = words[i + 3]
    const e = words[i + 4]
    const f = words[i + 5]
    const g = words[i + 6]
    const h = words[i + 7]
    let sum = ones ^ a
    const twosA = (ones & a) | (sum & b)
    ones = sum ^ b
    sum = ones ^ c
    const twosB = (ones & c) | (sum & d)
    ones = sum ^ d
    sum = twos ^ twosA
    const foursA = (twos & twosA) | (sum & twosB)
    twos = sum ^ twosB
    sum = ones ^ e
    const twosC = (ones & e) | (sum & f)
    ones = sum ^ f
    sum = ones ^ g
    const twosD = (ones & g) | (sum & h)
    ones = sum ^ h
    sum = twos ^ twosC
    const foursB = (twos & twosC) | (sum & twosD)
    twos = sum ^ twosD
    sum = fours ^ foursA
    eights = (eights + bitsOf((fours & foursA) | (sum & foursB))) | 0
    fours = sum ^ foursB
  }
  let count = 8 * eights + 4 * bitsOf(fours) + 2 * bitsOf(twos) + bitsOf(ones)
  for (; i < to; i++) count += bitsOf(words[i])
  return count
}

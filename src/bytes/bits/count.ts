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
    let sum = ones ^ words[i]
    const carry0 = (ones & words[i]) | (sum & words[i + 1])
    ones = sum ^ words[i + 1]
    sum = ones ^ words[i + 2]
    const carry1 = (ones & words[i + 2]) | (sum & words[i + 3])
    ones = sum ^ words[i + 3]
    sum = twos ^ carry0
    const carry01 = (twos & carry0) | (sum & carry1)
    twos = sum ^ carry1
    sum = ones ^ words[i + 4]
    const carry2 = (ones & words[i + 4]) | (sum & words[i + 5])
    ones = sum ^ words[i + 5]
    sum = ones ^ words[i + 6]
    const carry3 = (ones & words[i + 6]) | (sum & words[i + 7])
    ones = sum ^ words[i + 7]
    sum = twos ^ carry2
    const carry23 = (twos & carry2) | (sum & carry3)
    twos = sum ^ carry3
    sum = fours ^ carry01
    eights = (eights + bitsOf((fours & carry01) | (sum & carry23))) | 0
    fours = sum ^ carry23
  }
  let count = 8 * eights + 4 * bitsOf(fours) + 2 * bitsOf(twos) + bitsOf(ones)
  for (; i < to; i++) count += bitsOf(words[i])
  return count
}

// Finds the first bit of a value in a range of bits. Bit 0 is the highest one of the first byte, as in Redis.

/**
 * The first bit from `first` to `last` that is `bit`, or -1. Bits are counted from `bytes[start]`; `words` is the same
 * memory as `bytes`. Allocates nothing.
 */
export function findBit(
  bytes: Uint8Array,
  words: Int32Array,
  start: number,
  first: number,
  last: number,
  bit: 0 | 1,
): number {
  // Where a byte differs from `skipped`, it has such a bit.
  const skipped = bit === 1 ? 0 : 0xff
  const begin = start + Math.floor(first / 8)
  const end = start + Math.floor(last / 8) + 1
  let at = begin
  let found = (bytes[begin] ^ skipped) & (0xff >>> (first % 8))
  if (found === 0) {
    at = firstOther(bytes, words, begin + 1, end, skipped)
    if (at === end) return -1
    found = bytes[at] ^ skipped
  }
  const position = (at - start) * 8 + Math.clz32(found) - 24
  return position <= last ? position : -1
}

/** The first byte in `bytes[start, end)` that is not `skipped`, 0 or 0xff; `end` if there is none. */
function firstOther(
  bytes: Uint8Array,
  words: Int32Array,
  start: number,
  end: number,
  skipped: number,
): number {
  let at = start
  for (; at < end && (at & 3) !== 0; at++) if (bytes[at] !== skipped) return at
  const skippedWord = skipped === 0 ? 0 : -1
  let word = at >>> 2
  const lastWord = word + ((end - at) >>> 2)
  // Eight words at a time: V8 checks for interrupts in each round of a loop.
  while (word < lastWord - 7 && areAll(words, word, skippedWord)) word += 8
  while (word < lastWord && words[word] === skippedWord) word++
  if (at < end) at = word << 2
  for (; at < end; at++) if (bytes[at] !== skipped) return at
  return end
}

/** Whether the eight words from `at` on are `word`. */
function areAll(words: Int32Array, at: number, word: number): boolean {
  const a = (words[at] ^ word) | (words[at + 1] ^ word) | (words[at + 2] ^ word) | (words[at + 3] ^ word)
  const b = (words[at + 4] ^ word) | (words[at + 5] ^ word) | (words[at + 6] ^ word) | (words[at + 7] ^ word)
  return (a | b) === 0
}

// The order of a tree by hash, for elements that are inserted all at once.

const BITS = 11
const BUCKETS = 1 << BITS
const PASSES = 3

/** The indexes of hashes in their unsigned order, by a radix sort. */
export function orderOfHashes(hashes: Int32Array): Int32Array {
  const { length } = hashes
  let order = new Int32Array(length)
  let other = new Int32Array(length)
  for (let i = 0; i < length; i++) order[i] = i
  const starts = new Int32Array(BUCKETS)
  for (let pass = 0; pass < PASSES; pass++) {
    const shift = pass * BITS
    starts.fill(0)
    for (let i = 0; i < length; i++) starts[(hashes[i] >>> shift) & (BUCKETS - 1)]++
    for (let bucket = 0, sum = 0; bucket < BUCKETS; bucket++) {
      const count = starts[bucket]
      starts[bucket] = sum
      sum += count
    }
    for (let i = 0; i < length; i++) {
      const index = order[i]
      other[starts[(hashes[index] >>> shift) & (BUCKETS - 1)]++] = index
    }
    ;[order, other] = [other, order]
  }
  return order
}

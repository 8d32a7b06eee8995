// Reproducible random numbers, which depend only on a seed.

/** xorshift32: uniform in [0, 2^32). */
export type Random = () => number

export function seededRandom(seed: number): Random {
  let state = seed | 0 || 1
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return state >>> 0
  }
}

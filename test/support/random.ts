// Reproducible random numbers, which depend only on a seed, and how often random tests run.

/** `ERINYS_TEST_RUNS`: how many times as often as usual each random test runs. See `other-runs.ts`. */
export const RUNS_FACTOR = Number(process.env.ERINYS_TEST_RUNS ?? 1)
if (!(RUNS_FACTOR > 0)) throw new Error('ERINYS_TEST_RUNS: expected a number above 0')

/** `ERINYS_TEST_SEED`: is added to the seeds of tests that have a fixed one. */
export const SEED_OFFSET = Number(process.env.ERINYS_TEST_SEED ?? 0)
if (!Number.isSafeInteger(SEED_OFFSET)) throw new Error('ERINYS_TEST_SEED: expected an integer')

/** xorshift32: uniform in [0, 2^32). */
export type Random = () => number

export function seededRandom(seed: number): Random {
  let state = (seed + SEED_OFFSET) | 0 || 1
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return state >>> 0
  }
}

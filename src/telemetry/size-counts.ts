// A histogram of sizes with few buckets, each about twice as large as the one before: how many keys a call of an origin loads.

/** The limits of the buckets; larger sizes are counted in one more. */
export const SIZE_LIMITS: readonly number[] = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000]

export class SizeCounts {
  readonly #counts = new Float64Array(SIZE_LIMITS.length + 1)
  /** Number of sizes recorded, and their sum. */
  count = 0
  sum = 0

  record(size: number): void {
    let i = 0
    while (i < SIZE_LIMITS.length && size > SIZE_LIMITS[i]) i++
    this.#counts[i]++
    this.count++
    this.sum += size
  }

  /** How many sizes were at most each of the limits. */
  cumulative(): number[] {
    let seen = 0
    return SIZE_LIMITS.map((_, i) => (seen += this.#counts[i]))
  }

  reset(): void {
    this.#counts.fill(0)
    this.count = 0
    this.sum = 0
  }
}

// How much happens per second, from counters sampled now and then.

/** Samples that are averaged (Redis: `STATS_METRIC_SAMPLES`). */
const SAMPLES = 16

/** The rate of one counter. */
export class Rate {
  readonly #rates = new Float64Array(SAMPLES)
  #at = 0
  #count = 0
  #ms: number

  /** @param ms now, of any clock */
  constructor(ms: number) {
    this.#ms = ms
  }

  /** The counter stands at `count` now. Returns the average of the latest samples, per second, as a whole number. */
  sample(count: number, ms: number): number {
    const elapsed = ms - this.#ms
    if (elapsed > 0) {
      // A counter that was reset begins at 0.
      const more = count < this.#count ? count : count - this.#count
      this.#rates[this.#at] = (more * 1000) / elapsed
      this.#at = (this.#at + 1) % SAMPLES
      this.#ms = ms
    }
    this.#count = count
    let sum = 0
    for (const rate of this.#rates) sum += rate
    return Math.floor(sum / SAMPLES)
  }
}

// Rates per second of counters that are sampled periodically.

/** The number of samples averaged (Redis: `STATS_METRIC_SAMPLES`). */
const SAMPLES = 16

/** The rate of one counter. */
export class Rate {
  readonly #rates = new Float64Array(SAMPLES)
  #at = 0
  #count = 0
  #ms: number

  /** @param ms the current time of any clock */
  constructor(ms: number) {
    this.#ms = ms
  }

  /** Records the counter's value. Returns the average rate of the latest samples, rounded down. */
  sample(count: number, ms: number): number {
    const elapsed = ms - this.#ms
    if (elapsed > 0) {
      // A smaller value means that the counter was reset to 0.
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

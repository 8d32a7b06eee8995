// A latency histogram with a fixed number of counters, for LATENCY HISTOGRAM, percentiles and metrics.

import { type Exemplar, Exemplars } from './exemplars.ts'
import type { SpanContext } from './tracing.ts'

/**
 * A unit is 64.5 ns (129/2), so that each bucket limit of Redis is a limit of a counter here: Redis reports powers of two
 * from 1024 ns with counters of 8 ns, which count durations below 1032 ns · 2^k = 16 units · 2^k.
 */
const UNITS_PER_MICRO = 2000 / 129

/** Counters per doubling: the width of a counter is at most 1/32 of its durations. */
const STEPS = 32
const STEP_BITS = 5

/** The longest duration with a counter, in units (138 s). Longer ones are counted with it. */
const MAX_UNITS = 0x7fff_ffff

/** One counter per unit below 2 · STEPS units, and STEPS per doubling for the 25 doublings up to 2^31. */
const COUNTERS = 2 * STEPS + 25 * STEPS

/** Redis's first limit is 1032 ns, and its histogram ends at 2^30 ns. */
const REDIS_FIRST_UNITS = 16
const REDIS_DOUBLINGS = 20
const REDIS_LAST_MICROS = 1_073_741

/** A cumulative bucket: the number of durations up to `micros`. */
export interface HistogramBucket {
  readonly micros: number
  readonly count: number
}

/** A histogram of durations, exact to 1/32 of each, in 7 KiB. */
export class Histogram {
  // Doubles: a million commands a second would overflow 32 bits in 72 minutes.
  readonly #counts = new Float64Array(COUNTERS)
  // Count, sum and maximum. Typed elements too, so that `record` allocates nothing.
  readonly #totals = new Float64Array(3)
  #exemplars: Exemplars | undefined

  /**
   * Counts a duration in µs, fractions included, `times` times. A negative one counts as 0. Allocates nothing.
   */
  record(micros: number, times = 1): void {
    const duration = Math.max(micros, 0)
    const units = duration * UNITS_PER_MICRO
    this.#counts[counterOf(units < MAX_UNITS ? Math.floor(units) : MAX_UNITS)] += times
    this.#totals[0] += times
    this.#totals[1] += duration * times
    if (duration > this.#totals[2]) this.#totals[2] = duration
  }

  /**
   * Keeps a duration that was recorded as an example for its span.
   *
   * @param at when it ended, in ms since the epoch
   */
  illustrate(micros: number, span: SpanContext, at: number): void {
    this.#exemplars ??= new Exemplars()
    this.#exemplars.add(micros, span, at)
  }

  /** The latest example of each bucket of these limits, in µs, and of what is longer; `undefined`: there is none. */
  exemplars(limits: readonly number[]): readonly (Exemplar | undefined)[] | undefined {
    return this.#exemplars?.within(limits)
  }

  /** Number of durations recorded. */
  get count(): number {
    return this.#totals[0]
  }

  /** Sum of the durations, µs. */
  get sum(): number {
    return this.#totals[1]
  }

  /** The longest duration, µs, exactly. */
  get max(): number {
    return this.#totals[2]
  }

  /**
   * A percentile in µs: at most 1/32 above the exact one. 0: nothing was recorded.
   *
   * @param percent 0 to 100
   */
  percentile(percent: number): number {
    const rank = Math.max(1, Math.ceil((percent / 100) * this.count))
    let seen = 0
    for (let i = 0; i < COUNTERS; i++) {
      seen += this.#counts[i]
      if (seen >= rank) return Math.min(this.max, firstUnitOf(i + 1) / UNITS_PER_MICRO)
    }
    return this.max
  }

  /** Cumulative counts at Redis's limits (1, 2, 4, 8, 16, 33, 66, … µs), without limits that add nothing. */
  buckets(): HistogramBucket[] {
    const buckets: HistogramBucket[] = []
    let seen = 0
    let reported = 0
    let i = 0
    for (let k = 0; k < REDIS_DOUBLINGS; k++) {
      const limit = counterOf(REDIS_FIRST_UNITS * 2 ** k)
      while (i < limit) seen += this.#counts[i++]
      if (seen > reported) {
        buckets.push({ micros: Math.floor((1032 * 2 ** k - 1) / 1000), count: seen })
        reported = seen
      }
    }
    if (this.count > reported) buckets.push({ micros: REDIS_LAST_MICROS, count: this.count })
    return buckets
  }

  /**
   * How many durations were at most as long as each of these limits: exact to 1/32 of the limit.
   *
   * @param limits in µs, ascending
   */
  cumulative(limits: readonly number[]): number[] {
    const counts = this.#counts
    const all = this.#totals[0]
    const cumulative: number[] = []
    let seen = 0
    let i = 0
    for (const limit of limits) {
      // Most histograms have a few durations of similar length: hundreds of counters behind them are 0.
      if (seen < all) {
        const last = counterOf(Math.min(Math.floor(limit * UNITS_PER_MICRO), MAX_UNITS))
        while (i <= last) seen += counts[i++]
      }
      cumulative.push(seen)
    }
    return cumulative
  }

  /** Resets all counters. */
  reset(): void {
    this.#counts.fill(0)
    this.#totals.fill(0)
    this.#exemplars = undefined
  }
}

/** Index of the counter for a duration in whole units. */
function counterOf(units: number): number {
  if (units < 2 * STEPS) return units
  const shift = 31 - Math.clz32(units) - STEP_BITS
  return (shift << STEP_BITS) + (units >>> shift)
}

/** The smallest duration, in units, that counter `i` counts. */
function firstUnitOf(i: number): number {
  if (i < 2 * STEPS) return i
  const shift = (i >> STEP_BITS) - 1
  return (i - (shift << STEP_BITS)) * 2 ** shift
}

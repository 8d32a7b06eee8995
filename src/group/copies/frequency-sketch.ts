// Finds the keys that are read often: a count-min sketch over their hashes, with counts that decay.

import type { Hash } from '../../bytes/hash.ts'
import type { Instant } from '../../bytes/instant.ts'

/*
 * Two rows of 65,536 counters of 4 bits, 64 KiB. A key has one counter in each row; the smaller of the two is an upper
 * bound of its reads. Only the smaller one is incremented (conservative update), which keeps the error from other keys
 * small. Every `halveMs` all counts are halved, so the count of a key with r reads per second settles between r/4 and
 * r/2. Four rows of half the length would be only slightly more exact, in three times the time.
 *
 *   word | counter 7 | counter 6 | …… | counter 0 |     4 bits each
 */

const ROW_WORDS = 8192
/**
 * Shift that keeps the bits which select a counter of a row: the upper ones its word, the lowest three its place there.
 */
const ROW_SHIFT = 16
const MAX_COUNT = 15
/** Mask for eight counters after a shift by one: clears the bit that came from the neighbouring counter. */
const HALVE_MASK = 0x77777777

/** Odd multipliers (from xxHash) by which the rows hash differently. */
const SPREAD_0 = 0x9e3779b1 | 0
const SPREAD_1 = 0x85ebca77 | 0

export interface FrequencySketchOptions {
  /** The count from which a key is hot, at most 15. */
  readonly threshold?: number
  /** Interval at which the counts are halved, ms. */
  readonly halveMs?: number
}

/**
 * By default a key is hot after 15 reads at once, or at 30 reads per second for a while. A million keys with a million
 * reads per second together share counters at counts of about 5, so none of them appears hot.
 */
export class FrequencySketch {
  readonly #instant: Instant
  readonly #threshold: number
  readonly #halveMs: number
  readonly #words = new Int32Array(2 * ROW_WORDS)
  /**
   * When the counts were last halved, ms since the epoch. A typed array of one element, as V8 would box a number field.
   */
  readonly #halvedAt = new Float64Array(1)

  constructor(instant: Instant, { threshold = MAX_COUNT, halveMs = 250 }: FrequencySketchOptions = {}) {
    if (!(threshold >= 1 && threshold <= MAX_COUNT)) throw new RangeError(`a threshold of ${threshold}`)
    this.#instant = instant
    this.#threshold = threshold
    this.#halveMs = halveMs
    this.#halvedAt[0] = instant.now
  }

  /** Counts a read of the key with this hash. True: the key is hot. Allocates nothing. */
  touch(hash: Hash): boolean {
    const since = this.#instant.ms[0] - this.#halvedAt[0]
    if (since >= this.#halveMs || since < 0) this.#halve()
    const words = this.#words
    const place0 = Math.imul(hash, SPREAD_0) >>> ROW_SHIFT
    const place1 = Math.imul(hash, SPREAD_1) >>> ROW_SHIFT
    const at0 = place0 >>> 3
    const at1 = ROW_WORDS + (place1 >>> 3)
    const shift0 = (place0 & 7) << 2
    const shift1 = (place1 & 7) << 2
    const count0 = (words[at0] >>> shift0) & MAX_COUNT
    const count1 = (words[at1] >>> shift1) & MAX_COUNT
    const least = Math.min(count0, count1)
    if (least === MAX_COUNT) return true
    // Increments each counter that has the smaller count, without branches: those would be unpredictable.
    words[at0] += ((count0 - least - 1) >>> 31) << shift0
    words[at1] += ((count1 - least - 1) >>> 31) << shift1
    return least + 1 >= this.#threshold
  }

  #halve(): void {
    const words = this.#words
    const now = this.#instant.now
    const periods = Math.floor((now - this.#halvedAt[0]) / this.#halveMs)
    if (periods < 0 || periods > 3) {
      // All counts have decayed to 0, or the clock was set back.
      words.fill(0)
      this.#halvedAt[0] = now
      return
    }
    this.#halvedAt[0] += periods * this.#halveMs
    for (let i = 0; i < periods; i++) {
      for (let at = 0; at < words.length; at++) words[at] = (words[at] >>> 1) & HALVE_MASK
    }
  }
}

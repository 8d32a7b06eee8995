// The present moment, read once per chunk and shared by everything that serves that chunk.

import type { Clock } from './clock.ts'

/**
 * Milliseconds since the epoch in a cell: a number field or argument beyond 31 bits would be boxed on the heap
 * at every call, a `Float64Array` element is not.
 */
export class Instant {
  /** `ms[0]`: milliseconds since the Unix epoch. */
  readonly ms = new Float64Array(1)
  /** Whole seconds since this instant was made: the clock of recency, see `OBJECT IDLETIME`. */
  second = 0
  /** How often the clock was found turned back: what was timed before knows no longer how old it is. */
  setbacks = 0
  /** By how many ms the clock was turned back, all in all. */
  #turnedBack = 0
  readonly #clock: Clock
  readonly #born: number

  constructor(clock: Clock) {
    this.#clock = clock
    this.#born = clock.now()
    this.ms[0] = this.#born
  }

  /** Reads the clock. Called once per chunk, per timer and per settled load. */
  refresh(): void {
    const now = this.#clock.now()
    if (now === this.ms[0]) return
    if (now < this.ms[0]) {
      this.setbacks++
      this.#turnedBack += this.ms[0] - now
    }
    this.ms[0] = now
    this.second = Math.max(0, Math.floor((now - this.#born) / 1000))
  }

  get now(): number {
    return this.ms[0]
  }

  /** Milliseconds that never go back, for how long something takes: while the clock is turned back they stand still. */
  get monotonicMs(): number {
    return this.ms[0] + this.#turnedBack
  }
}

// The cached current time: the clock is read once per chunk, and all commands of the chunk see the same time.

import type { Clock } from './clock.ts'

/**
 * The time is in a cell: V8 allocates an object for a number field or argument above 2^31, but not for an element of a
 * `Float64Array`.
 */
export class Instant {
  /** `ms[0]`: milliseconds since the Unix epoch. */
  readonly ms = new Float64Array(1)
  /** Whole seconds since this object was created: the clock of OBJECT IDLETIME. */
  second = 0
  /** How often the clock was set back. Ages of earlier times are unknown then. */
  setbacks = 0
  /** Total time that the clock was set back, ms. */
  #turnedBack = 0
  readonly #clock: Clock
  readonly #born: number

  constructor(clock: Clock) {
    this.#clock = clock
    this.#born = clock.now()
    this.ms[0] = this.#born
  }

  /** Reads the clock. Called once per chunk, per timer and per completed load. */
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

  /** A monotonic time in ms, for durations: it does not decrease when the clock is set back. */
  get monotonicMs(): number {
    return this.ms[0] + this.#turnedBack
  }
}

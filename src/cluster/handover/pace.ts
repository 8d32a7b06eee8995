// The pace of a handover: it yields to other work after each time slice, and limits the rate of bytes.

import { delay, type Timers } from '../../bytes/clock.ts'
import type { Instant } from '../../bytes/instant.ts'

/** Time slice in µs before other work runs. */
const SLICE_MICROS = 500
/** Rate limit: waits shorter than this are accumulated, ms. */
const MIN_WAIT_MS = 5

export interface PaceOptions {
  readonly instant: Instant
  readonly timers: Timers
  /** A monotonic clock in microseconds. */
  readonly micros: () => number
  /** Yields to other work. */
  readonly pause: () => Promise<void>
  /** Rate limit; 0: none. */
  readonly bytesPerSecond: number
}

export class Pace {
  readonly #options: PaceOptions
  #unpacedBytes = 0
  #sliceStart = 0

  constructor(options: PaceOptions) {
    this.#options = options
  }

  /** Lets other work run, and begins the first slice. */
  async start(): Promise<void> {
    await this.#options.pause()
    this.#sliceStart = this.#options.micros()
  }

  async yieldIfDue(): Promise<void> {
    const { instant, micros, pause } = this.#options
    if (micros() - this.#sliceStart < SLICE_MICROS) return
    await pause()
    instant.refresh()
    this.#sliceStart = micros()
  }

  /** Waits for as long as the rate limit requires before `bytes` are sent. */
  async throttle(bytes: number): Promise<void> {
    const { bytesPerSecond } = this.#options
    if (bytesPerSecond === 0) return
    this.#unpacedBytes += bytes
    const ms = (this.#unpacedBytes / bytesPerSecond) * 1000
    if (ms < MIN_WAIT_MS) return
    this.#unpacedBytes = 0
    await this.wait(ms)
  }

  async wait(ms: number): Promise<void> {
    const { instant, micros, timers } = this.#options
    await delay(timers, ms)
    instant.refresh()
    this.#sliceStart = micros()
  }
}

// The lag of a busy machine, by which the time limits of tests with real processes grow.

import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks'

const RESOLUTION_MS = 10

/** A message passes several processes and timers, each of which may lag as much as this one. */
const STEPS = 20

/** Measures from its creation how late this process's timers fire. */
export class LagMeter {
  readonly #delays: IntervalHistogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS })

  constructor() {
    this.#delays.enable()
  }

  /** The time to add to a limit, ms. */
  get slackMs(): number {
    return STEPS * Math.max(0, this.#delays.max / 1e6 - RESOLUTION_MS)
  }
}

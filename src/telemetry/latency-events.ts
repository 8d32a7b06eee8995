// Latency events: operations that took longer than a threshold (LATENCY HISTORY, LATENCY DOCTOR).

/** Samples kept per event (Redis: `LATENCY_TS_LEN`). */
const MAX_SAMPLES = 160

interface LatencySample {
  /** Seconds since the epoch. */
  readonly second: number
  /** The longest event of that second, in milliseconds. */
  ms: number
}

/** Samples of one event. */
export interface LatencySeries {
  /** Oldest first, at most `MAX_SAMPLES`. */
  readonly samples: LatencySample[]
  /** The longest event since the last reset, in milliseconds. */
  max: number
}

/** Latency samples by event name: 'command', 'fast-command', 'expire-cycle', … */
export class LatencyEvents {
  readonly series = new Map<string, LatencySeries>()
  /** Events of at least this many milliseconds are recorded; 0 disables recording. */
  threshold = 0

  /** Records an event that took at least `threshold` ms. */
  add(event: string, ms: number, second: number): void {
    if (this.threshold === 0 || ms < this.threshold) return
    const whole = Math.floor(ms)
    let series = this.series.get(event)
    if (series === undefined) {
      series = { samples: [], max: 0 }
      this.series.set(event, series)
    }
    series.max = Math.max(series.max, whole)
    const last = series.samples.at(-1)
    if (last?.second === second) {
      last.ms = Math.max(last.ms, whole)
      return
    }
    series.samples.push({ second, ms: whole })
    if (series.samples.length > MAX_SAMPLES) series.samples.shift()
  }
}

// Statistics of the JavaScript runtime: delays of the event loop, garbage collection.

import { constants, type PerformanceEntry, PerformanceObserver } from 'node:perf_hooks'
import type { CancelTimer, Timers } from '../bytes/clock.ts'
import { Histogram } from './histogram.ts'

/** The delay of the event loop is measured at this interval, ms. A shorter block may fall between two measurements. */
const INTERVAL_MS = 20

/** The kinds of garbage collection that V8 reports. */
export type CollectionKind = 'minor' | 'major' | 'incremental' | 'weakcb'

const KINDS: ReadonlyMap<number, CollectionKind> = new Map([
  [constants.NODE_PERFORMANCE_GC_MINOR, 'minor'],
  [constants.NODE_PERFORMANCE_GC_MAJOR, 'major'],
  [constants.NODE_PERFORMANCE_GC_INCREMENTAL, 'incremental'],
  [constants.NODE_PERFORMANCE_GC_WEAKCB, 'weakcb'],
])

export interface RuntimeStatsOptions {
  readonly timers: Timers
  /** A monotonic clock in µs. */
  readonly micros: () => number
}

export class RuntimeStats {
  /** Delay of a timer beyond its interval. */
  readonly eventLoopDelay = new Histogram()
  /** Pauses for garbage collection. */
  readonly collections: Readonly<Record<CollectionKind, Histogram>> = {
    minor: new Histogram(),
    major: new Histogram(),
    incremental: new Histogram(),
    weakcb: new Histogram(),
  }
  readonly #options: RuntimeStatsOptions
  readonly #observer: PerformanceObserver
  #cancel: CancelTimer

  /** Measures until `stop`. */
  constructor(options: RuntimeStatsOptions) {
    this.#options = options
    this.#observer = new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) this.#collected(entry)
    })
    this.#observer.observe({ entryTypes: ['gc'] })
    this.#cancel = this.#arm()
  }

  stop(): void {
    this.#cancel()
    this.#observer.disconnect()
  }

  #arm(): CancelTimer {
    const { timers, micros } = this.#options
    const dueAt = micros() + INTERVAL_MS * 1000
    return timers.after(INTERVAL_MS, () => {
      this.eventLoopDelay.record(micros() - dueAt)
      this.#cancel = this.#arm()
    })
  }

  #collected({ detail, duration }: PerformanceEntry & { readonly detail?: unknown }): void {
    const kind = KINDS.get((detail as { readonly kind?: number } | undefined)?.kind ?? -1)
    if (kind !== undefined) this.collections[kind].record(duration * 1000)
  }
}

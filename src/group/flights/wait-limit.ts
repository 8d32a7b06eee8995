// `maxWait`: how long a command waits for a load. The load goes on without it, and its result is stored.

import type { Timers } from '../../bytes/clock.ts'
import type { Value } from '../../store/value.ts'
import type { LoadResult, Waiter } from './flight.ts'
import type { Flights } from './flights.ts'

export interface WaitLimitOptions {
  /** How long a command waits, in ms; above 0. */
  readonly maxWaitMs: number
  readonly flights: Flights
  readonly timers: Timers
  /** The cached value with which a read may be answered without a load; `null`: the key is known to be absent. */
  readonly freshValue: (key: Buffer) => Value | null | undefined
  /** The value with which a read may be answered if a load gives none in time. */
  readonly staleValue: (key: Buffer) => Value | undefined
  /** Called with an exception of a waiter: a defect of the node, not of the origin. */
  readonly reportFault: (error: unknown) => void
}

export class WaitLimit {
  /** Waits that ended before their load did. */
  ended = 0
  readonly #options: WaitLimitOptions

  constructor(options: WaitLimitOptions) {
    this.#options = options
  }

  get maxWaitMs(): number {
    return this.#options.maxWaitMs
  }

  /**
   * As `Flights.join`, for the rest of the time that a command may wait. Each waiter has a time limit of its own.
   *
   * @param isWrite the command changes the value, so it must not get a stale one
   * @param waitedMs how long the command has waited already, for earlier loads
   */
  join(key: Buffer, waiter: Waiter, isWrite: boolean, waitedMs: number): void {
    const { flights, timers, maxWaitMs, reportFault } = this.#options
    const limited: Waiter = (loadResult) => {
      cancel?.()
      waiter(loadResult)
    }
    const flight = flights.join(key, limited)
    // The load has ended, and its waiters were called.
    const cancel =
      flight &&
      timers.after(Math.max(0, maxWaitMs - waitedMs), () => {
        if (!flight.leave(limited)) return
        this.ended++
        try {
          waiter(this.#result(key, isWrite))
        } catch (error) {
          reportFault(error)
        }
      })
  }

  #result(key: Buffer, isWrite: boolean): LoadResult {
    const { maxWaitMs: ms, freshValue, staleValue } = this.#options
    // Another client has written the key meanwhile, or a later load has ended. `fenced`: the value is not from this
    // load.
    const fresh = freshValue(key)
    if (fresh !== undefined) return { value: fresh, fenced: true, ms }
    const unchanged = isWrite ? ', and nothing was changed' : ''
    const error = `no answer from the origin within ${ms} ms; the load goes on${unchanged}`
    const stale = isWrite ? undefined : staleValue(key)
    if (stale === undefined) return { value: null, error, fenced: false, ms }
    return { value: stale, error, fenced: false, ms, isStale: true }
  }
}

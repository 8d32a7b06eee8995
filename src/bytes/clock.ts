// The time of day as something that is passed in, so that tests decide what time it is.

/** A source of the present moment. */
export interface Clock {
  /** Milliseconds since the Unix epoch. */
  now(): number
}

/** Ends a timer that has not run yet; does nothing afterwards. */
export type CancelTimer = () => void

/** A source of delayed calls. */
export interface Timers {
  /** Calls `run` once, `ms` milliseconds from now. */
  after(ms: number, run: () => void): CancelTimer
}

/** The machine's clock. */
export const systemClock: Clock = { now: () => Date.now() }

/** The longest wait that Node.js keeps to, in ms: 25 days. It takes a longer one for 1 ms. */
export const MAX_TIMER_MS = 2 ** 31 - 1

/** The event loop's timers. A pending one does not keep the process alive. */
export const systemTimers: Timers = {
  after(ms, run) {
    const timer = setTimeout(run, Math.min(ms, MAX_TIMER_MS))
    timer.unref()
    return () => clearTimeout(timer)
  },
}

/** A clock and its timers for tests: time stands still until it is told to move. */
export class ManualClock implements Clock, Timers {
  #now: number
  #timers: { readonly at: number; readonly run: () => void }[] = []

  /** @param now milliseconds since the Unix epoch; the default is 2024-01-01T00:00:00Z. */
  constructor(now = 1_704_067_200_000) {
    this.#now = now
  }

  now(): number {
    return this.#now
  }

  /** Moves forward by `ms` and runs what falls due on the way, each at its own moment, in order. */
  advance(ms: number): void {
    if (ms < 0) throw new RangeError('a clock advances forward; use set() to turn it back')
    const target = this.#now + ms
    for (;;) {
      const next = this.#earliest()
      if (!next || next.at > target) break
      this.#timers.splice(this.#timers.indexOf(next), 1)
      this.#now = Math.max(this.#now, next.at)
      next.run()
    }
    this.#now = Math.max(this.#now, target)
  }

  /** Jumps to a moment, backwards too, as an adjusted system clock does. Timers neither run nor move. */
  set(now: number): void {
    this.#now = now
  }

  after(ms: number, run: () => void): CancelTimer {
    const timer = { at: this.#now + Math.max(0, ms), run }
    this.#timers.push(timer)
    return () => {
      const index = this.#timers.indexOf(timer)
      if (index >= 0) this.#timers.splice(index, 1)
    }
  }

  /** Timers that have neither run nor been cancelled. */
  get pending(): number {
    return this.#timers.length
  }

  /** The timer due first; of several due together, the one set first. */
  #earliest(): { readonly at: number; readonly run: () => void } | undefined {
    let earliest = this.#timers[0]
    for (const timer of this.#timers) if (timer.at < earliest.at) earliest = timer
    return earliest
  }
}

// Clock and timers as parameters, so that tests control the time.

/** A source of the current time. */
export interface Clock {
  /** Milliseconds since the Unix epoch. */
  now(): number
}

/** Cancels a timer. Does nothing after it has run. */
export type CancelTimer = () => void

/** A source of timers. */
export interface Timers {
  /** Calls `run` once, `ms` milliseconds from now. */
  after(ms: number, run: () => void): CancelTimer
}

/** The system clock. */
export const systemClock: Clock = { now: () => Date.now() }

/** Between samples of the monotonic time, ms. */
const SAMPLE_MS = 100

/**
 * A clock for durations. It shows what another clock shows, until that is set back: then it goes on, by what has passed
 * meanwhile. A clock that jumps ahead is followed: after a pause of the whole machine that may be all that tells.
 */
export class SteadyClock implements Clock {
  readonly #clock: Clock
  readonly #elapsed: () => number
  /** What the other clock has shown last. */
  #last: number
  /** What it showed, and the monotonic time, at the last sample. */
  #sampledAt: number
  #sampledElapsed: number
  /** By how much this clock is ahead of the other one. */
  #ahead = 0

  /** @param elapsed a monotonic time in ms, by which the time that has passed is known when the clock is set back */
  constructor(clock: Clock, elapsed: () => number = () => 0) {
    this.#clock = clock
    this.#elapsed = elapsed
    this.#last = clock.now()
    this.#sampledAt = this.#last
    this.#sampledElapsed = elapsed()
  }

  now(): number {
    const now = this.#clock.now()
    // Not at each reading: there are several for each forwarded request.
    if (now < this.#last || now - this.#sampledAt >= SAMPLE_MS) this.#sample(now)
    this.#last = now
    return now + this.#ahead
  }

  #sample(now: number): void {
    const elapsed = this.#elapsed()
    if (now < this.#last) {
      const passed = Math.round(elapsed - this.#sampledElapsed)
      this.#ahead += Math.max(this.#last, this.#sampledAt + passed) - now
    }
    this.#sampledAt = now
    this.#sampledElapsed = elapsed
  }
}

/** The longest delay of a Node.js timer, 25 days. Node.js runs a timer with a longer one after 1 ms. */
export const MAX_TIMER_MS = 2 ** 31 - 1

/** The timers of the event loop. A pending timer does not keep the process alive. */
export const systemTimers: Timers = {
  after(ms, run) {
    const timer = setTimeout(run, Math.min(ms, MAX_TIMER_MS))
    timer.unref()
    return () => clearTimeout(timer)
  },
}

/** Resolves after `ms`. */
export function delay(timers: Timers, ms: number): Promise<void> {
  return new Promise((resolve) => void timers.after(ms, resolve))
}

/** Waits for a promise, but at most `ms`. Rejects if the promise does so in time. */
export async function waitAtMost(
  timers: Timers,
  ms: number,
  // biome-ignore lint/suspicious/noConfusingVoidType: the result of a method that may be asynchronous
  promise: Promise<unknown> | void,
): Promise<void> {
  if (promise === undefined) return
  let cancel: CancelTimer = () => {}
  const late = new Promise<void>((resolve) => {
    cancel = timers.after(ms, resolve)
  })
  await Promise.race([promise, late]).finally(cancel)
}

/** A clock with timers for tests. Its time changes only by `advance` and `set`. */
export class ManualClock implements Clock, Timers {
  #now: number
  #timers: { readonly at: number; readonly run: () => void }[] = []

  /** @param now milliseconds since the Unix epoch, by default 2024-01-01T00:00:00Z */
  constructor(now = 1_704_067_200_000) {
    this.#now = now
  }

  now(): number {
    return this.#now
  }

  /** Advances the time by `ms`, and runs the timers that become due, in order and each at its time. */
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

  /** Sets the time, forward or back, as an adjustment of the system clock does. Timers do not run. */
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

  /** Number of pending timers. */
  get pending(): number {
    return this.#timers.length
  }

  /** The next timer; of several due at the same time, the one that was set first. */
  #earliest(): { readonly at: number; readonly run: () => void } | undefined {
    let earliest = this.#timers[0]
    for (const timer of this.#timers) if (timer.at < earliest.at) earliest = timer
    return earliest
  }
}

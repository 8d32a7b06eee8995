// Rate-limited warnings: at most one per interval is logged.

export class RareWarning {
  readonly #intervalMs: number
  readonly #now: () => number
  #loggedAt = -Infinity
  #suppressed = 0

  /** @param now a monotonic clock in milliseconds; by default the process's */
  constructor(intervalMs: number, now: () => number = () => performance.now()) {
    this.#intervalMs = intervalMs
    this.#now = now
  }

  /** Calls `log` unless it was called a short while ago, with the number of warnings suppressed since then. */
  give(log: (suppressed: number) => void): void {
    const at = this.#now()
    if (at - this.#loggedAt < this.#intervalMs) {
      this.#suppressed++
      return
    }
    this.#loggedAt = at
    log(this.#suppressed)
    this.#suppressed = 0
  }
}

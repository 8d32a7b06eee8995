// Who waits for one thing, and is told together to go on.

/** Who waits, and is told to go on. */
export interface Waiter {
  resume(): void
}

export class Waiters {
  #waiting = new Set<Waiter>()

  add(waiter: Waiter): void {
    this.#waiting.add(waiter)
  }

  /** Each is told once; whoever has to wait again is not told before the next time. */
  resume(): void {
    if (this.#waiting.size === 0) return
    const waiting = this.#waiting
    this.#waiting = new Set()
    for (const waiter of waiting) waiter.resume()
  }
}

// A set of waiters that are resumed together.

export interface Waiter {
  resume(): void
}

export class Waiters {
  #waiting = new Set<Waiter>()

  add(waiter: Waiter): void {
    this.#waiting.add(waiter)
  }

  /** Resumes each waiter once. A waiter that is added meanwhile waits for the next call. */
  resume(): void {
    if (this.#waiting.size === 0) return
    const waiting = this.#waiting
    this.#waiting = new Set()
    for (const waiter of waiting) waiter.resume()
  }
}

// The requests of a link that have no reply yet, as runs: first in, first out.

import type { Receiver } from './receiver.ts'
import type { SendBuffer } from './send-buffers.ts'

/** Consecutive requests of one receiver in one page. Reused, so that none is made per request or per run. */
export class RequestRun {
  receiver: Receiver | null = null
  page: SendBuffer | null = null
  /** Place of its first unanswered request in the page, and where that begins. */
  first = 0
  from = 0
  /** Requests unanswered: at least 1. */
  count = 0
}

const FIRST_CAPACITY = 16

/** A ring of runs. */
export class InFlightQueue {
  size = 0
  #ring: RequestRun[] = Array.from({ length: FIRST_CAPACITY }, () => new RequestRun())
  #head = 0

  /** The oldest run. Only when there is one. */
  get head(): RequestRun {
    return this.#ring[this.#head]
  }

  /** The newest run. Only when there is one. */
  get tail(): RequestRun {
    const ring = this.#ring
    return ring[(this.#head + this.size - 1) & (ring.length - 1)]
  }

  /** Appends a run of one request that begins at `from`, the next one of `page`. */
  push(receiver: Receiver, page: SendBuffer, from: number): void {
    if (this.size === this.#ring.length) this.#grow()
    this.size++
    const run = this.tail
    run.receiver = receiver
    run.page = page
    run.first = page.count
    run.from = from
    run.count = 1
    page.uses++
  }

  /** Takes `count` requests off the oldest run, which has them. Returns how many bytes they have. */
  advance(count: number): number {
    const run = this.#ring[this.#head]
    const page = run.page as SendBuffer
    const end = page.ends[run.first + count - 1]
    const bytes = end - run.from
    run.count -= count
    if (run.count === 0) {
      run.receiver = null
      run.page = null
      this.#head = (this.#head + 1) & (this.#ring.length - 1)
      this.size--
      page.release()
    } else {
      run.first += count
      run.from = end
    }
    return bytes
  }

  #grow(): void {
    const ring = this.#ring
    const larger = Array.from({ length: ring.length * 2 }, (_, i) =>
      i < ring.length ? ring[(this.#head + i) & (ring.length - 1)] : new RequestRun(),
    )
    this.#ring = larger
    this.#head = 0
  }
}

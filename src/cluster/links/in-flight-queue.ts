// The queue of a link's requests that have no reply yet, run-length encoded: consecutive requests of one receiver.

import type { Receiver } from './receiver.ts'
import type { SendBuffer } from './send-buffers.ts'

/** Consecutive requests of one receiver in one send buffer. Objects are reused, so that a request allocates nothing. */
export class RequestRun {
  receiver: Receiver | null = null
  buffer: SendBuffer | null = null
  /** The index in the buffer of the first unanswered request, and the offset where it begins. */
  first = 0
  from = 0
  /** Unanswered requests, at least 1. */
  count = 0
}

const INITIAL_CAPACITY = 16

/** A ring buffer of runs, first in, first out. */
export class InFlightQueue {
  size = 0
  #ring: RequestRun[] = Array.from({ length: INITIAL_CAPACITY }, () => new RequestRun())
  #head = 0

  /** The oldest run. The queue must not be empty. */
  get head(): RequestRun {
    return this.#ring[this.#head]
  }

  /** The newest run. The queue must not be empty. */
  get tail(): RequestRun {
    const ring = this.#ring
    return ring[(this.#head + this.size - 1) & (ring.length - 1)]
  }

  /** Appends a run of one request, the next one of `buffer`, which begins at `from`. */
  push(receiver: Receiver, buffer: SendBuffer, from: number): void {
    if (this.size === this.#ring.length) this.#grow()
    this.size++
    const run = this.tail
    run.receiver = receiver
    run.buffer = buffer
    run.first = buffer.count
    run.from = from
    run.count = 1
    buffer.uses++
  }

  /** Removes `count` requests from the oldest run, which has at least as many. Returns their bytes. */
  complete(count: number): number {
    const run = this.#ring[this.#head]
    const buffer = run.buffer as SendBuffer
    const end = buffer.ends[run.first + count - 1]
    const bytes = end - run.from
    run.count -= count
    if (run.count === 0) {
      run.receiver = null
      run.buffer = null
      this.#head = (this.#head + 1) & (this.#ring.length - 1)
      this.size--
      buffer.release()
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

// Fetches of copies in progress: one per key, bounded in number, voided by writes of their key.

import type { Instant } from '../../bytes/instant.ts'

/** Longer keys are not copied: the owner keeps the keys in its copy directory. */
export const MAX_COPIED_KEY = 512

const MAX_BACKOFFS = 1000

/** One fetch in progress. */
export class PendingFetch {
  readonly key: Buffer
  /** The number of the link it is fetched over. */
  readonly link: number
  /** Milliseconds since the epoch. */
  readonly beganAt: number
  /** Whether it has ended, or its value may be out of date. */
  isVoid = false
  /** A value of an earlier version is out of date. */
  minVersion = 0

  constructor(key: Buffer, link: number, beganAt: number) {
    this.key = key
    this.link = link
    this.beganAt = beganAt
  }
}

export class CopyFetches {
  readonly #fetches = new Map<string, PendingFetch>()
  /** By key: the time before which it is not fetched again, ms since the epoch. */
  readonly #backoff = new Map<string, number>()
  readonly #instant: Instant
  readonly #maxFetches: number

  constructor(instant: Instant, most: number) {
    this.#instant = instant
    this.#maxFetches = most
  }

  get size(): number {
    return this.#fetches.size
  }

  /** `undefined`: the key is being fetched, backing off or too long, or there are too many fetches. */
  begin(bytes: Buffer, start: number, end: number, link: number): PendingFetch | undefined {
    if (this.#fetches.size >= this.#maxFetches || end - start > MAX_COPIED_KEY) return undefined
    const name = bytes.toString('latin1', start, end)
    if (this.#fetches.has(name) || this.#isBackingOff(name)) return undefined
    const ticket = new PendingFetch(Buffer.from(bytes.subarray(start, end)), link, this.#instant.now)
    this.#fetches.set(name, ticket)
    return ticket
  }

  get(bytes: Buffer, start: number, end: number): PendingFetch | undefined {
    if (this.#fetches.size === 0 || end - start > MAX_COPIED_KEY) return undefined
    return this.#fetches.get(bytes.toString('latin1', start, end))
  }

  /** Ends a fetch; its key is not fetched again for `backoffMs`. */
  end(ticket: PendingFetch, backoffMs: number): void {
    ticket.isVoid = true
    const name = ticket.key.toString('latin1')
    this.#fetches.delete(name)
    this.#backOff(name, backoffMs)
  }

  /** A key is not fetched for `backoffMs`. */
  backOff(bytes: Buffer, start: number, end: number, backoffMs: number): void {
    this.#backOff(bytes.toString('latin1', start, end), backoffMs)
  }

  #backOff(name: string, backoffMs: number): void {
    if (backoffMs === 0) return
    if (this.#backoff.size >= MAX_BACKOFFS) this.#backoff.clear()
    this.#backoff.set(name, this.#instant.now + backoffMs)
  }

  /** Voids the fetches over a link. Returns their number. */
  endLink(link: number): number {
    let ended = 0
    for (const ticket of this.#fetches.values()) {
      if (ticket.link !== link) continue
      this.end(ticket, 0)
      ended++
    }
    return ended
  }

  /** Voids all fetches. Returns their number. */
  endAll(): number {
    const ended = this.#fetches.size
    for (const ticket of this.#fetches.values()) ticket.isVoid = true
    this.#fetches.clear()
    this.#backoff.clear()
    return ended
  }

  #isBackingOff(name: string): boolean {
    const until = this.#backoff.get(name)
    if (until === undefined) return false
    if (until > this.#instant.now) return true
    this.#backoff.delete(name)
    return false
  }
}

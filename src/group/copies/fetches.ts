// The fetches of copies that are under way: none twice, a bounded number, and voided by what makes their value old.

import type { Instant } from '../../bytes/instant.ts'

/** Longer keys are not copied: an owner remembers who holds which. */
export const MAX_COPIED_KEY = 512

const MAX_BACKOFFS = 1000

/** One fetch under way. */
export class PendingFetch {
  readonly key: Buffer
  /** The number of the link it is fetched over. */
  readonly link: number
  /** Milliseconds since the epoch. */
  readonly beganAt: number
  /** Over, or what it brings may be old. */
  isVoid = false

  constructor(key: Buffer, link: number, beganAt: number) {
    this.key = key
    this.link = link
    this.beganAt = beganAt
  }
}

export class CopyFetches {
  readonly #fetches = new Map<string, PendingFetch>()
  /** Keys not to be fetched before a moment in ms since the epoch. */
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

  /** `undefined`: the key is being fetched or rests, is too long, or too many are being fetched. */
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

  /** Ends a fetch; its key is not fetched again for so many ms. */
  end(ticket: PendingFetch, restMs: number): void {
    ticket.isVoid = true
    const name = ticket.key.toString('latin1')
    this.#fetches.delete(name)
    if (restMs === 0) return
    if (this.#backoff.size >= MAX_BACKOFFS) this.#backoff.clear()
    this.#backoff.set(name, this.#instant.now + restMs)
  }

  /** Voids what is being fetched over a link. Returns how many these were. */
  endLink(link: number): number {
    let ended = 0
    for (const ticket of this.#fetches.values()) {
      if (ticket.link !== link) continue
      this.end(ticket, 0)
      ended++
    }
    return ended
  }

  /** Voids all. Returns how many these were. */
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

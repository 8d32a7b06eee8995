// The timeouts of a link: for the connection, for the handshake, and for replies. One timer at a time.

import type { CancelTimer, Clock, Timers } from '../../bytes/clock.ts'

export interface LinkTimeoutOptions {
  readonly clock: Clock
  readonly timers: Timers
  /** Milliseconds, each > 0. */
  readonly connectTimeout: number
  readonly handshakeTimeout: number
  /** The link is closed if requests wait for a reply and no byte arrives for this long. */
  readonly responseTimeout: number
}

/**
 * The last sixteenth of the response timeout is a timer of its own. After a pause of this process the first timer runs
 * late, and bytes that arrived during the pause are read before the second one expires.
 */
const LAST_PART = 16

export class LinkTimeouts {
  readonly #options: LinkTimeoutOptions
  readonly #onTimeout: (reason: string) => void
  #cancel: CancelTimer | null = null
  /** When the last byte arrived, or the first unanswered request was sent. */
  heardAt = 0
  #isWaiting = false
  /** The value of `heardAt` when the last part of the timeout began. */
  #lastPartSince = -1

  constructor(options: LinkTimeoutOptions, onTimeout: (reason: string) => void) {
    this.#options = options
    this.#onTimeout = onTimeout
  }

  startConnect(): void {
    const { connectTimeout: ms } = this.#options
    this.#after(ms, () => this.#onTimeout(`no connection within ${ms} ms`))
  }

  startHandshake(): void {
    const { handshakeTimeout: ms } = this.#options
    this.#after(ms, () => this.#onTimeout(`no handshake within ${ms} ms`))
  }

  stop(): void {
    this.#cancel?.()
    this.#cancel = null
    this.#isWaiting = false
  }

  onBytesReceived(): void {
    this.heardAt = this.#options.clock.now()
  }

  onRequestsSent(): void {
    if (this.#isWaiting) return
    this.#isWaiting = true
    this.onBytesReceived()
    if (this.#cancel === null) this.#watch(this.#options.responseTimeout - this.#lastPart)
  }

  /** The timer goes on, and serves the next request. */
  onAllAnswered(): void {
    this.#isWaiting = false
  }

  get #lastPart(): number {
    return Math.max(1, Math.floor(this.#options.responseTimeout / LAST_PART))
  }

  #watch(ms: number): void {
    this.#after(ms, () => this.#check())
  }

  #check(): void {
    this.#cancel = null
    if (!this.#isWaiting) return
    const { responseTimeout, clock } = this.#options
    const left = responseTimeout - (clock.now() - this.heardAt)
    if (left > this.#lastPart) this.#watch(left - this.#lastPart)
    else if (this.#lastPartSince !== this.heardAt) {
      this.#lastPartSince = this.heardAt
      this.#watch(Math.max(left, this.#lastPart))
    } else if (left > 0) this.#watch(left)
    else this.#onTimeout(`no answer for ${responseTimeout} ms`)
  }

  #after(ms: number, run: () => void): void {
    this.#cancel?.()
    this.#cancel = this.#options.timers.after(ms, run)
  }
}

// How long a link waits: for the connection, for the handshake, and for an answer. One timer at a time.

import type { CancelTimer, Clock, Timers } from '../../bytes/clock.ts'

export interface LinkTimeoutOptions {
  readonly clock: Clock
  readonly timers: Timers
  /** Milliseconds, each > 0. */
  readonly connectTimeout: number
  readonly handshakeTimeout: number
  /** So long requests wait while not one byte arrives. */
  readonly responseTimeout: number
}

/** The last part of the wait for an answer is a timer of its own: after a stall, what has arrived is read first. */
const LAST_PART = 16

export class LinkTimeouts {
  readonly #options: LinkTimeoutOptions
  readonly #over: (reason: string) => void
  #cancel: CancelTimer | null = null
  /** Since when nothing was heard; counts only while an answer is awaited. */
  #heardAt = 0
  #isWaiting = false
  /** What `#heardAt` was when the wait was nearly over. */
  #suspectedAt = -1

  /** @param over called when patience is at an end */
  constructor(options: LinkTimeoutOptions, over: (reason: string) => void) {
    this.#options = options
    this.#over = over
  }

  /** The connection has begun. */
  startConnect(): void {
    const { connectTimeout: ms } = this.#options
    this.#after(ms, () => this.#over(`no connection within ${ms} ms`))
  }

  /** The handshake has begun. */
  startHandshake(): void {
    const { handshakeTimeout: ms } = this.#options
    this.#after(ms, () => this.#over(`no handshake within ${ms} ms`))
  }

  /** Nothing is awaited any more. */
  stop(): void {
    this.#cancel?.()
    this.#cancel = null
    this.#isWaiting = false
  }

  /** Bytes arrived. */
  onBytesReceived(): void {
    this.#heardAt = this.#options.clock.now()
  }

  /** Requests left. */
  onRequestsSent(): void {
    if (this.#isWaiting) return
    this.#isWaiting = true
    this.onBytesReceived()
    if (this.#cancel === null) this.#watch(this.#options.responseTimeout - this.#lastPart)
  }

  /** All requests are answered. The timer runs on, and is there for the next. */
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
    const left = responseTimeout - (clock.now() - this.#heardAt)
    if (left > this.#lastPart) this.#watch(left - this.#lastPart)
    else if (this.#suspectedAt !== this.#heardAt) {
      this.#suspectedAt = this.#heardAt
      this.#watch(Math.max(left, this.#lastPart))
    } else if (left > 0) this.#watch(left)
    else this.#over(`no answer for ${responseTimeout} ms`)
  }

  #after(ms: number, run: () => void): void {
    this.#cancel?.()
    this.#cancel = this.#options.timers.after(ms, run)
  }
}

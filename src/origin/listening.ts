// A subscription to change notifications that checks its connection and reconnects.

import type { CancelTimer, Timers } from '../bytes/clock.ts'
import type { ChangeListener } from '../group/origin.ts'

/** The connection, or the connections to all servers, of one subscription; used once. */
export interface Line {
  /** Resolves when notifications are received from now on. */
  open(): Promise<void>
  /** Resolves when the source has answered; rejects when notifications may have been missed. */
  check(): Promise<unknown>
  /** Closes it; `open` rejects if still pending. */
  close(): void
}

export interface ListeningOptions {
  /** Creates a connection, which calls `lose` when it breaks. */
  readonly line: (lose: (error: unknown) => void) => Line
  /** Milliseconds. */
  readonly connectTimeout: number
  readonly timers: Timers
  readonly listener: ChangeListener
}

/** Backoff between two connection attempts, in ms. */
const FIRST_PAUSE = 100
const LONGEST_PAUSE = 5000

/** Interval and timeout of connection checks, in ms: a dead connection may not report an error. */
export const HEARTBEAT = 5000

export class Listening {
  readonly #options: ListeningOptions
  #line: Line | undefined
  #cancelTimer: CancelTimer = () => undefined
  #pause = FIRST_PAUSE
  #isClosed = false
  /** Logged once per outage. */
  #isLost = false

  constructor(options: ListeningOptions) {
    this.#options = options
  }

  /** Resolves when it is connected, or when the first attempt has failed. */
  async start(): Promise<void> {
    if (this.#isClosed) return
    const { connectTimeout, listener } = this.#options
    const line: Line = this.#options.line((error) => this.#lose(line, error))
    this.#line = line
    this.#expect(line, connectTimeout + HEARTBEAT)
    try {
      await line.open()
    } catch (error) {
      this.#lose(line, error)
    }
    // It may have been closed or replaced meanwhile.
    if (this.#line !== line) return
    this.#pause = FIRST_PAUSE
    this.#isLost = false
    // Changes before this moment were not notified.
    listener.gap()
    this.#watch(line)
  }

  close(): void {
    this.#isClosed = true
    this.#cancelTimer()
    this.#line?.close()
    this.#line = undefined
  }

  #watch(line: Line): void {
    this.#cancelTimer()
    this.#cancelTimer = this.#options.timers.after(HEARTBEAT, () => {
      this.#expect(line, HEARTBEAT)
      line.check().then(
        () => {
          if (this.#line === line) this.#watch(line)
        },
        (error) => this.#lose(line, error),
      )
    })
  }

  /** Drops the connection if it does not answer in time. */
  #expect(line: Line, ms: number): void {
    this.#cancelTimer = this.#options.timers.after(ms, () =>
      this.#lose(line, new Error(`no answer within ${ms} ms`)),
    )
  }

  #lose(line: Line, error: unknown): void {
    if (this.#line !== line) return
    this.#line = undefined
    this.#cancelTimer()
    line.close()
    if (!this.#isLost) this.#options.listener.lost(error)
    this.#isLost = true
    this.#cancelTimer = this.#options.timers.after(this.#pause, () => void this.start())
    this.#pause = Math.min(this.#pause * 2, LONGEST_PAUSE)
  }
}

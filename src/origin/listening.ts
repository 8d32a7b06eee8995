// A line on which word of changes comes: it is asked whether it lives, and replaced when it does not.

import type { CancelTimer, Timers } from '../bytes/clock.ts'
import type { ChangeListener } from '../group/origin.ts'

/** One connection to the source, or those to all its parts; used once. */
export interface Line {
  /** Resolves when it hears. */
  open(): Promise<void>
  /** Resolves when the source has answered on it; rejects when it does not hear everything any more. */
  check(): Promise<unknown>
  /** Ends it, also while it opens, which then rejects. */
  close(): void
}

export interface ListeningOptions {
  /** Makes a line that says when it has broken. */
  readonly line: (lose: (error: unknown) => void) => Line
  /** Milliseconds. */
  readonly connectTimeout: number
  readonly timers: Timers
  readonly listener: ChangeListener
}

/** Pauses between two attempts to open a line, in ms. */
const FIRST_PAUSE = 100
const LONGEST_PAUSE = 5000

/** A line is asked so often whether it lives, in ms, and has as long to answer: it may be dead and nobody say so. */
export const HEARTBEAT = 5000

export class Listening {
  readonly #options: ListeningOptions
  #line: Line | undefined
  #cancelTimer: CancelTimer = () => undefined
  #pause = FIRST_PAUSE
  #isClosed = false
  /** Said once for each time that it happens. */
  #isLost = false

  constructor(options: ListeningOptions) {
    this.#options = options
  }

  /** Resolves when it listens, or when the first attempt has failed. */
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
    // It may have been given up meanwhile.
    if (this.#line !== line) return
    this.#pause = FIRST_PAUSE
    this.#isLost = false
    // What happened before is not told any more.
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

  /** Gives a line up that does not do in time what is wanted of it. */
  #expect(line: Line, ms: number): void {
    this.#cancelTimer = this.#options.timers.after(ms, () =>
      this.#lose(line, new Error(`no answer came within ${ms} ms`)),
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

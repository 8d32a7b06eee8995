// A subscription to change notifications that checks its connection and reconnects.

import type { CancelTimer, Timers } from '../bytes/clock.ts'
import type { ChangeListener } from '../group/origin.ts'

/** The connection, or the connections to all servers, of one subscription; used once. */
export interface ListenerConnection {
  /** Resolves when notifications are received from now on. */
  open(): Promise<void>
  /** Resolves when the source has answered; rejects when notifications may have been missed. */
  check(): Promise<unknown>
  /** Closes it; `open` rejects if still pending. */
  close(): void
}

export interface SubscriptionOptions {
  /** Creates a connection, which calls `lose` when it breaks. */
  readonly connect: (lose: (error: unknown) => void) => ListenerConnection
  /** Milliseconds. */
  readonly connectTimeout: number
  readonly timers: Timers
  readonly listener: ChangeListener
}

/** Backoff between two connection attempts, in ms. */
const FIRST_PAUSE = 100
const LONGEST_PAUSE = 5000

/** Interval and timeout of connection checks, in ms: a dead connection may not report an error. */
export const CHECK_INTERVAL = 5000

export class Subscription {
  readonly #options: SubscriptionOptions
  #connection: ListenerConnection | undefined
  #cancelTimer: CancelTimer = () => undefined
  #pause = FIRST_PAUSE
  #isClosed = false
  /** Logged once per outage. */
  #isLost = false

  constructor(options: SubscriptionOptions) {
    this.#options = options
  }

  /** Resolves when it is connected, or when the first attempt has failed. */
  async start(): Promise<void> {
    if (this.#isClosed) return
    const { connectTimeout, listener } = this.#options
    const connection: ListenerConnection = this.#options.connect((error) => this.#lose(connection, error))
    this.#connection = connection
    this.#expect(connection, connectTimeout + CHECK_INTERVAL)
    try {
      await connection.open()
    } catch (error) {
      this.#lose(connection, error)
    }
    // It may have been closed or replaced meanwhile.
    if (this.#connection !== connection) return
    this.#pause = FIRST_PAUSE
    this.#isLost = false
    // Changes before this moment were not notified.
    listener.gap()
    this.#watch(connection)
  }

  close(): void {
    this.#isClosed = true
    this.#cancelTimer()
    this.#connection?.close()
    this.#connection = undefined
  }

  #watch(connection: ListenerConnection): void {
    this.#cancelTimer()
    this.#cancelTimer = this.#options.timers.after(CHECK_INTERVAL, () => {
      this.#expect(connection, CHECK_INTERVAL)
      connection.check().then(
        () => {
          if (this.#connection === connection) this.#watch(connection)
        },
        (error) => this.#lose(connection, error),
      )
    })
  }

  /** Drops the connection if it does not answer in time. */
  #expect(connection: ListenerConnection, ms: number): void {
    this.#cancelTimer = this.#options.timers.after(ms, () =>
      this.#lose(connection, new Error(`no answer within ${ms} ms`)),
    )
  }

  #lose(connection: ListenerConnection, error: unknown): void {
    if (this.#connection !== connection) return
    this.#connection = undefined
    this.#cancelTimer()
    connection.close()
    if (!this.#isLost) this.#options.listener.lost(error)
    this.#isLost = true
    this.#cancelTimer = this.#options.timers.after(this.#pause, () => void this.start())
    this.#pause = Math.min(this.#pause * 2, LONGEST_PAUSE)
  }
}

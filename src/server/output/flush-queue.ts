// The flush queue: connections with replies from other nodes or loads, flushed together once the current callback has run.

import type { Timers } from '../../bytes/clock.ts'

export interface Flushable {
  /** Whether it is in the queue; maintained by `FlushQueue`. */
  isQueued: boolean
  /** Whether its replies are held; maintained by `FlushQueue`. */
  isHeld: boolean
  flushQueued(): void
  /** Sends the replies that are still held. */
  flushHeld(): void
}

/**
 * The maximum time for which replies are held, ms: longer than a hop to a busy node takes. They never wait for a load:
 * a node that has to load the value defers its reply, and the held replies are sent.
 */
const HOLD_MS = 10

export class FlushQueue {
  #connections: Flushable[] = []
  #isCollecting = false
  #held: Flushable[] = []
  readonly #timers: Timers
  readonly #run = (): void => this.#flush()
  readonly #endHold = (): void => this.#flushHeld()

  constructor(timers: Timers) {
    this.#timers = timers
  }

  /** Flushes a connection after the current callback, or at `end`. */
  add(connection: Flushable): void {
    if (connection.isQueued) return
    connection.isQueued = true
    if (this.#connections.length === 0 && !this.#isCollecting) process.nextTick(this.#run)
    this.#connections.push(connection)
  }

  /** Flushes a connection after `HOLD_MS`, if nothing has flushed it by then. */
  hold(connection: Flushable): void {
    if (connection.isHeld) return
    connection.isHeld = true
    if (this.#held.length === 0) this.#timers.after(HOLD_MS, this.#endHold)
    this.#held.push(connection)
  }

  /** What is added until `end` is flushed there: it needs no tick, which takes as long as a cheap command. */
  begin(): void {
    this.#isCollecting = true
  }

  end(): void {
    this.#isCollecting = false
    this.#flush()
  }

  #flush(): void {
    if (this.#connections.length === 0) return
    const connections = this.#connections
    this.#connections = []
    for (const connection of connections) {
      connection.isQueued = false
      connection.flushQueued()
    }
  }

  #flushHeld(): void {
    const connections = this.#held
    this.#held = []
    for (const connection of connections) {
      connection.isHeld = false
      connection.flushHeld()
    }
  }
}

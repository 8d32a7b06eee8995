// The flush queue: connections with replies from other nodes or loads, flushed together once the current callback has run.

export interface Flushable {
  /** Whether it is in the queue; maintained by `FlushQueue`. */
  isQueued: boolean
  flushQueued(): void
}

export class FlushQueue {
  #connections: Flushable[] = []
  readonly #run = (): void => this.#flush()

  /** Flushes a connection after the current callback. */
  add(connection: Flushable): void {
    if (connection.isQueued) return
    connection.isQueued = true
    if (this.#connections.length === 0) process.nextTick(this.#run)
    this.#connections.push(connection)
  }

  #flush(): void {
    const connections = this.#connections
    this.#connections = []
    for (const connection of connections) {
      connection.isQueued = false
      connection.flushQueued()
    }
  }
}

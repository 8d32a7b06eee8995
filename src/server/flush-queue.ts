// Connections with replies from elsewhere: those of one pass of the event loop leave together.

interface Flushable {
  /** Whether it has been added since it last departed; kept by `Departures`. */
  isQueued: boolean
  flushQueued(): void
}

export class FlushQueue {
  #connections: Flushable[] = []
  readonly #run = (): void => this.#flush()

  /** Lets a connection depart when what runs now is done. */
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

// Connections with replies from elsewhere: those of one pass of the event loop leave together.

interface Departing {
  /** Whether it has been added since it last departed; kept by `Departures`. */
  isDeparting: boolean
  depart(): void
}

export class Departures {
  #connections: Departing[] = []
  readonly #run = (): void => this.#depart()

  /** Lets a connection depart when what runs now is done. */
  add(connection: Departing): void {
    if (connection.isDeparting) return
    connection.isDeparting = true
    if (this.#connections.length === 0) process.nextTick(this.#run)
    this.#connections.push(connection)
  }

  #depart(): void {
    const connections = this.#connections
    this.#connections = []
    for (const connection of connections) {
      connection.isDeparting = false
      connection.depart()
    }
  }
}

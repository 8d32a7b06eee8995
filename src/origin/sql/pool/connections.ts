// Runs each query on a connection of the pool, and once more on a fresh one if the server had closed the first.

import { abortable } from '../../abortable.ts'

/** The pool of a driver. */
export interface ConnectionPool<Connection> {
  take(): Promise<Connection>
  /** What is the same for a connection each time that it is taken. */
  identityOf(connection: Connection): object
  giveBack(connection: Connection): void
  destroy(connection: Connection): void
  /** Gives back or destroys a connection whose run has failed; the error for the caller. */
  failed(connection: Connection, error: unknown): unknown
  /** Whether an error says that the server has closed the connection. */
  isClosed(error: unknown): boolean
  /** Called for a closed connection that is replaced: no error reports it. */
  onReplaced(error: Error): void
}

export class Connections<Connection> {
  readonly #pool: ConnectionPool<Connection>
  /** The identities of those that have run something. */
  readonly #used = new WeakSet<object>()

  constructor(pool: ConnectionPool<Connection>) {
    this.#pool = pool
  }

  /**
   * Runs something with a connection. If that turns out to be closed although it was used before, it was probably closed
   * while it was idle, as by a restart of the server or a firewall: what may run twice is then run with a fresh one.
   */
  async with<Result>(
    signal: AbortSignal,
    run: (connection: Connection) => Promise<Result>,
    isRepeatable: boolean,
  ): Promise<Result> {
    const connection = await this.#take(signal)
    const wasUsed = this.#wasUsed(connection)
    try {
      return await this.#run(connection, run, signal)
    } catch (error) {
      if (!wasUsed || !isRepeatable || signal.aborted || !this.#pool.isClosed(error)) throw error
      this.#pool.onReplaced(error as Error)
    }
    return this.#run(await this.#takeFresh(signal), run, signal)
  }

  async #run<Result>(
    connection: Connection,
    run: (connection: Connection) => Promise<Result>,
    signal: AbortSignal,
  ): Promise<Result> {
    const result = await abortable(run(connection), signal).catch((error) => {
      throw this.#pool.failed(connection, error)
    })
    this.#used.add(this.#pool.identityOf(connection))
    this.#pool.giveBack(connection)
    return result
  }

  #take(signal: AbortSignal): Promise<Connection> {
    return abortable(this.#pool.take(), signal, (late) => this.#pool.giveBack(late))
  }

  /** The others that were idle are probably closed, too. */
  async #takeFresh(signal: AbortSignal): Promise<Connection> {
    for (;;) {
      const connection = await this.#take(signal)
      if (!this.#wasUsed(connection)) return connection
      this.#pool.destroy(connection)
    }
  }

  #wasUsed(connection: Connection): boolean {
    return this.#used.has(this.#pool.identityOf(connection))
  }
}

// The event-loop batch: all connections with work in one iteration of the event loop are served together.

import type { Executor } from '../execution/executor.ts'
import { Args } from '../resp/args.ts'
import type { Store } from '../store/store.ts'

/** The most requests decoded before they are run. */
const BATCH = 64

/** Below this many requests, prefetching costs more than it saves. */
const PREFETCH_FROM = 4

/** A connection as the batch sees it. */
export interface Served {
  /** Whether it has been added since it was last served; maintained by the batch. */
  isDue: boolean
  /** The store that its next requests will most likely use; `undefined`: none. Constant from `decode` to `serve`. */
  readonly store: Store | undefined
  /** Decodes requests into `batch` from `from` on, as many as fit and may run. Returns the end of them. */
  decode(batch: readonly Args[], from: number): number
  /**
   * Runs `batch[from, to)`. True: it has more work now. Unless that is so and `again` says that it is served next,
   * its replies are ready for `send`.
   */
  serve(batch: readonly Args[], from: number, to: number, again: boolean): boolean
  /** Hands the replies to the socket. */
  send(): void
}

/**
 * Serves after all sockets that were readable have been read, rather than each as it is read: what the requests
 * of several clients need is read from memory together (`Prefetcher`), and serving is not interleaved with
 * system calls. With 50 clients and pipelines of 16 that saves a tenth of the time. It also means that serving
 * never nests: what a command unblocks is served in the next batch.
 */
export class EventLoopBatch {
  readonly #executor: Executor
  readonly #begin: () => void
  readonly #end: () => void
  readonly #batch: readonly Args[] = Array.from({ length: BATCH }, () => new Args())
  /** Where in the batch the requests of each connection begin. */
  readonly #starts = new Int32Array(BATCH + 1)
  #due: Served[] = []
  #serving: Served[] = []
  readonly #run = (): void => this.#serveAll()

  /** @param begin, end called around each batch: the clock is read there, not per command */
  constructor(executor: Executor, begin: () => void, end: () => void) {
    this.#executor = executor
    this.#begin = begin
    this.#end = end
  }

  /** Serves a connection in the next batch. */
  add(connection: Served): void {
    if (connection.isDue) return
    connection.isDue = true
    if (this.#due.length === 0) setImmediate(this.#run)
    this.#due.push(connection)
  }

  #serveAll(): void {
    const serving = this.#due
    this.#due = this.#serving
    this.#serving = serving
    this.#begin()
    for (let i = 0; i < serving.length; ) i += this.#serveSome(i)
    serving.length = 0
    this.#end()
  }

  /** Serves connections from `first` on until the batch is full. Returns how many. */
  #serveSome(first: number): number {
    const serving = this.#serving
    const batch = this.#batch
    const starts = this.#starts
    let taken = 0
    let end = 0
    while (first + taken < serving.length && end < BATCH && taken < BATCH) {
      starts[taken] = end
      end = serving[first + taken].decode(batch, end)
      taken++
    }
    starts[taken] = end
    if (end >= PREFETCH_FROM) this.#prefetch(first, taken)
    const last = taken - 1
    for (let i = 0; i < last; i++) {
      const connection = serving[first + i]
      connection.isDue = false
      if (connection.serve(batch, starts[i], starts[i + 1], false)) this.add(connection)
    }
    this.#serveLast(serving[first + last], starts[last], end)
    for (let i = 0; i < taken; i++) serving[first + i].send()
    return taken
  }

  /** The last connection may have filled the batch: it is served until it has no more input. */
  #serveLast(connection: Served, from: number, to: number): void {
    const batch = this.#batch
    connection.isDue = false
    let start = from
    let end = to
    while (connection.serve(batch, start, end, true)) {
      this.#endPrefetch(end)
      start = 0
      end = connection.decode(batch, 0)
      const { store } = connection
      if (end >= PREFETCH_FROM && store !== undefined) this.#executor.prefetch.begin(store, batch, 0, end)
    }
    this.#endPrefetch(end)
  }

  /** Ends a batch: drops the references to input chunks and to buffers of large requests. */
  #endPrefetch(end: number): void {
    this.#executor.prefetch.end()
    for (let i = 0; i < end; i++) this.#batch[i].clear()
  }

  /** Adjacent connections in the same group are prefetched for together. */
  #prefetch(first: number, taken: number): void {
    const serving = this.#serving
    const starts = this.#starts
    for (let i = 0; i < taken; ) {
      const { store } = serving[first + i]
      let next = i + 1
      while (next < taken && serving[first + next].store === store) next++
      if (store !== undefined) this.#executor.prefetch.begin(store, this.#batch, starts[i], starts[next])
      i = next
    }
  }
}

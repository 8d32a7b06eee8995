// The event-loop batch: all connections with work in one iteration of the event loop are served together, each for a
// bounded time.

import type { Executor } from '../execution/executor.ts'
import { Args } from '../resp/args.ts'
import type { Store } from '../store/store.ts'
import type { Turn } from './turn.ts'

/** Maximum number of requests that are decoded before they are run. */
const BATCH = 64

/** Below this many requests, prefetching costs more than it saves. */
const PREFETCH_FROM = 4

/** Time share of a connection before others are served, µs. A pipeline of 64 cheap commands takes a tenth of it. */
const SHARE_MICROS = 500

/** The same for a connection of another node, which carries the requests of many clients. */
const PEER_SHARE_MICROS = 2000

/** How long the connections of one queue are served before the event loop returns to sockets and timers, µs. */
const TURN_MICROS = 5000

/** A queue that takes longer than this has run a slow command, µs. */
const SLOW_MICROS = 50_000

/** Results of `serve`: nothing left to do now. */
export const IDLE = 0
/** There is more work now. The replies are ready for `send`. */
export const MORE = 1
/** There is more work now, and replies in the shared reply writer: only if `again` was true. */
export const UNFLUSHED = 2
export type ServeResult = typeof IDLE | typeof MORE | typeof UNFLUSHED

/** The part of a connection that the batch uses. */
export interface Served {
  /** Whether it has been added since it was last served; maintained by the batch. */
  isDue: boolean
  /** Whether another node of the cluster has opened it. */
  readonly isPeer: boolean
  /** The store that its next requests will probably use; `undefined`: none. Constant from `decode` to `serve`. */
  readonly store: Store | undefined
  /** Decodes requests into `batch` from `from` on, as many as fit and may run. Returns the end of them. */
  decode(batch: readonly Args[], from: number): number
  /** Runs `batch[from, to)`, as many as its time share allows, and keeps the others. `again`: it may be served next. */
  serve(batch: readonly Args[], from: number, to: number, again: boolean): ServeResult
  /** Keeps `batch[from, to)` until it is served again. */
  postpone(batch: readonly Args[], from: number, to: number): void
  /** Hands the replies to the socket. */
  send(): void
}

/** Connections with work: those that have just received something, and those that were served and have more. */
class Lane {
  fresh = new Queue()
  backlog = new Queue()
  /** Whether a slow command has ended the last turn before the backlog was served. */
  owesBacklog = false

  get isEmpty(): boolean {
    return this.fresh.connections.length === 0 && this.backlog.connections.length === 0
  }
}

/** A double-buffered queue: connections that are added while it is being served wait for the next turn. */
class Queue {
  connections: Served[] = []
  #spare: Served[] = []

  /** Begins to serve: returns the connections and empties the queue. */
  start(): readonly Served[] {
    const serving = this.connections
    this.connections = this.#spare
    this.#spare = serving
    return serving
  }

  /** Ends serving: the connections from `served` on return to the head of the queue. */
  finish(served: number): void {
    const serving = this.#spare
    if (served !== serving.length) {
      this.connections = serving.slice(served).concat(this.connections)
      this.#spare = []
    } else serving.length = 0
  }
}

/**
 * Connections are served after all readable sockets have been read, not one by one as each is read: the memory that
 * the requests of several clients need is prefetched together (`Prefetcher`), and serving is not interleaved with
 * system calls. With 50 clients and pipelines of 16 that saves a tenth of the time. It also means that serving
 * never nests: a connection that a command unblocks is served in the next batch.
 *
 * FAIRNESS. A connection is served for its time share (`SHARE_MICROS`), and keeps the rest of its requests for
 * another turn; it is not read meanwhile. A turn serves, in this order,
 *
 * 1. connections of other nodes, so that heartbeats and forwarded requests do not wait for clients;
 * 2. clients that have just sent something;
 * 3. clients that have had their share and have more: at least one of them,
 *
 * each queue for `TURN_MICROS` at most. A command is never interrupted, so the last command of each queue may exceed
 * that. After a slow one (KEYS on millions of keys) the turn ends at once, and the queues that were left out come first
 * in the next turn: sockets, timers and heartbeats wait for one slow command, not for several. So a client that sends
 * one request waits for two turns at most, however long the pipelines of others are.
 */
export class EventLoopBatch {
  /** When the time share of the connection that is being served ends, µs. */
  shareEnds = 0
  readonly #executor: Executor
  readonly #turn: Turn
  readonly #begin: () => void
  readonly #end: () => void
  /** A monotonic clock, in microseconds. */
  readonly #micros: () => number
  readonly #batch: readonly Args[] = Array.from({ length: BATCH }, () => new Args())
  /** Where in the batch the requests of each connection begin. */
  readonly #starts = new Int32Array(BATCH + 1)
  readonly #peers = new Lane()
  readonly #clients = new Lane()
  #isScheduled = false
  #turnEnds = 0
  /** Whether a command of this turn took longer than a turn. */
  #wasSlow = false
  /** When the clock was last read, µs. */
  #now = 0
  /** Whether a slow command of another node has ended the last turn before clients were served. */
  #owesClients = false
  readonly #run = (): void => this.#serveAll()

  /** @param begin, end called around each turn: the clock is read there, not per command */
  constructor(executor: Executor, turn: Turn, micros: () => number, begin: () => void, end: () => void) {
    this.#executor = executor
    this.#turn = turn
    this.#micros = micros
    this.#begin = begin
    this.#end = end
  }

  /** Serves a connection in the next batch. */
  add(connection: Served): void {
    if (connection.isDue) return
    connection.isDue = true
    this.#laneOf(connection).fresh.connections.push(connection)
    if (this.#isScheduled) return
    this.#isScheduled = true
    setImmediate(this.#run)
  }

  /** Whether the time share of the connection that is being served is over. Reads the clock. */
  isShareOver(): boolean {
    this.#now = this.#micros()
    return this.#now > this.shareEnds
  }

  #laneOf(connection: Served): Lane {
    return connection.isPeer ? this.#peers : this.#clients
  }

  #serveAll(): void {
    this.#begin()
    const clientsFirst = this.#owesClients
    const isSlow = this.#serveLane(clientsFirst ? this.#clients : this.#peers)
    this.#owesClients = isSlow && !clientsFirst
    if (!isSlow) this.#serveLane(clientsFirst ? this.#peers : this.#clients)
    this.#end()
    this.#turn.end(this.#wasSlow)
    this.#wasSlow = false
    this.#isScheduled = !(this.#peers.isEmpty && this.#clients.isEmpty)
    if (this.#isScheduled) setImmediate(this.#run)
  }

  /** Serves both queues of a lane. Returns whether a slow command has ended the turn. */
  #serveLane(lane: Lane): boolean {
    const { fresh, backlog } = lane
    // Taken before `fresh` is served: connections that are added to the backlog now have had their share.
    const waiting = backlog.connections.length === 0 ? undefined : backlog.start()
    const backlogFirst = lane.owesBacklog
    lane.owesBacklog = false
    if (waiting !== undefined && backlogFirst) {
      backlog.finish(this.#serveQueue(waiting))
      if (this.#isSlow) return true
    }
    if (fresh.connections.length !== 0) {
      fresh.finish(this.#serveQueue(fresh.start()))
      if (this.#isSlow) {
        lane.owesBacklog = waiting !== undefined && !backlogFirst
        if (lane.owesBacklog) backlog.finish(0)
        return true
      }
    }
    if (waiting === undefined || backlogFirst) return false
    backlog.finish(this.#serveQueue(waiting))
    return this.#isSlow
  }

  /** Whether the queue that was served last has run a slow command. */
  get #isSlow(): boolean {
    return Math.max(this.#now, this.#executor.lastTimedAt) > this.#turnEnds + SLOW_MICROS - TURN_MICROS
  }

  /** Serves connections for the time of a turn. Returns how many. */
  #serveQueue(serving: readonly Served[]): number {
    this.#now = this.#micros()
    this.#turnEnds = this.#now + TURN_MICROS
    let served = 0
    for (;;) {
      served += this.#serveSome(serving, served)
      if (served === serving.length) break
      this.#now = this.#micros()
      if (this.#now > this.#turnEnds) break
    }
    // Not by `#now`: batches of loads must not become smaller because other processes keep the machine busy.
    if (this.#executor.lastTimedAt > this.#turnEnds + TURN_MICROS) this.#wasSlow = true
    return served
  }

  /** Serves connections from `first` on until the batch is full. Returns how many. */
  #serveSome(serving: readonly Served[], first: number): number {
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
    if (end >= PREFETCH_FROM) this.#prefetch(serving, first, taken)
    this.shareEnds = this.#now + (serving[first].isPeer ? PEER_SHARE_MICROS : SHARE_MICROS)
    const last = taken - 1
    let served = 0
    while (served < last && !this.#isOverrun) {
      const connection = serving[first + served]
      connection.isDue = false
      this.#turn.serving = connection
      if (connection.serve(batch, starts[served], starts[served + 1], false) === MORE) this.#keep(connection)
      served++
    }
    if (this.#isOverrun) {
      for (let i = served; i < taken; i++) serving[first + i].postpone(batch, starts[i], starts[i + 1])
      this.#endPrefetch(end)
    } else {
      this.#serveLast(serving[first + last], starts[last], end)
      served++
    }
    for (let i = 0; i < served; i++) serving[first + i].send()
    return served
  }

  /** Whether a command has taken longer than the turn. Does not read the clock: only slow commands do. */
  get #isOverrun(): boolean {
    return this.#now > this.#turnEnds || this.#executor.lastTimedAt > this.#turnEnds
  }

  /** Serves the last connection, which may have filled the batch, until its input or its time share ends. */
  #serveLast(connection: Served, from: number, to: number): void {
    const batch = this.#batch
    connection.isDue = false
    this.#turn.serving = connection
    let start = from
    let end = to
    for (let again = true; ; ) {
      const result = connection.serve(batch, start, end, again)
      this.#endPrefetch(end)
      if (result === IDLE) return
      again = !this.isShareOver()
      if (result === MORE && !again) {
        this.#keep(connection)
        return
      }
      start = 0
      end = connection.decode(batch, 0)
      const { store } = connection
      if (end >= PREFETCH_FROM && store !== undefined) this.#executor.prefetch.begin(store, batch, 0, end)
    }
  }

  /** Serves a connection again once others have been served. */
  #keep(connection: Served): void {
    if (connection.isDue) return
    connection.isDue = true
    this.#laneOf(connection).backlog.connections.push(connection)
  }

  /** Ends a batch, and drops the references to input chunks. */
  #endPrefetch(end: number): void {
    this.#executor.prefetch.end()
    for (let i = 0; i < end; i++) this.#batch[i].clear()
  }

  /** Prefetches for all connections; together for adjacent ones in the same group. */
  #prefetch(serving: readonly Served[], first: number, taken: number): void {
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

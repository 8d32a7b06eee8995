// Connections and requests of HTTP clients: the gateway counts them; CLIENT LIST, INFO and the metrics show them.

import { Histogram } from './histogram.ts'
import type { SpanContext } from './tracing.ts'

/** An open connection, as an operator sees it. */
export interface HttpClient {
  /** Unique among all connections, those of the Redis protocol included. */
  readonly id: number
  /** 'host:port' of both ends. */
  readonly address: string
  readonly localAddress: string
  /** The user of its last request. */
  readonly userName: string
  /** The command that its last request stands for; empty: none. */
  readonly lastCommand: string
  readonly ageMs: number
  /** Time since a request was received or a response was sent, ms. */
  readonly idleMs: number
  /** Requests without a whole response. */
  readonly activeRequests: number
  /** Bytes of responses that the client has not taken yet. */
  readonly unsentBytes: number
  readonly receivedBytes: number
  readonly sentBytes: number
  /** Closes at once, and drops unsent responses. */
  destroy(): void
}

/** By the first digit of a status; `none`: the client was gone before it had a response. */
const CLASSES = ['none', '1xx', '2xx', '3xx', '4xx', '5xx'] as const

/** The requests of one route. */
export class RouteStats {
  readonly method: string
  /** `/cache/{group}/{key}` */
  readonly path: string
  // A double each: 32 bits would overflow.
  readonly #counts = new Float64Array(CLASSES.length)
  /** How long requests took; created at the first one. */
  durations: Histogram | undefined

  constructor(method: string, path: string) {
    this.method = method
    this.path = path
  }

  /**
   * A request has ended.
   * @param status 0: without a response
   * @param span its sampled span
   */
  ended(status: number, micros: number, span?: SpanContext): void {
    this.#counts[Math.floor(status / 100)]++
    this.durations ??= new Histogram()
    this.durations.record(micros)
    if (span !== undefined) this.durations.illustrate(micros, span, Date.now())
  }

  get requests(): number {
    return this.#counts.reduce((all, count) => all + count, 0)
  }

  /** Requests by class of their status; 1xx is never the status of a whole response. */
  get byClass(): readonly (readonly [name: string, count: number])[] {
    return CLASSES.map((name, i) => [name, this.#counts[i]] as const).filter(([name]) => name !== '1xx')
  }

  reset(): void {
    this.#counts.fill(0)
    this.durations = undefined
  }
}

export class HttpStats {
  /** A monotonic clock in µs. */
  readonly micros: () => number
  /** The most connections at a time; 0: the node has no HTTP. */
  maxConnections = 0
  connections = 0
  rejectedConnections = 0
  /** Requests without a whole response. */
  activeRequests = 0
  readonly routes: RouteStats[] = []
  /** Called when the unsent bytes of a connection have grown, or become less, by so many. */
  unsentChanged: (bytes: number) => void = () => {}
  /** Requests without a route: malformed, refused for their host or origin, or for a path that does not exist. */
  readonly unrouted = new RouteStats('any', 'none')
  readonly #clients = new Map<number, HttpClient>()
  /** Bytes of closed connections, less the count at the last reset. */
  #receivedBytes = 0
  #sentBytes = 0

  constructor(micros: () => number) {
    this.micros = micros
  }

  /** By their numbers. */
  get clients(): ReadonlyMap<number, HttpClient> {
    return this.#clients
  }

  addRoute(method: string, path: string): RouteStats {
    const route = new RouteStats(method, path)
    this.routes.push(route)
    return route
  }

  opened(client: HttpClient): void {
    this.connections++
    this.#clients.set(client.id, client)
  }

  closed(client: HttpClient): void {
    this.#clients.delete(client.id)
    this.#receivedBytes += client.receivedBytes
    this.#sentBytes += client.sentBytes
  }

  get requests(): number {
    return [this.unrouted, ...this.routes].reduce((all, route) => all + route.requests, 0)
  }

  get receivedBytes(): number {
    let bytes = this.#receivedBytes
    for (const client of this.#clients.values()) bytes += client.receivedBytes
    return bytes
  }

  get sentBytes(): number {
    let bytes = this.#sentBytes
    for (const client of this.#clients.values()) bytes += client.sentBytes
    return bytes
  }

  /** Bytes of responses that clients have not taken yet. */
  get unsentBytes(): number {
    let bytes = 0
    for (const client of this.#clients.values()) bytes += client.unsentBytes
    return bytes
  }

  /** Redis: CONFIG RESETSTAT. */
  reset(): void {
    this.connections = 0
    this.rejectedConnections = 0
    this.unrouted.reset()
    for (const route of this.routes) route.reset()
    // A socket's own counters cannot be reset.
    this.#receivedBytes -= this.receivedBytes
    this.#sentBytes -= this.sentBytes
  }
}

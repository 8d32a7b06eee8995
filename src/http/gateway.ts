// The HTTP gateway: a second adapter over the execution that RESP clients use. It joins listener, connections and
// routes.

import type { IncomingMessage, ServerResponse } from 'node:http'
import type { ServerOptions as SecureOptions } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { systemTimers } from '../bytes/clock.ts'
import type { HttpStats, RouteStats } from '../telemetry/http-stats.ts'
import { RareWarning } from '../telemetry/rare-warning.ts'
import { RuntimeStats } from '../telemetry/runtime-stats.ts'
import type { SpanContext } from '../telemetry/tracing.ts'
import { Answers, MAX_ACTIVE, routeStatsOf, sampledSpanOf } from './answers.ts'
import { HttpConnection, type RequestHandlers } from './connections.ts'
import { jsonText } from './exchange.ts'
import { HttpListener, type TlsMaterial } from './listener.ts'
import { Metrics } from './metrics/metrics.ts'
import { openApiOf } from './openapi.ts'
import type { Place, PlainHandlers } from './plain/connection.ts'
import { PlainReads } from './plain/reads.ts'
import type { PlainRequest } from './plain/request.ts'
import type { Services } from './ports.ts'
import { OriginCheck } from './requests/origin-check.ts'
import type { Route } from './route.ts'
import { ownReport } from './routes/dashboard.ts'
import { allRoutes } from './routes/table.ts'
import { READ_OPERATION } from './routes/values.ts'

export interface GatewayOptions extends Omit<Services, 'openApi' | 'metrics'> {
  /** With it the gateway speaks HTTPS. */
  readonly tls?: SecureOptions
  readonly backlog?: number
  /** A TLS handshake has failed. */
  readonly handshakeFailed?: (error: Error, socket: TLSSocket) => void
  /** A client speaks TLS, and the gateway does not. */
  readonly speaksTls?: (address: string) => void
}

const CONNECTION = Symbol('connection')

interface OwnSocket extends Socket {
  [CONNECTION]?: HttpConnection
}

/** Refused connections are logged at most this often. */
const WARNING_INTERVAL_MS = 60_000

export class HttpGateway {
  readonly routes: readonly Route[]
  readonly #services: Services
  readonly #runtime: RuntimeStats
  readonly #plainReads: PlainReads
  readonly #answers: Answers
  readonly #listener: HttpListener
  readonly #connections = new Set<HttpConnection>()
  readonly #stats: HttpStats
  /** The statistics of the route of plain reads. */
  readonly #valueStats: RouteStats
  readonly #handlers: RequestHandlers
  readonly #refused: RareWarning
  #isClosing = false
  #closed: Promise<void> | undefined

  constructor(options: GatewayOptions) {
    this.routes = allRoutes()
    let document: string | undefined
    const openApi = (): string => {
      document ??= jsonText(openApiOf(this.routes, options.version))
      return document
    }
    this.#runtime = new RuntimeStats({ timers: systemTimers, micros: () => performance.now() * 1000 })
    const metrics = new Metrics(options.host, this.#runtime)
    const stats = options.host.http
    this.#stats = stats
    const routeStats = new Map(
      this.routes.map((route) => [route, stats.addRoute(route.method, route.path.replace('*}', '}'))]),
    )
    this.#handlers = {
      micros: stats.micros,
      serve: (own, request, response) => this.#serve(own, request, response),
      ended: (response, startedAt) => {
        const { headersSent, statusCode } = response
        const route = routeStatsOf(response) ?? stats.unrouted
        this.#ended(route, headersSent ? statusCode : 0, startedAt, sampledSpanOf(response))
      },
      unsentChanged: (bytes) => stats.unsentChanged(bytes),
    }
    this.#refused = new RareWarning(WARNING_INTERVAL_MS, () => stats.micros() / 1000)
    this.#services = { ...options, openApi, metrics }
    options.host.report = () => JSON.stringify(ownReport(this.#services))
    const needsPassword = (): boolean => options.gate.anonymous === undefined
    const check = new OriginCheck(options.options, needsPassword)
    this.#plainReads = new PlainReads(this.#services, check)
    this.#answers = new Answers(this.#services, check, routeStats)
    const valueRoute = this.routes.find(({ operation }) => operation === READ_OPERATION) as Route
    this.#valueStats = routeStats.get(valueRoute) as RouteStats
    this.#listener = new HttpListener({
      options: options.options,
      log: options.log,
      tls: options.tls,
      backlog: options.backlog ?? 511,
      handshakeFailed: options.handshakeFailed,
      speaksTls: options.speaksTls,
      onConnection: (socket) => this.#accept(socket),
      onRequest: (request, response) => this.#received(request, response),
      onMalformed: (socket: OwnSocket, status, refuse) => {
        stats.unrouted.ended(status, 0)
        socket[CONNECTION]?.malformed(refuse)
      },
      maxConnections: () => stats.maxConnections,
      onRefused: () => this.#refuse(),
    })
  }

  /** The number of open connections. */
  get connections(): number {
    return this.#connections.size
  }

  /** Whether it speaks HTTPS. */
  get isSecure(): boolean {
    return this.#listener.isSecure
  }

  /**
   * Listens on one more address. Port 0: any free port.
   * @throws if the address cannot be used
   */
  listen(host: string, port: number): Promise<AddressInfo> {
    return this.#listener.listen(host, port)
  }

  /** New connections use these certificates. */
  replaceTls(material: TlsMaterial): void {
    this.#listener.replaceTls(material)
  }

  /**
   * Stops: accepts no more connections, closes idle ones at once and the others with their response, at the latest after
   * `timeout` ms. Resolves when all are closed.
   */
  close(timeout: number): Promise<void> {
    this.#isClosing = true
    this.#runtime.stop()
    for (const connection of this.#connections) connection.close()
    this.#closed ??= this.#close(timeout)
    if (timeout === 0) this.#listener.closeAll()
    return this.#closed
  }

  async #close(timeout: number): Promise<void> {
    const timer = setTimeout(() => {
      this.#services.log.warn({ timeout }, 'some HTTP responses were not sent in time')
      this.#listener.closeAll()
    }, timeout)
    await this.#listener.close().finally(() => clearTimeout(timer))
  }

  #accept(socket: OwnSocket): Omit<PlainHandlers, 'handOver'> {
    const connection = new HttpConnection(this.#services.host.nextClientId(), socket, this.#handlers)
    socket[CONNECTION] = connection
    const { certificateName, address } = connection
    if (certificateName !== '') this.#services.gate.connected(certificateName, address)
    this.#connections.add(connection)
    this.#stats.opened(connection)
    socket.once('close', () => {
      connection.written()
      this.#connections.delete(connection)
      this.#stats.closed(connection)
    })
    return {
      serve: (request, place) => this.#servePlain(connection, request, place),
      written: (waitingBytes) => connection.plainWritten(waitingBytes),
      served: ({ status, startedAt }) => {
        connection.plainReadEnded(this.#ended(this.#valueStats, status, startedAt))
      },
    }
  }

  #servePlain(connection: HttpConnection, request: PlainRequest, place: Place): boolean {
    const stats = this.#stats
    if (stats.activeRequests >= MAX_ACTIVE) return false
    stats.activeRequests++
    place.startedAt = stats.micros()
    connection.plainReadBegan(place.startedAt)
    const isServed = this.#plainReads.serve(connection, request, place)
    if (!isServed) {
      stats.activeRequests--
      connection.plainReadEnded(place.startedAt)
    }
    return isServed
  }

  /** Counts a request that has ended. Returns the current time, µs. */
  #ended(route: RouteStats, status: number, startedAt: number, span?: SpanContext): number {
    const now = this.#stats.micros()
    this.#stats.activeRequests--
    route.ended(status, now - startedAt, span)
    return now
  }

  #refuse(): void {
    const { maxConnections } = this.#stats
    this.#stats.rejectedConnections++
    this.#refused.give((suppressed) => {
      this.#services.log.warn(
        { maxConnections, refused: suppressed + 1 },
        'an HTTP connection was refused: there are as many as http.maxConnections allows',
      )
    })
  }

  #received(request: IncomingMessage, response: ServerResponse): void {
    const connection = (request.socket as OwnSocket)[CONNECTION]
    if (connection === undefined) request.socket.destroy()
    else connection.received(request, response)
  }

  #serve(connection: HttpConnection, request: IncomingMessage, response: ServerResponse): void {
    this.#stats.activeRequests++
    if (this.#isClosing) response.shouldKeepAlive = false
    const wait =
      request.headers.authorization === undefined ? 0 : this.#services.gate.waitOf(connection.address)
    if (wait === 0) this.#answers.answer(connection, request, response)
    else setTimeout(() => response.destroyed || this.#answers.answer(connection, request, response), wait)
  }
}

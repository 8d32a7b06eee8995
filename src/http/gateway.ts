// The HTTP gateway: a second adapter over the execution that RESP clients use. It checks a request and finds its route.

import { type IncomingMessage, METHODS, type ServerResponse } from 'node:http'
import type { ServerOptions as SecureOptions } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { systemTimers } from '../bytes/clock.ts'
import type { HttpStats, RouteStats } from '../telemetry/http-stats.ts'
import { RareWarning } from '../telemetry/rare-warning.ts'
import { RuntimeStats } from '../telemetry/runtime-stats.ts'
import {
  begin,
  extracted,
  isTracing,
  type SpanContext,
  SpanKind,
  sampledSpan,
  within,
} from '../telemetry/tracing.ts'
import { HttpConnection, type RequestHandlers } from './connections.ts'
import { Exchange, jsonText } from './exchange.ts'
import { HttpListener, type TlsMaterial } from './listener.ts'
import { Metrics } from './metrics/metrics.ts'
import { openApiOf } from './openapi.ts'
import type { Place, PlainHandlers } from './plain/connection.ts'
import { PlainReads } from './plain/reads.ts'
import type { PlainRequest } from './plain/request.ts'
import type { Services } from './ports.ts'
import { requireAccess, userOf } from './requests/authorization.ts'
import { GoneError, RefusedError, Uploads } from './requests/body.ts'
import { OriginCheck } from './requests/origin-check.ts'
import { allowed, foreignProblem, overloaded, unknownMethod, unknownRoute } from './requests/refused.ts'
import { readTarget, type Target } from './requests/target.ts'
import { corsHeaders, preflightHeaders } from './responses/cors.ts'
import { INTERNAL_ERROR } from './responses/problem.ts'
import { sendProblem } from './responses/refusal.ts'
import type { Headers } from './responses/responder.ts'
import type { Route } from './route.ts'
import { Router } from './router.ts'
import { ownReport } from './routes/dashboard.ts'
import { allRoutes } from './routes/table.ts'
import { READ_OPERATION } from './routes/values.ts'

/** Maximum number of requests without a response; further ones are refused. */
const MAX_ACTIVE = 20_000

export interface GatewayOptions extends Omit<Services, 'openApi' | 'metrics'> {
  /** With it the gateway speaks HTTPS. */
  readonly tls?: SecureOptions
  readonly backlog?: number
  /** A TLS handshake has failed. */
  readonly handshakeFailed?: (error: Error, socket: TLSSocket) => void
}

const CONNECTION = Symbol('connection')

interface OwnSocket extends Socket {
  [CONNECTION]?: HttpConnection
}

const ROUTE_STATS = Symbol('route stats')
const SPAN = Symbol('sampled span')

interface OwnResponse extends ServerResponse {
  /** Where the request is counted; `undefined`: it has no route. */
  [ROUTE_STATS]?: RouteStats
  [SPAN]?: SpanContext | undefined
}

/** Refused connections are logged at most this often. */
const WARNING_INTERVAL_MS = 60_000

export class HttpGateway {
  readonly routes: readonly Route[]
  readonly #services: Services
  readonly #runtime: RuntimeStats
  readonly #router: Router
  readonly #check: OriginCheck
  readonly #plainReads: PlainReads
  readonly #uploads: Uploads
  readonly #listener: HttpListener
  readonly #connections = new Set<HttpConnection>()
  readonly #stats: HttpStats
  readonly #routeStats = new Map<Route, RouteStats>()
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
    for (const route of this.routes)
      this.#routeStats.set(route, stats.addRoute(route.method, route.path.replace('*}', '}')))
    this.#handlers = {
      micros: stats.micros,
      serve: (own, request, response) => this.#serve(own, request, response),
      ended: (response: OwnResponse, startedAt) => {
        const { headersSent, statusCode } = response
        const route = response[ROUTE_STATS] ?? stats.unrouted
        this.#ended(route, headersSent ? statusCode : 0, startedAt, response[SPAN])
      },
    }
    this.#refused = new RareWarning(WARNING_INTERVAL_MS, () => stats.micros() / 1000)
    this.#services = { ...options, openApi, metrics }
    options.host.report = () => JSON.stringify(ownReport(this.#services))
    this.#router = new Router(this.routes)
    const needsPassword = (): boolean => options.gate.anonymous === undefined
    this.#check = new OriginCheck(options.options, needsPassword)
    this.#plainReads = new PlainReads(this.#services, this.#check)
    const valueRoute = this.routes.find(({ operation }) => operation === READ_OPERATION) as Route
    this.#valueStats = this.#routeStats.get(valueRoute) as RouteStats
    this.#uploads = new Uploads(options.options.maxUploads)
    this.#listener = new HttpListener({
      options: options.options,
      log: options.log,
      tls: options.tls,
      backlog: options.backlog ?? 511,
      handshakeFailed: options.handshakeFailed,
      onConnection: (socket) => this.#accept(socket),
      onRequest: (request, response) => this.#received(request, response),
      onMalformed: (status) => stats.unrouted.ended(status, 0),
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
    this.#connections.add(connection)
    this.#stats.opened(connection)
    socket.once('close', () => {
      this.#connections.delete(connection)
      this.#stats.closed(connection)
    })
    return {
      serve: (request, place) => this.#servePlain(connection, request, place),
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
    if (wait === 0) this.#answer(connection, request, response)
    else setTimeout(() => response.destroyed || this.#answer(connection, request, response), wait)
  }

  #answer(connection: HttpConnection, request: IncomingMessage, response: ServerResponse): void {
    let cors: Headers | undefined
    try {
      if (this.#stats.activeRequests > MAX_ACTIVE) throw new RefusedError(overloaded(MAX_ACTIVE))
      const method = request.method ?? ''
      const target = readTarget(request.url ?? '')
      const { headers } = request
      const foreign = this.#check.problemOf(headers, target.authority, method)
      if (foreign !== undefined) throw new RefusedError(foreignProblem(foreign, headers.host ?? ''))
      cors = corsHeaders(this.#check.allowedOrigin(headers.origin))
      if (method === 'OPTIONS') {
        this.#answerOptions(response, target, cors)
        return
      }
      const found = this.#router.find(method === 'HEAD' ? 'GET' : method, target.path)
      if (found === undefined) throw new RefusedError(unknownRoute(target.path))
      if ('methods' in found) {
        sendProblem(
          request,
          response,
          unknownMethod(method, found.methods),
          ['Allow', allowed(found.methods).join(', ')],
          cors,
        )
        return
      }
      const { route, names, values } = found
      ;(response as OwnResponse)[ROUTE_STATS] = this.#routeStats.get(route)
      connection.lastCommand = route.access === 'public' ? '' : route.access.command
      const services = this.#services
      const user = userOf(services.gate, headers.authorization, connection.address, route)
      const caller = connection.callerFor(user)
      const uploads = this.#uploads
      const exchange = new Exchange({
        request,
        response,
        target,
        names,
        values,
        services,
        caller,
        uploads,
        cors,
        failed: (error) => this.#failed(request, response, error, cors),
      })
      requireAccess(exchange, route, user)
      const handled = isTracing() ? handleTraced(exchange, route) : route.handle(exchange)
      if (handled !== undefined) handled.catch((error) => exchange.fail(error))
    } catch (error) {
      this.#failed(request, response, error, cors)
    }
  }

  /** Answers with the methods of a path; for a page of an allowed origin also with the preflight headers. */
  #answerOptions(response: ServerResponse, target: Target, cors: Headers | undefined): void {
    const found = target.path === '*' ? { methods: METHODS } : this.#router.find('OPTIONS', target.path)
    if (found === undefined || !('methods' in found)) throw new RefusedError(unknownRoute(target.path))
    const methods = allowed(found.methods).join(', ')
    const headers: Headers = ['Allow', methods]
    if (cors !== undefined) headers.push(...cors, ...preflightHeaders(methods))
    response.writeHead(204, headers)
    response.end()
  }

  #failed(
    request: IncomingMessage,
    response: ServerResponse,
    error: unknown,
    cors: Headers | undefined,
  ): void {
    if (error instanceof GoneError || response.destroyed) {
      response.destroy()
      return
    }
    // A response that has begun cannot become a problem: the client sees that it ends early.
    if (response.headersSent) {
      if (!(error instanceof RefusedError))
        this.#services.log.error({ err: error }, 'an HTTP response failed')
      response.destroy()
      return
    }
    if (error instanceof RefusedError) sendProblem(request, response, error.problem, [], cors)
    else {
      this.#services.log.error({ err: error, url: request.url }, 'an HTTP request failed')
      sendProblem(request, response, INTERNAL_ERROR, [], cors)
    }
  }
}

/** Handles a request as a span, which is a child of the one that its headers name. */
function handleTraced(exchange: Exchange, route: Route): void | Promise<void> {
  const { request, response } = exchange
  const attributes = { 'http.request.method': request.method, 'http.route': route.path }
  const span = begin(
    `${request.method} ${route.path}`,
    SpanKind.SERVER,
    attributes,
    extracted(request.headers),
  )
  ;(response as OwnResponse)[SPAN] = sampledSpan(span?.context)
  response.once('close', () => {
    const { statusCode } = response
    span?.end(statusCode >= 500 ? `status ${statusCode}` : undefined, {
      'http.response.status_code': statusCode,
    })
  })
  return within(span?.context, () => route.handle(exchange))
}

// Answers one request: checks it, finds its route, and runs the handler. A refusal or failure becomes a problem.

import { type IncomingMessage, METHODS, type ServerResponse } from 'node:http'
import type { HttpStats, RouteStats } from '../telemetry/http-stats.ts'
import {
  begin,
  extracted,
  isTracing,
  type SpanContext,
  SpanKind,
  sampledSpan,
  within,
} from '../telemetry/tracing.ts'
import type { HttpConnection } from './connections.ts'
import { Exchange } from './exchange.ts'
import type { Services } from './ports.ts'
import { ambiguityOf } from './requests/ambiguous.ts'
import { requireAccess, userOf } from './requests/authorization.ts'
import { GoneError, RefusedError, Uploads } from './requests/body.ts'
import type { OriginCheck } from './requests/origin-check.ts'
import { checkQuery } from './requests/query.ts'
import { allowed, foreignProblem, overloaded, unknownMethod, unknownRoute } from './requests/refused.ts'
import { readTarget, type Target } from './requests/target.ts'
import { corsHeaders, preflightHeaders } from './responses/cors.ts'
import { INTERNAL_ERROR } from './responses/problem.ts'
import { sendProblem } from './responses/refusal.ts'
import type { Headers } from './responses/responder.ts'
import type { Route } from './route.ts'
import { Router } from './router.ts'

/** Maximum number of requests without a response; further ones are refused. */
export const MAX_ACTIVE = 20_000

const ROUTE_STATS = Symbol('route stats')
const SPAN = Symbol('sampled span')

interface OwnResponse extends ServerResponse {
  [ROUTE_STATS]?: RouteStats
  [SPAN]?: SpanContext | undefined
}

/** The statistics of the route of a request; `undefined`: it has no route. */
export function routeStatsOf(response: ServerResponse): RouteStats | undefined {
  return (response as OwnResponse)[ROUTE_STATS]
}

/** The span of a request, if it is sampled. */
export function sampledSpanOf(response: ServerResponse): SpanContext | undefined {
  return (response as OwnResponse)[SPAN]
}

export class Answers {
  readonly #services: Services
  readonly #check: OriginCheck
  readonly #stats: HttpStats
  readonly #routeStats: ReadonlyMap<Route, RouteStats>
  readonly #router: Router
  readonly #uploads: Uploads

  /** @param routeStats the statistics of every route */
  constructor(services: Services, check: OriginCheck, routeStats: ReadonlyMap<Route, RouteStats>) {
    this.#services = services
    this.#check = check
    this.#stats = services.host.http
    this.#routeStats = routeStats
    this.#router = new Router([...routeStats.keys()])
    this.#uploads = new Uploads(services.options.maxUploads)
  }

  answer(connection: HttpConnection, request: IncomingMessage, response: ServerResponse): void {
    let cors: Headers | undefined
    try {
      if (this.#stats.activeRequests > MAX_ACTIVE) throw new RefusedError(overloaded(MAX_ACTIVE))
      const ambiguity = ambiguityOf(request)
      if (ambiguity !== undefined) {
        response.shouldKeepAlive = false
        throw new RefusedError(ambiguity)
      }
      const method = request.method ?? ''
      const target = readTarget(request.url ?? '')
      const { headers } = request
      const foreign = this.#check.problemOf(headers, target.authority, method)
      if (foreign !== undefined)
        throw new RefusedError(foreignProblem(foreign, target.authority ?? headers.host ?? ''))
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
      if (target.query !== '') checkQuery(target.query, route)
      const services = this.#services
      const user = userOf(services.gate, headers.authorization, connection, route)
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
        written: connection.written,
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

// The HTTP gateway: a second adapter over the execution that RESP clients use. It checks a request and finds its route.

import { type IncomingMessage, METHODS, type ServerResponse } from 'node:http'
import type { ServerOptions as SecureOptions } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { User } from '../access/user.ts'
import { systemTimers } from '../bytes/clock.ts'
import { RuntimeStats } from '../telemetry/runtime-stats.ts'
import { begin, extracted, isTracing, SpanKind, within } from '../telemetry/tracing.ts'
import { HttpConnection } from './connections.ts'
import { Exchange, jsonText } from './exchange.ts'
import { HttpListener, type TlsMaterial } from './listener.ts'
import { Metrics } from './metrics/metrics.ts'
import { openApiOf } from './openapi.ts'
import type { Place, PlainHandlers } from './plain/connection.ts'
import { PlainReads } from './plain/reads.ts'
import type { PlainRequest } from './plain/request.ts'
import type { Services } from './ports.ts'
import { GoneError, RefusedError, Uploads } from './requests/body.ts'
import { CHALLENGE, readCredentials } from './requests/credentials.ts'
import { FOREIGN_HOST, OriginCheck } from './requests/origin-check.ts'
import { readTarget, type Target } from './requests/target.ts'
import { INTERNAL_ERROR, type Problem, problemBody, quote } from './responses/problem.ts'
import { addProblem, type Headers, SAFETY } from './responses/responder.ts'
import type { Route } from './route.ts'
import { Router } from './router.ts'
import { allRoutes } from './routes/table.ts'

/** Requests without a response beyond which new ones are refused. */
const MAX_ACTIVE = 20_000

/** How long a page of another web origin may remember what it may do, seconds. */
const PREFLIGHT_SECONDS = 600

export interface GatewayOptions extends Omit<Services, 'openApi' | 'metrics'> {
  /** With it the gateway speaks HTTPS. */
  readonly tls?: SecureOptions
  readonly backlog?: number
  /** A TLS handshake has failed. */
  readonly handshakeFailed?: (error: Error, socket: TLSSocket) => void
}

/** How much of an unwanted body is received, and for how long. */
const LINGER_BYTES = 2 ** 20
const LINGER_MS = 2000

const CONNECTION = Symbol('connection')

interface OwnSocket extends Socket {
  [CONNECTION]?: HttpConnection
}

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
  #nextId = 1
  #active = 0
  readonly #serveRequest = (own: HttpConnection, request: IncomingMessage, response: ServerResponse): void =>
    this.#serve(own, request, response)
  readonly #requestEnded = (): void => {
    this.#active--
  }
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
    this.#services = { ...options, openApi, metrics }
    this.#router = new Router(this.routes)
    const needsPassword = (): boolean => options.gate.anonymous === undefined
    this.#check = new OriginCheck(options.options, needsPassword)
    this.#plainReads = new PlainReads(this.#services, this.#check)
    this.#uploads = new Uploads(options.options.maxUploads)
    this.#listener = new HttpListener({
      options: options.options,
      log: options.log,
      tls: options.tls,
      backlog: options.backlog ?? 511,
      handshakeFailed: options.handshakeFailed,
      onConnection: (socket) => this.#accept(socket),
      onRequest: (request, response) => this.#received(request, response),
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
    const connection = new HttpConnection(this.#nextId++, socket, this.#serveRequest, this.#requestEnded)
    socket[CONNECTION] = connection
    this.#connections.add(connection)
    socket.once('close', () => this.#connections.delete(connection))
    const { stats } = this.#services.host
    stats.connections++
    return {
      serve: (request, place) => this.#servePlain(connection, request, place),
      served: this.#requestEnded,
    }
  }

  #servePlain(connection: HttpConnection, request: PlainRequest, place: Place): boolean {
    if (this.#active >= MAX_ACTIVE) return false
    this.#active++
    const isServed = this.#plainReads.serve(connection, request, place)
    if (!isServed) this.#active--
    return isServed
  }

  #received(request: IncomingMessage, response: ServerResponse): void {
    const connection = (request.socket as OwnSocket)[CONNECTION]
    if (connection === undefined) request.socket.destroy()
    else connection.received(request, response)
  }

  #serve(connection: HttpConnection, request: IncomingMessage, response: ServerResponse): void {
    this.#active++
    if (this.#isClosing) response.shouldKeepAlive = false
    const wait =
      request.headers.authorization === undefined ? 0 : this.#services.gate.waitOf(connection.address)
    if (wait === 0) this.#answer(connection, request, response)
    else setTimeout(() => response.destroyed || this.#answer(connection, request, response), wait)
  }

  #answer(connection: HttpConnection, request: IncomingMessage, response: ServerResponse): void {
    let cors: Headers | undefined
    try {
      if (this.#active > MAX_ACTIVE) throw new RefusedError(OVERLOADED)
      const method = request.method ?? ''
      const target = readTarget(request.url ?? '')
      const { headers } = request
      const foreign = this.#check.problemOf(headers, target.authority, method)
      if (foreign !== undefined) throw new RefusedError(foreignProblem(foreign, headers.host ?? ''))
      cors = this.#corsOf(headers.origin)
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
      const user = this.#userOf(connection, headers.authorization, route)
      const services = this.#services
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
      this.#requireAccess(exchange, route, user)
      const handled = isTracing() ? handleTraced(exchange, route) : route.handle(exchange)
      if (handled !== undefined) handled.catch((error) => exchange.fail(error))
    } catch (error) {
      this.#failed(request, response, error, cors)
    }
  }

  /** @throws RefusedError */
  #userOf(connection: HttpConnection, authorization: string | undefined, { access }: Route): User {
    const { gate } = this.#services
    if (access === 'public') return gate.anonymous ?? gate.nobody
    const credentials = readCredentials(authorization)
    if (credentials === undefined) {
      if (gate.anonymous !== undefined) return gate.anonymous
      throw new RefusedError({
        status: 401,
        type: 'unauthorized',
        detail: 'give a password (Basic or Bearer)',
      })
    }
    const user = gate.authenticate(credentials, connection.address)
    if (user === undefined)
      throw new RefusedError({
        status: 401,
        type: 'unauthorized',
        detail: 'the name or the password is wrong',
      })
    return user
  }

  /** @throws RefusedError */
  #requireAccess(exchange: Exchange, { access }: Route, user: User): void {
    if (access === 'public') return
    const group = access.of === undefined ? undefined : exchange.group
    const key = access.of === 'key' ? exchange.key : undefined
    if (exchange.allows({ command: access.command, group, key })) return
    const detail = `the user ${quote(user.name)} may not run ${access.command.replace('|', ' ').toUpperCase()} here`
    throw new RefusedError({ status: 403, type: 'forbidden', detail })
  }

  #corsOf(origin: string | undefined): Headers | undefined {
    const allowedOrigin = this.#check.allowedOrigin(origin)
    if (allowedOrigin === undefined) return undefined
    return [
      'Access-Control-Allow-Origin',
      allowedOrigin,
      'Access-Control-Expose-Headers',
      'Age, ETag, Retry-After, Server-Timing, X-Cache',
      'Vary',
      'Origin',
    ]
  }

  /** The methods of a path; to a page of an origin that may ask, also what it may send. */
  #answerOptions(response: ServerResponse, target: Target, cors: Headers | undefined): void {
    const found = target.path === '*' ? { methods: METHODS } : this.#router.find('OPTIONS', target.path)
    if (found === undefined || !('methods' in found)) throw new RefusedError(unknownRoute(target.path))
    const methods = allowed(found.methods).join(', ')
    const headers: Headers = ['Allow', methods]
    if (cors !== undefined)
      headers.push(
        ...cors,
        'Access-Control-Allow-Methods',
        methods,
        'Access-Control-Allow-Headers',
        'Authorization, Content-Type, If-None-Match, Range, Soft-Purge, Surrogate-Key, Cache-Tag, X-Tags, traceparent',
        'Access-Control-Max-Age',
        PREFLIGHT_SECONDS,
      )
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
  response.once('close', () => {
    const { statusCode } = response
    span?.end(statusCode >= 500 ? `status ${statusCode}` : undefined, {
      'http.response.status_code': statusCode,
    })
  })
  return within(span?.context, () => route.handle(exchange))
}

const OVERLOADED: Problem = {
  status: 503,
  type: 'overloaded',
  detail: `more than ${MAX_ACTIVE} HTTP requests have no response yet`,
  retryAfter: 1,
}

/** Whether a body of a request was not read, and would have to be before the next request. */
function hasUnreadBody(request: IncomingMessage): boolean {
  if (request.complete) return false
  return request.headers['content-length'] !== undefined || request.headers['transfer-encoding'] !== undefined
}

function sendProblem(
  request: IncomingMessage,
  response: ServerResponse,
  problem: Problem,
  headers: Headers,
  cors: Headers | undefined,
): void {
  const body = problemBody(problem)
  addProblem(headers, problem)
  headers.push(...SAFETY, 'Content-Length', Buffer.byteLength(body))
  if (problem.status === 401) headers.push('WWW-Authenticate', CHALLENGE)
  if (cors !== undefined) headers.push(...cors)
  if (hasUnreadBody(request)) {
    headers.push('Connection', 'close')
    response.writeHead(problem.status, headers)
    response.write(body)
    endAfterBody(request, response)
    return
  }
  response.writeHead(problem.status, headers)
  response.end(request.method === 'HEAD' ? undefined : body)
}

/**
 * Ends a connection whose request has an unwanted body. A part of it is received: a socket that is closed with
 * unread input is reset, and the client may lose the response.
 */
function endAfterBody(request: IncomingMessage, response: ServerResponse): void {
  let bytes = 0
  const end = (): void => {
    clearTimeout(timer)
    response.end()
  }
  const timer = setTimeout(end, LINGER_MS)
  request.once('end', end).once('close', end)
  request.on('data', (part: Buffer) => {
    bytes += part.length
    if (bytes > LINGER_BYTES) end()
  })
}

function allowed(methods: readonly string[]): readonly string[] {
  return methods.includes('GET') ? [...new Set([...methods, 'HEAD', 'OPTIONS'])] : [...methods, 'OPTIONS']
}

function unknownRoute(path: string): Problem {
  return {
    status: 404,
    type: 'unknown-route',
    detail: `there is nothing at ${quote(path)}: values are at /cache/<group>/<key>, all routes in /openapi.json`,
  }
}

function unknownMethod(method: string, methods: readonly string[]): Problem {
  const detail = `got ${method}, this path has ${allowed(methods).join(', ')}`
  return { status: 405, type: 'unknown-method', detail }
}

function foreignProblem(type: 'foreign-host' | 'foreign-origin', host: string): Problem {
  const detail =
    type === FOREIGN_HOST
      ? `the host ${quote(host)} is not accepted by this node: add it to http.hosts`
      : 'a web page of another origin may not send requests: add its origin to http.cors'
  return { status: 403, type, detail }
}

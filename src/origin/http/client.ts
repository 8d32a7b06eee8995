// Requests to the server of an HTTP origin: connections, redirects, and a second attempt on a fresh connection.

import type { Socket } from 'node:net'
import type { Agent, buildConnector, Dispatcher } from 'undici'
import type { Clock } from '../../bytes/clock.ts'
import { BadRequest } from '../../group/origin.ts'
import { inject } from '../../telemetry/tracing.ts'
import type { TlsOptions } from '../tls-options.ts'

export interface ClientOptions {
  /** Headers of every request to the configured server, with lower-case names. */
  readonly headers: Readonly<Record<string, string>>
  /** The User-Agent, unless `headers` has one. */
  readonly userAgent: string
  readonly tls: TlsOptions | undefined
  /** Maximum number of connections per server. */
  readonly connections: number
  /** Maximum number of redirects per load, and the other servers they may lead to, as `URL.origin`. */
  readonly redirects: number
  readonly redirectTo: readonly string[]
  /** Maximum size of a response in bytes. */
  readonly maxResponse: number
  /** Milliseconds; `timeout` limits the wait for the next bytes of a response. */
  readonly connectTimeout: number
  readonly timeout: number
  readonly clock: Clock
}

/** Conditional headers, and the URL whose version they are about. */
export interface Conditions {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
}

export interface Request {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Buffer
  readonly signal: AbortSignal
  /** Sending it twice is the same as sending it once. */
  readonly isIdempotent: boolean
}

/** A redirect, with the times of its response. */
export type Redirect = Pick<Response, 'headers' | 'requestedAt' | 'receivedAt'>

/** A response whose body has not been read, and when, in ms since the epoch. */
export interface Response extends Pick<Dispatcher.ResponseData, 'statusCode' | 'headers' | 'body'> {
  /** The URL that it is about, after redirects. */
  readonly url: string
  /** The redirects that led there. */
  readonly redirects: readonly Redirect[]
  readonly isConditional: boolean
  readonly requestedAt: number
  readonly receivedAt: number
}

type Purpose = 'origin' | 'redirect'

const REDIRECTS = new Set([301, 302, 303, 307, 308])

/** Errors of a connection that the server closes while a request is on its way. */
const CLOSED = new Set(['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE'])

/** By its file: Bun replaces the package of this name by its own, which has no limits of connections and responses. */
const loadUndici = (): Promise<typeof import('undici')> => import('undici/index.js')

export class HttpClient {
  readonly #options: ClientOptions
  readonly #agents = new Map<string, Promise<Agent>>()
  /** Errors of connections that had been used before. */
  readonly #reused = new WeakSet<object>()

  constructor(options: ClientOptions) {
    this.#options = options
  }

  /**
   * A GET that follows redirects. Conditions are sent only to the URL that they are about: versions of different URLs
   * may have the same name. Configured headers and the client certificate are never sent to another server.
   */
  async get(url: string, conditions: Conditions | undefined, signal: AbortSignal): Promise<Response> {
    const { redirects } = this.#options
    const server = new URL(url).origin
    const passed: Redirect[] = []
    let purpose: Purpose = 'origin'
    for (let at = url, left = redirects; ; left--) {
      const isConditional = conditions?.url === at
      const headers = isConditional ? conditions.headers : undefined
      const response = await this.request(at, { method: 'GET', headers, signal, isIdempotent: true }, purpose)
      const { location } = response.headers
      if (!REDIRECTS.has(response.statusCode) || typeof location !== 'string')
        return { ...response, isConditional, redirects: passed }
      await response.body.dump()
      passed.push(response)
      if (left === 0) throw new BadRequest(`was redirected more than ${redirects} times`)
      const target = this.#targetOf(location, at, server)
      // After a redirect to another server, no target receives configured headers, the first server included.
      if (target.origin !== server) purpose = 'redirect'
      at = target.href
    }
  }

  /** One request. If the server closes a connection as it is used again, an idempotent one is sent over a fresh one. */
  async request(url: string, request: Request, purpose: Purpose = 'origin'): Promise<Response> {
    try {
      const response = await this.#send(url, request, purpose, false)
      if (!request.isIdempotent || !isOldConnectionTimeout(response)) return response
      await response.body.dump()
    } catch (error) {
      if (!request.isIdempotent || request.signal.aborted || !this.#wasReused(error)) throw error
    }
    return this.#send(url, request, purpose, true)
  }

  /** Connects to the server of a URL, and asks it for nothing. */
  async probe(url: string): Promise<void> {
    const undici = await loadUndici()
    const { tls, connectTimeout } = this.#options
    const { hostname, host, protocol, port } = new URL(url)
    const connect = undici.buildConnector({ ...tls, timeout: connectTimeout })
    await new Promise<void>((resolve, reject) => {
      const options = { hostname: hostname.replace(/^\[|\]$/g, ''), host, protocol, port }
      connect(options, (...[error, socket]: Parameters<buildConnector.Callback>) => {
        socket?.destroy()
        if (error === null) resolve()
        else reject(error)
      })
    })
  }

  async close(): Promise<void> {
    for (const opening of this.#agents.values()) {
      const agent = await opening.catch(() => undefined)
      await agent?.destroy()
    }
  }

  async #send(url: string, request: Request, purpose: Purpose, isFresh: boolean): Promise<Response> {
    const { clock, headers: configured, userAgent } = this.#options
    const { method, body, signal } = request
    const headers: Record<string, string> = {
      'accept-encoding': 'identity',
      'user-agent': userAgent,
      ...(purpose === 'origin' ? configured : {}),
      ...request.headers,
    }
    // Not to servers that others redirect to.
    if (purpose === 'origin') inject(headers)
    const dispatcher = await this.#agentFor(purpose, isFresh)
    const undici = await loadUndici()
    const requestedAt = clock.now()
    const response = await undici.request(url, { method, headers, body, signal, dispatcher })
    return {
      statusCode: response.statusCode,
      headers: response.headers,
      body: response.body,
      url,
      isConditional: false,
      redirects: [],
      requestedAt,
      receivedAt: clock.now(),
    }
  }

  #targetOf(location: string, from: string, server: string): URL {
    const encoded = encodeBytes(location)
    const target = URL.canParse(encoded, from) ? new URL(encoded, from) : undefined
    if (target === undefined || !/^https?:$/.test(target.protocol))
      throw new BadRequest('was redirected to an invalid URL')
    if (new URL(from).protocol === 'https:' && target.protocol !== 'https:')
      throw new BadRequest('was redirected from https to http')
    target.hash = ''
    if (target.origin !== server && !this.#options.redirectTo.includes(target.origin))
      throw new BadRequest(`was redirected to ${target.origin}, which is not one of redirectTo`)
    return target
  }

  #agentFor(purpose: Purpose, isFresh: boolean): Promise<Agent> {
    const name = `${purpose} ${isFresh}`
    let agent = this.#agents.get(name)
    if (agent === undefined) {
      agent = this.#connect(purpose, isFresh)
      this.#agents.set(name, agent)
    }
    return agent
  }

  async #connect(purpose: Purpose, isFresh: boolean): Promise<Agent> {
    const undici = await loadUndici()
    const { connections, connectTimeout, timeout, maxResponse, tls } = this.#options
    const { cert: _cert, key: _key, ...withoutIdentity } = tls ?? {}
    const identity = purpose === 'origin' ? tls : withoutIdentity
    const connect = undici.buildConnector({ ...identity, timeout: connectTimeout })
    return new undici.Agent({
      connections,
      // 0: a connection for each request.
      pipelining: isFresh ? 0 : 1,
      headersTimeout: timeout,
      bodyTimeout: timeout,
      maxResponseSize: maxResponse,
      connect: (options: buildConnector.Options, callback: buildConnector.Callback) => {
        connect(options, (...result: Parameters<buildConnector.Callback>) => {
          const [, socket] = result
          if (socket) this.#noteReuse(socket)
          callback(...result)
        })
      },
    })
  }

  /** Undici does not tell whether the connection that failed had been used before. */
  #noteReuse(socket: Socket): void {
    socket.prependListener('error', (error: Error) => {
      if (socket.bytesRead > 0) this.#reused.add(error)
    })
  }

  #wasReused(error: unknown): boolean {
    const { code = '', socket } = error as { code?: string; socket?: { readonly bytesRead?: number } }
    return CLOSED.has(code) && (this.#reused.has(error as object) || (socket?.bytesRead ?? 0) > 0)
  }
}

/** A server's answer to a connection that it has found idle, which crosses the request (RFC 9110 §15.5.9). */
function isOldConnectionTimeout({ statusCode, headers }: Response): boolean {
  return statusCode === 408 && /\bclose\b/i.test(String(headers.connection))
}

/** Header values arrive as bytes (latin1): those of a raw UTF-8 URL are percent-encoded, the rest is as it was sent. */
function encodeBytes(location: string): string {
  return location.replace(/[\x80-\xff]/g, (byte) => `%${byte.charCodeAt(0).toString(16).toUpperCase()}`)
}

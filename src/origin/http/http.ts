// An origin that is an HTTP server: GET of a URL per key, and optionally POST of many keys to a batch URL.

import type { Agent, Dispatcher } from 'undici'
import type { Clock } from '../../bytes/clock.ts'
import {
  BadRequest,
  type LoadContext,
  type LoadedFacts,
  loaded,
  type Origin,
  type OriginResult,
  type OriginResults,
  RetryLater,
  unchanged,
} from '../../group/origin.ts'
import { errorText } from '../abortable.ts'
import { jsonMembers, valueOfJson } from '../json-members.ts'
import type { KeyPattern } from '../key-pattern.ts'
import type { TlsOptions } from '../tls-options.ts'
import { conditionsOf, factsOf, type ResponseHeaders, renewedFacts, retryAfter } from './caching.ts'
import type { UrlTemplate } from './url-template.ts'

export interface HttpOptions {
  readonly url: UrlTemplate
  /** The batch URL: takes a JSON array of keys, returns a JSON object from key to value. */
  readonly batchUrl: string | undefined
  /** The pattern of valid keys; undefined: all keys. */
  readonly keys: KeyPattern | undefined
  readonly headers: Readonly<Record<string, string>>
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

type Response = Dispatcher.ResponseData
type RequestOptions = Omit<Dispatcher.RequestOptions, 'origin' | 'path'>

/** The content type of written values, unless `headers` says otherwise. */
const BYTES = { 'content-type': 'application/octet-stream' }

const REDIRECTS = new Set([301, 302, 303, 307, 308])

/** Client errors (4xx) that do not depend on the key: credentials (401, 403, 407), timeout, too early, rate limit. */
const PASSING = new Set([401, 403, 407, 408, 425, 429])

/** Statuses with a meaningful Retry-After (RFC 6585 §4, RFC 9110 §15.6.4). */
const RETRIED_LATER = new Set([429, 503])

export class HttpOrigin implements Origin {
  readonly kind = 'http'
  readonly loadMany: Origin['loadMany']
  readonly #options: HttpOptions
  #agent: Promise<Agent> | undefined
  /** For other servers: without the client certificate. */
  #redirectAgent: Promise<Agent> | undefined

  constructor(options: HttpOptions) {
    this.#options = options
    const { batchUrl } = options
    if (batchUrl !== undefined) this.loadMany = (keys, context) => this.#loadMany(batchUrl, keys, context)
  }

  knows(key: string): boolean {
    return this.#addressOf(key) !== undefined
  }

  async load(key: string, { signal, validator }: LoadContext): Promise<OriginResult> {
    const { redirects } = this.#options
    const address = this.#addressOf(key)
    if (address === undefined) return null
    const conditions = validator === undefined ? {} : conditionsOf(validator)
    try {
      const response = await this.#get(
        address,
        { ...this.#options.headers, ...conditions },
        signal,
        redirects,
      )
      const isConditional = Object.keys(conditions).length > 0
      return await this.#read(response, isConditional ? validator : undefined)
    } catch (error) {
      throw this.#worded(error, signal)
    }
  }

  /** PUT; expects 2xx. */
  async store(key: string, value: Buffer, { signal }: LoadContext): Promise<void> {
    const headers = { ...BYTES, ...this.#options.headers }
    await this.#change(key, { method: 'PUT', headers, body: value, signal })
  }

  /** DELETE; expects 2xx, 404 or 410. */
  async remove(key: string, { signal }: LoadContext): Promise<void> {
    await this.#change(key, { method: 'DELETE', headers: { ...this.#options.headers }, signal })
  }

  /** Redirects of writes are not followed: the next load must read what was written. */
  async #change(key: string, request: RequestOptions & { readonly signal: AbortSignal }): Promise<void> {
    const address = this.#addressOf(key)
    if (address === undefined) throw new BadRequest('there are no such keys')
    try {
      const response = await this.#request(address, request)
      const { statusCode } = response
      const isGone = request.method === 'DELETE' && (statusCode === 404 || statusCode === 410)
      if (!isGone && (statusCode < 200 || statusCode > 299))
        throw await this.#refusal(response, ` to ${request.method}`)
      await response.body.dump()
    } catch (error) {
      throw this.#worded(error, request.signal)
    }
  }

  async close(): Promise<void> {
    for (const opening of [this.#agent, this.#redirectAgent]) {
      const agent = await opening?.catch(() => undefined)
      await agent?.destroy()
    }
  }

  async #loadMany(url: string, keys: readonly string[], { signal }: LoadContext): Promise<OriginResults> {
    // The same keys are absent in a batch and alone.
    const asked = keys.filter((key) => this.knows(key))
    if (asked.length === 0) return new Map()
    const headers = { ...this.#options.headers, 'content-type': 'application/json' }
    const body = JSON.stringify(asked)
    try {
      const response = await this.#request(url, { method: 'POST', headers, body, signal })
      if (response.statusCode !== 200) throw await this.#refusal(response)
      await checkEncoding(response)
      const facts = this.#factsOf(response.headers)
      const { validator: _, ...shared } = facts
      return readMap(await response.body.text(), asked, shared)
    } catch (error) {
      throw this.#worded(error, signal)
    }
  }

  #addressOf(key: string): string | undefined {
    const { url, keys } = this.#options
    const captures = keys === undefined ? [] : keys.match(key)
    return captures === undefined ? undefined : url.fill(key, captures)
  }

  /** Configured headers and the client certificate are credentials and never sent to another server. */
  async #get(
    url: string,
    headers: Record<string, string>,
    signal: AbortSignal,
    redirects: number,
    isOtherServer = false,
  ): Promise<Response> {
    const response = await this.#request(url, { method: 'GET', headers, signal }, isOtherServer)
    const { location } = response.headers
    if (!REDIRECTS.has(response.statusCode) || typeof location !== 'string') return response
    await response.body.dump()
    if (redirects === 0) throw new BadRequest(`was redirected more than ${this.#options.redirects} times`)
    const target = URL.canParse(location, url) ? new URL(location, url) : undefined
    if (target === undefined || !/^https?:$/.test(target.protocol))
      throw new BadRequest('was redirected to what is no URL')
    const { origin, protocol } = new URL(url)
    if (protocol === 'https:' && target.protocol !== protocol)
      throw new BadRequest('was redirected to what is not encrypted')
    const isSame = target.origin === origin
    if (!isSame && !this.#options.redirectTo.includes(target.origin))
      throw new BadRequest(`was redirected to ${target.origin}, which is not one of redirectTo`)
    return this.#get(target.href, isSame ? headers : {}, signal, redirects - 1, isOtherServer || !isSame)
  }

  /** @param validator the validator of a conditional request */
  async #read(response: Response, validator: string | undefined): Promise<OriginResult> {
    const { statusCode, headers } = response
    if (statusCode === 304 && validator !== undefined) {
      await response.body.dump()
      return unchanged(renewedFacts(headers, validator, this.#options.clock.now()))
    }
    const facts = this.#factsOf(headers)
    if (statusCode === 200 || statusCode === 203) {
      await checkEncoding(response)
      return loaded(await response.body.bytes(), facts)
    }
    if (statusCode !== 404 && statusCode !== 410) throw await this.#refusal(response)
    await response.body.dump()
    const { validator: _, ...rest } = facts
    return loaded(null, rest)
  }

  async #request(url: string, options: RequestOptions, isOtherServer = false): Promise<Response> {
    const { request } = await import('undici')
    const headers = { 'accept-encoding': 'identity', ...(options.headers as Record<string, string>) }
    const dispatcher = await this.#agentFor(isOtherServer)
    return request(url, { ...options, headers, dispatcher })
  }

  #agentFor(isOtherServer: boolean): Promise<Agent> {
    const { tls } = this.#options
    if (!isOtherServer) {
      this.#agent ??= this.#connect(tls)
      return this.#agent
    }
    const { cert: _cert, key: _key, ...withoutIdentity } = tls ?? {}
    this.#redirectAgent ??= this.#connect(withoutIdentity)
    return this.#redirectAgent
  }

  async #connect(tls: TlsOptions | undefined): Promise<Agent> {
    const { Agent } = await import('undici')
    const { connections, connectTimeout, timeout, maxResponse } = this.#options
    return new Agent({
      connections,
      headersTimeout: timeout,
      bodyTimeout: timeout,
      maxResponseSize: maxResponse,
      connect: { ...tls, timeout: connectTimeout },
    })
  }

  #factsOf(headers: ResponseHeaders): LoadedFacts {
    return factsOf(headers, this.#options.clock.now())
  }

  async #refusal({ statusCode, headers, body }: Response, toWhat = ''): Promise<Error> {
    await body.dump()
    const said = `answered ${statusCode}${toWhat}`
    if (statusCode >= 400 && statusCode < 500 && !PASSING.has(statusCode)) return new BadRequest(said)
    const after = RETRIED_LATER.has(statusCode) ? retryAfter(headers, this.#options.clock.now()) : undefined
    if (after === undefined) return new Error(said)
    return new RetryLater(`${said} with Retry-After: ${Math.ceil(after / 1000)} s`, after)
  }

  /** Translates undici's errors for a response that is too large and for an aborted load. */
  #worded(error: unknown, signal: AbortSignal): unknown {
    if (signal.aborted) return signal.reason
    const { code } = error as NodeJS.ErrnoException
    if (code === 'UND_ERR_RES_EXCEEDED_MAX_SIZE')
      return new BadRequest(`answered more than ${this.#options.maxResponse} bytes`, { cause: error })
    return error instanceof AggregateError ? new Error(errorText(error), { cause: error }) : error
  }
}

/** Compressed responses are refused: decompression would circumvent the size limit. */
async function checkEncoding({ headers, body }: Response): Promise<void> {
  const encoding = headers['content-encoding']
  if (encoding === undefined || encoding === 'identity') return
  await body.dump()
  throw new BadRequest(`answered in ${String(encoding)}, which was not requested`)
}

/** A missing member is no value. */
function readMap(json: string, keys: readonly string[], facts: LoadedFacts): OriginResults {
  let members: ReadonlyMap<string, string> | undefined
  try {
    members = jsonMembers(json)
  } catch (error) {
    throw new Error(`answered invalid JSON: ${(error as Error).message}`)
  }
  if (members === undefined) throw new Error('answered JSON that is not an object from key to value')
  return new Map(keys.map((key) => [key, loaded(valueOfJson(members.get(key) ?? 'null'), facts)]))
}

// An origin that is an HTTP server: GET of a URL per key, and optionally POST of many keys to a batch URL.

import {
  BadRequest,
  type LoadContext,
  type LoadedFacts,
  loaded,
  type Origin,
  type OriginLog,
  type OriginResult,
  type OriginResults,
  type OriginValue,
  RetryLater,
  unchanged,
  unknownKey,
} from '../../group/origin.ts'
import { RareWarning } from '../../telemetry/rare-warning.ts'
import { errorText } from '../abortable.ts'
import { jsonMembers } from '../json-members.ts'
import type { KeyPattern } from '../key-pattern.ts'
import { type Shape, shapedJson } from '../shape.ts'
import { isTlsFault } from '../tls-options.ts'
import { conditionsOf, factsOf, limitedBy, type ResponseTimes, renewedFacts, retryAfter } from './caching.ts'
import { type ClientOptions, HttpClient, type Redirect, type Request, type Response } from './client.ts'
import { readBody } from './content-encoding.ts'
import { failureOf } from './failure.ts'
import type { UrlTemplate } from './url-template.ts'

export interface HttpOptions extends ClientOptions {
  readonly url: UrlTemplate
  /** The type of the values; other types than strings are read from JSON. */
  readonly shape: Shape
  /** The batch URL: takes a JSON array of keys, returns a JSON object from key to value. */
  readonly batchUrl: string | undefined
  /** Asking the batch URL twice is the same as asking it once. */
  readonly batchIdempotent: boolean
  /** The server is not contacted before the first load. */
  readonly lazy: boolean
  /** The pattern of valid keys; undefined: all keys. */
  readonly keys: KeyPattern | undefined
}

/** The content type of written values, unless `headers` says otherwise. */
const BYTES = { 'content-type': 'application/octet-stream' }

/** Client errors (4xx) that do not depend on the key: credentials (401, 403, 407), timeout, too early, rate limit. */
const PASSING = new Set([401, 403, 407, 408, 425, 429])

/** Statuses with a meaningful Retry-After (RFC 6585 §4, RFC 9110 §15.6.4). */
const RETRIED_LATER = new Set([429, 503])

/** 2xx without the whole value: it is not made yet (202), a part (206), the difference to another one (226). */
const WITHOUT_VALUE = new Set([202, 206, 226])

/** There is no such key. */
const ABSENT = new Set([404, 410])

/** A string is empty then; there is no empty collection. */
const WITHOUT_CONTENT = new Set([204, 205])

/** A server that makes the mistake makes it in every response. */
const MISTAKE_INTERVAL_MS = 60_000

export class HttpOrigin implements Origin {
  readonly kind = 'http'
  readonly keyPattern: string | undefined
  readonly loadMany: Origin['loadMany']
  readonly isReadOnly: boolean
  readonly #options: HttpOptions
  readonly #client: HttpClient
  readonly #mistakes = new RareWarning(MISTAKE_INTERVAL_MS)
  #log: OriginLog | undefined

  constructor(options: HttpOptions) {
    this.#options = options
    this.#client = new HttpClient(options)
    this.keyPattern = options.keys?.source
    this.isReadOnly = options.shape !== 'string'
    const { batchUrl } = options
    if (batchUrl !== undefined) this.loadMany = (keys, context) => this.#loadMany(batchUrl, keys, context)
  }

  /** @throws Error naming the server, if its certificate or its protocol is wrong */
  async start(log: OriginLog): Promise<void> {
    this.#log = log
    const { url, batchUrl, lazy } = this.#options
    if (lazy) return
    const servers = new Set([url.server, ...(batchUrl === undefined ? [] : [new URL(batchUrl).origin])])
    await Promise.all([...servers].map((server) => this.#check(server, log)))
  }

  async #check(server: string, log: OriginLog): Promise<void> {
    try {
      await this.#client.probe(server)
    } catch (error) {
      const failure = failureOf(error, server, this.#options)
      const text = errorText(failure)
      const reason = text.startsWith(server) ? text : `${server}: ${text}`
      if (isTlsFault(error)) throw new Error(reason, { cause: failure })
      log.warn({ server }, `the server does not answer, loads fail until it does: ${reason}`)
    }
  }

  knows(key: string): boolean {
    return this.#addressOf(key) !== undefined
  }

  async load(key: string, { signal, validator }: LoadContext): Promise<OriginResult> {
    const address = this.#addressOf(key)
    if (address === undefined) return null
    const conditions = validator === undefined ? undefined : conditionsOf(validator, address)
    try {
      const response = await this.#client.get(address, conditions, signal)
      return await this.#read(response, address, validator)
    } catch (error) {
      throw this.#worded(error, address, signal)
    }
  }

  /** PUT; expects 2xx. */
  async store(key: string, value: Buffer, { signal }: LoadContext): Promise<void> {
    const headers = { ...BYTES, ...this.#options.headers }
    await this.#change(key, { method: 'PUT', headers, body: value, signal, isIdempotent: true })
  }

  /** DELETE; expects 2xx, 404 or 410. */
  async remove(key: string, { signal }: LoadContext): Promise<void> {
    await this.#change(key, { method: 'DELETE', signal, isIdempotent: true })
  }

  async close(): Promise<void> {
    await this.#client.close()
  }

  /** Redirects of writes are not followed: the next load must read what was written. */
  async #change(key: string, request: Request): Promise<void> {
    const address = this.#addressOf(key)
    if (address === undefined) throw new BadRequest(unknownKey(this))
    try {
      const response = await this.#client.request(address, request)
      const { statusCode } = response
      const isGone = request.method === 'DELETE' && ABSENT.has(statusCode)
      if (!isGone && (statusCode < 200 || statusCode > 299))
        throw await this.#refusal(response, ` to ${request.method}`)
      await response.body.dump()
    } catch (error) {
      throw this.#worded(error, address, request.signal)
    }
  }

  async #loadMany(url: string, keys: readonly string[], { signal }: LoadContext): Promise<OriginResults> {
    // The same keys are absent in a batch and alone.
    const asked = keys.filter((key) => this.knows(key))
    if (asked.length === 0) return new Map()
    const { batchIdempotent: isIdempotent } = this.#options
    const headers = { 'content-type': 'application/json' }
    const body = JSON.stringify(asked)
    try {
      const response = await this.#client.request(url, {
        method: 'POST',
        headers,
        body,
        signal,
        isIdempotent,
      })
      if (!hasValue(response)) throw await this.#refusal(response)
      const json = await this.#body(response)
      const { validator: _, ...shared } = factsOf(response.headers, this.#times(response))
      return readMap(json.toString('utf8'), asked, this.#options.shape, shared)
    } catch (error) {
      throw this.#worded(error, url, signal)
    }
  }

  #addressOf(key: string): string | undefined {
    const { url, keys } = this.#options
    const captures = keys === undefined ? [] : keys.match(key)
    return captures === undefined ? undefined : url.fill(key, captures)
  }

  /** @param validator of the cached version */
  async #read(response: Response, address: string, validator: string | undefined): Promise<OriginResult> {
    const { statusCode, headers, url } = response
    if (statusCode === 304 && response.isConditional && validator !== undefined) {
      await response.body.dump()
      const facts = this.#limited(renewedFacts(headers, validator, this.#times(response)), response)
      // Without one the old validator would stay, also after `no-store`.
      return unchanged({ ...facts, validator: facts.validator ?? '' })
    }
    const redirectedTo = url === address ? undefined : url
    const isAbsent = ABSENT.has(statusCode) || (this.isReadOnly && WITHOUT_CONTENT.has(statusCode))
    if (hasValue(response) && !isAbsent) {
      const body = await this.#body(response)
      const value = this.#options.shape === 'string' ? body : shapedBody(body, this.#options.shape)
      return loaded(value, this.#limited(factsOf(headers, this.#times(response), redirectedTo), response))
    }
    if (!isAbsent) throw await this.#refusal(response)
    await response.body.dump()
    const { validator: _, ...facts } = this.#limited(factsOf(headers, this.#times(response)), response)
    return loaded(null, facts)
  }

  #limited(facts: LoadedFacts, { redirects }: Response): LoadedFacts {
    return limitedBy(
      facts,
      redirects.map((each) => factsOf(each.headers, this.#times(each))),
    )
  }

  #body(response: Response): Promise<Buffer> {
    const warn = (mistake: string): void => {
      const { origin: server } = new URL(response.url)
      this.#log?.warn(
        { server },
        `${server} sends Content-Encoding: ${mistake}, which is not a content coding: ignored`,
      )
    }
    return readBody(response, this.#options.maxResponse, (mistake) =>
      this.#mistakes.give(() => warn(mistake)),
    )
  }

  /** The age of a response grows while its body is read. */
  #times({ requestedAt, receivedAt }: Redirect): ResponseTimes {
    return { requestedAt, receivedAt, now: this.#options.clock.now() }
  }

  async #refusal({ statusCode, headers, body }: Response, toWhat = ''): Promise<Error> {
    await body.dump()
    const said = `answered ${statusCode}${toWhat}`
    const isAboutKey = statusCode >= 200 && statusCode < 500 && Math.floor(statusCode / 100) !== 3
    if (isAboutKey && !PASSING.has(statusCode)) return new BadRequest(said)
    const after = RETRIED_LATER.has(statusCode) ? retryAfter(headers, this.#options.clock.now()) : undefined
    if (after === undefined) return new Error(said)
    return new RetryLater(`${said} with Retry-After: ${Math.ceil(after / 1000)} s`, after)
  }

  #worded(error: unknown, url: string, signal: AbortSignal): unknown {
    return signal.aborted ? signal.reason : failureOf(error, url, this.#options)
  }
}

/** 204 and 205 are the empty value. */
function hasValue({ statusCode }: Response): boolean {
  return statusCode >= 200 && statusCode < 300 && !WITHOUT_VALUE.has(statusCode)
}

/** @throws BadRequest for a body that has no value of this type */
function shapedBody(body: Buffer, shape: Shape): OriginValue {
  try {
    return shapedJson(body.toString('utf8'), shape)
  } catch (error) {
    const { message } = error as Error
    throw new BadRequest(error instanceof SyntaxError ? `answered invalid JSON: ${message}` : message)
  }
}

/** A missing member is no value; one of another type is an error of its key. */
function readMap(json: string, keys: readonly string[], shape: Shape, facts: LoadedFacts): OriginResults {
  let members: ReadonlyMap<string, string> | undefined
  try {
    members = jsonMembers(json)
  } catch (error) {
    throw new Error(`answered invalid JSON: ${(error as Error).message}`)
  }
  if (members === undefined) throw new Error('answered JSON that is not an object from key to value')
  const found = members
  const resultOf = (key: string): OriginResult | Error => {
    try {
      return loaded(shapedJson(found.get(key) ?? 'null', shape), facts)
    } catch (error) {
      return error as Error
    }
  }
  return new Map(keys.map((key) => [key, resultOf(key)]))
}

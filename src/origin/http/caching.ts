// The freshness and the validators of an HTTP response, for a cache that many share (RFC 9111, RFC 5861, RFC 9110 §8.8).

import type { LoadedFacts } from '../../group/origin.ts'
import { formatCacheControl, parseCacheControl, seconds } from './cache-control.ts'
import type { Conditions } from './client.ts'
import { parseHttpDate } from './http-date.ts'

/*
 *   lifetime = s-maxage, else max-age, else Expires - Date          none of them: the TTL of the group
 *   age      = max(received - Date, Age + (received - requested)) + (now - received)         RFC 9111 §4.2.3
 *   TTL      = lifetime - age; 0: kept only to be validated, or for a stale window
 *
 * The validator of the cached value carries the inputs that a 304 may omit, not what was derived from them: the age
 * begins again with each response.
 */

export type ResponseHeaders = Readonly<Record<string, string | string[] | undefined>>

/** When a response was asked for, when its head arrived, and the present, in ms since the epoch. */
export interface ResponseTimes {
  readonly requestedAt: number
  readonly receivedAt: number
  readonly now: number
}

/** The data kept with a value until it is validated. */
interface Stored {
  readonly etag?: string | undefined
  readonly modified?: string | undefined
  /** The headers that say for how long it is fresh. */
  readonly control?: string | undefined
  readonly expires?: string | undefined
  /** `Vary: *` */
  readonly varies?: boolean | undefined
  /** The URL whose version it is, if the request was redirected there. */
  readonly url?: string | undefined
}

/** Upper bound of Retry-After in ms: one wrong response must not disable the origin for long. */
const LONGEST_REST = 5 * 60_000

/** Date is in whole seconds, and servers make it once a second: a smaller age may be none. */
const DATE_PRECISION_MS = 2000

/**
 * TTL, windows and validators of a response. Without freshness information there is no TTL.
 * @param url where the request was redirected to
 */
export function factsOf(headers: ResponseHeaders, times: ResponseTimes, url?: string): LoadedFacts {
  return derive({ ...storedOf(headers), url }, headers, times)
}

/** The facts after a 304: headers that it brings replace the stored ones, others stay (RFC 9111 §4.3.4). */
export function renewedFacts(headers: ResponseHeaders, validator: string, times: ResponseTimes): LoadedFacts {
  const stored = { ...readStored(validator) }
  for (const [name, value] of Object.entries(storedOf(headers)))
    if (value !== undefined) Object.assign(stored, { [name]: value })
  return derive(stored, headers, times)
}

/** The facts of a response behind redirects: where these say for how long they are fresh, it is not fresh for longer. */
export function limitedBy(facts: LoadedFacts, redirects: readonly LoadedFacts[]): LoadedFacts {
  let { ttl, staleWhileRevalidate, staleIfError } = facts
  for (const redirect of redirects) {
    // Otherwise the TTL of the group counts, which is probably shorter than that of a permanent redirect.
    if (redirect.ttl === 0 || (redirect.ttl !== undefined && ttl !== undefined))
      ttl = Math.min(ttl ?? 0, redirect.ttl)
    if (redirect.staleWhileRevalidate === 0) staleWhileRevalidate = 0
    if (redirect.staleIfError === 0) staleIfError = 0
  }
  return { ...facts, ttl, staleWhileRevalidate, staleIfError }
}

/**
 * The conditional headers of a validator; undefined for a validator of another origin.
 * @param url of the request
 */
export function conditionsOf(validator: string, url: string): Conditions | undefined {
  const { etag, modified, url: redirected = url } = readStored(validator)
  if (etag === undefined && modified === undefined) return undefined
  const headers = {
    ...(etag === undefined ? {} : { 'if-none-match': etag }),
    ...(modified === undefined ? {} : { 'if-modified-since': modified }),
  }
  return { url: redirected, headers }
}

/** Retry-After in ms (RFC 9110 §10.2.3); undefined: none. */
export function retryAfter(headers: ResponseHeaders, now: number): number | undefined {
  const after = first(headers, 'retry-after')?.trim() ?? ''
  const ms = (seconds(after) ?? 0) * 1000 || (parseHttpDate(after, now) ?? now) - now
  return ms > 0 ? Math.min(ms, LONGEST_REST) : undefined
}

function storedOf(headers: ResponseHeaders): Stored {
  const control = list(headers, 'cache-control')
  const vary = list(headers, 'vary')
  return {
    etag: first(headers, 'etag') || undefined,
    modified: first(headers, 'last-modified') || undefined,
    control: control && formatCacheControl(parseCacheControl(control)),
    expires: first(headers, 'expires'),
    varies: vary?.split(',').some((field) => field.trim() === '*'),
  }
}

function derive(stored: Stored, headers: ResponseHeaders, times: ResponseTimes): LoadedFacts {
  const directives = parseCacheControl(stored.control ?? '')
  // `must-understand`: a cache that understands the status ignores `no-store` (RFC 9111 §5.2.2.3).
  const mayStore =
    !directives.has('private') && (!directives.has('no-store') || directives.has('must-understand'))
  const validator = mayStore ? formatStored(stored) : undefined
  if (!mayStore || directives.has('no-cache') || stored.varies === true)
    return { ttl: 0, staleWhileRevalidate: 0, staleIfError: 0, validator }
  const lifetime = lifetimeOf(stored, directives, headers, times)
  const left = lifetime === undefined ? undefined : lifetime - ageOf(headers, times)
  return {
    ttl: left === undefined ? undefined : Math.max(0, left),
    staleWhileRevalidate: staleWindow('stale-while-revalidate', directives, left),
    staleIfError: staleWindow('stale-if-error', directives, left),
    validator,
  }
}

/** In ms; undefined: as the group says. */
function staleWindow(
  name: string,
  directives: ReadonlyMap<string, string>,
  left: number | undefined,
): number | undefined {
  if (directives.has('must-revalidate') || directives.has('proxy-revalidate')) return 0
  // A response that was stale on arrival has used up part of its window.
  if (directives.has(name))
    return Math.max(0, (seconds(directives.get(name)) ?? 0) * 1000 + Math.min(0, left ?? 0))
  // `s-maxage` includes `proxy-revalidate` (RFC 9111 §5.2.2.10), but what the server allows by name, it means.
  return directives.has('s-maxage') ? 0 : undefined
}

/** In ms. What is not valid is in the past (RFC 9111 §4.2.1, §5.3). */
function lifetimeOf(
  { expires }: Stored,
  directives: ReadonlyMap<string, string>,
  headers: ResponseHeaders,
  { receivedAt }: ResponseTimes,
): number | undefined {
  const maxAge = directives.get('s-maxage') ?? directives.get('max-age')
  if (maxAge !== undefined) return (seconds(maxAge) ?? 0) * 1000
  if (expires === undefined) return undefined
  const until = parseHttpDate(expires, receivedAt)
  return until === undefined ? 0 : until - (dateOf(headers, receivedAt) ?? receivedAt)
}

/** In ms. */
function ageOf(headers: ResponseHeaders, { requestedAt, receivedAt, now }: ResponseTimes): number {
  const said = seconds(first(headers, 'age')?.split(',', 1)[0].trim()) ?? 0
  const apparent = receivedAt - (dateOf(headers, receivedAt) ?? receivedAt)
  const corrected = said * 1000 + Math.max(0, receivedAt - requestedAt)
  return Math.max(apparent < DATE_PRECISION_MS ? 0 : apparent, corrected) + Math.max(0, now - receivedAt)
}

function dateOf(headers: ResponseHeaders, now: number): number | undefined {
  const date = first(headers, 'date')
  return date === undefined ? undefined : parseHttpDate(date, now)
}

function formatStored(stored: Stored): string | undefined {
  return stored.etag === undefined && stored.modified === undefined ? undefined : JSON.stringify(stored)
}

function readStored(validator: string): Stored {
  let read: unknown
  try {
    read = JSON.parse(validator)
  } catch {
    return {}
  }
  const { etag, modified, control, expires, varies, url } = (read ?? {}) as Record<string, unknown>
  const text = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined)
  const texts = { etag: text(etag), modified: text(modified), control: text(control) }
  return { ...texts, expires: text(expires), url: text(url), varies: varies === true || undefined }
}

/** The first of several header lines. */
function first(headers: ResponseHeaders, name: string): string | undefined {
  const value = headers[name]
  return Array.isArray(value) ? value[0] : value
}

/** All header lines. */
function list(headers: ResponseHeaders, name: string): string | undefined {
  const value = headers[name]
  return Array.isArray(value) ? value.join() : value
}

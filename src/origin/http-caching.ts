// How long an HTTP response may be kept, and what tells its version from others (RFC 9111, RFC 5861, RFC 9110 §8.8).

import type { LoadedFacts } from '../group/origin.ts'

export type ResponseHeaders = Readonly<Record<string, string | string[] | undefined>>

/** RFC 9111 §1.2.2: more seconds than these are these. */
const MOST_SECONDS = 2 ** 31

const DIRECTIVE = /([\w-]+)(?:\s*=\s*(?:"([^"]*)"|([^\s,"]*)))?/g

/** What a response says about itself to a shared cache. Without a word on it there is no ttl. */
export function factsOf(headers: ResponseHeaders, now: number): LoadedFacts {
  const directives = parseDirectives(text(headers, 'cache-control'))
  const ttl = lifetime(headers, directives, now)
  const isStrict = directives.has('must-revalidate') || directives.has('proxy-revalidate')
  const stale = (name: string): number | undefined =>
    isStrict ? 0 : directives.has(name) ? seconds(directives.get(name)) * 1000 : undefined
  return {
    ttl,
    staleWhileRevalidate: stale('stale-while-revalidate'),
    staleIfError: stale('stale-if-error'),
    validator: validatorOf(headers),
  }
}

/** The headers that ask whether a version is still current. */
export function conditionsOf(validator: string): Record<string, string> {
  const { etag, modified } = JSON.parse(validator) as { etag?: string; modified?: string }
  return {
    ...(etag === undefined ? {} : { 'if-none-match': etag }),
    ...(modified === undefined ? {} : { 'if-modified-since': modified }),
  }
}

/** How long a server asks to be left alone, in ms (RFC 9110 §10.2.3). */
export function retryAfter(headers: ResponseHeaders, now: number): number | undefined {
  const after = text(headers, 'retry-after').trim()
  if (/^\d+$/.test(after)) return seconds(after) * 1000
  const at = Date.parse(after)
  return Number.isNaN(at) ? undefined : Math.max(0, at - now)
}

/** In ms; 0: it must not be served again. */
function lifetime(
  headers: ResponseHeaders,
  directives: ReadonlyMap<string, string>,
  now: number,
): number | undefined {
  for (const name of ['no-store', 'no-cache', 'private']) if (directives.has(name)) return 0
  if (text(headers, 'vary').includes('*')) return 0
  const age = seconds(text(headers, 'age')) * 1000
  const maxAge = directives.get('s-maxage') ?? directives.get('max-age')
  if (maxAge !== undefined) return Math.max(0, seconds(maxAge) * 1000 - age)
  if (headers.expires === undefined) return undefined
  const date = Date.parse(text(headers, 'date'))
  const until = Date.parse(text(headers, 'expires'))
  // A time that is none, 0 say, has passed.
  return Number.isNaN(until) ? 0 : Math.max(0, until - (Number.isNaN(date) ? now : date) - age)
}

function validatorOf(headers: ResponseHeaders): string | undefined {
  const etag = text(headers, 'etag') || undefined
  const modified = text(headers, 'last-modified') || undefined
  return etag === undefined && modified === undefined ? undefined : JSON.stringify({ etag, modified })
}

/** The first of several with one name counts. */
function parseDirectives(value: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>()
  for (const [, name, quoted, plain] of value.matchAll(DIRECTIVE)) {
    const key = name.toLowerCase()
    if (!found.has(key)) found.set(key, quoted ?? plain ?? '')
  }
  return found
}

/** What is no number of seconds is none. */
function seconds(value: string | undefined): number {
  return value !== undefined && /^\d+$/.test(value.trim()) ? Math.min(Number(value), MOST_SECONDS) : 0
}

function text(headers: ResponseHeaders, name: string): string {
  const value = headers[name]
  return Array.isArray(value) ? value.join(', ') : (value ?? '')
}

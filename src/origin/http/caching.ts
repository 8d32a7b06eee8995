// The freshness and the validators of an HTTP response (RFC 9111, RFC 5861, RFC 9110 §8.8).

import type { LoadedFacts } from '../../group/origin.ts'

/** The validators of a response. */
interface Version {
  readonly etag?: string | undefined
  readonly modified?: string | undefined
}

type Lifetimes = Pick<LoadedFacts, 'ttl' | 'staleWhileRevalidate' | 'staleIfError'>

export type ResponseHeaders = Readonly<Record<string, string | string[] | undefined>>

/** RFC 9111 §1.2.2: larger numbers of seconds are clamped to this. */
const MOST_SECONDS = 2 ** 31

/** Upper bound of Retry-After in ms: one wrong response must not disable the origin for long. */
const LONGEST_REST = 5 * 60_000

const DIRECTIVE = /([\w-]+)(?:\s*=\s*(?:"([^"]*)"|([^\s,"]*)))?/g

/** TTL, windows and validators of a response for a shared cache. Without freshness information there is no TTL. */
export function factsOf(headers: ResponseHeaders, now: number): LoadedFacts {
  const directives = parseDirectives(text(headers, 'cache-control'))
  const isOnce = mayServeOnce(headers, directives)
  const left = isOnce ? 0 : lifetime(headers, directives, now)
  const isStrict = isOnce || directives.has('must-revalidate') || directives.has('proxy-revalidate')
  const stale = (name: string): number | undefined => {
    if (isStrict) return 0
    // A response that was stale on arrival has used up part of its window.
    return directives.has(name)
      ? Math.max(0, seconds(directives.get(name)) * 1000 + Math.min(0, left ?? 0))
      : undefined
  }
  const said = {
    ttl: left === undefined ? undefined : Math.max(0, left),
    staleWhileRevalidate: stale('stale-while-revalidate'),
    staleIfError: stale('stale-if-error'),
  }
  return { ...said, validator: validatorOf(versionOf(headers), said) }
}

/** The updated facts of a 304; headers it omits keep their stored values (RFC 9111 §4.3.4). */
export function renewedFacts(headers: ResponseHeaders, validator: string, now: number): LoadedFacts {
  const { etag, modified, ...said } = readVersion(validator)
  const facts = factsOf(headers, now)
  const saysHowLong = headers['cache-control'] !== undefined || headers.expires !== undefined
  const { etag: newEtag = etag, modified: newModified = modified } = versionOf(headers)
  const kept = saysHowLong ? lifetimesOf(facts) : said
  return { ...kept, validator: validatorOf({ etag: newEtag, modified: newModified }, kept) }
}

/** The conditional request headers of a validator; none for a validator of another origin. */
export function conditionsOf(validator: string): Record<string, string> {
  const { etag, modified } = readVersion(validator)
  return {
    ...(etag === undefined ? {} : { 'if-none-match': etag }),
    ...(modified === undefined ? {} : { 'if-modified-since': modified }),
  }
}

/** Retry-After in ms (RFC 9110 §10.2.3); undefined: none. */
export function retryAfter(headers: ResponseHeaders, now: number): number | undefined {
  const after = text(headers, 'retry-after').trim()
  const ms = /^\d+$/.test(after) ? seconds(after) * 1000 : Date.parse(after) - now
  return ms > 0 ? Math.min(ms, LONGEST_REST) : undefined
}

/** Whether the response must not be stored, or not be served again without validation. */
function mayServeOnce(headers: ResponseHeaders, directives: ReadonlyMap<string, string>): boolean {
  return (
    ['no-store', 'no-cache', 'private'].some((name) => directives.has(name)) ||
    text(headers, 'vary').includes('*')
  )
}

/** The remaining freshness in ms; negative: for how long it has been stale. */
function lifetime(
  headers: ResponseHeaders,
  directives: ReadonlyMap<string, string>,
  now: number,
): number | undefined {
  const age = seconds(text(headers, 'age')) * 1000
  const maxAge = directives.get('s-maxage') ?? directives.get('max-age')
  if (maxAge !== undefined) return seconds(maxAge) * 1000 - age
  if (headers.expires === undefined) return undefined
  const date = Date.parse(text(headers, 'date'))
  const until = Date.parse(text(headers, 'expires'))
  // An invalid date, such as 0, is in the past.
  return Number.isNaN(until) ? 0 : until - (Number.isNaN(date) ? now : date) - age
}

function versionOf(headers: ResponseHeaders): Version {
  return {
    etag: text(headers, 'etag') || undefined,
    modified: text(headers, 'last-modified') || undefined,
  }
}

/** The freshness lifetimes are stored with the validator, for a 304 that omits them. */
function validatorOf({ etag, modified }: Version, said: Lifetimes): string | undefined {
  return etag === undefined && modified === undefined
    ? undefined
    : JSON.stringify({ etag, modified, ...said })
}

function readVersion(validator: string): Version & Lifetimes {
  try {
    return JSON.parse(validator) ?? {}
  } catch {
    return {}
  }
}

function lifetimesOf({ ttl, staleWhileRevalidate, staleIfError }: LoadedFacts): Lifetimes {
  return { ttl, staleWhileRevalidate, staleIfError }
}

/** The first of several directives of one name counts. */
function parseDirectives(value: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>()
  for (const [, name, quoted, plain] of value.matchAll(DIRECTIVE)) {
    const key = name.toLowerCase()
    if (!found.has(key)) found.set(key, quoted ?? plain ?? '')
  }
  return found
}

/** An invalid number of seconds counts as absent. */
function seconds(value: string | undefined): number {
  return value !== undefined && /^\d+$/.test(value.trim()) ? Math.min(Number(value), MOST_SECONDS) : 0
}

function text(headers: ResponseHeaders, name: string): string {
  const value = headers[name]
  return Array.isArray(value) ? value.join(', ') : (value ?? '')
}

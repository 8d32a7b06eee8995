// How long an HTTP response may be kept, and what tells its version from others (RFC 9111, RFC 5861, RFC 9110 §8.8).

import type { LoadedFacts } from '../../group/origin.ts'

/** What tells one version of a response from others. */
interface Version {
  readonly etag?: string | undefined
  readonly modified?: string | undefined
}

type Lifetimes = Pick<LoadedFacts, 'ttl' | 'staleWhileRevalidate' | 'staleIfError'>

export type ResponseHeaders = Readonly<Record<string, string | string[] | undefined>>

/** RFC 9111 §1.2.2: more seconds than these are these. */
const MOST_SECONDS = 2 ** 31

/** No server is left alone for longer than this by its own word, in ms: a mistake in one answer must not last. */
const LONGEST_REST = 5 * 60_000

const DIRECTIVE = /([\w-]+)(?:\s*=\s*(?:"([^"]*)"|([^\s,"]*)))?/g

/** What a response says about itself to a shared cache. Without a word on it there is no ttl. */
export function factsOf(headers: ResponseHeaders, now: number): LoadedFacts {
  const directives = parseDirectives(text(headers, 'cache-control'))
  const isOnce = mayServeOnce(headers, directives)
  const left = isOnce ? 0 : lifetime(headers, directives, now)
  const isStrict = isOnce || directives.has('must-revalidate') || directives.has('proxy-revalidate')
  const stale = (name: string): number | undefined => {
    if (isStrict) return 0
    // What came stale has been so for a part of that time.
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

/** What a 304 says about the version that it is about: what it leaves out is as it was (RFC 9111 §4.3.4). */
export function renewedFacts(headers: ResponseHeaders, validator: string, now: number): LoadedFacts {
  const { etag, modified, ...said } = readVersion(validator)
  const facts = factsOf(headers, now)
  const saysHowLong = headers['cache-control'] !== undefined || headers.expires !== undefined
  const { etag: newEtag = etag, modified: newModified = modified } = versionOf(headers)
  const kept = saysHowLong ? lifetimesOf(facts) : said
  return { ...kept, validator: validatorOf({ etag: newEtag, modified: newModified }, kept) }
}

/** The headers that ask whether a version is still current; none for what is no validator of ours. */
export function conditionsOf(validator: string): Record<string, string> {
  const { etag, modified } = readVersion(validator)
  return {
    ...(etag === undefined ? {} : { 'if-none-match': etag }),
    ...(modified === undefined ? {} : { 'if-modified-since': modified }),
  }
}

/** How long a server asks to be left alone, in ms (RFC 9110 §10.2.3); undefined: not at all. */
export function retryAfter(headers: ResponseHeaders, now: number): number | undefined {
  const after = text(headers, 'retry-after').trim()
  const ms = /^\d+$/.test(after) ? seconds(after) * 1000 : Date.parse(after) - now
  return ms > 0 ? Math.min(ms, LONGEST_REST) : undefined
}

/** Whether it is for those who wait only: not to be kept, or not to be served again unasked. */
function mayServeOnce(headers: ResponseHeaders, directives: ReadonlyMap<string, string>): boolean {
  return (
    ['no-store', 'no-cache', 'private'].some((name) => directives.has(name)) ||
    text(headers, 'vary').includes('*')
  )
}

/** How long it is still fresh, in ms; below 0: since when it is not. */
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
  // A time that is none, 0 say, has passed.
  return Number.isNaN(until) ? 0 : until - (Number.isNaN(date) ? now : date) - age
}

function versionOf(headers: ResponseHeaders): Version {
  return {
    etag: text(headers, 'etag') || undefined,
    modified: text(headers, 'last-modified') || undefined,
  }
}

/** The lifetimes are kept with a version, for the answer that finds it current and says nothing about them. */
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

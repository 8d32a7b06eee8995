// The headers for pages of other web origins: which may ask, what they may send and what they may read (Fetch: CORS).

import type { Headers } from './responder.ts'

/** How long a page may remember what it may do, seconds. */
const PREFLIGHT_SECONDS = 600

/** The headers of each response to an origin that may ask; `undefined`: there is none. */
export function corsHeaders(allowedOrigin: string | undefined): Headers | undefined {
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

/** What a response to OPTIONS says besides. */
export function preflightHeaders(methods: string): Headers {
  return [
    'Access-Control-Allow-Methods',
    methods,
    'Access-Control-Allow-Headers',
    'Authorization, Content-Type, If-None-Match, Range, Soft-Purge, Surrogate-Key, Cache-Tag, X-Tags, traceparent',
    'Access-Control-Max-Age',
    PREFLIGHT_SECONDS,
  ]
}

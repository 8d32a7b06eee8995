// CORS headers (Fetch): which web origins may send requests, what they may send, and what they may read.

import type { Headers } from './responder.ts'

/** How long a browser may cache the answer to a preflight request, seconds. */
const PREFLIGHT_SECONDS = 600

/** The headers of each response to an allowed origin; `undefined`: the origin is not allowed. */
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

/** The additional headers of a response to a preflight request. */
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

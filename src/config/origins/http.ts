// An HTTP server as an origin, in the configuration.

import { z } from 'zod'
import { systemClock } from '../../bytes/clock.ts'
import type { Origin } from '../../group/origin.ts'
import { HttpOrigin } from '../../origin/http/http.ts'
import { NO_CREDENTIALS, UrlTemplate } from '../../origin/http/url-template.ts'
import { duration, fields, size, whole, yesNo } from '../readers.ts'
import { version } from '../version.ts'
import type { OriginKind } from './kind.ts'
import {
  CONNECT_TIMEOUT,
  headers,
  MAX_CONNECTIONS,
  pattern,
  servers,
  type TlsConfig,
  text,
  tls,
  url,
} from './readers.ts'

/** An HTTP server as an origin. */
export interface HttpOriginConfig {
  /** The kind of the origin. `http()` sets it. */
  readonly kind: 'http'
  /** With places for the key or the captures of `keys`: `'https://api.example/users/{id}'`; `{+id}` keeps slashes. */
  readonly url: string
  /** Posted a JSON array of keys, it answers a JSON object from key to value. */
  readonly batchUrl?: string
  /** Whether it may be asked twice: if a connection that is used again turns out to be closed; no. */
  readonly batchIdempotent?: boolean | 'yes' | 'no'
  /** Which keys there are: `'user:{id}'`. By default all. */
  readonly keys?: string
  /** Headers of every request. The `User-Agent` is `erinys/<version>` unless it is here. */
  readonly headers?: Readonly<Record<string, string>>
  /** Certificates for `https:`. */
  readonly tls?: TlsConfig
  /** Most connections to one server; 32. */
  readonly connections?: number
  /** Most redirects of one load; 3. */
  readonly redirects?: number
  /** Other servers that they may lead to, such as `'https://cdn.example'`, which are sent no headers; none. */
  readonly redirectTo?: string | readonly string[]
  /** Most bytes of one response; '16mb'. */
  readonly maxResponse?: number | string
  /** How long connecting may take; '5s'. */
  readonly connectTimeout?: number | string
  /** The longest silence of a server; '10s'. */
  readonly timeout?: number | string
  /** Not to contact the server before the first load. */
  readonly lazy?: boolean | 'yes' | 'no'
}

/** An HTTP server as an origin: `http({ url: 'https://api.example/users/{key}' })`. */
export function http(config: Omit<HttpOriginConfig, 'kind'>): HttpOriginConfig {
  return { kind: 'http', ...config }
}

export const httpKind: OriginKind<HttpOriginConfig> = { kind: 'http', schema: httpSchema }

function httpSchema(directory: string): z.ZodType<Origin> {
  return fields({
    kind: z.literal('http'),
    url: text("a URL with a place for the key, such as 'https://host/users/{key}'"),
    batchUrl: url(['http:', 'https:'], "'https://host/batch'").optional(),
    batchIdempotent: yesNo.optional(),
    keys: pattern().optional(),
    headers: headers.optional(),
    tls: tls(directory).optional(),
    connections: whole(1, MAX_CONNECTIONS).optional(),
    redirects: whole(0, 20).optional(),
    redirectTo: servers.optional(),
    maxResponse: size('1b', '1gb').optional(),
    connectTimeout: duration(1, 'timed').optional(),
    timeout: duration(1, 'timed').optional(),
    lazy: yesNo.optional(),
  }).transform((written, context): Origin => {
    const posted = written.batchUrl === undefined ? undefined : new URL(written.batchUrl)
    if (posted !== undefined && posted.username + posted.password !== '') {
      context.addIssue({ code: 'custom', message: NO_CREDENTIALS, path: ['batchUrl'] })
      return z.NEVER
    }
    if (posted === undefined && written.batchIdempotent !== undefined) {
      const message = 'there is no batchUrl that it could be about'
      context.addIssue({ code: 'custom', message, path: ['batchIdempotent'] })
      return z.NEVER
    }
    let template: UrlTemplate
    try {
      template = new UrlTemplate(written.url, written.keys?.names ?? [])
    } catch (error) {
      context.addIssue({ code: 'custom', message: (error as Error).message, path: ['url'] })
      return z.NEVER
    }
    return new HttpOrigin({
      url: template,
      batchUrl: written.batchUrl,
      batchIdempotent: written.batchIdempotent ?? false,
      keys: written.keys,
      userAgent: `erinys/${version}`,
      headers: written.headers ?? {},
      tls: written.tls,
      connections: written.connections ?? 32,
      redirects: written.redirects ?? 3,
      redirectTo: written.redirectTo ?? [],
      maxResponse: written.maxResponse ?? 16 * 2 ** 20,
      connectTimeout: written.connectTimeout ?? CONNECT_TIMEOUT,
      timeout: written.timeout ?? 10_000,
      lazy: written.lazy ?? false,
      clock: systemClock,
    })
  })
}

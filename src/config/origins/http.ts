// An HTTP server as an origin, in the configuration.

import { z } from 'zod'
import { systemClock } from '../../bytes/clock.ts'
import type { Origin } from '../../group/origin.ts'
import { HttpOrigin } from '../../origin/http/http.ts'
import { NO_CREDENTIALS, UrlTemplate } from '../../origin/http/url-template.ts'
import type { Shape } from '../../origin/shape.ts'
import { duration, fields, size, text, whole, yesNo } from '../readers.ts'
import { version } from '../version.ts'
import { identified, splitHeaders } from './identity.ts'
import type { OriginKind } from './kind.ts'
import {
  CONNECT_TIMEOUT,
  headers,
  MAX_CONNECTIONS,
  pattern,
  servers,
  shape,
  type TlsConfig,
  tls,
  url,
} from './readers.ts'

/** An HTTP server as an origin. */
export interface HttpOriginConfig {
  /** The kind of the origin. `http()` sets it. */
  readonly kind: 'http'
  /** URL with places for the key or the captures of `keys`: `'https://api.example/users/{id}'`; `{+id}` keeps slashes. */
  readonly url: string
  /**
   * The type of the values. Of JSON: `'hash'`: an object from fields to values. `'list'`, `'set'`: an array.
   * `'sortedset'`: an object from members to scores, or an array of `[member, score]`. Default: `'string'`.
   */
  readonly as?: Shape
  /** Batched loads: a URL that is sent a JSON array of keys (POST) and answers a JSON object from keys to values. */
  readonly batchUrl?: string
  /** Whether a batch request may be repeated, when the server has closed a reused connection. Default: false. */
  readonly batchIdempotent?: boolean | 'yes' | 'no'
  /** The pattern of valid keys: `'user:{id}'`; other keys are absent without a request. Default: all keys are valid. */
  readonly keys?: string
  /** Headers of every request. The default `User-Agent` is `erinys/<version>`. */
  readonly headers?: Readonly<Record<string, string>>
  /** Certificates for `https:` URLs. */
  readonly tls?: TlsConfig
  /** Maximum number of connections to one server. Default: 32. */
  readonly connections?: number
  /** Maximum number of redirects of one load. Default: 3. */
  readonly redirects?: number
  /** Other servers to which redirects are followed, without `headers`: `'https://cdn.example'`. Default: none. */
  readonly redirectTo?: string | readonly string[]
  /** Maximum size of one response. Default: '16mb'. */
  readonly maxResponse?: number | string
  /** Timeout of connecting. Default: '5s'. */
  readonly connectTimeout?: number | string
  /** How long the server may send nothing during a request. Default: '10s'. */
  readonly timeout?: number | string
  /** Do not connect before the first load. Default: false. */
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
    as: shape.optional(),
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
      const message = 'wants a batchUrl too: it applies to batch requests only'
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
    const origin = new HttpOrigin({
      url: template,
      shape: written.as ?? 'string',
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
    const { url: address, as, batchUrl, keys, headers: given = {}, ...rest } = written
    const [answers, credentials] = splitHeaders(given)
    const source = { url: address, as, batchUrl, keys: keys?.source, headers: answers }
    return identified(origin, source, { ...rest, credentials })
  })
}

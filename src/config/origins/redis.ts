// Another Redis, Valkey or cluster as an origin, in the configuration.

import { z } from 'zod'
import type { Origin } from '../../group/origin.ts'
import { RedisOrigin } from '../../origin/redis/redis.ts'
import { duration, fields, secret, within, yesNo } from '../readers.ts'
import { identified, withoutLogin } from './identity.ts'
import type { OriginKind } from './kind.ts'
import { CONNECT_TIMEOUT, type TlsConfig, tls, url } from './readers.ts'

/** Another Redis, Valkey or cluster as an origin. */
export interface RedisOriginConfig {
  /** The kind of the origin. `redis()` sets it. */
  readonly kind: 'redis'
  /** `redis://…` or `rediss://…`; for a cluster, the URLs of one or more of its nodes. */
  readonly url: string | readonly string[]
  /** Whether the server is a Redis Cluster. Default: true if `url` is a list of several URLs. */
  readonly cluster?: boolean | 'yes' | 'no'
  /** A prefix that every key has in that Redis. Default: none. */
  readonly prefix?: string
  /** Subscribe to changes of loaded keys (`CLIENT TRACKING`: Redis 6 or later, Valkey). Default: false. */
  readonly listen?: boolean | 'yes' | 'no'
  /** Do not connect before the first load. Default: false. */
  readonly lazy?: boolean | 'yes' | 'no'
  /** Certificates for `rediss:` URLs. */
  readonly tls?: TlsConfig
  /** Timeout of connecting. Default: '5s'. */
  readonly connectTimeout?: number | string
  /** Timeout of a command. Default: '5s'. */
  readonly timeout?: number | string
}

/** Another Redis as an origin: `redis({ url: 'redis://db.example:6379/2' })`. */
export function redis(config: Omit<RedisOriginConfig, 'kind'>): RedisOriginConfig {
  return { kind: 'redis', ...config }
}

export const redisKind: OriginKind<RedisOriginConfig> = { kind: 'redis', schema: redisSchema }

function redisSchema(directory: string): z.ZodType<Origin> {
  const one = url(['redis:', 'rediss:'], "'redis://host:6379'")
  const urls = z.unknown().transform((value, context): readonly string[] => {
    const list = Array.isArray(value) && value.length > 0 ? value : [value]
    return list.map((item, i) => {
      const path = list === value ? [i] : []
      const read = one.safeParse(item)
      const message = read.success ? problemOf(new URL(read.data)) : undefined
      if (message !== undefined) context.addIssue({ code: 'custom', message, path })
      return within(context, read, ...path)
    })
  })
  return fields({
    kind: z.literal('redis'),
    url: urls,
    cluster: yesNo.optional(),
    prefix: secret.optional(),
    listen: yesNo.optional(),
    lazy: yesNo.optional(),
    tls: tls(directory).optional(),
    connectTimeout: duration(1, 'timed').optional(),
    timeout: duration(1, 'timed').optional(),
  }).transform((written, context): Origin => {
    const cluster = written.cluster ?? written.url.length > 1
    if (!cluster && written.url.length > 1) {
      context.addIssue({
        code: 'custom',
        message: 'got no with several URLs: only a cluster has several',
        path: ['cluster'],
      })
      return z.NEVER
    }
    const origin = new RedisOrigin({
      urls: written.url,
      cluster,
      prefix: written.prefix ?? '',
      listen: written.listen ?? false,
      lazy: written.lazy ?? false,
      tls: written.tls,
      connectTimeout: written.connectTimeout ?? CONNECT_TIMEOUT,
      timeout: written.timeout ?? 5000,
    })
    const { url: _, prefix, ...rest } = written
    const source = { urls: written.url.map(withoutLogin), cluster, prefix }
    return identified(origin, source, { ...rest, urls: written.url })
  })
}

/** The client takes parameters for options of its own, such as `keyPrefix`. */
function problemOf({ pathname, searchParams }: URL): string | undefined {
  if (!/^\/?\d*$/.test(pathname))
    return "got a path that is not a number, wants a database such as '/2', or none"
  const [name] = searchParams.keys()
  if (name === undefined) return undefined
  const instead = name === 'db' ? "write the database as the path, such as '/2'" : 'set it beside url'
  return `got the parameter ${name}, which is not supported: ${instead}`
}

// Redis origins for tests: options with defaults, what they load as text, and proxies before a server. All end with the test.

import { onTestFinished } from 'vitest'
import { type LoadContext, Loaded, type OriginResult } from '../../../src/group/origin.ts'
import { type RedisOptions, RedisOrigin } from '../../../src/origin/redis/redis.ts'
import { PATIENT_MS } from '../../support/budget.ts'
import { FaultyProxy } from '../../support/proxy.ts'
import type { RedisServer } from '../../support/redis-server.ts'

export type Options = Partial<Omit<RedisOptions, 'urls'>>

export function redisOrigin(url: string, options: Options = {}): RedisOrigin {
  const origin = new RedisOrigin({
    urls: [url],
    cluster: false,
    prefix: '',
    tls: undefined,
    connectTimeout: PATIENT_MS,
    timeout: PATIENT_MS,
    ...options,
  })
  onTestFinished(() => origin.close())
  return origin
}

/** A proxy before a server, which listens on a Unix socket only. */
export async function proxyTo({ socketPath }: RedisServer): Promise<FaultyProxy> {
  const proxy = await FaultyProxy.start(() => ({ path: socketPath }))
  onTestFinished(() => proxy.close())
  return proxy
}

export function context(): LoadContext {
  return { group: 'things', signal: new AbortController().signal }
}

/** The value, with its TTL if it has one; the message of an error. */
export function seen(result: OriginResult | Error): unknown {
  if (result instanceof Error) return result.message
  if (result instanceof Loaded) return [Buffer.from(result.value as Buffer).toString(), result.facts.ttl]
  return result === null || result === undefined ? null : Buffer.from(result as Uint8Array).toString()
}

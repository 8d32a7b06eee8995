// Change notifications from Redis: one connection with client tracking to each server that has keys.

import { promisify } from 'node:util'
import type { Cluster, Redis } from 'ioredis'
import { type ListenerConnection, Subscription, type SubscriptionOptions } from '../subscription.ts'

/*
 * Tracking (CLIENT TRACKING … BCAST, Redis 6) reports each key that was written, renamed, given a TTL, expired or
 * evicted, and every flush, in all databases. Keyspace notifications do not report flushes and need a server setting.
 * In RESP2 invalidations arrive as pub/sub messages on the connection named by REDIRECT, which may be the same one.
 */

export interface RedisListenerOptions extends Omit<SubscriptionOptions, 'connect'> {
  /** The servers that have keys now: the only one, or the masters of a cluster. */
  readonly servers: () => Promise<readonly Redis[]>
  /** The prefix of all keys at the source. */
  readonly prefix: string
}

/** The channel of invalidation messages. */
const CHANNEL = '__redis__:invalidate'

export function redisListener(options: RedisListenerOptions): Subscription {
  return new Subscription({ ...options, connect: (lose) => new RedisLine(options, lose) })
}

/** The current masters of a cluster. */
export async function mastersOf(cluster: Cluster): Promise<readonly Redis[]> {
  await promisify<void>((done) => cluster.refreshSlotsCache(done))()
  return cluster.nodes('master')
}

class RedisLine implements ListenerConnection {
  readonly #options: RedisListenerOptions
  readonly #lose: (error: unknown) => void
  #names = ''
  #connections: readonly Redis[] = []
  #isClosed = false

  constructor(options: RedisListenerOptions, lose: (error: unknown) => void) {
    this.#options = options
    this.#lose = lose
  }

  async open(): Promise<void> {
    const servers = await this.#options.servers()
    if (this.#isClosed) throw new Error('the listener was closed')
    this.#names = namesOf(servers)
    this.#connections = servers.map((server) => this.#connect(server))
    await Promise.all(this.#connections.map((connection) => this.#track(connection)))
  }

  /** Fails when masters were added: their earlier notifications were missed. */
  async check(): Promise<void> {
    const [servers] = await Promise.all([
      this.#options.servers(),
      ...this.#connections.map((connection) => connection.ping()),
    ])
    if (namesOf(servers) !== this.#names) throw new Error('the masters of the cluster have changed')
  }

  close(): void {
    this.#isClosed = true
    for (const connection of this.#connections) connection.disconnect()
  }

  #connect(server: Redis): Redis {
    const connection = server.duplicate({
      protocol: 2,
      lazyConnect: true,
      autoResubscribe: false,
      retryStrategy: null,
      commandTimeout: undefined,
      socketTimeout: undefined,
    })
    connection.on('error', this.#lose)
    connection.on('close', () => this.#lose(new Error('the connection was closed')))
    connection.on('messageBuffer', (_channel: Buffer, keys: readonly Buffer[] | null) => this.#notify(keys))
    return connection
  }

  async #track(connection: Redis): Promise<void> {
    const { prefix } = this.#options
    await connection.connect()
    const id = await connection.client('ID')
    const narrowed = prefix === '' ? [] : ['PREFIX', prefix]
    await connection.call('CLIENT', 'TRACKING', 'ON', 'REDIRECT', id, 'BCAST', ...narrowed)
    await connection.subscribe(CHANNEL)
  }

  #notify(keys: readonly Buffer[] | null): void {
    // Notifications that were sent before a stall may still arrive after it.
    if (this.#isClosed) return
    const { listener, prefix } = this.#options
    const start = Buffer.byteLength(prefix)
    if (keys === null) listener.all()
    else for (const key of keys) listener.key(Buffer.from(key.subarray(start)))
  }
}

function namesOf(servers: readonly Redis[]): string {
  return servers
    .map(({ options: { host, port } }) => `${host}:${port}`)
    .sort()
    .join()
}

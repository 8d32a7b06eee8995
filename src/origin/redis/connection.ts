// The connection of an origin to its Redis, Valkey or cluster: made at first use, checked at the start, and replaced by
// ioredis whenever it breaks. An outage is logged once.

import type { ChainableCommander, Cluster, Redis } from 'ioredis'
import { type CancelTimer, systemTimers } from '../../bytes/clock.ts'
import type { OriginLog } from '../../group/origin.ts'
import { abortable } from '../abortable.ts'
import type { TlsOptions } from '../tls-options.ts'
import { reasonOf } from './diagnosis.ts'
import { mastersOf } from './listener.ts'
import {
  commandOf,
  failureText,
  isForbiddenKey,
  isLasting,
  type PipelineReply,
  REPLY_ERROR,
} from './replies.ts'

export interface ConnectionOptions {
  /** `redis://` or `rediss://`; for a cluster, some of its nodes. */
  readonly urls: readonly string[]
  readonly cluster: boolean
  /** The prefix of all keys at the source. */
  readonly prefix: string
  readonly tls: TlsOptions | undefined
  /** Whether to connect at the first load only. */
  readonly lazy?: boolean
  /** Milliseconds. */
  readonly connectTimeout: number
  readonly timeout: number
}

export type Client = Redis | Cluster

/** The longest pause between two attempts to connect, in ms. */
const LONGEST_PAUSE = 2000

/** ioredis: the name of the error of a command without a connection. */
const GIVEN_UP = 'MaxRetriesPerRequestError'

/** The key that the start reads. Any would do: what counts is whether such a command is allowed. */
const PROBE = 'erinys:start'

export class RedisConnection {
  readonly #options: ConnectionOptions
  #client: Promise<Client> | undefined
  #log: OriginLog | undefined
  /** Logged once per outage. */
  #isLost = false
  /** Why there is no connection. */
  #lastError: unknown
  #wrongDatabase: unknown
  /** The last error of a node of the cluster. */
  #nodeError: unknown

  constructor(options: ConnectionOptions) {
    this.#options = options
  }

  /**
   * Connects and reads a key, unless the origin is lazy. A server that does not answer yet is a warning.
   *
   * @throws Error for a password, user or database that Redis rejects
   */
  async start(log: OriginLog): Promise<void> {
    this.#log = log
    const client = await this.client()
    if (this.#options.lazy === true) return
    // Keep trying while no node of the cluster answers.
    const limit = AbortSignal.timeout(this.#options.connectTimeout)
    try {
      await abortable(this.#probe(client), limit)
    } catch (error) {
      // Its rights may end where those of the keys to load begin.
      if (isForbiddenKey(error)) return
      const reason = client.isCluster ? await this.#reasonOfCluster() : undefined
      const lasting = [error, this.#lastError, this.#nodeError, reason].find(isLasting)
      if (lasting !== undefined)
        throw new Error(`${this.#place()}: ${failureText(lasting)}`, { cause: lasting })
      this.#lose(reason ?? error)
    }
  }

  client(): Promise<Client> {
    this.#client ??= this.#create()
    return this.#client
  }

  /** The servers that have keys now: the only one, or the masters of the cluster. */
  async servers(): Promise<readonly Redis[]> {
    const client = await this.client()
    return client.isCluster ? mastersOf(client as Cluster) : [client as Redis]
  }

  async close(): Promise<void> {
    const client = await this.#client?.catch(() => undefined)
    client?.disconnect()
  }

  /**
   * Runs commands, which wait for a connection for a limited time. Resolves to their replies and errors.
   *
   * @throws Error if a command got no reply: without a connection, with the error of connecting
   */
  async run(pipeline: ChainableCommander, signal: AbortSignal): Promise<readonly PipelineReply[]> {
    let cancel: CancelTimer = () => undefined
    const late = new Promise<never>((_, reject) => {
      const give = (): void => reject(new Error('Redis does not answer'))
      // Not by AbortSignal.timeout: its timer would outlive the reply.
      cancel = systemTimers.after(this.#options.timeout + 500, give)
    })
    const replies = await abortable(Promise.race([pipeline.exec(), late]), signal).finally(cancel)
    if (replies === null) throw new Error('the transaction was aborted')
    const unanswered = replies.find(([error]) => error !== null && error.name !== REPLY_ERROR)?.[0]
    if (unanswered) throw this.#reworded(unanswered)
    return replies
  }

  async #probe(client: Client): Promise<void> {
    await client.connect()
    await client.getBuffer(this.#options.prefix + PROBE)
  }

  async #reasonOfCluster(): Promise<unknown> {
    const { Redis } = await import('ioredis')
    const { urls } = this.#options
    return reasonOf(
      urls.map((url) => () => new Redis(url, { ...this.#clientOptions(), retryStrategy: () => null })),
    )
  }

  /**
   * Why a command failed: the network error if there is no connection. It is not set as the cause, since the command
   * may have been sent before on a lost connection.
   */
  #reworded(error: Error): Error {
    if (this.#lastError !== undefined) return new Error(failureText(this.#lastError))
    return error.name === GIVEN_UP ? new Error('the connection was closed') : error
  }

  async #create(): Promise<Client> {
    const { Cluster, Redis } = await import('ioredis')
    const { urls, cluster } = this.#options
    const options = this.#clientOptions()
    const client = cluster
      ? new Cluster([...urls], {
          lazyConnect: true,
          enableReadyCheck: false,
          clusterRetryStrategy: pauseBefore,
          redisOptions: { ...credentialsOf(urls[0]), ...options },
        })
      : new Redis(urls[0], options)
    client.on('error', (error) => this.#fail(error))
    client.on('node error', (error) => {
      this.#nodeError = error
    })
    client.on('ready', () => this.#find())
    return client
  }

  #clientOptions() {
    const { tls, connectTimeout, timeout } = this.#options
    return {
      // Neither HELLO nor CLIENT SETINFO nor INFO, which proxies and restricted servers do not have.
      protocol: 2 as const,
      disableClientInfo: true,
      enableReadyCheck: false,
      ...(tls === undefined ? {} : { tls: { ...tls } }),
      lazyConnect: true,
      connectTimeout,
      commandTimeout: timeout,
      // A connection that accepts commands and never replies is replaced.
      socketTimeout: timeout + 1000,
      maxRetriesPerRequest: 1,
      retryStrategy: pauseBefore,
    }
  }

  /** @throws the refusal of SELECT, once: by that ioredis closes the connection instead of reading from database 0 */
  #fail(error: Error): void {
    this.#lose(error)
    if (commandOf(error) !== 'select' || this.#wrongDatabase === error) return
    this.#wrongDatabase = error
    throw error
  }

  #find(): void {
    if (this.#isLost) this.#log?.info({}, 'Redis answers again')
    this.#isLost = false
    this.#lastError = undefined
  }

  #lose(error: unknown): void {
    this.#lastError = error
    if (this.#isLost) return
    this.#isLost = true
    const message = `Redis does not answer, loads fail until it does: ${this.#place()}: ${failureText(error)}`
    this.#log?.warn({ err: error }, message)
  }

  /** The servers' addresses, without the password. */
  #place(): string {
    const places = this.#options.urls.map((url) => {
      const { protocol, username, host, pathname } = new URL(url)
      return `${protocol}//${username === '' ? '' : `${username}@`}${host}${pathname}`
    })
    return places.join(', ')
  }
}

/** Milliseconds before an attempt to connect. */
function pauseBefore(attempt: number): number {
  return Math.min(50 * 2 ** attempt, LONGEST_PAUSE)
}

/** Discovered nodes of a cluster use the same password and TLS options. */
function credentialsOf(url: string): { username?: string; password?: string; tls?: object } {
  const { username, password, protocol } = new URL(url)
  return {
    ...(username === '' ? {} : { username: decodeURIComponent(username) }),
    ...(password === '' ? {} : { password: decodeURIComponent(password) }),
    ...(protocol === 'rediss:' ? { tls: {} } : {}),
  }
}

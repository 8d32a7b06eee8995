// An origin that is another Redis, Valkey or cluster of these.

import type { ChainableCommander, Cluster, Redis } from 'ioredis'
import { type CancelTimer, systemTimers } from '../../bytes/clock.ts'
import { keySlot } from '../../bytes/crc16.ts'
import type {
  ChangeListener,
  LoadContext,
  Origin,
  OriginLog,
  OriginResult,
  OriginValue,
  StoreContext,
  StoredCollection,
} from '../../group/origin.ts'
import { abortable } from '../abortable.ts'
import type { Subscription } from '../subscription.ts'
import type { TlsOptions } from '../tls-options.ts'
import { CollectionReader } from './collections.ts'
import { reasonOf } from './diagnosis.ts'
import { mastersOf, redisListener } from './listener.ts'
import {
  commandOf,
  ENDLESS,
  failureText,
  GONE,
  isForbiddenKey,
  isLasting,
  isRefused,
  isWrongType,
  type PipelineReply,
  REPLY_ERROR,
  resultOf,
} from './replies.ts'
import { commandsFor, type RedisCommand } from './writing.ts'

export interface RedisOptions {
  /** `redis://` or `rediss://`; for a cluster, some of its nodes. */
  readonly urls: readonly string[]
  readonly cluster: boolean
  /** The prefix of all keys at the source. */
  readonly prefix: string
  /** Whether to subscribe to change notifications. */
  readonly listen?: boolean
  readonly tls: TlsOptions | undefined
  /** Whether to connect at the first load only. */
  readonly lazy?: boolean
  /** Milliseconds. */
  readonly connectTimeout: number
  readonly timeout: number
}

type Client = Redis | Cluster
type PipelineReplies = readonly PipelineReply[]

/** The longest pause between two attempts to connect, in ms. */
const LONGEST_PAUSE = 2000

/** ioredis: the name of the error of a command without a connection. */
const GIVEN_UP = 'MaxRetriesPerRequestError'

/** What the start asks for: any key does, since what counts is whether such a command is allowed. */
const PROBE = 'erinys:start'

export class RedisOrigin implements Origin {
  readonly kind = 'redis'
  readonly listen: Origin['listen']
  readonly #options: RedisOptions
  readonly #reader = new CollectionReader()
  #client: Promise<Client> | undefined
  #listening: Subscription | undefined
  #log: OriginLog | undefined
  /** Logged once per outage. */
  #isLost = false
  /** Why there is no connection. */
  #lastError: unknown
  #wrongDatabase: unknown
  #hasWarnedOfTtl = false
  /** The last error of a node of the cluster. */
  #nodeError: unknown

  constructor(options: RedisOptions) {
    this.#options = options
    if (options.listen === true) this.listen = (listener) => this.#listen(listener)
  }

  /** @throws Error for a password, user or database that Redis rejects */
  async start(log: OriginLog): Promise<void> {
    this.#log = log
    const client = await this.#connected()
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

  async load(key: string, { signal }: LoadContext): Promise<OriginResult> {
    const client = await this.#connected()
    const name = this.#options.prefix + key
    const [value, ttl] = await this.#run(client.pipeline().getBuffer(name).pttl(name), signal)
    if (isWrongType(value[0])) {
      const [result] = await this.#collections(client, [name], signal)
      if (result instanceof Error) throw result
      return result
    }
    if (value[0] !== null) throw value[0]
    return resultOf(value[1] as Buffer | null, this.#ttlOf(ttl))
  }

  async loadMany(
    keys: readonly string[],
    context: LoadContext,
  ): Promise<ReadonlyMap<string, OriginResult | Error>> {
    const client = await this.#connected()
    const parts = this.#options.cluster ? [...this.#bySlot(keys).values()] : [keys]
    const results = await Promise.all(parts.map((part) => this.#loadPart(client, part, context)))
    return new Map(results.flat())
  }

  /** The TTL at the source is the client's, if it gave one; the group's `ttl` concerns the cache only. */
  async store(key: string, value: Buffer, { signal, ttl }: StoreContext): Promise<void> {
    const client = await this.#connected()
    const name = this.#options.prefix + key
    const pipeline = client.pipeline()
    if (ttl === undefined) pipeline.set(name, value)
    else pipeline.set(name, value, 'PX', Math.max(1, Math.ceil(ttl)))
    const [[error]] = await this.#run(pipeline, signal)
    if (error !== null) throw error
  }

  /** What is there keeps its TTL: no command that changes a collection gives one. */
  async storeCollection(
    key: string,
    value: StoredCollection,
    { signal, change, ttl }: StoreContext,
  ): Promise<void> {
    const client = await this.#connected()
    const name = this.#options.prefix + key
    const commands = commandsFor(name, value, change)
    let replies = await this.#runCommands(client, commands, signal)
    // A key of another type, which the cache did not know of.
    if (replies.some(([error]) => isWrongType(error)))
      replies = await this.#runCommands(
        client,
        [['DEL', name], ...commandsFor(name, value, undefined)],
        signal,
      )
    const failed = replies.find(([error]) => error !== null)
    if (failed !== undefined) throw failed[0]
    if (ttl === undefined) return
    const lifetime = String(Math.max(1, Math.ceil(ttl)))
    const [[error]] = await this.#runCommands(client, [['PEXPIRE', name, lifetime]], signal)
    if (error !== null) throw error
  }

  async remove(key: string, { signal }: LoadContext): Promise<void> {
    const client = await this.#connected()
    const [[error]] = await this.#run(client.pipeline().del(this.#options.prefix + key), signal)
    if (error !== null) throw error
  }

  async #listen(listener: ChangeListener): Promise<void> {
    const { prefix, connectTimeout } = this.#options
    this.#listening = redisListener({
      servers: () => this.#servers(),
      prefix,
      connectTimeout,
      timers: systemTimers,
      listener,
    })
    await this.#listening.start()
  }

  async close(): Promise<void> {
    this.#listening?.close()
    const client = await this.#client?.catch(() => undefined)
    client?.disconnect()
  }

  /** The current masters. */
  async #servers(): Promise<readonly Redis[]> {
    const client = await this.#connected()
    if (!client.isCluster) return [client as Redis]
    return mastersOf(client as Cluster)
  }

  async #loadPart(
    client: Client,
    keys: readonly string[],
    context: LoadContext,
  ): Promise<[string, OriginResult | Error][]> {
    const names = keys.map((key) => this.#options.prefix + key)
    const pipeline = client.pipeline().mgetBuffer(...names)
    for (const name of names) pipeline.pttl(name)
    const [values, ...replies] = await this.#run(pipeline, context.signal)
    const one = async (key: string): Promise<[string, OriginResult | Error]> => [
      key,
      await this.load(key, context).catch((error: Error) => error),
    ]
    if (values[0] !== null) {
      if (isRefused(values[0])) return Promise.all(keys.map(one))
      throw values[0]
    }
    const ttls = replies.map((reply) => this.#ttlOf(reply))
    const strings = values[1] as (Buffer | null)[]
    // MGET replies nil for other types than strings.
    const isOther = (i: number): boolean => strings[i] === null && ttls[i][0] === null && ttls[i][1] !== GONE
    const others = names.filter((_, i) => isOther(i))
    const found = others.length === 0 ? [] : await this.#collections(client, others, context.signal)
    let next = 0
    return keys.map((key, i) => [key, isOther(i) ? found[next++] : resultOrError(strings[i], ttls[i])])
  }

  /** The values of keys that are not strings. */
  async #collections(
    client: Client,
    names: readonly string[],
    signal: AbortSignal,
  ): Promise<(OriginResult | Error)[]> {
    const replies = await this.#reader.read(names, (fill) => {
      const pipeline = client.pipeline()
      fill(pipeline)
      return this.#run(pipeline, signal)
    })
    return replies.map(([value, ttl]) =>
      value instanceof Error ? value : resultOrError(value, this.#ttlOf(ttl)),
    )
  }

  async #reasonOfCluster(): Promise<unknown> {
    const { Redis } = await import('ioredis')
    const { urls } = this.#options
    return reasonOf(
      urls.map((url) => () => new Redis(url, { ...this.#clientOptions(), retryStrategy: () => null })),
    )
  }

  async #probe(client: Client): Promise<void> {
    await client.connect()
    await client.getBuffer(this.#options.prefix + PROBE)
  }

  /** The reply of PTTL; no TTL where the command is refused. */
  #ttlOf(reply: PipelineReply): PipelineReply {
    if (!isRefused(reply[0])) return reply
    if (!this.#hasWarnedOfTtl) {
      const message = `PTTL is refused, so values live as long as the group's ttl says: ${reply[0].message}`
      this.#log?.warn({}, message)
    }
    this.#hasWarnedOfTtl = true
    return [null, ENDLESS]
  }

  /** Runs the commands of one key, several of them as one piece. */
  #runCommands(
    client: Client,
    commands: readonly RedisCommand[],
    signal: AbortSignal,
  ): Promise<PipelineReplies> {
    const pipeline = commands.length > 1 ? client.multi() : client.pipeline()
    for (const [name, ...args] of commands) pipeline.call(name, ...args)
    return this.#run(pipeline, signal)
  }

  /** Commands wait for a connection, for a limited time. */
  async #run(pipeline: ChainableCommander, signal: AbortSignal): Promise<PipelineReplies> {
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

  /** In a cluster, MGET takes only keys of one slot. */
  #bySlot(keys: readonly string[]): ReadonlyMap<number, string[]> {
    const slots = new Map<number, string[]>()
    for (const key of keys) {
      const name = Buffer.from(this.#options.prefix + key)
      const slot = keySlot(name, 0, name.length)
      const others = slots.get(slot)
      if (others === undefined) slots.set(slot, [key])
      else others.push(key)
    }
    return slots
  }

  /**
   * Why a command failed: the network error if there is no connection. It is not set as the cause, since the command
   * may have been sent before on a lost connection.
   */
  #reworded(error: Error): Error {
    if (this.#lastError !== undefined) return new Error(failureText(this.#lastError))
    return error.name === GIVEN_UP ? new Error('the connection was closed') : error
  }

  #connected(): Promise<Client> {
    this.#client ??= this.#create()
    return this.#client
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

  /** Where it is, without the password. */
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

function resultOrError(value: OriginValue, ttl: PipelineReply): OriginResult | Error {
  try {
    return resultOf(value, ttl)
  } catch (error) {
    return error as Error
  }
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

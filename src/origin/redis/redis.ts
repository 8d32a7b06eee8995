// An origin that is another Redis, Valkey or cluster of these.

import { systemTimers } from '../../bytes/clock.ts'
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
import type { Subscription } from '../subscription.ts'
import { CollectionReader } from './collections.ts'
import { type Client, type ConnectionOptions, RedisConnection } from './connection.ts'
import { redisListener } from './listener.ts'
import { ENDLESS, GONE, isRefused, isWrongType, type PipelineReply, resultOf } from './replies.ts'
import { commandsFor, type RedisCommand } from './writing.ts'

export interface RedisOptions extends ConnectionOptions {
  /** Whether to subscribe to change notifications. */
  readonly listen?: boolean
}

export class RedisOrigin implements Origin {
  readonly kind = 'redis'
  readonly listen: Origin['listen']
  readonly #options: RedisOptions
  readonly #connection: RedisConnection
  readonly #reader = new CollectionReader()
  #listening: Subscription | undefined
  #log: OriginLog | undefined
  #hasWarnedOfTtl = false

  constructor(options: RedisOptions) {
    this.#options = options
    this.#connection = new RedisConnection(options)
    if (options.listen === true) this.listen = (listener) => this.#listen(listener)
  }

  /** @throws Error for a password, user or database that Redis rejects */
  async start(log: OriginLog): Promise<void> {
    this.#log = log
    await this.#connection.start(log)
  }

  async load(key: string, { signal }: LoadContext): Promise<OriginResult> {
    const client = await this.#connection.client()
    const name = this.#options.prefix + key
    const [value, ttl] = await this.#connection.run(client.pipeline().getBuffer(name).pttl(name), signal)
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
    const client = await this.#connection.client()
    const parts = this.#options.cluster ? [...this.#bySlot(keys).values()] : [keys]
    const results = await Promise.all(parts.map((part) => this.#loadPart(client, part, context)))
    return new Map(results.flat())
  }

  /** The TTL at the source is the client's, if it gave one; the group's `ttl` concerns the cache only. */
  async store(key: string, value: Buffer, { signal, ttl }: StoreContext): Promise<void> {
    const client = await this.#connection.client()
    const name = this.#options.prefix + key
    const pipeline = client.pipeline()
    if (ttl === undefined) pipeline.set(name, value)
    else pipeline.set(name, value, 'PX', Math.max(1, Math.ceil(ttl)))
    const [[error]] = await this.#connection.run(pipeline, signal)
    if (error !== null) throw error
  }

  /** What is there keeps its TTL: no command that changes a collection gives one. */
  async storeCollection(
    key: string,
    value: StoredCollection,
    { signal, change, ttl }: StoreContext,
  ): Promise<void> {
    const client = await this.#connection.client()
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
    const client = await this.#connection.client()
    const [[error]] = await this.#connection.run(client.pipeline().del(this.#options.prefix + key), signal)
    if (error !== null) throw error
  }

  async #listen(listener: ChangeListener): Promise<void> {
    const { prefix, connectTimeout } = this.#options
    this.#listening = redisListener({
      servers: () => this.#connection.servers(),
      prefix,
      connectTimeout,
      timers: systemTimers,
      listener,
    })
    await this.#listening.start()
  }

  async close(): Promise<void> {
    this.#listening?.close()
    await this.#connection.close()
  }

  async #loadPart(
    client: Client,
    keys: readonly string[],
    context: LoadContext,
  ): Promise<[string, OriginResult | Error][]> {
    const names = keys.map((key) => this.#options.prefix + key)
    const pipeline = client.pipeline().mgetBuffer(...names)
    for (const name of names) pipeline.pttl(name)
    const [values, ...replies] = await this.#connection.run(pipeline, context.signal)
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
      return this.#connection.run(pipeline, signal)
    })
    return replies.map(([value, ttl]) =>
      value instanceof Error ? value : resultOrError(value, this.#ttlOf(ttl)),
    )
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
  ): Promise<readonly PipelineReply[]> {
    const pipeline = commands.length > 1 ? client.multi() : client.pipeline()
    for (const [name, ...args] of commands) pipeline.call(name, ...args)
    return this.#connection.run(pipeline, signal)
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
}

function resultOrError(value: OriginValue, ttl: PipelineReply): OriginResult | Error {
  try {
    return resultOf(value, ttl)
  } catch (error) {
    return error as Error
  }
}

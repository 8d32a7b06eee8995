// The composition root: one node, put together from the concrete parts of every floor.

import { randomBytes } from 'node:crypto'
import type { Socket } from 'node:net'
import { type Clock, MAX_TIMER_MS, systemClock, systemTimers } from './bytes/clock.ts'
import { Hasher, randomSeed } from './bytes/hash.ts'
import { Instant } from './bytes/instant.ts'
import { Cluster } from './cluster/cluster.ts'
import { addressName, type Member } from './cluster/member.ts'
import { createMembership } from './cluster/membership/create.ts'
import type { NodeConfig } from './config/config.ts'
import { version } from './config/version.ts'
import { Group } from './group/group.ts'
import { Server } from './server/server.ts'
import type { ServerSettings } from './server/settings.ts'

/** What a node tells of itself; pino's loggers are one. */
export interface Log {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

const silent: Log = { info: () => {}, warn: () => {}, error: () => {} }

/** Where a node listens. */
export interface ListenAddress {
  readonly host: string
  readonly port: number
}

export interface NodeOptions {
  readonly log?: Log
  readonly clock?: Clock
  /** The file that the configuration came from, for INFO. */
  readonly configFile?: string
  /** Begins a connection to another member of the cluster, where that takes more than its host and port: a tunnel. */
  readonly connectPeer?: (member: ListenAddress) => Socket
}

/** The part of a shutdown's time in which a node hands over what it owns; the rest is for replies under way. */
const HANDOVER_SHARE = 0.8

export interface SetOptions {
  /** Lifetime in milliseconds, at least 1; without one, the group's. */
  readonly ttl?: number
}

/** One node of the cache: usable from the program it runs in, and, after `listen`, by any Redis client. */
export class Node {
  readonly #config: NodeConfig
  /** Changed by CONFIG SET. */
  readonly #settings: ServerSettings
  readonly #groups: ReadonlyMap<string, Group>
  readonly #server: Server
  /** `undefined`: the node owns every key. */
  readonly #cluster: Cluster | undefined
  #listening: Promise<readonly ListenAddress[]> | undefined
  #closing: Promise<void> | undefined
  /** Resolves when the node has closed, whoever asked for it: the program, or a client with SHUTDOWN. */
  readonly closed: Promise<void>
  readonly #log: Log
  #setClosed = (): void => {}
  /** Resolves when the node is to close without waiting for anything. */
  readonly #hurried: Promise<void>
  #isHurried = false
  #hurry = (): void => {}

  constructor(config: NodeConfig, options: NodeOptions = {}) {
    const { log = silent, clock = systemClock, configFile = '' } = options
    this.#log = log
    this.closed = new Promise((resolve) => {
      this.#setClosed = resolve
    })
    this.#hurried = new Promise((resolve) => {
      this.#hurry = resolve
    })
    const instant = new Instant(clock)
    const hasher = new Hasher(randomSeed())
    const environment = {
      instant,
      hasher,
      timers: systemTimers,
      random: Math.random,
      reportFault: (err: unknown) => log.error({ err }, 'a load could not land'),
    }
    const groups = config.groups.map((policy) => new Group(policy, environment))
    this.#config = config
    this.#settings = { ...config }
    this.#groups = new Map(groups.map((group) => [group.name, group]))
    const runId = randomBytes(20).toString('hex')
    const micros = (): number => performance.now() * 1000
    const settings = config.cluster
    this.#cluster =
      settings &&
      new Cluster({
        settings,
        membership: createMembership(settings.membership),
        groups,
        runId,
        clock,
        instant,
        hasher,
        timers: systemTimers,
        micros,
        random: Math.random,
        connect: options.connectPeer,
        log,
      })
    this.#server = new Server({
      groups,
      cluster: this.#cluster,
      instant,
      hasher,
      settings: this.#settings,
      timers: systemTimers,
      micros,
      log,
      identity: {
        version,
        runId,
        startedAt: instant.now,
        configFile,
      },
      onShutdown: (now) => {
        if (now) {
          this.#isHurried = true
          this.#hurry()
          void this.#server.close(0)
        }
        void this.close()
      },
    })
  }

  /** For how many ms `close` waits at most for others: for members that take keys over, for replies to leave. */
  get shutdownTimeout(): number {
    return this.#settings.shutdownTimeout
  }

  /**
   * Lets every origin look at its source; called once, before anything is loaded.
   * @throws OriginError for what will not mend itself, such as a query that the database refuses
   */
  async start(): Promise<void> {
    const starts = [...this.#groups.values()].map((group) => group.start(this.#log))
    const failed = (await Promise.allSettled(starts)).find(({ status }) => status === 'rejected')
    if (failed === undefined) return
    await this.close()
    throw (failed as PromiseRejectedResult).reason
  }

  /**
   * Starts to listen on every address of the configuration, and joins the cluster if there is one. Resolves to where
   * it listens, with the port that the system chose if the configured one is 0; the same port on every address.
   */
  listen(): Promise<readonly ListenAddress[]> {
    this.#listening ??= this.#listen()
    return this.#listening
  }

  /**
   * A value as text, loaded from the group's origin if it is not held; `null` if there is none. In a cluster, this
   * and the others ask the node that owns the key.
   * @throws OriginError, PeerDownError, RangeError for an unknown group
   */
  async get(group: string, key: string): Promise<string | null> {
    const value = await this.getBuffer(group, key)
    return value === null ? null : value.toString('utf8')
  }

  /** The same as bytes. */
  async getBuffer(group: string, key: string | Uint8Array): Promise<Buffer | null> {
    const own = this.#group(group)
    if (this.#cluster === undefined) return own.fetch(bytesOf(key))
    const value = (await this.#ask(own, 'GET', bytesOf(key))) as Buffer | null
    return value && Buffer.from(value)
  }

  /**
   * Writes a value to the cache, and to the origin where the group says so. Loads under way for the key will not
   * overwrite it.
   * @throws PeerDownError, OriginError, RangeError for an unknown group, a lifetime that is none, an entry larger than
   * the group's budget
   */
  async set(
    group: string,
    key: string | Uint8Array,
    value: string | Uint8Array,
    options: SetOptions = {},
  ): Promise<void> {
    const { ttl } = options
    if (ttl !== undefined && !(ttl >= 1))
      throw new RangeError(`got a ttl of ${ttl}, wants milliseconds, at least 1`)
    const own = this.#group(group)
    if (this.#cluster === undefined) await own.change(bytesOf(key), bytesOf(value), ttl ?? 0)
    else await this.#ask(own, 'SET', bytesOf(key), bytesOf(value), ...lifetime(ttl))
  }

  /**
   * Removes a key from the cache, and from the origin where the group says so; whether it was held. Loads under way
   * for it will not be stored.
   * @throws PeerDownError, OriginError, RangeError for an unknown group
   */
  async delete(group: string, key: string | Uint8Array): Promise<boolean> {
    const own = this.#group(group)
    if (this.#cluster === undefined) return own.change(bytesOf(key), null, 0)
    return (await this.#ask(own, 'DEL', bytesOf(key))) === 1
  }

  /**
   * Hands what it owns over to the rest of the cluster while it serves on; then stops accepting, lets replies in
   * flight leave, closes every connection, then the origins. Both within `shutdownTimeout`.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #listen(): Promise<readonly ListenAddress[]> {
    const addresses: ListenAddress[] = []
    let { port } = this.#config
    for (const { host, optional } of this.#config.bind) {
      try {
        const address = await this.#server.listen(host === '*' ? '::' : host, port)
        port = address.port
        addresses.push({ host: address.address, port })
      } catch (error) {
        if (optional && isMissing(error)) continue
        await this.close()
        throw error
      }
    }
    await this.#cluster?.start(this.#member(addresses[0]))
    return addresses
  }

  /** This node, as the others know it. */
  #member({ host, port }: ListenAddress): Member {
    const { announce, weight } = this.#config.cluster as NonNullable<NodeConfig['cluster']>
    const own = { host: announce.host || host, port: announce.port || port }
    return { name: addressName(own.host, own.port), ...own, weight }
  }

  async #close(): Promise<void> {
    // Nothing that is waited for here keeps the process alive: it would end before what waits is written.
    const alive = setTimeout(() => undefined, MAX_TIMER_MS)
    await this.#closeAll().finally(() => clearTimeout(alive))
    this.#setClosed()
  }

  async #closeAll(): Promise<void> {
    const budget = this.shutdownTimeout
    const startedAt = performance.now()
    if (budget > 0 && !this.#isHurried)
      await Promise.race([this.#cluster?.drain(budget * HANDOVER_SHARE), this.#hurried])
    const left = (): number => (budget === 0 ? 0 : Math.max(1, budget - (performance.now() - startedAt)))
    // Once the others see this node go, they write its keys: then what waits here would be older.
    if (this.#cluster?.isAlone === false) await this.#endWrites(left() / 2)
    await this.#server.close(left())
    await this.#cluster?.close()
    await this.#endWrites(left())
    await Promise.all([...this.#groups.values()].map((group) => group.close(left())))
  }

  /** Writes what waits for an origin, for so many ms at most, and nothing more. */
  async #endWrites(mostMs: number): Promise<void> {
    const end = async ({ name, writes }: Group, ms: number): Promise<void> => {
      const lost = (await writes?.close(ms)) ?? 0
      if (lost === 0) return
      const message = `group ${name}: ${lost} keys could not be written to the origin and are lost`
      this.#log.error({ group: name, lost }, message)
    }
    const endAll = (ms: number): Promise<unknown> =>
      Promise.all([...this.#groups.values()].map((group) => end(group, ms)))
    await Promise.race([endAll(this.#isHurried ? 0 : mostMs), this.#hurried.then(() => endAll(0))])
  }

  /** Runs a command where the key is. */
  async #ask(group: Group, name: string, ...args: (string | Buffer)[]) {
    if (this.#listening === undefined)
      throw new Error('this node is in a cluster, which it joins when it listens: call listen() before')
    const most = this.#settings.protoMaxBulkLen
    const longest = Math.max(...args.map(({ length }) => length))
    if (longest > most) throw new RangeError(`got ${longest} bytes, wants ${most} at most (protoMaxBulkLen)`)
    return this.#server.program.ask(group, name, ...args)
  }

  #group(name: string): Group {
    const group = this.#groups.get(name)
    if (group === undefined) throw new RangeError(`there is no group ${JSON.stringify(name)}`)
    return group
  }
}

/**
 * A node that is ready to be used; it listens once it is told to.
 * @throws OriginError for an origin that cannot work
 */
export async function createNode(config: NodeConfig, options?: NodeOptions): Promise<Node> {
  const node = new Node(config, options)
  await node.start()
  return node
}

/** The arguments of SET that give this lifetime. */
function lifetime(ttl: number | undefined): string[] {
  if (ttl === undefined) return []
  if (!Number.isSafeInteger(Math.ceil(ttl))) throw new RangeError(`got a ttl of ${ttl}, wants less`)
  return ['PX', String(Math.ceil(ttl))]
}

function bytesOf(text: string | Uint8Array): Buffer {
  return typeof text === 'string' ? Buffer.from(text, 'utf8') : Buffer.from(text)
}

/** Whether listening failed because this machine has no such address. */
function isMissing(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException
  return code === 'EADDRNOTAVAIL' || code === 'EAFNOSUPPORT'
}

// The composition root: one node, put together from the concrete parts of every floor.

import { randomBytes } from 'node:crypto'
import type { Socket } from 'node:net'
import { type Clock, systemClock, systemTimers } from './bytes/clock.ts'
import { Hasher, randomSeed } from './bytes/hash.ts'
import { Instant } from './bytes/instant.ts'
import { Cluster } from './cluster/cluster.ts'
import { addressName, type Member } from './cluster/member.ts'
import { createMembership } from './cluster/membership/create.ts'
import type { NodeConfig } from './config.ts'
import { Group } from './group/group.ts'
import { Server } from './server/server.ts'
import { version } from './version.ts'

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

export interface SetOptions {
  /** Lifetime in milliseconds, at least 1; without one, the group's. */
  readonly ttl?: number
}

/** One node of the cache: usable from the program it runs in, and, after `listen`, by any Redis client. */
export class Node {
  readonly #config: NodeConfig
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

  constructor(config: NodeConfig, options: NodeOptions = {}) {
    const { log = silent, clock = systemClock, configFile = '' } = options
    this.#log = log
    this.closed = new Promise((resolve) => {
      this.#setClosed = resolve
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
      settings: { ...config },
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
        if (now) void this.#server.close(0)
        void this.close()
      },
    })
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
   * Starts to listen on every address of the configuration. Resolves to where it listens, with the port that the
   * system chose if the configured one is 0; the same port on every address.
   */
  listen(): Promise<readonly ListenAddress[]> {
    this.#listening ??= this.#listen()
    return this.#listening
  }

  /**
   * A value as text, loaded from the group's origin if it is not held; `null` if there is none.
   * @throws OriginError, RangeError for an unknown group
   */
  async get(group: string, key: string): Promise<string | null> {
    const value = await this.getBuffer(group, key)
    return value === null ? null : value.toString('utf8')
  }

  /** The same as bytes. */
  async getBuffer(group: string, key: string | Uint8Array): Promise<Buffer | null> {
    return this.#group(group).fetch(bytesOf(key))
  }

  /**
   * Writes a value to the cache, and to the origin where the group says so. Loads under way for the key will not
   * overwrite it.
   * @throws RangeError for an unknown group, a lifetime that is none, an entry larger than the group's budget
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
    await this.#group(group).change(bytesOf(key), bytesOf(value), ttl ?? 0)
  }

  /** Removes a key from the cache; whether it was held. Loads under way for it will not be stored. */
  async delete(group: string, key: string | Uint8Array): Promise<boolean> {
    return this.#group(group).change(bytesOf(key), null, 0)
  }

  /**
   * Stops accepting, lets replies in flight leave for up to `shutdownTimeout`, closes every connection, then the
   * origins.
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
    await this.#cluster?.drain(this.#config.shutdownTimeout)
    await this.#server.close()
    await this.#cluster?.close()
    await Promise.all(
      [...this.#groups.values()].map(async (group) => {
        const lost = await group.close()
        if (lost === 0) return
        const message = `group ${group.name}: ${lost} keys could not be written to the origin and are lost`
        this.#log.error({ group: group.name, lost }, message)
      }),
    )
    this.#setClosed()
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

function bytesOf(text: string | Uint8Array): Buffer {
  return typeof text === 'string' ? Buffer.from(text, 'utf8') : Buffer.from(text)
}

/** Whether listening failed because this machine has no such address. */
function isMissing(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException
  return code === 'EADDRNOTAVAIL' || code === 'EAFNOSUPPORT'
}

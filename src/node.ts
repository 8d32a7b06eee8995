// The composition root: one node, put together from the concrete parts of every floor.

import { randomBytes } from 'node:crypto'
import type { Socket } from 'node:net'
import { type Clock, MAX_TIMER_MS, systemClock, systemTimers } from './bytes/clock.ts'
import { Hasher, randomSeed } from './bytes/hash.ts'
import { Instant } from './bytes/instant.ts'
import { Cluster } from './cluster/cluster.ts'
import { addressName, type Member } from './cluster/member.ts'
import { createMembership } from './cluster/membership/create.ts'
import { explanationIn } from './commands/own/explain.ts'
import { type Explanation, explanationOf } from './commands/own/explanation.ts'
import { type GroupStats, groupStats } from './commands/own/group-stats.ts'
import type { NodeConfig } from './config/config.ts'
import { version } from './config/version.ts'
import { changeValue, fetchValue } from './group/calls.ts'
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
  /** Receives log lines; by default the node is silent. */
  readonly log?: Log
  /** Replaces the system's clock, for tests. */
  readonly clock?: Clock
  /** The file that the configuration came from, for INFO. */
  readonly configFile?: string
  /** Begins a connection to another member of the cluster, where that takes more than its host and port: a tunnel. */
  readonly connectPeer?: (member: ListenAddress) => Socket
}

/** The part of a shutdown's time in which a node hands over what it owns; the rest is for replies under way. */
const HANDOVER_SHARE = 0.8

/** Text, which is stored as UTF-8, or bytes. */
export type Bytes = string | Uint8Array

const CLOSED = 'the node is closed'

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
  /** Calls are rejected. */
  #isClosed = false
  readonly #instant: Instant
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
    this.#instant = instant
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
    if (this.#closing !== undefined) return Promise.reject(new Error(CLOSED))
    this.#listening ??= this.#listen()
    return this.#listening
  }

  /**
   * Reads a value as text, and loads it from the group's origin on a miss; `null` if there is no such key. In a cluster
   * the owner of the key is asked.
   * @throws OriginError, PeerDownError, RangeError for an unknown group, TypeError for arguments of other types
   */
  async get(group: string, key: Bytes): Promise<string | null> {
    return textOf(await this.getBuffer(group, key))
  }

  /** Reads a value as bytes; otherwise as {@link Node.get}. The buffer is a copy of the caller's own. */
  async getBuffer(group: string, key: Bytes): Promise<Buffer | null> {
    const own = this.#group(group)
    const name = bytesOf(key, 'the key')
    if (this.#cluster === undefined) return fetchValue(own, name)
    const value = (await this.#ask(own, 'GET', name)) as Buffer | null
    return value && Buffer.from(value)
  }

  /**
   * Reads many values as text, in the order of `keys`, with `null` for each key that does not exist. All misses are
   * loaded together: an origin that loads many keys is called once per batch. In a cluster each owner gets one request.
   * @throws as {@link Node.get}, also when the load of only one key fails
   */
  async getMany(group: string, keys: readonly Bytes[]): Promise<(string | null)[]> {
    return (await this.getManyBuffers(group, keys)).map(textOf)
  }

  /** Reads many values as bytes; otherwise as {@link Node.getMany}. */
  async getManyBuffers(group: string, keys: readonly Bytes[]): Promise<(Buffer | null)[]> {
    const own = this.#group(group)
    if (!Array.isArray(keys)) throw new TypeError(`got ${typeName(keys)} for the keys, wants an array`)
    const names = keys.map((key) => bytesOf(key, 'a key'))
    if (names.length === 0) return []
    if (this.#cluster === undefined) return Promise.all(names.map((name) => fetchValue(own, name)))
    const values = (await this.#ask(own, 'MGET', ...names)) as (Buffer | null)[]
    return values.map((value) => value && Buffer.from(value))
  }

  /**
   * Writes a value to the cache, and to the origin where the group's `write` says so. The result of a running load of
   * the key is not stored.
   * @throws PeerDownError, OriginError; RangeError for an unknown group, a `ttl` out of range, or an entry larger than
   * the group's budget; TypeError for arguments of other types
   */
  async set(group: string, key: Bytes, value: Bytes, options: SetOptions = {}): Promise<void> {
    const own = this.#group(group)
    const name = bytesOf(key, 'the key')
    const bytes = bytesOf(value, 'the value')
    const ttl = ttlOf(options)
    if (this.#cluster === undefined) await changeValue(own, name, bytes, ttl ?? 0)
    else await this.#ask(own, 'SET', name, bytes, ...ttlArguments(ttl))
  }

  /**
   * Removes a key from the cache, and from the origin where the group's `write` says so. Resolves to whether the cache
   * held a value. The result of a running load of the key is not stored.
   * @throws PeerDownError, OriginError, RangeError for an unknown group, TypeError for arguments of other types
   */
  async delete(group: string, key: Bytes): Promise<boolean> {
    const own = this.#group(group)
    const name = bytesOf(key, 'the key')
    if (this.#cluster === undefined) return changeValue(own, name, null, 0)
    return (await this.#ask(own, 'DEL', name)) === 1
  }

  /**
   * Removes keys from the cache because their source has changed; the origin is not written. Resolves to how many of
   * them the cache held. The results of running loads of these keys are not stored.
   * @throws PeerDownError, RangeError for an unknown group, TypeError for arguments of other types
   */
  async invalidate(group: string, ...keys: Bytes[]): Promise<number> {
    const own = this.#group(group)
    const names = keys.map((key) => bytesOf(key, 'a key'))
    if (names.length === 0) return 0
    if (this.#cluster === undefined) return names.filter((name) => own.invalidate(name)).length
    return (await this.#ask(own, 'INVALIDATE', 'KEY', ...names)) as number
  }

  /**
   * Invalidates all entries that an origin has given this tag, on every node, in a time that does not depend on their
   * number.
   * @throws PeerDownError, RangeError for an unknown group, TypeError for arguments of other types
   */
  async invalidateTag(group: string, tag: Bytes): Promise<void> {
    const own = this.#group(group)
    const name = bytesOf(tag, 'the tag')
    if (this.#cluster === undefined) own.invalidateTag(name)
    else await this.#ask(own, 'INVALIDATE', 'TAG', name)
  }

  /**
   * Removes all keys of a group, by default of every group, from the caches of all nodes. Origins are not written.
   * @throws PeerDownError, RangeError for an unknown group, TypeError for a name of another type
   */
  async flush(group?: string): Promise<void> {
    if (group === undefined) this.#requireOpen()
    const groups = group === undefined ? [...this.#groups.values()] : [this.#group(group)]
    if (this.#cluster === undefined) for (const own of groups) own.clear()
    else await Promise.all(groups.map((own) => this.#ask(own, 'GROUP', 'FLUSH', own.name)))
  }

  /**
   * What a group holds on this node, its counters and its policies: the fields of GROUP INFO. Other nodes of a cluster
   * have contents and counters of their own.
   * @throws RangeError for an unknown group, TypeError for a name of another type
   */
  async stats(group: string): Promise<GroupStats> {
    const own = this.#group(group)
    this.#instant.refresh()
    return groupStats(own, [...this.#groups.values()].indexOf(own))
  }

  /**
   * What would answer a read of a key, and the state of its entry: the fields of EXPLAIN. Nothing is loaded, and the
   * entry does not count as used.
   * @throws RangeError for an unknown group, TypeError for arguments of other types
   */
  async explain(group: string, key: Bytes): Promise<Explanation> {
    const own = this.#group(group)
    const name = bytesOf(key, 'the key')
    if (this.#cluster !== undefined) return explanationIn(await this.#ask(own, 'EXPLAIN', name))
    this.#instant.refresh()
    return explanationOf(own, name, this.#instant)
  }

  /**
   * Hands what it owns over to the rest of the cluster while it serves on; then stops accepting, lets replies in
   * flight leave, closes every connection, then the origins. Both within `shutdownTimeout`.
   */
  close(): Promise<void> {
    // In a cluster the node serves while it hands its keys over.
    if (this.#cluster === undefined) this.#isClosed = true
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
    this.#isClosed = true
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
    const longest = args.reduce((length, arg) => Math.max(length, arg.length), 0)
    if (longest > most) throw new RangeError(`got ${longest} bytes, wants ${most} at most (protoMaxBulkLen)`)
    return this.#server.program.ask(group, name, ...args)
  }

  #group(name: string): Group {
    this.#requireOpen()
    if (typeof name !== 'string') throw new TypeError(`got ${typeName(name)} for the group, wants its name`)
    const group = this.#groups.get(name)
    if (group === undefined) throw new RangeError(`there is no group ${JSON.stringify(name)}`)
    return group
  }

  #requireOpen(): void {
    if (this.#isClosed) throw new Error(CLOSED)
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

/** @throws TypeError, RangeError */
function ttlOf(options: SetOptions): number | undefined {
  if (typeof options !== 'object' || options === null)
    throw new TypeError(`got ${typeName(options)} for the options, wants an object such as { ttl: 60_000 }`)
  const { ttl } = options
  if (ttl === undefined) return undefined
  if (typeof ttl !== 'number') throw new TypeError(`got ${typeName(ttl)} for the ttl, wants milliseconds`)
  if (!(ttl >= 1)) throw new RangeError(`got a ttl of ${ttl}, wants milliseconds, at least 1`)
  return ttl
}

/** The arguments of SET for a TTL. */
function ttlArguments(ttl: number | undefined): string[] {
  if (ttl === undefined) return []
  if (!Number.isSafeInteger(Math.ceil(ttl))) throw new RangeError(`got a ttl of ${ttl}, wants less`)
  return ['PX', String(Math.ceil(ttl))]
}

/** A copy: the caller may change its own while a load runs. */
function bytesOf(value: Bytes, what: string): Buffer {
  if (typeof value === 'string') return Buffer.from(value, 'utf8')
  if (value instanceof Uint8Array) return Buffer.from(value)
  throw new TypeError(`got ${typeName(value)} for ${what}, wants a string or bytes (a Uint8Array)`)
}

function textOf(value: Buffer | null): string | null {
  return value === null ? null : value.toString('utf8')
}

/** What a value is, for an error. */
function typeName(value: unknown): string {
  if (value === null || value === undefined) return String(value)
  if (Array.isArray(value)) return 'an array'
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`
}

/** Whether listening failed because this machine has no such address. */
function isMissing(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException
  return code === 'EADDRNOTAVAIL' || code === 'EAFNOSUPPORT'
}

// One node: what it does from its start to its end, and what a program calls on it.

import type { AddressInfo } from 'node:net'
import { MAX_TIMER_MS } from './bytes/clock.ts'
import { addressName, type Member } from './cluster/member.ts'
import { ReloadError } from './commands/spec/host.ts'
import { type Config, type NodeConfig, resolveConfig } from './config/config.ts'
import { hasPlainPort } from './config/ports.ts'
import { NEEDS_RESTART } from './config/reload/changes.ts'
import { NodeCalls } from './embedding/calls.ts'
import type { Group } from './group/group.ts'
import { listenOnAll } from './http/listening.ts'
import { CLOSING, createParts, type ListenAddress, type NodeOptions, type NodeParts } from './parts.ts'
import { CLOSED } from './server/program.ts'

/** The part of a shutdown's time in which a node hands over what it owns; the rest is for outstanding replies. */
const HANDOVER_SHARE = 0.8

/** One node of the cache: used by the program that it runs in, and, after `listen`, by any Redis client. */
export class Node extends NodeCalls {
  readonly #parts: NodeParts
  readonly #readConfig: NodeOptions['readConfig']
  #starting: Promise<void> | undefined
  #listening: Promise<readonly ListenAddress[]> | undefined
  #httpAddresses: readonly ListenAddress[] = []
  #closing: Promise<void> | undefined
  /** Resolves when the node has closed, by `close` or by SHUTDOWN of a client. */
  readonly closed: Promise<void>
  #setClosed = (): void => {}
  /** Resolves when the node has handed its keys over, or has given that up: what follows takes `shutdownTimeout`. */
  readonly handedOver: Promise<void>
  #setHandedOver = (): void => {}
  /** Resolves when the node is to close without waiting for anything. */
  readonly #hurried: Promise<void>
  #isHurried = false
  #hurry = (): void => {}

  constructor(config: NodeConfig, options: NodeOptions = {}) {
    const parts = createParts(config, options)
    super(parts)
    this.#parts = parts
    this.closed = new Promise((resolve) => {
      this.#setClosed = resolve
    })
    this.handedOver = new Promise((resolve) => {
      this.#setHandedOver = resolve
    })
    this.#hurried = new Promise((resolve) => {
      this.#hurry = resolve
    })
    parts.state.onReload = (isTrial) => this.#reload(this.#readConfig, isTrial, 'CONFIG RELOAD')
    this.#readConfig = options.readConfig
    parts.state.onShutdown = (now) => {
      if (now) {
        this.#isHurried = true
        this.#hurry()
        void parts.server.close(0)
        void parts.gateway?.close(0)
      }
      void this.close()
    }
  }

  /** How long `close` waits for other members to take keys over, and for replies to leave, ms. */
  get shutdownTimeout(): number {
    return this.#parts.settings.shutdownTimeout
  }

  /** The number of keys whose write-behind writes their origins have not accepted yet. */
  get pendingWrites(): number {
    let pending = 0
    for (const { writes } of this.#parts.groups.values()) pending += writes?.pending ?? 0
    return pending
  }

  /** Where it answers HTTP, once it listens; empty: nowhere. */
  get httpAddresses(): readonly ListenAddress[] {
    return this.#httpAddresses
  }

  /**
   * Starts every origin, which checks its source, before anything is loaded; `createNode` has called it. Further calls
   * resolve as the first one does.
   * @throws OriginError for permanent failures, such as a query that the database rejects; Error once the node closes
   */
  start(): Promise<void> {
    if (this.#closing !== undefined) return Promise.reject(new Error(CLOSED))
    this.#starting ??= this.#start()
    return this.#starting
  }

  /**
   * Starts to listen on every address of the configuration, and joins the cluster if there is one. Resolves to where
   * it listens, with the port that the system chose if the configured one is 0; the same port on every address.
   * Rejects if the node is closed before it has joined.
   */
  listen(): Promise<readonly ListenAddress[]> {
    if (this.#closing !== undefined) return Promise.reject(new Error(CLOSED))
    this.#parts.state.isListening = true
    this.#listening ??= this.#listen()
    return this.#listening
  }

  /**
   * Applies another configuration while the node runs; without one, that of its file. Groups are added, removed and
   * changed, with what is cached where it may stay; connections stay open. Resolves to what has changed, one line for
   * each, and to what needs a restart.
   * @param cause what asked for it, for the log
   * @throws ReloadError if it cannot be applied: then nothing has changed
   */
  reload(config?: Config, cause = 'reload'): Promise<readonly string[]> {
    const read = config === undefined ? this.#readConfig : async () => resolveConfig(config)
    return this.#reload(read, false, cause)
  }

  /**
   * Hands what it owns over to the rest of the cluster while it serves on; then stops accepting, lets replies in
   * flight leave, closes every connection, then the origins. It takes at most `shutdownTimeout`, or longer while the
   * handover makes progress.
   */
  close(): Promise<void> {
    // In a cluster the node serves while it hands its keys over.
    if (this.#parts.cluster === undefined) this.#parts.state.isClosed = true
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #start(): Promise<void> {
    const starts = [...this.#parts.groups.values()].map((group) => group.start(this.#parts.log))
    const failed = (await Promise.allSettled(starts)).find(({ status }) => status === 'rejected')
    if (failed === undefined) return
    await this.close()
    throw (failed as PromiseRejectedResult).reason
  }

  async #listen(): Promise<readonly ListenAddress[]> {
    const { config, server, gateway, certificates, log, state } = this.#parts
    const { port, tlsPort, unixsocket, unixsocketperm, tlsCluster } = config
    const plain: ListenAddress[] = []
    const byTls: ListenAddress[] = []
    try {
      if (hasPlainPort(config)) plain.push(...(await this.#listenAt(port, (...at) => server.listen(...at))))
      if (tlsPort !== 0) byTls.push(...(await this.#listenAt(tlsPort, (...at) => server.listenTls(...at))))
      if (unixsocket !== '') await server.listenUnix(unixsocket, unixsocketperm)
      if (gateway !== undefined && config.http !== undefined)
        this.#httpAddresses = await listenOnAll(gateway, config.http, log)
    } catch (error) {
      const wasClosing = this.#closing !== undefined
      await this.close()
      throw wasClosing ? new Error(CLOSED) : error
    }
    certificates?.watch()
    const self = (): Member => this.#member((tlsCluster ? byTls : plain)[0], plain[0]?.port, byTls[0]?.port)
    // Joining may wait for others without end: for etcd, for members that agree.
    await Promise.race([this.#parts.cluster?.start(self()), this.closed])
    if (this.#closing !== undefined) throw new Error(CLOSED)
    state.phase = 'ready'
    const unix = unixsocket === '' ? [] : [{ host: unixsocket, port: 0 }]
    return [...plain, ...byTls.map((address) => ({ ...address, tls: true })), ...unix]
  }

  /** Listens on every address with one port: that of the first, if `port` is 0. */
  async #listenAt(
    port: number,
    listen: (host: string, port: number) => Promise<AddressInfo>,
  ): Promise<ListenAddress[]> {
    const addresses: ListenAddress[] = []
    for (const { host, optional } of this.#parts.config.bind) {
      try {
        const address = await listen(host === '*' ? '::' : host, addresses[0]?.port ?? port)
        addresses.push({ host: address.address, port: address.port })
      } catch (error) {
        if (!optional || !isMissing(error)) throw error
      }
    }
    return addresses
  }

  /** This node, as the others know it. */
  #member({ host, port }: ListenAddress, plainPort = 0, tlsPort = 0): Member {
    const { cluster, tlsCluster } = this.#parts.config
    const { announce, announcePort, announceTlsPort, weight } = cluster as NonNullable<typeof cluster>
    const own = { host: announce.host || host, port: announce.port || port }
    const clientPorts = {
      tcp: announcePort ?? (tlsCluster ? plainPort : own.port),
      tls: announceTlsPort ?? (tlsCluster ? own.port : tlsPort),
    }
    return { name: addressName(own.host, own.port), ...own, weight, clientPorts }
  }

  async #reload(
    read: NodeOptions['readConfig'],
    isTrial: boolean,
    cause: string,
  ): Promise<readonly string[]> {
    const { log, reloader } = this.#parts
    if (read === undefined) throw new ReloadError(['there is no configuration to read again: give one'])
    try {
      const lines = await reloader.reload(() => this.#requireRunning() ?? read(), isTrial)
      if (isTrial) return lines
      log.info({ changes: lines.length }, `${cause}: the configuration was applied`)
      for (const line of lines) {
        if (line.endsWith(NEEDS_RESTART)) log.warn({}, line)
        else log.info({}, line)
      }
      return lines
    } catch (error) {
      const problems = error instanceof ReloadError ? error.problems : ['internal error']
      const fields = error instanceof ReloadError ? {} : { err: error }
      if (!isTrial)
        for (const problem of problems)
          log.error(fields, `${cause}: the configuration was refused, nothing has changed: ${problem}`)
      throw error
    }
  }

  /** @throws ReloadError once the node closes */
  #requireRunning(): undefined {
    if (this.#closing !== undefined) throw new ReloadError([CLOSING])
    return undefined
  }

  async #close(): Promise<void> {
    // A timer keeps the process alive: what is awaited here does not, and pending writes would be lost.
    const alive = setTimeout(() => undefined, MAX_TIMER_MS)
    await this.#closeAll().finally(() => clearTimeout(alive))
    this.#setClosed()
  }

  async #closeAll(): Promise<void> {
    const budget = this.shutdownTimeout
    const startedAt = performance.now()
    this.#parts.state.phase = 'draining'
    if (budget > 0 && !this.#isHurried)
      await Promise.race([this.#parts.cluster?.drain(budget * HANDOVER_SHARE, 'progress'), this.#hurried])
    this.#parts.state.isClosed = true
    this.#setHandedOver()
    const endsAt = Math.max(startedAt + budget, performance.now() + budget * (1 - HANDOVER_SHARE))
    const left = (): number => (budget === 0 ? 0 : Math.max(1, endsAt - performance.now()))
    // Pending writes must reach the origin before this node leaves: the next owners write newer values of the same keys.
    if (this.#parts.cluster?.isAlone === false) await this.#endWrites(left() / 2)
    await Promise.all([this.#parts.gateway?.close(left()), this.#parts.server.close(left())])
    this.#parts.certificates?.close()
    await this.#parts.cluster?.close()
    await this.#endWrites(left())
    const { groups, retired } = this.#parts
    await Promise.all([...groups.values(), ...retired].map((group) => group.close(left())))
  }

  /** Sends the pending writes to their origins, for at most `mostMs`; further writes are rejected. */
  async #endWrites(mostMs: number): Promise<void> {
    const end = async ({ name, writes }: Group, ms: number): Promise<void> => {
      const lost = (await writes?.close(ms)) ?? 0
      if (lost === 0) return
      const message = `group ${name}: ${lost} keys could not be written to the origin and are lost`
      this.#parts.log.error({ group: name, lost }, message)
    }
    const endAll = (ms: number): Promise<unknown> =>
      Promise.all([...this.#parts.groups.values()].map((group) => end(group, ms)))
    await Promise.race([endAll(this.#isHurried ? 0 : mostMs), this.#hurried.then(() => endAll(0))])
  }
}

/**
 * A node that is ready to be used; it does not listen yet.
 * @throws OriginError for an origin that cannot work
 */
export async function createNode(config: NodeConfig, options?: NodeOptions): Promise<Node> {
  const node = new Node(config, options)
  await node.start()
  return node
}

/** Whether listening failed because this machine has no such address. */
function isMissing(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException
  return code === 'EADDRNOTAVAIL' || code === 'EAFNOSUPPORT'
}

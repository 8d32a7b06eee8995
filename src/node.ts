// The composition root: one node, put together from the concrete parts of every floor.

import { randomBytes } from 'node:crypto'
import type { AddressInfo, Socket } from 'node:net'
import { type Clock, MAX_TIMER_MS, systemClock, systemTimers } from './bytes/clock.ts'
import { Hasher, randomSeed } from './bytes/hash.ts'
import { Instant } from './bytes/instant.ts'
import { Cluster } from './cluster/cluster.ts'
import { addressName, type Member } from './cluster/member.ts'
import { createMembership } from './cluster/membership/create.ts'
import { ReloadError } from './commands/spec/host.ts'
import { type Config, type NodeConfig, resolveConfig } from './config/config.ts'
import { usesTls } from './config/listening.ts'
import { hasPlainPort } from './config/ports.ts'
import { ReloadableCertificates } from './config/reload/certificates.ts'
import { NEEDS_RESTART } from './config/reload/changes.ts'
import { ReloadableGroups } from './config/reload/groups.ts'
import { Reloader } from './config/reload/reloader.ts'
import { ReloadableSettings } from './config/reload/settings.ts'
import { ReloadableUsers } from './config/reload/users.ts'
import type { Settings } from './config/settings.ts'
import { version } from './config/version.ts'
import { NodeCalls } from './embedding/calls.ts'
import { Group } from './group/group.ts'
import { HttpGateway } from './http/gateway.ts'
import { listenOnAll } from './http/listening.ts'
import type { Phase } from './http/ports.ts'
import { AccessGate } from './http/requests/credentials.ts'
import { GuardedLog } from './server/guarded-log.ts'
import { CLOSED } from './server/program.ts'
import { Server } from './server/server.ts'
import type { ServerSettings } from './server/settings.ts'
import { Turn } from './server/turn.ts'
import { defaultEncodingLimits } from './store/types/encoding-limits.ts'
import { enableTracing } from './telemetry/tracing.ts'
import { Certificates } from './tls/certificates.ts'
import { peerConnector } from './tls/peer-connector.ts'

/** What a node tells of itself; pino's loggers are one. */
export interface Log {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

const silent: Log = { info: () => {}, warn: () => {}, error: () => {} }

/** Where a node listens. */
export interface ListenAddress {
  /** An address; of a Unix socket, its path. */
  readonly host: string
  /** 0 for a Unix socket. */
  readonly port: number
  /** Whether it is for TLS. */
  readonly tls?: boolean
}

export interface NodeOptions {
  /** Receives log lines; by default the node is silent. */
  readonly log?: Log
  /** Replaces the system's clock, for tests. */
  readonly clock?: Clock
  /** The file that the configuration came from, for INFO. */
  readonly configFile?: string
  /** Reads the configuration again, for `reload` without one, and for CONFIG RELOAD. */
  readonly readConfig?: () => Promise<NodeConfig>
  /** Begins a connection to another member of the cluster, where that takes more than its host and port: a tunnel. */
  readonly connectPeer?: (member: ListenAddress) => Socket
}

const CLOSING = 'the node is closing'

/** The part of a shutdown's time in which a node hands over what it owns; the rest is for replies under way. */
const HANDOVER_SHARE = 0.8

/** What changes while a node runs. */
interface NodeState {
  isListening: boolean
  /** Whether it has joined its cluster, and whether it hands its keys over or closes. */
  phase: Phase
  /** Calls are rejected. */
  isClosed: boolean
  /** Called for SHUTDOWN; `now`: without waiting for anything. */
  onShutdown: (now: boolean) => void
  /** Called for CONFIG RELOAD. */
  onReload: (isTrial: boolean) => Promise<readonly string[]>
}

/** The parts of a node. */
interface NodeParts {
  readonly config: NodeConfig
  readonly log: Log
  /** Changed by CONFIG SET. */
  readonly settings: ServerSettings & Settings
  /** By name, in the order of their indexes. */
  readonly groups: Map<string, Group>
  /** Removed by a reload, while their last loads and writes run. */
  readonly retired: Set<Group>
  readonly reloader: Reloader
  readonly server: Server
  /** `undefined`: the node owns every key. */
  readonly cluster: Cluster | undefined
  /** `undefined`: no HTTP. */
  readonly gateway: HttpGateway | undefined
  /** `undefined`: there is no TLS. */
  readonly certificates: Certificates | undefined
  readonly instant: Instant
  readonly state: NodeState
}

function createParts(config: NodeConfig, options: NodeOptions): NodeParts {
  const { clock = systemClock, configFile = '' } = options
  const log = new GuardedLog(options.log ?? silent)
  enableTracing(version)
  const state: NodeState = {
    isListening: false,
    phase: 'starting',
    isClosed: false,
    onShutdown: () => undefined,
    onReload: async () => [],
  }
  const instant = new Instant(clock)
  const hasher = new Hasher(randomSeed())
  const encodingLimits = defaultEncodingLimits()
  const micros = (): number => performance.now() * 1000
  const turn = new Turn()
  const environment = {
    instant,
    hasher,
    encodingLimits,
    timers: systemTimers,
    random: Math.random,
    gather: (depart: () => void) => turn.gather(depart),
    reportFault: (err: unknown) => log.error({ err }, 'the result of a load could not be stored'),
  }
  const groups = config.groups.map((policy) => new Group(policy, environment))
  const runId = randomBytes(20).toString('hex')
  const settings: ServerSettings & Settings = { ...config }
  const certificates = usesTls(config)
    ? new Certificates({ settings, timers: systemTimers, now: () => clock.now(), log })
    : undefined
  const connect =
    certificates !== undefined && config.tlsCluster
      ? peerConnector(certificates, options.connectPeer)
      : options.connectPeer
  const cluster =
    config.cluster &&
    new Cluster({
      settings: config.cluster,
      membership: createMembership(config.cluster.membership),
      groups,
      runId,
      clock,
      instant,
      hasher,
      timers: systemTimers,
      micros,
      random: Math.random,
      connect,
      tls: config.tlsCluster ? { memberName: () => settings.tlsClusterName } : undefined,
      log,
    })
  const server = new Server({
    groups,
    cluster,
    instant,
    hasher,
    settings,
    users: config.users,
    encodingLimits,
    certificates,
    timers: systemTimers,
    micros,
    turn,
    log,
    identity: { version, runId, startedAt: instant.now, configFile },
    ...(options.readConfig === undefined ? {} : { onReload: (isTrial) => state.onReload(isTrial) }),
    onShutdown: (now) => state.onShutdown(now),
  })
  const gateway =
    config.http &&
    new HttpGateway({
      host: server,
      commands: server.program,
      gate: new AccessGate({
        access: server.access,
        instant,
        loginFailed: (from) => server.loginFailed(from),
      }),
      options: config.http,
      log,
      version,
      phase: () => state.phase,
      backlog: config.tcpBacklog,
      ...(certificates !== undefined && config.http.tls ? { tls: certificates.httpsOptions } : {}),
      handshakeFailed: (error, socket) => server.handshakeFailed(error, socket),
    })
  if (gateway?.isSecure) certificates?.onReplaced(() => gateway.replaceTls(certificates.serverOptions))
  const byName = new Map(groups.map((group) => [group.name, group]))
  const retired = new Set<Group>()
  const reloader = new Reloader({
    parts: [
      new ReloadableSettings({
        settings,
        cluster: config.cluster,
        http: config.http,
        mostClients: (wanted) => server.mostClients(wanted),
        apply: (changed) => server.applySettings(changed),
      }),
      new ReloadableUsers(server.access.users, config.users),
      ...(certificates === undefined ? [] : [new ReloadableCertificates(certificates)]),
      new ReloadableGroups({
        groups,
        isInCluster: cluster !== undefined,
        createGroup: (policy) => new Group(policy, environment),
        startGroup: (group) => group.start(log, true),
        changed: (removed) => {
          byName.clear()
          for (const group of groups) byName.set(group.name, group)
          cluster?.groupsChanged()
          server.groupsChanged(removed)
        },
        retired: (group, closed) => {
          retired.add(group)
          void closed.finally(() => retired.delete(group))
        },
      }),
    ],
    refusal: () => (state.isClosed ? CLOSING : undefined),
  })
  return {
    config,
    log,
    settings,
    groups: byName,
    retired,
    reloader,
    server,
    cluster,
    gateway,
    certificates,
    instant,
    state,
  }
}

/** One node of the cache: used by the program that it runs in, and, after `listen`, by any Redis client. */
export class Node extends NodeCalls {
  readonly #parts: NodeParts
  readonly #readConfig: NodeOptions['readConfig']
  #listening: Promise<readonly ListenAddress[]> | undefined
  #httpAddresses: readonly ListenAddress[] = []
  #closing: Promise<void> | undefined
  /** Resolves when the node has closed, whoever asked for it: the program, or a client with SHUTDOWN. */
  readonly closed: Promise<void>
  #setClosed = (): void => {}
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

  /** For how many ms `close` waits at most for others: for members that take keys over, for replies to leave. */
  get shutdownTimeout(): number {
    return this.#parts.settings.shutdownTimeout
  }

  /** Where it answers HTTP, once it listens; empty: nowhere. */
  get httpAddresses(): readonly ListenAddress[] {
    return this.#httpAddresses
  }

  /**
   * Starts every origin, which checks its source. Called once, before anything is loaded.
   * @throws OriginError for permanent failures, such as a query that the database rejects
   */
  async start(): Promise<void> {
    const starts = [...this.#parts.groups.values()].map((group) => group.start(this.#parts.log))
    const failed = (await Promise.allSettled(starts)).find(({ status }) => status === 'rejected')
    if (failed === undefined) return
    await this.close()
    throw (failed as PromiseRejectedResult).reason
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
   * Takes over another configuration while the node runs; without one, that of its file. Groups are added, removed and
   * changed, with what is cached where it may stay; connections stay open. Resolves to what has changed, one line for
   * each, and to what needs a restart.
   * @param cause what asked for it, for the log
   * @throws ReloadError for whatever keeps it from being taken over: then nothing has changed
   */
  reload(config?: Config, cause = 'reload'): Promise<readonly string[]> {
    const read = config === undefined ? this.#readConfig : async () => resolveConfig(config)
    return this.#reload(read, false, cause)
  }

  /**
   * Hands what it owns over to the rest of the cluster while it serves on; then stops accepting, lets replies in
   * flight leave, closes every connection, then the origins. Both within `shutdownTimeout`.
   */
  close(): Promise<void> {
    // In a cluster the node serves while it hands its keys over.
    if (this.#parts.cluster === undefined) this.#parts.state.isClosed = true
    this.#closing ??= this.#close()
    return this.#closing
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
      log.info({ changes: lines.length }, `${cause}: the configuration was taken over`)
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
          log.error(fields, `${cause}: the configuration is not taken over, nothing has changed: ${problem}`)
      throw error
    }
  }

  /** @throws ReloadError once the node closes */
  #requireRunning(): undefined {
    if (this.#closing !== undefined) throw new ReloadError([CLOSING])
    return undefined
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
    this.#parts.state.phase = 'draining'
    if (budget > 0 && !this.#isHurried)
      await Promise.race([this.#parts.cluster?.drain(budget * HANDOVER_SHARE), this.#hurried])
    this.#parts.state.isClosed = true
    const left = (): number => (budget === 0 ? 0 : Math.max(1, budget - (performance.now() - startedAt)))
    // Once the others see this node go, they write its keys: then what waits here would be older.
    if (this.#parts.cluster?.isAlone === false) await this.#endWrites(left() / 2)
    await Promise.all([this.#parts.gateway?.close(left()), this.#parts.server.close(left())])
    this.#parts.certificates?.close()
    await this.#parts.cluster?.close()
    await this.#endWrites(left())
    const { groups, retired } = this.#parts
    await Promise.all([...groups.values(), ...retired].map((group) => group.close(left())))
  }

  /** Writes what waits for an origin, for so many ms at most, and nothing more. */
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
 * A node that is ready to be used; it listens once it is told to.
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

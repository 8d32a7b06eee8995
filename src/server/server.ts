// The server: creates its parts (endpoints, clients, executor, users), and is the `Host` of commands.
//
// More than 300 lines: most methods are one-line delegations, which `Host` requires.

import type { AddressInfo, Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { Access } from '../access/access.ts'
import type { UserDefinition } from '../access/users.ts'
import type { Timers } from '../bytes/clock.ts'
import type { Hasher } from '../bytes/hash.ts'
import type { Instant } from '../bytes/instant.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { SliceQueue } from '../commands/slices/slice-queue.ts'
import type { Client } from '../commands/spec/client.ts'
import { Context } from '../commands/spec/context.ts'
import { type AclFile, type CommandTraits, type Host, ReloadError } from '../commands/spec/host.ts'
import type { Parameter } from '../commands/spec/parameter.ts'
import { Executor } from '../execution/executor.ts'
import { createCommandTable } from '../execution/table.ts'
import type { Group } from '../group/group.ts'
import type { Args } from '../resp/args.ts'
import { type DecoderLimits, defaultLimits } from '../resp/limits.ts'
import { ReplyWriter } from '../resp/reply.ts'
import { defaultEncodingLimits, type EncodingLimits } from '../store/types/encoding-limits.ts'
import { HttpStats } from '../telemetry/http-stats.ts'
import { type NodeIdentity, NodeStats } from '../telemetry/node-stats.ts'
import { Telemetry } from '../telemetry/telemetry.ts'
import type { Certificates } from '../tls/certificates.ts'
import { UsersFile } from './access/acl-file.ts'
import { createAccess } from './access/create.ts'
import { Clients } from './clients/clients.ts'
import { ConnectionLimits } from './clients/connection-limits.ts'
import { Monitors } from './clients/monitors.ts'
import { openFilesLimit } from './clients/open-files.ts'
import { ClientPause } from './clients/pause.ts'
import { ClientWarnings } from './clients/warnings.ts'
import type { Connection } from './connection.ts'
import { EventLoopBatch } from './event-loop-batch.ts'
import { Housekeeping } from './housekeeping.ts'
import { Endpoints } from './listening/endpoints.ts'
import { HandshakeLog } from './listening/handshake-log.ts'
import { LiveSettings } from './live-settings.ts'
import type { Logger } from './logger.ts'
import { FlushQueue } from './output/flush-queue.ts'
import { UnreadBytes } from './output/unread-bytes.ts'
import { Program } from './program.ts'
import type { ServerSettings } from './settings.ts'
import { Turn } from './turn.ts'

export interface ServerOptions {
  readonly groups: readonly Group[]
  /** `undefined`: this node owns every key. */
  readonly cluster: Cluster | undefined
  readonly instant: Instant
  readonly hasher: Hasher
  /** Changed by CONFIG SET. */
  readonly settings: ServerSettings
  /** The users when it starts. */
  readonly users?: readonly UserDefinition[]
  /** The limits that the groups' stores use. Changed by CONFIG SET. */
  readonly encodingLimits?: EncodingLimits
  /** The certificates; `undefined`: there is no TLS. */
  readonly certificates?: Certificates | undefined
  readonly timers: Timers
  /** A monotonic clock, in microseconds. */
  readonly micros: () => number
  /** Is notified of each turn: batches of loads wait for its end. */
  readonly turn?: Turn
  readonly log: Logger
  readonly identity: NodeIdentity
  /** How many files the process may have open; by default the system's limit. */
  readonly openFiles?: number
  /** The configured maximum of HTTP connections; by default there is no HTTP. */
  readonly httpConnections?: number
  /** Called on CONFIG RELOAD; see `Host.reload`. `undefined`: the node has no file to read. */
  readonly onReload?: (isTrial: boolean) => Promise<readonly string[]>
  /** Called on SHUTDOWN; with `now`, without waiting for outstanding replies. */
  readonly onShutdown: (now: boolean) => void
}

const NO_RELOAD = 'the node was not started from a configuration file: the program that embeds it reloads it'

export class Server implements Host {
  readonly groups: readonly Group[]
  readonly cluster: Cluster | undefined
  readonly clients: ReadonlyMap<number, Connection>
  readonly access: Access
  readonly aclFile: AclFile | undefined
  readonly telemetry: Telemetry
  readonly slices: SliceQueue
  readonly stats: NodeStats
  readonly http: HttpStats
  /** The embedding program, a client without a connection. */
  readonly program: Program
  activeExpiry = true
  report: (() => string) | undefined
  readonly #options: ServerOptions
  readonly #limits: DecoderLimits
  readonly #settings: LiveSettings
  readonly #executor: Executor
  readonly #clients: Clients
  readonly #endpoints: Endpoints
  readonly #handshakeLog: HandshakeLog
  readonly #monitors: Monitors
  readonly #pause: ClientPause
  readonly #warnings: ClientWarnings
  readonly #housekeeping: Housekeeping
  readonly #connectionLimits: ConnectionLimits
  #closed: Promise<void> | undefined

  constructor(options: ServerOptions) {
    this.#options = options
    const { groups, cluster, instant, settings, micros, timers, certificates, log } = options
    const steady = (): number => instant.monotonicMs
    this.groups = groups
    this.cluster = cluster
    this.stats = new NodeStats(options.identity)
    this.http = new HttpStats(micros)
    this.#warnings = new ClientWarnings(log, steady)
    this.#monitors = new Monitors(groups, () => instant.now)
    this.#pause = new ClientPause(instant, timers, () => this.#pauseEnded())
    const { httpConnections = 0, openFiles = openFilesLimit() } = options
    const connectionLimits = new ConnectionLimits({
      openFiles,
      isInCluster: cluster !== undefined,
      httpConnections,
      settings,
      http: this.http,
      log,
    })
    this.#connectionLimits = connectionLimits
    const table = createCommandTable()
    const access = createAccess(table, settings, options.users)
    this.access = access
    this.aclFile = settings.aclfile === '' ? undefined : new UsersFile(settings.aclfile, access.users, log)
    const telemetry = new Telemetry({ commands: table.stats, micros, instant })
    this.telemetry = telemetry
    this.slices = new SliceQueue(micros)
    const limits = defaultLimits()
    this.#limits = limits
    const unread = new UnreadBytes()
    this.#settings = new LiveSettings({
      settings,
      connectionLimits,
      groups,
      encodingLimits: options.encodingLimits ?? defaultEncodingLimits(),
      limits,
      unread,
      telemetry,
      certificates,
      log,
      access,
      instant,
      keepaliveChanged: () => this.#clients.keepaliveChanged(),
      clientMemoryChanged: () => this.#clients.evict(),
    })
    connectionLimits.limitHttp(httpConnections)
    const reply = new ReplyWriter()
    const executor = new Executor(table, new Context(reply, instant, this), this, options.hasher)
    this.#executor = executor
    const begin = (): void => {
      instant.refresh()
      telemetry.beginChunk()
      cluster?.beginBatch()
    }
    const end = (): void => {
      telemetry.attributeTime()
      cluster?.endBatch()
    }
    const batch = new EventLoopBatch(executor, options.turn ?? new Turn(), micros, begin, end)
    this.program = new Program({ executor, reply, batch, now: () => instant.now })
    const { stats } = this
    const handshakeLog = new HandshakeLog(stats, log, steady)
    this.#handshakeLog = handshakeLog
    const flushQueue = new FlushQueue(timers)
    if (cluster !== undefined) {
      cluster.onReceiving = () => flushQueue.begin()
      cluster.onReceived = () => flushQueue.end()
    }
    const clients = new Clients({
      groups,
      cluster,
      http: this.http,
      access,
      peers: connectionLimits.peers,
      services: {
        executor,
        reply,
        batch,
        flushQueue,
        unread,
        instant,
        limits,
        settings,
        stats,
        log,
        speaksTls: (connection) => handshakeLog.onPlainPort(connection.address),
      },
      handshakes: () => this.handshakes,
      removed: (connection) => this.#monitors.removed(connection),
    })
    this.#clients = clients
    this.clients = clients.byId
    const { users } = access
    this.#endpoints = new Endpoints({ clients, certificates, users, settings, stats, handshakeLog, log })
    const mayExpire = (): boolean => this.activeExpiry && !this.#pause.isRunning
    this.#housekeeping = new Housekeeping({
      host: this,
      clients,
      instant,
      settings,
      timers,
      micros,
      mayExpire,
    })
  }

  get parameters(): ReadonlyMap<string, Parameter> {
    return this.#settings.parameters
  }

  get clientQueryBufferLimit(): number {
    return this.#options.settings.clientQueryBufferLimit
  }

  get protoMaxBulkLen(): number {
    return this.#limits.maxBulk
  }

  get hllSparseMaxBytes(): number {
    return this.#options.settings.hllSparseMaxBytes
  }

  /**
   * Listens on one more address, without TLS. Port 0: any free port.
   * @throws if the address cannot be used, or the server is closed meanwhile
   */
  listen(host: string, port: number): Promise<AddressInfo> {
    return this.#endpoints.tcp(host, port)
  }

  /** The same with TLS. */
  listenTls(host: string, port: number): Promise<AddressInfo> {
    return this.#endpoints.tls(host, port)
  }

  /** Listens on a Unix socket. */
  listenUnix(path: string, mode: number): Promise<void> {
    return this.#endpoints.unix(path, mode)
  }

  /**
   * Stops: accepts no more connections, closes idle ones at once and the others when their replies are sent, at the
   * latest after `timeout`. Resolves when all are closed.
   */
  close(timeout: number = this.#options.settings.shutdownTimeout): Promise<void> {
    this.#closed ??= this.#close(timeout)
    if (timeout === 0) this.#endAll()
    return this.#closed
  }

  async #close(timeout: number): Promise<void> {
    this.unpause()
    this.#housekeeping.stop()
    const closed = [this.#endpoints.close(), this.program.close(), this.#clients.close()]
    const onTimeout = (): void => {
      this.#options.log.warn({ timeout }, 'some replies were not sent in time')
      this.#endAll()
    }
    const cancel = timeout > 0 ? this.#options.timers.after(timeout, onTimeout) : undefined
    await Promise.all(closed)
    cancel?.()
  }

  #endAll(): void {
    this.#clients.abandon()
    this.program.abandon()
  }

  /**
   * Serves a connection that a client, or another node, has opened.
   * @param unixPath the path of the Unix socket that accepted it
   */
  accept(socket: Socket, unixPath?: string): void {
    this.#clients.accept(socket, unixPath)
  }

  /** A handshake on a port of HTTPS has failed. */
  handshakeFailed(error: Error, socket: TLSSocket): void {
    this.#handshakeLog.failed(error, socket)
  }

  /** A client speaks HTTPS on a port of HTTP. */
  speaksHttps(address: string): void {
    this.#handshakeLog.onPlainPort(address, true)
  }

  /** A client's certificate over HTTPS names no user. */
  noUser(commonName: string, address: string): void {
    this.stats.tlsUsersDenied++
    this.#handshakeLog.noUser(commonName, address)
  }

  get monitors(): number {
    return this.#monitors.count
  }

  get tls(): Certificates | undefined {
    return this.#options.certificates
  }

  get handshakes(): number {
    return this.#endpoints.handshakes
  }

  get droppedLogLines(): number {
    return this.#options.log.droppedLines ?? 0
  }

  nextClientId(): number {
    return this.#clients.nextId()
  }

  setMonitor(client: Client, on: boolean): void {
    this.#monitors.set(client, on)
  }

  feedMonitors(client: Client, command: CommandTraits, args: Args): void {
    this.#monitors.feed(client, command, args)
  }

  mustPause(client: Client, command: Pick<CommandTraits, 'isWrite'>): boolean {
    return this.#pause.delays(client, command)
  }

  pause(until: number, all: boolean): void {
    this.#pause.begin(until, all)
  }

  unpause(): void {
    this.#pause.end()
  }

  #pauseEnded(): void {
    this.#clients.unpause()
    // In a microtask: a command of another connection may be running (CLIENT UNPAUSE).
    queueMicrotask(() => {
      this.#clients.resume()
      this.program.resume()
    })
  }

  reload(isTrial: boolean): Promise<readonly string[]> {
    const { onReload } = this.#options
    if (onReload === undefined) return Promise.reject(new ReloadError([NO_RELOAD]))
    return onReload(isTrial)
  }

  /** `wanted` as `maxclients`, lowered to what the limit on open files allows. */
  allowedClients(wanted: number): number {
    return this.#settings.allowedClients(wanted)
  }

  /** Changes the limit of HTTP connections, for connections that are accepted from now on. */
  limitHttp(wanted: number): void {
    this.#connectionLimits.limitHttp(wanted)
  }

  /** Takes over settings that can change while the server runs. */
  applySettings(changed: Partial<ServerSettings>): void {
    this.#settings.apply(changed)
  }

  /** Groups were added to the list or removed from it, or have other policies. */
  groupsChanged(removed: readonly Group[]): void {
    this.#settings.groupsChanged()
    this.#executor.groupsChanged(removed)
    this.#clients.groupsChanged()
  }

  shutdown(now: boolean): void {
    this.#options.log.warn({}, 'a client requested the shutdown of the node')
    this.#options.onShutdown(now)
  }

  refuseHttp(client: Client): void {
    client.close(false)
    this.#warnings.httpRequest(client)
  }

  loginFailed(client: Pick<Client, 'id' | 'address'>): void {
    this.#warnings.loginFailed(client)
  }

  reportFault(err: unknown, command: string): void {
    this.#options.log.error({ err, command }, 'a command failed')
  }
}

// The TCP server: accepts connections, keeps their registry, and implements the host that commands see.

import type { AddressInfo, Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { Access } from '../access/access.ts'
import { latin1 } from '../access/text.ts'
import type { User } from '../access/user.ts'
import type { UserDefinition } from '../access/users.ts'
import { type CancelTimer, MAX_TIMER_MS, type Timers } from '../bytes/clock.ts'
import type { Hasher } from '../bytes/hash.ts'
import type { Instant } from '../bytes/instant.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { monitorLine } from '../commands/connection/monitor.ts'
import { SliceQueue } from '../commands/slices/slice-queue.ts'
import type { Client } from '../commands/spec/client.ts'
import { Context } from '../commands/spec/context.ts'
import { type AclFile, type CommandTraits, type Host, ReloadError } from '../commands/spec/host.ts'
import type { Parameter } from '../commands/spec/parameter.ts'
import { discardTransaction } from '../commands/transactions/transactions.ts'
import { Executor } from '../execution/executor.ts'
import { createCommandTable } from '../execution/table.ts'
import type { Group } from '../group/group.ts'
import type { Args } from '../resp/args.ts'
import { defaultLimits } from '../resp/limits.ts'
import { ReplyWriter } from '../resp/reply.ts'
import { defaultEncodingLimits, type EncodingLimits } from '../store/types/encoding-limits.ts'
import { type NodeIdentity, NodeStats } from '../telemetry/node-stats.ts'
import { RareWarning } from '../telemetry/rare-warning.ts'
import { Telemetry } from '../telemetry/telemetry.ts'
import type { Certificates } from '../tls/certificates.ts'
import { UsersFile } from './access/acl-file.ts'
import { createAccess } from './access/create.ts'
import { Connection, type ConnectionOrigin, type ConnectionServices, TOO_MANY_CLIENTS } from './connection.ts'
import { EventLoopBatch } from './event-loop-batch.ts'
import { Housekeeping } from './housekeeping.ts'
import { HandshakeLog } from './listening/handshake-log.ts'
import { Listeners } from './listening/listeners.ts'
import { TlsClients } from './listening/tls-clients.ts'
import type { Logger } from './logger.ts'
import { type ConnectionRoom, connectionRoom, limitClients, openFilesLimit } from './open-files.ts'
import { evictClients } from './output/client-eviction.ts'
import { FlushQueue } from './output/flush-queue.ts'
import { UnreadBytes } from './output/unread-bytes.ts'
import { applySettings, createParameters, logLevelOf, type ParameterTargets } from './parameters.ts'
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
  /** The users at the start. */
  readonly users?: readonly UserDefinition[]
  /** Those of the stores of the groups. Changed by CONFIG SET. */
  readonly encodingLimits?: EncodingLimits
  /** The certificates; `undefined`: there is no TLS. */
  readonly certificates?: Certificates | undefined
  readonly timers: Timers
  /** A monotonic clock, in microseconds. */
  readonly micros: () => number
  /** Is notified of each turn: the batches of loads of the groups wait for its end. */
  readonly turn?: Turn
  readonly log: Logger
  readonly identity: NodeIdentity
  /** How many files the process may have open; by default the system's limit. */
  readonly openFiles?: number
  /** Called on CONFIG RELOAD; see `Host.reload`. `undefined`: the node has no file to read. */
  readonly onReload?: (isTrial: boolean) => Promise<readonly string[]>
  /** Called on SHUTDOWN; with `now`, without waiting for outstanding replies. */
  readonly onShutdown: (now: boolean) => void
}

const NO_RELOAD = 'the node was not started from a configuration file: the program that embeds it reloads it'

/** HTTP requests are logged at most this often, and so are failed logins (Redis: once a minute). */
const WARNING_INTERVAL_MS = 60_000

export class Server implements Host {
  readonly groups: readonly Group[]
  readonly cluster: Cluster | undefined
  readonly clients = new Map<number, Connection>()
  readonly access: Access
  readonly aclFile: AclFile | undefined
  readonly telemetry: Telemetry
  readonly slices: SliceQueue
  readonly stats: NodeStats
  parameters: ReadonlyMap<string, Parameter>
  /** The embedding program, a client without a connection. */
  readonly program: Program
  activeExpiry = true
  readonly #options: ServerOptions
  readonly #services: ConnectionServices
  readonly #housekeeping: Housekeeping
  readonly #listeners: Listeners
  readonly #handshakes: HandshakeLog
  readonly #tlsClients: TlsClients
  readonly #monitors = new Set<Client>()
  readonly #room: ConnectionRoom
  readonly #executor: Executor
  readonly #targets: ParameterTargets
  #nextId = 1
  #closed: Promise<void> | undefined
  /** Called when the last connection is closed. */
  readonly #emptied: ((value: undefined) => void)[] = []
  /** CLIENT PAUSE: its end (ms since the epoch; 0: no pause), and whether it delays reads, too. */
  #pausedUntil = 0
  #pausesAll = false
  #cancelPause: CancelTimer | undefined
  readonly #failedLogins: RareWarning
  readonly #httpRequests: RareWarning

  constructor(options: ServerOptions) {
    this.#options = options
    const { groups, instant, settings, micros, log } = options
    this.groups = groups
    this.cluster = options.cluster
    this.stats = new NodeStats(options.identity)
    this.#failedLogins = new RareWarning(WARNING_INTERVAL_MS, () => instant.monotonicMs)
    this.#httpRequests = new RareWarning(WARNING_INTERVAL_MS, () => instant.monotonicMs)
    this.#room = connectionRoom(options.openFiles ?? openFilesLimit(), this.cluster !== undefined)
    limitClients(settings, this.#room, log)
    const table = createCommandTable()
    this.access = createAccess(table, settings, options.users)
    this.access.users.observer = {
      changed: (user) => this.#userChanged(user),
      removed: (user) => this.#userRemoved(user),
    }
    this.aclFile =
      settings.aclfile === '' ? undefined : new UsersFile(settings.aclfile, this.access.users, log)
    const telemetry = new Telemetry({ commands: table.stats, micros, instant })
    this.telemetry = telemetry
    this.slices = new SliceQueue(micros)
    const limits = defaultLimits()
    const unread = new UnreadBytes()
    this.#targets = {
      settings,
      maxclients: this.#room.clients,
      groups,
      encodingLimits: options.encodingLimits ?? defaultEncodingLimits(),
      limits,
      unread,
      telemetry,
      certificates: options.certificates,
      log,
      access: this.access,
      keepaliveChanged: () => this.#keepaliveChanged(),
      evicting: (run: () => void) => this.#evicting(run),
    }
    applySettings(this.#targets)
    this.parameters = createParameters(this.#targets)
    const reply = new ReplyWriter()
    const executor = new Executor(table, new Context(reply, instant, this), this, options.hasher)
    this.#executor = executor
    const { cluster } = options
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
    this.#services = {
      executor,
      reply,
      batch,
      flushQueue: new FlushQueue(),
      unread,
      instant,
      limits,
      settings,
      stats: this.stats,
      log,
      speaksTls: (connection) => this.#handshakes.onPlainPort(connection.address),
      closed: (connection) => this.#removed(connection),
      tooMuchUnread: () => evictClients(this.clients, unread),
    }
    this.#listeners = new Listeners({ backlog: () => settings.tcpBacklog, log })
    this.#handshakes = new HandshakeLog(this.stats, log, () => instant.monotonicMs)
    this.#tlsClients = new TlsClients({
      certificates: options.certificates,
      settings,
      users: this.access.users,
      stats: this.stats,
      log: this.#handshakes,
      serve: (socket, tls) =>
        this.#closed === undefined ? this.#serve(socket, { tls, mustBePeer: this.#isFull }) : undefined,
    })
    this.#housekeeping = new Housekeeping({
      host: this,
      connections: this.clients,
      unread,
      instant,
      settings,
      timers: options.timers,
      micros,
      mayExpire: () => this.activeExpiry && !this.#isPaused,
    })
  }

  get clientQueryBufferLimit(): number {
    return this.#options.settings.clientQueryBufferLimit
  }

  get protoMaxBulkLen(): number {
    return this.#services.limits.maxBulk
  }

  get hllSparseMaxBytes(): number {
    return this.#options.settings.hllSparseMaxBytes
  }

  /**
   * Listens on one more address, without TLS. Port 0: any free port.
   * @throws if the address cannot be used, or the server is closed meanwhile
   */
  async listen(host: string, port: number): Promise<AddressInfo> {
    const address = await this.#listeners.tcp(host, port, (socket) => this.accept(socket))
    this.stats.port ||= address.port
    this.stats.listeners.push(['tcp', address.address, address.port])
    return address
  }

  /** The same for connections by TLS. */
  async listenTls(host: string, port: number): Promise<AddressInfo> {
    this.#tlsClients.begin()
    // A client that closes its end during the handshake is gone.
    const address = await this.#listeners.tcp(host, port, (socket) => this.#acceptTls(socket), false)
    this.stats.tlsPort ||= address.port
    this.stats.listeners.push(['tls', address.address, address.port])
    return address
  }

  /** Listens on a Unix socket. */
  async listenUnix(path: string, mode: number): Promise<void> {
    await this.#listeners.unix(path, mode, (socket) => this.accept(socket, path))
    this.stats.listeners.push(['unix', path, 0])
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
    const closed: Promise<unknown>[] = [this.#listeners.close()]
    this.#tlsClients.close()
    if (this.clients.size > 0) closed.push(new Promise((resolve) => this.#emptied.push(resolve)))
    closed.push(this.program.close())
    for (const connection of this.clients.values()) {
      // What a client waits for will not come any more. Other nodes send their clients' commands to the next owner.
      if (!connection.isPeer) for (const wait of connection.waits.values()) wait.cancel()
      connection.closeAfterReplies()
    }
    const onTimeout = (): void => {
      this.#options.log.warn({ timeout }, 'some replies were not sent in time')
      this.#endAll()
    }
    const cancel = timeout > 0 ? this.#options.timers.after(timeout, onTimeout) : undefined
    await Promise.all(closed)
    cancel?.()
  }

  #endAll(): void {
    for (const connection of this.clients.values()) connection.close(false)
    this.program.abandon()
  }

  /**
   * Serves a connection that a client, or another node, has opened.
   * @param unixPath that of the Unix socket that it came by
   */
  accept(socket: Socket, unixPath?: string): void {
    if (!this.#hasRoom) {
      this.stats.rejectedConnections++
      socket.on('error', () => socket.destroy())
      socket.end(`-${TOO_MANY_CLIENTS}\r\n`, () => socket.destroy())
      return
    }
    this.#serve(socket, { unixPath, mustBePeer: this.#isFull })
  }

  /** Begins the handshake of a connection. Beyond `maxclients` it is closed without an error: none can be sent before TLS. */
  #acceptTls(socket: Socket): void {
    if (this.#hasRoom) this.#tlsClients.accept(socket)
    else {
      this.stats.rejectedConnections++
      socket.destroy()
    }
  }

  /** A handshake on a port of HTTPS has failed. */
  handshakeFailed(error: Error, socket: TLSSocket): void {
    this.#handshakes.failed(error, socket)
  }

  /** Handshakes under way count as clients. */
  get #connections(): number {
    return this.clients.size + this.handshakes
  }

  /** Clients must not use up the connections of the cluster's nodes. */
  get #isFull(): boolean {
    return this.#connections >= this.#options.settings.maxclients
  }

  get #hasRoom(): boolean {
    return this.#connections < this.#options.settings.maxclients + this.#room.peers
  }

  #serve(socket: Socket, how: ConnectionOrigin): Connection {
    const { settings, instant } = this.#options
    instant.refresh()
    this.stats.connections++
    if (settings.tcpKeepalive > 0) socket.setKeepAlive(true, settings.tcpKeepalive)
    const connection = new Connection(this.#nextId++, socket, this.groups[0], this.#services, how)
    connection.user = this.access.users.default
    connection.authenticated = connection.user.isOpen
    this.clients.set(connection.id, connection)
    return connection
  }

  #removed(connection: Connection): void {
    this.clients.delete(connection.id)
    this.#monitors.delete(connection)
    discardTransaction(connection)
    for (const wait of connection.waits.values()) wait.cancel()
    const { peer } = connection
    if (peer !== undefined) this.cluster?.connectionClosed(peer.name, connection)
    if (this.clients.size === 0) for (const resolve of this.#emptied.splice(0)) resolve(undefined)
  }

  get monitors(): number {
    return this.#monitors.size
  }

  get tls(): Certificates | undefined {
    return this.#options.certificates
  }

  get handshakes(): number {
    return this.#tlsClients.pending
  }

  get droppedLogLines(): number {
    return this.#options.log.droppedLines ?? 0
  }

  setMonitor(client: Client, on: boolean): void {
    client.monitor = on
    if (on) this.#monitors.add(client)
    else this.#monitors.delete(client)
  }

  feedMonitors(client: Client, command: CommandTraits, args: Args): void {
    const { now } = this.#options.instant
    const index = this.groups.indexOf(client.group)
    const line = monitorLine(now, index, client.address, args, command.secretsOf(args))
    for (const monitor of this.#monitors) monitor.push(line)
  }

  get #isPaused(): boolean {
    return this.#options.instant.now < this.#pausedUntil
  }

  mustPause(client: Client, command: Pick<CommandTraits, 'isWrite'>): boolean {
    if (this.#pausedUntil === 0) return false
    client.isPaused = (this.#pausesAll || command.isWrite) && this.#isPaused
    return client.isPaused
  }

  pause(until: number, all: boolean): void {
    const { instant, timers } = this.#options
    // A pause under way is never weakened (Redis: `pauseClients`).
    this.#pausesAll = all || (this.#pausesAll && this.#isPaused)
    this.#pausedUntil = Math.max(until, this.#pausedUntil)
    this.#cancelPause?.()
    this.#cancelPause = timers.after(Math.min(this.#pausedUntil - instant.now, MAX_TIMER_MS), () => {
      instant.refresh()
      if (this.#isPaused) this.pause(this.#pausedUntil, this.#pausesAll)
      else this.unpause()
    })
  }

  unpause(): void {
    if (this.#pausedUntil === 0) return
    this.#cancelPause?.()
    this.#pausedUntil = 0
    this.#pausesAll = false
    for (const connection of this.clients.values()) connection.isPaused = false
    // Later: a command of another connection may be running, which ended the pause.
    queueMicrotask(() => {
      for (const connection of this.clients.values()) connection.resume()
      this.program.resume()
    })
  }

  reload(isTrial: boolean): Promise<readonly string[]> {
    const { onReload } = this.#options
    if (onReload === undefined) return Promise.reject(new ReloadError([NO_RELOAD]))
    return onReload(isTrial)
  }

  /** The most clients, of so many that are wanted: as many as the limit on open files allows. */
  mostClients(wanted: number): number {
    return Math.min(wanted, this.#room.clients)
  }

  /** Takes over settings that can change while the server runs. */
  applySettings(changed: Partial<ServerSettings>): void {
    const { settings, log } = this.#options
    const { requirepass, tcpKeepalive, loglevel } = settings
    Object.assign(settings, changed)
    limitClients(settings, this.#room, log)
    applySettings(this.#targets)
    const { access } = this
    if (settings.requirepass !== requirepass) access.users.setDefaultPassword(latin1(settings.requirepass))
    access.log.maxLength = settings.acllogMaxLen
    access.rules.allowsChannels = settings.aclPubsubDefault === 'allchannels'
    if (settings.tcpKeepalive !== tcpKeepalive) this.#keepaliveChanged()
    if (settings.loglevel !== loglevel) log.level = logLevelOf(settings.loglevel)
  }

  /** Groups were added to the list or removed from it, or have other policies. */
  groupsChanged(removed: readonly Group[]): void {
    this.parameters = createParameters(this.#targets)
    this.#executor.groupsChanged(removed)
    const byName = new Map(this.groups.map((group) => [group.name, group]))
    for (const client of this.clients.values()) {
      const { peer, group } = client
      if (peer !== undefined && peer.groupName !== '') {
        // Its next request may be for the same group, which it does not name again.
        const meant = byName.get(peer.groupName)
        peer.isUnknownGroup = meant === undefined
        client.group = meant ?? group
      } else if (group.isRemoved) {
        client.transaction?.abort()
        // A group of this name is there again.
        client.group = byName.get(group.name) ?? group
      }
    }
  }

  shutdown(now: boolean): void {
    this.#options.log.warn({}, 'a client requested the shutdown of the node')
    this.#options.onShutdown(now)
  }

  refuseHttp(client: Client): void {
    const { id, address } = client
    client.close(false)
    this.#httpRequests.give(() => {
      this.#options.log.warn(
        { client: id, address },
        'possible attack: a client has sent an HTTP request (POST or Host:); its connection is closed',
      )
    })
  }

  /** The name is not logged: users type passwords there, too. */
  loginFailed({ id, address }: Pick<Client, 'id' | 'address'>): void {
    this.#failedLogins.give((suppressed) => {
      const failures = suppressed + 1
      this.#options.log.warn(
        { client: id, address, failures },
        'a client gave a wrong name or password: see ACL LOG',
      )
    })
  }

  reportFault(err: unknown, command: string): void {
    this.#options.log.error({ err, command }, 'a command failed')
  }

  /**
   * If the default user needs no password, all clients are authenticated. A new password does not affect authenticated
   * clients (as Redis).
   */
  #userChanged(user: User): void {
    const isOpen = user === this.access.users.default && user.isOpen
    for (const connection of this.clients.values()) {
      if (isOpen) connection.authenticated = true
      if (connection.user === user) for (const wait of connection.waits.values()) wait.recheck()
    }
  }

  /** The client that has deleted its own user still gets its replies (as Redis). */
  #userRemoved(user: User): void {
    for (const connection of this.clients.values()) {
      if (connection.user !== user) continue
      connection.user = this.access.users.default
      connection.authenticated = false
      connection.close(connection.isRunning)
    }
  }

  #keepaliveChanged(): void {
    for (const connection of this.clients.values()) connection.applyKeepalive()
  }

  #evicting(run: () => void): void {
    const startedAt = this.telemetry.now()
    run()
    const ms = (this.telemetry.now() - startedAt) / 1000
    this.telemetry.events.add('eviction-cycle', ms, Math.floor(this.#options.instant.now / 1000))
  }
}

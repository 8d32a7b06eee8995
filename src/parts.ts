// The composition root: the parts of a node, made from the concrete classes of every floor.

import { randomBytes } from 'node:crypto'
import type { Socket } from 'node:net'
import { type Clock, SteadyClock, systemClock, systemTimers } from './bytes/clock.ts'
import { Hasher, randomSeed } from './bytes/hash.ts'
import { Instant } from './bytes/instant.ts'
import { Cluster } from './cluster/cluster.ts'
import { createMembership } from './cluster/membership/create.ts'
import type { NodeConfig } from './config/config.ts'
import { usesTls } from './config/listening.ts'
import { ReloadableCertificates } from './config/reload/certificates.ts'
import { ReloadableGroups } from './config/reload/groups.ts'
import { Reloader } from './config/reload/reloader.ts'
import { ReloadableSettings } from './config/reload/settings.ts'
import { ReloadableUsers } from './config/reload/users.ts'
import type { Settings } from './config/settings.ts'
import { version } from './config/version.ts'
import { Group } from './group/group.ts'
import { HttpGateway } from './http/gateway.ts'
import type { Phase } from './http/ports.ts'
import { AccessGate } from './http/requests/credentials.ts'
import { GuardedLog } from './server/guarded-log.ts'
import { Server } from './server/server.ts'
import type { ServerSettings } from './server/settings.ts'
import { Turn } from './server/turn.ts'
import { defaultEncodingLimits } from './store/types/encoding-limits.ts'
import { enableTracing } from './telemetry/tracing.ts'
import { Certificates } from './tls/certificates.ts'
import { peerConnector } from './tls/peer-connector.ts'

/** The log of a node, such as a logger of pino. */
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
  /** Opens a connection to another member, if its host and port are not enough: through a tunnel, for example. */
  readonly connectPeer?: (member: ListenAddress) => Socket
}

/** The error of a reload once the node closes. */
export const CLOSING = 'the node is closing'

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
export interface NodeParts {
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

export function createParts(config: NodeConfig, options: NodeOptions): NodeParts {
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
    gather: (dispatch: () => void) => turn.gather(dispatch),
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
      // With the system's clock, a member that is gone would count as heard of until the clock is where it was.
      clock: new SteadyClock(clock, () => performance.now()),
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
    httpConnections: config.http?.maxConnections ?? 0,
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
        certificatesLogIn: () => settings.tlsAuthClientsUser === 'CN',
        noUser: (commonName, address) => server.noUser(commonName, address),
        loginFailed: (from) => server.loginFailed(from),
      }),
      options: config.http,
      log,
      version,
      phase: () => state.phase,
      backlog: config.tcpBacklog,
      ...(certificates !== undefined && config.http.tls ? { tls: certificates.httpsOptions } : {}),
      handshakeFailed: (error, socket) => server.handshakeFailed(error, socket),
      speaksTls: (address) => server.speaksHttps(address),
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
        allowedClients: (wanted) => server.allowedClients(wanted),
        limitHttp: (connections) => server.limitHttp(connections),
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

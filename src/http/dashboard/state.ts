// The state of a node for the dashboard: one object, requested every second. Counters are totals; the page computes
// rates.

import { type GroupStats, groupStats } from '../../commands/own/group-stats.ts'
import type { Host } from '../../commands/spec/host.ts'
import type { RuntimeStats } from '../../telemetry/runtime-stats.ts'
import { clusterView } from '../metrics/cluster.ts'
import { CALL_SECONDS } from '../metrics/metric.ts'
import type { Phase } from '../ports.ts'
import { type KeyName, keyName, shownText } from './names.ts'

/** How many hot keys of a group, and entries of the slow log, are shown. */
const HOT_KEYS = 8
const SLOW_ENTRIES = 50
/** Limits of the durations of loads, in µs. */
const LOAD_LIMITS = CALL_SECONDS.map((seconds) => seconds * 1e6)

export interface DashboardState {
  /** Milliseconds since the epoch. */
  readonly at: number
  readonly node: NodeState
  readonly groups: readonly GroupState[]
  /** `null`: the node is in none. */
  readonly cluster: ClusterState | null
  /** The most accessed first. */
  readonly hotKeys: readonly HotKeyState[]
  /** The newest first. */
  readonly slowLog: readonly SlowState[]
  readonly failures: readonly FailureState[]
  /** Limits of the buckets of `loadCounts`, in seconds. */
  readonly loadLimits: readonly number[]
  /** The user who looks at it; `null`: nobody has logged in. */
  readonly user: string | null
  /** What the user may do. */
  readonly may: Readonly<Record<DashboardAction, boolean>>
}

export type DashboardAction = 'invalidate' | 'flush' | 'drain' | 'browse'

interface NodeState {
  /** Its name in the cluster, or its port. */
  readonly name: string
  readonly version: string
  readonly runtime: string
  readonly phase: Phase
  readonly startedAt: number
  readonly commands: number
  readonly errors: number
  readonly clients: number
  readonly peers: number
  readonly maxClients: number
  /** `null`: it has no HTTP. */
  readonly http: HttpState | null
  readonly bytesIn: number
  readonly bytesOut: number
  readonly usedBytes: number
  readonly budgetBytes: number
  readonly residentBytes: number
  readonly heapBytes: number
  /** CPU time, µs. */
  readonly cpuMicros: number
  /** How often a timer was at most as late as `loadLimits` say; the last one: all. */
  readonly delayCounts: readonly number[]
  readonly droppedLogLines: number
}

interface HttpState {
  readonly connections: number
  readonly maxConnections: number
  readonly requests: number
}

export interface GroupState extends GroupStats {
  /** Loads that took at most as long as each of `loadLimits`; the last one: all. */
  readonly loadCounts: readonly number[]
  /** The most calls of the origin that may run now; `null`: no limit, or no origin. */
  readonly originLimit: number | null
  /** Calls of the origin: fewer than loads with batches. */
  readonly originCalls: number
  readonly copyHits: number
  readonly isDisconnected: boolean
}

export interface MemberState {
  readonly name: string
  /** As `CLUSTER NODES` has it, or `left`: it has left in order, and is down. */
  readonly state: string
  /** When the state of its connection last changed, in milliseconds since the epoch; `null`: this node. */
  readonly since: number | null
  /** Whether it is up again after a failure. */
  readonly wasDown: boolean
  readonly slots: number
  /** Round trip of the last heartbeat, ms. */
  readonly latencyMs: number | null
  readonly links: number | null
  /** Requests forwarded to it, and those without a reply. */
  readonly hops: number | null
  readonly lost: number | null
}

export interface ClusterState {
  readonly self: string
  readonly members: readonly MemberState[]
  readonly views: number
  readonly problem: string | null
  readonly isCutOff: boolean
  readonly isSettling: boolean
  /** Slots not handed over yet. */
  readonly pendingSlots: number
  readonly redirects: boolean
}

interface HotKeyState extends KeyName {
  readonly group: string
  /** Accesses per second. */
  readonly rate: number
  /** 0 to 1. */
  readonly share: number
}

interface SlowState {
  readonly id: number
  /** Milliseconds since the epoch. */
  readonly at: number
  readonly micros: number
  readonly command: string
  readonly client: string
}

interface FailureState {
  readonly group: string
  readonly kind: 'load' | 'store'
  readonly error: string
  readonly key: KeyName
  readonly at: number
  readonly count: number
}

export interface StateSources {
  readonly host: Host
  readonly runtime: RuntimeStats
  readonly phase: Phase
  /** Milliseconds since the epoch. */
  readonly now: number
}

/** What a user may do and see. */
export interface Rights {
  readonly user: DashboardState['user']
  readonly may: DashboardState['may']
  /** Keys are data: a user who may not browse a group does not see them. */
  readonly seesKeysOf: (group: string) => boolean
  /** Whether it may ask for the hot keys of a group. */
  readonly seesHotKeysOf: (group: string) => boolean
  /** Its entries are commands of all clients, on keys of any group. */
  readonly seesSlowLog: boolean
}

/** Everything about a node, in the form that nodes send each other. */
export type NodeReport = Omit<DashboardState, 'may' | 'user'>

/** The part of a node's report that a user may see. */
export function shownTo(report: NodeReport, rights: Rights): DashboardState {
  const { user, may, seesKeysOf, seesHotKeysOf, seesSlowLog } = rights
  return {
    ...report,
    hotKeys: report.hotKeys.filter(({ group }) => seesHotKeysOf(group)).slice(0, 2 * HOT_KEYS),
    slowLog: seesSlowLog ? report.slowLog : [],
    failures: report.failures.map((failure) =>
      seesKeysOf(failure.group) ? failure : { ...failure, key: { id: '', text: '' } },
    ),
    user,
    may,
  }
}

export function nodeReport({ host, runtime, phase, now }: StateSources): NodeReport {
  const cluster = clusterStateOf(host)
  return {
    at: now,
    node: nodeStateOf(host, runtime, phase, cluster?.self),
    groups: host.groups.map(groupStateOf),
    cluster,
    hotKeys: hotKeysOf(host),
    slowLog: slowLogOf(host),
    failures: failuresOf(host),
    loadLimits: CALL_SECONDS,
  }
}

function nodeStateOf(host: Host, runtime: RuntimeStats, phase: Phase, name: string | undefined): NodeState {
  const { stats, telemetry, groups, clients, parameters } = host
  const { rss, heapUsed } = process.memoryUsage()
  const { user, system } = process.cpuUsage()
  const { eventLoopDelay } = runtime
  let peers = 0
  for (const client of clients.values()) if (client.peer !== undefined) peers++
  return {
    name: name ?? `port ${stats.port}`,
    version: stats.identity.version,
    runtime: process.version,
    phase,
    startedAt: stats.identity.startedAt,
    commands: telemetry.totalCommands,
    errors: telemetry.errorReplies,
    clients: clients.size - peers,
    peers,
    maxClients: Number(parameters.get('maxclients')?.get() ?? 0),
    http: httpStateOf(host),
    bytesIn: stats.inputBytes + host.http.receivedBytes,
    bytesOut: stats.outputBytes + host.http.sentBytes,
    usedBytes: groups.reduce((sum, { store }) => sum + store.usedBytes, 0),
    budgetBytes: groups.reduce((sum, { maxBytes }) => sum + maxBytes, 0),
    residentBytes: rss,
    heapBytes: heapUsed,
    cpuMicros: user + system,
    delayCounts: [...eventLoopDelay.cumulative(LOAD_LIMITS), eventLoopDelay.count],
    droppedLogLines: host.droppedLogLines,
  }
}

function httpStateOf({ http }: Host): HttpState | null {
  const { maxConnections, clients, requests } = http
  return maxConnections === 0 ? null : { connections: clients.size, maxConnections, requests }
}

function groupStateOf(group: Host['groups'][number], index: number): GroupState {
  const { originCalls, governor, flights, copies, isDisconnected } = group
  const { loads } = originCalls
  const limit = governor?.limit ?? Number.POSITIVE_INFINITY
  return {
    ...groupStats(group, index),
    loadCounts: [...loads.cumulative(LOAD_LIMITS), loads.count],
    originLimit: Number.isFinite(limit) ? limit : null,
    originCalls: flights?.calls ?? 0,
    copyHits: copies?.hits ?? 0,
    isDisconnected,
  }
}

function clusterStateOf({ cluster }: Host): ClusterState | null {
  const view = cluster && clusterView(cluster)
  if (cluster === undefined || view === undefined) return null
  const { report, slotCounts } = view
  return {
    self: report.self.name,
    members: report.members.map(({ member, index, state, peer, health }) => ({
      name: member.name,
      state: health?.hasLeft ? 'left' : state,
      since: health?.since ?? null,
      wasDown: health?.status === 'up' && health.failures > 0,
      slots: slotCounts[index],
      latencyMs: health?.latency ?? null,
      links: peer?.pool.links.length ?? null,
      hops: peer?.traffic.requests ?? null,
      lost: peer?.traffic.lost ?? null,
    })),
    views: report.views,
    problem: cluster.status.problem ?? null,
    isCutOff: cluster.status.isCutOff,
    isSettling: cluster.isSettling,
    pendingSlots: report.handover.pending,
    redirects: cluster.redirects,
  }
}

function hotKeysOf({ groups }: Host): HotKeyState[] {
  return groups
    .flatMap(({ name, hotKeys }) =>
      hotKeys.top(HOT_KEYS).map(({ key, rate, share }) => ({ ...keyName(key), group: name, rate, share })),
    )
    .sort((a, b) => b.rate - a.rate)
}

function slowLogOf({ telemetry }: Host): SlowState[] {
  return telemetry.slowLog.entries.slice(0, SLOW_ENTRIES).map(({ id, second, micros, args, address }) => ({
    id,
    at: second * 1000,
    micros,
    command: args.map((arg) => shownText(arg)).join(' '),
    client: address,
  }))
}

function failuresOf({ groups }: Host): FailureState[] {
  return groups
    .flatMap(({ name: group, originCalls }) =>
      originCalls.latestFailures.map(({ kind, error, key, at, count }) => ({
        group,
        kind,
        error,
        key: keyName(key),
        at,
        count,
      })),
    )
    .sort((a, b) => b.at - a.at)
    .slice(0, SLOW_ENTRIES)
}

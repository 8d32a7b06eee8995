// The metrics of a node: its connections, its commands together, its process and the JavaScript runtime.

import { performance } from 'node:perf_hooks'
import { memoryUsage, resourceUsage, version } from 'node:process'
import type { Host } from '../../commands/spec/host.ts'
import type { RuntimeStats } from '../../telemetry/runtime-stats.ts'
import {
  byLabel,
  COMMAND_SECONDS,
  counter,
  durations,
  durationsByLabel,
  gauge,
  info,
  type Metric,
} from './metric.ts'

/** The source of these metrics: each part is read once per scrape. */
export interface NodeView {
  readonly host: Host
  readonly runtime: RuntimeStats
  readonly clients: ClientFigures
  readonly memory: NodeJS.MemoryUsage
  readonly resources: NodeJS.ResourceUsage
  readonly loop: { readonly idle: number; readonly active: number }
  /** Duration of the previous scrape in seconds; 0: there was none. */
  readonly scrapeSeconds: number
}

interface ClientFigures {
  readonly clients: number
  readonly peers: number
  readonly waiting: number
  readonly unsentBytes: number
}

export function nodeView(host: Host, runtime: RuntimeStats, scrapeSeconds: number): NodeView {
  return {
    host,
    runtime,
    clients: clientFigures(host),
    memory: memoryUsage(),
    resources: resourceUsage(),
    loop: performance.eventLoopUtilization(),
    scrapeSeconds,
  }
}

function clientFigures({ clients }: Host): ClientFigures {
  let peers = 0
  let waiting = 0
  let unsentBytes = 0
  for (const client of clients.values()) {
    if (client.peer !== undefined) peers++
    if (client.pending.size !== 0) waiting++
    unsentBytes += client.outputBufferBytes
  }
  return { clients: clients.size - peers, peers, waiting, unsentBytes }
}

const node: readonly Metric<NodeView>[] = [
  info('erinys_build_info', 'The version of Erinys.', ['version'], ({ host }) => [
    host.stats.identity.version,
  ]),
  gauge('erinys_connected_clients', 'Connections of Redis clients.', ({ clients }) => clients.clients),
  gauge(
    'erinys_connected_peers',
    'Connections that other nodes have opened.',
    ({ clients }) => clients.peers,
  ),
  gauge(
    'erinys_waiting_clients',
    'Clients with a command that waits for a load or for another command.',
    ({ clients }) => clients.waiting,
  ),
  gauge(
    'erinys_unsent_reply_bytes',
    'Bytes of replies that clients have not read yet.',
    ({ clients }) => clients.unsentBytes,
  ),
  gauge('erinys_max_clients', 'The limit of connections (maxclients).', ({ host }) =>
    Number(host.parameters.get('maxclients')?.get()),
  ),
  counter(
    'erinys_connections_total',
    'Connections accepted, without those of HTTP.',
    ({ host }) => host.stats.connections,
  ),
  counter(
    'erinys_rejected_connections_total',
    'Connections rejected because there were too many.',
    ({ host }) => host.stats.rejectedConnections,
  ),
  byLabel(
    'counter',
    'erinys_closed_connections_total',
    'reason',
    'Connections that the node closed because of a limit: of the `query-buffer`, of the `output-buffer`, or of unread ' +
      'replies of `all-clients` together.',
    ({ host: { stats } }) => [
      ['query-buffer', stats.queryBufferDisconnections],
      ['output-buffer', stats.outputBufferDisconnections],
      ['all-clients', stats.evictedClients],
    ],
  ),
  counter(
    'erinys_received_bytes_total',
    'Bytes received from clients and nodes.',
    ({ host }) => host.stats.inputBytes,
  ),
  counter('erinys_sent_bytes_total', 'Bytes sent to them.', ({ host }) => host.stats.outputBytes),
  counter('erinys_commands_total', 'Commands run.', ({ host }) => host.telemetry.totalCommands),
  byLabel(
    'counter',
    'erinys_error_replies_total',
    'code',
    'Error replies by their code: `ERR`, `ORIGIN`, `PEERDOWN`, `WRONGTYPE`…',
    ({ host }) => host.telemetry.errors,
  ),
  gauge(
    'erinys_slow_log_entries',
    'Entries of the slow log.',
    ({ host }) => host.telemetry.slowLog.entries.length,
  ),
  counter(
    'erinys_expiry_seconds_total',
    'Time spent to remove expired entries in the background.',
    ({ host }) => host.stats.expiryMs / 1000,
  ),
  counter(
    'erinys_dropped_log_lines_total',
    'Lines of the log that could not be written.',
    ({ host }) => host.droppedLogLines,
  ),
  gauge(
    'erinys_peak_used_bytes',
    'Peak of the bytes that entries occupied.',
    ({ host }) => host.stats.peakBytes,
  ),
  gauge(
    'erinys_scrape_duration_seconds',
    'How long the previous scrape kept the event loop busy.',
    ({ scrapeSeconds }) => scrapeSeconds,
  ),
]

/** The names that other Node.js programs use, so that existing dashboards fit. */
const runtime: readonly Metric<NodeView>[] = [
  counter('process_cpu_user_seconds_total', 'User CPU time.', ({ resources }) => resources.userCPUTime / 1e6),
  counter(
    'process_cpu_system_seconds_total',
    'System CPU time.',
    ({ resources }) => resources.systemCPUTime / 1e6,
  ),
  counter(
    'process_cpu_seconds_total',
    'User and system CPU time.',
    ({ resources }) => (resources.userCPUTime + resources.systemCPUTime) / 1e6,
  ),
  gauge('process_resident_memory_bytes', 'The process in physical memory.', ({ memory }) => memory.rss),
  gauge(
    'process_start_time_seconds',
    'When the node started, since the Unix epoch.',
    ({ host }) => host.stats.identity.startedAt / 1000,
  ),
  info('nodejs_version_info', 'The version of Node.js.', ['version'], () => [version]),
  gauge('nodejs_heap_size_total_bytes', 'The heap of JavaScript objects.', ({ memory }) => memory.heapTotal),
  gauge('nodejs_heap_size_used_bytes', 'The part of it in use.', ({ memory }) => memory.heapUsed),
  gauge(
    'nodejs_external_memory_bytes',
    'Memory of objects outside the heap, array buffers included.',
    ({ memory }) => memory.external,
  ),
  gauge(
    'nodejs_array_buffers_bytes',
    'Array buffers: arenas of entries, and buffers.',
    ({ memory }) => memory.arrayBuffers,
  ),
  durations(
    'nodejs_eventloop_delay_seconds',
    'Delay of a timer beyond its interval.',
    COMMAND_SECONDS,
    ({ runtime: { eventLoopDelay } }) => eventLoopDelay,
  ),
  counter(
    'nodejs_eventloop_active_seconds_total',
    'Time in which the event loop ran.',
    ({ loop }) => loop.active / 1000,
  ),
  counter(
    'nodejs_eventloop_idle_seconds_total',
    'Time in which it waited for events.',
    ({ loop }) => loop.idle / 1000,
  ),
  durationsByLabel(
    'nodejs_gc_duration_seconds',
    'kind',
    'Pauses for garbage collection: `minor`, `major`, `incremental` or `weakcb`.',
    COMMAND_SECONDS,
    ({ runtime: { collections } }) => Object.entries(collections),
  ),
]

export const nodeMetrics: readonly Metric<NodeView>[] = [...node, ...runtime]

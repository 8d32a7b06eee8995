// Sections of INFO with counters and latencies.

import type { Context } from '../spec/context.ts'
import type { Fields } from './info-sections.ts'
import { timedCalls } from './latency-histograms.ts'

export function statsSection({ host }: Context): Fields {
  const { groups, stats, telemetry } = host
  const denied = host.access.log.counts
  const sum = (count: (group: (typeof groups)[number]) => number): number =>
    groups.reduce((all, group) => all + count(group), 0)
  const kilobytes = (bytes: number): string => (bytes / 1024).toFixed(2)
  return [
    ['total_connections_received', stats.connections],
    ['total_commands_processed', telemetry.totalCommands],
    ['instantaneous_ops_per_sec', stats.opsPerSecond],
    ['total_net_input_bytes', stats.inputBytes],
    ['total_net_output_bytes', stats.outputBytes],
    ['total_net_repl_input_bytes', 0],
    ['total_net_repl_output_bytes', 0],
    ['instantaneous_input_kbps', kilobytes(stats.inputBytesPerSecond)],
    ['instantaneous_output_kbps', kilobytes(stats.outputBytesPerSecond)],
    ['instantaneous_input_repl_kbps', kilobytes(0)],
    ['instantaneous_output_repl_kbps', kilobytes(0)],
    ['rejected_connections', stats.rejectedConnections],
    ['acl_access_denied_tls_cert', stats.tlsUsersDenied],
    ['sync_full', 0],
    ['sync_partial_ok', 0],
    ['sync_partial_err', 0],
    ['expired_keys', sum(({ store }) => store.expired)],
    ['expired_stale_perc', stats.stalePercent.toFixed(2)],
    ['expired_time_cap_reached_count', stats.expiryTimeouts],
    ['expire_cycle_cpu_milliseconds', Math.floor(stats.expiryMs)],
    ['evicted_keys', sum(({ store }) => store.evicted)],
    ['evicted_clients', stats.evictedClients],
    ['total_eviction_exceeded_time', 0],
    ['current_eviction_exceeded_time', 0],
    ['keyspace_hits', sum(({ hits }) => hits)],
    // A nil from a negative entry is a miss for Redis's clients, though no load was needed.
    ['keyspace_misses', sum(({ misses, negativeHits }) => misses + negativeHits)],
    ['pubsub_channels', 0],
    ['pubsub_patterns', 0],
    ['pubsubshard_channels', 0],
    ['latest_fork_usec', 0],
    ['total_forks', 0],
    ['migrate_cached_sockets', 0],
    ['slave_expires_tracked_keys', 0],
    ['active_defrag_hits', 0],
    ['active_defrag_misses', 0],
    ['active_defrag_key_hits', 0],
    ['active_defrag_key_misses', 0],
    ['total_active_defrag_time', 0],
    ['current_active_defrag_time', 0],
    ['tracking_total_keys', 0],
    ['tracking_total_items', 0],
    ['tracking_total_prefixes', 0],
    ['unexpected_error_replies', 0],
    ['total_error_replies', telemetry.errorReplies],
    ['dump_payload_sanitizations', 0],
    ['io_threaded_reads_processed', 0],
    ['io_threaded_writes_processed', 0],
    ['client_query_buffer_limit_disconnections', stats.queryBufferDisconnections],
    ['client_output_buffer_limit_disconnections', stats.outputBufferDisconnections],
    ['acl_access_denied_auth', denied.auth],
    ['acl_access_denied_cmd', denied.command],
    ['acl_access_denied_key', denied.key],
    ['acl_access_denied_channel', denied.channel],
    ['acl_access_denied_group', denied.group],
    ['total_http_connections', host.http.connections],
    ['rejected_http_connections', host.http.rejectedConnections],
    ['total_http_requests', host.http.requests],
    ['log_lines_dropped', host.droppedLogLines],
    ['total_negative_hits', sum(({ negativeHits }) => negativeHits)],
    ['total_loads', sum(({ flights }) => flights?.loads ?? 0)],
    ['total_load_failures', sum(({ flights }) => flights?.failures ?? 0)],
    ['total_origin_timeouts', sum(({ originCalls }) => originCalls.timeouts)],
    ['current_flights', sum(({ flights }) => flights?.size ?? 0)],
  ]
}

export function commandStatsSection({ host }: Context): Fields {
  return host.telemetry.commands
    .filter(({ calls, rejectedCalls, failedCalls }) => calls + rejectedCalls + failedCalls > 0)
    .map(({ name, calls, micros, rejectedCalls, failedCalls }) => [
      `cmdstat_${name}`,
      `calls=${calls},usec=${Math.round(micros)},usec_per_call=${(calls === 0 ? 0 : micros / calls).toFixed(2)}` +
        `,rejected_calls=${rejectedCalls},failed_calls=${failedCalls}`,
    ])
}

export function errorStatsSection({ host }: Context): Fields {
  return [...host.telemetry.errors].map(([code, count]) => [`errorstat_${code}`, `count=${count}`])
}

export function latencyStatsSection({ host }: Context): Fields {
  const { percentiles } = host.telemetry
  return timedCalls(host).map(({ name, histogram }) => {
    const values = percentiles.map((p) => `p${p}=${histogram.percentile(p).toFixed(3)}`)
    return [`latency_percentiles_usec_${name}`, values.join(',')]
  })
}

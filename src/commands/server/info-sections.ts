// Sections of INFO about the node and its data. Fields of features that do not exist have the values of an idle Redis.

import { arch, release, type as systemType, totalmem } from 'node:os'
import { groupStats } from '../own/group-stats.ts'
import type { Context } from '../spec/context.ts'
import { REDIS_VERSION } from '../spec/redis-version.ts'
import { clientBytes, memoryFigures, ratio } from './memory-figures.ts'

export type Fields = readonly (readonly [field: string, value: string | number])[]

const DAY_SECONDS = 86_400
/** 24 bits, as Redis keeps them. */
const LRU_CLOCK_MASK = 0xffffff
const NO_REPLICATION_ID = '0'.repeat(40)

export function serverSection({ host, instant }: Context): Fields {
  const { identity, port, tlsPort } = host.stats
  const uptime = Math.max(0, Math.floor((instant.now - identity.startedAt) / 1000))
  const hz = parameter(host, 'hz')
  return [
    ['redis_version', REDIS_VERSION],
    ['redis_git_sha1', '00000000'],
    ['redis_git_dirty', 0],
    ['redis_build_id', '0000000000000000'],
    ['redis_mode', modeOf(host)],
    ['os', `${systemType()} ${release()} ${arch() === 'x64' ? 'x86_64' : arch()}`],
    ['arch_bits', 64],
    ['multiplexing_api', 'libuv'],
    ['process_id', process.pid],
    ['process_supervised', 'no'],
    ['run_id', identity.runId],
    // Redis: that for TLS, if there is no other.
    ['tcp_port', port || tlsPort],
    ['server_time_usec', Math.floor(instant.now * 1000)],
    ['uptime_in_seconds', uptime],
    ['uptime_in_days', Math.floor(uptime / DAY_SECONDS)],
    ['hz', hz],
    ['configured_hz', hz],
    ['lru_clock', Math.floor(instant.now / 1000) & LRU_CLOCK_MASK],
    ['executable', process.execPath],
    ['config_file', identity.configFile],
    ['io_threads_active', 0],
    ['erinys_version', identity.version],
    ['node_version', process.version],
    ...listenerFields(host.stats.listeners),
  ]
}

/** Redis 7.2: `listener0:name=tcp,bind=127.0.0.1,bind=::1,port=7000`. */
function listenerFields(listeners: readonly (readonly [string, string, number])[]): Fields {
  const kinds = [...new Set(listeners.map(([how]) => how))]
  return kinds.map((how, i) => {
    const those = listeners.filter(([each]) => each === how)
    const binds = those.map(([, address]) => `,bind=${address}`).join('')
    return [`listener${i}`, `name=${how}${binds}${how === 'unix' ? '' : `,port=${those[0][2]}`}`]
  })
}

/** Times as Unix seconds. */
export function tlsSection({ host, instant }: Context): Fields {
  const { tls, stats, clients } = host
  if (tls === undefined) return []
  const { certificate, expiresAt, replacements, failures } = tls
  let secured = 0
  for (const client of clients.values()) if (client.tls !== undefined) secured++
  return [
    ['tls_port', stats.tlsPort],
    ['tls_connections', secured],
    ['tls_handshakes', stats.tlsHandshakes],
    ['tls_handshakes_pending', host.handshakes],
    ['tls_handshake_failures', stats.tlsHandshakeFailures],
    ['tls_server_cert_serial', certificate.serialNumber],
    ['tls_server_cert_expire_time', Math.floor(expiresAt / 1000)],
    ['tls_server_cert_expires_in_seconds', Math.floor((expiresAt - instant.now) / 1000)],
    ['tls_cert_replacements', replacements],
    ['tls_cert_replacement_failures', failures],
  ]
}

export function clientsSection({ host, waits }: Context): Fields {
  let input = 0
  let output = 0
  let waiting = 0
  for (const client of host.clients.values()) {
    input = Math.max(input, client.queryBufferBytes)
    output = Math.max(output, client.outputBufferBytes)
    if (client.pending.size !== 0 || client.isPaused) waiting++
  }
  return [
    ['connected_clients', host.clients.size],
    ['cluster_connections', peerCount(host)],
    ['maxclients', parameter(host, 'maxclients')],
    ['client_recent_max_input_buffer', input],
    ['client_recent_max_output_buffer', output],
    ['blocked_clients', waiting],
    ['tracking_clients', 0],
    ['clients_in_timeout_table', 0],
    ['total_blocking_keys', waits.keys],
    ['total_blocking_keys_on_nokey', 0],
    ['waiting_commands', waits.size],
    ['http_connections', host.http.clients.size],
    ['http_max_connections', host.http.maxConnections],
  ]
}

/** `used_memory` counts the entries, which `maxmemory`, the sum of the groups' budgets, limits. */
export function memorySection({ host }: Context): Fields {
  const figures = memoryFigures(host)
  const { used, peak, overhead, dataset, budget, resident, allocated, active } = figures
  const system = totalmem()
  return [
    ['used_memory', used],
    ['used_memory_human', human(used)],
    ['used_memory_rss', resident],
    ['used_memory_rss_human', human(resident)],
    ['used_memory_peak', peak],
    ['used_memory_peak_human', human(peak)],
    ['used_memory_peak_perc', percent(used, peak)],
    ['used_memory_overhead', overhead],
    ['used_memory_startup', 0],
    ['used_memory_dataset', dataset],
    ['used_memory_dataset_perc', percent(dataset, used)],
    ['allocator_allocated', allocated],
    ['allocator_active', active],
    ['allocator_resident', resident],
    ['total_system_memory', system],
    ['total_system_memory_human', human(system)],
    ['used_memory_lua', 0],
    ['used_memory_vm_eval', 0],
    ['used_memory_lua_human', human(0)],
    ['used_memory_scripts_eval', 0],
    ['number_of_cached_scripts', 0],
    ['number_of_functions', 0],
    ['number_of_libraries', 0],
    ['used_memory_vm_functions', 0],
    ['used_memory_vm_total', 0],
    ['used_memory_vm_total_human', human(0)],
    ['used_memory_functions', 0],
    ['used_memory_scripts', 0],
    ['used_memory_scripts_human', human(0)],
    ['maxmemory', budget],
    ['maxmemory_human', human(budget)],
    ['maxmemory_policy', 'allkeys-lru'],
    ['allocator_frag_ratio', ratio(active, allocated).toFixed(2)],
    ['allocator_frag_bytes', active - allocated],
    ['allocator_rss_ratio', ratio(resident, active).toFixed(2)],
    ['allocator_rss_bytes', resident - active],
    ['rss_overhead_ratio', '1.00'],
    ['rss_overhead_bytes', 0],
    // Below 1, a part of what is allocated is not in physical memory.
    ['mem_fragmentation_ratio', ratio(resident, allocated).toFixed(2)],
    ['mem_fragmentation_bytes', resident - allocated],
    ['mem_not_counted_for_evict', 0],
    ['mem_replication_backlog', 0],
    ['mem_total_replication_buffers', 0],
    ['mem_clients_slaves', 0],
    ['mem_clients_normal', clientBytes(host)],
    ['mem_cluster_links', 0],
    ['mem_aof_buffer', 0],
    ['mem_allocator', 'erinys'],
    ['active_defrag_running', 0],
    ['lazyfree_pending_objects', 0],
    ['lazyfreed_objects', 0],
    ['node_heap_used', figures.heapUsed],
    ['node_heap_total', figures.heapTotal],
    ['node_external', figures.external],
    ['node_array_buffers', figures.arrayBuffers],
  ]
}

/**
 * There is no persistence: the values are those of a Redis without unsaved changes. The last save is now, because alerts on
 * the age of a backup would fire otherwise.
 */
export function persistenceSection({ instant }: Context): Fields {
  return [
    ['loading', 0],
    ['async_loading', 0],
    ['current_cow_peak', 0],
    ['current_cow_size', 0],
    ['current_cow_size_age', 0],
    ['current_fork_perc', '0.00'],
    ['current_save_keys_processed', 0],
    ['current_save_keys_total', 0],
    ['rdb_changes_since_last_save', 0],
    ['rdb_bgsave_in_progress', 0],
    ['rdb_last_save_time', Math.floor(instant.now / 1000)],
    ['rdb_last_bgsave_status', 'ok'],
    ['rdb_last_bgsave_time_sec', -1],
    ['rdb_current_bgsave_time_sec', -1],
    ['rdb_saves', 0],
    ['rdb_last_cow_size', 0],
    ['rdb_last_load_keys_expired', 0],
    ['rdb_last_load_keys_loaded', 0],
    ['aof_enabled', 0],
    ['aof_rewrite_in_progress', 0],
    ['aof_rewrite_scheduled', 0],
    ['aof_last_rewrite_time_sec', -1],
    ['aof_current_rewrite_time_sec', -1],
    ['aof_last_bgrewrite_status', 'ok'],
    ['aof_rewrites', 0],
    ['aof_rewrites_consecutive_failures', 0],
    ['aof_last_write_status', 'ok'],
    ['aof_last_cow_size', 0],
    ['module_fork_in_progress', 0],
    ['module_fork_last_cow_size', 0],
  ]
}

export function replicationSection({ host }: Context): Fields {
  return [
    ['role', 'master'],
    ['connected_slaves', 0],
    ['master_failover_state', 'no-failover'],
    ['master_replid', host.stats.identity.runId],
    ['master_replid2', NO_REPLICATION_ID],
    ['master_repl_offset', 0],
    ['second_repl_offset', -1],
    ['repl_backlog_active', 0],
    ['repl_backlog_size', 0],
    ['repl_backlog_first_byte_offset', 0],
    ['repl_backlog_histlen', 0],
  ]
}

export function cpuSection(): Fields {
  const { user, system } = process.cpuUsage()
  const seconds = (micros: number): string => (micros / 1e6).toFixed(6)
  return [
    ['used_cpu_sys', seconds(system)],
    ['used_cpu_user', seconds(user)],
    ['used_cpu_sys_children', seconds(0)],
    ['used_cpu_user_children', seconds(0)],
  ]
}

/** Groups under the indexes that SELECT takes; those without keys are not shown (Redis: empty databases). */
export function keyspaceSection({ host }: Context): Fields {
  return host.groups.flatMap(({ store }, index) => {
    if (store.size === 0) return []
    // Negative entries expire too, but do not count as keys.
    const expiring = Math.max(0, store.expiring - store.absent)
    const ttl = expiring === 0 ? 0 : Math.round(store.keyspace.averageTtlMs)
    return [[`db${index}`, `keys=${store.size},expires=${expiring},avg_ttl=${ttl}`] as const]
  })
}

/** Contents and counters of each group, by its index. */
export function groupsSection({ host }: Context): Fields {
  return host.groups.map((group, index) => {
    const stats = groupStats(group, index)
    const values = {
      name: stats.name,
      keys: stats.keys,
      absent: stats.absent,
      bytes: stats.used,
      max_bytes: stats.budget,
      hits: stats.hits,
      misses: stats.misses,
      evictions: stats.evicted,
      expired: stats.expired,
      invalidated: stats.invalidated,
      writes: stats.writes,
      write_failures: stats.writeFailures,
      writes_refused: stats.writesRefused,
      writes_coalesced: group.writes?.coalesced ?? 0,
      writes_pending: stats.writesPending,
      write_lag_ms: stats.writeLagMs,
      stale_hits: stats.staleHits,
      refreshes: stats.refreshes,
      unchanged: stats.unchanged,
      rescued: stats.rescued,
      retries: stats.retries,
      shed: stats.shed,
      refused: stats.refused,
      breaker_opened: stats.breakerOpened,
      breaker: stats.breaker,
      origin_active: stats.originActive,
      origin_waiting: stats.originWaiting,
      negative_hits: stats.negativeHits,
      timeouts: stats.timeouts,
      wait_timeouts: stats.waitTimeouts,
      load_p50_ms: stats.loadP50Ms,
      load_p99_ms: stats.loadP99Ms,
      load_max_ms: stats.loadMaxMs,
      store_p50_ms: stats.storeP50Ms,
      store_p99_ms: stats.storeP99Ms,
      store_max_ms: stats.storeMaxMs,
      loads: stats.loads,
      load_failures: stats.failures,
      joined: stats.joined,
      fenced: stats.fenced,
      flights: stats.loading,
    }
    const text = Object.entries(values).map(([field, value]) => `${field}=${value}`)
    return [`group${index}`, text.join(',')] as const
  })
}

/** Whether clients are redirected or forwarded. */
export function modeOf({ cluster }: Context['host']): string {
  return cluster === undefined ? 'standalone' : 'cluster'
}

function parameter(host: Context['host'], name: string): string {
  return host.parameters.get(name)?.get() ?? ''
}

/** The number of connections opened by other nodes. */
function peerCount(host: Context['host']): number {
  let count = 0
  for (const { peer } of host.clients.values()) if (peer !== undefined) count++
  return count
}

function percent(part: number, whole: number): string {
  return `${ratio(part * 100, whole).toFixed(2)}%`
}

/** Redis: `bytesToHuman`. */
function human(bytes: number): string {
  let size = bytes
  for (const unit of ['B', 'K', 'M', 'G', 'T']) {
    if (size < 1024) return unit === 'B' ? `${bytes}B` : `${size.toFixed(2)}${unit}`
    size /= 1024
  }
  return `${size.toFixed(2)}P`
}

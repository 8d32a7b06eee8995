// The metrics of a group.

import type { Group } from '../../group/group.ts'
import { byLabel, CALL_SECONDS, counter, durations, gauge, info, type Metric, sizes } from './metric.ts'

const BREAKER_STATES = ['closed', 'half-open', 'open'] as const

const reads: readonly Metric<Group>[] = [
  counter(
    'erinys_group_hits_total',
    'Reads that found a value in memory, hot copies included.',
    ({ hits }) => hits,
  ),
  counter(
    'erinys_group_negative_hits_total',
    'Reads that found a negative entry: answered nil without asking the origin.',
    ({ negativeHits }) => negativeHits,
  ),
  counter(
    'erinys_group_misses_total',
    'Reads that found neither. Hits, negative hits and misses together are all reads.',
    ({ misses }) => misses,
  ),
  counter(
    'erinys_group_stale_hits_total',
    'Hits that were served stale while the value was revalidated.',
    ({ staleHits }) => staleHits,
  ),
  counter(
    'erinys_group_rescued_reads_total',
    'Misses that were served stale because the load failed or took longer than maxWait.',
    ({ rescued }) => rescued,
  ),
]

const loads: readonly Metric<Group>[] = [
  counter('erinys_group_loads_total', 'Loads started.', ({ flights }) => flights?.loads),
  counter('erinys_group_load_failures_total', 'Loads that failed.', ({ flights }) => flights?.failures),
  counter(
    'erinys_group_coalesced_waiters_total',
    'Reads and writes that joined a running load instead of starting one.',
    ({ flights }) => flights?.joined,
  ),
  counter(
    'erinys_group_fenced_loads_total',
    'Loads whose result was not stored because the key was written meanwhile.',
    ({ flights }) => flights?.fenced,
  ),
  counter('erinys_group_refreshes_total', 'Loads in the background.', ({ flights }) => flights?.refreshes),
  counter(
    'erinys_group_unchanged_loads_total',
    'Loads that found the cached value unchanged (revalidated).',
    ({ flights }) => flights?.unchanged,
  ),
  counter(
    'erinys_group_wait_timeouts_total',
    'Waits for a load that ended after maxWait.',
    ({ waitLimit }) => waitLimit?.ended,
  ),
  gauge('erinys_group_running_loads', 'Loads that run now.', ({ flights }) => flights?.size),
]

const origins: readonly Metric<Group>[] = [
  durations(
    'erinys_origin_load_duration_seconds',
    'How long loads took, without the time in the queue. Measured in milliseconds.',
    CALL_SECONDS,
    ({ flights, originCalls }) => flights && originCalls.loads,
  ),
  durations(
    'erinys_origin_write_duration_seconds',
    'How long writes to the origin took. Measured in milliseconds.',
    CALL_SECONDS,
    ({ writes, originCalls }) => writes && originCalls.stores,
  ),
  sizes(
    'erinys_origin_batch_keys',
    'How many keys a call of the origin loaded. Only of origins that load many at once.',
    ({ flights }) => flights?.batchSizes,
  ),
  counter(
    'erinys_origin_timeouts_total',
    'Loads and writes that took longer than originTimeout.',
    ({ flights, originCalls }) => flights && originCalls.timeouts,
  ),
  gauge(
    'erinys_origin_active_calls',
    'Calls of the origin that run now.',
    ({ governor }) => governor?.active,
  ),
  gauge('erinys_origin_queued_calls', 'Calls that wait in the queue.', ({ governor }) => governor?.waiting),
  gauge(
    'erinys_origin_concurrency_limit',
    'The most calls that may run now: lower than originConcurrency while the origin recovers.',
    ({ governor }) => governor?.limit,
  ),
  counter('erinys_origin_retries_total', 'Calls that were retries.', ({ governor }) => governor?.retried),
  byLabel(
    'counter',
    'erinys_origin_rejected_calls_total',
    'reason',
    'Calls that were not made: `queue` is full, `breaker` is open.',
    ({ governor }) =>
      governor === undefined
        ? []
        : [
            ['queue', governor.shed],
            ['breaker', governor.refused],
          ],
  ),
  byLabel(
    'gauge',
    'erinys_origin_breaker_state',
    'state',
    'The circuit breaker: 1 for the state that it is in, `closed`, `half-open` or `open`.',
    ({ governor }) =>
      governor === undefined ? [] : BREAKER_STATES.map((state) => [state, Number(governor.state === state)]),
  ),
  counter(
    'erinys_origin_breaker_opened_total',
    'How often the circuit breaker has opened.',
    ({ governor }) => governor?.opened,
  ),
  gauge(
    'erinys_origin_notifications_interrupted',
    '1 while change notifications of the source are interrupted.',
    ({ flights, isDisconnected }) => flights && Number(isDisconnected),
  ),
]

const writes: readonly Metric<Group>[] = [
  counter(
    'erinys_group_writes_total',
    'Writes that the origin has accepted.',
    ({ writes }) => writes?.written,
  ),
  counter(
    'erinys_group_write_failures_total',
    'Failed attempts to write to the origin.',
    ({ writes }) => writes?.failures,
  ),
  counter(
    'erinys_group_refused_writes_total',
    'Write-behind: writes that the origin has rejected for good.',
    ({ writes }) => writes?.refused,
  ),
  counter(
    'erinys_group_coalesced_writes_total',
    'Write-behind: writes that a later one of their key replaced.',
    ({ writes }) => writes?.coalesced,
  ),
  gauge(
    'erinys_group_pending_writes',
    'Write-behind: keys that are still to be written to the origin.',
    ({ writes }) => writes?.pending,
  ),
  gauge(
    'erinys_group_write_lag_seconds',
    'Write-behind: age of the oldest pending write.',
    ({ writes }) => writes && writes.lagMs / 1000,
  ),
]

const contents: readonly Metric<Group>[] = [
  gauge('erinys_group_entries', 'Keys with a value.', ({ store }) => store.size),
  gauge(
    'erinys_group_negative_entries',
    'Keys that the origin is known not to have.',
    ({ store }) => store.absent,
  ),
  gauge('erinys_group_expiring_entries', 'Entries with a TTL.', ({ store }) => store.expiring),
  gauge('erinys_group_budget_bytes', 'The budget (maxBytes).', ({ maxBytes }) => maxBytes),
  gauge(
    'erinys_group_used_bytes',
    'Bytes of the budget in use, those of the index included.',
    ({ store }) => store.usedBytes,
  ),
  gauge('erinys_group_index_bytes', 'Bytes in use by the index.', ({ store }) => store.indexBytes),
  gauge(
    'erinys_group_eviction_bytes',
    'Bytes in use by the eviction policy besides the entries.',
    ({ store }) => store.evictionBytes,
  ),
  gauge(
    'erinys_group_arena_bytes',
    'Bytes that the arena has committed, free space included.',
    ({ store }) => store.arenaBytes,
  ),
  counter(
    'erinys_group_evictions_total',
    'Entries evicted because the budget was full.',
    ({ store }) => store.evicted,
  ),
  counter('erinys_group_expirations_total', 'Entries removed after their TTL.', ({ store }) => store.expired),
  counter(
    'erinys_group_invalidations_total',
    'Entries found invalid because of a tag, or of a gap in the change notifications.',
    ({ store }) => store.invalidated,
  ),
  gauge('erinys_group_copy_entries', "Hot copies of other nodes' keys.", ({ copies }) => copies?.entries),
  gauge('erinys_group_copy_bytes', 'Bytes that hot copies occupy.', ({ copies }) => copies?.bytes),
  counter(
    'erinys_group_copy_hits_total',
    'Hits that were answered from hot copies.',
    ({ copies }) => copies?.hits,
  ),
  counter('erinys_group_copy_fetches_total', 'Hot copies stored.', ({ copies }) => copies?.installs),
  counter(
    'erinys_group_copy_invalidations_total',
    'Hot copies and fetches that a write or a lost link invalidated.',
    ({ copies }) => copies?.invalidations,
  ),
]

export const groupMetrics: readonly Metric<Group>[] = [
  info(
    'erinys_group_info',
    'The policies of a group: the kind of its origin (`none` without one), what a write does, whether a node ' +
      'without a majority serves it, and which entry is evicted when the budget is full.',
    ['origin', 'write', 'on_partition', 'eviction', 'eviction_cost'],
    ({ policy }) => [
      policy.origin?.kind ?? 'none',
      policy.writes?.mode ?? 'around',
      policy.onPartition ?? 'serve',
      policy.eviction ?? 'lru',
      policy.evictionCost ?? 'none',
    ],
  ),
  ...reads,
  ...loads,
  ...origins,
  ...writes,
  ...contents,
]

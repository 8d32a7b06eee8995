// The contents, counters and policies of a group on this node: GROUP INFO for clients, `stats` for programs.

import type { Group } from '../../group/group.ts'
import type { WriteMode } from '../../group/writes/writes.ts'
import type { EvictionCost, EvictionName } from '../../store/eviction/policies.ts'

/** The contents of a group on one node, its counters since the node started or CONFIG RESETSTAT, and its policies. */
export interface GroupStats {
  /** The group's name. */
  readonly name: string
  /** The index for SELECT. */
  readonly index: number
  /** The budget, in bytes. */
  readonly budget: number
  /** Bytes of the budget in use, those of the index included. */
  readonly used: number
  /** Bytes in use by the index. */
  readonly indexBytes: number
  /** Bytes in use by the eviction policy besides the entries. */
  readonly evictionBytes: number
  /** Bytes that the arena has committed, free space included. */
  readonly arenaBytes: number
  /** Keys with a value. */
  readonly keys: number
  /** Negative entries: keys that the origin is known not to have. */
  readonly absent: number
  /** Entries with a TTL. */
  readonly expiring: number
  /** Reads that found a value in memory. `hits` + `negativeHits` + `misses` is the number of reads. */
  readonly hits: number
  /** Reads that found a negative entry: answered nil without asking the origin. */
  readonly negativeHits: number
  /** Reads that found neither: with an origin they wait for a load. */
  readonly misses: number
  /** Loads started. */
  readonly loads: number
  /** Loads that failed. */
  readonly failures: number
  /** Reads and writes that joined a running load instead of starting one. */
  readonly joined: number
  /** Loads fenced by a write: their result was not stored. */
  readonly fenced: number
  /** Loads and writes of the origin that took longer than `originTimeout`. */
  readonly timeouts: number
  /** Waits for a load that ended after `maxWait`: answered stale or with an error. */
  readonly waitTimeouts: number
  /** Median duration of loads, in ms, without the time in the queue; 0: there was none. */
  readonly loadP50Ms: number
  /** The 99th percentile of it. */
  readonly loadP99Ms: number
  /** The longest load, in ms. */
  readonly loadMaxMs: number
  /** Median duration of writes to the origin, in ms. */
  readonly storeP50Ms: number
  /** The 99th percentile of it. */
  readonly storeP99Ms: number
  /** The longest write to the origin, in ms. */
  readonly storeMaxMs: number
  /** Running loads. */
  readonly loading: number
  /** Hits that were served stale while revalidating. */
  readonly staleHits: number
  /** Misses that were served stale on error, or after `maxWait`. */
  readonly rescued: number
  /** Loads in the background. */
  readonly refreshes: number
  /** Loads that found the cached value unchanged (revalidated). */
  readonly unchanged: number
  /** Running calls of the origin. */
  readonly originActive: number
  /** Calls of the origin that wait in the queue. */
  readonly originWaiting: number
  /** Calls of the origin that were retries. */
  readonly retries: number
  /** Calls rejected by the full queue. */
  readonly shed: number
  /** Calls rejected by the open circuit breaker. */
  readonly refused: number
  /** The circuit breaker; `none` without an origin. */
  readonly breaker: 'closed' | 'open' | 'half-open' | 'none'
  /** How often the circuit breaker has opened. */
  readonly breakerOpened: number
  /** Writes that the origin has accepted. */
  readonly writes: number
  /** Failed attempts to write to the origin. */
  readonly writeFailures: number
  /** Write-behind: writes that the origin has rejected for good. */
  readonly writesRefused: number
  /** Write-behind: keys that are still to be written to the origin. */
  readonly writesPending: number
  /** Write-behind: age of the oldest pending write, in ms. */
  readonly writeLagMs: number
  /** Entries evicted because the budget was full. */
  readonly evicted: number
  /** Entries removed after their TTL. */
  readonly expired: number
  /** Entries found invalid because of a tag, or of a gap in the change notifications. */
  readonly invalidated: number
  /** `ttl` in ms; 0: none. */
  readonly ttlMs: number
  /** The fraction by which TTLs are shortened at random. */
  readonly jitter: number
  /** `negativeTtl` in ms; 0: negative results are not cached. */
  readonly negativeTtlMs: number
  /** `originTimeout` in ms; 0: no limit. */
  readonly originTimeoutMs: number
  /** `maxWait` in ms; 0: no limit. */
  readonly maxWaitMs: number
  /** `staleWhileRevalidate` in ms. */
  readonly staleWhileRevalidateMs: number
  /** `staleIfError` in ms. */
  readonly staleIfErrorMs: number
  /** The β of XFetch; 0: no refresh ahead. */
  readonly refreshAhead: number
  /** The group's write policy. */
  readonly write: WriteMode
  /** The policy of a node that is not with a majority of the members: `serve` or `refuse`. */
  readonly onPartition: 'serve' | 'refuse'
  /** Which entry is evicted when the budget is full. */
  readonly eviction: EvictionName
  /** `load-time`: entries whose last load took more time per byte stay longer. */
  readonly evictionCost: EvictionCost
  /** The kind of origin; `null`: none. */
  readonly origin: string | null
}

/** Fields of `GroupStats` that are doubles in a reply; all other numbers are integers. */
export const DOUBLES: readonly (keyof GroupStats)[] = ['jitter', 'refreshAhead']

/** The order of the fields is that of GROUP INFO. */
export function groupStats(group: Group, index: number): GroupStats {
  const { store, flights, waitLimit, governor, writes, policy, originCalls } = group
  return {
    name: group.name,
    index,
    budget: group.maxBytes,
    used: store.usedBytes,
    indexBytes: store.indexBytes,
    evictionBytes: store.evictionBytes,
    arenaBytes: store.arenaBytes,
    keys: store.size,
    absent: store.absent,
    expiring: store.expiring,
    hits: group.hits,
    negativeHits: group.negativeHits,
    misses: group.misses,
    loads: flights?.loads ?? 0,
    failures: flights?.failures ?? 0,
    joined: flights?.joined ?? 0,
    fenced: flights?.fenced ?? 0,
    timeouts: originCalls.timeouts,
    waitTimeouts: waitLimit?.ended ?? 0,
    loadP50Ms: millis(originCalls.loads.percentile(50)),
    loadP99Ms: millis(originCalls.loads.percentile(99)),
    loadMaxMs: millis(originCalls.loads.max),
    storeP50Ms: millis(originCalls.stores.percentile(50)),
    storeP99Ms: millis(originCalls.stores.percentile(99)),
    storeMaxMs: millis(originCalls.stores.max),
    loading: flights?.size ?? 0,
    staleHits: group.staleHits,
    rescued: group.rescued,
    refreshes: flights?.refreshes ?? 0,
    unchanged: flights?.unchanged ?? 0,
    originActive: governor?.active ?? 0,
    originWaiting: governor?.waiting ?? 0,
    retries: governor?.retried ?? 0,
    shed: governor?.shed ?? 0,
    refused: governor?.refused ?? 0,
    breaker: governor?.state ?? 'none',
    breakerOpened: governor?.opened ?? 0,
    writes: writes?.written ?? 0,
    writeFailures: writes?.failures ?? 0,
    writesRefused: writes?.refused ?? 0,
    writesPending: writes?.pending ?? 0,
    writeLagMs: writes?.lagMs ?? 0,
    evicted: store.evicted,
    expired: store.expired,
    invalidated: store.invalidated,
    ttlMs: policy.ttlMs,
    jitter: policy.jitter,
    negativeTtlMs: policy.negativeTtlMs,
    originTimeoutMs: policy.originTimeoutMs,
    maxWaitMs: policy.maxWaitMs ?? 0,
    staleWhileRevalidateMs: policy.freshness?.staleWhileRevalidateMs ?? 0,
    staleIfErrorMs: policy.freshness?.staleIfErrorMs ?? 0,
    refreshAhead: policy.freshness?.refreshAhead ?? 0,
    write: policy.writes?.mode ?? 'around',
    onPartition: policy.onPartition ?? 'serve',
    eviction: policy.eviction ?? 'lru',
    evictionCost: policy.evictionCost ?? 'none',
    origin: policy.origin?.kind ?? null,
  }
}

function millis(micros: number): number {
  return Math.round(micros / 1000)
}

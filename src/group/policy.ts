// The parts that a group is created from: its policy and its environment. And `OriginError`.

import type { Timers } from '../bytes/clock.ts'
import type { Hasher } from '../bytes/hash.ts'
import type { Instant } from '../bytes/instant.ts'
import type { EvictionCost, EvictionName } from '../store/eviction/policies.ts'
import type { EncodingLimits } from '../store/types/encoding-limits.ts'
import type { BatchPolicy, Gather } from './flights/batcher.ts'
import type { FreshnessPolicy } from './freshness.ts'
import type { GovernorPolicy } from './governor/governor.ts'
import type { Origin } from './origin.ts'
import type { WritePolicy } from './writes/writes.ts'

export interface GroupPolicy {
  readonly name: string
  readonly maxBytes: number
  readonly origin?: Origin
  /** Default TTL in ms of loaded values, and of values set without a TTL; 0: none. */
  readonly ttlMs: number
  /** Each TTL is shortened at random by up to this fraction, so that entries loaded together do not expire together. */
  readonly jitter: number
  /** TTL in ms of negative entries (the origin lacks the key); 0: none are stored. */
  readonly negativeTtlMs: number
  /** A load longer than this fails; 0: no limit. */
  readonly originTimeoutMs: number
  /** How long a command waits for a load; 0 and the default: until the load ends. */
  readonly maxWaitMs?: number
  /** Batching of misses for an origin with `loadMany`; default: at most 100 keys of one event-loop turn. */
  readonly batch?: BatchPolicy
  /** Serving stale values and refreshing ahead of expiry; default: neither. */
  readonly freshness?: FreshnessPolicy
  /** What a write does at the origin; default: nothing. */
  readonly writes?: WritePolicy
  /** The media type of its values over HTTP; default: bytes of no known type. */
  readonly contentType?: string
  /** Whether a node that does not reach a majority of the members serves the group; default: `serve`. */
  readonly onPartition?: 'serve' | 'refuse'
  /** Which entry is evicted when the budget is full; default: `lru`. */
  readonly eviction?: EvictionName
  /** Whether an entry that was slow to load stays longer; default: `none`. */
  readonly evictionCost?: EvictionCost
  /** Limits, retries and circuit breaker of the origin; default: none. */
  readonly governor?: GovernorPolicy
}

export interface GroupEnvironment {
  readonly instant: Instant
  readonly hasher: Hasher
  readonly timers: Timers
  /** Uniform in [0, 1). */
  readonly random: () => number
  /** The encoding limits of all stores of the node; Redis's defaults if absent. */
  readonly encodingLimits?: EncodingLimits
  /** Decides when a batch of loads without a time window is dispatched. */
  readonly gather?: Gather
  /** Called with a defect of the node itself while a load completed. */
  readonly reportFault?: (error: unknown) => void
}

/**
 * The origin failed. The message names the group and the reason; `cause` is what the origin threw, if this node called
 * it.
 */
export class OriginError extends Error {
  override readonly name = 'OriginError'
}

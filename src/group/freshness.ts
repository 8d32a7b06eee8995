// Freshness: which stale values are served, and which values are refreshed ahead of their expiry.

import type { Ref } from '../store/arena.ts'
import { type FreshnessWindows, MAX_WINDOW_MS, type Records } from '../store/record.ts'
import type { LoadedFacts } from './origin.ts'

/*
 *   loaded                      TTL ends                                                 removed
 *   ├──────────────┬────────────┼───────────────────────┬────────────────────────┬──────────┤
 *    fresh          ahead: a     stale: served, and      stale: loaded first,     loaded first, with
 *                   read may     loaded in the back-     and served if that       the validator that the
 *                   load again   ground by one read      fails                    origin gave, if it did
 *
 * The order of the two stale windows depends on their lengths. Negative entries are never stale, nor refreshed ahead.
 * A gap in the change notifications ends the TTL of everything loaded before it; a failed write whose outcome is unknown
 * ends the TTL of its key.
 */

export interface FreshnessPolicy {
  /** For how many ms after its TTL a value is served while it is reloaded; 0: not at all. */
  readonly staleWhileRevalidateMs: number
  /** For how many ms after its TTL a value is served when reloading it fails; 0: not at all. */
  readonly staleIfErrorMs: number
  /**
   * How early a value is refreshed ahead of its expiry: the β of XFetch (Vattani, Chierichetti, Lowenstein:
   * Optimal Probabilistic Cache Stampede Prevention, 2015). 0: not at all; 1: as early as its load is expected to take.
   */
  readonly refreshAhead: number
}

export const noFreshness: FreshnessPolicy = { staleWhileRevalidateMs: 0, staleIfErrorMs: 0, refreshAhead: 0 }

/** What a read does with a cached value: serve it; serve it and refresh it in the background; load it first. */
export type Verdict = 'serve' | 'refresh' | 'load'

/** Earlier than this many times β × load time before the expiry, the probability is below 1 in 500 million: no draw. */
const AHEAD_FACTOR = 20

/** Longer validators are not stored, in bytes: they would cost more than they save. */
const MAX_VALIDATOR = 1024

/** For how long at least a value is kept after its TTL to be validated; the budget may evict it earlier. */
const MIN_RETENTION_MS = 10 * 60_000

const NO_VALIDATOR = Buffer.alloc(0)

export class Freshness {
  readonly #policy: FreshnessPolicy
  readonly #random: () => number

  /** @param random uniform in [0, 1) */
  constructor(policy: FreshnessPolicy, random: () => number) {
    this.#policy = policy
    this.#random = random
  }

  /** What a read at `now` does with a record; refresh ahead is not considered. */
  decide(records: Records, ref: Ref, windows: FreshnessWindows, now: number): Verdict {
    const past = now - records.deadline(ref)
    if (past <= 0) return 'serve'
    records.readWindows(ref, windows)
    return past <= windows.staleWhileRevalidate ? 'refresh' : 'load'
  }

  /** Draws whether this read refreshes a record ahead of its expiry. Only for records with a TTL. */
  refreshesAhead(records: Records, ref: Ref, now: number): boolean {
    const ahead = this.#cost(records.loadMs(ref)) * -Math.log(1 - this.#random())
    return ahead >= records.deadline(ref) - now
  }

  /** Whether a stale record may be served when loading it has failed. */
  isServedOnError(records: Records, ref: Ref, windows: FreshnessWindows, now: number): boolean {
    records.readWindows(ref, windows)
    return now - records.deadline(ref) <= Math.max(windows.staleIfError, windows.staleWhileRevalidate)
  }

  /**
   * Expected milliseconds until a read reloads the record: at its expiry, or earlier by refresh ahead; not in the
   * background for the next `pause` ms.
   */
  nextRefresh(records: Records, ref: Ref, windows: FreshnessWindows, now: number, pause: number): number {
    records.readWindows(ref, windows)
    const left = records.deadline(ref) - now
    const ahead = records.hasFreshness(ref) ? this.#cost(records.loadMs(ref)) : 0
    const inBackground = Math.max(left - ahead, pause)
    return Math.max(0, Math.ceil(Math.min(inBackground, left + windows.staleWhileRevalidate)))
  }

  /**
   * Sets `windows` for a value whose load took `ms`, with a TTL of `lifetime` ms and a maximum age of `longest` ms.
   * Returns the validator to store with it; undefined: no windows either, the value is removed at its expiry.
   */
  plan(
    windows: FreshnessWindows,
    facts: LoadedFacts | undefined,
    ms: number,
    lifetime: number,
    longest: number,
  ): Buffer | undefined {
    // A value that is stale from the beginning is served only as its origin says.
    const { staleWhileRevalidateMs, staleIfErrorMs } = facts?.ttl === 0 ? noFreshness : this.#policy
    const max = Math.max(0, Math.min(MAX_WINDOW_MS, Math.floor(longest - lifetime)))
    const within = (window: number): number => Math.min(Math.ceil(window), max)
    const validator = validatorOf(facts)
    windows.refreshAhead = Math.min(Math.ceil(this.#cost(ms) * AHEAD_FACTOR), MAX_WINDOW_MS)
    windows.staleWhileRevalidate = within(facts?.staleWhileRevalidate ?? staleWhileRevalidateMs)
    windows.staleIfError = within(facts?.staleIfError ?? staleIfErrorMs)
    // A value with a validator is retained for another TTL, and for some time if that is short.
    const revalidated = validator === undefined ? 0 : within(Math.max(lifetime, MIN_RETENTION_MS))
    windows.retention = Math.max(windows.staleWhileRevalidate, windows.staleIfError, revalidated)
    return windows.retention === 0 && windows.refreshAhead === 0 ? undefined : (validator ?? NO_VALIDATOR)
  }

  /** The mean time in ms by which a value is refreshed ahead; load times below 1 ms count as 1. */
  #cost(ms: number): number {
    return Math.max(1, ms) * this.#policy.refreshAhead
  }
}

function validatorOf(facts: LoadedFacts | undefined): Buffer | undefined {
  if (facts?.validator === undefined) return undefined
  const bytes = Buffer.from(facts.validator, 'utf8')
  return bytes.length === 0 || bytes.length > MAX_VALIDATOR ? undefined : bytes
}

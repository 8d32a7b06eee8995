// Freshness: when what is held is served after its lifetime, and loaded anew before its end.

import type { Ref } from '../store/arena.ts'
import { type FreshnessWindows, MAX_WINDOW_MS, type Records } from '../store/record.ts'
import type { LoadedFacts } from './origin.ts'

/*
 *   loaded                      lifetime ends                                            reclaimed
 *   ├──────────────┬────────────┼───────────────────────┬────────────────────────┬──────────┤
 *    fresh          ahead: a     stale: served, and      stale: loaded first,     loaded first, with
 *                   read may     loaded in the back-     and served if that       the validator that the
 *                   load anew    ground by one read      fails                    origin gave, if it did
 *
 * The order of the two stale windows is that of their lengths. An absence is never stale, nor loaded ahead.
 * A gap in the word of changes ends the lifetimes of all that was loaded before it; a write that failed and may have been
 * taken all the same, that of its key.
 */

export interface FreshnessPolicy {
  /** For how many ms after its lifetime a value is served while it is loaded anew; 0: not at all. */
  readonly staleWhileRevalidateMs: number
  /** For how many ms after its lifetime a value is served when loading it anew fails; 0: not at all. */
  readonly staleIfErrorMs: number
  /**
   * How eagerly a value is loaded anew before its lifetime ends: the β of XFetch (Vattani, Chierichetti, Lowenstein:
   * Optimal Probabilistic Cache Stampede Prevention, 2015). 0: not at all; 1: as early as its load is expected to take.
   */
  readonly refreshAhead: number
}

export const noFreshness: FreshnessPolicy = { staleWhileRevalidateMs: 0, staleIfErrorMs: 0, refreshAhead: 0 }

/** What a read does with what is held: serve it; serve it while it is loaded anew; load it first. */
export type Verdict = 'serve' | 'refresh' | 'load'

/** So many times β × the cost before the end, one read of 500 million would load ahead: those before do not draw. */
const AHEAD_FACTOR = 20

/** A longer validator is not kept: it would cost more than the body that it saves. */
const MAX_VALIDATOR = 1024

const NO_VALIDATOR = Buffer.alloc(0)

export class Freshness {
  readonly #policy: FreshnessPolicy
  readonly #random: () => number

  /** @param random uniform in [0, 1) */
  constructor(policy: FreshnessPolicy, random: () => number) {
    this.#policy = policy
    this.#random = random
  }

  /** What a read at `now` does with a record, but for what is loaded ahead. */
  decide(records: Records, ref: Ref, windows: FreshnessWindows, now: number): Verdict {
    const past = now - records.deadline(ref)
    if (past <= 0) return 'serve'
    records.readWindows(ref, windows)
    return past <= windows.staleWhileRevalidate ? 'refresh' : 'load'
  }

  /** Draws whether this read is the one that loads a record anew before its end. Only for one with a deadline. */
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
   * Milliseconds until a read loads the record anew: when it lives no longer, or on average so much sooner as it is
   * loaded ahead; in the background not for the next `pause` ms.
   */
  nextRefresh(records: Records, ref: Ref, windows: FreshnessWindows, now: number, pause: number): number {
    records.readWindows(ref, windows)
    const left = records.deadline(ref) - now
    const ahead = records.hasFreshness(ref) ? this.#cost(records.loadMs(ref)) : 0
    const inBackground = Math.max(left - ahead, pause)
    return Math.max(0, Math.ceil(Math.min(inBackground, left + windows.staleWhileRevalidate)))
  }

  /**
   * Fills in `windows` of a value whose load took `ms`, which lives for `lifetime` ms and is to be gone after `longest`.
   * Returns what is to be noted with it; undefined: nothing, and it dies at the end of its lifetime.
   */
  plan(
    windows: FreshnessWindows,
    facts: LoadedFacts | undefined,
    ms: number,
    lifetime: number,
    longest: number,
  ): Buffer | undefined {
    const { staleWhileRevalidateMs, staleIfErrorMs } = this.#policy
    const most = Math.max(0, Math.min(MAX_WINDOW_MS, Math.floor(longest - lifetime)))
    const within = (window: number): number => Math.min(Math.ceil(window), most)
    const validator = validatorOf(facts)
    windows.refreshAhead = Math.min(Math.ceil(this.#cost(ms) * AHEAD_FACTOR), MAX_WINDOW_MS)
    windows.staleWhileRevalidate = within(facts?.staleWhileRevalidate ?? staleWhileRevalidateMs)
    windows.staleIfError = within(facts?.staleIfError ?? staleIfErrorMs)
    // A version that can be validated is kept for as long again.
    const revalidated = validator === undefined ? 0 : within(lifetime)
    windows.retention = Math.max(windows.staleWhileRevalidate, windows.staleIfError, revalidated)
    return windows.retention === 0 && windows.refreshAhead === 0 ? undefined : (validator ?? NO_VALIDATOR)
  }

  /** By how many ms a value that took `ms` to load is loaded ahead on average: the clock knows no less than one. */
  #cost(ms: number): number {
    return Math.max(1, ms) * this.#policy.refreshAhead
  }
}

/** Whether what has no lifetime at all is kept as stale: the origin itself says that it may be served so. */
export function hasStaleWindow({ staleWhileRevalidate = 0, staleIfError = 0 }: LoadedFacts): boolean {
  return staleWhileRevalidate > 0 || staleIfError > 0
}

function validatorOf(facts: LoadedFacts | undefined): Buffer | undefined {
  if (facts?.validator === undefined) return undefined
  const bytes = Buffer.from(facts.validator, 'utf8')
  return bytes.length === 0 || bytes.length > MAX_VALIDATOR ? undefined : bytes
}

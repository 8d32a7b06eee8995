// The most frequently accessed keys of a group, found by sampling, for HOTKEYS, `erinys top` and the dashboard.

import { NULL_REF } from '../store/arena.ts'
import type { Store } from '../store/store.ts'

/*
 * Accesses are not counted by key: that would cost more than a GET. But the key that was accessed last, which the eviction
 * policy knows, is at any time the key k with the probability of an access of k. So ten times a second it is looked at,
 * and counts as all reads since the last look. After a minute a key with 2 % of the reads was seen about a
 * dozen times; keys below 1 % are noise.
 *
 * Counts decay by 1/e in `DECAY_MS`, so that the count of a key, divided by that, is its rate. Instead of all counts,
 * what is added is multiplied: by e^(t / DECAY_MS).
 *
 * At most `MAX_KEYS` keys are counted. A new one takes the place of the least, and its count (Space-Saving, Metwally
 * 2005): a count is too high by at most what it took over.
 */

const DECAY_MS = 30_000
const MAX_KEYS = 256
/** Counts are scaled down when the increment has grown to this. */
const MAX_SCALE = 1e9
/** Keys with a smaller share of the accesses are not reported. */
const MIN_SHARE = 0.01
/** An access counts as recent for this many whole seconds: without reads, it shows whether the head is old. */
const RECENT_SECONDS = 1

/** The stores that are sampled. The store of copies has keys of other nodes. */
export interface SampledGroup {
  readonly hits: number
  readonly negativeHits: number
  readonly store: Store
  readonly copies: { readonly hits: number; readonly store: Store | undefined } | undefined
}

export interface HotKey {
  readonly key: Buffer
  /** Estimated accesses per second. */
  readonly rate: number
  /** Its share of the accesses of its group on this node, 0 to 1. */
  readonly share: number
}

interface Count {
  weight: number
  /** The part of `weight` that may be that of other keys (Space-Saving). */
  error: number
}

export class HotKeys {
  readonly #group: SampledGroup
  /** By key, one character per byte. */
  readonly #counts = new Map<string, Count>()
  /** The sum of all weights, including those of keys that are not counted any more. */
  #total = 0
  /** The weight that an access adds now. */
  #scale = 1
  #sampledAt: number
  #hits = 0
  #copyHits = 0

  /** @param now in ms, monotonic */
  constructor(group: SampledGroup, now: number) {
    this.#group = group
    this.#sampledAt = now
  }

  /** To be called regularly: a sample stands for everything since the last one. */
  sample(now: number): void {
    this.#decay(now)
    const { hits, negativeHits, store, copies } = this.#group
    const copyHits = copies?.hits ?? 0
    const all = hits + negativeHits
    // Below zero after CONFIG RESETSTAT.
    const ofCopies = Math.max(0, copyHits - this.#copyHits)
    const own = Math.max(0, all - this.#hits - ofCopies)
    this.#hits = all
    this.#copyHits = copyHits
    this.#sampleStore(store, own)
    if (copies?.store !== undefined && ofCopies > 0) this.#sampleStore(copies.store, ofCopies)
  }

  /** The most accessed keys, the most accessed first. */
  top(count: number): HotKey[] {
    const seconds = (this.#scale * DECAY_MS) / 1000
    return [...this.#counts]
      .map(([key, { weight, error }]) => ({ key, weight: weight - error }))
      .filter(({ weight }) => weight >= this.#total * MIN_SHARE)
      .sort((a, b) => b.weight - a.weight)
      .slice(0, count)
      .map(({ key, weight }) => ({
        key: Buffer.from(key, 'latin1'),
        rate: weight / seconds,
        share: weight / this.#total,
      }))
  }

  #decay(now: number): void {
    const since = now - this.#sampledAt
    this.#sampledAt = now
    if (since <= 0) return
    this.#scale *= Math.exp(since / DECAY_MS)
    if (this.#scale < MAX_SCALE) return
    // After a long pause the scale is infinite: nothing is left then.
    for (const [key, count] of this.#counts) {
      count.weight /= this.#scale
      count.error /= this.#scale
      if (count.weight < 1 / MAX_SCALE) this.#counts.delete(key)
    }
    this.#total = this.#counts.size === 0 ? 0 : this.#total / this.#scale
    this.#scale = 1
  }

  /** @param reads how many there were since the last sample; 0: writes may have been */
  #sampleStore(store: Store, reads: number): void {
    const ref = store.latest()
    if (ref === NULL_REF) return
    if (reads === 0 && store.idleSeconds(ref) >= RECENT_SECONDS) return
    const weight = Math.max(1, reads) * this.#scale
    this.#total += weight
    const key = store.copyKey(ref).toString('latin1')
    const count = this.#counts.get(key)
    if (count !== undefined) count.weight += weight
    else {
      const error = this.#counts.size < MAX_KEYS ? 0 : this.#removeLeast()
      this.#counts.set(key, { weight: error + weight, error })
    }
  }

  /** Returns its weight. */
  #removeLeast(): number {
    let least = ''
    let weight = Number.POSITIVE_INFINITY
    for (const [key, count] of this.#counts) {
      if (count.weight >= weight) continue
      least = key
      weight = count.weight
    }
    this.#counts.delete(least)
    return weight
  }
}

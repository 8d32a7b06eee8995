// Chooses between LRU, S3-FIFO and W-TinyLFU by what each would hit, and changes over when another one is ahead.

import type { Hash } from '../../bytes/hash.ts'
import type { Ref } from '../arena.ts'
import type { EvictionContext } from './policy.ts'
import { FREE_BIT, Mode, Queues } from './queues.ts'
import { LRU_HIT, S3_HIT, SHADOW_ENTRY_BYTES, Shadows, TINY_LFU_HIT } from './shadows.ts'
import { mix } from './sketch.ts'

/*
 * One key in 2^k is sampled, so that the shadow caches have some hundred entries however many records there are. Every
 * access of a sampled key goes to all three shadows. For each policy that is not in use, a sum counts the hits that it
 * had more than the present one, and is bounded below (a CUSUM test, Page 1954): above a threshold it takes over. Each
 * change raises the threshold for some time, so that two policies which are equally good do not take turns.
 */

const MODES = Object.values(Mode)
const HIT_OF_MODE: readonly number[] = [LRU_HIT, S3_HIT, TINY_LFU_HIT]
/** The threshold: this part of a shadow's entries, and at least so many hits. */
const THRESHOLD_SHARE = 0.05
const MIN_THRESHOLD = 32
/** After a change it is raised by this factor, at most to so many times itself; without one for `QUIET` it is lowered. */
const RAISED = 1.5
const MOST_RAISED = 16
/** Sampled accesses, per entry of a shadow of at least so many entries. */
const QUIET = 40
const MIN_QUIET_ENTRIES = 200
/** The sum of a policy is at least this many negative thresholds; each access lowers it a little. */
const FLOOR = 2
const DRIFT = 0.002
/** Accesses are counted in the sketch from this part of the threshold on: W-TinyLFU needs to know them when it starts. */
const RECORDED_FROM = 0.25

/** Entries of a shadow. */
const MOST_ENTRIES = 1024
const LEAST_ENTRIES = 16
/** The shadows take at most this part of the budget. */
const MEMORY_SHARE = 1 / 8

export class Auto extends Queues {
  /** `undefined` until the first eviction: before, every policy hits alike. */
  #shadows: Shadows | undefined
  #samplingBits = 0
  /** By mode: how far it is ahead of the present one. */
  readonly #ahead = new Float64Array(3)
  #raised = 1
  #quiet = 0
  /** A sampled record that was removed, and not to be replaced by a new one at once. */
  #removed = 0 as Hash
  #hasRemoved = false
  #isEvicting = false

  constructor(context: EvictionContext) {
    super(context, Mode.S3_FIFO)
  }

  override inserted(ref: Ref, hash: Hash, before: number): void {
    if (before >= 0) this.#hasRemoved = false
    super.inserted(ref, hash, before)
    if (!this.#isSampled(hash)) return
    const { records } = this.context
    records.setPolicyBits(ref, records.policyBits(ref) | FREE_BIT)
    this.#sample(hash)
  }

  override accessed(ref: Ref): void {
    const { records, hashOf } = this.context
    const bits = records.policyBits(ref)
    if ((bits & FREE_BIT) !== 0 && this.#shadows !== undefined) {
      const hash = hashOf(ref)
      if (this.#isSampled(hash)) this.#sample(hash)
      else records.setPolicyBits(ref, bits & ~FREE_BIT)
    }
    super.accessed(ref)
  }

  override removed(ref: Ref): void {
    if (!this.#isEvicting && this.#shadows !== undefined) {
      const { records, hashOf } = this.context
      if ((records.policyBits(ref) & FREE_BIT) !== 0) {
        this.#forgetRemoved()
        this.#removed = hashOf(ref)
        this.#hasRemoved = true
      }
    }
    this.#isEvicting = false
    super.removed(ref)
  }

  override evicted(ref: Ref, hash: Hash): void {
    this.#isEvicting = true
    super.evicted(ref, hash)
    this.#resize()
  }

  override clear(): void {
    super.clear()
    this.#samplingBits = 0
    this.#hasRemoved = false
  }

  override forget(): void {
    super.forget()
    const shadows = this.#shadows
    if (shadows === undefined) return
    shadows.clear()
    this.context.memory.bytes -= shadows.bytes
    this.#shadows = undefined
    this.#ahead.fill(0)
  }

  override adoptedBits(hash: Hash): number {
    return super.adoptedBits(hash) | (this.#isSampled(hash) ? FREE_BIT : 0)
  }

  /** The top bits decide: the sketch uses the low ones. */
  #isSampled(hash: Hash): boolean {
    return (mix(hash) >>> 1) >>> (31 - this.#samplingBits) === 0
  }

  /** Keeps the number of sampled records at what the shadows hold. */
  #resize(): void {
    const { count, maxBytes, memory } = this.context
    const records = count()
    const shadows = this.#shadows
    if (shadows === undefined || (records > shadows.entries && shadows.entries < MOST_ENTRIES)) {
      const affordable = (maxBytes() * MEMORY_SHARE) / SHADOW_ENTRY_BYTES
      const most = Math.min(MOST_ENTRIES, records * 2, affordable)
      const entries = 2 ** Math.floor(Math.log2(Math.max(1, most)))
      if (entries < LEAST_ENTRIES || entries <= (shadows?.entries ?? 0)) return
      if (shadows !== undefined) memory.bytes -= shadows.bytes
      shadows?.clear()
      this.#shadows = new Shadows(entries, memory)
      while (records >>> this.#samplingBits > entries) this.#samplingBits++
    } else if (records >>> this.#samplingBits > shadows.entries) {
      this.#samplingBits++
      shadows.prune((hash) => this.#isSampled(hash))
    }
  }

  #forgetRemoved(): void {
    if (this.#hasRemoved) this.#shadows?.remove(this.#removed)
    this.#hasRemoved = false
  }

  /** An access of a sampled key. */
  #sample(hash: Hash): void {
    this.#forgetRemoved()
    const shadows = this.#shadows
    if (shadows === undefined) return
    const { mode } = this
    const budget = Math.min(shadows.entries, Math.max(1, this.context.count() >>> this.#samplingBits))
    const hits = shadows.access(hash, budget)
    const threshold = Math.max(MIN_THRESHOLD, THRESHOLD_SHARE * budget) * this.#raised
    const ahead = this.#ahead
    const present = (hits & HIT_OF_MODE[mode]) === 0 ? 0 : 1
    let best: Mode = mode
    for (const other of MODES) {
      if (other === mode) continue
      const hit = (hits & HIT_OF_MODE[other]) === 0 ? 0 : 1
      ahead[other] = Math.max(-FLOOR * threshold, ahead[other] + hit - present - DRIFT)
      if (ahead[other] > threshold && (best === mode || ahead[other] > ahead[best])) best = other
    }
    if (best !== mode) this.#changeTo(best)
    else if (++this.#quiet > QUIET * Math.max(MIN_QUIET_ENTRIES, budget)) {
      this.#raised = Math.max(1, this.#raised / RAISED)
      this.#quiet = 0
    }
    if (this.mode !== Mode.W_TINY_LFU) this.#record(threshold)
  }

  #changeTo(mode: Mode): void {
    if (mode !== Mode.W_TINY_LFU) this.counts = false
    else if (!this.counts) {
      this.sketch.reset()
      this.counts = true
    }
    this.changeMode(mode)
    this.#ahead.fill(0)
    this.#raised = Math.min(MOST_RAISED, this.#raised * RAISED)
    this.#quiet = 0
  }

  /** Counts accesses while W-TinyLFU may soon take over. */
  #record(threshold: number): void {
    const ahead = this.#ahead[Mode.W_TINY_LFU]
    if (this.counts) this.counts = ahead >= 0
    else if (ahead > threshold * RECORDED_FROM) {
      this.sketch.reset()
      this.counts = true
    }
  }
}

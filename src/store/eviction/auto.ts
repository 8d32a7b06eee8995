// Chooses between LRU, S3-FIFO and W-TinyLFU by the hits that each would have, and switches when another one is ahead.

import type { Hash } from '../../bytes/hash.ts'
import type { Ref } from '../arena.ts'
import type { EvictionContext } from './policy.ts'
import { FREE_BIT, Mode, Queues } from './queues.ts'
import { LRU_HIT, S3_HIT, Shadows, TINY_LFU_HIT } from './shadows.ts'

/*
 * One key in 2^k is sampled, so that the shadow caches have some hundred entries however many records there are. Every
 * access of a sampled key goes to all three shadows. For each policy that is not in use, a sum accumulates its hits
 * minus those of the current policy, and is bounded below (a CUSUM test, Page 1954): above a threshold it takes over.
 * Each switch raises the threshold for some time, so that two equally good policies do not alternate.
 */

const MODES = Object.values(Mode)
const HIT_OF_MODE: readonly number[] = [LRU_HIT, S3_HIT, TINY_LFU_HIT]
/** The threshold: this part of a shadow's entries, and at least this many hits. */
const THRESHOLD_SHARE = 0.05
const MIN_THRESHOLD = 48
/**
 * A switch raises the threshold by this factor, at most to this multiple; without a switch for `QUIET` it is lowered.
 */
const RAISED = 1.5
const MAX_RAISED = 16
/** Sampled accesses, per entry of a shadow of at least this many entries. */
const QUIET = 40
const MIN_QUIET_ENTRIES = 200
/** The sum of a policy is at least this many negative thresholds; each access lowers it a little. */
const FLOOR = 4
const DRIFT = 0.002
/**
 * The sum from which accesses are counted in the sketch, as a part of the threshold: W-TinyLFU needs counts when it
 * starts.
 */
const RECORDED_FROM = 0.25
/** The sum below which counting stops again. */
const RECORDED_TO = -0.5

/** The sample is widened when there are fewer records in it than this part of a shadow's entries. */
const WIDENED_BELOW = 0.25
/** Index slots that one sampled access visits while the sample is being widened. */
const WIDENED_SLOTS = 1024
/** Shadow slots that one sampled access visits after the sample was made smaller. */
const PRUNED_SLOTS = 64

/** Entries of a shadow. Their memory, about 230 KiB, is the same for every budget and does not count for it. */
const ENTRIES = 2048

export class Auto extends Queues {
  /** `undefined` until the first record. */
  #shadows: Shadows | undefined
  #samplingBits = 0
  /** The records of the keys in one of 2^`#markedBits` are marked: one bit less while the sample is being widened. */
  #markedBits = 0
  /** The hash where widening continues. */
  #cursor = 0
  /** Slots of the shadows from here on may still have keys that are not sampled any more. */
  #pruned = Number.POSITIVE_INFINITY
  /** The share of all records that was in the sample before that. */
  #shareBefore = 1
  /** By mode: the sum of its hits minus those of the current mode. */
  readonly #ahead = new Float64Array(3)
  #raised = 1
  #quiet = 0
  /** The hash of a sampled record that was removed; it may be replaced at once by a new record of the same key. */
  #removed = 0 as Hash
  #hasRemoved = false
  #isEvicting = false

  constructor(context: EvictionContext) {
    super(context, Mode.S3_FIFO)
    this.counts = true
  }

  override inserted(ref: Ref, hash: Hash, before: number): void {
    if (before >= 0) this.#hasRemoved = false
    super.inserted(ref, hash, before)
    if (!isSampled(hash, this.#markedBits)) return
    this.#mark(ref)
    if (isSampled(hash, this.#samplingBits)) this.#sample(ref, hash)
  }

  override accessed(ref: Ref): void {
    const { records, hashOf } = this.context
    const bits = records.policyBits(ref)
    if ((bits & FREE_BIT) !== 0 && this.#shadows !== undefined) {
      const hash = hashOf(ref)
      if (isSampled(hash, this.#samplingBits)) this.#sample(ref, hash)
      else if (!isSampled(hash, this.#markedBits)) records.setPolicyBits(ref, bits & ~FREE_BIT)
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
  }

  override clear(): void {
    super.clear()
    this.#shadows?.clear()
    this.#ahead.fill(0)
    this.#samplingBits = 0
    this.#markedBits = 0
    this.#pruned = Number.POSITIVE_INFINITY
    this.#hasRemoved = false
  }

  override adoptedBits(hash: Hash): number {
    return super.adoptedBits(hash) | (isSampled(hash, this.#markedBits) ? FREE_BIT : 0)
  }

  #mark(ref: Ref): void {
    const { records } = this.context
    records.setPolicyBits(ref, records.policyBits(ref) | FREE_BIT)
  }

  /** Makes the sample smaller when there are more records than the shadows hold, and larger when there are few. */
  #resize(shadows: Shadows): void {
    if (this.#pruned < shadows.slots) {
      this.#prune(shadows)
      return
    }
    const { entries, length } = shadows
    const count = this.context.count()
    const sampled = Math.max(length, count >>> this.#samplingBits)
    if (sampled >= entries) {
      this.#shareBefore = 2 ** -this.#samplingBits
      this.#samplingBits++
      while (count >>> this.#samplingBits > entries) this.#samplingBits++
      this.#markedBits = this.#samplingBits
      this.#pruned = 0
    } else if (this.#samplingBits > 0 && sampled < entries * WIDENED_BELOW) this.#widen()
  }

  /** One step of removing keys that are not sampled any more. */
  #prune(shadows: Shadows): void {
    const to = Math.min(shadows.slots, this.#pruned + PRUNED_SLOTS)
    const bits = this.#samplingBits
    shadows.prune(this.#pruned, to, (hash) => isSampled(hash, bits))
    this.#pruned = to
  }

  /**
   * The share of all records that the shadows have: those of the sample, and others in slots that are not pruned yet.
   */
  #share(shadows: Shadows): number {
    const share = 2 ** -this.#samplingBits
    if (this.#pruned >= shadows.slots) return share
    return share + (this.#shareBefore - share) * (1 - this.#pruned / shadows.slots)
  }

  /**
   * Marks some of the records whose keys a sample twice as large has more; after the last one, uses it. They are next to
   * each other in the index, as the sample is a range of hashes.
   */
  #widen(): void {
    const bits = this.#samplingBits - 1
    if (this.#markedBits !== bits) {
      this.#markedBits = bits
      this.#cursor = 2 ** (31 - bits)
    }
    this.#cursor = this.context.walk(this.#cursor, WIDENED_SLOTS, (ref, hash) => {
      if (isSampled(hash, bits)) this.#mark(ref)
    })
    if (this.#cursor === 0 || !isSampled((this.#cursor | 0) as Hash, bits)) this.#samplingBits = bits
  }

  #forgetRemoved(): void {
    if (this.#hasRemoved) this.#shadows?.remove(this.#removed)
    this.#hasRemoved = false
  }

  /** An access of a sampled key. */
  #sample(ref: Ref, hash: Hash): void {
    this.#shadows ??= new Shadows(ENTRIES)
    const shadows = this.#shadows
    this.#forgetRemoved()
    this.#resize(shadows)
    const { mode } = this
    const share = this.#share(shadows)
    const { arena, count, units } = this.context
    const entries = Math.min(shadows.entries, (count() + 1) * share)
    const hits = shadows.access(hash, arena.units(ref), units() * share)
    const threshold = Math.max(MIN_THRESHOLD, THRESHOLD_SHARE * entries) * this.#raised
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
    else if (++this.#quiet > QUIET * Math.max(MIN_QUIET_ENTRIES, entries)) {
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
    // While LRU has fewer hits than S3-FIFO, new entries are read less often than old ones.
    this.drainsToOldest = this.#ahead[Mode.LRU] <= 0
    this.#ahead.fill(0)
    this.#raised = Math.min(MAX_RAISED, this.#raised * RAISED)
    this.#quiet = 0
  }

  /** Counts accesses while W-TinyLFU may soon take over. */
  #record(threshold: number): void {
    const ahead = this.#ahead[Mode.W_TINY_LFU]
    if (this.counts) this.counts = ahead >= threshold * RECORDED_TO
    else if (ahead > threshold * RECORDED_FROM) {
      this.sketch.reset()
      this.counts = true
    }
  }
}

/** Whether a key is in the sample of one in 2^`bits`. */
function isSampled(hash: Hash, bits: number): boolean {
  return (hash >>> 1) >>> (31 - bits) === 0
}

// Load epochs: records that were loaded before an event are stale, or have void validators.

import type { Ref } from '../arena.ts'
import type { Records } from '../record.ts'

/*
 * A load epoch is the `loadedAt` of a record: milliseconds since the Unix epoch, raised where needed so that each
 * record compares correctly with both borders below. Every load before a border has a smaller or equal epoch, every
 * load after it a greater one, even within one millisecond and when the system clock is set back.
 */
export class LoadEpochs {
  /** Records loaded up to here are stale; 0: none. */
  readonly #validityEpoch = new Float64Array(1)
  /** Validators of records loaded up to here are void: another origin issued them. */
  readonly #validatorEpoch = new Float64Array(1)
  /** The later of both borders. */
  #lastBorder = 0
  /** The greatest load epoch so far. */
  readonly #latestLoad = new Float64Array(1)
  readonly #end = new Float64Array(1)
  readonly #records: Records
  readonly #now: Float64Array

  /** @param now the current time in `now[0]`, in milliseconds since the Unix epoch */
  constructor(records: Records, now: Float64Array) {
    this.#records = records
    this.#now = now
  }

  /** The epoch of a load that completes now: greater than both borders. */
  current(): number {
    return Math.max(this.#now[0], this.#lastBorder + 1)
  }

  /** A record of epoch `at[0]` was stored. */
  recordLoad(at: Float64Array): void {
    if (at[0] > this.#latestLoad[0]) this.#latestLoad[0] = at[0]
  }

  /** Whether any record was ever loaded. */
  get hasLoads(): boolean {
    return this.#latestLoad[0] !== 0
  }

  /** Invalidates every record loaded so far. */
  invalidate(): void {
    this.#validityEpoch[0] = this.#drawBorder()
  }

  /** Voids the validators of every record loaded so far. */
  invalidateValidators(): void {
    this.#validatorEpoch[0] = this.#drawBorder()
  }

  #drawBorder(): number {
    this.#lastBorder = Math.max(this.#now[0], this.#latestLoad[0])
    return this.#lastBorder
  }

  isInvalid(ref: Ref): boolean {
    return this.#validityEpoch[0] !== 0 && this.#records.isLoadedBy(ref, this.#validityEpoch)
  }

  isValidatorInvalid(ref: Ref): boolean {
    return this.#records.isLoadedBy(ref, this.#validatorEpoch)
  }

  /**
   * Ends the lifetime of an invalid record at the time of its invalidation, and in any case before now. The new
   * deadline is written into the record, so that dumps and other readers need no epochs. After several invalidations
   * the last one counts; the lifetime never becomes longer.
   *
   * @returns whether the record may still be served stale; false: it must be removed
   */
  expireInvalid(ref: Ref): boolean {
    return this.#expireAt(ref, Math.min(this.#validityEpoch[0], this.#now[0]))
  }

  /** As `expireInvalid`, for any single record, at the current time. */
  expireNow(ref: Ref): boolean {
    return this.#expireAt(ref, this.#now[0])
  }

  #expireAt(ref: Ref, ms: number): boolean {
    this.#end[0] = Math.max(1, ms - 1)
    return this.#records.capDeadline(ref, this.#end) && !this.#records.isExpired(ref, this.#now)
  }
}

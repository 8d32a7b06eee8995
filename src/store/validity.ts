// What of all that the origin has given counts as stale, or as of no known version, since it was given before some moment.

import type { Ref } from './arena.ts'
import type { Records } from './record.ts'

/** Keeps the order of loads and of such moments whatever the clock does: of one that goes back the past is longer. */
export class Validity {
  /** What was given until then is not fresh; 0: there was no such moment. */
  readonly #validityEpoch = new Float64Array(1)
  /** What was given until then was so by an origin that is another one now. */
  readonly #validatorEpoch = new Float64Array(1)
  /** The later of both. */
  #lastEpoch = 0
  /** When the latest of all loads was. */
  readonly #latestLoad = new Float64Array(1)
  readonly #end = new Float64Array(1)
  readonly #records: Records
  readonly #now: Float64Array

  /** @param now milliseconds since the epoch, in a cell */
  constructor(records: Records, now: Float64Array) {
    this.#records = records
    this.#now = now
  }

  /** When something is loaded now: after every load that is distrusted. */
  loadEpoch(): number {
    return Math.max(this.#now[0], this.#lastEpoch + 1)
  }

  /** Something was loaded at `at[0]`. */
  recordLoad(at: Float64Array): void {
    if (at[0] > this.#latestLoad[0]) this.#latestLoad[0] = at[0]
  }

  invalidate(): void {
    this.#validityEpoch[0] = this.#startEpoch()
  }

  invalidateValidators(): void {
    this.#validatorEpoch[0] = this.#startEpoch()
  }

  /** Draws the line between all loads so far and those to come. */
  #startEpoch(): number {
    this.#lastEpoch = Math.max(this.#now[0], this.#latestLoad[0])
    return this.#lastEpoch
  }

  isInvalid(ref: Ref): boolean {
    return this.#validityEpoch[0] !== 0 && this.#records.isLoadedBy(ref, this.#validityEpoch)
  }

  isValidatorInvalid(ref: Ref): boolean {
    return this.#records.isLoadedBy(ref, this.#validatorEpoch)
  }

  /**
   * Ends the life of what is distrusted when that began, before this millisecond in any case; whether it is of use
   * after that. What is written down here is all that a dump, or whoever else looks, has to know. If that began several
   * times before anybody looked, the last one counts: never beyond what the lifetime itself would have allowed.
   */
  expireInvalid(ref: Ref): boolean {
    return this.#expireAt(ref, Math.min(this.#validityEpoch[0], this.#now[0]))
  }

  /** Ends the life of one value now, whoever gave it, as `isKeptStale` does. */
  expireNow(ref: Ref): boolean {
    return this.#expireAt(ref, this.#now[0])
  }

  #expireAt(ref: Ref, moment: number): boolean {
    this.#end[0] = Math.max(1, moment - 1)
    return this.#records.capDeadline(ref, this.#end) && !this.#records.isExpired(ref, this.#now)
  }
}

// The memory of a group: its budget and its eviction policy. Both are changed in steps.

import type { Timers } from '../bytes/clock.ts'
import { evictionFactory } from '../store/eviction/policies.ts'
import type { EvictionPolicyFactory } from '../store/eviction/policy.ts'
import type { Store } from '../store/store.ts'
import type { Copies } from './copies/copies.ts'
import type { GroupPolicy } from './policy.ts'

/** The part of a group whose memory is limited. */
export interface LimitedGroup {
  readonly policy: GroupPolicy
  readonly isRemoved: boolean
  /** Replaced by SWAPDB. */
  readonly store: Store
  readonly copies: Copies | undefined
}

/** Bytes freed per step: about 1 ms of evictions. */
const EVICTION_STEP_BYTES = 256 * 1024
/** Index slots per step of a change of the eviction policy: less than 1 ms. */
const EVICTION_STEP_SLOTS = 4096
const EVICTION_PAUSE_MS = 1

export function evictionOf({ eviction = 'lru', evictionCost = 'none' }: GroupPolicy): EvictionPolicyFactory {
  return evictionFactory(eviction, evictionCost)
}

export class GroupMemory {
  readonly #group: LimitedGroup
  readonly #timers: Timers
  #maxBytes: number
  /** While a smaller budget evicts in steps: the bytes that are still to be freed. */
  #excess = 0
  /** Whether a timer for the next step of a change of the eviction policy is set. */
  #isChangingEviction = false

  constructor(group: LimitedGroup, maxBytes: number, timers: Timers) {
    this.#group = group
    this.#maxBytes = maxBytes
    this.#timers = timers
  }

  get maxBytes(): number {
    return this.#maxBytes
  }

  /** See `Group.maxBytes`. */
  set maxBytes(bytes: number) {
    this.#maxBytes = bytes
    this.#excess = 0
    this.#group.copies?.setBudget(bytes)
    this.limitStore()
  }

  /** See `Group.changeBudget`. */
  changeBudget(bytes: number): void {
    const { store, copies } = this.#group
    const excess = store.usedBytes + (copies?.reserved ?? 0) - bytes
    if (excess <= EVICTION_STEP_BYTES) {
      this.maxBytes = bytes
      return
    }
    const isRunning = this.#excess > 0
    this.#maxBytes = bytes
    this.#excess = excess
    copies?.setBudget(bytes)
    this.limitStore()
    if (!isRunning) this.#evictLater()
  }

  /** Limits the store to the budget without the `reserved` bytes of the copies. */
  limitStore(reserved: number = this.#group.copies?.reserved ?? 0): void {
    this.#group.store.maxBytes = this.#maxBytes + this.#excess - reserved
  }

  /** See `Group.changeEviction`. */
  changeEviction(): void {
    const { store, policy } = this.#group
    store.eviction = evictionOf(policy)
    // One step at a time, however many changes: the store of a group may be exchanged between two steps.
    if (!this.#isChangingEviction) this.#stepEviction()
  }

  /** The group is removed: no more steps of a smaller budget. */
  retire(): void {
    this.#excess = 0
  }

  #evictLater(): void {
    this.#timers.after(EVICTION_PAUSE_MS, () => {
      if (this.#excess === 0) return
      this.#excess = Math.max(0, this.#excess - EVICTION_STEP_BYTES)
      this.limitStore()
      if (this.#excess > 0) this.#evictLater()
    })
  }

  #stepEviction(): void {
    const { isRemoved, store } = this.#group
    this.#isChangingEviction = !isRemoved && !store.changeEviction(EVICTION_STEP_SLOTS)
    if (this.#isChangingEviction) this.#timers.after(EVICTION_PAUSE_MS, () => this.#stepEviction())
  }
}

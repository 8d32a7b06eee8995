// The share of a group's budget that its hot copies use: it grows in steps as they arrive, and is returned when none is
// left.

import type { Hasher } from '../../bytes/hash.ts'
import type { Instant } from '../../bytes/instant.ts'
import { MIN_INDEX_BYTES } from '../../store/index.ts'
import { Store } from '../../store/store.ts'

/** The share grows in steps of this size, so that each step evicts few of the group's own entries. */
const STEP_BYTES = 256 * 1024
/** A smaller share is not used. */
const MIN_BYTES = 4096

export interface BudgetShareOptions {
  /** The maximum share as a fraction of the budget. */
  readonly fraction: number
  readonly budget: number
  readonly instant: Instant
  readonly hasher: Hasher
  /** See `CopiesOptions.reserve`. */
  readonly reserve: (bytes: number) => void
}

export class BudgetShare {
  /** The store of the copies; `undefined` while there are none. */
  store: Store | undefined
  /** The maximum size of the share, bytes. */
  limit: number
  readonly #options: BudgetShareOptions
  /** Expirations in stores that were released. */
  #expiredBefore = 0

  constructor(options: BudgetShareOptions) {
    this.#options = options
    this.limit = Math.floor(options.budget * options.fraction)
  }

  get isWorthHaving(): boolean {
    return this.limit >= MIN_BYTES
  }

  get expired(): number {
    return this.#expiredBefore + (this.store?.expired ?? 0)
  }

  resetExpired(): void {
    this.#expiredBefore = 0
    if (this.store !== undefined) this.store.expired = 0
  }

  /** The group's budget has changed. Call `shrink` afterwards, unless the share is released. */
  setBudget(bytes: number): void {
    this.limit = Math.floor(bytes * this.#options.fraction)
  }

  /** Evicts what is above the limit. */
  shrink(): void {
    const { store, limit } = this
    if (store === undefined || store.maxBytes <= limit) return
    store.maxBytes = limit
    this.#options.reserve(limit)
  }

  /** The store, with room for this many bytes more if the share may still grow. */
  withRoom(bytes: number): Store {
    const { instant, hasher, reserve } = this.#options
    const { limit } = this
    let { store } = this
    const has = store?.maxBytes ?? 0
    const wants = (store?.usedBytes ?? MIN_INDEX_BYTES) + bytes
    if (store === undefined || (wants > has && has < limit)) {
      const size = Math.min(limit, Math.max(wants, has + STEP_BYTES))
      reserve(size)
      // Created with the size of the whole share; memory is committed only as it grows.
      store ??= new Store({ maxBytes: limit, hasher, instant })
      store.maxBytes = size
      this.store = store
    }
    return store
  }

  /** Returns the whole share to the group's own entries. */
  release(): void {
    if (this.store === undefined) return
    this.#expiredBefore += this.store.expired
    this.store = undefined
    this.#options.reserve(0)
  }
}

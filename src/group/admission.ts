// Step 6 of the read path: stores load results, and finds cached versions for revalidation and for stale if error.

import type { Instant } from '../bytes/instant.ts'
import { NULL_REF } from '../store/arena.ts'
import { EXPIRES, FRESHNESS, FreshnessWindows, LOADED, tagFlags, ValueType } from '../store/record.ts'
import type { Store } from '../store/store.ts'
import { copyValue, putValue, type Value } from '../store/value.ts'
import type { CachedVersion, LoadResult } from './flights/flight.ts'
import type { Freshness } from './freshness.ts'
import { TOO_MANY_TAGS, tagsOf, takeLoadedTags } from './tags.ts'
import type { WatchedKeys } from './watches/watched-keys.ts'

/** The part of the group that admission uses. */
export interface AdmittingGroup {
  readonly policy: { readonly ttlMs: number; readonly negativeTtlMs: number }
  readonly freshness: Freshness
  /** Replaced by SWAPDB. */
  readonly store: Store
  readonly watchedKeys: WatchedKeys
  lifetime(): number
  fence(bytes: Buffer, start: number, end: number): void
  announceLoaded(key: Buffer): void
}

const NOTHING = Buffer.alloc(0)

export class Admission {
  /** Upper limit of all TTLs in ms; it overrides policy and origin. */
  maxLifetimeMs = Infinity
  readonly #group: AdmittingGroup
  readonly #instant: Instant
  readonly #windows = new FreshnessWindows()

  constructor(group: AdmittingGroup, instant: Instant) {
    this.#group = group
    this.#instant = instant
  }

  /** Stores a value or its absence, unless the load was fenced. Returns an error if the value cannot be stored or used. */
  store(key: Buffer, loadResult: LoadResult): string | undefined {
    const { value, fenced } = loadResult
    const { store } = this.#group
    if (!takeLoadedTags(store, loadResult)) return TOO_MANY_TAGS
    const flags = LOADED | tagFlags(store.entryTags.count) | this.#planLifetime(loadResult)
    const deadline = store.deadline[0]
    // Checked for fenced loads too: whether the client gets an error must not depend on concurrent writes.
    const notesLength = (flags & FRESHNESS) === 0 ? 0 : store.newValidator.length
    if (value !== null && !store.fits(key.length, value.length, flags, notesLength))
      return `a value of ${value.length} bytes exceeds the budget of ${store.maxBytes} bytes`
    if (fenced || store.validity.tagEpochs.isInvalid(store.entryTags)) return undefined
    const { watchedKeys } = this.#group
    if (watchedKeys.size === 0) return this.#put(key, loadResult, flags, deadline)
    watchedKeys.loading(key, value)
    try {
      return this.#put(key, loadResult, flags, deadline)
    } finally {
      watchedKeys.loaded()
    }
  }

  #put(key: Buffer, { value, ms, facts }: LoadResult, flags: number, deadline: number): string | undefined {
    const { store } = this.#group
    this.#removeOld(key)
    store.loadedAt[0] = store.validity.loadEpoch()
    store.loadMs = Math.min(ms, 0x7fffffff)
    if (value === null) {
      const ttl = Math.min(facts?.ttl ?? this.#group.policy.negativeTtlMs, this.maxLifetimeMs)
      if (ttl === 0) return undefined
      store.deadline[0] = deadlineAfter(this.#instant.now, ttl)
      const absent = (flags & ~FRESHNESS) | EXPIRES
      store.put(key, 0, key.length, NOTHING, 0, 0, ValueType.ABSENT, absent)
      return undefined
    }
    // Stale from the start: kept for its stale window, or to be revalidated by the next load.
    if (facts?.ttl === 0 && store.windows.retention === 0) return undefined
    store.deadline[0] = deadline
    // A collection is larger in the store than its encoding.
    if (putValue(store, key, 0, key.length, value, flags) === NULL_REF)
      return `a value of ${value.length} bytes exceeds the budget of ${store.maxBytes} bytes`
    this.#group.announceLoaded(key)
    return undefined
  }

  /** The cached version of a key, if it has a validator for a conditional load. */
  cachedVersion(key: Buffer): CachedVersion | undefined {
    const { store } = this.#group
    const ref = store.peek(key, 0, key.length)
    if (ref === NULL_REF || store.records.type(ref) === ValueType.ABSENT) return undefined
    const validator = store.validity.validator(ref).toString('utf8')
    return validator === ''
      ? undefined
      : { validator, value: copyValue(store, ref), tags: tagsOf(store, ref) }
  }

  /**
   * The cached value that a read gets without a load; `null`: a negative entry; `undefined`: nothing, or a stale value.
   */
  freshValue(key: Buffer): Value | null | undefined {
    const { store } = this.#group
    const ref = store.peek(key, 0, key.length)
    if (ref === NULL_REF || store.records.isStale(ref, this.#instant.ms)) return undefined
    return store.records.type(ref) === ValueType.ABSENT ? null : copyValue(store, ref)
  }

  /** The stale value for a read whose load has failed or takes too long. */
  staleValue(key: Buffer): Value | undefined {
    const { store, freshness } = this.#group
    const ref = store.peek(key, 0, key.length)
    if (ref === NULL_REF || store.records.type(ref) === ValueType.ABSENT) return undefined
    return freshness.isServedOnError(store.records, ref, this.#windows, this.#instant.now)
      ? copyValue(store, ref)
      : undefined
  }

  /** Sets TTL and stale windows as arguments of `store.put`; returns their flags. */
  #planLifetime({ facts, ms }: LoadResult): number {
    const { store, policy, freshness } = this.#group
    const { now } = this.#instant
    const { maxLifetimeMs } = this
    const ttl = facts?.ttl
    if (Math.min(ttl ?? (policy.ttlMs || Infinity), maxLifetimeMs) === Infinity) return 0
    if (ttl !== undefined) store.deadline[0] = ttl === 0 ? now - 1 : deadlineAfter(now, ttl)
    else if (this.#group.lifetime() === 0) store.deadline[0] = Infinity
    store.deadline[0] = Math.min(store.deadline[0], deadlineAfter(now, maxLifetimeMs))
    const lifetime = Math.max(0, store.deadline[0] - now)
    const notes = freshness.plan(store.windows, facts, ms, lifetime, maxLifetimeMs)
    if (notes === undefined) return EXPIRES
    store.newValidator = notes
    return EXPIRES | FRESHNESS
  }

  /** Removes the entry that the load result replaces; nodes with hot copies of it are notified. */
  #removeOld(key: Buffer): void {
    const { store } = this.#group
    const ref = store.peek(key, 0, key.length)
    if (ref === NULL_REF) return
    this.#group.fence(key, 0, key.length)
    store.remove(ref)
  }
}

/** `now + ttl`, limited to the deadlines that a record can hold, ms since the epoch. */
function deadlineAfter(now: number, ttl: number): number {
  return Math.min(now + Math.max(1, Math.ceil(ttl)), Number.MAX_SAFE_INTEGER)
}

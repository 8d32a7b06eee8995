// Step 6 of the read path: keeps what the origin gave, and finds what is held of it when it is asked for anew.

import type { Instant } from '../bytes/instant.ts'
import { NULL_REF } from '../store/arena.ts'
import { EXPIRES, FRESHNESS, FreshnessWindows, LOADED, tagFlags, ValueType } from '../store/record.ts'
import type { Store } from '../store/store.ts'
import type { CachedVersion, LoadResult } from './flights.ts'
import { type Freshness, hasStaleWindow } from './freshness.ts'
import { TOO_MANY_TAGS, tagsOf, takeLoadedTags } from './tags.ts'

/** The group that keeps it. */
export interface AdmittingGroup {
  readonly policy: { readonly ttlMs: number; readonly negativeTtlMs: number }
  readonly freshness: Freshness
  /** SWAPDB exchanges it. */
  readonly store: Store
  lifetime(): number
  fence(bytes: Buffer, start: number, end: number): void
}

const NOTHING = Buffer.alloc(0)

export class Admission {
  /** Nothing is kept for longer, in ms, whatever policy and origin say. */
  maxLifetimeMs = Infinity
  readonly #group: AdmittingGroup
  readonly #instant: Instant
  readonly #windows = new FreshnessWindows()

  constructor(group: AdmittingGroup, instant: Instant) {
    this.#group = group
    this.#instant = instant
  }

  /** Keeps a value, or its absence, unless its load was fenced. Returns why it cannot be kept or given. */
  store(key: Buffer, loadResult: LoadResult): string | undefined {
    const { value, ms, fenced, facts } = loadResult
    const { store } = this.#group
    if (!takeLoadedTags(store, loadResult)) return TOO_MANY_TAGS
    const flags = LOADED | tagFlags(store.entryTags.count) | this.#planLifetime(loadResult)
    const deadline = store.deadline[0]
    // Whether it can be given must not depend on who else has written meanwhile.
    const notesLength = (flags & FRESHNESS) === 0 ? 0 : store.newValidator.length
    if (value !== null && !store.fits(key.length, value.length, flags, notesLength))
      return `a value of ${value.length} bytes exceeds the budget of ${store.maxBytes} bytes`
    if (fenced || store.validity.tagEpochs.isInvalid(store.entryTags)) return undefined
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
    if (facts?.ttl === 0 && !hasStaleWindow(facts)) return undefined
    store.deadline[0] = deadline
    store.put(key, 0, key.length, value, 0, value.length, ValueType.STRING, flags)
    return undefined
  }

  /** The version that is held of a key, if the origin can be asked whether it is current. */
  cachedVersion(key: Buffer): CachedVersion | undefined {
    const { store } = this.#group
    const ref = store.peek(key, 0, key.length)
    if (ref === NULL_REF || store.records.type(ref) !== ValueType.STRING) return undefined
    const validator = store.validity.validator(ref).toString('utf8')
    return validator === '' ? undefined : { validator, value: store.copyValue(ref), tags: tagsOf(store, ref) }
  }

  /** What a read of a key is given whose load has failed. */
  staleValue(key: Buffer): Buffer | undefined {
    const { store, freshness } = this.#group
    const ref = store.peek(key, 0, key.length)
    if (ref === NULL_REF || store.records.type(ref) === ValueType.ABSENT) return undefined
    return freshness.isServedOnError(store.records, ref, this.#windows, this.#instant.now)
      ? store.copyValue(ref)
      : undefined
  }

  /** Makes for how long a value lives the arguments of `store.put`, and returns the flags that go with them. */
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

  /** What was loaded takes the place of what was held: whoever keeps a copy of that is told. */
  #removeOld(key: Buffer): void {
    const { store } = this.#group
    const ref = store.peek(key, 0, key.length)
    if (ref === NULL_REF) return
    this.#group.fence(key, 0, key.length)
    store.remove(ref)
  }
}

/** A moment that a record can hold; an absence is remembered for no longer than that. */
function deadlineAfter(now: number, ttl: number): number {
  return Math.min(now + Math.max(1, Math.ceil(ttl)), Number.MAX_SAFE_INTEGER)
}

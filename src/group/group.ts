// A group: one bounded keyspace with its origin and policies; the read path begins here.

/*
 * The read path, numbered as in README.md and docs/concepts.md:
 *
 *   1. A client sends `GET key` to any node, in the group it has selected.            (server, commands)
 *   2. The node maps the key to a slot, and the ring maps the slot to its owner.      (Router)
 *   3. Another node owns it: the request is forwarded, the answer returned as it is.  (Router)
 *   4. This node owns it: a live entry in the store answers at once.                  (Group.read)
 *   5. A miss with an origin joins the flight for that key; the first one starts it.  (Group.load)
 *   6. The loaded value enters the store, unless a write of the key fenced the flight. (Keeper.keep)
 *   7. A miss without an origin answers nil, as Redis does.
 */

import type { Timers } from '../bytes/clock.ts'
import type { Hasher } from '../bytes/hash.ts'
import type { Instant } from '../bytes/instant.ts'
import { NULL_REF, type Ref } from '../store/arena.ts'
import { EXPIRES, FreshnessWindows, ValueType } from '../store/record.ts'
import { Store } from '../store/store.ts'
import { Admission } from './admission.ts'
import type { BatchPolicy } from './batcher.ts'
import { Copies, type CopyPolicy } from './copies/copies.ts'
import { Flights, type LoadResult, type Waiter } from './flights.ts'
import { Freshness, type FreshnessPolicy, noFreshness } from './freshness.ts'
import { Governor, type GovernorOptions, type GovernorPolicy } from './governor.ts'
import type { Origin, OriginLog } from './origin.ts'
import { reasonOf } from './result.ts'
import { hashOfTag } from './tags.ts'
import { defaultWrites, type WriteOutcome, type WritePolicy, Writes } from './writes/writes.ts'

export interface GroupPolicy {
  readonly name: string
  readonly maxBytes: number
  readonly origin?: Origin
  /** Lifetime in ms of what is loaded or set without one of its own; 0: none. */
  readonly ttlMs: number
  /** A fraction of `ttlMs` by which each lifetime is shortened at random, so that what was loaded together does not expire together. */
  readonly jitter: number
  /** For how many ms the absence of a key is remembered; 0: not at all. */
  readonly negativeTtlMs: number
  /** A load longer than this fails; 0: no limit. */
  readonly originTimeoutMs: number
  /** How misses become calls of an origin that loads many keys at once; by default at most 100 keys of one turn. */
  readonly batch?: BatchPolicy
  /** What is served after its lifetime, and loaded before its end; by default nothing. */
  readonly freshness?: FreshnessPolicy
  /** What a write does besides changing the cache; by default nothing. */
  readonly writes?: WritePolicy
  /** How the origin is spared; by default not at all. */
  readonly governor?: GovernorPolicy
}

export interface GroupEnvironment {
  readonly instant: Instant
  readonly hasher: Hasher
  readonly timers: Timers
  /** Uniform in [0, 1). */
  readonly random: () => number
  /** Told what went wrong in the node itself while a load landed. */
  readonly reportFault?: (error: unknown) => void
}

/**
 * Told of every write before it happens, also of one that then changes nothing. What goes without a word: eviction,
 * expiry, and loads that enter where no entry is.
 */
export interface Watcher {
  written(group: Group, bytes: Buffer, start: number, end: number): void
  flushed(group: Group): void
  /** Some entries, nobody knows which, are invalid or stale. */
  invalidated?(group: Group): void
}

/** The origin gave no answer; the message names the group and says why. */
export class OriginError extends Error {
  override readonly name = 'OriginError'
}

/** What is known of a key that the origin need not be asked for. */
const NONE = { value: null }

/** Most bytes of a key in the log. */
const MAX_SHOWN = 200
/** Of writes that are lost one is named in so many ms. */
const WARNING_INTERVAL_MS = 1000

/** Of a group that refuses writes. */
const NO_ORIGIN: Origin = { kind: 'none', load: () => null }

/** An origin has so many ms to close. */
const MIN_CLOSE_MS = 1000

/** More than an empty store, and more than a record besides its key and value, occupies. */
const TEMPORARY_STORE_BYTES = 64 * 1024
const RECORD_BYTES = 128

export class Group {
  readonly policy: GroupPolicy
  /** Reads that found a value, reads that did not. */
  hits = 0
  misses = 0
  /** Of the hits, those after the lifetime of what they found. */
  staleHits = 0
  /** Of the misses, those given what was held because the load failed. */
  rescued = 0
  readonly freshness: Freshness
  /** `undefined` without a policy for it, or without an origin. */
  readonly governor: Governor | undefined
  readonly #windows = new FreshnessWindows()
  /** The keyspace; SWAPDB exchanges it with another group's. */
  store: Store
  /** Loads under way; `undefined` without an origin. */
  readonly flights: Flights | undefined
  /** Writes to the origin; `undefined` where a write changes the cache only. */
  readonly writes: Writes | undefined
  #scratch: Group | undefined
  /** What is held for a moment of other nodes' keys; `undefined` on a node that owns every key. */
  copies: Copies | undefined
  readonly #environment: GroupEnvironment
  #maxBytes: number
  readonly #admission: Admission
  #log: OriginLog | undefined
  /** When a write was last said to be lost. */
  #warnedAt = -Infinity
  /** Whether the source, which tells of changes, is not heard at present. */
  isDisconnected = false
  /** Never changed in place: a watcher may leave while all are told. */
  #watchers: readonly Watcher[] = []

  constructor(policy: GroupPolicy, environment: GroupEnvironment) {
    this.policy = policy
    this.#environment = environment
    this.#maxBytes = policy.maxBytes
    this.freshness = new Freshness(policy.freshness ?? noFreshness, environment.random)
    this.store = new Store({
      maxBytes: policy.maxBytes,
      hasher: environment.hasher,
      instant: environment.instant,
    })
    this.#admission = new Admission(this, environment.instant)
    const now = (): number => {
      environment.instant.refresh()
      return environment.instant.now
    }
    const steady = (): number => {
      environment.instant.refresh()
      return environment.instant.monotonicMs
    }
    const { timers, random } = environment
    const { origin = NO_ORIGIN } = policy
    if (origin !== NO_ORIGIN)
      this.governor = policy.governor && this.#govern({ ...policy.governor, now: steady, timers, random })
    const { governor } = this
    const writes = policy.writes ?? defaultWrites
    if (writes.mode !== 'around') {
      const timeoutMs = policy.originTimeoutMs
      const failed = (key: Buffer, reason: string | undefined): void => this.#onFailedWrite(key, reason)
      const source = { group: policy.name, origin, timeoutMs, governor, failed }
      this.writes = new Writes({ ...writes, ...source, now, timers })
    }
    if (origin === NO_ORIGIN) return
    this.flights = new Flights({
      group: policy.name,
      origin,
      knownResult: (key) => this.#knownResult(key),
      timeoutMs: policy.originTimeoutMs,
      batch: policy.batch,
      now,
      timers,
      governor,
      loadEpoch: () => this.store.validity.tagEpochs.currentEpoch(),
      store: (key, loadResult) => this.#admission.store(key, loadResult),
      cachedVersion: (key) => this.#admission.cachedVersion(key),
      staleValue: (key) => this.#admission.staleValue(key),
      reportFault: (error) => environment.reportFault?.(error),
    })
  }

  get name(): string {
    return this.policy.name
  }

  /** The budget: what the store and the copies may occupy together. */
  get maxBytes(): number {
    return this.#maxBytes
  }

  /** A smaller budget evicts at once what no longer fits. */
  set maxBytes(bytes: number) {
    this.#maxBytes = bytes
    this.copies?.setBudget(bytes)
    this.store.maxBytes = bytes - (this.copies?.reserved ?? 0)
  }

  /**
   * Keeps copies of other nodes' keys from now on. They take their share of the budget as they come, from the least
   * recently used entries; before the first one, and when none is left, the whole budget is the store's.
   */
  enableCopies(policy: CopyPolicy): void {
    const { instant, hasher } = this.#environment
    const reserve = (bytes: number): void => {
      this.store.maxBytes = this.#maxBytes - bytes
    }
    const copies = new Copies({ policy, budget: this.#maxBytes, instant, hasher, reserve })
    this.copies?.dropAll()
    this.copies = copies
  }

  /**
   * Writes a string under a key, with the group's lifetime unless `flags` has `EXPIRES` (then it dies at
   * `store.deadline`), and with the tags of `store.entryTags` if it has their `tagFlags`.
   * `NULL_REF`: it alone exceeds the budget, nothing has changed.
   */
  set(
    key: Buffer,
    keyStart: number,
    keyEnd: number,
    value: Buffer,
    valueStart: number,
    valueEnd: number,
    flags: number,
  ): Ref {
    if ((flags & EXPIRES) === 0) flags |= this.lifetime()
    return this.store.put(key, keyStart, keyEnd, value, valueStart, valueEnd, ValueType.STRING, flags)
  }

  /** Keeps what is loaded for so many ms at most; 0: for as long as the policy says. */
  limitLifetime(ms: number): void {
    this.#admission.maxLifetimeMs = ms || Infinity
  }

  /** The flags of what is written without a lifetime of its own: with `EXPIRES`, `store.deadline` is the group's. */
  lifetime(): number {
    if (this.policy.ttlMs === 0) return 0
    this.#setDeadline()
    return EXPIRES
  }

  /**
   * Whether reading this key would wait for the origin: it is neither held nor known to be absent, or it is too stale.
   * What is read to be changed is never stale.
   */
  wouldLoad(bytes: Buffer, start: number, end: number, isWrite = false): boolean {
    if (this.flights === undefined) return false
    const ref = this.store.peek(bytes, start, end)
    const { ms } = this.#environment.instant
    if (ref === NULL_REF || !this.store.records.isStale(ref, ms)) return ref === NULL_REF
    return isWrite || this.freshness.decide(this.store.records, ref, this.#windows, ms[0]) === 'load'
  }

  /**
   * Whether a read is answered with the value at `ref`, for which `isDue` holds; begins to load it anew if it is time.
   * No write of the same command may follow: it would not fence that load.
   */
  serves(ref: Ref, bytes: Buffer, start: number, end: number): boolean {
    const { records } = this.store
    const { ms } = this.#environment.instant
    // Without an origin only by SWAPDB: then it lives as long as its lifetime.
    if (this.flights === undefined) return !records.isStale(ref, ms)
    const verdict = this.freshness.decide(records, ref, this.#windows, ms[0])
    if (verdict === 'load') return false
    if (verdict === 'refresh') this.staleHits++
    if (verdict === 'refresh' || this.freshness.refreshesAhead(records, ref, ms[0]))
      this.flights.refresh(Buffer.from(bytes.subarray(start, end)))
    return true
  }

  /** Milliseconds until a read loads the value at `ref` anew, which has a deadline. Only for groups with an origin. */
  nextRefresh(ref: Ref, key: Buffer): number {
    const pause = this.flights?.refreshBackoffMs(key) ?? 0
    const { now } = this.#environment.instant
    return this.freshness.nextRefresh(this.store.records, ref, this.#windows, now, pause)
  }

  /**
   * An empty keyspace with the policy of this group, for what is run before it counts; the same one every time. Of so
   * many keys none is evicted from it, though one alone may exceed the budget of this group.
   */
  scratch(keys: number): Group {
    const { policy } = this
    this.#scratch ??= new Group({ ...policy, origin: undefined, writes: undefined }, this.#environment)
    const scratch = this.#scratch
    // One key has the room that it has in the group, so that what is too large is refused in the same words.
    const most = this.store.maxBytes * (keys === 1 ? 1 : keys + 1)
    if (scratch.maxBytes !== most) scratch.maxBytes = most
    // Whoever used it removes what is left: clearing costs a hundred times as much.
    if (scratch.store.size > 0) scratch.clear()
    scratch.store.validity.tagEpochs.advanceTo(this.store.validity.tagEpochs)
    return scratch
  }

  /** Whether anybody must be told of writes: else `fence` does nothing and need not be called. */
  get isWatched(): boolean {
    return this.#watchers.length !== 0 || (this.flights !== undefined && this.flights.size !== 0)
  }

  /** The key `bytes[start, end)` is about to be written, removed or given another deadline. */
  fence(bytes: Buffer, start: number, end: number): void {
    this.flights?.fence(bytes, start, end)
    for (const watcher of this.#watchers) watcher.written(this, bytes, start, end)
  }

  /** All keys are about to be removed or exchanged. */
  fenceAll(): void {
    this.flights?.fenceAll()
    for (const watcher of this.#watchers) watcher.flushed(this)
  }

  /** Tells `watcher` of writes until the function returned is called; either may happen while it is being told. */
  watch(watcher: Watcher): () => void {
    this.#watchers = [...this.#watchers, watcher]
    return () => {
      this.#watchers = this.#watchers.filter((each) => each !== watcher)
    }
  }

  /** Step 5. `key` must not change. Only for groups with an origin. */
  load(key: Buffer, waiter: Waiter): void {
    if (this.flights === undefined) throw new Error(`group ${this.name} has no origin`)
    this.flights.join(key, waiter)
  }

  /**
   * Steps 4 to 7 for whoever has no connection: the value as bytes of its own, `null` if there is none.
   * @throws OriginError
   */
  async fetch(key: Buffer): Promise<Buffer | null> {
    this.#environment.instant.refresh()
    const { store } = this
    let ref = store.get(key, 0, key.length)
    const isDue = ref !== NULL_REF && store.records.needsRefresh(ref, this.#environment.instant.ms)
    if (isDue && !this.serves(ref, key, 0, key.length)) ref = NULL_REF
    if (ref !== NULL_REF && store.records.type(ref) !== ValueType.ABSENT) {
      this.hits++
      return store.copyValue(ref)
    }
    this.misses++
    if (ref !== NULL_REF || this.flights === undefined) return null
    const loadResult = await new Promise<LoadResult>((resolve) => this.load(key, resolve))
    const { value, error, isStale } = loadResult
    if (isStale === true) this.rescued++
    if (error !== undefined && isStale !== true) throw new OriginError(`${this.name}: ${error}`)
    return value === null ? null : Buffer.from(value)
  }

  /**
   * Writes a string; `ttlMs` 0 is the group's own lifetime.
   * @throws RangeError when the entry alone exceeds the budget; then nothing has changed
   */
  write(key: Buffer, value: Buffer, ttlMs: number): void {
    this.#environment.instant.refresh()
    if (this.isWatched) this.fence(key, 0, key.length)
    this.store.deadline[0] = this.#environment.instant.now + ttlMs
    const ref = this.set(key, 0, key.length, value, 0, value.length, ttlMs === 0 ? 0 : EXPIRES)
    if (ref === NULL_REF)
      throw new RangeError(`the entry alone exceeds the budget of ${this.store.maxBytes} bytes`)
  }

  /**
   * Writes a key, or with `null` removes it, and does what the policy says of writes; resolves to whether the cache
   * changed. For whoever has no connection.
   * @throws OriginError, RangeError as `write`
   */
  async change(key: Buffer, value: Buffer | null, ttlMs: number): Promise<boolean> {
    const apply = (): boolean => {
      if (value === null) return this.remove(key)
      this.write(key, value, ttlMs)
      return true
    }
    const { writes } = this
    if (writes === undefined) return apply()
    if (writes.mode === 'refuse') throw new OriginError(`${this.name}: the group refuses writes`)
    // Then nothing is written to the origin either.
    if (value !== null && !this.store.fits(key.length, value.length, EXPIRES)) return apply()
    return writes.exclusive([key], async () => {
      const { instant } = this.#environment
      instant.refresh()
      const deadline = value === null || ttlMs === 0 ? undefined : instant.now + ttlMs
      const change = [{ key, value, deadline }]
      const conclude = ({ unsure, error }: Pick<WriteOutcome, 'unsure' | 'error'>): boolean => {
        if (error !== undefined) {
          if (unsure.length > 0) this.markStale(key)
          throw new OriginError(`${this.name}: ${error}`)
        }
        if (unsure.length === 0) return apply()
        this.remove(key)
        return true
      }
      if (writes.mode === 'through') return writes.through(change, conclude)
      return conclude({ unsure: [], error: writes.enqueue(change) })
    })
  }

  /** Removes a key and fences its load. Whether it held a value. */
  remove(key: Buffer): boolean {
    this.#environment.instant.refresh()
    if (this.isWatched) this.fence(key, 0, key.length)
    const ref = this.store.peek(key, 0, key.length)
    if (ref === NULL_REF) return false
    const { records } = this.store
    const { ms } = this.#environment.instant
    const held = records.type(ref) !== ValueType.ABSENT && !records.isStale(ref, ms)
    this.store.remove(ref)
    return held
  }

  /**
   * A write that has failed may have changed a key at the origin all the same: what is held of it is stale from now on,
   * as after a gap in the word of changes, or removed if it is of no use then. A load under way is not kept.
   */
  markStale(key: Buffer): void {
    this.#environment.instant.refresh()
    if (this.isWatched) this.fence(key, 0, key.length)
    const ref = this.store.peek(key, 0, key.length)
    if (ref !== NULL_REF) this.store.invalidateEntry(ref)
  }

  /**
   * What is held of a key, of another node's too, is old: it is removed, and a load under way is not kept. Whether it
   * held a value.
   */
  invalidate(key: Buffer): boolean {
    this.copies?.drop(key, 0, key.length)
    this.writes?.noteChange(key)
    return this.remove(key)
  }

  /** What is known of a key without the origin. */
  #knownResult(key: Buffer): { readonly value: Buffer | null } | undefined {
    const { writes, policy } = this
    return (
      writes?.pendingResult(key) ??
      (policy.origin?.knows?.(key.toString('utf8')) === false ? NONE : undefined)
    )
  }

  /** See `WritesOptions.failed`. */
  #onFailedWrite(key: Buffer, reason: string | undefined): void {
    if (reason === undefined) {
      this.copies?.drop(key, 0, key.length)
      this.writes?.noteChange(key)
      this.markStale(key)
      return
    }
    this.invalidate(key)
    const { monotonicMs } = this.#environment.instant
    if (monotonicMs - this.#warnedAt < WARNING_INTERVAL_MS) return
    this.#warnedAt = monotonicMs
    const message = `group ${this.name}: the origin does not take a write, which is lost: ${reason}`
    const refused = this.writes?.refused
    this.#log?.warn({ group: this.name, key: key.toString('utf8', 0, MAX_SHOWN), refused }, message)
  }

  /** The source says that a key has changed: nor is it taken from a node that had it before. */
  #changed(key: Buffer): void {
    this.#environment.instant.refresh()
    this.store.validity.recordChange(key, 0, key.length)
    this.invalidate(key)
  }

  /**
   * Everything that carries a tag by now, and what a load under way brings with it, is invalid. Copies of other nodes'
   * keys know no tags: all are dropped.
   */
  invalidateTag(tag: Buffer): void {
    this.#environment.instant.refresh()
    this.copies?.dropAll()
    for (const watcher of this.#watchers) watcher.invalidated?.(this)
    this.store.validity.invalidateTag(hashOfTag(tag))
  }

  /**
   * Word of changes at the source may have been lost: what it has given by now is stale, if it is of use then, and else
   * invalid, as is what it is about to give.
   */
  invalidateLoaded(): void {
    this.#environment.instant.refresh()
    this.writes?.noteAllChanged()
    this.flights?.fenceAll()
    this.copies?.dropAll()
    for (const watcher of this.#watchers) watcher.invalidated?.(this)
    this.store.validity.invalidateLoaded()
  }

  /** Removes everything and fences every load under way. */
  clear(): void {
    this.fenceAll()
    this.copies?.dropAll()
    this.store.clear()
  }

  /** Some key that holds a value, each with about the same chance. */
  randomKey(): Ref {
    return this.store.keyspace.random(this.#environment.random)
  }

  /**
   * Exchanges the keys of two groups; budgets, policies and counters stay, and loads under way are fenced. A group
   * with the smaller budget evicts at once what exceeds it.
   */
  exchange(other: Group): void {
    this.fenceAll()
    other.fenceAll()
    this.copies?.dropAll()
    other.copies?.dropAll()
    const { store } = this
    const { evicted, expired } = store
    // What one origin lacks, the other may have, and it tells versions in words of its own.
    for (const each of [store, other.store]) {
      each.removeAbsent()
      each.validity.invalidateValidators()
    }
    this.store = other.store
    other.store = store
    store.evicted = this.store.evicted
    store.expired = this.store.expired
    store.maxBytes = other.#maxBytes
    this.store.evicted = evicted
    this.store.expired = expired
    this.store.maxBytes = this.#maxBytes
  }

  /**
   * A store for one answer, with room for so many records whose keys and values have so many bytes: what a fenced
   * load gave is for its waiters only.
   */
  temporaryStore(records: number, bytes: number): Store {
    const { hasher, instant } = this.#environment
    return new Store({
      maxBytes: TEMPORARY_STORE_BYTES + 2 * (records * RECORD_BYTES + bytes),
      hasher,
      instant,
    })
  }

  /**
   * Lets the origin look at its source before the first load.
   * @throws OriginError for what will not mend itself, such as a query that the database refuses
   */
  async start(log: OriginLog): Promise<void> {
    this.#log = log
    const group = this.name
    try {
      await this.policy.origin?.start?.({
        info: (fields, message) => log.info({ ...fields, group }, `group ${group}: ${message}`),
        warn: (fields, message) => log.warn({ ...fields, group }, `group ${group}: ${message}`),
      })
    } catch (error) {
      throw new OriginError(`group ${group}: ${reasonOf(error)}`, { cause: error })
    }
    await this.policy.origin?.listen?.({
      group,
      key: (key) => this.#changed(key),
      tag: (tag) => this.invalidateTag(tag),
      all: () => {
        this.store.validity.recordAllChanged()
        this.invalidateLoaded()
      },
      gap: () => {
        if (this.isDisconnected)
          log.info({ group }, `group ${group}: changes at the origin are heard of again`)
        this.isDisconnected = false
        this.invalidateLoaded()
      },
      lost: (error) => {
        this.isDisconnected = true
        const message = `group ${group}: nothing is heard of changes at the origin: ${reasonOf(error)}`
        log.warn({ err: error, group }, message)
      },
    })
  }

  /** Ends every load, and closes the origin, for which it waits so many ms at most, but at least a second. */
  async close(timeoutMs = 0): Promise<void> {
    this.flights?.close()
    await within(Math.max(timeoutMs, MIN_CLOSE_MS), this.#environment.timers, this.policy.origin?.close?.())
  }

  #govern(options: GovernorOptions): Governor {
    const group = this.name
    return new Governor({
      ...options,
      onOpen: (reason) => this.#log?.warn({ group }, `group ${group}: the origin ${reason}`),
      onClose: () => this.#log?.info({ group }, `group ${group}: the origin is asked again`),
    })
  }

  #setDeadline(): void {
    const { ttlMs, jitter } = this.policy
    const shorter = jitter === 0 ? 0 : ttlMs * jitter * this.#environment.random()
    this.store.deadline[0] = this.#environment.instant.now + Math.max(1, Math.ceil(ttlMs - shorter))
  }
}

/** Waits for something, for so many ms at most. */
async function within(ms: number, timers: Timers, end: Promise<void> | void): Promise<void> {
  if (end === undefined) return
  let cancel = (): void => undefined
  const late = new Promise<void>((resolve) => {
    cancel = timers.after(ms, resolve)
  })
  await Promise.race([end, late]).finally(cancel)
}

// A group: one bounded keyspace with its origin and policies; the read path begins here.

/*
 * The read path, numbered as in README.md and docs/concepts.md:
 *
 *   1. A client sends `GET key` to any node, in the group it has selected.            (server, commands)
 *   2. The node maps the key to a slot, and the ring maps the slot to its owner.      (Router)
 *   3. Another node owns it: the request is forwarded, the answer returned as it is.  (Router)
 *   4. This node owns it: a live entry in the store answers at once.                  (Group.read)
 *   5. A miss with an origin joins the flight for that key; the first one starts it.  (Group.load)
 *   6. The loaded value enters the store, unless a write of the key fenced the flight. (Admission.store)
 *   7. A miss without an origin answers nil, as Redis does.
 */

import type { Timers } from '../bytes/clock.ts'
import { NULL_REF, type Ref } from '../store/arena.ts'
import { EXPIRES, FreshnessWindows, ValueType } from '../store/record.ts'
import { Store } from '../store/store.ts'
import { Admission } from './admission.ts'
import { Copies, type CopyPolicy } from './copies/copies.ts'
import type { LoadResult, Waiter } from './flights/flight.ts'
import { Flights } from './flights/flights.ts'
import { Freshness, noFreshness } from './freshness.ts'
import { Governor, type GovernorOptions } from './governor.ts'
import { notificationListener, prefixedLog } from './notifications.ts'
import type { Origin, OriginLog } from './origin.ts'
import { type GroupEnvironment, type GroupPolicy, OriginError } from './policy.ts'
import { reasonOf } from './result.ts'
import { hashOfTag } from './tags.ts'
import { defaultWrites, type WriteOutcome, Writes } from './writes/writes.ts'

/**
 * Is notified of every write before it happens, even of one that then changes nothing. Not notified: eviction, expiry,
 * and loads that store a key without an entry.
 */
export interface Watcher {
  written(group: Group, bytes: Buffer, start: number, end: number): void
  flushed(group: Group): void
  /** Unknown entries became invalid or stale. */
  invalidated?(group: Group): void
}

/** The result for a key that the origin cannot have. */
const NONE = { value: null }

/** Longest part of a key shown in the log, in bytes. */
const MAX_SHOWN = 200
/** At most one lost write is logged in this time. */
const WARNING_INTERVAL_MS = 1000

/** Stands in for the origin of a group that has none. */
const NO_ORIGIN: Origin = { kind: 'none', load: () => null }

/** The least time in ms that an origin gets to close. */
const MIN_CLOSE_MS = 1000

/** Upper bounds: bytes of an empty store, and bytes of a record besides its key and value. */
const TEMPORARY_STORE_BYTES = 64 * 1024
const RECORD_BYTES = 128

export class Group {
  readonly policy: GroupPolicy
  /** Reads that found a value; reads that did not. */
  hits = 0
  misses = 0
  /** Hits on stale values (served while revalidating). */
  staleHits = 0
  /** Misses answered with a stale value because the load failed (stale if error). */
  rescued = 0
  readonly freshness: Freshness
  /** `undefined` without a policy for it, or without an origin. */
  readonly governor: Governor | undefined
  readonly #windows = new FreshnessWindows()
  /** The keyspace; SWAPDB exchanges it with another group's. */
  store: Store
  /** Running loads; `undefined` without an origin. */
  readonly flights: Flights | undefined
  /** Writes to the origin; `undefined` where a write changes the cache only. */
  readonly writes: Writes | undefined
  #scratch: Group | undefined
  /** Hot copies of other nodes' keys; `undefined` on a node that owns every key. */
  copies: Copies | undefined
  readonly #environment: GroupEnvironment
  #maxBytes: number
  readonly #admission: Admission
  #log: OriginLog | undefined
  /** When a lost write was last logged. */
  #warnedAt = -Infinity
  /** Whether change notifications from the source are interrupted at present. */
  isDisconnected = false
  /** Never changed in place: a watcher may be removed while all are notified. */
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

  /** The budget in bytes of the store and the copies together. */
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
   * Enables hot copies of other nodes' keys. They take their share of the budget as they arrive, from the least
   * recently used entries; without copies the whole budget is the store's.
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
   * Sets a key to a string, with the group's TTL unless `flags` has `EXPIRES` (then it expires at
   * `store.deadline`), and with the tags of `store.entryTags` if it has their `tagFlags`.
   * `NULL_REF`: the entry alone exceeds the budget; nothing has changed.
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

  /** Limits the TTL of loaded values to this many ms; 0: no limit but the policy's. */
  limitLifetime(ms: number): void {
    this.#admission.maxLifetimeMs = ms || Infinity
  }

  /** The flags of an entry written without a TTL; with `EXPIRES`, `store.deadline` has been set to the group's TTL. */
  lifetime(): number {
    if (this.policy.ttlMs === 0) return 0
    this.#setDeadline()
    return EXPIRES
  }

  /**
   * Whether reading this key would wait for the origin: it is not cached (nor known to be absent), or too stale. A
   * value that is read to be changed must not be stale.
   */
  wouldLoad(bytes: Buffer, start: number, end: number, isWrite = false): boolean {
    if (this.flights === undefined) return false
    const ref = this.store.peek(bytes, start, end)
    const { ms } = this.#environment.instant
    if (ref === NULL_REF || !this.store.records.isStale(ref, ms)) return ref === NULL_REF
    return isWrite || this.freshness.decide(this.store.records, ref, this.#windows, ms[0]) === 'load'
  }

  /**
   * Whether a read answers with the value at `ref`, which `needsRefresh`; starts a background refresh if it is due. No
   * write of the same command may follow: it would not fence that load.
   */
  serves(ref: Ref, bytes: Buffer, start: number, end: number): boolean {
    const { records } = this.store
    const { ms } = this.#environment.instant
    // Without an origin only after SWAPDB: then it just expires.
    if (this.flights === undefined) return !records.isStale(ref, ms)
    const verdict = this.freshness.decide(records, ref, this.#windows, ms[0])
    if (verdict === 'load') return false
    if (verdict === 'refresh') this.staleHits++
    if (verdict === 'refresh' || this.freshness.refreshesAhead(records, ref, ms[0]))
      this.flights.refresh(Buffer.from(bytes.subarray(start, end)))
    return true
  }

  /** Expected milliseconds until a read refreshes the value at `ref`, which has a TTL. Only for groups with an origin. */
  nextRefresh(ref: Ref, key: Buffer): number {
    const pause = this.flights?.refreshBackoffMs(key) ?? 0
    const { now } = this.#environment.instant
    return this.freshness.nextRefresh(this.store.records, ref, this.#windows, now, pause)
  }

  /**
   * An empty keyspace with the policy of this group, for dry runs of commands; the same object every time. It holds this
   * many keys without eviction, though one key alone may exceed the budget of the group.
   */
  scratch(keys: number): Group {
    const { policy } = this
    this.#scratch ??= new Group({ ...policy, origin: undefined, writes: undefined }, this.#environment)
    const scratch = this.#scratch
    // One key has the room that it has in the group, so that an entry too large gets the same error.
    const maxBytes = this.store.maxBytes * (keys === 1 ? 1 : keys + 1)
    if (scratch.maxBytes !== maxBytes) scratch.maxBytes = maxBytes
    // Dry runs remove their keys: clearing the store would cost a hundred times as much.
    if (scratch.store.size > 0) scratch.clear()
    scratch.store.validity.tagEpochs.advanceTo(this.store.validity.tagEpochs)
    return scratch
  }

  /** Whether writes concern a watcher or a running load; otherwise `fence` need not be called. */
  get isWatched(): boolean {
    return this.#watchers.length !== 0 || (this.flights !== undefined && this.flights.size !== 0)
  }

  /** Must be called before the key `bytes[start, end)` is written, removed or given another TTL. */
  fence(bytes: Buffer, start: number, end: number): void {
    this.flights?.fence(bytes, start, end)
    for (const watcher of this.#watchers) watcher.written(this, bytes, start, end)
  }

  /** Must be called before all keys are removed or exchanged. */
  fenceAll(): void {
    this.flights?.fenceAll()
    for (const watcher of this.#watchers) watcher.flushed(this)
  }

  /** Notifies `watcher` of writes until the returned function is called; both may happen during a notification. */
  watch(watcher: Watcher): () => void {
    this.#watchers = [...this.#watchers, watcher]
    return () => {
      this.#watchers = this.#watchers.filter((each) => each !== watcher)
    }
  }

  /** Step 5. The bytes of `key` must not change afterwards. Only for groups with an origin. */
  load(key: Buffer, waiter: Waiter): void {
    if (this.flights === undefined) throw new Error(`group ${this.name} has no origin`)
    this.flights.join(key, waiter)
  }

  /**
   * Steps 4 to 7 for the embedding API: a copy of the value, `null` if there is none.
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
    const { value, error, cause, isStale } = loadResult
    if (isStale === true) this.rescued++
    if (error !== undefined && isStale !== true) throw this.#originError(error, cause)
    return value === null ? null : Buffer.from(value)
  }

  /**
   * Sets a key to a string; with `ttlMs` 0 the group's TTL applies.
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
   * Writes a key, or removes it (`null`), in the cache and at the origin as the policy says; resolves to whether the
   * cache changed. For the embedding API.
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
    // An entry too large for the cache is not written to the origin either.
    if (value !== null && !this.store.fits(key.length, value.length, EXPIRES)) return apply()
    return writes.exclusive([key], async () => {
      const { instant } = this.#environment
      instant.refresh()
      const deadline = value === null || ttlMs === 0 ? undefined : instant.now + ttlMs
      const change = [{ key, value, deadline }]
      const conclude = ({
        unsure,
        error,
        cause,
      }: Pick<WriteOutcome, 'unsure' | 'error' | 'cause'>): boolean => {
        if (error !== undefined) {
          if (unsure.length > 0) this.markStale(key)
          throw this.#originError(error, cause)
        }
        if (unsure.length === 0) return apply()
        this.remove(key)
        return true
      }
      if (writes.mode === 'through') return writes.through(change, conclude)
      return conclude({ unsure: [], error: writes.enqueue(change) })
    })
  }

  /** Removes a key and fences its load. Returns whether it had a value. */
  remove(key: Buffer): boolean {
    this.#environment.instant.refresh()
    if (this.isWatched) this.fence(key, 0, key.length)
    const ref = this.store.peek(key, 0, key.length)
    if (ref === NULL_REF) return false
    const { records } = this.store
    const { ms } = this.#environment.instant
    const hadValue = records.type(ref) !== ValueType.ABSENT && !records.isStale(ref, ms)
    this.store.remove(ref)
    return hadValue
  }

  /**
   * For a failed write that may have changed the key at the origin: the cached value becomes stale, as after a gap in the
   * change notifications, or is removed if it may not be served stale. A running load is fenced.
   */
  markStale(key: Buffer): void {
    this.#environment.instant.refresh()
    if (this.isWatched) this.fence(key, 0, key.length)
    const ref = this.store.peek(key, 0, key.length)
    if (ref !== NULL_REF) this.store.invalidateEntry(ref)
  }

  /**
   * Removes the entry of a key whose source has changed, and a hot copy of it; a running load is fenced. Returns whether
   * it had a value.
   */
  invalidate(key: Buffer): boolean {
    this.copies?.drop(key, 0, key.length)
    this.writes?.noteChange(key)
    return this.remove(key)
  }

  /** The result for a key that is known without asking the origin: a pending write, or a key that cannot exist. */
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
    const message = `group ${this.name}: the origin rejected a write, which is lost: ${reason}`
    const refused = this.writes?.refused
    this.#log?.warn({ group: this.name, key: key.toString('utf8', 0, MAX_SHOWN), refused }, message)
  }

  /** A change notification for a key: its entry is removed here, and not accepted from a previous owner either. */
  sourceChanged(key: Buffer): void {
    this.#environment.instant.refresh()
    this.store.validity.recordChange(key, 0, key.length)
    this.invalidate(key)
  }

  /**
   * Invalidates all entries with a tag, and results of running loads with it. Hot copies of other nodes' keys have no
   * tags: all are dropped.
   */
  invalidateTag(tag: Buffer): void {
    this.#environment.instant.refresh()
    this.copies?.dropAll()
    for (const watcher of this.#watchers) watcher.invalidated?.(this)
    this.store.validity.invalidateTag(hashOfTag(tag))
  }

  /** A change notification for all keys. */
  allSourceChanged(): void {
    this.store.validity.recordAllChanged()
    this.invalidateLoaded()
  }

  /**
   * Change notifications may have been missed: everything loaded so far becomes stale, or invalid if it may not be
   * served stale, and running loads are fenced.
   */
  invalidateLoaded(): void {
    this.#environment.instant.refresh()
    this.writes?.noteAllChanged()
    this.flights?.fenceAll()
    this.copies?.dropAll()
    for (const watcher of this.#watchers) watcher.invalidated?.(this)
    this.store.validity.invalidateLoaded()
  }

  /** Removes everything and fences all running loads. */
  clear(): void {
    this.fenceAll()
    this.copies?.dropAll()
    this.store.clear()
  }

  /** A random key with a value (RANDOMKEY). */
  randomKey(): Ref {
    return this.store.keyspace.random(this.#environment.random)
  }

  /**
   * A store for the reply to one command, with room for `records` records of `bytes` bytes: the result of a fenced load is
   * for its waiters only.
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
   * Starts the origin, which checks its source, and subscribes to change notifications.
   * @throws OriginError for permanent failures, such as a query that the database rejects
   */
  async start(log: OriginLog): Promise<void> {
    this.#log = log
    const group = this.name
    try {
      await this.policy.origin?.start?.(prefixedLog(group, log))
    } catch (error) {
      throw new OriginError(`group ${group}: ${reasonOf(error)}`, { cause: error })
    }
    await this.policy.origin?.listen?.(notificationListener(this, log))
  }

  /** Ends all loads and closes the origin, which has `timeoutMs`, and at least a second, for it. */
  async close(timeoutMs = 0): Promise<void> {
    this.flights?.close()
    await within(Math.max(timeoutMs, MIN_CLOSE_MS), this.#environment.timers, this.policy.origin?.close?.())
  }

  #govern(options: GovernorOptions): Governor {
    const group = this.name
    return new Governor({
      ...options,
      onOpen: (reason) => this.#log?.warn({ group }, `group ${group}: ${reason}`),
      onClose: () =>
        this.#log?.info(
          { group },
          `group ${group}: the circuit breaker is closed, the origin is called again`,
        ),
    })
  }

  #originError(reason: string, cause: unknown): OriginError {
    return new OriginError(`${this.name}: ${reason}`, cause === undefined ? undefined : { cause })
  }

  #setDeadline(): void {
    const { ttlMs, jitter } = this.policy
    const shorter = jitter === 0 ? 0 : ttlMs * jitter * this.#environment.random()
    this.store.deadline[0] = this.#environment.instant.now + Math.max(1, Math.ceil(ttlMs - shorter))
  }
}

/** Waits for a promise for at most `ms`. */
async function within(ms: number, timers: Timers, end: Promise<void> | void): Promise<void> {
  if (end === undefined) return
  let cancel = (): void => undefined
  const late = new Promise<void>((resolve) => {
    cancel = timers.after(ms, resolve)
  })
  await Promise.race([end, late]).finally(cancel)
}

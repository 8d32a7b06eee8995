// A group: one bounded keyspace with its origin and policies; the read path begins here.
//
// More than 300 lines: reads, writes and invalidations concern one entry, its flight and its copies, and reads call
// these methods for each command. Independent parts have files of their own: admission, freshness, memory, origin
// access.

/*
 * The read path, numbered as in README.md and docs/concepts.md:
 *
 *   1. A client sends `GET key` to any node, in the group it has selected.            (server, commands)
 *   2. The node maps the key to a slot, and the ring maps the slot to its owner.      (Router)
 *   3. Another node owns it: the request is forwarded, the answer returned as it is.  (Router)
 *   4. This node owns it: a live entry in the store answers at once.                  (Store.get)
 *   5. A miss with an origin joins the flight for that key; the first one starts it.  (Group.load)
 *   6. The loaded value enters the store, unless a write of the key fenced the flight. (Admission.store)
 *   7. A miss without an origin answers nil, as Redis does.
 */

import type { Instant } from '../bytes/instant.ts'
import { NULL_REF, type Ref } from '../store/arena.ts'
import { EXPIRES, FreshnessWindows, ValueType } from '../store/record.ts'
import { Store } from '../store/store.ts'
import { HotKeys } from '../telemetry/hot-keys.ts'
import type { OriginCalls } from '../telemetry/origin-calls.ts'
import { Admission } from './admission.ts'
import { Copies, type CopyPolicy } from './copies/copies.ts'
import type { Waiter } from './flights/flight.ts'
import type { Flights } from './flights/flights.ts'
import type { WaitLimit } from './flights/wait-limit.ts'
import { Freshness, noFreshness } from './freshness.ts'
import type { Governor } from './governor/governor.ts'
import { evictionOf, GroupMemory } from './memory.ts'
import type { OriginLog } from './origin.ts'
import { OriginAccess, type PreparedPolicy } from './origin-access/origin-access.ts'
import type { GroupEnvironment, GroupPolicy } from './policy.ts'
import { hashOfTag } from './tags.ts'
import { WatchedKeys } from './watches/watched-keys.ts'
import { GROUP_REMOVED, type Writes } from './writes/writes.ts'

/** Is notified before every write, even if it then changes nothing; not of eviction and expiry. */
export interface Watcher {
  written(group: Group, bytes: Buffer, start: number, end: number): void
  flushed(group: Group): void
  /** A load has stored a value. `written` is called before only if the value replaces another. */
  loaded?(group: Group, bytes: Buffer, start: number, end: number): void
  /** Entries became invalid or stale; it is not known which. */
  invalidated?(group: Group): void
}

export class Group {
  /** Replaced when the configuration is reloaded. */
  policy: GroupPolicy
  /** A reload has removed it: its name and index belong to another group, or to none. */
  isRemoved = false
  /**
   * Each read of a key is counted once, where it is answered: `hits` found a value in memory; `negativeHits` a negative
   * entry, so that the origin was not asked; `misses` neither. hits + negativeHits + misses = reads.
   */
  hits = 0
  negativeHits = 0
  misses = 0
  /** Hits on stale values (served while revalidating). */
  staleHits = 0
  /** Misses that were answered with a stale value because the load failed, or took longer than `maxWait`. */
  rescued = 0
  freshness!: Freshness
  /** Limits calls of the origin; `undefined` without a policy for it, or without an origin. */
  governor: Governor | undefined
  readonly #windows = new FreshnessWindows()
  /** The keyspace; SWAPDB exchanges it with another group's. */
  store: Store
  /** The keys that clients watch (WATCH). */
  readonly watchedKeys: WatchedKeys
  /** Running loads; `undefined` without an origin. */
  flights: Flights | undefined
  /** How long commands wait for loads; `undefined`: until the load ends. */
  waitLimit: WaitLimit | undefined
  /** Writes to the origin; `undefined` where a write changes the cache only. */
  writes: Writes | undefined
  /** Durations and failures of the calls of the origin. */
  readonly originCalls: OriginCalls
  /** Hot copies of other nodes' keys; `undefined` on a node that owns every key. */
  copies: Copies | undefined
  /** The most frequently accessed keys. */
  readonly hotKeys: HotKeys
  readonly environment: GroupEnvironment
  /** The clock of the environment, read once per received chunk. */
  readonly instant: Instant
  readonly #memory: GroupMemory
  readonly #admission: Admission
  readonly #origin: OriginAccess
  /** Whether change notifications from the source are interrupted at present. */
  isDisconnected = false
  /**
   * Whether the group is unavailable on a node that does not reach a majority of the members (`onPartition: 'refuse'`).
   */
  refuses!: boolean
  /** Replaced, never changed in place: a watcher may be removed while all are notified. */
  #watchers: readonly Watcher[] = []

  constructor(policy: GroupPolicy, environment: GroupEnvironment) {
    this.policy = policy
    this.environment = environment
    this.instant = environment.instant
    this.#memory = new GroupMemory(this, policy.maxBytes, environment.timers)
    this.store = new Store({
      maxBytes: policy.maxBytes,
      hasher: environment.hasher,
      instant: environment.instant,
      encodingLimits: environment.encodingLimits,
      eviction: evictionOf(policy),
    })
    this.watchedKeys = new WatchedKeys(this, environment.hasher)
    this.#admission = new Admission(this, environment.instant)
    this.#origin = new OriginAccess(this, this.#admission, environment)
    this.originCalls = this.#origin.parts.calls
    this.hotKeys = new HotKeys(this, environment.instant.monotonicMs)
    this.#usePolicy()
  }

  #usePolicy(): void {
    const { onPartition, freshness } = this.policy
    const { governor, writes, flights, waitLimit } = this.#origin.parts
    this.refuses = onPartition === 'refuse'
    this.freshness = new Freshness(freshness ?? noFreshness, this.environment.random)
    this.governor = governor
    this.writes = writes
    this.flights = flights
    this.waitLimit = waitLimit
  }

  get name(): string {
    return this.policy.name
  }

  /** The budget in bytes of the store and the copies together. */
  get maxBytes(): number {
    return this.#memory.maxBytes
  }

  /** A smaller budget evicts at once. */
  set maxBytes(bytes: number) {
    this.#memory.maxBytes = bytes
  }

  /** The same, but evicts in steps, between which commands run. Until the last step more than `maxBytes` is in use. */
  changeBudget(bytes: number): void {
    this.#memory.changeBudget(bytes)
  }

  /**
   * Enables hot copies of other nodes' keys. As they arrive, they take their share of the budget from the group's own
   * entries, which are evicted; without copies the whole budget is the store's.
   */
  enableCopies(policy: CopyPolicy): void {
    const { instant, hasher } = this.environment
    const reserve = (bytes: number): void => this.#memory.limitStore(bytes)
    const copies = new Copies({ policy, budget: this.maxBytes, instant, hasher, reserve })
    this.copies?.dropAll()
    this.copies = copies
  }

  disableCopies(): void {
    this.copies?.dropAll()
    this.copies = undefined
    this.#memory.limitStore()
  }

  /**
   * Prepares a new policy: starts its origin, unless it is the current one. The group does not change yet.
   *
   * @param isSameSource whether the new origin has the same values as the current one: cached values then stay valid
   * @throws OriginError also if the source does not answer
   */
  prepare(policy: GroupPolicy, isSameSource: boolean): Promise<PreparedPolicy> {
    return this.#origin.prepare(policy, isSameSource)
  }

  /**
   * Uses a prepared policy from now on, except for its budget (see `changeBudget`). Running loads and writes end at the
   * previous origin; later ones use the new one. Values of another source become stale, or are dropped if they may not
   * be served stale. Resolves when the previous origin is closed.
   */
  adopt(prepared: PreparedPolicy): Promise<void> {
    const { policy: previous } = this
    this.policy = prepared.policy
    const closed = this.#origin.adopt(prepared, previous)
    this.#usePolicy()
    this.changeEviction()
    if (!prepared.isSameSource) {
      if (this.flights !== undefined && previous.origin !== undefined) this.invalidateLoaded()
      this.store.removeAbsent()
      this.store.validity.invalidateValidators()
    }
    return closed
  }

  /** Changes the store to the policy's eviction, in steps: after a reload, and after SWAPDB. */
  changeEviction(): void {
    this.#memory.changeEviction()
  }

  /** A reload removes the group: everything in it is dropped. Resolves when its origin is closed. */
  retire(): Promise<void> {
    this.isRemoved = true
    this.#memory.retire()
    this.watchedKeys.invalidated()
    this.clear()
    return this.#origin.retire()
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
    const { ms } = this.instant
    if (ref === NULL_REF || !this.store.records.isStale(ref, ms)) return ref === NULL_REF
    return isWrite || this.freshness.decide(this.store.records, ref, this.#windows, ms[0]) === 'load'
  }

  /**
   * Whether a read answers with the value at `ref`, which `needsRefresh`; starts a background refresh if it is due. No
   * write of the same command may follow: it would not fence that load.
   */
  serves(ref: Ref, bytes: Buffer, start: number, end: number): boolean {
    const { records } = this.store
    const { ms } = this.instant
    // A stale value in a group without an origin came by SWAPDB: it counts as expired.
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
    const { now } = this.instant
    return this.freshness.nextRefresh(this.store.records, ref, this.#windows, now, pause)
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

  /** A load has stored a value. */
  announceLoaded(key: Buffer): void {
    for (const watcher of this.#watchers) watcher.loaded?.(this, key, 0, key.length)
  }

  /** Notifies `watcher` of writes until the returned function is called; both may happen during a notification. */
  watch(watcher: Watcher): () => void {
    this.#watchers = [...this.#watchers, watcher]
    return () => {
      this.#watchers = this.#watchers.filter((each) => each !== watcher)
    }
  }

  /**
   * Step 5. The bytes of `key` must not change afterwards. Only for groups with an origin. `isWrite` and `waitedMs`: see
   * `WaitLimit.join`.
   */
  load(key: Buffer, waiter: Waiter, isWrite = false, waitedMs = 0): void {
    if (this.flights === undefined) throw new Error(`group ${this.name} has no origin`)
    if (this.isRemoved) {
      // The command has waited for a load that the removal of the group has fenced. The origin is being closed.
      queueMicrotask(() => waiter({ value: null, error: GROUP_REMOVED, fenced: false, ms: 0 }))
      return
    }
    if (this.waitLimit === undefined) this.flights.join(key, waiter)
    else this.waitLimit.join(key, waiter, isWrite, waitedMs)
  }

  /** Removes a key and fences its load. Returns whether it had a value. */
  remove(key: Buffer): boolean {
    this.instant.refresh()
    if (this.isWatched) this.fence(key, 0, key.length)
    const ref = this.store.peek(key, 0, key.length)
    if (ref === NULL_REF) return false
    const { records } = this.store
    const { ms } = this.instant
    const hadValue = records.type(ref) !== ValueType.ABSENT && !records.isStale(ref, ms)
    this.store.remove(ref)
    return hadValue
  }

  /**
   * After a failed write that may have changed the key at the origin: the cached value becomes stale, as after a gap in
   * the change notifications, or is removed if it may not be served stale. A running load is fenced.
   */
  markStale(key: Buffer): void {
    this.instant.refresh()
    if (this.isWatched) this.fence(key, 0, key.length)
    const ref = this.store.peek(key, 0, key.length)
    if (ref !== NULL_REF) this.store.invalidateEntry(ref)
  }

  /**
   * Removes the entry of a key whose source has changed, and a hot copy of it; a running load is fenced. Returns whether
   * it had a value. `isSoft`: the entry becomes stale, if it may be served stale.
   */
  invalidate(key: Buffer, isSoft = false): boolean {
    this.copies?.drop(key, 0, key.length)
    this.writes?.noteChange(key)
    if (this.flights !== undefined) this.watchedKeys.keyInvalidated(key)
    if (!isSoft) return this.remove(key)
    const ref = this.store.peek(key, 0, key.length)
    const hadValue = ref !== NULL_REF && this.store.records.type(ref) !== ValueType.ABSENT
    this.markStale(key)
    return hadValue
  }

  /** A change notification for a key: its entry is removed, and is not accepted from a previous owner either. */
  sourceChanged(key: Buffer): void {
    this.instant.refresh()
    this.store.validity.recordChange(key, 0, key.length)
    this.invalidate(key)
  }

  /**
   * Invalidates all entries with a tag, and results of running loads with it. Hot copies of other nodes' keys have no
   * tags: all are dropped. `isSoft`: entries become stale, if they may be served stale.
   */
  invalidateTag(tag: Buffer, isSoft = false): void {
    this.instant.refresh()
    this.copies?.dropAll()
    for (const watcher of this.#watchers) watcher.invalidated?.(this)
    this.store.validity.invalidateTag(hashOfTag(tag), isSoft)
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
    this.instant.refresh()
    this.writes?.noteAllChanged()
    this.flights?.fenceAll()
    this.copies?.dropAll()
    for (const watcher of this.#watchers) watcher.invalidated?.(this)
    this.watchedKeys.invalidated()
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
    return this.store.keyspace.random(this.environment.random)
  }

  /**
   * Starts the origin, which checks its source, and subscribes to change notifications.
   * @param isStrict whether a source that does not answer is an error
   * @throws OriginError for permanent failures, such as a query that the database rejects
   */
  start(log: OriginLog, isStrict = false): Promise<void> {
    return this.#origin.start(log, isStrict)
  }

  /** Ends all loads, and closes the origin within `timeoutMs`, at least a second. */
  close(timeoutMs = 0): Promise<void> {
    return this.#origin.close(timeoutMs)
  }

  #setDeadline(): void {
    const { ttlMs, jitter } = this.policy
    const shorter = jitter === 0 ? 0 : ttlMs * jitter * this.environment.random()
    this.store.deadline[0] = this.instant.now + Math.max(1, Math.ceil(ttlMs - shorter))
  }
}

// The hot copies of one group: short-lived copies of keys that other nodes own.

import type { Hasher } from '../../bytes/hash.ts'
import type { Instant } from '../../bytes/instant.ts'
import { NULL_REF, type Ref, UNIT_BYTES } from '../../store/arena.ts'
import { MIN_INDEX_BYTES } from '../../store/index.ts'
import { EXPIRES, LOADED, recordBytes, ValueType } from '../../store/record.ts'
import type { Store } from '../../store/store.ts'
import { putValue, type Value } from '../../store/value.ts'
import { BudgetShare } from './budget-share.ts'
import { CopyFetches, type PendingFetch } from './fetches.ts'
import { type Lease, Leases } from './leases.ts'
import { OwnerLinks } from './owner-links.ts'

/*
 * Why no copy is older than allowed:
 *
 *   - A fetch begins before its request leaves, and counts from then: the owner reads the value and its remaining
 *     lifetime later, so a copy dies no later than the owner's entry, whatever the clocks of the two nodes say.
 *   - The owner numbers the writes of copied keys: versions. An invalidation has the version of its write, a value the
 *     version as of which it was read. A value that is older than an invalidation is not stored: the order in which the
 *     two arrive, on whichever connections, does not matter.
 *   - After a write the owner sends the new value without being asked. It takes the place of the old one, and expires when
 *     that would have expired: only a fetch, of which this node knows when it began, makes a copy live longer.
 *   - A copy carries the number of the link it came over. When the link breaks, invalidations are lost, so
 *     the number becomes invalid: one step for any number of copies.
 *   - When the clock was set back, ages are unknown: all copies are dropped.
 */

const NOTHING = Buffer.alloc(0)

/** Limits of copies of other nodes' keys. */
export interface CopyPolicy {
  /** The maximum fraction of the group's budget for copies, at most a half; 0: there are none. */
  readonly share: number
  /** For how long at most a copy is served, from the beginning of its fetch, ms. */
  readonly maxAgeMs: number
  /** Maximum number of concurrent fetches. */
  readonly maxFetches: number
}

export const defaultCopyPolicy: CopyPolicy = { share: 1 / 8, maxAgeMs: 1000, maxFetches: 64 }

/**
 * Overhead of a record, bytes: its block may be a unit larger than requested, and its index slot may grow the index.
 */
const OVERHEAD_BYTES = 2 * UNIT_BYTES + MIN_INDEX_BYTES
/** After a write voided a fetch, its key is not fetched again for this fraction of the maximum age. */
const BACKOFF_SHARE = 0.1
/** A copy is fetched again when this fraction of its lifetime is left. */
const RENEWAL_SHARE = 0.25

const FLAGS = EXPIRES | LOADED

export interface CopiesOptions {
  readonly policy: CopyPolicy
  /** The group's budget, of which the copies have a share. */
  readonly budget: number
  readonly instant: Instant
  readonly hasher: Hasher
  /** Called with the new size of the share in bytes before it grows, and after it shrinks; 0: it is released. */
  readonly reserve: (bytes: number) => void
}

export class Copies {
  /**
   * Reads answered from copies; copies stored, and those of them that the owner sent after a write; copies and fetches
   * that a write or a lost link invalidated.
   */
  hits = 0
  installs = 0
  updates = 0
  invalidations = 0
  readonly #share: BudgetShare
  readonly #links = new OwnerLinks()
  readonly #fetches: CopyFetches
  readonly #leases = new Leases()
  #setbacks: number
  readonly #options: CopiesOptions

  constructor(options: CopiesOptions) {
    const { policy, budget, instant, hasher, reserve } = options
    if (!(policy.share >= 0 && policy.share <= 0.5))
      throw new RangeError(`copies cannot take ${policy.share} of a budget, the most is a half`)
    this.#options = options
    this.#share = new BudgetShare({ fraction: policy.share, budget, instant, hasher, reserve })
    this.#fetches = new CopyFetches(instant, policy.maxFetches)
    this.#setbacks = instant.setbacks
  }

  /** The copies; `undefined` while there are none. Only a reference from `find` may be read there. */
  get store(): Store | undefined {
    return this.#share.store
  }

  /** Bytes that copies occupy, index included. */
  get bytes(): number {
    return this.store?.usedBytes ?? 0
  }

  /** The current size of the share, bytes: the group's own entries must leave them free. */
  get reserved(): number {
    return this.store?.maxBytes ?? 0
  }

  /** Copies, including those of absent keys and invalid ones that are not reclaimed yet. */
  get entries(): number {
    return this.store === undefined ? 0 : this.store.size + this.store.absent
  }

  get expired(): number {
    return this.#share.expired
  }

  /** Fetches in progress. */
  get fetching(): number {
    return this.#fetches.size
  }

  /** The group's budget has changed; a smaller share evicts at once. */
  setBudget(bytes: number): void {
    this.#share.setBudget(bytes)
    if (!this.#share.isWorthHaving) this.dropAll()
    this.#share.shrink()
  }

  /** The live copy of a key, in `store`, now the most recently used; its type may be `ABSENT`. */
  find(bytes: Buffer, start: number, end: number): Ref {
    const ref = this.#peek(bytes, start, end)
    if (ref === NULL_REF) return NULL_REF
    this.store?.touch(ref)
    this.hits++
    return ref
  }

  /** Whether there is a live copy of a key. Does not count as a read. */
  holds(bytes: Buffer, start: number, end: number): boolean {
    return this.#peek(bytes, start, end) !== NULL_REF
  }

  /**
   * Call before the fetch request is sent to the owner. Pass the result to `install`, or to `cancel` if no value
   * arrives. `undefined`: do not fetch the key now.
   */
  begin(bytes: Buffer, start: number, end: number, owner: string): PendingFetch | undefined {
    if (!this.#share.isWorthHaving) return undefined
    this.#dropIfClockSetBack()
    return this.#fetches.begin(bytes, start, end, this.#links.to(owner))
  }

  /**
   * Stores a fetched value (null: an absence), unless a write has made it out of date. `remainingMs`: the lifetime that
   * the owner allows, -1: no limit. `version`: that of the value. False: it was not stored.
   */
  install(ticket: PendingFetch, value: Value | null, remainingMs: number, version = 0): boolean {
    this.#dropIfClockSetBack()
    if (ticket.isVoid) return false
    if (version < ticket.minVersion) {
      this.#fetches.end(ticket, 0)
      return false
    }
    const { maxAgeMs } = this.#options.policy
    const { key, beganAt, link } = ticket
    const lifetime = remainingMs < 0 ? maxAgeMs : Math.min(remainingMs, maxAgeMs)
    // An entry is valid until the end of the millisecond of its deadline, which may have begun before the fetch.
    const deadline = beganAt + lifetime - 1
    if (!this.#mayStore(key, value, deadline)) {
      this.cancel(ticket)
      return false
    }
    this.#fetches.end(ticket, 0)
    this.#leases.delete(key, 0, key.length)
    return this.#put(key, value, { link, beganAt, deadline })
  }

  /** The owner has sent the new value of a key after a write. False: there is no lease for it, or it is out of date. */
  update(key: Buffer, value: Value, version: number): boolean {
    this.#dropIfClockSetBack()
    const lease = this.#leases.get(key, 0, key.length)
    if (lease === undefined || version < lease.minVersion) return false
    this.#leases.delete(key, 0, key.length)
    if (!this.#links.isValid(lease.link) || !this.#mayStore(key, value, lease.deadline)) return false
    if (!this.#put(key, value, lease)) return false
    this.updates++
    return true
  }

  /** A fetch failed, or the owner does not allow a copy. The key is not fetched again for a while. */
  cancel(ticket: PendingFetch): void {
    if (!ticket.isVoid) this.#fetches.end(ticket, this.#options.policy.maxAgeMs)
  }

  /** The write with this version is about to change the key: the copy is invalid until the new value arrives. */
  invalidate(key: Buffer, version: number): void {
    const end = key.length
    const ticket = this.#fetches.get(key, 0, end)
    if (ticket !== undefined) ticket.minVersion = Math.max(ticket.minVersion, version)
    const waiting = this.#leases.get(key, 0, end)
    if (waiting !== undefined) {
      const minVersion = Math.max(waiting.minVersion, version)
      this.#leases.set(key, 0, end, { ...waiting, minVersion })
    }
    const ref = this.#peek(key, 0, end)
    if (ref === NULL_REF || this.store === undefined) return
    const { records } = this.store
    const [link, beganAt, deadline] = [records.loadMs(ref), records.loadedAt(ref), records.deadline(ref)]
    this.#leases.set(key, 0, end, { link, beganAt, deadline, minVersion: version })
    this.store.remove(ref)
    this.invalidations++
  }

  /** The key is not copied for `ms`: it is written too often for the number of its reads. */
  backOff(key: Buffer, ms: number): void {
    this.#fetches.backOff(key, 0, key.length, ms)
  }

  /** Whether a hot copy is near its expiry and should be fetched again. */
  isAging(ref: Ref): boolean {
    if (this.store === undefined) return false
    const { records } = this.store
    const deadline = records.deadline(ref)
    return deadline - this.#options.instant.now < (deadline - records.loadedAt(ref)) * RENEWAL_SHARE
  }

  /** The key was written, or is about to be by a request of this node: drops its copy and voids its fetch. */
  drop(bytes: Buffer, start: number, end: number): void {
    this.#leases.delete(bytes, start, end)
    const ticket = this.#fetches.get(bytes, start, end)
    if (ticket !== undefined) {
      this.#fetches.end(ticket, this.#options.policy.maxAgeMs * BACKOFF_SHARE)
      this.invalidations++
    }
    const { store } = this
    if (store === undefined) return
    const ref = store.peek(bytes, start, end)
    if (ref === NULL_REF) return
    store.remove(ref)
    this.invalidations++
  }

  /** The link to an owner broke: copies that came over it are no longer invalidated by writes. */
  dropOwner(owner: string): void {
    const link = this.#links.drop(owner)
    if (link === undefined) return
    this.invalidations += this.#fetches.endLink(link)
    if (this.#links.isEmpty) this.dropAll()
  }

  /** Drops all copies and fetches; the share goes back to the group's own entries. */
  dropAll(): void {
    this.invalidations += this.#fetches.endAll() + this.entries
    this.#leases.clear()
    this.#links.clear()
    this.#share.release()
  }

  resetCounters(): void {
    this.hits = 0
    this.installs = 0
    this.updates = 0
    this.invalidations = 0
    this.#share.resetExpired()
  }

  /** Reclaims expired copies among the next `slots` of the index, and the share when none is left. */
  sweep(slots: number): void {
    this.#dropIfClockSetBack()
    this.store?.sweep(slots)
    this.#leases.sweep(this.#options.instant.now)
    if (this.entries === 0) this.#share.release()
  }

  #mayStore(key: Buffer, value: Value | null, deadline: number): boolean {
    return deadline >= this.#options.instant.now && bytesOf(key, value) + MIN_INDEX_BYTES <= this.#share.limit
  }

  /** Stores a copy for the rest of a lease. Returns whether there was room. */
  #put(key: Buffer, value: Value | null, { link, beganAt, deadline }: Omit<Lease, 'minVersion'>): boolean {
    const store = this.#share.withRoom(bytesOf(key, value))
    store.deadline[0] = deadline
    store.loadedAt[0] = beganAt
    // Copies have no load time: the field holds the link number instead.
    store.loadMs = link
    const ref =
      value === null
        ? store.put(key, 0, key.length, NOTHING, 0, 0, ValueType.ABSENT, FLAGS)
        : putValue(store, key, 0, key.length, value, FLAGS)
    if (ref === NULL_REF) return false
    this.installs++
    return true
  }

  #peek(bytes: Buffer, start: number, end: number): Ref {
    if (this.store === undefined) return NULL_REF
    this.#dropIfClockSetBack()
    const { store } = this
    if (store === undefined) return NULL_REF
    const ref = store.peek(bytes, start, end)
    if (ref === NULL_REF || this.#links.isValid(store.records.loadMs(ref))) return ref
    store.remove(ref)
    this.invalidations++
    return NULL_REF
  }

  #dropIfClockSetBack(): void {
    const { setbacks } = this.#options.instant
    if (setbacks === this.#setbacks) return
    this.#setbacks = setbacks
    this.dropAll()
  }
}

/** What a copy occupies at most. */
function bytesOf(key: Buffer, value: Value | null): number {
  return recordBytes(key.length, value?.length ?? 0, FLAGS) + OVERHEAD_BYTES
}

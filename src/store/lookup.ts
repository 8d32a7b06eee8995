// Finds the records of a store by key, unless they are expired or invalid, and counts accesses.

import type { Hash } from '../bytes/hash.ts'
import { NULL_REF, type Ref } from './arena.ts'
import { checkIntegrity } from './integrity.ts'
import { Keyspace } from './keyspace.ts'
import { ValueType } from './record.ts'
import { Space, type StoreOptions } from './space.ts'
import type { Hashes } from './types/hashes.ts'

export abstract class Lookup extends Space {
  /** Records found expired, since the start or the last reset. */
  expired = 0
  /** Records found invalid, by a tag or by `invalidateLoaded`, that could not be served stale. */
  invalidated = 0
  readonly keyspace: Keyspace
  abstract readonly hashes: Hashes

  constructor(options: StoreOptions) {
    super(options)
    this.keyspace = new Keyspace({
      index: this.index,
      records: this.records,
      now: this.instant.ms,
      isDead: (ref) => this.#isDead(ref),
      removeDead: (ref, hash) => this.#removeDead(ref, hash),
      remove: (ref, hash) => this.removeHashed(ref, hash),
    })
  }

  /** The live record of a key, without counting as an access; `NULL_REF` if there is none. */
  peek(bytes: Uint8Array, start: number, end: number): Ref {
    const hash = this.hasher.hash(bytes, start, end)
    const ref = this.find(hash, bytes, start, end)
    if (ref === NULL_REF || !this.#isDead(ref)) return ref
    this.#removeDead(ref, hash)
    return NULL_REF
  }

  /** The live record of a key, which counts as an access; `NULL_REF` if there is none. */
  get(bytes: Uint8Array, start: number, end: number): Ref {
    const ref = this.peek(bytes, start, end)
    if (ref !== NULL_REF) this.touch(ref)
    return ref
  }

  /** Counts an access. */
  touch(ref: Ref): void {
    this.records.setAccessSecond(ref, this.instant.second)
    this.policy.accessed(ref)
  }

  /** Makes a record stale, as the origin may have another value by now. Removes it if it cannot be served stale. */
  invalidateEntry(ref: Ref): void {
    if (this.validity.expire(ref)) this.noteChange(ref)
    else this.remove(ref)
  }

  /** The record that was accessed last, as the eviction policy knows it; `NULL_REF`: there is none. */
  latest(): Ref {
    return this.policy.latest()
  }

  /** Seconds since the last access, modulo 2^20 (12 days). */
  idleSeconds(ref: Ref): number {
    return this.records.idleSeconds(ref, this.instant.second)
  }

  /** The hash of a member or field, under the same secret as those of keys. */
  hashOf(bytes: Uint8Array, start: number, end: number): Hash {
    return this.hasher.hash(bytes, start, end)
  }

  copyKey(ref: Ref): Buffer {
    const start = this.records.keyStart(ref)
    return Buffer.from(
      this.arena.bytes[ref >>> this.arena.shift].subarray(start, start + this.records.keyLength(ref)),
    )
  }

  copyValue(ref: Ref): Buffer {
    this.records.locate(ref)
    return Buffer.from(this.records.bytes.subarray(this.records.valueStart, this.records.valueEnd))
  }

  valueLength(ref: Ref): number {
    this.records.locate(ref)
    return this.records.valueEnd - this.records.valueStart
  }

  /** Removes all negative entries: the group has another origin now. */
  removeAbsent(): void {
    this.keyspace.removeAbsent(this.absent)
  }

  /** One step of the active expiry cycle; see `Keyspace.sweep`. */
  sweep(slots: number): number {
    const keys = this.expiring === 0 ? 0 : this.keyspace.sweep(slots)
    return keys + (this.regions.marked === 0 ? 0 : this.hashes.sweep(slots, (ref) => this.#removeSpent(ref)))
  }

  /** Throws when the parts of the store contradict each other. For tests, O(n). */
  verify(): void {
    const findOwnKey = (ref: Ref): Ref => {
      const key = this.copyKey(ref)
      return this.find(this.hashOfRecord(ref), key, 0, key.length)
    }
    const { collections } = this
    checkIntegrity({
      arena: this.arena,
      index: this.index,
      eviction: this.policy,
      regions: this.regions,
      collections,
      findOwnKey,
    })
  }

  protected find(hash: Hash, bytes: Uint8Array, start: number, end: number): Ref {
    const { candidate } = this.prefetcher
    if (candidate !== NULL_REF && this.records.hasKey(candidate, bytes, start, end)) return candidate
    const index = this.index
    let at = index.seek(hash)
    const slots = index.slots
    for (; slots[at] === hash && slots[at + 1] !== NULL_REF; at += 2) {
      const ref = slots[at + 1] as Ref
      if (this.records.hasKey(ref, bytes, start, end)) return ref
    }
    return NULL_REF
  }

  /** Whether a record is expired or invalid. */
  #isDead(ref: Ref): boolean {
    if (this.records.isExpired(ref, this.instant.ms)) return true
    if (this.regions.marked !== 0 && this.#isSpent(ref)) return true
    return this.validity.hasInvalidations && this.validity.isInvalid(ref)
  }

  #removeDead(ref: Ref, hash: Hash): void {
    const isExpired = this.records.isExpired(ref, this.instant.ms)
    if (isExpired || (this.regions.marked !== 0 && this.#isSpent(ref))) this.expired++
    else this.invalidated++
    this.removeHashed(ref, hash)
  }

  /** Whether a record is a hash whose fields are all expired. */
  #isSpent(ref: Ref): boolean {
    return this.records.type(ref) === ValueType.HASH && this.hashes.isSpent(ref)
  }

  #removeSpent(ref: Ref): void {
    this.expired++
    this.remove(ref)
  }
}

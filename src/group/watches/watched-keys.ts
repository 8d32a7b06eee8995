// The watched keys of a group (WATCH): which watches a change of a key breaks.

import { createHash } from 'node:crypto'
import type { Hash, Hasher } from '../../bytes/hash.ts'
import { NULL_REF, type Ref } from '../../store/arena.ts'
import { ValueType } from '../../store/record.ts'
import type { ChangeListener } from '../../store/space.ts'
import type { Store } from '../../store/store.ts'
import { Collection, copyValue, sameValue, type Value } from '../../store/value.ts'

/** The result of the last load of a watched key: a fingerprint of the value, or ABSENT; `undefined`: not known. */
type LastLoad = string | typeof ABSENT | undefined
const ABSENT = 0

/** Estimated bytes of the objects of one watched key, besides those of the key itself. */
export const WATCHED_KEY_BYTES = 512

interface WatchedKey {
  readonly hash: Hash
  readonly key: Buffer
  readonly watches: Set<Watch>
  lastLoad: LastLoad
}

/** The part of its group that the table uses. */
interface WatchedGroup {
  /** Replaced by SWAPDB. */
  readonly store: Store
}

/**
 * The same things count as a change as in Redis: a write that changes nothing (SETNX of an existing key) does not, a
 * SET of the same value does, and so do expiry (also of a field of a hash), eviction and invalidation. A load counts
 * only if the value differs from the one loaded before: the key has existed at the origin all the time.
 *
 * The store notifies the table only while a key is watched; otherwise a write costs one comparison.
 */
export class WatchedKeys implements ChangeListener {
  readonly #group: WatchedGroup
  readonly #hasher: Hasher
  readonly #byHash = new Map<Hash, WatchedKey[]>()
  /** The key whose load result is being stored, which does not count as a change. */
  #loading: WatchedKey | undefined
  #size = 0

  constructor(group: WatchedGroup, hasher: Hasher) {
    this.#group = group
    this.#hasher = hasher
  }

  get size(): number {
    return this.#size
  }

  /** Attaches the table to the group's store, or detaches it if no key is watched. */
  attach(): void {
    this.#group.store.listener = this.#size === 0 ? undefined : this
  }

  /** Begins to watch a key for `watch`, unless it does so already. */
  add(watch: Watch, bytes: Buffer, start: number, end: number): void {
    const { store } = this.#group
    // An entry that had expired before WATCH is removed first, so that its removal does not count as a change.
    const ref = this.#peek(bytes, start, end)
    const hash = this.#hasher.hash(bytes, start, end)
    let watched = this.#find(hash, bytes, start, end)
    if (watched === undefined) {
      const isAbsent = ref !== NULL_REF && store.records.type(ref) === ValueType.ABSENT
      const key = Buffer.from(bytes.subarray(start, end))
      watched = { hash, key, watches: new Set(), lastLoad: isAbsent ? ABSENT : undefined }
      const others = this.#byHash.get(hash)
      if (others === undefined) this.#byHash.set(hash, [watched])
      else others.push(watched)
      if (this.#size++ === 0) this.attach()
    }
    if (watched.watches.has(watch)) return
    watched.watches.add(watch)
    watch.added(this, watched)
  }

  /** Ends the watch of a key. */
  delete(watch: Watch, watched: WatchedKey): void {
    if (!watched.watches.delete(watch) || watched.watches.size !== 0) return
    const left = this.#byHash.get(watched.hash)?.filter((each) => each !== watched) ?? []
    if (left.length === 0) this.#byHash.delete(watched.hash)
    else this.#byHash.set(watched.hash, left)
    if (--this.#size === 0) this.attach()
  }

  /** Notices that a key or a field of a hash has expired, or that it was invalidated with a tag. */
  check({ key }: WatchedKey): void {
    this.#peek(key, 0, key.length)
  }

  /** Looks a key up: only then does the store notice that it has expired. */
  #peek(bytes: Buffer, start: number, end: number): Ref {
    const { store } = this.#group
    const ref = store.peek(bytes, start, end)
    if (ref !== NULL_REF && store.records.type(ref) === ValueType.HASH) store.hashes.dropDue(ref)
    return ref
  }

  changed(hash: Hash, bytes: Uint8Array, start: number, end: number): void {
    const watched = this.#find(hash, bytes, start, end)
    if (watched !== undefined && watched !== this.#loading) breakAll(watched)
  }

  /** All keys are about to be removed: those that exist change. */
  clearing(): void {
    for (const watched of this.#all()) if (exists(this.#group.store, watched)) breakAll(watched)
  }

  /** All keys are about to be replaced by those of another store (SWAPDB): those that exist in either one change. */
  exchanging(other: Store): void {
    for (const watched of this.#all())
      if (exists(this.#group.store, watched) || exists(other, watched)) breakAll(watched)
  }

  /** The key has changed at the source, whether or not it is cached. */
  keyInvalidated(key: Buffer): void {
    if (this.#size !== 0) this.changed(this.#hasher.hash(key, 0, key.length), key, 0, key.length)
  }

  /** Any key may have changed at the source. */
  invalidated(): void {
    for (const watched of this.#all()) breakAll(watched)
  }

  /** Another node now owns the keys for which `isMeant` returns true. */
  lost(isMeant: (key: Buffer) => boolean): void {
    for (const watched of this.#all()) if (isMeant(watched.key)) breakAll(watched)
  }

  /** A loaded value, or `null` for an absent key, is about to be stored; `loaded` must follow. */
  loading(key: Buffer, value: Value | null): void {
    const watched = this.#find(this.#hasher.hash(key, 0, key.length), key, 0, key.length)
    if (watched === undefined) return
    const { store } = this.#group
    const ref = store.peek(key, 0, key.length)
    const load = value === null ? ABSENT : createHash('sha1').update(bytesOf(value)).digest('base64')
    const isSame =
      ref === NULL_REF || store.records.type(ref) === ValueType.ABSENT
        ? watched.lastLoad === undefined || watched.lastLoad === load
        : value !== null && sameValue(copyValue(store, ref), value)
    watched.lastLoad = load
    if (isSame) this.#loading = watched
    else breakAll(watched)
  }

  loaded(): void {
    this.#loading = undefined
  }

  /** A copy of the list: watches that break are removed from the original. */
  #all(): readonly WatchedKey[] {
    return [...this.#byHash.values()].flat()
  }

  #find(hash: Hash, bytes: Uint8Array, start: number, end: number): WatchedKey | undefined {
    const found = this.#byHash.get(hash)
    if (found === undefined) return undefined
    return found.find(({ key }) => key.length === end - start && key.compare(bytes, start, end) === 0)
  }
}

function exists(store: Store, { key }: WatchedKey): boolean {
  const ref = store.peek(key, 0, key.length)
  return ref !== NULL_REF && store.records.type(ref) !== ValueType.ABSENT
}

function breakAll({ watches }: WatchedKey): void {
  for (const watch of [...watches]) watch.break()
}

/** The keys that one client watches, and whether one of them has changed. */
export class Watch {
  /** A watched key has changed: none is watched any more. */
  isBroken = false
  bytes = 0
  readonly #keys: { readonly table: WatchedKeys; readonly watched: WatchedKey }[] = []

  add(group: { readonly watchedKeys: WatchedKeys }, bytes: Buffer, start: number, end: number): void {
    if (!this.isBroken) group.watchedKeys.add(this, bytes, start, end)
  }

  /** The watched keys of a group. */
  keysOf({ watchedKeys }: { readonly watchedKeys: WatchedKeys }): Buffer[] {
    return this.#keys.filter(({ table }) => table === watchedKeys).map(({ watched }) => watched.key)
  }

  /** Whether nothing has changed until now. */
  check(): boolean {
    for (const { table, watched } of [...this.#keys]) table.check(watched)
    return !this.isBroken
  }

  /** Ends the watch. */
  release(): void {
    for (const { table, watched } of this.#keys.splice(0)) table.delete(this, watched)
    this.bytes = 0
  }

  /** Called by the table: a key is watched for this client. */
  added(table: WatchedKeys, watched: WatchedKey): void {
    this.#keys.push({ table, watched })
    this.bytes += WATCHED_KEY_BYTES + watched.key.length
  }

  break(): void {
    this.isBroken = true
    this.release()
  }
}

function bytesOf(value: Value): Buffer {
  return value instanceof Collection ? value.dump : value
}

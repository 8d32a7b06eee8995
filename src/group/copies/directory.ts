// The copy directory of a group: the owner's record of which connections hold copies and must be notified of writes.

import type { Timers } from '../../bytes/clock.ts'
import type { Hash, Hasher } from '../../bytes/hash.ts'
import type { Group, Watcher } from '../group.ts'
import { MAX_COPIED_KEY } from './fetches.ts'

/** A timer fires early by less than this, ms. */
const MARGIN_MS = 50
const MAX_KEYS = 100_000

export interface CopyDirectoryOptions<Holder extends object> {
  /** The maximum age of a copy. */
  readonly maxAgeMs: number
  readonly hasher: Hasher
  readonly timers: Timers
  /**
   * Notifies a holder that a key, or every key of the group if undefined, is about to change. With the version of the
   * write, the new value follows; without, the holder has no copy any more. Must not throw.
   */
  readonly notify: (holder: Holder, group: string, key: Buffer | undefined, version?: number) => void
  /** Sends values after writes; `undefined`: a write drops the copies. */
  readonly updates?: CopyUpdates<Holder> | undefined
  /** Maximum number of keys with copies; beyond it no copies are granted. */
  readonly maxKeys?: number
}

/** How the owner sends the new values of copied keys. */
export interface CopyUpdates<Holder> {
  /** Runs a function once the writes of this callback are done. */
  readonly soon: (run: () => void) => void
  /**
   * The message with the current value of a key; `undefined`: the value must not be kept for the maximum age of a copy.
   */
  readonly encode: (group: Group, key: Buffer, version: number) => Buffer | undefined
  /** Sends it. False: the holder has too many unread bytes. */
  readonly send: (holder: Holder, update: Buffer) => boolean
}

interface Entry<Holder> {
  readonly hash: Hash
  /** One character per byte. */
  readonly key: string
  readonly holders: Holder[]
  /** By holder: how many more new values it may be sent before it has to fetch again. */
  readonly updatesLeft: number[]
  /** Whether its holders were notified of a write, and none has got a value since. */
  isInvalidated: boolean
  /** Whether the new value is about to be sent. */
  isUpdating: boolean
}

/**
 * A holder is a connection, not a node: copies are invalid when their connection closes.
 *
 * Entries are in two generations. Every maxAgeMs (by a timer, which setting the clock does not shorten) the older one is
 * dropped, as its copies have expired, and the younger becomes the older.
 */
export class CopyDirectory<Holder extends object> implements Watcher {
  /** The number of keys with copies. While it is 0, writes cost nothing. */
  size = 0
  /** Copies granted, copies refused because the directory was full, notifications and new values sent. */
  registered = 0
  refused = 0
  notified = 0
  updated = 0
  /** The number of writes of copied keys. A value that is read now has this version. */
  version = 0
  /** Entries whose new values are about to be sent. */
  #updating: Entry<Holder>[] = []
  #recent = new Map<Hash, Entry<Holder>>()
  #old = new Map<Hash, Entry<Holder>>()
  readonly #closed = new WeakSet<Holder>()
  readonly #group: Group
  readonly #options: CopyDirectoryOptions<Holder>
  #stopWatching: (() => void) | undefined
  #isTimerSet = false

  constructor(group: Group, options: CopyDirectoryOptions<Holder>) {
    this.#group = group
    this.#options = options
  }

  /**
   * Call when a holder asks for the key, before its value is read or loaded: then the holder misses no write. Returns
   * for how many ms the holder may keep the value; 0: not at all. Beyond `maxKeys` it returns 0: to drop another key
   * instead would cost a message now and a request of its holder later. `updates`: how many new values the holder
   * accepts after writes; they do not extend the lifetime of the copy.
   */
  add(bytes: Buffer, start: number, end: number, holder: Holder, updates = 0): number {
    if (this.#closed.has(holder) || end - start > MAX_COPIED_KEY) return 0
    const { hasher, maxAgeMs, maxKeys = MAX_KEYS } = this.#options
    const hash = hasher.hash(bytes, start, end)
    const younger = find(this.#recent, hash, bytes, start, end)
    const older = find(this.#old, hash, bytes, start, end)
    if (younger === undefined && older === undefined && this.size >= maxKeys) {
      this.refused++
      return 0
    }
    this.registered++
    if (younger !== undefined) {
      addHolder(younger, holder, updates)
      return maxAgeMs
    }
    // Hash collision: the copies of the other key are invalidated.
    this.#recall(this.#recent, hash)
    const entry = older ?? entryOf<Holder>(hash, bytes.toString('latin1', start, end))
    if (older !== undefined) {
      this.#old.delete(hash)
      this.size--
    }
    addHolder(entry, holder, updates)
    this.#recent.set(hash, entry)
    this.size++
    this.#stopWatching ??= this.#group.watch(this)
    this.#startTimer()
    return maxAgeMs
  }

  written(_group: Group, bytes: Buffer, start: number, end: number): void {
    if (this.size === 0) return
    const hash = this.#options.hasher.hash(bytes, start, end)
    for (const entries of [this.#recent, this.#old]) {
      const entry = find(entries, hash, bytes, start, end)
      if (entry === undefined) continue
      this.version++
      if (this.#options.updates !== undefined && entry.updatesLeft.some((left) => left > 0))
        this.#invalidate(entry, this.#options.updates)
      else this.#recall(entries, hash)
    }
    if (this.size === 0) this.#unwatch()
  }

  flushed(): void {
    const holders = new Set<Holder>()
    for (const entries of [this.#recent, this.#old]) {
      for (const entry of entries.values()) for (const holder of entry.holders) holders.add(holder)
      entries.clear()
    }
    this.size = 0
    this.#unwatch()
    for (const holder of holders) this.#notify(holder, undefined)
  }

  /** It is not known which keys became invalid: all copies are invalidated. */
  invalidated(): void {
    this.flushed()
  }

  /** The connection is closed: it gets no more notifications and no more copies. */
  connectionClosed(holder: Holder): void {
    this.#closed.add(holder)
  }

  /** Notifies the holders of a key that is about to be written. Those that accept no more values are removed. */
  #invalidate(entry: Entry<Holder>, updates: CopyUpdates<Holder>): void {
    if (!entry.isUpdating) {
      entry.isUpdating = true
      if (this.#updating.length === 0) updates.soon(() => this.#sendUpdates(updates))
      this.#updating.push(entry)
    }
    if (entry.isInvalidated) return
    entry.isInvalidated = true
    const key = Buffer.from(entry.key, 'latin1')
    removeHolders(entry, (holder, left) => {
      this.#notify(holder, key, left > 0 ? this.version : undefined)
      return left === 0
    })
  }

  /** Sends the new values of keys that were written. */
  #sendUpdates(updates: CopyUpdates<Holder>): void {
    const updating = this.#updating
    this.#updating = []
    for (const entry of updating) {
      entry.isUpdating = false
      const entries = this.#entriesOf(entry)
      // Its copies were recalled meanwhile.
      if (entries === undefined) continue
      const key = Buffer.from(entry.key, 'latin1')
      const update = updates.encode(this.#group, key, this.version)
      if (update === undefined) {
        this.#recall(entries, entry.hash)
        continue
      }
      entry.isInvalidated = false
      removeHolders(entry, (holder, left, i) => {
        if (this.#closed.has(holder)) return true
        if (left > 0 && updates.send(holder, update)) {
          entry.updatesLeft[i]--
          this.updated++
          return false
        }
        this.#notify(holder, key, undefined)
        return true
      })
      if (entry.holders.length === 0) this.#recall(entries, entry.hash)
    }
    if (this.size === 0) this.#unwatch()
  }

  /** The generation of an entry; `undefined`: it has been removed. */
  #entriesOf(entry: Entry<Holder>): Map<Hash, Entry<Holder>> | undefined {
    return [this.#recent, this.#old].find((entries) => entries.get(entry.hash) === entry)
  }

  /** Notifies the holders of an entry and removes it. */
  #recall(entries: Map<Hash, Entry<Holder>>, hash: Hash): void {
    const entry = entries.get(hash)
    if (entry === undefined) return
    entries.delete(hash)
    this.size--
    const key = Buffer.from(entry.key, 'latin1')
    for (const holder of entry.holders) this.#notify(holder, key)
  }

  #notify(holder: Holder, key: Buffer | undefined, version?: number): void {
    if (this.#closed.has(holder)) return
    this.notified++
    this.#options.notify(holder, this.#group.name, key, version)
  }

  /** At most one timer, and none while the directory is empty. */
  #startTimer(): void {
    if (this.#isTimerSet) return
    this.#isTimerSet = true
    this.#options.timers.after(this.#options.maxAgeMs + MARGIN_MS, () => {
      this.#isTimerSet = false
      this.size -= this.#old.size
      this.#old = this.#recent
      this.#recent = new Map()
      if (this.size === 0) this.#unwatch()
      else this.#startTimer()
    })
  }

  #unwatch(): void {
    this.#stopWatching?.()
    this.#stopWatching = undefined
  }
}

function entryOf<Holder>(hash: Hash, key: string): Entry<Holder> {
  return { hash, key, holders: [], updatesLeft: [], isInvalidated: false, isUpdating: false }
}

/** A holder is about to get the value of an entry. */
function addHolder<Holder>(entry: Entry<Holder>, holder: Holder, updates: number): void {
  const { holders, updatesLeft } = entry
  const known = holders.indexOf(holder)
  const i = known < 0 ? holders.length : known
  holders[i] = holder
  updatesLeft[i] = updates
  entry.isInvalidated = false
}

/** Removes the holders for which `isOver` returns true. */
function removeHolders<Holder>(
  { holders, updatesLeft }: Entry<Holder>,
  isOver: (holder: Holder, updatesLeft: number, i: number) => boolean,
): void {
  for (let i = 0; i < holders.length; ) {
    if (isOver(holders[i], updatesLeft[i], i)) {
      holders.splice(i, 1)
      updatesLeft.splice(i, 1)
    } else i++
  }
}

/** The entry of a hash, if its key is the same. */
function find<Holder>(
  entries: Map<Hash, Entry<Holder>>,
  hash: Hash,
  bytes: Buffer,
  start: number,
  end: number,
): Entry<Holder> | undefined {
  const entry = entries.get(hash)
  if (entry === undefined || entry.key.length !== end - start) return undefined
  return bytes.toString('latin1', start, end) === entry.key ? entry : undefined
}

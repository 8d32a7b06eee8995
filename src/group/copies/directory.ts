// The copy directory of a group: the owner's record of which connections hold copies and must be notified of writes.

import type { Timers } from '../../bytes/clock.ts'
import type { Hash, Hasher } from '../../bytes/hash.ts'
import type { Group, Watcher } from '../group.ts'
import { MAX_COPIED_KEY } from './fetches.ts'

/** Timers may fire early by less than this. */
const MARGIN_MS = 50
const MAX_KEYS = 100_000

export interface CopyDirectoryOptions<Holder extends object> {
  /** The maximum age of a copy. */
  readonly maxAgeMs: number
  readonly hasher: Hasher
  readonly timers: Timers
  /** Notifies a holder that a key, or every key of the group if undefined, is about to change. Must not throw. */
  readonly notify: (holder: Holder, group: string, key: Buffer | undefined) => void
  /** The most keys that are recorded; no more copies are granted then. */
  readonly maxKeys?: number
}

interface Entry<Holder> {
  /** One character per byte. */
  readonly key: string
  readonly holders: Holder[]
}

/**
 * A holder is a connection, not a node: copies die with it, and those that came over the next one are other copies.
 *
 * Entries are in two generations. Every maxAgeMs (by timer: no clock that is set can shorten it) the older one is
 * forgotten, by when its copies have died, and the younger becomes the older.
 */
export class CopyDirectory<Holder extends object> implements Watcher {
  /** The number of keys with copies. With 0, writes cost nothing. */
  size = 0
  /** Copies granted, copies refused because the directory was full, notifications sent. */
  registered = 0
  refused = 0
  notified = 0
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
   * To be called when a holder asks for the key, before its value is read, and before it is loaded: then no write goes
   * untold. Returns for how many ms the holder may keep the value, 0: not at all. That is the answer beyond
   * `maxKeys`: to forget another one instead would cost a message now and that holder's next request.
   */
  add(bytes: Buffer, start: number, end: number, holder: Holder): number {
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
      if (!younger.holders.includes(holder)) younger.holders.push(holder)
      return maxAgeMs
    }
    // Hash collision: the copies of the other key are invalidated.
    this.#recall(this.#recent, hash)
    const holders = older === undefined ? [] : older.holders
    if (older !== undefined) {
      this.#old.delete(hash)
      this.size--
    }
    if (!holders.includes(holder)) holders.push(holder)
    this.#recent.set(hash, { key: bytes.toString('latin1', start, end), holders })
    this.size++
    this.#stopWatching ??= this.#group.watch(this)
    this.#startTimer()
    return maxAgeMs
  }

  written(_group: Group, bytes: Buffer, start: number, end: number): void {
    if (this.size === 0) return
    const hash = this.#options.hasher.hash(bytes, start, end)
    if (find(this.#recent, hash, bytes, start, end) !== undefined) this.#recall(this.#recent, hash)
    if (find(this.#old, hash, bytes, start, end) !== undefined) this.#recall(this.#old, hash)
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

  /** Which keys are concerned is not known: all copies are invalidated. */
  invalidated(): void {
    this.flushed()
  }

  /** The connection is closed: it gets no more notifications and no more copies. */
  connectionClosed(holder: Holder): void {
    this.#closed.add(holder)
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

  #notify(holder: Holder, key: Buffer | undefined): void {
    if (this.#closed.has(holder)) return
    this.notified++
    this.#options.notify(holder, this.#group.name, key)
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

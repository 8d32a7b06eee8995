// Receives the entries of slots that this node gained; they never replace newer ones. See `Handover`.

import { keySlot, SLOT_COUNT } from '../../bytes/crc16.ts'
import type { Group, Watcher } from '../../group/group.ts'
import { NULL_REF, type Ref } from '../../store/arena.ts'
import { ValueType } from '../../store/record.ts'
import type { Store } from '../../store/store.ts'
import { partsOf, restoreEntry } from '../../store/transfer/dump.ts'
import { Arrivals } from './arrivals.ts'
import { KeySet } from './key-set.ts'
import { StaleEntries } from './stale.ts'
import { Tally } from './tally.ts'

const MAX_KEYS = 4_000_000

/** An entry in transfer from one node to another. */
export interface TransferredEntry {
  readonly key: Buffer
  /** See `dumpEntry`. */
  readonly dump: Buffer
}

export interface TakeoverOptions {
  readonly groups: readonly Group[]
  /** See `Ownership.expectsEntries`. */
  readonly expectsEntries: (slot: number, from: string) => boolean
  /** A monotonic clock in microseconds. */
  readonly micros: () => number
  /** Yields to other work. */
  readonly pause: () => Promise<void>
  /** More keys were written than can be remembered: entries that `from` has not handed over yet are lost. */
  readonly overflowed?: (from: string) => void
  /** The most keys that are remembered per source. */
  readonly maxKeys?: number
}

/** A previous owner that is handing slots over to this node. */
class Source {
  readonly name: string
  slots = 0
  overflowed = false
  /** Keys whose value or absence here is newer than what the source may send. By store: SWAPDB exchanges the stores of groups. */
  readonly newer = new Map<Store, KeySet>()
  keys = 0

  constructor(name: string) {
    this.name = name
  }
}

export class Takeover implements Watcher {
  /** Whether `peerToAsk` must be checked before a command runs. */
  active = false
  /** How many entries came from each member; and since the start, from all members. */
  readonly taken = new Tally()
  received = 0
  readonly #options: TakeoverOptions
  readonly #maxKeys: number
  readonly #sources = new Map<string, Source>()
  readonly #sourceOf: (Source | undefined)[] = Array(SLOT_COUNT).fill(undefined)
  /** By slot: the number of the gain, which increases with each. */
  readonly #gainOf = new Float64Array(SLOT_COUNT)
  #gains = 0
  /** By store: the last gain before it was flushed. */
  readonly #flushedAtGain = new WeakMap<Store, number>()
  /** By slot: whether a store may hold entries from before another node served it. */
  readonly #mayBeStale = new Uint8Array(SLOT_COUNT)
  readonly #stale: StaleEntries
  readonly #arrivals: Arrivals
  #unwatch: (() => void)[] = []

  constructor(options: TakeoverOptions) {
    this.#options = options
    this.#maxKeys = options.maxKeys ?? MAX_KEYS
    const { groups, micros, pause } = options
    const cleaned = (): void => this.#updateActive()
    this.#arrivals = new Arrivals({ pause })
    this.#stale = new StaleEntries({ groups, micros, pause, maxKeys: this.#maxKeys, cleaned })
  }

  /** This node now owns these slots. `from` hands their entries over; `undefined`: no node does. */
  gained(slots: readonly number[], from: string | undefined): void {
    const gain = ++this.#gains
    const source = from === undefined ? undefined : this.#source(from)
    if (source !== undefined) source.slots += slots.length
    for (const slot of slots) {
      this.#release(slot)
      this.#gainOf[slot] = gain
      this.#sourceOf[slot] = source
    }
    this.#stale.add(slots.filter((slot) => this.#mayBeStale[slot] === 1))
    for (const slot of slots) this.#mayBeStale[slot] = 0
    this.#updateActive()
  }

  /** This node no longer owns these slots. */
  lost(slots: readonly number[]): void {
    for (const slot of slots) {
      this.#release(slot)
      this.#mayBeStale[slot] = 1
    }
    this.#stale.clear(slots)
    this.#updateActive()
  }

  /** A request ran here for a slot that this node does not own. */
  ranMisrouted(slot: number): void {
    this.#mayBeStale[slot] = 1
  }

  /** Whether entries of this slot are still to come, or stale ones not dropped yet: it must not be released. */
  isBusy(slot: number): boolean {
    return this.#sourceOf[slot] !== undefined || this.#stale.has(slot)
  }

  /** The node to send PEEK to before a command runs on this key of an own slot; `undefined`: it may run at once. */
  peerToAsk(group: Group, slot: number, buf: Uint8Array, start: number, end: number): string | undefined {
    this.#stale.dropIfStale(group, slot, buf, start, end)
    const source = this.#sourceOf[slot]
    if (source === undefined || source.overflowed || this.#wasFlushed(group.store, slot)) return undefined
    if (group.store.peek(buf, start, end) !== NULL_REF) return undefined
    if (this.#isNewer(source, group.store, slot, buf, start, end)) return undefined
    return source.name
  }

  /** The previous owner has nothing under this key. Ignored if the slot has come from another one meanwhile. */
  noteAbsent(group: Group, key: Buffer, from: string): void {
    const slot = keySlot(key, 0, key.length)
    if (this.#sourceOf[slot]?.name === from) this.#noteNewer(group.store, slot, key, 0, key.length)
  }

  /** A command is about to write this key. Called by the groups. */
  written(group: Group, buf: Uint8Array, start: number, end: number): void {
    const slot = keySlot(buf, start, end)
    this.#stale.dropIfStale(group, slot, buf, start, end)
    this.#noteNewer(group.store, slot, buf, start, end)
    if (this.#arrivals.size !== 0) this.#arrivals.drop(group, buf.subarray(start, end))
  }

  /** A command is about to remove everything. Called by the groups. */
  flushed(group: Group): void {
    this.#flushedAtGain.set(group.store, this.#gains)
    this.#arrivals.dropStore(group.store)
  }

  /** Stores an entry from `from`, handed over or the reply to PEEK. `later`: it must be sent again. */
  accept(group: Group, key: Buffer, dump: Buffer, from: string): 'stored' | 'kept' | 'refused' | 'later' {
    const refusal = this.#refusal(group, keySlot(key, 0, key.length), key, from)
    if (refusal !== undefined) {
      this.#arrivals.drop(group, key)
      return refusal
    }
    const { store } = group
    const parts = partsOf(dump)
    const isStored =
      parts === 0
        ? restoreEntry(store, key, 0, key.length, dump, group.isDisconnected)
        : this.#takeParts(group, key, dump, from, parts)
    if (isStored === 'later') return 'later'
    if (!isStored) return 'refused'
    const ref = store.peek(key, 0, key.length)
    if (ref !== NULL_REF && store.records.type(ref) !== ValueType.ABSENT) {
      this.taken.add(from, store)
      this.received++
    }
    return 'stored'
  }

  /** Stores an entry whose value has arrived in parts. False: it is refused. */
  #takeParts(group: Group, key: Buffer, dump: Buffer, from: string, parts: number): boolean | 'later' {
    const arrived = this.#arrivals.take(group, key, from, parts)
    if (arrived === undefined) return false
    if (arrived === 'later') return 'later'
    let isUsed = false
    const put = (flags: number): Ref => {
      isUsed = true
      return arrived.put(flags)
    }
    const isStored = restoreEntry(group.store, key, 0, key.length, dump, group.isDisconnected, put)
    if (!isUsed) arrived.discard()
    return isStored
  }

  /** Takes a part of a collection from `from`; the rest of the entry (TTL, tags) follows at the end, by `accept`. */
  acceptPart(
    group: Group,
    key: Buffer,
    number: number,
    dump: Buffer,
    from: string,
  ): 'taken' | 'kept' | 'refused' | 'later' {
    const slot = keySlot(key, 0, key.length)
    const refusal = this.#refusal(group, slot, key, from)
    if (refusal === undefined) return this.#arrivals.add(group, key, slot, from, number, dump)
    this.#arrivals.drop(group, key)
    return refusal
  }

  /** Why an entry from `from` must not be stored now; `undefined`: it may. */
  #refusal(group: Group, slot: number, key: Buffer, from: string): 'kept' | 'refused' | 'later' | undefined {
    const source = this.#sourceOf[slot]
    const { store } = group
    if (source?.name !== from) return this.#options.expectsEntries(slot, from) ? 'later' : 'refused'
    if (source.overflowed) return 'refused'
    if (this.#wasFlushed(store, slot)) return 'kept'
    this.#stale.dropIfStale(group, slot, key, 0, key.length)
    if (store.peek(key, 0, key.length) !== NULL_REF) return 'kept'
    return this.#isNewer(source, store, slot, key, 0, key.length) ? 'kept' : undefined
  }

  /** Stores a batch from `from`. `later`: none of it was processed. */
  acceptAll(group: Group, entries: readonly TransferredEntry[], from: string): 'taken' | 'later' | 'refused' {
    for (const { key } of entries) {
      const slot = keySlot(key, 0, key.length)
      if (this.#sourceOf[slot]?.name !== from && this.#options.expectsEntries(slot, from)) return 'later'
    }
    let refused = 0
    for (const { key, dump } of entries) {
      const outcome = this.accept(group, key, dump, from)
      // Only for an entry that is sent alone: its parts are not assembled yet.
      if (outcome === 'later') return 'later'
      if (outcome === 'refused') refused++
    }
    return refused === entries.length ? 'refused' : 'taken'
  }

  /** `from` has handed everything in these slots over. */
  done(from: string, slots: readonly number[]): 'taken' | 'later' {
    const early = (slot: number): boolean =>
      this.#sourceOf[slot]?.name !== from && this.#options.expectsEntries(slot, from)
    if (slots.some(early)) return 'later'
    for (const slot of slots) if (this.#sourceOf[slot]?.name === from) this.#release(slot)
    this.#updateActive()
    return 'taken'
  }

  /** The members from which entries are expected. */
  get takesFrom(): string[] {
    return [...this.#sources.keys()]
  }

  /** `from` has died or restarted: nothing more will come from it. */
  peerGone(from: string): void {
    this.taken.forget(from)
    const source = this.#sources.get(from)
    if (source === undefined) return
    for (let slot = 0; slot < SLOT_COUNT; slot++) if (this.#sourceOf[slot] === source) this.#release(slot)
    this.#updateActive()
  }

  #source(name: string): Source {
    let source = this.#sources.get(name)
    if (source === undefined) {
      source = new Source(name)
      this.#sources.set(name, source)
    }
    return source
  }

  #release(slot: number): void {
    const source = this.#sourceOf[slot]
    if (source === undefined) return
    this.#sourceOf[slot] = undefined
    this.#arrivals.dropSlot(slot)
    if (--source.slots === 0) this.#sources.delete(source.name)
  }

  #wasFlushed(store: Store, slot: number): boolean {
    return this.#gainOf[slot] <= (this.#flushedAtGain.get(store) ?? 0)
  }

  #isNewer(source: Source, store: Store, slot: number, buf: Uint8Array, start: number, end: number): boolean {
    return source.newer.get(store)?.has(buf, start, end, this.#gainOf[slot]) ?? false
  }

  /** Remembers the key while the slot has a source. */
  #noteNewer(store: Store, slot: number, buf: Uint8Array, start: number, end: number): void {
    const source = this.#sourceOf[slot]
    if (source === undefined || source.overflowed) return
    let keys = source.newer.get(store)
    if (keys === undefined) {
      keys = new KeySet()
      source.newer.set(store, keys)
    }
    const { size } = keys
    keys.add(buf, start, end, this.#gainOf[slot])
    source.keys += keys.size - size
    if (source.keys <= this.#maxKeys) return
    source.overflowed = true
    source.newer.clear()
    this.#options.overflowed?.(source.name)
  }

  /** Groups were added. */
  groupsChanged(): void {
    if (!this.active) return
    for (const unwatch of this.#unwatch) unwatch()
    this.#unwatch = this.#options.groups.map((group) => group.watch(this))
  }

  #updateActive(): void {
    const active = this.#sources.size > 0 || this.#stale.count > 0
    if (active === this.active) return
    this.active = active
    if (active) this.#unwatch = this.#options.groups.map((group) => group.watch(this))
    else for (const unwatch of this.#unwatch.splice(0)) unwatch()
  }
}

// Drops entries from before a slot was gained: another node has served it since, so they must never be read.

import { keySlot, SLOT_COUNT } from '../../bytes/crc16.ts'
import type { Group } from '../../group/group.ts'
import { NULL_REF } from '../../store/arena.ts'
import type { Store } from '../../store/store.ts'
import { KeySet } from './key-set.ts'

/** Time slice of the walk in µs, and the number of index slots that are visited at a time. */
const SLICE_MICROS = 500
const INDEX_SLOTS_PER_SLICE = 1024

const CLEAN = 0
/** The current walk drops the stale entries. */
const IN_WALK = 1
/** The next walk drops them. */
const WAITING = 2

export interface StaleOptions {
  readonly groups: readonly Group[]
  /** A monotonic clock in microseconds. */
  readonly micros: () => number
  /** Yields to other work. */
  readonly pause: () => Promise<void>
  /** When more keys than this are used during a walk, the walk is completed at once. */
  readonly maxKeys: number
  /** Called when no stale entry is left. */
  readonly cleaned: () => void
}

export class StaleEntries {
  /** The number of slots with stale entries. */
  count = 0
  readonly #options: StaleOptions
  readonly #state = new Uint8Array(SLOT_COUNT)
  /** By slot: how often it was gained. The salt of `#fresh`, so that keys count for one gain only. */
  readonly #gainCounts = new Int32Array(SLOT_COUNT)
  /** Keys whose entries, if any, are current. By store: SWAPDB exchanges the stores of groups. */
  readonly #fresh = new Map<Store, KeySet>()
  #freshKeys = 0
  #walking = false

  constructor(options: StaleOptions) {
    this.#options = options
  }

  has(slot: number): boolean {
    return this.#state[slot] !== CLEAN
  }

  /** Everything that the stores hold in these slots is stale. */
  add(slots: readonly number[]): void {
    for (const slot of slots) {
      if (this.#state[slot] === CLEAN) this.count++
      this.#state[slot] = WAITING
      this.#gainCounts[slot]++
    }
    if (!this.#walking && this.count > 0) void this.#walk()
  }

  /** This node no longer owns these slots. */
  clear(slots: readonly number[]): void {
    for (const slot of slots) {
      if (this.#state[slot] === CLEAN) continue
      this.#state[slot] = CLEAN
      this.count--
    }
  }

  /** Drops the entry of a key if it is stale. From now on the key counts as current. */
  dropIfStale(group: Group, slot: number, buf: Uint8Array, start: number, end: number): void {
    if (this.#state[slot] === CLEAN) return
    const { store } = group
    let fresh = this.#fresh.get(store)
    if (fresh === undefined) {
      fresh = new KeySet()
      this.#fresh.set(store, fresh)
    } else if (fresh.has(buf, start, end, this.#gainCounts[slot])) return
    const ref = store.peek(buf, start, end)
    if (ref !== NULL_REF) store.remove(ref)
    fresh.add(buf, start, end, this.#gainCounts[slot])
    if (++this.#freshKeys > this.#options.maxKeys) this.#pruneAll()
  }

  async #walk(): Promise<void> {
    const { micros, pause, cleaned } = this.#options
    this.#walking = true
    // In a microtask: the caller is still updating its tables.
    await pause()
    while (this.count > 0) {
      this.#startWalk()
      let since = micros()
      for (const store of this.#stores()) {
        for (let cursor = 0; this.count > 0; ) {
          cursor = this.#prune(store, cursor)
          if (cursor === 0) break
          if (micros() - since < SLICE_MICROS) continue
          await pause()
          since = micros()
        }
      }
      this.#markClean(IN_WALK)
    }
    this.#walking = false
    this.#fresh.clear()
    this.#freshKeys = 0
    cleaned()
  }

  /** Drops all stale entries at once. */
  #pruneAll(): void {
    for (const store of this.#stores()) {
      let cursor = this.#prune(store, 0)
      while (cursor !== 0) cursor = this.#prune(store, cursor)
    }
    this.#markClean(IN_WALK)
    this.#markClean(WAITING)
    this.#fresh.clear()
    this.#freshKeys = 0
  }

  #startWalk(): void {
    for (let slot = 0; slot < SLOT_COUNT; slot++)
      if (this.#state[slot] === WAITING) this.#state[slot] = IN_WALK
  }

  #markClean(state: number): void {
    for (let slot = 0; slot < SLOT_COUNT; slot++) {
      if (this.#state[slot] !== state) continue
      this.#state[slot] = CLEAN
      this.count--
    }
  }

  #stores(): Set<Store> {
    return new Set(this.#options.groups.map(({ store }) => store))
  }

  #prune(store: Store, cursor: number): number {
    const fresh = this.#fresh.get(store)
    return store.keyspace.prune(cursor, INDEX_SLOTS_PER_SLICE, (bytes, start, end) => {
      const slot = keySlot(bytes, start, end)
      if (this.#state[slot] === CLEAN) return true
      return fresh?.has(bytes, start, end, this.#gainCounts[slot]) ?? false
    })
  }
}

// Large collections that arrive in parts: each is assembled in a store of its own, then its pages are copied in steps.

/*
 *   PEER PART <key> <number> <dump of some elements>     number 0, 1, …: 0 begins again
 *   PEER TAKE <key> <entry without a value>              the key gets what has arrived
 *
 * Until TAKE the key does not exist here, as before its handover: no command sees a part of the collection.
 */

import type { Group } from '../../group/group.ts'
import { NULL_REF, type Ref } from '../../store/arena.ts'
import { Restorable } from '../../store/rdb/restore-value.ts'
import type { Store } from '../../store/store.ts'
import { attach, discard, hasPages, PageCopy } from '../../store/transfer/detached.ts'
import { copyValue, putValue } from '../../store/value.ts'

const KEY = Buffer.from('arriving')

/** Pages that are copied at a time: about half a millisecond. */
const COPIED_PAGES = 128

interface Arrival {
  readonly from: string
  readonly slot: number
  /** The store of the key's group. */
  readonly store: Store
  /** The store in which its parts are assembled. */
  readonly parts: Store
  next: number
  copy: PageCopy | undefined
  isComplete: boolean
  isOver: boolean
}

/** A collection that has arrived: it is stored under its key, as by `Store.put`, or discarded. */
export interface Arrived {
  put(flags: number): Ref
  discard(): void
}

export interface ArrivalsOptions {
  /** Yields to other work. */
  readonly pause: () => Promise<void>
}

export class Arrivals {
  readonly #options: ArrivalsOptions
  /** By the name of the group and the key. */
  readonly #all = new Map<string, Arrival>()

  constructor(options: ArrivalsOptions) {
    this.#options = options
  }

  /** Adds a part. `refused`: it is malformed, or does not fit; the others are dropped. */
  add(
    group: Group,
    key: Buffer,
    slot: number,
    from: string,
    number: number,
    dump: Buffer,
  ): 'taken' | 'refused' {
    const name = nameOf(group, key)
    let arrival = this.#all.get(name)
    if (number === 0 || arrival?.from !== from || arrival.store !== group.store) {
      this.#end(name)
      if (number !== 0) return 'refused'
      const { store } = group
      const parts = store.another()
      arrival = { from, slot, store, parts, next: 0, copy: undefined, isComplete: false, isOver: false }
      this.#all.set(name, arrival)
    }
    // The part was added before, and the answer was lost.
    if (number < arrival.next) return 'taken'
    const value = number === arrival.next ? Restorable.read(dump, 0, dump.length) : undefined
    if (value instanceof Restorable && value.addTo(arrival.parts, KEY)) {
      arrival.next++
      return 'taken'
    }
    this.#end(name)
    return 'refused'
  }

  /** The collection of `parts` parts, to be attached at once. `later`: it is not complete; `undefined`: there is none. */
  take(group: Group, key: Buffer, from: string, parts: number): Arrived | 'later' | undefined {
    const name = nameOf(group, key)
    const arrival = this.#all.get(name)
    if (arrival === undefined || arrival.from !== from || arrival.store !== group.store) return undefined
    if (arrival.next !== parts) {
      this.#end(name)
      return undefined
    }
    const ref = arrival.parts.peek(KEY, 0, KEY.length)
    if (ref === NULL_REF || !group.store.hasRoom(arrival.parts.bytesOf(ref))) {
      this.#end(name)
      return undefined
    }
    if (hasPages(arrival.parts, ref) && !arrival.isComplete) {
      if (arrival.copy === undefined) void this.#copy(arrival, ref)
      return 'later'
    }
    this.#all.delete(name)
    const { store, copy } = arrival
    return {
      put: (flags) =>
        copy === undefined
          ? putValue(store, key, 0, key.length, copyValue(arrival.parts, ref), flags)
          : attach(store, key, 0, key.length, copy.detached, flags),
      discard: () => {
        if (copy !== undefined) discard(store, copy.detached)
      },
    }
  }

  get size(): number {
    return this.#all.size
  }

  /** Drops the parts of a key. */
  drop(group: Group, key: Uint8Array): void {
    if (this.#all.size !== 0) this.#end(nameOf(group, key))
  }

  /** Drops all parts for a store, which is about to be cleared. */
  dropStore(store: Store): void {
    for (const [name, arrival] of this.#all) if (arrival.store === store) this.#end(name)
  }

  /** Drops all parts of a slot: no more will arrive. */
  dropSlot(slot: number): void {
    for (const [name, arrival] of this.#all) if (arrival.slot === slot) this.#end(name)
  }

  async #copy(arrival: Arrival, ref: Ref): Promise<void> {
    const copy = new PageCopy(arrival.parts, ref, arrival.store)
    arrival.copy = copy
    while (!copy.step(COPIED_PAGES)) {
      await this.#options.pause()
      // The copy was discarded meanwhile.
      if (arrival.isOver) return
    }
    arrival.isComplete = true
  }

  #end(name: string): void {
    const arrival = this.#all.get(name)
    if (arrival === undefined) return
    arrival.isOver = true
    this.#all.delete(name)
    if (arrival.copy !== undefined) discard(arrival.store, arrival.copy.detached)
  }
}

function nameOf({ policy }: Group, key: Uint8Array): string {
  return `${policy.name} ${Buffer.from(key).toString('latin1')}`
}

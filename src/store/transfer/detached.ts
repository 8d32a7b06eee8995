// A large collection without a key: moves its pages from one record to another, without touching its elements.

import { NULL_REF, type Ref } from '../arena.ts'
import { FRESHNESS, isCollection, type ValueType } from '../record.ts'
import type { Store } from '../store.ts'
import { PAGED } from '../types/packed.ts'

const REGION_AT = 4

/**
 * Must be stored by `attach` or freed by `discard`. Until then its pages count for the budget, but cannot be evicted.
 */
export interface Detached {
  readonly type: ValueType
  /** The value of the record. */
  readonly value: Buffer
  readonly region: number
  /** Whether the region is to be marked: fields have deadlines. */
  readonly isMarked: boolean
}

/** Whether a record is a collection with pages of its own. */
export function hasPages(store: Store, ref: Ref): boolean {
  return isCollection(store.records.type(ref)) && store.collections.regionOf(ref) !== 0
}

/** Takes a large collection out of its record, and removes that. */
export function detach(store: Store, ref: Ref): Detached {
  const { records, collections } = store
  const type = records.type(ref)
  const region = collections.regionOf(ref)
  const value = store.copyValue(ref)
  records.locate(ref)
  records.bytes[records.valueStart] &= ~PAGED
  collections.regions.setRecord(region, NULL_REF)
  store.remove(ref)
  return { type, value, region, isMarked: collections.regions.isMarked(region) }
}

/** A copy for a store with the same hashes; `undefined`: it exceeds the budget there, and nothing has changed. */
export function copyOf(from: Store, ref: Ref, to: Store): Detached | undefined {
  if (!to.hasRoom(from.bytesOf(ref))) return undefined
  const copy = new PageCopy(from, ref, to)
  while (!copy.step(Number.POSITIVE_INFINITY));
  return copy.detached
}

/** Copies the pages of a collection in steps. It must not change meanwhile. */
export class PageCopy {
  readonly detached: Detached
  readonly #from: Store
  readonly #region: number
  readonly #to: Store
  #next = 1

  constructor(from: Store, ref: Ref, to: Store) {
    const value = from.copyValue(ref)
    this.#from = from
    this.#region = from.collections.regionOf(ref)
    this.#to = to
    const { regions } = from.collections
    const region = to.collections.regions.copy(regions, this.#region)
    value.writeUInt32LE(region, REGION_AT)
    this.detached = { type: from.records.type(ref), value, region, isMarked: regions.isMarked(this.#region) }
  }

  /** Copies up to `pages` pages. True: all are copied. */
  step(pages: number): boolean {
    const { regions } = this.#to.collections
    if (this.#next !== 0)
      this.#next = regions.copyPages(
        this.detached.region,
        this.#from.collections.regions,
        this.#region,
        this.#next,
        pages,
      )
    return this.#next === 0
  }
}

/** Stores a collection under a key, as `Store.put`; NULL_REF: it exceeds the budget, and is gone. */
export function attach(
  store: Store,
  key: Uint8Array,
  keyStart: number,
  keyEnd: number,
  { type, value, region, isMarked }: Detached,
  flags: number,
): Ref {
  const { regions } = store.collections
  const ref = store.put(key, keyStart, keyEnd, value, 0, value.length, type, flags & ~FRESHNESS)
  if (ref === NULL_REF) {
    regions.free(region)
    return NULL_REF
  }
  regions.setRecord(region, ref)
  if (isMarked) regions.mark(region, true)
  if ((flags & FRESHNESS) !== 0) return store.addFreshness(ref)
  store.settle(ref)
  return store.peek(key, keyStart, keyEnd)
}

export function discard(store: Store, { region }: Detached): void {
  store.collections.regions.free(region)
}

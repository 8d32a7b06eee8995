// A store and, by key, a plain model of each of its collections: evictions drop keys from both.

import { expect } from 'vitest'
import { Hasher } from '../../../src/bytes/hash.ts'
import { Instant } from '../../../src/bytes/instant.ts'
import { NULL_REF, type Ref } from '../../../src/store/arena.ts'
import type { ValueType } from '../../../src/store/record.ts'
import { Store } from '../../../src/store/store.ts'

export function makeStore(maxBytes: number, hasher = new Hasher({ low: 1, high: 2 })): Store {
  const instant = new Instant({ now: () => 1_700_000_000_000 })
  return new Store({ maxBytes, hasher, instant })
}

export abstract class CollectionTwin<Model> {
  readonly store: Store
  readonly model = new Map<string, Model>()

  constructor(maxBytes: number, hasher?: Hasher) {
    this.store = makeStore(maxBytes, hasher)
  }

  /** NULL_REF: there is none. */
  find(key: string): Ref {
    const name = Buffer.from(key)
    return this.store.peek(name, 0, name.length)
  }

  /** A collection that gets one more element, created empty if there is none. NULL_REF: refused. */
  protected open(key: string, type: ValueType, bytes: number, empty: Model): Ref {
    const { collections } = this.store
    const name = Buffer.from(key)
    let ref = this.find(key)
    if (!collections.fits(ref, bytes, 1, name.length)) return NULL_REF
    if (ref === NULL_REF) {
      this.model.set(key, empty)
      ref = collections.create(type, name, 0, name.length, 0)
    }
    this.#dropEvicted()
    return ref
  }

  /** Ends a change, after which the collection has `size` elements. */
  protected finish(key: string, ref: Ref, size: number): void {
    this.store.collections.finish(ref, size)
    if (size === 0) this.model.delete(key)
    this.#dropEvicted()
    expect(this.store.usedBytes).toBeLessThanOrEqual(this.store.maxBytes)
  }

  expire(key: string): void {
    const ref = this.find(key)
    if (ref === NULL_REF) return
    this.store.deadline[0] = 1_800_000_000_000
    this.store.expire(ref)
    this.#dropEvicted()
  }

  check(): void {
    this.store.verify()
    expect(this.store.size).toBe(this.model.size)
    for (const [key, model] of this.model) this.compare(this.find(key), model)
  }

  protected abstract compare(ref: Ref, model: Model): void

  #dropEvicted(): void {
    for (const key of this.model.keys()) if (this.find(key) === NULL_REF) this.model.delete(key)
  }
}

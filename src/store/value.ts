// A value outside of the store: copied out of it, loaded from an origin, or on its way to another node.

import { NULL_REF, type Ref } from './arena.ts'
import { dumpValue } from './rdb/dump-value.ts'
import { Restorable, type RestoreFailure } from './rdb/restore-value.ts'
import { FRESHNESS, isCollection, ValueType } from './record.ts'
import type { Store } from './store.ts'

/** A collection in the encoding of DUMP. */
export class Collection {
  readonly type: ValueType
  readonly dump: Buffer
  readonly #length: number | undefined
  /** What was read of the dump; `undefined`: it was not read yet. */
  #restorable: Restorable | undefined

  /** @param length `undefined`: it is computed from the dump, when it is asked for */
  constructor(type: ValueType, dump: Buffer, length?: number) {
    this.type = type
    this.dump = dump
    this.#length = length
  }

  /** About how many bytes it occupies in a store: enough for an estimate by `Store.fits`; `putValue` decides. */
  get length(): number {
    return this.#length ?? this.restorable.length
  }

  /** The value of a dump that another node or an origin has written. */
  static read(dump: Buffer): Collection | RestoreFailure {
    const restorable = Restorable.read(dump, 0, dump.length)
    if (!(restorable instanceof Restorable)) return restorable
    const collection = new Collection(restorable.type, dump, restorable.length)
    collection.#restorable = restorable
    return collection
  }

  get restorable(): Restorable {
    if (this.#restorable !== undefined) return this.#restorable
    const { dump } = this
    const restorable = Restorable.read(dump, 0, dump.length)
    if (!(restorable instanceof Restorable)) throw new Error(`a collection that was dumped is ${restorable}`)
    this.#restorable = restorable
    return restorable
  }

  equals(other: Value): boolean {
    return other instanceof Collection && this.type === other.type && this.dump.equals(other.dump)
  }
}

/** The bytes of a string, or a collection. They must not change. */
export type Value = Buffer | Collection

export function sameValue(a: Value, b: Value): boolean {
  return a instanceof Collection ? a.equals(b) : !(b instanceof Collection) && a.equals(b)
}

/** A copy of the value of a record that is not negative. */
export function copyValue(store: Store, ref: Ref): Value {
  const type = store.records.type(ref)
  if (!isCollection(type)) return store.copyValue(ref)
  return new Collection(type, dumpValue(store, ref), store.bytesOf(ref))
}

/** Stores a value under a key, as `Store.put`. `NULL_REF`: it exceeds the budget. */
export function putValue(
  store: Store,
  key: Uint8Array,
  keyStart: number,
  keyEnd: number,
  value: Value,
  flags: number,
): Ref {
  if (!(value instanceof Collection))
    return store.put(key, keyStart, keyEnd, value, 0, value.length, ValueType.STRING, flags)
  // Every insertion of an element ends the freshness of a loaded value: it is added when the value is complete.
  const ref = value.restorable.store(store, key, keyStart, keyEnd, flags & ~FRESHNESS)
  return ref === NULL_REF || (flags & FRESHNESS) === 0 ? ref : store.addFreshness(ref)
}

/** The value that another node has sent: a string, or with a type a collection. `undefined`: malformed. */
export function receivedValue(bytes: Buffer, type: unknown): Value | undefined {
  if (type === undefined) return bytes
  const value = Collection.read(bytes)
  return value instanceof Collection && value.type === type ? value : undefined
}

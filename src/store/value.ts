// A value outside of the store: copied out of it, loaded from an origin, or on its way to another node.

import { NULL_REF, type Ref } from './arena.ts'
import { dumpValue } from './rdb/dump-value.ts'
import { Restorable } from './rdb/restore-value.ts'
import { FRESHNESS, isCollection, ValueType } from './record.ts'
import type { Store } from './store.ts'

/** A collection in the encoding of DUMP. */
export class Collection {
  readonly type: ValueType
  readonly dump: Buffer
  /** About how many bytes it occupies in a store: enough for an estimate by `Store.fits`; `putValue` decides. */
  readonly length: number

  constructor(type: ValueType, dump: Buffer, length: number) {
    this.type = type
    this.dump = dump
    this.length = length
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
  const dump = dumpValue(store, ref)
  if (dump === undefined) throw new Error(`values of type ${type} cannot be copied`)
  return new Collection(type, dump, store.bytesOf(ref))
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
  const dumped = Restorable.read(value.dump, 0, value.dump.length)
  if (!(dumped instanceof Restorable)) throw new Error(`a collection that was dumped is ${dumped}`)
  // Every insertion of an element ends the freshness of a loaded value: it is added when the value is complete.
  const ref = dumped.store(store, key, keyStart, keyEnd, flags & ~FRESHNESS)
  return ref === NULL_REF || (flags & FRESHNESS) === 0 ? ref : store.addFreshness(ref)
}

/** The value that another node has sent: a string, or with a type a collection. `undefined`: malformed. */
export function receivedValue(bytes: Buffer, type: unknown): Value | undefined {
  if (type === undefined) return bytes
  const dumped = Restorable.read(bytes, 0, bytes.length)
  if (!(dumped instanceof Restorable) || dumped.type !== type) return undefined
  return new Collection(dumped.type, bytes, dumped.length)
}

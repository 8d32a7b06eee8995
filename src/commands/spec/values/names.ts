// The type and encoding of a record under Redis's names, and its number of elements.

import { isCanonicalInteger } from '../../../bytes/numbers/decimal.ts'
import type { Ref } from '../../../store/arena.ts'
import { isCollection, ValueType } from '../../../store/record.ts'
import type { Store } from '../../../store/store.ts'

/** Longer strings are not embedded in their object (Redis: `OBJ_ENCODING_EMBSTR_SIZE_LIMIT`). */
const MAX_EMBEDDED = 44

/** By type: the name that TYPE gives, and the encodings by the flags of a collection (`Collections.flags`). */
const TYPES: Readonly<Partial<Record<ValueType, readonly [name: string, ...encodings: string[]]>>> = {
  [ValueType.STRING]: ['string'],
  [ValueType.LIST]: ['list', 'quicklist'],
  [ValueType.SET]: ['set', 'intset', 'hashtable', 'listpack'],
  [ValueType.SORTED_SET]: ['zset', 'listpack', 'skiplist'],
  [ValueType.HASH]: ['hash', 'listpack', 'hashtable', 'listpackex', 'hashtable'],
  [ValueType.STREAM]: ['stream', 'stream'],
}

/** The name that TYPE gives. */
export function typeName(type: ValueType): string {
  return TYPES[type]?.[0] ?? 'none'
}

/** The encoding that Redis would have chosen for the same value. */
export function encodingName({ records, collections }: Store, ref: Ref): string {
  const type = records.type(ref)
  if (isCollection(type)) return TYPES[type]?.[1 + collections.flags(ref)] ?? 'unknown'
  if (records.isRaw(ref)) return 'raw'
  records.locate(ref)
  const { bytes, valueStart, valueEnd } = records
  if (isCanonicalInteger(bytes, valueStart, valueEnd)) return 'int'
  return valueEnd - valueStart <= MAX_EMBEDDED ? 'embstr' : 'raw'
}

/** The number of elements, fields, members or entries of a collection; null for any other value. */
export function elementsOf(
  { records, lists, sets, sortedSets, hashes, streams }: Store,
  ref: Ref,
): number | null {
  switch (records.type(ref)) {
    case ValueType.LIST:
      return lists.length(ref)
    case ValueType.SET:
      return sets.size(ref)
    case ValueType.SORTED_SET:
      return sortedSets.length(ref)
    case ValueType.HASH:
      return hashes.length(ref)
    case ValueType.STREAM:
      return streams.open(ref).length
    default:
      return null
  }
}

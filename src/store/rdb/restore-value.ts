// Stores the value of a dump that Redis or `dumpValue` wrote.

import { NULL_REF, type Ref } from '../arena.ts'
import { ValueType } from '../record.ts'
import type { Store } from '../store.ts'
import type { ByteRange } from './byte-range.ts'
import { FOOTER_BYTES, hasValidFooter } from './format.ts'
import { readValue } from './reader.ts'
import type { RdbSink, StreamId } from './sink.ts'
import { Survey } from './survey.ts'

/** Why a dump was not stored. */
export type RestoreFailure = 'wrong footer' | 'malformed'

/** A dump that can be stored. */
export class Restorable {
  readonly #survey: Survey
  readonly #dump: Buffer
  readonly #start: number
  readonly #end: number

  private constructor(survey: Survey, dump: Buffer, start: number, end: number) {
    this.#survey = survey
    this.#dump = dump
    this.#start = start
    this.#end = end
  }

  /** Checks all of `dump[start, end)`. The bytes must stay as they are until `store`. */
  static read(dump: Buffer, start: number, end: number): Restorable | RestoreFailure {
    if (!hasValidFooter(dump, start, end)) return 'wrong footer'
    const survey = new Survey()
    const valueEnd = end - FOOTER_BYTES
    if (!readValue(dump, start, valueEnd, survey) || TYPES[survey.type] === undefined) return 'malformed'
    return new Restorable(survey, dump, start, valueEnd)
  }

  /**
   * Stores the value under a key, instead of what is there.
   *
   * @param flags as `Store.put`
   * @returns NULL_REF: it alone exceeds the budget; nothing has changed
   */
  store(store: Store, key: Uint8Array, keyStart: number, keyEnd: number, flags: number): Ref {
    const { value, type, count, bytes } = this.#survey
    if (value !== undefined)
      return store.put(key, keyStart, keyEnd, value.bytes, value.start, value.end, ValueType.STRING, flags)
    const { collections } = store
    const valueType = TYPES[type]
    if (valueType === undefined) return NULL_REF
    if (!collections.fits(NULL_REF, bytes, count, keyEnd - keyStart)) return NULL_REF
    const ref = collections.create(valueType, key, keyStart, keyEnd, flags)
    if (ref === NULL_REF) return NULL_REF
    const builder = new Builder(store, ref)
    readValue(this.#dump, this.#start, this.#end, builder)
    collections.finish(builder.ref, count)
    return store.peek(key, keyStart, keyEnd)
  }
}

/** Types that have a store yet. */
const TYPES: Readonly<Partial<Record<Survey['type'], ValueType>>> = {
  string: ValueType.STRING,
  list: ValueType.LIST,
  zset: ValueType.SORTED_SET,
}

/** Adds the elements to a new collection. */
class Builder implements RdbSink {
  /** The record, which moves as it grows. */
  ref: Ref
  readonly #store: Store
  #count = 0

  constructor(store: Store, ref: Ref) {
    this.#store = store
    this.ref = ref
  }

  string(_value: ByteRange): boolean {
    return false
  }

  begin(): boolean {
    return true
  }

  element({ bytes, start, end }: ByteRange): boolean {
    this.ref = this.#store.lists.insert(this.ref, this.#count++, bytes, start, end)
    return true
  }

  field(_field: ByteRange, _value: ByteRange): boolean {
    return false
  }

  scored({ bytes, start, end }: ByteRange, score: number): boolean {
    const { sortedSets } = this.#store
    if (sortedSets.find(this.ref, bytes, start, end)) return false
    sortedSets.score[0] = score
    this.ref = sortedSets.insert(this.ref, bytes, start, end)
    return true
  }

  entry(_id: StreamId, _count: number): boolean {
    return false
  }

  stream(_lastId: StreamId, _maxDeletedId: StreamId, _entriesAdded: bigint): boolean {
    return false
  }

  group(_name: ByteRange, _lastId: StreamId, _entriesRead: bigint): boolean {
    return false
  }

  pending(_id: StreamId, _deliveredAt: bigint, _deliveries: bigint): boolean {
    return false
  }

  consumer(_name: ByteRange, _seenAt: bigint, _activeAt: bigint): boolean {
    return false
  }

  owned(_id: StreamId): boolean {
    return false
  }
}

// Stores the value of a dump that Redis or `dumpValue` wrote.

import { NULL_REF, type Ref } from '../arena.ts'
import { ValueType } from '../record.ts'
import type { Store } from '../store.ts'
import type { StreamId } from '../types/stream/id.ts'
import type { ByteRange } from './byte-range.ts'
import { FOOTER_BYTES, hasValidFooter } from './format.ts'
import { readValue } from './reader.ts'
import type { RdbSink } from './sink.ts'
import { StreamBuilder } from './stream/builder.ts'
import { Survey } from './survey.ts'

/** Bytes of an element in a store besides its strings, about. */
const ELEMENT_BYTES = 48

/** Why a dump was not stored. */
export type RestoreFailure = 'wrong footer' | 'malformed'

/** A dump that can be stored. */
export class Restorable {
  /** See `store`. */
  isSpent = false
  readonly type: ValueType
  /** The bytes of all strings, and the number of elements, as surveyed. */
  readonly #bytes: number
  readonly #count: number
  /** Of a string. */
  readonly #value: ByteRange | undefined
  readonly #dump: Buffer
  readonly #start: number
  readonly #end: number

  private constructor(survey: Survey, dump: Buffer, start: number, end: number) {
    const { type, bytes, count, value } = survey
    this.type = type === 'string' ? ValueType.STRING : TYPES[type]
    this.#bytes = bytes
    this.#count = count
    this.#value = value
    this.#dump = dump
    this.#start = start
    this.#end = end
  }

  /** Checks all of `dump[start, end)`. The bytes must stay as they are until `store`. */
  static read(dump: Buffer, start: number, end: number): Restorable | RestoreFailure {
    if (!hasValidFooter(dump, start, end)) return 'wrong footer'
    const survey = new Survey()
    const valueEnd = end - FOOTER_BYTES
    if (!readValue(dump, start, valueEnd, survey)) return 'malformed'
    return new Restorable(survey, dump, start, valueEnd)
  }

  /** About how many bytes the value occupies in a store. */
  get length(): number {
    return this.#bytes + ELEMENT_BYTES * this.#count
  }

  /**
   * Stores the value under a key, instead of what is there.
   *
   * @param flags as `Store.put`
   * @returns NULL_REF: it alone exceeds the budget, and nothing has changed; or with `isSpent`, all fields of the hash have
   *   expired, and the key does not exist
   */
  store(store: Store, key: Uint8Array, keyStart: number, keyEnd: number, flags: number): Ref {
    const value = this.#value
    if (value !== undefined)
      return store.put(key, keyStart, keyEnd, value.bytes, value.start, value.end, ValueType.STRING, flags)
    const { collections, streams } = store
    if (!collections.fits(NULL_REF, this.#bytes, this.#count, keyEnd - keyStart)) return NULL_REF
    const builder = new Builder(store, (valueType) =>
      valueType === ValueType.STREAM
        ? streams.create(key, keyStart, keyEnd, flags)
        : collections.create(valueType, key, keyStart, keyEnd, flags),
    )
    readValue(this.#dump, this.#start, this.#end, builder)
    this.isSpent = builder.isSpent
    collections.finish(builder.ref, builder.isSpent ? 0 : 1)
    return store.peek(key, keyStart, keyEnd)
  }
}

const TYPES = {
  list: ValueType.LIST,
  set: ValueType.SET,
  hash: ValueType.HASH,
  zset: ValueType.SORTED_SET,
  stream: ValueType.STREAM,
} as const satisfies Partial<Record<Survey['type'], ValueType>>

/** Adds the elements to a new collection. Its room was checked, and the dump surveyed. */
class Builder implements RdbSink {
  /** The record, which moves as it grows. */
  ref: Ref = NULL_REF
  readonly #store: Store
  readonly #create: (type: ValueType) => Ref
  #type: keyof typeof TYPES = 'list'
  #count = 0
  #stream: StreamBuilder | undefined
  /** Fields that have expired before the hash is restored. */
  #expired = 0

  constructor(store: Store, create: (type: ValueType) => Ref) {
    this.#store = store
    this.#create = create
  }

  /** Whether the value is a hash whose fields have all expired. */
  get isSpent(): boolean {
    return this.#expired > 0 && this.#count === 0
  }

  string(): boolean {
    return false
  }

  begin(type: keyof typeof TYPES): boolean {
    this.#type = type
    this.ref = this.#create(TYPES[type])
    if (type === 'stream') this.#stream = new StreamBuilder(this.#store.streams.open(this.ref))
    return this.ref !== NULL_REF
  }

  element({ bytes, start, end }: ByteRange): boolean {
    const { lists, sets } = this.#store
    if (this.#type === 'list') this.ref = lists.insert(this.ref, this.#count++, bytes, start, end)
    else this.ref = sets.add(this.ref, bytes, start, end)
    return true
  }

  field(field: ByteRange, value: ByteRange, deadline: number): boolean {
    if (this.#stream !== undefined) return this.#stream.field(field, value)
    const { hashes, now } = this.#store
    if (deadline !== 0 && deadline <= now) {
      this.#expired++
      return true
    }
    this.#count++
    this.ref = hashes.set(this.ref, field.bytes, field.start, field.end, value.bytes, value.start, value.end)
    if (deadline === 0) return true
    hashes.deadline[0] = deadline
    this.ref = hashes.expire(this.ref, field.bytes, field.start, field.end, undefined)
    return true
  }

  scored({ bytes, start, end }: ByteRange, score: number): boolean {
    const { sortedSets } = this.#store
    sortedSets.find(this.ref, bytes, start, end)
    sortedSets.score[0] = score
    this.ref = sortedSets.insert(this.ref, bytes, start, end)
    return true
  }

  entry(id: StreamId): boolean {
    return this.#stream?.entry(id) ?? false
  }

  stream(lastId: StreamId, maxDeletedId: StreamId, entriesAdded: bigint): boolean {
    return this.#stream?.end(lastId, maxDeletedId, entriesAdded) ?? false
  }

  group(name: ByteRange, lastId: StreamId, entriesRead: bigint): boolean {
    return this.#stream?.group(name, lastId, entriesRead) ?? false
  }

  pending(id: StreamId, deliveredAt: bigint, deliveries: bigint): boolean {
    return this.#stream?.pending(id, deliveredAt, deliveries) ?? false
  }

  consumer(name: ByteRange, seenAt: bigint, activeAt: bigint): boolean {
    return this.#stream?.consumer(name, seenAt, activeAt) ?? false
  }

  owned(id: StreamId): boolean {
    return this.#stream?.owned(id) ?? false
  }
}

// Stores the value of a dump that Redis or `dumpValue` wrote.

import { NULL_REF, type Ref } from '../arena.ts'
import { ValueType } from '../record.ts'
import type { Store } from '../store.ts'
import { PACKED_ELEMENTS } from '../types/collections.ts'
import type { StreamId } from '../types/stream/id.ts'
import { StringList } from '../types/string-list.ts'
import { ByteRange } from './byte-range.ts'
import { FOOTER_BYTES, hasValidFooter } from './format.ts'
import { readValue } from './reader.ts'
import type { RdbSink } from './sink.ts'
import { StreamBuilder } from './stream/builder.ts'
import { Survey } from './survey.ts'

/** Why a dump was not stored. */
export type RestoreFailure = 'wrong footer' | 'malformed'

/** A dump that can be stored. */
export class Restorable {
  /** Whether all fields of the hash had expired: set by `store`. */
  isSpent = false
  readonly type: ValueType
  /** An upper estimate of the bytes that the value occupies in a store. */
  readonly length: number
  /** The number of elements. */
  readonly #count: number
  /** The value, if it is a string. */
  readonly #value: ByteRange | undefined
  readonly #dump: Buffer
  readonly #start: number
  readonly #end: number

  private constructor(survey: Survey, dump: Buffer, start: number, end: number) {
    const { type, value } = survey
    this.type = type === 'string' ? ValueType.STRING : TYPES[type]
    this.length = survey.storedBytes
    this.#count = survey.count
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

  /**
   * Stores the value under a key, replacing its present value.
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
    if (
      !store.fits(keyEnd - keyStart, 0, flags) ||
      !store.hasRoom(this.length + keyEnd - keyStart + OWN_BYTES)
    )
      return NULL_REF
    const builder = new Builder(store, this.#count, (valueType) =>
      valueType === ValueType.STREAM
        ? streams.create(key, keyStart, keyEnd, flags)
        : collections.create(valueType, key, keyStart, keyEnd, flags),
    )
    readValue(this.#dump, this.#start, this.#end, builder)
    builder.complete()
    this.isSpent = builder.isSpent
    collections.finish(builder.ref, builder.isSpent ? 0 : 1)
    return store.peek(key, keyStart, keyEnd)
  }

  /**
   * Adds the elements to what is stored under a key, at its end. False: that is not a collection of this type, a member is
   * there already, or it exceeds the budget.
   */
  addTo(store: Store, key: Buffer): boolean {
    if (this.type === ValueType.STRING || this.type === ValueType.STREAM) return false
    const ref = store.peek(key, 0, key.length)
    if (ref === NULL_REF) return this.store(store, key, 0, key.length, 0) !== NULL_REF || this.isSpent
    const isFitting = store.hasRoom(store.bytesOf(ref) + this.length + OWN_BYTES)
    if (store.records.type(ref) !== this.type || !isFitting) return false
    const builder = new Builder(store, 0, () => ref)
    const isRead = readValue(this.#dump, this.#start, this.#end, builder)
    store.collections.finish(builder.ref, 1)
    return isRead
  }
}

/** The record of a collection, without its key. */
const OWN_BYTES = 96

const TYPES = {
  list: ValueType.LIST,
  set: ValueType.SET,
  hash: ValueType.HASH,
  zset: ValueType.SORTED_SET,
  stream: ValueType.STREAM,
} as const satisfies Partial<Record<Survey['type'], ValueType>>

/** The elements of a large collection, copied. */
class Loading {
  /** Elements, members or fields. */
  readonly strings = new StringList()
  readonly values = new StringList()
  /** Scores; deadlines of fields, 0: none. */
  readonly numbers: Float64Array
  isTimed = false
  readonly #field = new ByteRange()
  readonly #value = new ByteRange()

  constructor(count: number) {
    this.numbers = new Float64Array(count)
  }

  add(field: ByteRange, value: ByteRange, deadline: number): void {
    if (deadline !== 0) this.isTimed = true
    this.numbers[this.strings.count] = deadline
    this.strings.add(field.bytes, field.start, field.end)
    this.values.add(value.bytes, value.start, value.end)
  }

  field(i: number): ByteRange {
    return pointed(this.#field, this.strings, i)
  }

  value(i: number): ByteRange {
    return pointed(this.#value, this.values, i)
  }
}

function pointed(range: ByteRange, { bytes, starts, ends }: StringList, i: number): ByteRange {
  range.point(bytes, starts[i], ends[i])
  return range
}

/** Adds the elements to a new collection. Its room was checked, and the dump surveyed. */
class Builder implements RdbSink {
  /** The record, which moves as it grows. */
  ref: Ref = NULL_REF
  readonly #store: Store
  readonly #create: (type: ValueType) => Ref
  readonly #elements: number
  /** Elements that are inserted all at once, in the order of the trees; `undefined`: there are few. */
  #loading: Loading | undefined
  /** Elements are appended as they are read. */
  #isLongList = false
  #type: keyof typeof TYPES = 'list'
  #count = 0
  #stream: StreamBuilder | undefined
  /** Fields that have expired before the hash is restored. */
  #expired = 0

  constructor(store: Store, count: number, create: (type: ValueType) => Ref) {
    this.#store = store
    this.#create = create
    this.#elements = count
  }

  /** All elements were read. */
  complete(): void {
    const { lists, sets, sortedSets, hashes } = this.#store
    if (this.#isLongList) lists.endLoading()
    const loading = this.#loading
    if (loading === undefined) return
    const { strings, values, numbers } = loading
    if (this.#type === 'set') this.ref = sets.load(this.ref, strings)
    else if (this.#type === 'zset') this.ref = sortedSets.load(this.ref, strings, numbers)
    else if (strings.count > PACKED_ELEMENTS)
      this.ref = hashes.load(this.ref, strings, values, loading.isTimed ? numbers : undefined)
    // Most fields have expired, so few are left for a large collection.
    else for (let i = 0; i < strings.count; i++) this.#set(loading.field(i), loading.value(i), numbers[i])
    strings.clear()
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
    else if (type === 'list') this.#beginList()
    else if (this.#elements > PACKED_ELEMENTS) this.#loading = new Loading(this.#elements)
    return this.ref !== NULL_REF
  }

  #beginList(): void {
    const { lists } = this.#store
    this.#count = lists.length(this.ref)
    this.#isLongList = this.#elements > PACKED_ELEMENTS
    if (this.#isLongList) this.ref = lists.beginLoading(this.ref)
  }

  element({ bytes, start, end }: ByteRange): boolean {
    const { lists, sets } = this.#store
    const loading = this.#loading
    if (this.#isLongList) {
      lists.append(bytes, start, end)
      return true
    }
    if (loading !== undefined) {
      loading.strings.add(bytes, start, end)
      return true
    }
    if (this.#type === 'list') this.ref = lists.insert(this.ref, this.#count++, bytes, start, end)
    else this.ref = sets.add(this.ref, bytes, start, end)
    return true
  }

  field(field: ByteRange, value: ByteRange, deadline: number): boolean {
    if (this.#stream !== undefined) return this.#stream.field(field, value)
    if (deadline !== 0 && deadline <= this.#store.now) {
      this.#expired++
      return true
    }
    this.#count++
    if (this.#loading === undefined) this.#set(field, value, deadline)
    else this.#loading.add(field, value, deadline)
    return true
  }

  #set(field: ByteRange, value: ByteRange, deadline: number): void {
    const { hashes } = this.#store
    this.ref = hashes.set(this.ref, field.bytes, field.start, field.end, value.bytes, value.start, value.end)
    if (deadline === 0) return
    hashes.deadline[0] = deadline
    this.ref = hashes.expire(this.ref, field.bytes, field.start, field.end, undefined)
  }

  scored({ bytes, start, end }: ByteRange, score: number): boolean {
    const { sortedSets } = this.#store
    if (this.#loading !== undefined) {
      this.#loading.numbers[this.#loading.strings.count] = score
      this.#loading.strings.add(bytes, start, end)
      return true
    }
    // A duplicate: possible only in a dump that is added to a collection.
    if (sortedSets.find(this.ref, bytes, start, end)) return false
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

// Reads a stream of a dump: its entries, then its consumer groups.

import { parseInt64, parseInteger } from '../../../bytes/numbers/decimal.ts'
import { ID_BYTES, MIN_ID, type StreamId, streamId } from '../../types/stream/id.ts'
import { ByteRange } from '../byte-range.ts'
import { RdbType } from '../format.ts'
import { type Input, MALFORMED } from '../input.ts'
import { ListpackElements } from '../packed/listpack.ts'
import type { RdbSink } from '../sink.ts'

/*
 * Entries come in nodes: the ID of the node, 16 bytes, big-endian, and a listpack of
 *
 *   number of entries | number of deleted ones | n | n field names | 0
 *   and for each entry
 *   flags | milliseconds | sequence number | fields and values | number of elements before this one
 *
 * An entry's ID is relative to the node's. With SAME_FIELDS its fields are those of the node, and only values follow.
 * Otherwise: n | field | value | field | value …
 */

const DELETED = 1
const SAME_FIELDS = 2

const UNKNOWN = -1n
const MAX_TIME = BigInt(Number.MAX_SAFE_INTEGER)

type StreamType =
  | typeof RdbType.STREAM_LISTPACKS
  | typeof RdbType.STREAM_LISTPACKS_2
  | typeof RdbType.STREAM_LISTPACKS_3

/** Returns false if the sink refuses. Throws `MALFORMED`. */
export function readStream(input: Input, type: StreamType, sink: RdbSink): boolean {
  return new StreamReader(input, type, sink).read()
}

class StreamReader {
  readonly #input: Input
  readonly #type: StreamType
  readonly #sink: RdbSink
  readonly #name = new ByteRange()
  readonly #value = new ByteRange()
  readonly #node = new ByteRange()
  #firstId = MIN_ID
  /** The ID of the last entry that was read. */
  #entryId = MIN_ID
  #lastId = MIN_ID
  #entries = 0
  #entriesAdded = 0n

  constructor(input: Input, type: StreamType, sink: RdbSink) {
    this.#input = input
    this.#type = type
    this.#sink = sink
  }

  read(): boolean {
    const input = this.#input
    const nodes = input.count()
    if (!this.#sink.begin('stream', 0)) return false
    for (let i = 0; i < nodes; i++) if (!this.#readNode()) return false
    if (input.length() !== this.#entries) return false
    this.#lastId = this.#id()
    if (this.#entryId > this.#lastId) return false
    this.#entriesAdded = BigInt(this.#entries)
    let maxDeletedId = MIN_ID
    if (this.#type !== RdbType.STREAM_LISTPACKS) {
      // The first entry's ID, which follows from the entries.
      this.#id()
      maxDeletedId = this.#id()
      this.#entriesAdded = this.#counter()
    }
    if (!this.#sink.stream(this.#lastId, maxDeletedId, this.#entriesAdded)) return false
    const groups = input.count()
    for (let i = 0; i < groups; i++) if (!this.#readGroup()) return false
    return true
  }

  #readNode(): boolean {
    this.#input.string(this.#name)
    if (this.#name.length !== ID_BYTES) return false
    const { bytes, start } = this.#name
    const ms = bytes.readBigUInt64BE(start)
    const sequence = bytes.readBigUInt64BE(start + 8)
    this.#input.string(this.#node)
    const elements = new ListpackElements(this.#node)
    const live = this.#integer(elements)
    const deleted = this.#integer(elements)
    if (live < 0 || deleted < 0) return false
    const shared = this.#integer(elements)
    const names = elements.position
    for (let i = 0; i < shared; i++) this.#next(elements)
    if (this.#integer(elements) !== 0) return false
    const sharedNames = new ListpackElements(this.#node)
    for (let i = 0; i < live + deleted; i++) {
      const flags = this.#integer(elements)
      const entryMs = BigInt.asUintN(64, ms + this.#bigInteger(elements))
      const id = streamId(entryMs, BigInt.asUintN(64, sequence + this.#bigInteger(elements)))
      const isLive = (flags & DELETED) === 0
      const hasShared = (flags & SAME_FIELDS) !== 0
      const fields = hasShared ? shared : this.#integer(elements)
      if (fields <= 0 || (isLive && !this.#begin(id))) return false
      if (hasShared) sharedNames.seek(names)
      for (let j = 0; j < fields; j++) {
        if (!(hasShared ? sharedNames : elements).next(this.#name)) return false
        if (!elements.next(this.#value)) return false
        if (isLive && !this.#sink.field(this.#name, this.#value, 0)) return false
      }
      const before = hasShared ? fields + 3 : 2 * fields + 4
      if (this.#integer(elements) !== before) return false
    }
    return !elements.next(this.#value)
  }

  #begin(id: StreamId): boolean {
    // There is no entry 0-0.
    if (id <= this.#entryId) return false
    if (this.#entries === 0) this.#firstId = id
    this.#entryId = id
    this.#entries++
    return this.#sink.entry(id)
  }

  #readGroup(): boolean {
    const input = this.#input
    input.string(this.#name)
    const lastId = this.#id()
    const entriesRead =
      this.#type === RdbType.STREAM_LISTPACKS ? this.#estimateEntriesRead(lastId) : this.#counter()
    if (!this.#sink.group(this.#name, lastId, entriesRead)) return false
    const pending = input.count()
    let before = UNKNOWN
    for (let i = 0; i < pending; i++) {
      const id = this.#rawId()
      const deliveredAt = this.#time()
      if (id <= before || !this.#sink.pending(id, deliveredAt, this.#counter())) return false
      before = id
    }
    let owned = 0
    const consumers = input.count()
    for (let i = 0; i < consumers; i++) {
      input.string(this.#name)
      const seenAt = this.#time()
      // As Redis 7.2 reads older dumps.
      const activeAt = this.#type === RdbType.STREAM_LISTPACKS_3 ? this.#time() : seenAt
      if (!this.#sink.consumer(this.#name, seenAt, activeAt)) return false
      const count = input.count()
      before = UNKNOWN
      for (let j = 0; j < count; j++) {
        const id = this.#rawId()
        if (id <= before || !this.#sink.owned(id)) return false
        before = id
      }
      owned += count
    }
    return owned === pending
  }

  /** How many entries were ever added up to `id` (Redis: `streamEstimateDistanceFromFirstEverEntry`); -1: unknown. */
  #estimateEntriesRead(id: StreamId): bigint {
    if (this.#entriesAdded === 0n) return 0n
    if (id > this.#lastId) return UNKNOWN
    if (id === this.#lastId) return this.#entriesAdded
    // A dump without this number does not count deleted entries either.
    if (id < this.#firstId) return 0n
    return id > this.#firstId ? UNKNOWN : 1n
  }

  /** A counter: Redis shows its 64 bits with a sign. */
  #counter(): bigint {
    return BigInt.asIntN(64, this.#input.uint64())
  }

  /** Milliseconds since the epoch, as near to them as a double counts milliseconds. */
  #time(): bigint {
    const ms = this.#input.int64()
    return ms > MAX_TIME ? MAX_TIME : ms < -MAX_TIME ? -MAX_TIME : ms
  }

  #id(): StreamId {
    const ms = this.#input.uint64()
    return streamId(ms, this.#input.uint64())
  }

  #rawId(): StreamId {
    const at = this.#input.take(ID_BYTES)
    const { bytes } = this.#input
    return streamId(bytes.readBigUInt64BE(at), bytes.readBigUInt64BE(at + 8))
  }

  #next(elements: ListpackElements): void {
    if (!elements.next(this.#value)) throw MALFORMED
  }

  /** The next element, an integer of at most 53 bits. */
  #integer(elements: ListpackElements): number {
    this.#next(elements)
    const { bytes, start, end } = this.#value
    const n = parseInteger(bytes, start, end)
    if (Number.isNaN(n)) throw MALFORMED
    return n
  }

  #bigInteger(elements: ListpackElements): bigint {
    this.#next(elements)
    const { bytes, start, end } = this.#value
    const n = parseInt64(bytes, start, end)
    if (n === null) throw MALFORMED
    return n
  }
}

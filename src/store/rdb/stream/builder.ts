// Restores a stream: adds its entries and its consumer groups to a new one.

import { GrowingBuffer } from '../../../bytes/growing-buffer.ts'
import { type Consumer, type ConsumerGroup, createGroup, findGroup } from '../../types/stream/groups.ts'
import { MIN_ID, type StreamId } from '../../types/stream/id.ts'
import type { Stream } from '../../types/stream/stream.ts'
import type { ByteRange } from '../byte-range.ts'
import { PendingTable } from './pending-table.ts'

/** The calls of `RdbSink` for a stream that was surveyed. */
export class StreamBuilder {
  readonly #stream: Stream
  readonly #pending = new PendingTable()
  /** The fields and values of the entry that is read. */
  readonly #bytes = new GrowingBuffer()
  readonly #start: number[] = []
  readonly #end: number[] = []
  #id = MIN_ID
  #group: ConsumerGroup | undefined
  #consumer: Consumer | undefined

  constructor(stream: Stream) {
    this.#stream = stream
  }

  entry(id: StreamId): boolean {
    this.#append()
    this.#id = id
    return true
  }

  field(field: ByteRange, value: ByteRange): boolean {
    this.#add(field)
    this.#add(value)
    return true
  }

  /** All entries have been read. */
  end(lastId: StreamId, maxDeletedId: StreamId, entriesAdded: bigint): boolean {
    this.#append()
    const stream = this.#stream
    stream.lastId = lastId
    stream.maxDeletedId = maxDeletedId
    stream.entriesAdded = entriesAdded
    return true
  }

  group({ bytes, start, end }: ByteRange, lastId: StreamId, entriesRead: bigint): boolean {
    const name = Buffer.from(bytes.subarray(start, end))
    createGroup(this.#stream, name, lastId, entriesRead)
    this.#group = findGroup(this.#stream, name)
    this.#pending.clear()
    return true
  }

  pending(id: StreamId, deliveredAt: bigint, deliveries: bigint): boolean {
    this.#pending.add(id, deliveredAt, deliveries)
    return true
  }

  consumer({ bytes, start, end }: ByteRange, seenAt: bigint, activeAt: bigint): boolean {
    this.#consumer = this.#group?.createConsumer(Buffer.from(bytes.subarray(start, end)), Number(seenAt))
    if (this.#consumer !== undefined) this.#consumer.active = Number(activeAt)
    return true
  }

  owned(id: StreamId): boolean {
    const i = this.#pending.take(id)
    if (i < 0 || this.#consumer === undefined) return false
    const entry = { id, time: this.#pending.time(i), deliveries: this.#pending.deliveries(i) }
    this.#group?.assign(this.#consumer, entry, undefined)
    return true
  }

  #add({ bytes, start, end }: ByteRange): void {
    this.#start.push(this.#bytes.length)
    this.#bytes.append(bytes, start, end)
    this.#end.push(this.#bytes.length)
  }

  #append(): void {
    const pairs = this.#start.length / 2
    if (pairs === 0) return
    const ranges = { buf: this.#bytes.bytes, start: this.#start, end: this.#end }
    this.#stream.append(this.#id, ranges, 0, pairs)
    this.#bytes.clear()
    this.#start.length = 0
    this.#end.length = 0
  }
}

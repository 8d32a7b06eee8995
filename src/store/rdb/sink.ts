// What a dump contains, as a sequence of calls.

import type { ByteRange } from './byte-range.ts'

/** The milliseconds and the sequence number of an entry of a stream. */
export type StreamId = BigUint64Array

/**
 * Takes a value from `readValue`. All arguments are reused: they are valid during the call. A method that returns false
 * ends the reading, and the value is refused: so the sink refuses duplicates, and what it has no memory for.
 */
export interface RdbSink {
  /** The whole value. */
  string(value: ByteRange): boolean
  /**
   * The value is a collection, whose elements follow.
   *
   * @param count the number of elements; 0: unknown
   */
  begin(type: 'list' | 'set' | 'hash' | 'zset' | 'stream', count: number): boolean
  /** The next element of a list, or a member of a set. */
  element(element: ByteRange): boolean
  /** A field of a hash, or of the last entry of a stream. */
  field(field: ByteRange, value: ByteRange): boolean
  /** A member of a sorted set. The score is not NaN. */
  scored(member: ByteRange, score: number): boolean
  /** An entry of a stream, above all before it. `count` fields follow. */
  entry(id: StreamId, count: number): boolean
  /** Follows the last entry of a stream. `lastId` is not below any entry. */
  stream(lastId: StreamId, maxDeletedId: StreamId, entriesAdded: bigint): boolean
  /** A consumer group of the stream. `entriesRead` is -1 if it is unknown. */
  group(name: ByteRange, lastId: StreamId, entriesRead: bigint): boolean
  /** A pending entry of the last group. Its consumer follows. */
  pending(id: StreamId, deliveredAt: bigint, deliveries: bigint): boolean
  /** A consumer of the last group. `activeAt` is -1 if it is unknown. */
  consumer(name: ByteRange, seenAt: bigint, activeAt: bigint): boolean
  /** The last consumer owns this entry, which must be pending in its group and have no consumer yet. */
  owned(id: StreamId): boolean
}

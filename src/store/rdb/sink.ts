// The contents of a dump as a sequence of calls.

import type { StreamId } from '../types/stream/id.ts'
import type { ByteRange } from './byte-range.ts'

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
  /**
   * A field of a hash, or of the last entry of a stream.
   *
   * @param deadline ms since the epoch; 0: none
   */
  field(field: ByteRange, value: ByteRange, deadline: number): boolean
  /** A member of a sorted set. The score is not NaN. */
  scored(member: ByteRange, score: number): boolean
  /** An entry of a stream, above all before it. Its fields follow, at least one. */
  entry(id: StreamId): boolean
  /** Follows the last entry of a stream. `lastId` is not below any entry. */
  stream(lastId: StreamId, maxDeletedId: StreamId, entriesAdded: bigint): boolean
  /** A consumer group of the stream. `entriesRead` is -1 if it is unknown. */
  group(name: ByteRange, lastId: StreamId, entriesRead: bigint): boolean
  /** A pending entry of the last group, above all before it. Its consumer follows. */
  pending(id: StreamId, deliveredAt: bigint, deliveries: bigint): boolean
  /** A consumer of the last group. Times are ms since the epoch; `activeAt` is -1 if it was never active. */
  consumer(name: ByteRange, seenAt: bigint, activeAt: bigint): boolean
  /** The last consumer owns this entry, above all before it, which must be pending and have no consumer yet. */
  owned(id: StreamId): boolean
}

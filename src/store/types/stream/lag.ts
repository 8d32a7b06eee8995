// How many entries a consumer group has read, and how many are left (Redis 7.0: "entries-read" and "lag"). XDEL makes
// gaps, and the number of entries before an ID is known only if there is no gap. Counters restored from a dump may
// overflow 64 bits, and then wrap around, as in Redis.

import { type ConsumerGroup, UNKNOWN_READS } from './groups.ts'
import { MIN_ID, type StreamId } from './id.ts'
import type { Stream } from './stream.ts'

/** The `entriesRead` of a group whose `lastId` becomes `id`. */
export function readsAfter(stream: Stream, group: ConsumerGroup, id: StreamId): bigint {
  if (group.entriesRead !== UNKNOWN_READS && !hasGapFrom(stream, id)) return int64(group.entriesRead + 1n)
  return stream.entriesAdded === 0n ? group.entriesRead : entriesUpTo(stream, id)
}

/** Entries after the group's last one; undefined: not known. */
export function lagOf(stream: Stream, group: ConsumerGroup): bigint | undefined {
  if (stream.entriesAdded === 0n) return 0n
  if (group.entriesRead !== UNKNOWN_READS && !hasGapFrom(stream, group.lastId)) {
    return int64(stream.entriesAdded - group.entriesRead)
  }
  const read = entriesUpTo(stream, group.lastId)
  return read === UNKNOWN_READS ? undefined : int64(stream.entriesAdded - read)
}

function int64(n: bigint): bigint {
  return BigInt.asIntN(64, n)
}

/** Whether an entry at or after `from` may have been deleted. */
function hasGapFrom({ length, firstId, maxDeletedId }: Stream, from: StreamId): boolean {
  return length > 0 && maxDeletedId !== MIN_ID && firstId <= maxDeletedId && from <= maxDeletedId
}

/** Entries ever added up to an ID, or `UNKNOWN_READS`. */
function entriesUpTo({ length, lastId, firstId, maxDeletedId, entriesAdded }: Stream, id: StreamId): bigint {
  if (entriesAdded === 0n) return 0n
  if ((length === 0 && id <= lastId) || id === lastId) return entriesAdded
  if (id > lastId) return UNKNOWN_READS
  if (maxDeletedId === MIN_ID || maxDeletedId < firstId) {
    const removed = int64(entriesAdded - BigInt(length))
    if (id < firstId) return removed
    if (id === firstId) return int64(removed + 1n)
  }
  return UNKNOWN_READS
}

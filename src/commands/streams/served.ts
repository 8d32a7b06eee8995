// The reply of XREAD and XREADGROUP: keys with entries of their streams.

import { NULL_REF } from '../../store/arena.ts'
import { EntryReader } from '../../store/types/stream/entry-reader.ts'
import { idText, type StreamId } from '../../store/types/stream/id.ts'
import type { Stream } from '../../store/types/stream/stream.ts'
import type { Context } from '../spec/context.ts'
import { replyEntries, replyEntry } from './stream-value.ts'

/** What one stream contributes to the reply. */
export interface Served {
  readonly keyAt: number
  /** The stream, if the store has not changed since it was read; otherwise it is looked up. */
  readonly stream?: Stream
  /** Entries from this ID on. */
  readonly from: StreamId
  readonly count: number
  /** Instead of them, these IDs: some of their entries may be gone. */
  readonly ids?: readonly StreamId[]
}

/** Writes a map of keys and their entries; nil if there are none. */
export function replyServed(c: Context, served: readonly Served[]): void {
  const { args, reply } = c
  if (served.length === 0) {
    reply.nullArray()
    return
  }
  if (reply.protocol === 3) reply.map(served.length)
  else reply.array(served.length)
  for (const { keyAt, from, count, ids, ...rest } of served) {
    if (reply.protocol !== 3) reply.array(2)
    reply.bulk(args.buf, args.start[keyAt], args.end[keyAt])
    const stream = rest.stream ?? streamAt(c, keyAt)
    if (stream === undefined) reply.array(0)
    else if (ids === undefined) replyEntries(c, new EntryReader(stream).openAt(from), count)
    else replyHistory(c, stream, ids)
  }
}

/** The stream of argument `i`; undefined: it was evicted for the pending entries of another one. */
function streamAt(c: Context, i: number): Stream | undefined {
  const ref = c.peek(i)
  return ref === NULL_REF ? undefined : c.store.streams.open(ref)
}

function replyHistory(c: Context, stream: Stream, ids: readonly StreamId[]): void {
  const { reply } = c
  const entries = new EntryReader(stream)
  reply.array(ids.length)
  for (const id of ids) {
    if (stream.has(id)) {
      entries.openAt(id).next()
      replyEntry(c, entries)
    } else {
      reply.array(2)
      reply.bulkText(idText(id))
      reply.nullArray()
    }
  }
}

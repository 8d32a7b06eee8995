// Streams as values of keys, and their entries in replies.

import type { ReplyWriter } from '../../resp/reply.ts'
import { NULL_REF } from '../../store/arena.ts'
import { ValueType } from '../../store/record.ts'
import type { EntryReader } from '../../store/types/stream/entry-reader.ts'
import { ID_TEXT_BYTES, ID_WORDS, type IdWords, writeIdText } from '../../store/types/stream/id.ts'
import type { Stream } from '../../store/types/stream/stream.ts'
import type { Context } from '../spec/context.ts'
import { findCollection, hasRoom, readCollection } from '../spec/values/collection.ts'

/** What a new stream, group or consumer needs at most, besides its strings; and a pending entry. */
const OWN_BYTES = 1024
const PENDING_BYTES = 64

/** The stream of the key in argument `i`, to be read. Null: there is none; undefined after WRONGTYPE. */
export function readStream(c: Context, i: number): Stream | null | undefined {
  const ref = readCollection(c, i, ValueType.STREAM)
  if (ref === undefined) return undefined
  return ref === NULL_REF ? null : c.store.streams.open(ref)
}

/** The same, to be changed: then `settle` must be called. */
export function findStream(c: Context, i: number): Stream | null | undefined {
  const ref = findCollection(c, i, ValueType.STREAM)
  if (ref === undefined) return undefined
  return ref === NULL_REF ? null : c.group.store.streams.change(ref)
}

/** An empty stream under the key in argument `i`, which has none. `hasStreamRoom` came before. */
export function createStream(c: Context, i: number): Stream {
  const { args, group } = c
  const { streams } = group.store
  return streams.open(streams.create(args.buf, args.start[i], args.end[i], group.lifetime()))
}

/**
 * Whether the stream of argument `i`, null if there is none, may grow by strings of `bytes` in all, in `elements` entries
 * or names. If not, replies OOM.
 */
export function hasStreamRoom(
  c: Context,
  stream: Stream | null,
  i: number,
  bytes: number,
  elements: number,
): boolean {
  return hasRoom(c, stream?.ref ?? NULL_REF, i, bytes + OWN_BYTES, elements)
}

/** Whether as many entries may become pending for a consumer with a name of `bytes`. If not, replies OOM. */
export function hasPendingRoom(
  c: Context,
  stream: Stream,
  i: number,
  bytes: number,
  entries: number,
): boolean {
  return hasStreamRoom(c, stream, i, bytes + PENDING_BYTES * entries, 2 * entries + 1)
}

/** The changes of a stream are done. `isChanged`: of its entries; those of groups and IDs break no watch, as in Redis. */
export function settle(c: Context, stream: Stream, isChanged = true): void {
  c.group.store.streams.settle(stream, isChanged)
}

const id: IdWords = new Int32Array(ID_WORDS)
const idText = Buffer.alloc(ID_TEXT_BYTES)
const idView = new DataView(idText.buffer, idText.byteOffset, idText.length)

/** Writes an ID as a bulk string. */
export function replyId(reply: ReplyWriter, words: IdWords): void {
  reply.bulk(idText, 0, writeIdText(idText, 0, words), idView)
}

/** Writes the current entry of a reader: its ID, and its fields with their values. */
export function replyEntry({ reply }: Context, entries: EntryReader): void {
  reply.array(2)
  entries.readId(id)
  replyId(reply, id)
  reply.array(2 * entries.fields)
  const { field, value } = entries
  while (entries.fields > 0) {
    entries.nextField()
    reply.bulk(field.bytes, field.start, field.end, field.view)
    reply.bulk(value.bytes, value.start, value.end, value.view)
  }
}

/** Writes the next `count` entries of a reader as an array. */
export function replyEntries(c: Context, entries: EntryReader, count: number): void {
  c.reply.array(count)
  for (let i = 0; i < count; i++) {
    entries.next()
    replyEntry(c, entries)
  }
}

// FETCH: the value of a key, of whichever type, and what the read of it met. The HTTP gateway reads with it.

import { NULL_REF, type Ref } from '../../store/arena.ts'
import { ValueType } from '../../store/record.ts'
import { EntryReader } from '../../store/types/stream/entry-reader.ts'
import { MIN_ID } from '../../store/types/stream/id.ts'
import type { CommandSpec } from '../spec/command.ts'
import type { Context } from '../spec/context.ts'
import { KEY, oneKey } from '../spec/shorthand.ts'
import { replySpan } from '../spec/values/collection.ts'
import { typeName } from '../spec/values/names.ts'
import { replyEntries } from '../streams/stream-value.ts'

/**
 * What answered: `hit` (memory); `miss` (the origin, or nothing has the key); `stale` (a value past its TTL); `absent` (a
 * negative entry); `copy` (a hot copy of another node's value).
 */
export type FetchSource = 'hit' | 'miss' | 'stale' | 'absent' | 'copy'

/** The number of elements of the reply. */
const FETCH_FIELDS = 7

/*
 * The reply is an array of
 *
 *   source       simple string, see `FetchSource`
 *   type         simple string, as in the reply of TYPE; `none`: no value
 *   age-ms       integer, since the value was loaded; null: it was not loaded
 *   ttl-ms       integer, of the value or of the negative entry, negative: past it; null: no TTL
 *   load-ms      integer, how long its load took; null: it was not loaded
 *   wait-ms      integer, how long this read has waited for the load
 *   value        bulk string; array of fields and values, of elements, of members, of members and scores, of entries as
 *                in the reply of XRANGE; null: no value
 */
function fetch(c: Context): void {
  const ref = c.read(1)
  // It runs again after the load.
  if (c.missed) return
  const { reply, store, group, instant } = c
  const isCopy = store === group.copies?.store
  const isStored = isCopy || store === group.store
  reply.array(FETCH_FIELDS)
  if (ref === NULL_REF) {
    const negative = negativeEntry(c)
    reply.simple(negative === NULL_REF || (c.loaded && !isCopy) ? 'miss' : 'absent')
    reply.simple('none')
    replyNumber(c, negative === NULL_REF ? 0 : store.records.loadedAt(negative), (at) => instant.now - at)
    replyNumber(c, negative === NULL_REF ? 0 : store.records.deadline(negative), (at) => at - instant.now)
    reply.null()
    reply.integer(c.waitedMs)
    reply.null()
    return
  }
  const { records } = store
  const isStale = records.isStale(ref, instant.ms)
  reply.simple(isStale ? 'stale' : isCopy ? 'copy' : c.loaded ? 'miss' : 'hit')
  reply.simple(typeName(records.type(ref)))
  const loadedAt = records.loadedAt(ref)
  if (isStored) {
    replyNumber(c, loadedAt, (at) => Math.max(0, instant.now - at))
    replyNumber(c, records.deadline(ref), (at) => at - instant.now)
  } else {
    // A result that was not stored: of a fenced load, or with a TTL of 0.
    reply.integer(0)
    reply.integer(0)
  }
  if (loadedAt === 0 || isCopy) reply.null()
  else reply.integer(records.loadMs(ref))
  reply.integer(c.waitedMs)
  replyValue(c, ref)
}

/** Times of 0 are unknown. */
function replyNumber(c: Context, time: number, since: (time: number) => number): void {
  if (time === 0) c.reply.null()
  else c.reply.integer(Math.max(Math.min(since(time), Number.MAX_SAFE_INTEGER), Number.MIN_SAFE_INTEGER))
}

function negativeEntry({ args, store }: Context): Ref {
  const ref = store.peek(args.buf, args.start[1], args.end[1])
  return ref !== NULL_REF && store.records.type(ref) === ValueType.ABSENT ? ref : NULL_REF
}

function replyValue(c: Context, ref: Ref): void {
  const { reply, store } = c
  const { records, hashes, lists, sets, sortedSets, streams } = store
  switch (records.type(ref)) {
    case ValueType.HASH:
      reply.array(2 * hashes.length(ref))
      for (let is = hashes.seek(ref, 0); is; is = hashes.next()) {
        replySpan(c, hashes.field)
        replySpan(c, hashes.value)
      }
      return
    case ValueType.LIST: {
      let left = lists.length(ref)
      reply.array(left)
      for (lists.seek(ref, 0); left > 0; left--) {
        replySpan(c)
        if (left > 1) lists.next()
      }
      return
    }
    case ValueType.SET:
      reply.array(sets.size(ref))
      for (let is = sets.first(ref); is; is = sets.next()) replySpan(c)
      return
    case ValueType.SORTED_SET:
      reply.array(2 * sortedSets.length(ref))
      for (let is = sortedSets.seek(ref, 0); is; is = sortedSets.next()) {
        replySpan(c, sortedSets.span)
        reply.doubleOf(sortedSets.score)
      }
      return
    case ValueType.STREAM: {
      const stream = streams.open(ref)
      replyEntries(c, new EntryReader(stream).openAt(MIN_ID), stream.length)
      return
    }
    default:
      c.replyValue(ref)
  }
}

export const fetchCommands: readonly CommandSpec[] = [
  {
    name: 'fetch',
    arity: 2,
    flags: ['readonly'],
    categories: ['keyspace', 'read', 'slow'],
    keys: oneKey('RO', 'access'),
    load: 'through',
    summary: 'Returns the value of a key of any type, with its age, its TTL and what answered the read.',
    since: '0.1.0',
    group: 'erinys',
    complexity: 'O(N) where N is the number of elements of the value.',
    tips: ['nondeterministic_output'],
    arguments: [KEY],
    run: fetch,
  },
]

// The value of a record as a dump that Redis reads.

import type { Ref } from '../arena.ts'
import { ValueType } from '../record.ts'
import type { Store } from '../store.ts'
import { dumpStream } from './stream/writer.ts'
import { IntegerMembers, RdbWriter } from './writer.ts'

/**
 * The dump of a record, which is not a negative entry. With `from` and `most` it has some elements only: those of a
 * collection, which is no stream and has pages, in an order that stays the same while it is not changed. Then expired
 * fields of a hash count as others, until they are removed.
 */
export function dumpValue(store: Store, ref: Ref, from = 0, most: number = Number.POSITIVE_INFINITY): Buffer {
  const { collections, records, lists, hashes, sets, sortedSets, streams } = store
  const writer = new RdbWriter()
  switch (records.type(ref)) {
    case ValueType.STRING:
      records.locate(ref)
      writer.string(records.bytes, records.valueStart, records.valueEnd)
      break
    case ValueType.LIST: {
      const { span } = lists
      writer.beginList()
      for (let left = most, found = lists.seek(ref, from); found && left > 0; left--, found = lists.next())
        writer.element(span.bytes, span.start, span.end)
      break
    }
    case ValueType.SET: {
      const { member } = sets
      const count = Math.min(most, sets.size(ref) - from)
      const integers = collections.flags(ref) === 0 ? new IntegerMembers(count) : undefined
      if (integers === undefined) writer.beginSet(count)
      for (let left = count, found = sets.seek(ref, from); found && left > 0; left--, found = sets.next()) {
        if (integers === undefined) writer.element(member.bytes, member.start, member.end)
        else integers.add(member.bytes, member.start, member.end)
      }
      if (integers !== undefined) writer.integers(integers.sorted())
      break
    }
    case ValueType.SORTED_SET: {
      const { span, score } = sortedSets
      const all = sortedSets.length(ref)
      const count = Math.min(most, all - from)
      const isSmall = collections.flags(ref) === 0
      writer.beginSortedSet(count, isSmall)
      // A large one in descending order: Redis then inserts each member at the front.
      const first = isSmall ? from : all - from - 1
      for (
        let left = count, found = sortedSets.seek(ref, first, !isSmall);
        found && left > 0;
        left--, found = sortedSets.next()
      )
        writer.scored(span.bytes, span.start, span.end, score[0])
      break
    }
    case ValueType.HASH: {
      const { field, value, deadline } = hashes
      // Parts that are sent one after another must not shift as fields expire.
      const isPart = most !== Number.POSITIVE_INFINITY
      const count = Math.min(most, (isPart ? hashes.storedLength(ref) : hashes.length(ref)) - from)
      const first = firstDeadline(store, ref, from, count, isPart)
      if (first === Infinity) writer.beginHash(count, collections.flags(ref) === 0)
      else writer.beginTimedHash(count, first)
      for (
        let left = count, found = hashes.seek(ref, from, isPart);
        found && left > 0;
        left--, found = hashes.next()
      ) {
        if (first !== Infinity) {
          const isTimed = hashes.hasDeadline(ref, field.bytes, field.start, field.end)
          writer.fieldDeadline(isTimed ? deadline[0] : 0)
        }
        writer.element(field.bytes, field.start, field.end)
        writer.element(value.bytes, value.start, value.end)
      }
      break
    }
    case ValueType.STREAM:
      return dumpStream(streams.open(ref))
    default:
      throw new Error(`a value of type ${records.type(ref)} cannot be dumped`)
  }
  return writer.finish()
}

/** The earliest deadline of these fields, ms since the epoch. Infinity: none has one. */
function firstDeadline({ hashes }: Store, ref: Ref, from: number, count: number, isStored: boolean): number {
  let first = Infinity
  if (!hashes.hasDeadlines(ref)) return first
  const { field, deadline } = hashes
  for (
    let left = count, found = hashes.seek(ref, from, isStored);
    found && left > 0;
    left--, found = hashes.next()
  )
    if (hashes.hasDeadline(ref, field.bytes, field.start, field.end)) first = Math.min(first, deadline[0])
  return first
}

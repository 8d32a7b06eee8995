// The value of a record as a dump that Redis reads.

import type { Ref } from '../arena.ts'
import { ValueType } from '../record.ts'
import type { Store } from '../store.ts'
import { dumpStream } from './stream-writer.ts'
import { RdbWriter } from './writer.ts'

/** `undefined`: values of this type cannot be dumped. */
export function dumpValue(store: Store, ref: Ref): Buffer | undefined {
  const { collections, records, lists, hashes, sortedSets, streams } = store
  const writer = new RdbWriter()
  switch (records.type(ref)) {
    case ValueType.STRING:
      records.locate(ref)
      writer.string(records.bytes, records.valueStart, records.valueEnd)
      break
    case ValueType.LIST: {
      const { span } = lists
      writer.beginList()
      for (let found = lists.seek(ref, 0); found; found = lists.next())
        writer.element(span.bytes, span.start, span.end)
      break
    }
    case ValueType.SORTED_SET: {
      const { span, score } = sortedSets
      const count = sortedSets.length(ref)
      const isSmall = collections.flags(ref) === 0
      writer.beginSortedSet(count, isSmall)
      // A large one in descending order: Redis then inserts each member at the front.
      for (
        let found = sortedSets.seek(ref, isSmall ? 0 : count - 1, !isSmall);
        found;
        found = sortedSets.next()
      )
        writer.scored(span.bytes, span.start, span.end, score[0])
      break
    }
    case ValueType.HASH: {
      const { field, value } = hashes
      writer.beginHash(hashes.length(ref), collections.flags(ref) === 0)
      for (let found = hashes.seek(ref, 0); found; found = hashes.next()) {
        writer.element(field.bytes, field.start, field.end)
        writer.element(value.bytes, value.start, value.end)
      }
      break
    }
    case ValueType.STREAM:
      return dumpStream(streams.open(ref))
    default:
      return undefined
  }
  return writer.finish()
}

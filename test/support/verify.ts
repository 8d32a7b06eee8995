// The integrity of a store together with what is inside its collections.

import { ValueType } from '../../src/store/record.ts'
import type { Store } from '../../src/store/store.ts'
import { verifyStream } from '../../src/store/types/stream/groups.ts'

/** Throws when the parts of the store, or of a value in it, contradict each other. */
export function verifyStore(store: Store): void {
  store.verify()
  let cursor = 0
  do {
    cursor = store.keyspace.walk(cursor, 1000, (ref) => {
      const type = store.records.type(ref)
      if (type === ValueType.LIST) store.lists.verify(ref)
      else if (type === ValueType.SORTED_SET) store.sortedSets.verify(ref)
      else if (type === ValueType.HASH) store.hashes.verify(ref)
      else if (type === ValueType.STREAM) verifyStream(store.streams.open(ref))
    })
  } while (cursor !== 0)
}

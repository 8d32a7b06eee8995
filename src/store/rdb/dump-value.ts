// The value of a record as a dump that Redis reads.

import type { Ref } from '../arena.ts'
import { ValueType } from '../record.ts'
import type { Store } from '../store.ts'
import { RdbWriter } from './writer.ts'

/** `undefined`: values of this type cannot be dumped. */
export function dumpValue(store: Store, ref: Ref): Buffer | undefined {
  const { records, lists } = store
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
    default:
      return undefined
  }
  return writer.finish()
}

// SCAN: iterates in the order of hashes, so that growth of the index between two calls moves no key past the cursor.

import { KeyList, walkKeys } from '../slices/key-walk.ts'
import type { Context } from '../spec/context.ts'
import { typeName } from '../spec/values/names.ts'
import { readCursor, readScanOptions } from '../spec/values/scanning.ts'

export function scan(c: Context): void {
  const { reply, store } = c
  const cursor = readCursor(c, 1)
  if (cursor === undefined) return
  const options = readScanOptions(c, 2, true)
  if (options === undefined) return
  const { glob, count, type } = options
  const { records } = store
  const list = new KeyList(c)
  const answer = (next: number): void => {
    reply.array(2)
    reply.bulkText(String(next))
    list.answer()
  }
  // A cursor that no call returned is past the end.
  if (cursor === Number.POSITIVE_INFINITY) {
    answer(0)
    return
  }
  walkKeys(c, {
    cursor,
    limit: count,
    visit(ref) {
      records.locateKey(ref)
      const matches = glob === undefined || glob.matches(records.bytes, records.keyFrom, records.keyTo)
      if (matches && (type === undefined || typeName(records.type(ref)) === type)) list.add(ref)
      return true
    },
    endStep: () => list.write(),
    keep: (written) => list.keep(written),
    answer,
  })
}

// Commands that take from the first of several collections that is not empty, and wait for one.

import { NULL_REF, type Ref } from '../../../store/arena.ts'
import type { ValueType } from '../../../store/record.ts'
import type { Context } from '../context.ts'
import { findCollection } from './collection.ts'

/**
 * Serves the client from the first of the keys that has a value, or lets it wait for one.
 *
 * @param take replies with elements of the collection of the key in argument `i`, and takes them
 */
export function takeOrWait(
  c: Context,
  type: ValueType,
  keys: readonly number[],
  timeoutMs: number,
  take: (c: Context, i: number, ref: Ref) => void,
): void {
  for (const i of keys) {
    const ref = findCollection(c, i, type)
    if (ref === undefined) return
    if (ref === NULL_REF) continue
    take(c, i, ref)
    return
  }
  c.waitForKeys({
    keys,
    type,
    timeoutMs,
    serve(own, i) {
      take(own, i, own.find(i))
      return true
    },
    timedOut: ({ reply }) => reply.nullArray(),
  })
}

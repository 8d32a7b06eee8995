// Strings that are written at an offset: they grow, and zeros fill what is between.

import { NULL_REF, type Ref } from '../../store/arena.ts'
import { EXPIRES } from '../../store/record.ts'
import type { Context } from '../spec/context.ts'
import { tooLarge } from '../spec/errors.ts'

const NOTHING = Buffer.alloc(0)

/**
 * Gives the string under argument 1 at least `length` bytes, creates it if `ref` is `NULL_REF`, and locates its value:
 * the caller writes there. `NULL_REF` after an error reply: it does not fit the budget.
 */
export function growString(c: Context, ref: Ref, length: number): Ref {
  const { args, group } = c
  const { store } = group
  let written = ref
  if (ref === NULL_REF) {
    // Created empty, then grown, so that the zeros are written once.
    const flags = group.policy.ttlMs === 0 ? 0 : EXPIRES
    if (store.fits(args.length(1), length, flags))
      written = group.set(args.buf, args.start[1], args.end[1], NOTHING, 0, 0, 0)
  }
  if (written !== NULL_REF) written = store.resize(written, Math.max(store.valueLength(written), length))
  if (written === NULL_REF) {
    c.reply.error(tooLarge(store.maxBytes))
    return NULL_REF
  }
  store.records.markRaw(written)
  store.records.locate(written)
  return written
}

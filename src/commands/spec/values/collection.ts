// How commands find, create and change collections; the rules are in `store/types/collections.ts`.

import { NULL_REF, type Ref } from '../../../store/arena.ts'
import type { ValueType } from '../../../store/record.ts'
import type { Span } from '../../../store/types/span.ts'
import type { Strings } from '../../../store/types/string-list.ts'
import type { Context } from '../context.ts'
import { tooLarge } from '../errors.ts'

/** The collection of the key in argument `i`, to be read; `NULL_REF`: none. `undefined` after WRONGTYPE. */
export function readCollection(c: Context, i: number, type: ValueType): Ref | undefined {
  const ref = c.read(i)
  return ref === NULL_REF || c.holds(ref, type) ? ref : undefined
}

/** The collection of the key in argument `i`, to be changed; `NULL_REF`: none. `undefined` after WRONGTYPE. */
export function findCollection(c: Context, i: number, type: ValueType): Ref | undefined {
  const ref = c.find(i)
  return ref === NULL_REF || c.holds(ref, type) ? ref : undefined
}

/**
 * Whether a collection may grow by `elements` with `bytes` of strings together; if not, replies OOM.
 *
 * @param ref `NULL_REF`: the key in argument `i` does not exist yet
 */
export function hasRoom(c: Context, ref: Ref, i: number, bytes: number, elements: number): boolean {
  const { store } = c.group
  if (store.collections.fits(ref, bytes, elements, c.args.length(i))) return true
  c.reply.error(tooLarge(store.maxBytes))
  return false
}

/** An empty collection under the key in argument `i`, with the TTL of the group. `hasRoom` came before. */
export function createCollection(c: Context, i: number, type: ValueType): Ref {
  const { args, group } = c
  return group.store.collections.create(type, args.buf, args.start[i], args.end[i], group.lifetime())
}

/** Bytes of the arguments from `first` on, every `step`. */
export function argumentBytes(c: Context, first: number, step = 1): number {
  let bytes = 0
  for (let i = first; i < c.args.count; i += step) bytes += c.args.length(i)
  return bytes
}

/** The arguments from `first` on, as a list of strings. */
export function argumentList({ args }: Context, first: number): Strings {
  const { buf, start, end, count } = args
  return { bytes: buf, starts: start.subarray(first), ends: end.subarray(first), count: count - first }
}

/** Writes the element that a collection has read as a bulk string. */
export function replySpan(c: Context, span: Span = c.store.collections.span): void {
  const { bytes, start, end, view } = span
  c.reply.bulk(bytes, start, end, view)
}

// The inputs of ZUNION, ZINTER and ZDIFF: sorted sets.

import { NULL_REF, type Ref } from '../../store/arena.ts'
import { ValueType } from '../../store/record.ts'
import type { Context } from '../spec/context.ts'

/** One input; a key that does not exist is an empty one. */
export interface Source {
  readonly ref: Ref
  readonly size: number
  weight: number
}

/** The inputs under `count` keys from argument `first` on. `undefined` after WRONGTYPE. */
export function readSources(c: Context, first: number, count: number): Source[] | undefined {
  const { sortedSets } = c.store
  const sources: Source[] = []
  for (let i = first; i < first + count; i++) {
    const ref = c.command.isWrite ? c.find(i) : c.read(i)
    if (ref !== NULL_REF && !c.holds(ref, ValueType.SORTED_SET)) return undefined
    sources.push({ ref, size: ref === NULL_REF ? 0 : sortedSets.length(ref), weight: 1 })
  }
  return sources
}

/** Visits the members of a source with their scores, until `visit` returns false. It may call `scoreIn`. */
export function forEachMember(
  c: Context,
  { ref, size }: Source,
  visit: (bytes: Buffer, start: number, end: number, score: number) => boolean,
): void {
  if (size === 0) return
  const { sortedSets } = c.store
  const { span, score } = sortedSets
  for (let is = sortedSets.seek(ref, 0); is; is = sortedSets.next())
    if (!visit(span.bytes, span.start, span.end, score[0])) return
}

/** The score of a member in a source; NaN: it is not in it. */
export function scoreIn(
  c: Context,
  { ref, size }: Source,
  bytes: Buffer,
  start: number,
  end: number,
): number {
  const { sortedSets } = c.store
  return size > 0 && sortedSets.find(ref, bytes, start, end) ? sortedSets.score[0] : Number.NaN
}

// The order of the elements that SORT replies.

import { parseDouble } from '../../bytes/numbers/double.ts'
import { rankOrder } from '../../store/types/bulk/scored-members.ts'
import { sortStrings } from '../../store/types/bulk/string-order.ts'
import { StringList } from '../../store/types/string-list.ts'
import type { Context } from '../spec/context.ts'
import { Found, type Pattern } from './pattern.ts'

const SPACE = 0x20
const TAB = 0x09
const CARRIAGE_RETURN = 0x0d

/** The indexes of `elements` in order. `by`: the pattern of what is compared instead of the elements. */
export function alphabeticalOrder(
  c: Context,
  elements: StringList,
  by: Pattern | undefined,
  isDescending: boolean,
): Int32Array {
  if (by === undefined) return sortStrings(elements, indexes(elements), isDescending)
  const weights = new StringList()
  const weighted: number[] = []
  const others: number[] = []
  const found = new Found()
  for (let i = 0; i < elements.count; i++) {
    const hasWeight = by.find(c, elements.bytes, elements.starts[i], elements.ends[i], found)
    weights.add(found.bytes, found.start, hasWeight ? found.end : found.start)
    if (hasWeight) weighted.push(i)
    else others.push(i)
  }
  const order = sortStrings(weights, Int32Array.from(weighted), isDescending)
  // An element without a weight comes first.
  const all = new Int32Array(elements.count)
  all.set(others, isDescending ? order.length : 0)
  all.set(order, isDescending ? 0 : others.length)
  return all
}

/** The indexes of `elements` in the order of numbers, of equal ones in that of their bytes. `undefined`: a text is no number. */
export function numericOrder(
  c: Context,
  elements: StringList,
  by: Pattern | undefined,
  isDescending: boolean,
): Int32Array | undefined {
  const scores = new Float64Array(elements.count)
  const found = new Found()
  for (let i = 0; i < elements.count; i++) {
    const { bytes } = elements
    if (by === undefined) found.set(bytes, elements.starts[i], elements.ends[i])
    // An element without a weight weighs 0.
    else if (!by.find(c, bytes, elements.starts[i], elements.ends[i], found)) continue
    const score = numberOf(found)
    if (Number.isNaN(score)) return undefined
    scores[i] = score
  }
  const order = rankOrder(elements, scores)
  return isDescending ? order.reverse() : order
}

/** The number that C's `strtod` reads from the whole text, up to a NUL; empty: 0. NaN: none. */
function numberOf({ bytes, start, end }: Found): number {
  let first = start
  while (first < end && isSpace(bytes[first])) first++
  let last = first
  while (last < end && bytes[last] !== 0) last++
  return last === start ? 0 : parseDouble(bytes, first, last)
}

/** C's `isspace`. */
function isSpace(byte: number): boolean {
  return byte === SPACE || (byte >= TAB && byte <= CARRIAGE_RETURN)
}

/** The indexes of all strings, in their own order. */
export function indexes({ count }: StringList): Int32Array {
  const all = new Int32Array(count)
  for (let i = 0; i < count; i++) all[i] = i
  return all
}

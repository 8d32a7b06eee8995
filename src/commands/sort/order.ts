// The order of the elements that SORT replies.

import { parseDouble } from '../../bytes/numbers/double.ts'
import { compareBytes } from '../../store/types/span.ts'
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
  const sign = isDescending ? -1 : 1
  if (by === undefined) return indexes(elements).sort((a, b) => sign * compareStrings(elements, a, b))
  const weights = new StringList()
  const hasWeight = new Uint8Array(elements.count)
  const found = new Found()
  for (let i = 0; i < elements.count; i++) {
    if (by.find(c, elements.bytes, elements.starts[i], elements.ends[i], found)) {
      hasWeight[i] = 1
      weights.add(found.bytes, found.start, found.end)
    } else weights.add(found.bytes, 0, 0)
  }
  // An element without a weight comes first.
  return indexes(elements).sort(
    (a, b) => sign * (hasWeight[a] - hasWeight[b] || compareStrings(weights, a, b)),
  )
}

/** The indexes of `elements` in the order of numbers. `undefined`: a text is no number. */
export function numericOrder(
  c: Context,
  elements: StringList,
  by: Pattern | undefined,
  isDescending: boolean,
): Int32Array | undefined {
  const sign = isDescending ? -1 : 1
  const scores = new Float64Array(elements.count)
  const found = new Found()
  for (let i = 0; i < elements.count; i++) {
    const { bytes } = elements
    if (by === undefined) found.set(bytes, elements.starts[i], elements.ends[i])
    // An element without a weight weighs 0.
    else if (!by.find(c, bytes, elements.starts[i], elements.ends[i], found)) continue
    scores[i] = numberOf(found)
    if (Number.isNaN(scores[i])) return undefined
  }
  return indexes(elements).sort((a, b) => {
    const x = scores[a]
    const y = scores[b]
    return sign * (x > y ? 1 : x < y ? -1 : compareStrings(elements, a, b))
  })
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
  return Int32Array.from({ length: count }, (_, i) => i)
}

/** Byte by byte: negative, 0 or positive. */
function compareStrings({ bytes, starts, ends }: StringList, a: number, b: number): number {
  return compareBytes(bytes, starts[a], ends[a], bytes, starts[b], ends[b])
}

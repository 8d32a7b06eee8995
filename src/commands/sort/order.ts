// The order of the elements that SORT replies.

import { parseDouble } from '../../bytes/numbers/double.ts'
import type { Context } from '../spec/context.ts'
import { Found, type Pattern } from './pattern.ts'
import { Texts } from './texts.ts'

const SPACE = 0x20
const TAB = 0x09
const CARRIAGE_RETURN = 0x0d

/** The indexes of `elements` in order. `by`: the pattern of what is compared instead of the elements. */
export function alphabeticalOrder(
  c: Context,
  elements: Texts,
  by: Pattern | undefined,
  isDescending: boolean,
): Int32Array {
  const sign = isDescending ? -1 : 1
  if (by === undefined) return elements.indexes().sort((a, b) => sign * elements.compare(a, b))
  const weights = new Texts()
  const hasWeight = new Uint8Array(elements.count)
  const found = new Found()
  for (let i = 0; i < elements.count; i++) {
    if (by.find(c, elements.bytes, elements.start(i), elements.end(i), found)) {
      hasWeight[i] = 1
      weights.add(found.bytes, found.start, found.end)
    } else weights.add(found.bytes, 0, 0)
  }
  // An element without a weight comes first.
  return elements.indexes().sort((a, b) => sign * (hasWeight[a] - hasWeight[b] || weights.compare(a, b)))
}

/** The indexes of `elements` in the order of numbers. `undefined`: a text is no number. */
export function numericOrder(
  c: Context,
  elements: Texts,
  by: Pattern | undefined,
  isDescending: boolean,
): Int32Array | undefined {
  const sign = isDescending ? -1 : 1
  const scores = new Float64Array(elements.count)
  const found = new Found()
  for (let i = 0; i < elements.count; i++) {
    const { bytes } = elements
    if (by === undefined) found.set(bytes, elements.start(i), elements.end(i))
    // An element without a weight weighs 0.
    else if (!by.find(c, bytes, elements.start(i), elements.end(i), found)) continue
    scores[i] = numberOf(found)
    if (Number.isNaN(scores[i])) return undefined
  }
  return elements.indexes().sort((a, b) => {
    const x = scores[a]
    const y = scores[b]
    return sign * (x > y ? 1 : x < y ? -1 : elements.compare(a, b))
  })
}

/** The number that C's `strtod` reads from the whole text, up to a NUL; empty: 0. NaN: none. */
function numberOf({ bytes, start, end }: Found): number {
  let first = start
  while (first < end && isSpace(bytes[first])) first++
  const zero = bytes.subarray(first, end).indexOf(0)
  const last = zero < 0 ? end : first + zero
  return last === start ? 0 : parseDouble(bytes, first, last)
}

/** C's `isspace`. */
function isSpace(byte: number): boolean {
  return byte === SPACE || (byte >= TAB && byte <= CARRIAGE_RETURN)
}

// The order of the elements that SORT replies.

import { parseDouble } from '../../bytes/numbers/double.ts'
import { compareBytes } from '../../store/types/span.ts'
import { StringList } from '../../store/types/string-list.ts'
import type { Context } from '../spec/context.ts'
import { Found, type Pattern } from './pattern.ts'

const SIGN = 1 << 31
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
  if (by === undefined)
    return sortByKeys(
      elements.count,
      isDescending,
      (i) => prefixOf(elements, i),
      (a, b) => compareStrings(elements, a, b),
    )
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
  return sortByKeys(
    elements.count,
    isDescending,
    (i) => prefixOf(weights, i),
    (a, b) => hasWeight[a] - hasWeight[b] || compareStrings(weights, a, b),
  )
}

/** The indexes of `elements` in the order of numbers. `undefined`: a text is no number. */
export function numericOrder(
  c: Context,
  elements: StringList,
  by: Pattern | undefined,
  isDescending: boolean,
): Int32Array | undefined {
  const scores = new Float64Array(elements.count)
  const words = new Int32Array(scores.buffer)
  const found = new Found()
  for (let i = 0; i < elements.count; i++) {
    const { bytes } = elements
    if (by === undefined) found.set(bytes, elements.starts[i], elements.ends[i])
    // An element without a weight weighs 0.
    else if (!by.find(c, bytes, elements.starts[i], elements.ends[i], found)) continue
    // The words of 0 and -0 differ, as numbers they are equal.
    scores[i] = numberOf(found) + 0
    if (Number.isNaN(scores[i])) return undefined
  }
  return sortByKeys(
    elements.count,
    isDescending,
    // The sign, the exponent and the highest bits of the fraction; of negative numbers inverted.
    (i) => (words[2 * i + 1] < 0 ? ~words[2 * i + 1] : words[2 * i + 1] ^ SIGN),
    (a, b) => (scores[a] > scores[b] ? 1 : scores[a] < scores[b] ? -1 : compareStrings(elements, a, b)),
  )
}

/**
 * The indexes below `count` in the order of `compare`; equal ones keep theirs. `keyOf` gives unsigned keys of 32 bits in
 * the same order: by them the engine sorts without calls, and only those of equal keys are compared.
 */
function sortByKeys(
  count: number,
  isDescending: boolean,
  keyOf: (i: number) => number,
  compare: (a: number, b: number) => number,
): Int32Array {
  const sign = isDescending ? -1 : 1
  const keyed = new BigUint64Array(count)
  const words = new Int32Array(keyed.buffer)
  for (let i = 0; i < count; i++) {
    words[2 * i] = i
    words[2 * i + 1] = isDescending ? ~keyOf(i) : keyOf(i)
  }
  keyed.sort()
  const order = new Int32Array(count)
  for (let i = 0; i < count; i++) order[i] = words[2 * i]
  for (let from = 0, to = 1; to <= count; to++) {
    if (to < count && words[2 * to + 1] === words[2 * from + 1]) continue
    if (to - from > 1) order.subarray(from, to).sort((a, b) => sign * compare(a, b))
    from = to
  }
  return order
}

/** The number that C's `strtod` reads from the whole text, up to a NUL; empty: 0. NaN: none. */
function numberOf({ bytes, start, end }: Found): number {
  let first = start
  while (first < end && isSpace(bytes[first])) first++
  let last = first
  while (last < end && bytes[last] !== 0) last++
  return last === start ? 0 : parseDouble(bytes, first, last)
}

/** The first four bytes of a string as a number; zeros follow a shorter one. */
function prefixOf({ bytes, starts, ends }: StringList, i: number): number {
  let prefix = 0
  for (let at = starts[i]; at < starts[i] + 4; at++) prefix = (prefix << 8) | (at < ends[i] ? bytes[at] : 0)
  return prefix
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

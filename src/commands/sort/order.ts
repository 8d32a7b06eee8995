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
  if (by === undefined) return byStrings(elements, indexes(elements), isDescending)
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
  const order = byStrings(weights, Int32Array.from(weighted), isDescending)
  // An element without a weight comes first.
  return Int32Array.from(isDescending ? [...order, ...others] : [...others, ...order])
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

/** Fewer strings are compared with each other. */
const FEW = 12

/**
 * Sorts indexes of strings byte by byte; equal ones keep their order. The bytes that all have in common are skipped, and the
 * four after them are a key by which the engine sorts without calls. Strings of the same key are sorted likewise.
 */
function byStrings(strings: StringList, order: Int32Array, isDescending: boolean): Int32Array {
  const sign = isDescending ? -1 : 1
  const { bytes, starts, ends } = strings
  const compare = (a: number, b: number): number => sign * compareStrings(strings, a, b)
  const keyed = new BigUint64Array(order.length)
  const words = new Int32Array(keyed.buffer)
  const before = new Int32Array(order.length)
  /** Ranges of `order` whose strings have as many bytes in common. */
  const ranges = [{ from: 0, to: order.length, common: 0 }]
  for (let range = ranges.pop(); range !== undefined; range = ranges.pop()) {
    const { from, to } = range
    if (to - from < FEW) {
      sortFew(order, from, to, compare)
      continue
    }
    const common = commonBytes(strings, order, range)
    // The lower word: the place in the range, so that equal keys keep their order.
    for (let i = from; i < to; i++) {
      const start = starts[order[i]] + common
      const end = ends[order[i]]
      let key = 0
      for (let at = start; at < start + KEY_BYTES; at++) key = (key << 8) | (at < end ? bytes[at] : 0)
      words[2 * i] = i
      words[2 * i + 1] = isDescending ? ~key : key
    }
    keyed.subarray(from, to).sort()
    before.set(order.subarray(from, to), from)
    for (let i = from; i < to; i++) order[i] = before[words[2 * i]]
    for (let first = from, next = from + 1; next <= to; next++) {
      if (next < to && words[2 * next + 1] === words[2 * first + 1]) continue
      addRange(first, next, common)
      first = next
    }
  }
  return order

  /** Strings that end within the key may differ from longer ones, with zeros: these are compared. */
  function addRange(from: number, to: number, common: number): void {
    if (to - from < 2) return
    let shortest = Number.POSITIVE_INFINITY
    let longest = 0
    for (let i = from; i < to; i++) {
      const length = ends[order[i]] - starts[order[i]]
      if (length < shortest) shortest = length
      if (length > longest) longest = length
    }
    if (shortest >= common + KEY_BYTES) ranges.push({ from, to, common: common + KEY_BYTES })
    else if (shortest !== longest) order.subarray(from, to).sort(compare)
  }
}

const KEY_BYTES = 4

interface Range {
  readonly from: number
  readonly to: number
  readonly common: number
}

/** How many bytes the strings of a range have in common, at least `common`. */
function commonBytes(
  { bytes, starts, ends }: StringList,
  order: Int32Array,
  { from, to, common }: Range,
): number {
  const first = starts[order[from]]
  let most = ends[order[from]] - first
  for (let i = from + 1; i < to && most > common; i++) {
    const start = starts[order[i]]
    most = Math.min(most, ends[order[i]] - start)
    let at = common
    while (at < most && bytes[first + at] === bytes[start + at]) at++
    most = at
  }
  return most
}

/** An insertion sort. */
function sortFew(
  order: Int32Array,
  from: number,
  to: number,
  compare: (a: number, b: number) => number,
): void {
  for (let i = from + 1; i < to; i++) {
    const moved = order[i]
    let at = i
    for (; at > from && compare(order[at - 1], moved) > 0; at--) order[at] = order[at - 1]
    order[at] = moved
  }
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

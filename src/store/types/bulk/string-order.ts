// The order of many strings by their bytes.

import { compareBytes } from '../span.ts'
import type { StringList } from '../string-list.ts'

/** Fewer strings are compared with each other. */
const FEW = 12
const KEY_BYTES = 4

/** A range of the order whose strings have these bytes in common. */
interface Range {
  readonly from: number
  readonly to: number
  readonly common: number
}

/**
 * Sorts indexes of strings by their bytes, in place; equal ones keep their order. The bytes that all have in common are
 * skipped, and the four after them are a key by which the engine sorts without calls. Strings of the same key are sorted
 * likewise.
 */
export function sortStrings(strings: StringList, order: Int32Array, isDescending = false): Int32Array {
  const sign = isDescending ? -1 : 1
  const { bytes, starts, ends } = strings
  const compare = (a: number, b: number): number => sign * compareStrings(strings, a, b)
  if (order.length < FEW) return sortFew(order, 0, order.length, compare)
  const keyed = new BigUint64Array(order.length)
  const words = new Int32Array(keyed.buffer)
  const before = new Int32Array(order.length)
  const ranges: Range[] = [{ from: 0, to: order.length, common: 0 }]
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
): Int32Array {
  for (let i = from + 1; i < to; i++) {
    const moved = order[i]
    let at = i
    for (; at > from && compare(order[at - 1], moved) > 0; at--) order[at] = order[at - 1]
    order[at] = moved
  }
  return order
}

/** Byte by byte: negative, 0 or positive. */
function compareStrings({ bytes, starts, ends }: StringList, a: number, b: number): number {
  return compareBytes(bytes, starts[a], ends[a], bytes, starts[b], ends[b])
}

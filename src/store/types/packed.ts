// Packed strings: the body of a small collection, one string after another in the value of its record.

import { copyNatively } from '../../bytes/copy.ts'
import type { Records } from '../record.ts'
import type { Span } from './span.ts'

/*
 * The value of the record of a collection:
 *
 *   packed   | flags | 0 | count of elements, uint16 | string | string | …
 *   paged    | flags | 0 | 0 0                       | region, uint32 |
 *
 * `flags`: PAGED, and the encoding that OBJECT ENCODING shows. A string is its length in one byte, below 240, and its
 * bytes; or LONG, its length in two bytes, and its bytes. A pair of a hash is two strings; of a sorted set, the member and
 * the score (`sorted-set/scores.ts`); each pair counts as one element.
 */

export const PAGED = 1
export const PACKED_HEADER_BYTES = 4
export const PAGED_BYTES = 8
const COUNT_AT = 2

/** The first byte of a string whose length is in two bytes. */
export const LONG = 0xf0

/** Bytes of a packed string. It has at most 65,535. */
export function packedBytes(length: number): number {
  return length < LONG ? 1 + length : 3 + length
}

/** Where the string after the one at `at` begins. */
export function skipString(bytes: Uint8Array, at: number): number {
  const first = bytes[at]
  return first < LONG ? at + 1 + first : at + 3 + bytes[at + 1] + (bytes[at + 2] << 8)
}

/** Where the content of the string at `at` begins. */
export function contentStart(bytes: Uint8Array, at: number): number {
  return bytes[at] < LONG ? at + 1 : at + 3
}

/** Points `span` at the string at `at`, and returns where the next one begins. */
export function readPacked(records: Records, at: number, span: Span): number {
  const { bytes, view } = records
  const first = bytes[at]
  const start = first < LONG ? at + 1 : at + 3
  const end = start + (first < LONG ? first : bytes[at + 1] + (bytes[at + 2] << 8))
  span.set(bytes, view, start, end)
  return end
}

/**
 * Where the first of a located collection's elements that begins with the string `source[start, end)` is; -1: there is
 * none. An element has one string, or two if it is a pair.
 */
export function findPacked(
  records: Records,
  isPair: boolean,
  source: Uint8Array,
  start: number,
  end: number,
): number {
  const { bytes, valueStart, valueEnd } = records
  const length = end - start
  for (let at = valueStart + PACKED_HEADER_BYTES; at < valueEnd; ) {
    let from = at + 1
    let size = bytes[at]
    if (size >= LONG) {
      size = bytes[at + 1] | (bytes[at + 2] << 8)
      from = at + 3
    }
    if (size === length) {
      // From the end: names often differ there only.
      let i = length - 1
      while (i >= 0 && bytes[from + i] === source[start + i]) i--
      if (i < 0) return at
    }
    at = isPair ? skipString(bytes, from + size) : from + size
  }
  return -1
}

/** Writes a string at `at`, and returns where the next one begins. */
export function writePacked(
  records: Records,
  at: number,
  source: Uint8Array,
  start: number,
  end: number,
): number {
  const { bytes } = records
  const length = end - start
  let to = at
  if (length < LONG) bytes[to++] = length
  else {
    bytes[to++] = LONG
    bytes[to++] = length & 0xff
    bytes[to++] = length >>> 8
  }
  // Not `copyShort`: a call here costs HSET 3 %.
  if (length > 64) copyNatively(source, start, end, bytes, to)
  else for (let i = start; i < end; i++, to++) bytes[to] = source[i]
  return at + packedBytes(length)
}

/** The count of a located packed collection. */
export function packedCount(records: Records): number {
  return records.view.getUint16(records.valueStart + COUNT_AT, true)
}

export function setPackedCount(records: Records, count: number): void {
  records.view.setUint16(records.valueStart + COUNT_AT, count, true)
}

// The encoding of entries and nodes.
//
//   entry   0 | number of fields | field | value | field | value | …    fields of its own
//           1 | value | value | …                                       the fields of its node
//   node    live (4) | all (4) | bytes (4) | last ID (16) | number of fields | field | field | …
//
// Numbers of fields, and the lengths before each field and value, have 7 bits per byte, the lowest first.

import { copyUnaligned } from '../../../bytes/copy.ts'
import { Span } from '../span.ts'
import {
  ID_BYTES,
  ID_WORDS,
  type IdWords,
  partDifference,
  readId,
  type StreamId,
  splitId,
  writeIdWords,
} from './id.ts'
import type { IdTree } from './id-tree.ts'
import { elementSize, integerSize, LISTPACK_OVERHEAD } from './listpack-size.ts'

export const OWN_FIELDS = 0
export const NODE_FIELDS = 1

/** Fields and values: range `first` is the first field, the next one its value, and so on. */
export interface FieldRanges {
  readonly buf: Uint8Array
  readonly start: ArrayLike<number>
  readonly end: ArrayLike<number>
}

/** Reads the numbers and the strings of an encoded entry or node. `start` and `end`: the string that `next` has read. */
export class FieldReader extends Span {
  /** Where the next number or string begins. */
  at = 0

  number(): number {
    const { bytes } = this
    let n = 0
    for (let scale = 1; ; scale *= 128) {
      const byte = bytes[this.at++]
      n += (byte & 0x7f) * scale
      if (byte < 0x80) return n
    }
  }

  next(): void {
    const length = this.number()
    this.start = this.at
    this.at += length
    this.end = this.at
  }
}

function numberSize(n: number): number {
  let size = 1
  for (let rest = n; rest >= 128; rest = Math.floor(rest / 128)) size++
  return size
}

/** Writes the encoding that `FieldReader` reads. */
class FieldWriter {
  readonly #to = new Span()
  #at = 0

  /** Begins at an offset from the start of `to`. */
  begin(to: Span, offset: number): void {
    this.#to.copyFrom(to)
    this.#at = to.start + offset
  }

  byte(n: number): void {
    this.#to.bytes[this.#at++] = n
  }

  number(n: number): void {
    let rest = n
    for (; rest >= 128; rest = Math.floor(rest / 128)) this.byte((rest % 128) | 0x80)
    this.byte(rest)
  }

  string({ buf, start, end }: FieldRanges, i: number): void {
    this.number(end[i] - start[i])
    const { bytes, view } = this.#to
    copyUnaligned(buf, start[i], end[i], bytes, view, this.#at)
    this.#at += end[i] - start[i]
  }
}

const writer = new FieldWriter()

function stringSize({ start, end }: FieldRanges, i: number): number {
  const length = end[i] - start[i]
  return numberSize(length) + length
}

/**
 * Bytes of an encoded entry.
 *
 * @param pairs how many fields with values there are
 */
export function entryBytes(ranges: FieldRanges, first: number, pairs: number, kind: number): number {
  const last = first + 2 * pairs
  const isWhole = kind === OWN_FIELDS
  let size = 1 + (isWhole ? numberSize(pairs) : 0)
  for (let i = first; i < last; i += 2) {
    if (isWhole) size += stringSize(ranges, i)
    size += stringSize(ranges, i + 1)
  }
  return size
}

/** Encodes an entry into the `entryBytes` of `to`. */
export function writeEntry(to: Span, ranges: FieldRanges, first: number, pairs: number, kind: number): void {
  const last = first + 2 * pairs
  const isWhole = kind === OWN_FIELDS
  writer.begin(to, 0)
  writer.byte(kind)
  if (isWhole) writer.number(pairs)
  for (let i = first; i < last; i += 2) {
    if (isWhole) writer.string(ranges, i)
    writer.string(ranges, i + 1)
  }
}

const LIVE = 0
const ALL = 4
const BYTES = 8
const LAST_ID = 12
const FIELDS = LAST_ID + ID_BYTES

/** Bytes of an encoded node. */
export function nodeBytes(ranges: FieldRanges, first: number, pairs: number): number {
  let size = FIELDS + numberSize(pairs)
  for (let i = first; i < first + 2 * pairs; i += 2) size += stringSize(ranges, i)
  return size
}

/** Encodes a node without entries, with the fields of its first one, into the `nodeBytes` of `to`. */
export function writeNode(to: Span, ranges: FieldRanges, first: number, pairs: number): void {
  const { bytes, start } = to
  let listpack = LISTPACK_OVERHEAD + integerSize(pairs) + integerSize(0)
  bytes.fill(0, start, start + FIELDS)
  writer.begin(to, FIELDS)
  writer.number(pairs)
  for (let i = first; i < first + 2 * pairs; i += 2) {
    writer.string(ranges, i)
    listpack += elementSize(ranges.buf, ranges.start[i], ranges.end[i])
  }
  bytes.writeUInt32LE(listpack, start + BYTES)
}

const idWords: IdWords = new Int32Array(ID_WORDS)

/** A node where it is in memory: one object serves all. Valid until the tree of nodes is changed or goes elsewhere. */
export class StreamNode {
  readonly #at = new Span()
  /** Of its first entry, which may have been removed. */
  readonly #id: IdWords = new Int32Array(ID_WORDS)
  readonly #reader = new FieldReader()

  /** Opens the node at the position of a tree. */
  open(nodes: IdTree): this {
    nodes.readId(this.#id)
    this.#at.copyFrom(nodes.read())
    return this
  }

  /** Entries that are not removed. */
  get live(): number {
    return this.#number(LIVE)
  }

  set live(n: number) {
    this.#setNumber(LIVE, n)
  }

  /** Entries, with those that were removed. */
  get all(): number {
    return this.#number(ALL)
  }

  /** Of its last entry, which may have been removed. */
  get lastId(): StreamId {
    return readId(this.#at.view, this.#at.start + LAST_ID)
  }

  set lastId(id: StreamId) {
    splitId(id, idWords)
    writeIdWords(this.#at.view, this.#at.start + LAST_ID, idWords)
  }

  /** Bytes in Redis's encoding. */
  get listpackBytes(): number {
    const { live, all } = this
    return this.#number(BYTES) + integerSize(live) + integerSize(all - live)
  }

  /** Whether an entry has the fields of the node. */
  matches(ranges: FieldRanges, first: number, pairs: number): boolean {
    const reader = this.#reader
    if (openNodeFields(reader, this.#at) !== pairs) return false
    const { buf, start, end } = ranges
    for (let i = first; i < first + 2 * pairs; i += 2) {
      reader.next()
      if (!reader.equals(buf, start[i], end[i])) return false
    }
    return true
  }

  /** Counts an entry that is added with an ID above all others. */
  add(id: IdWords, ranges: FieldRanges, first: number, pairs: number, kind: number): void {
    const own = kind === OWN_FIELDS
    let listpack = integerSize(0)
    listpack += integerSize(partDifference(id, this.#id, 0)) + integerSize(partDifference(id, this.#id, 2))
    if (own) listpack += integerSize(pairs)
    for (let i = first; i < first + 2 * pairs; i++) {
      if (own || (i - first) % 2 === 1) listpack += elementSize(ranges.buf, ranges.start[i], ranges.end[i])
    }
    listpack += integerSize(own ? 2 * pairs + 4 : pairs + 3)
    this.#setNumber(BYTES, Math.min(2 ** 32 - 1, this.#number(BYTES) + listpack))
    this.#setNumber(LIVE, this.live + 1)
    this.#setNumber(ALL, this.all + 1)
    const { view, start } = this.#at
    writeIdWords(view, start + LAST_ID, id)
  }

  #number(at: number): number {
    return this.#at.view.getUint32(this.#at.start + at, true)
  }

  #setNumber(at: number, n: number): void {
    this.#at.view.setUint32(this.#at.start + at, n, true)
  }
}

/** Makes a reader read the field names of a node. Returns their number. */
export function openNodeFields(reader: FieldReader, { bytes, view, start }: Span): number {
  reader.set(bytes, view, 0, 0)
  reader.at = start + FIELDS
  return reader.number()
}

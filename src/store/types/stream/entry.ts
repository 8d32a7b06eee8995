// How entries and nodes are encoded.
//
//   entry   0 | number of fields | field | value | field | value | …    fields of its own
//           1 | value | value | …                                       the fields of its node
//   node    live (4) | all (4) | bytes (4) | last ID (16) | number of fields | field | field | …
//
// Numbers of fields, and the lengths before each field and value, have 7 bits per byte, the lowest first.

import type { Span } from '../span.ts'
import { ID_BYTES, readId, type StreamId, writeId } from './id.ts'
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

/** Reads the numbers and the strings of an encoded entry or node. */
export class FieldReader {
  bytes: Uint8Array = new Uint8Array()
  at = 0
  /** The string that `next` has read. */
  start = 0
  end = 0

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

/** Writes what `FieldReader` reads. */
class FieldWriter {
  readonly bytes: Buffer
  at: number

  constructor(size: number, at = 0) {
    this.bytes = Buffer.allocUnsafe(size)
    this.at = at
  }

  number(n: number): void {
    let rest = n
    for (; rest >= 128; rest = Math.floor(rest / 128)) this.bytes[this.at++] = (rest % 128) | 0x80
    this.bytes[this.at++] = rest
  }

  string({ buf, start, end }: FieldRanges, i: number): void {
    this.number(end[i] - start[i])
    this.bytes.set(buf.subarray(start[i], end[i]), this.at)
    this.at += end[i] - start[i]
  }
}

function stringSize({ start, end }: FieldRanges, i: number): number {
  const length = end[i] - start[i]
  return numberSize(length) + length
}

/** @param pairs how many fields with values there are */
export function encodeEntry(ranges: FieldRanges, first: number, pairs: number, kind: number): Buffer {
  const last = first + 2 * pairs
  const isWhole = kind === OWN_FIELDS
  let size = 1 + (isWhole ? numberSize(pairs) : 0)
  for (let i = first; i < last; i += 2) {
    if (isWhole) size += stringSize(ranges, i)
    size += stringSize(ranges, i + 1)
  }
  const writer = new FieldWriter(size)
  writer.bytes[writer.at++] = kind
  if (isWhole) writer.number(pairs)
  for (let i = first; i < last; i += 2) {
    if (isWhole) writer.string(ranges, i)
    writer.string(ranges, i + 1)
  }
  return writer.bytes
}

const LIVE = 0
const ALL = 4
const BYTES = 8
const LAST_ID = 12
const FIELDS = LAST_ID + ID_BYTES

/** A copy of a node's record. */
export class StreamNode {
  /** Of its first entry, which may have been removed. */
  readonly id: StreamId
  readonly value: Buffer

  constructor(id: StreamId, value: Buffer) {
    this.id = id
    this.value = value
  }

  /** A node without entries, with the fields of its first one. */
  static create(id: StreamId, ranges: FieldRanges, first: number, pairs: number): StreamNode {
    let size = FIELDS + numberSize(pairs)
    let listpack = LISTPACK_OVERHEAD + integerSize(pairs) + integerSize(0)
    for (let i = first; i < first + 2 * pairs; i += 2) {
      size += stringSize(ranges, i)
      listpack += elementSize(ranges.buf, ranges.start[i], ranges.end[i])
    }
    const writer = new FieldWriter(size, FIELDS)
    writer.number(pairs)
    for (let i = first; i < first + 2 * pairs; i += 2) writer.string(ranges, i)
    const node = new StreamNode(id, writer.bytes)
    node.live = 0
    node.all = 0
    node.value.writeUInt32LE(listpack, BYTES)
    return node
  }

  /** The node at the position of a tree. */
  static at(nodes: IdTree): StreamNode {
    return new StreamNode(nodes.id, nodes.read().copy())
  }

  /** Entries that are not removed. */
  get live(): number {
    return this.value.readUInt32LE(LIVE)
  }

  set live(n: number) {
    this.value.writeUInt32LE(n, LIVE)
  }

  /** Entries, with those that were removed. */
  get all(): number {
    return this.value.readUInt32LE(ALL)
  }

  set all(n: number) {
    this.value.writeUInt32LE(n, ALL)
  }

  /** Of its last entry, which may have been removed. */
  get lastId(): StreamId {
    return readId(viewOf(this.value), LAST_ID)
  }

  /** Bytes in Redis's encoding. */
  get listpackBytes(): number {
    const { live, all } = this
    return this.value.readUInt32LE(BYTES) + integerSize(live) + integerSize(all - live)
  }

  /** Whether an entry has the fields of the node. */
  matches(ranges: FieldRanges, first: number, pairs: number): boolean {
    const reader = new FieldReader()
    reader.bytes = this.value
    reader.at = FIELDS
    if (reader.number() !== pairs) return false
    for (let i = first; i < first + 2 * pairs; i += 2) {
      reader.next()
      const field = ranges.buf.subarray(ranges.start[i], ranges.end[i])
      if (Buffer.compare(this.value.subarray(reader.start, reader.end), field) !== 0) return false
    }
    return true
  }

  /** Counts an entry that is added with an ID above all others. */
  add(id: StreamId, ranges: FieldRanges, first: number, pairs: number, kind: number): void {
    const own = kind === OWN_FIELDS
    let listpack =
      integerSize(0) + integerSize(idDelta(id >> 64n, this.id >> 64n)) + integerSize(idDelta(id, this.id))
    if (own) listpack += integerSize(pairs)
    for (let i = first; i < first + 2 * pairs; i++) {
      if (own || (i - first) % 2 === 1) listpack += elementSize(ranges.buf, ranges.start[i], ranges.end[i])
    }
    listpack += integerSize(own ? 2 * pairs + 4 : pairs + 3)
    this.value.writeUInt32LE(Math.min(2 ** 32 - 1, this.value.readUInt32LE(BYTES) + listpack), BYTES)
    this.live++
    this.all++
    writeId(viewOf(this.value), LAST_ID, id)
  }
}

/** The difference of the lower halves of two IDs, rounded. */
function idDelta(a: bigint, b: bigint): number {
  return Number(BigInt.asIntN(64, a - b))
}

function viewOf({ buffer, byteOffset, length }: Buffer): DataView {
  return new DataView(buffer, byteOffset, length)
}

/** Makes a reader read the field names of a node. Returns their number. */
export function openNodeFields(reader: FieldReader, { bytes, start }: Span): number {
  reader.bytes = bytes
  reader.at = start + FIELDS
  return reader.number()
}

// Writes a stream as a dump: its entries in listpacks, then its consumer groups. The format is drawn in `reader.ts`.

import { EntryReader } from '../../types/stream/entry-reader.ts'
import { type ConsumerGroup, groupsOf } from '../../types/stream/groups.ts'
import { ID_BYTES, MAX_ID, MIN_ID, millisecondsOf, type StreamId, sequenceOf } from '../../types/stream/id.ts'
import type { Stream } from '../../types/stream/stream.ts'
import { RdbType } from '../format.ts'
import { Output } from '../output.ts'
import { ListpackBuilder } from '../packed/listpack.ts'

/** Bounds of a listpack: Redis's defaults of `stream-node-max-entries` and `stream-node-max-bytes`. */
const MAX_NODE_ENTRIES = 100
const MAX_NODE_BYTES = 4096

const SAME_FIELDS = 2
const OWN_FIELDS = 0

const rawId = Buffer.alloc(ID_BYTES)

export function dumpStream(stream: Stream): Buffer {
  const out = new Output()
  out.type(RdbType.STREAM_LISTPACKS_2)
  writeEntries(out, stream)
  out.length(stream.length)
  writeId(out, stream.lastId)
  writeId(out, stream.firstId)
  writeId(out, stream.maxDeletedId)
  out.uint64(BigInt.asUintN(64, stream.entriesAdded))
  const groups = groupsOf(stream)
  out.length(groups.length)
  for (const group of groups) writeGroup(out, group)
  return out.finish()
}

function writeEntries(out: Output, stream: Stream): void {
  const nodesAt = out.laterLength()
  let nodes = 0
  let node: NodeBuilder | undefined
  const reader = new EntryReader(stream).openAt(MIN_ID)
  while (reader.next()) {
    if (node === undefined || node.isFull) {
      node?.write(out)
      node = new NodeBuilder(reader.id)
      nodes++
    }
    node.add(reader)
  }
  node?.write(out)
  out.setLength(nodesAt, nodes)
}

/** Entries of one listpack. Its first entry names the fields that others may have in common with it. */
class NodeBuilder {
  readonly #id: StreamId
  readonly #names = new ListpackBuilder()
  readonly #entries = new ListpackBuilder()
  readonly #fields = new ListpackBuilder()
  readonly #values = new ListpackBuilder()
  readonly #pairs = new ListpackBuilder()
  #count = 0

  constructor(id: StreamId) {
    this.#id = id
  }

  get isFull(): boolean {
    return this.#count >= MAX_NODE_ENTRIES || this.#entries.length >= MAX_NODE_BYTES
  }

  /** Adds the entry of a reader, whose fields have not been read yet. */
  add(reader: EntryReader): void {
    const { field, value, id } = reader
    const fields = this.#fields
    const values = this.#values
    const pairs = this.#pairs
    fields.clear()
    values.clear()
    pairs.clear()
    while (reader.fields > 0) {
      reader.nextField()
      fields.append(field.bytes, field.start, field.end)
      values.append(value.bytes, value.start, value.end)
      pairs.append(field.bytes, field.start, field.end)
      pairs.append(value.bytes, value.start, value.end)
    }
    if (this.#count++ === 0) this.#names.appendAll(fields)
    const hasSame = Buffer.compare(this.#names.elements, fields.elements) === 0
    const entries = this.#entries
    const before = entries.count
    entries.appendInteger(hasSame ? SAME_FIELDS : OWN_FIELDS)
    entries.appendBigInt(BigInt.asIntN(64, millisecondsOf(id) - millisecondsOf(this.#id)))
    entries.appendBigInt(BigInt.asIntN(64, sequenceOf(id) - sequenceOf(this.#id)))
    if (hasSame) entries.appendAll(values)
    else {
      entries.appendInteger(fields.count)
      entries.appendAll(pairs)
    }
    entries.appendInteger(entries.count - before)
  }

  write(out: Output): void {
    setRawId(this.#id)
    out.string(rawId, 0, ID_BYTES)
    const all = new ListpackBuilder()
    all.appendInteger(this.#count)
    all.appendInteger(0)
    all.appendInteger(this.#names.count)
    all.appendAll(this.#names)
    all.appendInteger(0)
    all.appendAll(this.#entries)
    const packed = all.finish()
    out.string(packed, 0, packed.length)
  }
}

function writeGroup(out: Output, group: ConsumerGroup): void {
  out.string(group.name, 0, group.name.length)
  writeId(out, group.lastId)
  out.uint64(BigInt.asUintN(64, group.entriesRead))
  out.length(group.pending)
  for (const pending of group.pendings(MIN_ID, MAX_ID)) {
    writeRawId(out, pending.id)
    writeTime(out, pending.time)
    out.uint64(BigInt.asUintN(64, pending.deliveries))
  }
  const consumers = group.consumers()
  out.length(consumers.length)
  for (const consumer of consumers) {
    out.string(consumer.name, 0, consumer.name.length)
    writeTime(out, consumer.seen)
    const { owned } = consumer
    out.length(owned.count)
    for (let is = owned.first(); is; is = owned.next()) writeRawId(out, owned.id)
  }
}

function writeId(out: Output, id: StreamId): void {
  out.uint64(millisecondsOf(id))
  out.uint64(sequenceOf(id))
}

function writeRawId(out: Output, id: StreamId): void {
  setRawId(id)
  out.raw(rawId)
}

function setRawId(id: StreamId): void {
  rawId.writeBigUInt64BE(millisecondsOf(id), 0)
  rawId.writeBigUInt64BE(sequenceOf(id), 8)
}

function writeTime(out: Output, ms: number): void {
  out.int64(BigInt(Math.trunc(ms)))
}

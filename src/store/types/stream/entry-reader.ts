// Reads entries in order, forwards or backwards, with their fields where they are in memory.

import { Span } from '../span.ts'
import { FieldReader, NODE_FIELDS, openNodeFields } from './entry.ts'
import { MAX_ID, type StreamId } from './id.ts'
import type { IdTree } from './id-tree.ts'
import type { Stream } from './stream.ts'
import { ENTRIES, NODES } from './trees.ts'

/** Valid until the stream changes, or another reader of the same store is made. */
export class EntryReader {
  /** Fields of the current entry that `nextField` has not read yet. */
  fields = 0
  /** The field and the value that `nextField` has read. */
  readonly field: FieldReader = new FieldReader()
  readonly value: FieldReader = new FieldReader()
  readonly #entries: IdTree
  readonly #nodes: IdTree
  readonly #names = new Span()
  #isOfNode = false
  /** The first ID of the node whose names are `#names`, and of the one after it. */
  #nodeFrom: StreamId = 1n
  #nodeUntil: StreamId = 0n
  /** `next` goes to the current entry first. */
  #isBefore = false
  #isReverse = false
  #hasEntry = false

  constructor({ trees, region }: Stream) {
    this.#entries = trees.readEntries.open(region, ENTRIES)
    this.#nodes = trees.readNodes.open(region, NODES)
  }

  /** Before the first entry with an ID of at least `from`. */
  openAt(from: StreamId): this {
    this.#isReverse = false
    this.#hasEntry = this.#entries.seek(from)
    this.#isBefore = true
    return this
  }

  /** Before the last entry with an ID of at most `to`, to read backwards. */
  openBackwards(to: StreamId): this {
    this.#isReverse = true
    this.#hasEntry = this.#entries.seekDown(to)
    this.#isBefore = true
    return this
  }

  /** Goes to the next entry; false: there is none. */
  next(): boolean {
    const entries = this.#entries
    if (!this.#isBefore) this.#hasEntry = this.#isReverse ? entries.previous() : entries.next()
    this.#isBefore = false
    if (!this.#hasEntry) return false
    const { bytes, start } = entries.read()
    const { value } = this
    value.bytes = bytes
    value.at = start + 1
    this.#isOfNode = bytes[start] === NODE_FIELDS
    this.fields = this.#isOfNode ? this.#openNode() : value.number()
    return true
  }

  get id(): StreamId {
    return this.#entries.id
  }

  get idText(): string {
    return this.#entries.idText
  }

  nextField(): void {
    this.fields--
    const { field, value } = this
    if (this.#isOfNode) field.next()
    else {
      value.next()
      field.bytes = value.bytes
      field.start = value.start
      field.end = value.end
    }
    value.next()
  }

  /** Reads the names of the entry's node. Returns their number. */
  #openNode(): number {
    const { id } = this
    if (id < this.#nodeFrom || id >= this.#nodeUntil) this.#seekNode(id)
    return openNodeFields(this.field, this.#names)
  }

  #seekNode(id: StreamId): void {
    const nodes = this.#nodes
    this.#nodeUntil = id < MAX_ID && nodes.seek(id + 1n) ? nodes.id : MAX_ID + 1n
    nodes.seekDown(id)
    this.#nodeFrom = nodes.id
    this.#names.copyFrom(nodes.read())
  }
}

// Reads entries in order, forwards or backwards, with their fields where they are in memory.

import { Span } from '../span.ts'
import { FieldReader, NODE_FIELDS, openNodeFields } from './entry.ts'
import { compareIds, ID_WORDS, type IdWords, MAX_ID, type StreamId, splitId } from './id.ts'
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
  /** The IDs of the node whose names are `#names`: from its first one to the last one before the next node. None at first. */
  readonly #nodeFrom: IdWords = new Int32Array(ID_WORDS).fill(-1)
  readonly #nodeTo: IdWords = new Int32Array(ID_WORDS)
  readonly #id: IdWords = new Int32Array(ID_WORDS)
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
    const { bytes, view, start } = entries.read()
    const { value } = this
    value.set(bytes, view, 0, 0)
    value.at = start + 1
    this.#isOfNode = bytes[start] === NODE_FIELDS
    this.fields = this.#isOfNode ? this.#openNode() : value.number()
    return true
  }

  get id(): StreamId {
    return this.#entries.id
  }

  /** The same in words. */
  readId(words: IdWords): void {
    this.#entries.readId(words)
  }

  nextField(): void {
    this.fields--
    const { field, value } = this
    if (this.#isOfNode) field.next()
    else {
      value.next()
      field.copyFrom(value)
    }
    value.next()
  }

  /** Reads the names of the entry's node. Returns their number. */
  #openNode(): number {
    this.readId(this.#id)
    if (compareIds(this.#id, this.#nodeFrom) < 0 || compareIds(this.#id, this.#nodeTo) > 0) this.#seekNode()
    return openNodeFields(this.field, this.#names)
  }

  #seekNode(): void {
    const nodes = this.#nodes
    const { id } = this
    splitId(id < MAX_ID && nodes.seek(id + 1n) ? nodes.id - 1n : MAX_ID, this.#nodeTo)
    nodes.seekDown(id)
    nodes.readId(this.#nodeFrom)
    this.#names.copyFrom(nodes.read())
  }
}

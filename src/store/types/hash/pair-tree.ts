// The pairs of a large hash: a tree of a region, in the order of the hashes of the fields.

import type { Ref } from '../../arena.ts'
import { orderOfHashes } from '../bulk/hash-order.ts'
import type { Collections } from '../collections.ts'
import { contentStart, PACKED_HEADER_BYTES, skipString } from '../packed.ts'
import type { Span } from '../span.ts'
import type { StringList } from '../string-list.ts'
import { stringBytes, TreeKind } from '../tree/layout.ts'
import type { Tree } from '../tree/tree.ts'

/** Uses the tree that all collections share: a result of `find` is valid until another collection is accessed. */
export class PairTree {
  readonly #parts: Collections

  constructor(parts: Collections) {
    this.#parts = parts
  }

  open(region: number): Tree {
    const { tree } = this.#parts
    tree.open(region, TreeKind.HASH)
    return tree
  }

  /** Goes to a field, and returns where its value is; 0: there is no such field, and the position is where it belongs. */
  find(region: number, bytes: Uint8Array, start: number, end: number): number {
    const { store, tree } = this.#parts
    tree.open(region, TreeKind.HASH)
    return tree.seekString(store.hashOf(bytes, start, end), bytes, start, end) ? tree.secondAt : 0
  }

  /** Reads the pair at the position of the tree. */
  read(field: Span, value: Span): void {
    const { tree } = this.#parts
    tree.readString(tree.readString(tree.stringsAt, field), value)
  }

  /** Sets a field. Returns whether it was there. */
  set(
    region: number,
    field: Uint8Array,
    fieldStart: number,
    fieldEnd: number,
    value: Uint8Array,
    valueStart: number,
    valueEnd: number,
  ): boolean {
    const { tree } = this.#parts
    const valueAt = this.find(region, field, fieldStart, fieldEnd)
    if (valueAt !== 0) {
      if (tree.overwriteString(valueAt, value, valueStart, valueEnd)) return true
      tree.remove()
      tree.seekHash()
    }
    this.#insert(field, fieldStart, fieldEnd, value, valueStart, valueEnd)
    return valueAt !== 0
  }

  /** Removes a field. False: there is none. */
  remove(region: number, bytes: Uint8Array, start: number, end: number): boolean {
    if (this.find(region, bytes, start, end) === 0) return false
    this.#parts.tree.remove()
    return true
  }

  /** Inserts pairs of distinct fields into an empty region: in the order of the tree, so that each takes its place at the end. */
  load(region: number, fields: StringList, values: StringList): void {
    const tree = this.open(region)
    const hashes = this.#parts.hashesOf(fields)
    for (const i of orderOfHashes(hashes)) {
      tree.key[0] = hashes[i]
      const fieldStart = fields.starts[i]
      const fieldEnd = fields.ends[i]
      const valueStart = values.starts[i]
      const valueEnd = values.ends[i]
      tree.append(stringBytes(fieldEnd - fieldStart) + stringBytes(valueEnd - valueStart))
      const at = tree.writeString(tree.stringsAt, fields.bytes, fieldStart, fieldEnd)
      tree.writeString(at, values.bytes, valueStart, valueEnd)
    }
    tree.endAppending()
  }

  /** Moves a packed hash into a region. Returns its record, moved. */
  page(ref: Ref): Ref {
    const { store } = this.#parts
    const moving = store.copyValue(ref)
    const paged = this.#parts.page(ref)
    const tree = this.open(this.#parts.regionOf(paged))
    for (let at = PACKED_HEADER_BYTES; at < moving.length; ) {
      const field = skipString(moving, at)
      const value = skipString(moving, field)
      const fieldStart = contentStart(moving, at)
      tree.key[0] = store.hashOf(moving, fieldStart, field)
      tree.seekHash()
      this.#insert(moving, fieldStart, field, moving, contentStart(moving, field), value)
      at = value
    }
    return paged
  }

  /** Throws when the tree contradicts itself. Returns the pages that it uses. For tests. */
  verify(region: number): number {
    return this.open(region).verify()
  }

  /** Inserts a pair at the position of the tree. */
  #insert(
    field: Uint8Array,
    fieldStart: number,
    fieldEnd: number,
    value: Uint8Array,
    valueStart: number,
    valueEnd: number,
  ): void {
    const { tree } = this.#parts
    tree.insert(stringBytes(fieldEnd - fieldStart) + stringBytes(valueEnd - valueStart))
    const at = tree.writeString(tree.stringsAt, field, fieldStart, fieldEnd)
    tree.writeString(at, value, valueStart, valueEnd)
  }
}

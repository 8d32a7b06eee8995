// Estimates the memory that a tree will need.

import { UNIT_BYTES } from '../../arena.ts'
import { PAGE_HEADER_WORDS } from '../region/pages.ts'
import { LAYOUT } from './layout.ts'

const LEAF_BYTES = LAYOUT.LEAF_UNITS * UNIT_BYTES

/** The slot of an entry, in the leaf. */
export const SLOT_BYTES = 2
/** Upper bound of the bytes that a leaf needs in an inner page and in the page table. */
const LINK_BYTES = 48

/** Adds up the entries of a tree that are appended in order: so its leaves are full, but for an entry. */
export class TreeSize {
  #bytes = 0
  #largest = 0
  #separate = 0

  /** @param bytes of the entry; @param separate the length of a string that has a page of its own */
  add(bytes: number, separate = 0): void {
    this.#bytes += bytes + SLOT_BYTES
    if (bytes > this.#largest) this.#largest = bytes
    if (separate > 0) this.#separate += PAGE_HEADER_WORDS * 4 + separate + 2 * UNIT_BYTES + 5
  }

  /** Bytes of all pages, at most. */
  get bytes(): number {
    return this.leafBytes + this.#separate
  }

  /** Without the pages of single strings. */
  get leafBytes(): number {
    if (this.#bytes === 0) return 0
    const leaves = Math.ceil(this.#bytes / (LEAF_BYTES - LAYOUT.DATA_BYTES - this.#largest - SLOT_BYTES))
    return leaves * (LEAF_BYTES + UNIT_BYTES + LINK_BYTES)
  }
}

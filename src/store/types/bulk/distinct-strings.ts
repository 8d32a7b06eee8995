// Finds strings of a list by their hashes.

import type { StringList } from '../string-list.ts'

/**
 * An open-addressed table beside a list. Strings that come in the order of their hashes meet its slots in order. It cannot
 * grow: strings in that order would crowd the first slots of a smaller table.
 */
export class DistinctStrings {
  readonly #strings: StringList
  readonly #hashes: Int32Array
  /** The index of a string, plus one; 0: free. */
  readonly #slots: Int32Array
  /** The highest bits of a hash select its slot. */
  readonly #shift: number

  /** @param most how many strings the list may get */
  constructor(strings: StringList, most: number) {
    this.#strings = strings
    this.#hashes = new Int32Array(most)
    const bits = Math.max(1, Math.ceil(Math.log2(2 * most)))
    this.#slots = new Int32Array(2 ** bits)
    this.#shift = 32 - bits
  }

  /** The index of a string; -1: it is new, and the caller adds it to the list. `hash` is that of the string. */
  indexOf(hash: number, bytes: Uint8Array, start: number, end: number): number {
    const slots = this.#slots
    const mask = slots.length - 1
    let slot = hash >>> this.#shift
    for (let i = slots[slot] - 1; i >= 0; i = slots[slot] - 1) {
      if (this.#hashes[i] === hash && this.#equals(i, bytes, start, end)) return i
      slot = (slot + 1) & mask
    }
    const { count } = this.#strings
    slots[slot] = count + 1
    this.#hashes[count] = hash
    return -1
  }

  #equals(i: number, bytes: Uint8Array, start: number, end: number): boolean {
    const { bytes: own, starts, ends } = this.#strings
    const from = starts[i]
    const length = end - start
    if (ends[i] - from !== length) return false
    for (let at = 0; at < length; at++) if (own[from + at] !== bytes[start + at]) return false
    return true
  }
}

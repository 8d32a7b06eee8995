// W-TinyLFU: a window of new keys, and a segmented LRU that a key enters only if it is more frequent than the next victim.
//
// Einziger, Friedman, Manes: "TinyLFU: a highly efficient cache admission policy", ACM Transactions on Storage, 2017.

import { Lists, NONE } from './lists.ts'
import type { ReferencePolicy } from './policy.ts'

const WINDOW = 0
const PROBATION = 1
const PROTECTED = 2

const WINDOW_SHARE = 0.01
const PROTECTED_SHARE = 0.8

export class ReferenceWTinyLfu implements ReferencePolicy {
  readonly #lists: Lists
  readonly #capacity: number
  readonly #windowCapacity: number
  readonly #protectedCapacity: number
  readonly #sketch: Sketch

  constructor(distinct: number, capacity: number, meanSize: number) {
    this.#lists = new Lists(distinct, 3)
    this.#capacity = capacity
    this.#windowCapacity = Math.max(1, Math.floor(capacity * WINDOW_SHARE))
    this.#protectedCapacity = Math.floor((capacity - this.#windowCapacity) * PROTECTED_SHARE)
    this.#sketch = new Sketch(capacity / meanSize)
  }

  access(id: number, size: number): boolean {
    const lists = this.#lists
    this.#sketch.add(id)
    const list = lists.listOf(id)
    if (list !== NONE) {
      lists.move(id, list === WINDOW ? WINDOW : PROTECTED)
      while (lists.sizes[PROTECTED] > this.#protectedCapacity) lists.move(lists.oldest(PROTECTED), PROBATION)
      return true
    }
    if (size > this.#capacity) return false
    lists.add(WINDOW, id, size)
    while (lists.sizes[WINDOW] > this.#windowCapacity) {
      const candidate = lists.oldest(WINDOW)
      lists.move(candidate, PROBATION)
      this.#admit(candidate)
    }
    return false
  }

  /** Makes room for a candidate that has just entered the probation segment, or removes it. */
  #admit(candidate: number): void {
    const lists = this.#lists
    while (lists.sizes[WINDOW] + lists.sizes[PROBATION] + lists.sizes[PROTECTED] > this.#capacity) {
      let victim = lists.oldest(PROBATION)
      if (victim === candidate) victim = lists.oldest(PROTECTED)
      if (victim === NONE || this.#sketch.frequency(candidate) <= this.#sketch.frequency(victim)) {
        lists.remove(candidate)
        return
      }
      lists.remove(victim)
    }
  }
}

const ROWS = 4
const ROW_BITS = 4
/** Counters of one block: a key has all its counters in one. */
const BLOCK = ROWS << ROW_BITS
const COUNTERS_PER_ENTRY = 16
const MAX_COUNT = 15
/** After this many accesses per entry, all counters are halved. */
const PERIOD = 6

/** A count-min sketch of the frequencies of keys. */
class Sketch {
  readonly #counters: Uint8Array
  readonly #blockMask: number
  readonly #period: number
  #additions = 0

  constructor(entries: number) {
    let blocks = 1
    while (blocks * BLOCK < entries * COUNTERS_PER_ENTRY) blocks *= 2
    this.#counters = new Uint8Array(blocks * BLOCK)
    this.#blockMask = blocks - 1
    this.#period = Math.max(BLOCK, PERIOD * entries)
  }

  add(id: number): void {
    const counters = this.#counters
    const block = mix(id)
    const at = (block & this.#blockMask) * BLOCK
    for (let row = 0, bits = mix(block); row < ROWS; row++, bits >>>= 8) {
      const counter = at + (row << ROW_BITS) + (bits & ((1 << ROW_BITS) - 1))
      if (counters[counter] < MAX_COUNT) counters[counter]++
    }
    if (++this.#additions < this.#period) return
    this.#additions = 0
    for (let i = 0; i < counters.length; i++) counters[i] >>= 1
  }

  frequency(id: number): number {
    const block = mix(id)
    const at = (block & this.#blockMask) * BLOCK
    let least = MAX_COUNT
    for (let row = 0, bits = mix(block); row < ROWS; row++, bits >>>= 8)
      least = Math.min(least, this.#counters[at + (row << ROW_BITS) + (bits & ((1 << ROW_BITS) - 1))])
    return least
  }
}

function mix(value: number): number {
  let hash = value ^ 0x3c6ef372
  hash = Math.imul(hash ^ (hash >>> 16), 0x7feb352d)
  hash = Math.imul(hash ^ (hash >>> 15), 0x846ca68b)
  return (hash ^ (hash >>> 16)) >>> 0
}

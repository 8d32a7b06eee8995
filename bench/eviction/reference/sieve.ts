// SIEVE: a hand goes from the oldest key to the newest, spares once what was hit, and evicts what was not.
//
// Zhang, Yang, Yue, Vigfusson, Rashmi: "SIEVE is simpler than LRU", NSDI 2024.

import { Lists, NONE } from './lists.ts'
import type { ReferencePolicy } from './policy.ts'

const ALL = 0

export class ReferenceSieve implements ReferencePolicy {
  readonly #lists: Lists
  readonly #capacity: number
  readonly #wasHit: Uint8Array
  #hand = NONE

  constructor(distinct: number, capacity: number) {
    this.#lists = new Lists(distinct, 1)
    this.#capacity = capacity
    this.#wasHit = new Uint8Array(distinct)
  }

  access(id: number, size: number): boolean {
    const lists = this.#lists
    if (lists.listOf(id) !== NONE) {
      this.#wasHit[id] = 1
      return true
    }
    if (size > this.#capacity) return false
    while (lists.sizes[ALL] + size > this.#capacity) this.#evict()
    lists.add(ALL, id, size)
    return false
  }

  #evict(): void {
    const lists = this.#lists
    let id = this.#hand === NONE ? lists.oldest(ALL) : this.#hand
    while (this.#wasHit[id] === 1) {
      this.#wasHit[id] = 0
      id = lists.newerThan(id)
      if (id === NONE) id = lists.oldest(ALL)
    }
    this.#hand = lists.newerThan(id)
    lists.remove(id)
  }
}

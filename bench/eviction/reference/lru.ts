// LRU: the key whose last access is longest ago leaves.

import { Lists, NONE } from './lists.ts'
import type { ReferencePolicy } from './policy.ts'

const ALL = 0

export class ReferenceLru implements ReferencePolicy {
  readonly #lists: Lists
  readonly #capacity: number

  constructor(distinct: number, capacity: number) {
    this.#lists = new Lists(distinct, 1)
    this.#capacity = capacity
  }

  access(id: number, size: number): boolean {
    const lists = this.#lists
    if (lists.listOf(id) !== NONE) {
      lists.move(id, ALL)
      return true
    }
    if (size > this.#capacity) return false
    while (lists.sizes[ALL] + size > this.#capacity) lists.remove(lists.oldest(ALL))
    lists.add(ALL, id, size)
    return false
  }
}

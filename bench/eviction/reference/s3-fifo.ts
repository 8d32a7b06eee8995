// S3-FIFO: a small queue for new keys, a main queue for those that were hit there twice, and a ghost queue of evicted ones.
//
// Yang, Zhang, Qiu, Yue, Rashmi: "FIFO queues are all you need for cache eviction", SOSP 2023.

import { Lists, NONE } from './lists.ts'
import type { ReferencePolicy } from './policy.ts'

const SMALL = 0
const MAIN = 1
/** Keys that left the small queue; they are not stored. */
const GHOST = 2

const SMALL_SHARE = 0.1
const PROMOTED_FROM = 2
const MAX_HITS = 3

export class ReferenceS3Fifo implements ReferencePolicy {
  readonly #lists: Lists
  readonly #capacity: number
  readonly #smallCapacity: number
  readonly #hits: Uint8Array

  constructor(distinct: number, capacity: number) {
    this.#lists = new Lists(distinct, 3)
    this.#capacity = capacity
    this.#smallCapacity = Math.max(1, Math.floor(capacity * SMALL_SHARE))
    this.#hits = new Uint8Array(distinct)
  }

  access(id: number, size: number): boolean {
    const lists = this.#lists
    const list = lists.listOf(id)
    if (list === SMALL || list === MAIN) {
      if (this.#hits[id] < MAX_HITS) this.#hits[id]++
      return true
    }
    if (list === GHOST) lists.remove(id)
    if (size > this.#capacity) return false
    while (lists.sizes[SMALL] + lists.sizes[MAIN] + size > this.#capacity) this.#evict()
    this.#hits[id] = 0
    lists.add(list === GHOST ? MAIN : SMALL, id, size)
    return false
  }

  #evict(): void {
    const lists = this.#lists
    if (lists.oldest(MAIN) === NONE || lists.sizes[SMALL] >= this.#smallCapacity) this.#evictSmall()
    else this.#evictMain()
  }

  /** Evicts one key, unless all of the queue go to the main queue. */
  #evictSmall(): void {
    const lists = this.#lists
    for (let id = lists.oldest(SMALL); id !== NONE; id = lists.oldest(SMALL)) {
      const wasHit = this.#hits[id] >= PROMOTED_FROM
      this.#hits[id] = 0
      lists.move(id, wasHit ? MAIN : GHOST)
      if (wasHit) continue
      const ghosts = this.#capacity - this.#smallCapacity
      while (lists.sizes[GHOST] > Math.max(1, ghosts)) lists.remove(lists.oldest(GHOST))
      return
    }
  }

  #evictMain(): void {
    const lists = this.#lists
    for (;;) {
      const id = lists.oldest(MAIN)
      if (this.#hits[id] === 0) {
        lists.remove(id)
        return
      }
      this.#hits[id]--
      lists.move(id, MAIN)
    }
  }
}

// Exact LRU: a doubly linked list of all records in order of access, linked through the records themselves.

import { type Arena, NULL_REF, type Ref } from '../arena.ts'
import { EVICTION_WORDS } from '../record.ts'
import type { EvictionPolicy } from './policy.ts'

/** Word offsets of the two links. */
const NEWER = EVICTION_WORDS
const OLDER = EVICTION_WORDS + 1

export class Lru implements EvictionPolicy {
  #newest: Ref = NULL_REF
  #oldest: Ref = NULL_REF
  readonly #arena: Arena

  constructor(arena: Arena) {
    this.#arena = arena
  }

  inserted(ref: Ref): void {
    const words = this.#arena.words[ref >>> this.#arena.shift]
    const at = (ref & this.#arena.unitMask) << 1
    const second = this.#newest
    words[at + NEWER] = NULL_REF
    words[at + OLDER] = second
    if (second === NULL_REF) this.#oldest = ref
    else this.#setLink(second, NEWER, ref)
    this.#newest = ref
  }

  accessed(ref: Ref): void {
    if (ref === this.#newest) return
    this.removed(ref)
    this.inserted(ref)
  }

  removed(ref: Ref): void {
    const words = this.#arena.words[ref >>> this.#arena.shift]
    const at = (ref & this.#arena.unitMask) << 1
    const newer = words[at + NEWER] as Ref
    const older = words[at + OLDER] as Ref
    if (newer === NULL_REF) this.#newest = older
    else this.#setLink(newer, OLDER, older)
    if (older === NULL_REF) this.#oldest = newer
    else this.#setLink(older, NEWER, newer)
  }

  moved(_from: Ref, to: Ref): void {
    const words = this.#arena.words[to >>> this.#arena.shift]
    const at = (to & this.#arena.unitMask) << 1
    const newer = words[at + NEWER] as Ref
    const older = words[at + OLDER] as Ref
    if (newer === NULL_REF) this.#newest = to
    else this.#setLink(newer, OLDER, to)
    if (older === NULL_REF) this.#oldest = to
    else this.#setLink(older, NEWER, to)
  }

  victim(except: Ref): Ref {
    const oldest = this.#oldest
    return oldest === except && oldest !== NULL_REF ? this.#link(oldest, NEWER) : oldest
  }

  latest(): Ref {
    return this.#newest
  }

  clear(): void {
    this.#newest = NULL_REF
    this.#oldest = NULL_REF
  }

  forEach(visit: (ref: Ref) => void): void {
    for (let ref = this.#newest; ref !== NULL_REF; ref = this.#link(ref, OLDER)) visit(ref)
  }

  prefetch(ref: Ref): number {
    const { words, shift, unitMask } = this.#arena
    const own = words[ref >>> shift]
    const at = (ref & unitMask) << 1
    const newer = own[at + NEWER]
    const older = own[at + OLDER]
    let sum = 0
    if (newer !== NULL_REF) sum ^= words[newer >>> shift][((newer & unitMask) << 1) + OLDER]
    if (older !== NULL_REF) sum ^= words[older >>> shift][((older & unitMask) << 1) + NEWER]
    return sum
  }

  #link(ref: Ref, link: number): Ref {
    return this.#arena.words[ref >>> this.#arena.shift][((ref & this.#arena.unitMask) << 1) + link] as Ref
  }

  #setLink(ref: Ref, link: number, to: Ref): void {
    this.#arena.words[ref >>> this.#arena.shift][((ref & this.#arena.unitMask) << 1) + link] = to
  }
}

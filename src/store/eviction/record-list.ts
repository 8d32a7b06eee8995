// A doubly linked list of records, linked through the two words of each record that belong to the policy.

import { type Arena, NULL_REF, type Ref } from '../arena.ts'
import { EVICTION_WORDS } from '../record.ts'

/** Word offsets of the two links. */
const NEWER = EVICTION_WORDS
const OLDER = EVICTION_WORDS + 1

/** A record is in at most one list. `remove` and `moved` must be called on the list that it was added to. */
export class RecordList {
  newest: Ref = NULL_REF
  oldest: Ref = NULL_REF
  readonly #arena: Arena

  constructor(arena: Arena) {
    this.#arena = arena
  }

  /** Adds a record as the newest. */
  add(ref: Ref): void {
    const words = this.#arena.words[ref >>> this.#arena.shift]
    const at = (ref & this.#arena.unitMask) << 1
    const second = this.newest
    words[at + NEWER] = NULL_REF
    words[at + OLDER] = second
    if (second === NULL_REF) this.oldest = ref
    else this.#setLink(second, NEWER, ref)
    this.newest = ref
  }

  /** Adds a record as the oldest. */
  addOldest(ref: Ref): void {
    const words = this.#arena.words[ref >>> this.#arena.shift]
    const at = (ref & this.#arena.unitMask) << 1
    const second = this.oldest
    words[at + NEWER] = second
    words[at + OLDER] = NULL_REF
    if (second === NULL_REF) this.newest = ref
    else this.#setLink(second, OLDER, ref)
    this.oldest = ref
  }

  remove(ref: Ref): void {
    const words = this.#arena.words[ref >>> this.#arena.shift]
    const at = (ref & this.#arena.unitMask) << 1
    const newer = words[at + NEWER] as Ref
    const older = words[at + OLDER] as Ref
    if (newer === NULL_REF) this.newest = older
    else this.#setLink(newer, OLDER, older)
    if (older === NULL_REF) this.oldest = newer
    else this.#setLink(older, NEWER, newer)
  }

  /** A record was copied to `to`, its links included: its neighbours follow. */
  moved(to: Ref): void {
    const words = this.#arena.words[to >>> this.#arena.shift]
    const at = (to & this.#arena.unitMask) << 1
    const newer = words[at + NEWER] as Ref
    const older = words[at + OLDER] as Ref
    if (newer === NULL_REF) this.newest = to
    else this.#setLink(newer, OLDER, to)
    if (older === NULL_REF) this.oldest = to
    else this.#setLink(older, NEWER, to)
  }

  /** The oldest record that is not `except`; `NULL_REF`: there is none. */
  oldestBut(except: Ref): Ref {
    const { oldest } = this
    return oldest === except && oldest !== NULL_REF ? this.#link(oldest, NEWER) : oldest
  }

  /** Takes over all records of another list, as older or as newer than its own. The other list is empty then. */
  append(other: RecordList, areNewer: boolean): void {
    const [older, newer] = areNewer ? [this, other] : [other, this]
    const { oldest, newest } = older.newest === NULL_REF ? newer : older
    const last = newer.newest === NULL_REF ? newest : newer.newest
    if (older.newest !== NULL_REF && newer.oldest !== NULL_REF) {
      this.#setLink(older.newest, NEWER, newer.oldest)
      this.#setLink(newer.oldest, OLDER, older.newest)
    }
    other.clear()
    this.oldest = oldest
    this.newest = last
  }

  /** Forgets the records, without changing them. */
  clear(): void {
    this.newest = NULL_REF
    this.oldest = NULL_REF
  }

  /** From the newest on. */
  forEach(visit: (ref: Ref) => void): void {
    for (let ref = this.newest; ref !== NULL_REF; ref = this.#link(ref, OLDER)) visit(ref)
  }

  /** Reads what removing a record would touch beside it. The result has no meaning. */
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

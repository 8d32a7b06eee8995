// The recency list: every record in exact order of access, linked through the records themselves.

import { type Arena, NULL_REF, type Ref } from './arena.ts'
import { NEWER, OLDER } from './record.ts'

export class Recency {
  newest: Ref = NULL_REF
  oldest: Ref = NULL_REF
  readonly #arena: Arena

  constructor(arena: Arena) {
    this.#arena = arena
  }

  /** Puts a record that is not in the list at its head. */
  attach(ref: Ref): void {
    const words = this.#arena.words[ref >>> this.#arena.shift]
    const at = (ref & this.#arena.unitMask) << 1
    const second = this.newest
    words[at + NEWER] = NULL_REF
    words[at + OLDER] = second
    if (second === NULL_REF) this.oldest = ref
    else this.#set(second, NEWER, ref)
    this.newest = ref
  }

  detach(ref: Ref): void {
    const words = this.#arena.words[ref >>> this.#arena.shift]
    const at = (ref & this.#arena.unitMask) << 1
    const newer = words[at + NEWER] as Ref
    const older = words[at + OLDER] as Ref
    if (newer === NULL_REF) this.newest = older
    else this.#set(newer, OLDER, older)
    if (older === NULL_REF) this.oldest = newer
    else this.#set(older, NEWER, newer)
  }

  /** Makes a record of the list its head. */
  touch(ref: Ref): void {
    if (ref === this.newest) return
    this.detach(ref)
    this.attach(ref)
  }

  /** The record that was at a freed place is now at `ref`, its links copied with it. */
  moved(ref: Ref): void {
    const words = this.#arena.words[ref >>> this.#arena.shift]
    const at = (ref & this.#arena.unitMask) << 1
    const newer = words[at + NEWER] as Ref
    const older = words[at + OLDER] as Ref
    if (newer === NULL_REF) this.newest = ref
    else this.#set(newer, OLDER, ref)
    if (older === NULL_REF) this.oldest = ref
    else this.#set(older, NEWER, ref)
  }

  clear(): void {
    this.newest = NULL_REF
    this.oldest = NULL_REF
  }

  #set(ref: Ref, link: number, to: Ref): void {
    this.#arena.words[ref >>> this.#arena.shift][((ref & this.#arena.unitMask) << 1) + link] = to
  }
}

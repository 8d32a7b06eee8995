// S3-FIFO: a small queue for new records, a main queue for records that were read again, and recently evicted keys
// (ghost).
//
// Yang, Zhang, Qiu, Yue, Rashmi: "FIFO queues are all you need for cache eviction", SOSP 2023.

import type { Hash } from '../../bytes/hash.ts'
import { type Arena, NULL_REF, type Ref } from '../arena.ts'
import { POLICY_BITS_SHIFT } from '../record.ts'
import { GhostKeys } from './ghost.ts'
import type { EvictionContext, EvictionPolicy } from './policy.ts'
import { RecordList } from './record-list.ts'

/*
 *                        read twice
 *   new ──▶ small (10 %) ──────────▶ main (90 %) ──▶ evicted
 *              │ else                 ▲    │ ▲
 *              ▼                      │    └─┘ read: once more, with one read less
 *           evicted, in ghost ────────┘
 *                              written again
 *
 * A hit counts up to 3 in the record's bits and moves nothing.
 */

/** Word 1 of a record has the four bits of the policy: in the small queue, and two for the number of hits. */
const BITS_WORD = 1
const SMALL = 1 << POLICY_BITS_SHIFT
const HIT = 2 << POLICY_BITS_SHIFT
const HITS = 3 * HIT

/** The small queue has this part of all units. */
export const SMALL_SHARE = 0.1
/** Hits that take a record from the small queue to the main queue. */
const PROMOTED_FROM = 2 * HIT
/** The ghost remembers this many evicted keys per stored record. */
export const GHOST_SHARE = 0.9
/** Maximum number of records that one eviction moves: without a limit, it could pass all records three times. */
export const MAX_MOVES = 1024

export class S3Fifo implements EvictionPolicy {
  readonly usesBits: boolean = true
  readonly #arena: Arena
  readonly #context: EvictionContext
  readonly #small: RecordList
  readonly #main: RecordList
  readonly #ghost: GhostKeys
  /** Units of the records in the small queue. */
  #smallUnits = 0
  #latest = NULL_REF

  constructor(context: EvictionContext) {
    const { arena, memory } = context
    this.#arena = arena
    this.#context = context
    this.#small = new RecordList(arena)
    this.#main = new RecordList(arena)
    this.#ghost = new GhostKeys(memory)
  }

  /** A record that replaces another one was hit, and stays in its queue. */
  inserted(ref: Ref, hash: Hash, before: number): void {
    this.#latest = ref
    const arena = this.#arena
    const words = arena.words[ref >>> arena.shift]
    const at = ((ref & arena.unitMask) << 1) + BITS_WORD
    if (before >= 0) words[at] |= (before & HITS) === HITS ? before : before + HIT
    else if (!this.#ghost.take(hash)) words[at] |= SMALL
    if ((words[at] & SMALL) === 0) this.#main.add(ref)
    else {
      this.#small.add(ref)
      this.#smallUnits += arena.units(ref)
    }
    this.#ghost.resize()
  }

  accessed(ref: Ref): void {
    const arena = this.#arena
    const words = arena.words[ref >>> arena.shift]
    const at = ((ref & arena.unitMask) << 1) + BITS_WORD
    const word = words[at]
    if ((word & HITS) !== HITS) words[at] = word + HIT
    this.#latest = ref
  }

  removed(ref: Ref): void {
    if (ref === this.#latest) this.#latest = NULL_REF
    if (!this.#isSmall(ref)) {
      this.#main.remove(ref)
      return
    }
    this.#small.remove(ref)
    this.#smallUnits -= this.#arena.units(ref)
  }

  evicted(ref: Ref, hash: Hash): void {
    if (this.#isSmall(ref)) this.#ghost.add(hash, this.#context.count() * GHOST_SHARE)
  }

  moved(from: Ref, to: Ref, growth: number): void {
    if (from === this.#latest) this.#latest = to
    if (!this.#isSmall(to)) {
      this.#main.moved(to)
      return
    }
    this.#small.moved(to)
    this.#smallUnits += growth
  }

  victim(except: Ref): Ref {
    const arena = this.#arena
    const small = this.#small
    const main = this.#main
    const { count, units } = this.#context
    // Including the record that is about to be inserted, of average size.
    const share = units() * SMALL_SHARE - units() / count()
    for (let moves = 0; ; moves++) {
      let ref = main.oldestBut(except)
      const isSmall = ref === NULL_REF || this.#smallUnits >= share
      if (isSmall) {
        const next = small.oldestBut(except)
        if (next === NULL_REF) return ref
        ref = next
      }
      const words = arena.words[ref >>> arena.shift]
      const at = ((ref & arena.unitMask) << 1) + BITS_WORD
      const hits = words[at] & HITS
      if (moves === MAX_MOVES || hits < (isSmall ? PROMOTED_FROM : HIT)) return ref
      if (isSmall) {
        small.remove(ref)
        this.#smallUnits -= arena.units(ref)
        words[at] &= ~(SMALL | HITS)
      } else {
        main.remove(ref)
        words[at] -= HIT
      }
      main.add(ref)
    }
  }

  spare(ref: Ref): void {
    const queue = this.#isSmall(ref) ? this.#small : this.#main
    queue.remove(ref)
    queue.add(ref)
  }

  latest(): Ref {
    return this.#latest
  }

  clear(): void {
    this.#small.clear()
    this.#main.clear()
    this.#smallUnits = 0
    this.#latest = NULL_REF
    this.forget()
  }

  forget(): void {
    this.#ghost.clear()
  }

  forEach(visit: (ref: Ref) => void): void {
    this.#main.forEach(visit)
    this.#small.forEach(visit)
  }

  /** A hit touches nothing but the record. */
  prefetch(): number {
    return 0
  }

  prepareRelease(): boolean {
    return true
  }

  release(to: RecordList): void {
    to.append(this.#small, true)
    to.append(this.#main, true)
    this.clear()
  }

  adopt(records: RecordList): void {
    this.#main.append(records, false)
  }

  adoptedBits(): number {
    return 0
  }

  #isSmall(ref: Ref): boolean {
    const arena = this.#arena
    return (arena.words[ref >>> arena.shift][((ref & arena.unitMask) << 1) + BITS_WORD] & SMALL) !== 0
  }
}

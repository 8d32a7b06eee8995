// Exact LRU: while the store is far from full a number in each record, then a list of all records.

import { type Arena, NULL_REF, type Ref } from '../arena.ts'
import { Ordering } from './lru/ordering.ts'
import { markUnlisted, STAMP, stampOf } from './lru/stamps.ts'
import type { EvictionContext, EvictionPolicy } from './policy.ts'
import { RecordList } from './record-list.ts'

/*
 * An access that moves its record in a list reads and writes both of the record's neighbours as well: two cache lines,
 * mostly not in the cache, a quarter of the time of a GET among a million keys. As long as nothing is evicted, the order
 * is not needed. So until the store is nearly full, an access writes its number into the record, the stamp, and nothing
 * else. Then all records are put in order, once and in steps (`Ordering`), and from then on they are in a list. When the
 * store is emptied, it begins again with stamps. An ordering takes memory, so it begins only where the store checks its
 * budget afterwards.
 *
 * Stamps wrap around: they are compared by their difference. So that none becomes older than 2^31, a walk over the index
 * makes those older than 2^30 that old. The order among records that were not accessed during 2^30 accesses is lost.
 */

/** Stamps older than this are made this old, by walks that end within 2^29 accesses: steps of 2^16 accesses. */
const OLD = 2 ** 30
const AGING_MASK = 0xffff
const AGING_STEPS = 2 ** 13
/** Slots of the index per record, about. */
const SLOTS = 1.5
/** Insertions and moves between two looks at whether the store is nearly full, minus one. */
const LOOK_MASK = 15
/** So many records are put in order at once. */
const FEW = 4096

export class Lru implements EvictionPolicy {
  readonly usesBits: boolean = false
  readonly #context: EvictionContext
  readonly #arena: Arena
  readonly #list: RecordList
  /** Whether all records are in the list. */
  #isListed = false
  /** While the records are being put in order. */
  #ordering: Ordering | undefined
  /** The last stamp: int32. */
  #now = 0
  #latest = NULL_REF
  #changes = 0
  #agingCursor = 0
  readonly #few: number

  /** @param few another number than `FEW` is for tests */
  constructor(context: EvictionContext, few = FEW) {
    this.#context = context
    this.#arena = context.arena
    this.#few = few
    this.#list = new RecordList(context.arena)
  }

  inserted(ref: Ref): void {
    // First: the record is not in the index yet.
    if (!this.#isListed && this.#ordering === undefined) this.#look()
    if (this.#isListed) this.#list.add(ref)
    else {
      markUnlisted(this.#arena, ref)
      if (this.#ordering === undefined) this.#stamp(ref)
      else this.#accessedMeanwhile(ref, this.#ordering)
    }
  }

  accessed(ref: Ref): void {
    if (this.#isListed) {
      const list = this.#list
      if (ref === list.newest) return
      list.remove(ref)
      list.add(ref)
    } else if (this.#ordering === undefined) this.#stamp(ref)
    else this.#accessedMeanwhile(ref, this.#ordering)
  }

  removed(ref: Ref): void {
    if (this.#isListed) this.#list.remove(ref)
    else {
      if (ref === this.#latest) this.#latest = NULL_REF
      this.#ordering?.removed(ref)
    }
  }

  evicted(): void {}

  moved(from: Ref, to: Ref): void {
    if (this.#isListed) this.#list.moved(to)
    else {
      if (from === this.#latest) this.#latest = to
      if (this.#ordering !== undefined) this.#ordering.moved(from, to)
      else this.#look()
    }
  }

  victim(except: Ref): Ref {
    if (!this.prepareRelease(Ordering.MOST_WORK) && this.#ordering !== undefined)
      return this.#ordering.oldestBut(except)
    return this.#list.oldestBut(except)
  }

  spare(ref: Ref): void {
    this.accessed(ref)
  }

  latest(): Ref {
    return this.#isListed ? this.#list.newest : this.#latest
  }

  clear(): void {
    this.#list.clear()
    this.#isListed = false
    this.#ordering?.free()
    this.#ordering = undefined
    this.#latest = NULL_REF
  }

  forget(): void {
    if (this.#ordering !== undefined) this.#order(this.#ordering, Number.POSITIVE_INFINITY)
  }

  forEach(visit: (ref: Ref) => void): void {
    if (this.#isListed) this.#list.forEach(visit)
    else this.#context.walk(0, Number.POSITIVE_INFINITY, visit)
  }

  prefetch(ref: Ref): number {
    return this.#isListed ? this.#list.prefetch(ref) : 0
  }

  prepareRelease(most: number): boolean {
    this.#beginOrdering()
    if (this.#ordering !== undefined) this.#order(this.#ordering, most)
    return this.#isListed
  }

  release(to: RecordList): void {
    this.prepareRelease(Number.POSITIVE_INFINITY)
    to.append(this.#list, true)
  }

  adopt(records: RecordList): void {
    this.#list.append(records, false)
    this.#isListed = true
  }

  adoptedBits(): number {
    return 0
  }

  /** Continues with other stamps. For tests. */
  setStamp(now: number): void {
    this.#now = now | 0
  }

  /** Throws when records contradict the memory of a running ordering. For tests, O(n). */
  verify(): void {
    this.#ordering?.verify()
  }

  #stamp(ref: Ref): void {
    const now = (this.#now + 1) | 0
    this.#now = now
    this.#latest = ref
    this.#arena.words[ref >>> this.#arena.shift][((ref & this.#arena.unitMask) << 1) + STAMP] = now
    if ((now & AGING_MASK) === 0) this.#age()
  }

  #accessedMeanwhile(ref: Ref, ordering: Ordering): void {
    this.#latest = ref
    ordering.accessed(ref)
    this.#order(ordering, Ordering.WORK_PER_ACCESS)
  }

  #look(): void {
    if ((++this.#changes & LOOK_MASK) === 0 && this.#context.isNearlyFull()) this.#beginOrdering()
  }

  /** Begins to put the records in order, and ends it at once if they are few. */
  #beginOrdering(): void {
    if (this.#isListed || this.#ordering !== undefined) return
    if (this.#context.count() > this.#few) this.#ordering = new Ordering(this.#context, this.#now)
    else this.#orderFew()
  }

  #orderFew(): void {
    const arena = this.#arena
    const refs: Ref[] = []
    this.#context.walk(0, Number.POSITIVE_INFINITY, (ref) => {
      refs.push(ref)
    })
    const age = (ref: Ref): number => (this.#now - stampOf(arena, ref)) | 0
    refs.sort((a, b) => age(b) - age(a))
    for (const ref of refs) this.#list.add(ref)
    this.#isListed = true
  }

  /** Goes on with putting the records in order. True: it is done. */
  #order(ordering: Ordering, work: number): boolean {
    if (!ordering.run(work)) return false
    ordering.release(this.#list)
    this.#ordering = undefined
    this.#isListed = true
    return true
  }

  #age(): void {
    const { words, shift, unitMask } = this.#arena
    const oldest = (this.#now - OLD) | 0
    const slots = Math.ceil((this.#context.count() * SLOTS) / AGING_STEPS) + 1
    this.#agingCursor = this.#context.walk(this.#agingCursor, slots, (ref) => {
      const block = words[ref >>> shift]
      const at = ((ref & unitMask) << 1) + STAMP
      if (((block[at] - oldest) | 0) < 0) block[at] = oldest
    })
  }
}

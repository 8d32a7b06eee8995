// A second policy, written against the seam in this one file: FIFO, which ignores accesses.

import { expect, test } from 'vitest'
import { type Arena, NULL_REF, type Ref } from '../../../src/store/arena.ts'
import type { EvictionPolicy, EvictionPolicyFactory } from '../../../src/store/eviction/policy.ts'
import { EVICTION_WORDS } from '../../../src/store/record.ts'
import { evictionContract, evictionOrder } from '../../contracts/eviction.contract.ts'

const LATER = EVICTION_WORDS
const EARLIER = EVICTION_WORDS + 1

/** A doubly linked list in order of insertion. */
class Fifo implements EvictionPolicy {
  #first: Ref = NULL_REF
  #last: Ref = NULL_REF
  readonly #arena: Arena

  constructor(arena: Arena) {
    this.#arena = arena
  }

  inserted(ref: Ref): void {
    this.#set(ref, LATER, NULL_REF)
    this.#set(ref, EARLIER, this.#last)
    this.#join(this.#last, ref)
    this.#last = ref
  }

  accessed(): void {}

  removed(ref: Ref): void {
    const earlier = this.#get(ref, EARLIER)
    const later = this.#get(ref, LATER)
    this.#join(earlier, later)
    if (later === NULL_REF) this.#last = earlier
    else this.#set(later, EARLIER, earlier)
  }

  moved(_from: Ref, to: Ref): void {
    const later = this.#get(to, LATER)
    this.#join(this.#get(to, EARLIER), to)
    if (later === NULL_REF) this.#last = to
    else this.#set(later, EARLIER, to)
  }

  victim(except: Ref): Ref {
    const first = this.#first
    return first === except && first !== NULL_REF ? this.#get(first, LATER) : first
  }

  latest(): Ref {
    return this.#last
  }

  clear(): void {
    this.#first = NULL_REF
    this.#last = NULL_REF
  }

  forEach(visit: (ref: Ref) => void): void {
    for (let ref = this.#last; ref !== NULL_REF; ref = this.#get(ref, EARLIER)) visit(ref)
  }

  prefetch(): number {
    return 0
  }

  /** Makes `later` follow `earlier`; the first record follows `NULL_REF`. */
  #join(earlier: Ref, later: Ref): void {
    if (earlier === NULL_REF) this.#first = later
    else this.#set(earlier, LATER, later)
  }

  #get(ref: Ref, offset: number): Ref {
    return this.#arena.words[ref >>> this.#arena.shift][((ref & this.#arena.unitMask) << 1) + offset] as Ref
  }

  #set(ref: Ref, offset: number, to: Ref): void {
    this.#arena.words[ref >>> this.#arena.shift][((ref & this.#arena.unitMask) << 1) + offset] = to
  }
}

const fifo: EvictionPolicyFactory = ({ arena }) => new Fifo(arena)

evictionContract('fifo', fifo)

test('records leave in order of insertion, whatever was read or overwritten', () => {
  const order = evictionOrder(fifo, ['a', 'b', 'c', 'd'], (store) => {
    store.get('a')
    store.put('b')
  })
  expect(order).toEqual(['a', 'b', 'c', 'd'])
})

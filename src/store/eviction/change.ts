// Changes the eviction policy of a store without losing a record, in bounded steps.

import { Lru } from './lru.ts'
import type { EvictionContext, EvictionPolicy, EvictionPolicyFactory } from './policy.ts'
import { RecordList } from './record-list.ts'

/** Records, or slots of the index, of the step that begins a change: a small store changes at once. */
const FIRST_STEP = 4096

/*
 * A policy releases all its records as one list, the record that it would keep longest first, and another policy adopts
 * the list: both in constant time. A policy that has its records elsewhere prepares the list in steps. But each policy
 * gives the bits of records another meaning. So exact LRU, which uses no bits, adopts the list first; then a walk over
 * the index sets the bits to those that the new policy wants for adopted records (new records have 0); then the new
 * policy adopts the list.
 */
export class EvictionChange {
  readonly #context: EvictionContext
  /** The policy in use, or to be used after the walk. */
  #factory: EvictionPolicyFactory
  /** The policy that is to take over after the walk. */
  #next: EvictionPolicy | undefined
  /** Whether the present policy is still preparing the list. */
  #isPreparing = false
  /** The cursor of the walk. */
  #cursor = 0

  constructor(factory: EvictionPolicyFactory, context: EvictionContext) {
    this.#factory = factory
    this.#context = context
  }

  get isDone(): boolean {
    return this.#next === undefined
  }

  /** @returns the policy to use until the change is done; `undefined`: the present one */
  begin(factory: EvictionPolicyFactory, present: EvictionPolicy): EvictionPolicy | undefined {
    if (factory === this.#factory) return undefined
    this.#factory = factory
    const next = factory(this.#context)
    this.#context.records.keepPolicyBits(next.usesBits)
    this.#next = next
    this.#isPreparing = !present.prepareRelease(FIRST_STEP)
    return this.#isPreparing ? undefined : this.#beginWalk(next, present)
  }

  /** One step, over about `slots` records or slots of the index. @returns the policy to use from now on, if it is another */
  step(slots: number, present: EvictionPolicy): EvictionPolicy | undefined {
    const next = this.#next
    if (next === undefined) return undefined
    if (this.#isPreparing) {
      this.#isPreparing = !present.prepareRelease(slots)
      return this.#isPreparing ? undefined : this.#beginWalk(next, present)
    }
    const { records, walk } = this.#context
    this.#cursor = walk(this.#cursor, slots, (ref, hash) => {
      records.setPolicyBits(ref, next.adoptedBits(hash))
    })
    if (this.#cursor !== 0) return undefined
    this.#next = undefined
    return this.#handOver(present, next)
  }

  /** The list is ready. A policy without bits takes it over at once. */
  #beginWalk(next: EvictionPolicy, present: EvictionPolicy): EvictionPolicy {
    this.#cursor = 0
    if (!next.usesBits) this.#next = undefined
    const meanwhile = next.usesBits ? new Lru(this.#context) : next
    return this.#handOver(present, meanwhile)
  }

  #handOver(from: EvictionPolicy, to: EvictionPolicy): EvictionPolicy {
    const records = new RecordList(this.#context.arena)
    from.release(records)
    from.forget()
    to.adopt(records)
    return to
  }
}

// Changes the eviction policy of a store without losing a record, in bounded steps.

import type { Arena } from '../arena.ts'
import type { Index } from '../index.ts'
import type { Records } from '../record.ts'
import { Lru } from './lru.ts'
import type { EvictionContext, EvictionPolicy, EvictionPolicyFactory } from './policy.ts'
import { RecordList } from './record-list.ts'

export interface ChangedParts {
  readonly index: Index
  readonly records: Records
  readonly arena: Arena
}

/*
 * A policy gives all its records as one list, from the one that it would keep longest, and another one takes it over:
 * both in constant time. But the bits of the records mean something else to each policy. So the list goes to exact LRU
 * first, which uses no bits; a walk over the index sets them to what the new policy gives records that it takes over,
 * and those of new records are 0; then the list goes to the new policy.
 */
export class EvictionChange {
  readonly #parts: ChangedParts
  /** The policy in use, or to be used after the walk. */
  #factory: EvictionPolicyFactory
  /** The policy that is to take over after the walk. */
  #next: EvictionPolicy | undefined
  /** Where the walk goes on. */
  #cursor = 0

  constructor(factory: EvictionPolicyFactory, parts: ChangedParts) {
    this.#factory = factory
    this.#parts = parts
  }

  get isDone(): boolean {
    return this.#next === undefined
  }

  /** @returns the policy to use until the change is done; `undefined`: the present one */
  begin(
    factory: EvictionPolicyFactory,
    present: EvictionPolicy,
    context: EvictionContext,
  ): EvictionPolicy | undefined {
    if (factory === this.#factory) return undefined
    this.#factory = factory
    const { records, arena } = this.#parts
    const next = factory(context)
    records.keepPolicyBits(next.usesBits)
    this.#next = next.usesBits ? next : undefined
    this.#cursor = 0
    return handOver(present, next.usesBits ? new Lru(arena) : next, arena)
  }

  /** One step of the walk, over about `slots` slots. @returns the new policy once the walk is done */
  step(slots: number, present: EvictionPolicy): EvictionPolicy | undefined {
    const next = this.#next
    if (next === undefined) return undefined
    const { index, records, arena } = this.#parts
    this.#cursor = index.walk(this.#cursor, Number.POSITIVE_INFINITY, slots, (ref, hash) => {
      records.setPolicyBits(ref, next.adoptedBits(hash))
    })
    if (this.#cursor !== 0) return undefined
    this.#next = undefined
    return handOver(present, next, arena)
  }
}

function handOver(from: EvictionPolicy, to: EvictionPolicy, arena: Arena): EvictionPolicy {
  const records = new RecordList(arena)
  from.release(records)
  from.forget()
  to.adopt(records)
  return to
}

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
 * first, which uses no bits; a walk over the index sets them to 0, and new records have 0 there; then the list goes to
 * the new policy.
 */
export class EvictionChange {
  readonly #parts: ChangedParts
  /** The policy in use, or to be used after the walk. */
  #factory: EvictionPolicyFactory
  /** Where the walk goes on; -1: there is none. */
  #cursor = -1

  constructor(factory: EvictionPolicyFactory, parts: ChangedParts) {
    this.#factory = factory
    this.#parts = parts
  }

  get isDone(): boolean {
    return this.#cursor < 0
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
    this.#cursor = next.usesBits ? 0 : -1
    return handOver(present, next.usesBits ? new Lru(arena) : next, arena)
  }

  /** One step of the walk, over about `slots` slots. @returns the new policy once the walk is done */
  step(slots: number, present: EvictionPolicy, context: EvictionContext): EvictionPolicy | undefined {
    if (this.isDone) return undefined
    const { index, records, arena } = this.#parts
    this.#cursor = index.walk(this.#cursor, Number.POSITIVE_INFINITY, slots, (ref) => {
      records.setPolicyBits(ref, 0)
    })
    if (this.#cursor !== 0) return undefined
    this.#cursor = -1
    return handOver(present, this.#factory(context), arena)
  }
}

function handOver(from: EvictionPolicy, to: EvictionPolicy, arena: Arena): EvictionPolicy {
  const records = new RecordList(arena)
  from.release(records)
  from.forget()
  to.adopt(records)
  return to
}

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
 * A policy releases all its records as one list, the record that it would keep longest first, and another policy adopts
 * the list: both in constant time. But each policy gives the bits of records another meaning. So exact LRU, which uses
 * no bits, adopts the list first; then a walk over the index sets the bits to those that the new policy wants for
 * adopted records (new records have 0); then the new policy adopts the list.
 */
export class EvictionChange {
  readonly #parts: ChangedParts
  /** The policy in use, or to be used after the walk. */
  #factory: EvictionPolicyFactory
  /** The policy that is to take over after the walk. */
  #next: EvictionPolicy | undefined
  /** The cursor of the walk. */
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

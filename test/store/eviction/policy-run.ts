// Drives an eviction policy without a store, for comparison with a model.

import fc from 'fast-check'
import type { Hash } from '../../../src/bytes/hash.ts'
import { Arena, NULL_REF, type Ref } from '../../../src/store/arena.ts'
import type { EvictionContext, EvictionPolicy } from '../../../src/store/eviction/policy.ts'
import { Records, ValueType } from '../../../src/store/record.ts'

type Name = 'insert' | 'replace' | 'access' | 'remove' | 'move' | 'evict' | 'evictBut'

export interface Operation {
  readonly name: Name
  /** Which record, and for a new one which key. */
  readonly pick: number
  readonly units: number
}

export interface Done {
  readonly name: 'insert' | 'access' | 'remove' | 'move' | 'evict'
  readonly ref: Ref
  /** Of a move: the new block. Of an eviction: the excepted record. */
  readonly other: Ref
  readonly hash: Hash
  /** Of an insert: the replaced record. */
  readonly before: Ref
}

export const operations: fc.Arbitrary<Operation[]> = fc.array(
  fc.record({
    name: fc.constantFrom<Name>(
      ...(['insert', 'insert', 'insert', 'replace', 'access', 'access', 'access', 'remove', 'move'] as const),
      ...(['evict', 'evict', 'evictBut'] as const),
    ),
    pick: fc.nat(1000),
    units: fc.integer({ min: 2, max: 40 }),
  }),
  { minLength: 1, maxLength: 300 },
)

/** Distinct keys: fewer than insertions, so that keys come back. */
const KEYS = 40

export class PolicyRun {
  readonly arena = new Arena(64 * 1024)
  readonly records = new Records(this.arena)
  readonly memory = { bytes: 0 }
  readonly policy: EvictionPolicy
  /** The records with their keys. */
  readonly #keys = new Map<Ref, number>()

  constructor(make: (context: EvictionContext) => EvictionPolicy) {
    this.policy = make({
      arena: this.arena,
      records: this.records,
      memory: this.memory,
      count: () => this.count,
      units: () => this.units([...this.#keys.keys()]),
      isNearlyFull: () => true,
      hashOf: (ref) => this.hash(ref),
      walk: (_cursor, _slots, visit) => {
        for (const ref of this.#keys.keys()) visit(ref, this.hash(ref))
        return 0
      },
    })
    this.records.keepPolicyBits(this.policy.usesBits)
  }

  get count(): number {
    return this.#keys.size
  }

  units(refs: readonly Ref[]): number {
    return refs.reduce((sum, ref) => sum + this.arena.units(ref), 0)
  }

  hash(ref: Ref): Hash {
    return hashOfKey(this.#keys.get(ref) as number)
  }

  listed(): Ref[] {
    const refs: Ref[] = []
    this.policy.forEach((ref) => refs.push(ref))
    return refs
  }

  /** `undefined`: there is no such record, or the key is stored; nothing was done. */
  apply({ name, pick, units }: Operation): Done | undefined {
    const { policy, arena, records } = this
    const picked = [...this.#keys.keys()][pick % Math.max(1, this.#keys.size)] ?? NULL_REF
    const done = { name, ref: picked, other: NULL_REF, hash: 0 as Hash, before: NULL_REF }
    if (name === 'insert') {
      const key = pick % KEYS
      if ([...this.#keys.values()].includes(key)) return undefined
      return { ...done, name, ref: this.#insert(key, units, -1), hash: hashOfKey(key) }
    }
    if (name === 'evict' || name === 'evictBut') {
      const except = name === 'evict' ? NULL_REF : picked
      const ref = policy.victim(except)
      if (ref === NULL_REF) return { ...done, name: 'evict', ref, other: except }
      const hash = this.hash(ref)
      policy.evicted(ref, hash)
      return { ...done, name: 'evict', ref: this.#remove(ref), other: except, hash }
    }
    if (picked === NULL_REF) return undefined
    const hash = this.hash(picked)
    if (name === 'access') policy.accessed(picked)
    else if (name === 'remove') this.#remove(picked)
    else if (name === 'replace') {
      const bits = records.policyBits(picked)
      const key = this.#keys.get(picked) as number
      this.#remove(picked)
      return { ...done, name: 'insert', ref: this.#insert(key, units, bits), hash, before: picked }
    } else {
      const to = arena.alloc(units)
      records.format(to, ValueType.STRING, 0, 0, 0, 0)
      records.copyAccess(picked, to)
      policy.moved(picked, to, arena.units(to) - arena.units(picked))
      this.#keys.set(to, this.#keys.get(picked) as number)
      this.#keys.delete(picked)
      return { ...done, name, other: to }
    }
    return { ...done, name, hash }
  }

  #insert(key: number, units: number, bits: number): Ref {
    const ref = this.arena.alloc(units)
    this.records.format(ref, ValueType.STRING, 0, 0, 0, 0)
    this.#keys.set(ref, key)
    this.policy.inserted(ref, hashOfKey(key), bits)
    return ref
  }

  /** The block is not freed: so references are not used again. */
  #remove(ref: Ref): Ref {
    this.policy.removed(ref)
    this.#keys.delete(ref)
    return ref
  }
}

/** Spread over 32 bits. */
function hashOfKey(key: number): Hash {
  return Math.imul(key + 1, 0x9e3779b1) as Hash
}

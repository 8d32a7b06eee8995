// The contract of every eviction policy, whichever records it prefers.

import { describe, expect, test } from 'vitest'
import { ManualClock } from '../../src/bytes/clock.ts'
import { Hasher } from '../../src/bytes/hash.ts'
import { Instant } from '../../src/bytes/instant.ts'
import { NULL_REF, type Ref } from '../../src/store/arena.ts'
import { EVICTION_POLICIES } from '../../src/store/eviction/policies.ts'
import type { EvictionPolicyFactory } from '../../src/store/eviction/policy.ts'
import { EXPIRES, ValueType } from '../../src/store/record.ts'
import { Store } from '../../src/store/store.ts'
import { seededRandom } from '../support/random.ts'

const KIB = 1024
const MIB = 2 ** 20

/** A store with the policy under test, addressed by texts. */
export class NamedStore {
  readonly clock = new ManualClock()
  readonly instant = new Instant(this.clock)
  readonly store: Store

  constructor(eviction: EvictionPolicyFactory, maxBytes: number) {
    const hasher = new Hasher({ low: 1, high: 2 })
    this.store = new Store({ maxBytes, hasher, instant: this.instant, eviction })
  }

  put(name: string, bytes = 1, ttlMs?: number): Ref {
    const key = Buffer.from(name)
    if (ttlMs !== undefined) this.store.deadline[0] = this.instant.now + ttlMs
    const flags = ttlMs === undefined ? 0 : EXPIRES
    return this.store.put(key, 0, key.length, Buffer.alloc(bytes, name), 0, bytes, ValueType.STRING, flags)
  }

  peek(name: string): Ref {
    const key = Buffer.from(name)
    return this.store.peek(key, 0, key.length)
  }

  get(name: string): string | undefined {
    const key = Buffer.from(name)
    const ref = this.store.get(key, 0, key.length)
    return ref === NULL_REF ? undefined : this.store.copyValue(ref).toString()
  }

  /** The keys of all live records, sorted. */
  scan(): string[] {
    const found: string[] = []
    this.store.keyspace.scan(0, Number.POSITIVE_INFINITY, (ref) =>
      found.push(this.store.copyKey(ref).toString()),
    )
    return found.sort()
  }
}

/** Stores the names, runs `use`, and returns the order in which the policy evicts them. */
export function evictionOrder(
  eviction: EvictionPolicyFactory,
  names: readonly string[],
  use: (store: NamedStore) => void,
): string[] {
  const at = new NamedStore(eviction, MIB)
  for (const name of names) at.put(name)
  use(at)
  const order: string[] = []
  for (let left = at.scan(); at.store.evict(); left = at.scan()) {
    const after = at.scan()
    order.push(...left.filter((name) => !after.includes(name)))
  }
  return order
}

export function evictionContract(name: string, eviction: EvictionPolicyFactory): void {
  describe(`${name} as an eviction policy`, () => {
    test('evicts every record once, then has no victim', () => {
      const names = Array.from({ length: 100 }, (_, i) => `k${i}`)
      const order = evictionOrder(eviction, names, (at) => {
        for (const read of ['k3', 'k77', 'k3']) at.get(read)
      })
      expect(order.sort()).toEqual([...names].sort())
    })

    test('never names the excepted record, not even as the only one', () => {
      const at = new NamedStore(eviction, MIB)
      expect(at.store.evict()).toBe(false)
      const only = at.put('a')
      expect(at.store.evict(only)).toBe(false)
      at.put('b')
      at.put('c')
      const kept = at.peek('b')
      while (at.store.evict(kept));
      expect(at.scan()).toEqual(['b'])
    })

    test('keeps the record being written, and the budget, however small it is', () => {
      for (const maxBytes of [2 * KIB, 8 * KIB, 64 * KIB]) {
        const at = new NamedStore(eviction, maxBytes)
        for (let i = 0; i < 3000; i++) {
          const ref = at.put(`k${i}`, (i * 7) % 300)
          expect(at.peek(`k${i}`)).toBe(ref)
          expect(at.store.usedBytes).toBeLessThanOrEqual(maxBytes)
        }
        at.store.verify()
        expect(at.store.evicted).toBeGreaterThan(0)
      }
    })

    test('takes over the records of any other policy, and hands them over to any', () => {
      const policies = [...Object.values(EVICTION_POLICIES), eviction]
      for (const other of policies) {
        const at = new NamedStore(other, 64 * KIB)
        const change = (to: EvictionPolicyFactory): void => {
          const before = at.scan()
          at.store.eviction = to
          for (let i = 0; !at.store.changeEviction(50); i++) {
            // Commands run between the steps.
            at.put(before[i], 40)
            at.get(before[i + 1])
          }
          expect(at.scan()).toEqual(before)
          at.store.verify()
        }
        const fill = (): void => {
          for (let i = 0; i < 2000; i++) {
            at.put(`k${i % 900}`, 40)
            at.get(`k${(i * 7) % 900}`)
          }
          at.store.verify()
        }
        fill()
        change(eviction)
        fill()
        change(other)
        fill()
        at.store.eviction = eviction
        // The change ends while another one is under way.
        at.store.changeEviction(10)
        change(other)
        while (at.store.evict());
        expect(at.scan()).toEqual([])
        at.store.verify()
      }
    })

    test('starts empty after FLUSHALL', () => {
      const at = new NamedStore(eviction, 64 * KIB)
      for (let i = 0; i < 2000; i++) at.put(`k${i}`, 40)
      at.store.clear()
      expect(at.store.evict()).toBe(false)
      for (let i = 0; i < 2000; i++) at.put(`k${i}`, 40)
      at.store.verify()
    })

    test('follows compaction, deletion, expiry and replacement of any record', () => {
      const at = new NamedStore(eviction, 2 * MIB)
      const random = seededRandom(5)
      const values = new Map<string, string>()
      // The sizes change from phase to phase, so that holes stop fitting and records have to move.
      for (const [low, high] of [
        [10, 60],
        [300, 900],
        [8, 2000],
        [40, 50],
        [5000, 9000],
      ]) {
        for (let i = 0; i < 12_000; i++) {
          const key = `k${random() % 30_000}`
          const choice = random() % 16
          if (choice === 0) {
            const ref = at.peek(key)
            if (ref !== NULL_REF) at.store.remove(ref)
          } else if (choice < 5) {
            const value = at.get(key)
            if (value !== undefined) expect(value).toBe(values.get(key))
          } else {
            const bytes = low + (random() % (high - low))
            at.put(key, bytes, choice === 5 ? 1000 : undefined)
            values.set(key, Buffer.alloc(bytes, key).toString())
          }
          if (i % 1000 === 0) {
            at.clock.advance(300)
            at.instant.refresh()
            at.store.sweep(500)
          }
        }
        at.store.verify()
        expect(at.store.usedBytes).toBeLessThanOrEqual(2 * MIB)
      }
      for (const key of at.scan()) expect(at.get(key)).toBe(values.get(key))
      while (at.store.evict());
      expect(at.scan()).toEqual([])
      at.store.verify()
    })
  })
}

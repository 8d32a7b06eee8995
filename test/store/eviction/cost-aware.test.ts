// Entries that are slow to load stay longer, under every policy, and not forever.

import { describe, expect, test } from 'vitest'
import { NULL_REF } from '../../../src/store/arena.ts'
import { evictionFactory } from '../../../src/store/eviction/policies.ts'
import { LOADED, ValueType } from '../../../src/store/record.ts'
import { evictionContract, NamedStore } from '../../contracts/eviction.contract.ts'
import { seededRandom } from '../../support/random.ts'

const KIB = 1024
const costAwareLru = evictionFactory('lru', 'load-time')

evictionContract('cost-aware lru', costAwareLru)

/** Stores a value as loaded in `ms`. */
function load(at: NamedStore, name: string, bytes: number, ms: number): void {
  const key = Buffer.from(name)
  at.store.loadedAt[0] = at.instant.now
  at.store.loadMs = ms
  at.store.put(key, 0, key.length, Buffer.alloc(bytes), 0, bytes, ValueType.STRING, LOADED)
}

describe.each(['lru', 's3-fifo', 'w-tinylfu', 'auto'] as const)('evictionCost with %s', (name) => {
  /** The milliseconds that all loads of a random workload took: one key in ten is slow. */
  const cost = (evictionCost: 'none' | 'load-time'): number => {
    const at = new NamedStore(evictionFactory(name, evictionCost), 64 * KIB)
    const random = seededRandom(6)
    let sum = 0
    for (let i = 0; i < 40_000; i++) {
      const key = Math.min(random() % 3000, random() % 3000)
      if (at.get(`k${key}`) !== undefined) continue
      const ms = key % 10 === 0 ? 200 : 2
      sum += ms
      load(at, `k${key}`, 40, ms)
    }
    at.store.verify()
    expect(at.store.usedBytes).toBeLessThanOrEqual(64 * KIB)
    return sum
  }

  test('loads take less time in all', () => {
    expect(cost('load-time')).toBeLessThan(0.8 * cost('none'))
  })

  test('with equal costs, small values stay longer than large ones', () => {
    const at = new NamedStore(evictionFactory(name, 'load-time'), 256 * KIB)
    for (let i = 0; i < 4000; i++)
      load(at, i % 2 === 0 ? `small${i}` : `large${i}`, i % 2 === 0 ? 20 : 1500, 10)
    const kept = at.scan()
    const small = kept.filter((key) => key.startsWith('small')).length
    expect(small).toBeGreaterThan(2 * (kept.length - small))
  })
})

test.each(['lru', 's3-fifo'] as const)(
  '%s: what is not read any more leaves, however slow its load was',
  (name) => {
    const at = new NamedStore(evictionFactory(name, 'load-time'), 64 * KIB)
    for (let i = 0; i < 50; i++) load(at, `slow${i}`, 40, 1_000_000)
    for (let i = 0; i < 200_000; i++) load(at, `k${i}`, 40, 1)
    expect(Array.from({ length: 50 }, (_, i) => at.peek(`slow${i}`)).every((ref) => ref === NULL_REF)).toBe(
      true,
    )
  },
)

test('without loads it evicts as the policy does', () => {
  // Equal sizes: the weights are equal, too.
  const order = (cost: 'none' | 'load-time'): string[] => {
    const at = new NamedStore(evictionFactory('lru', cost), 64 * KIB)
    for (let i = 0; i < 5000; i++) {
      at.put(`k${i % 1500}`, 40)
      at.get(`k${(i * 7) % 1500}`)
    }
    return at.scan()
  }
  expect(order('load-time')).toEqual(order('none'))
})

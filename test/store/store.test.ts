// The contract of the store, case by case.

import { describe, expect, test } from 'vitest'
import { ManualClock } from '../../src/bytes/clock.ts'
import { Hasher } from '../../src/bytes/hash.ts'
import { Instant } from '../../src/bytes/instant.ts'
import { NULL_REF, type Ref } from '../../src/store/arena.ts'
import { EXPIRES, LOADED, ValueType } from '../../src/store/record.ts'
import { Store } from '../../src/store/store.ts'
import { seededRandom } from '../support/random.ts'

const MIB = 2 ** 20

class Bench {
  readonly clock = new ManualClock()
  readonly instant = new Instant(this.clock)
  readonly hasher = new Hasher({ low: 1, high: 2 })
  readonly store: Store

  constructor(maxBytes: number) {
    this.store = new Store({ maxBytes, hasher: this.hasher, instant: this.instant })
  }

  hash(name: string): number {
    const key = Buffer.from(name)
    return this.hasher.hash(key, 0, key.length)
  }

  put(name: string, value: string | Buffer, ttl?: number): Ref {
    const key = Buffer.from(name)
    const bytes = Buffer.from(value as string)
    if (ttl !== undefined) this.store.deadline[0] = this.instant.now + ttl
    const flags = ttl === undefined ? 0 : EXPIRES
    return this.store.put(key, 0, key.length, bytes, 0, bytes.length, ValueType.STRING, flags)
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

  advance(ms: number): void {
    this.clock.advance(ms)
    this.instant.refresh()
  }

  scan(): string[] {
    const found: string[] = []
    this.store.keyspace.scan(0, Number.POSITIVE_INFINITY, (ref) =>
      found.push(this.store.copyKey(ref).toString()),
    )
    return found.sort()
  }
}

describe('bytes', () => {
  test('a 16-byte key with a 32-byte value takes 64 bytes and its index slot', () => {
    const at = new Bench(MIB)
    const empty = at.store.usedBytes
    const ref = at.put('k'.repeat(16), 'v'.repeat(32))
    expect(at.store.bytesOf(ref)).toBe(72)
    expect(at.store.usedBytes - empty).toBe(64)
  })

  test('a value that alone exceeds the budget is rejected and changes nothing', () => {
    const at = new Bench(10_000)
    at.put('a', 'x'.repeat(1000))
    at.put('b', 'y')
    const before = [at.store.usedBytes, at.store.size, at.store.evicted]
    expect(at.put('a', 'z'.repeat(10_000))).toBe(NULL_REF)
    expect(at.put('c', 'z'.repeat(9000))).toBe(NULL_REF)
    expect(at.store.resize(at.peek('b'), 9500)).toBe(NULL_REF)
    expect([at.store.usedBytes, at.store.size, at.store.evicted]).toEqual(before)
    expect([at.get('a'), at.get('b')]).toEqual(['x'.repeat(1000), 'y'])
  })

  test('the largest value that fits is stored, and everything else is evicted for it', () => {
    const at = new Bench(10_000)
    at.put('a', 'x')
    let length = 9500
    while (!at.store.fits(1, length)) length--
    expect(at.put('b', 'y'.repeat(length))).not.toBe(NULL_REF)
    expect(at.scan()).toEqual(['b'])
    expect(at.store.usedBytes).toBeLessThanOrEqual(10_000)
    expect(10_000 - at.store.usedBytes).toBeLessThan(24)
  })

  test('a deadline that does not fit the budget is rejected and changes nothing', () => {
    const at = new Bench(10_000)
    let length = 9500
    while (!at.store.fits(1, length)) length--
    at.put('a', 'x'.repeat(length))
    at.store.deadline[0] = at.instant.now + 1000
    expect(at.store.expire(at.peek('a'))).toBe(NULL_REF)
    expect(at.get('a')).toBe('x'.repeat(length))
    expect(at.store.expiring).toBe(0)
  })

  test('a budget below the size of an empty index rejects everything', () => {
    const at = new Bench(1000)
    expect(at.put('a', '')).toBe(NULL_REF)
    expect(at.store.fits(0, 0)).toBe(false)
  })

  test('a record of 2 GiB is rejected with any budget: its lengths do not fit an int32', () => {
    const at = new Bench(2 ** 40)
    at.put('a', 'x')
    expect(at.store.fits(1, 2 ** 31 - 100)).toBe(true)
    for (const length of [2 ** 31 - 10, 2 ** 31, 2 ** 32, 2 ** 35 + 5, Number.MAX_SAFE_INTEGER]) {
      expect(at.store.fits(1, length)).toBe(false)
      expect(at.store.resize(at.peek('a'), length)).toBe(NULL_REF)
    }
    expect(at.get('a')).toBe('x')
  })
})

describe('in place', () => {
  test('a value of about the same size replaces the old one in its block', () => {
    const at = new Bench(MIB)
    const ref = at.put('a', 'x'.repeat(20))
    at.put('b', 'y'.repeat(20))
    const used = at.store.usedBytes
    for (const length of [20, 23, 17, 8, 20]) {
      expect(at.put('a', 'z'.repeat(length))).toBe(ref)
      expect(at.get('a')).toBe('z'.repeat(length))
    }
    expect(at.store.usedBytes).toBe(used)
    expect(at.put('a', 'z'.repeat(200))).not.toBe(ref)
  })

  test('appending byte by byte moves a large value a bounded number of times', () => {
    const at = new Bench(4 * MIB)
    let ref = at.put('a', 'x'.repeat(300))
    let moves = 0
    for (let length = 301; length <= 50_000; length++) {
      const next = at.store.resize(ref, length)
      if (next !== ref) moves++
      ref = next
    }
    expect(moves).toBeLessThan(30)
    expect(at.store.valueLength(ref)).toBe(50_000)
  })
})

describe('expiry', () => {
  test('a key is still valid in the millisecond of its deadline', () => {
    const at = new Bench(MIB)
    at.put('a', '1', 1500)
    at.advance(1500)
    expect(at.get('a')).toBe('1')
    expect(at.scan()).toEqual(['a'])
    at.advance(1)
    expect(at.scan()).toEqual([])
    expect(at.store.size).toBe(1)
    expect(at.get('a')).toBeUndefined()
    expect([at.store.size, at.store.expired, at.store.expiring]).toEqual([0, 1, 0])
  })

  test.each([0, 1, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 32 + 1, 1_704_067_200_123, 2 ** 53])(
    'a deadline of %i ms since the epoch is kept exactly',
    (deadline) => {
      const at = new Bench(MIB)
      at.clock.set(0)
      at.instant.refresh()
      at.store.deadline[0] = deadline
      const key = Buffer.from('key')
      for (const name of [key, Buffer.alloc(300, 'wide')]) {
        const ref = at.store.put(name, 0, name.length, key, 0, 3, ValueType.STRING, EXPIRES | LOADED)
        expect(at.store.records.deadline(ref)).toBe(deadline)
        expect(at.store.records.exactDeadline(ref)).toBe(BigInt(deadline))
      }
      expect(at.store.expiring).toBe(deadline === 0 ? 0 : 2)
    },
  )

  test('removing and setting a deadline again does not move the record', () => {
    const at = new Bench(MIB)
    const ref = at.put('a', '1', 100)
    at.store.deadline[0] = 0
    expect(at.store.expire(ref)).toBe(ref)
    expect(at.store.expiring).toBe(0)
    at.advance(1000)
    expect(at.get('a')).toBe('1')
    at.store.deadline[0] = at.instant.now + 5
    expect(at.store.expire(ref)).toBe(ref)
    at.advance(6)
    expect(at.get('a')).toBeUndefined()
  })

  test('sweep removes expired records, a bounded part of the index at a time', () => {
    const at = new Bench(4 * MIB)
    for (let i = 0; i < 5000; i++) at.put(`k${i}`, 'v', i % 2 === 0 ? 10 : undefined)
    at.advance(11)
    let calls = 0
    let found = 0
    while (at.store.expiring > 0 && calls < 1000) {
      const now = at.store.sweep(200)
      expect(now).toBeLessThanOrEqual(201)
      found += now
      calls++
    }
    expect([found, at.store.size, at.store.expired]).toEqual([2500, 2500, 2500])
    expect(calls).toBeGreaterThan(20)
    expect(calls).toBeLessThan(60)
    expect(at.store.sweep(200)).toBe(0)
  })

  test('nothing expires early after the clock was set back', () => {
    const at = new Bench(MIB)
    at.put('a', '1', 1000)
    at.clock.set(at.clock.now() - 3_600_000)
    at.instant.refresh()
    expect(at.get('a')).toBe('1')
    expect(at.store.idleSeconds(at.peek('a'))).toBe(0)
  })
})

describe('accesses', () => {
  test('get and put touch, peek and scan do not', () => {
    const at = new Bench(MIB)
    for (const name of ['a', 'b', 'c', 'd', 'e']) at.put(name, '1')
    at.get('a')
    at.put('b', '2')
    at.peek('c')
    at.scan()
    const order: string[] = []
    while (at.store.size > 0) {
      const before = at.scan()
      at.store.evict()
      order.push(...before.filter((name) => !at.scan().includes(name)))
    }
    expect(order).toEqual(['c', 'd', 'e', 'a', 'b'])
    expect(at.store.evict()).toBe(false)
  })

  test('idle seconds count from the last access, across the wrap of their 20 bits', () => {
    const at = new Bench(MIB)
    at.put('a', '1')
    at.advance(1_040_000_000)
    expect(at.store.idleSeconds(at.peek('a'))).toBe(1_040_000)
    at.get('a')
    expect(at.store.idleSeconds(at.peek('a'))).toBe(0)
    at.advance(20_000_000)
    expect(at.store.idleSeconds(at.peek('a'))).toBe(20_000)
  })
})

test('prefetched references are not used after records have moved', () => {
  const at = new Bench(8 * MIB)
  const names = Array.from({ length: 50_000 }, (_, i) => `k${i}`)
  for (const name of names) at.put(name, `value of ${name} `.repeat(4))
  for (let i = 0; i < names.length; i += 2) at.store.remove(at.peek(names[i]))
  // Nothing must be evicted, but the arena must shrink: every write moves records.
  at.store.maxBytes = at.store.usedBytes * 1.1
  const { evicted } = at.store
  let moved = 0
  for (let first = 1; first < 12_000; first += 64) {
    const batch = Array.from({ length: 32 }, (_, i) => names[first + 2 * i])
    const before = batch.map((name) => at.peek(name))
    at.store.prefetcher.prefetch(
      Int32Array.from(batch, (name) => at.hash(name)),
      0,
      32,
    )
    at.put(`new${first}`, 'x')
    for (const [i, name] of batch.entries()) {
      at.store.prefetcher.hint(i)
      expect(at.get(name)).toBe(`value of ${name} `.repeat(4))
      if (at.peek(name) !== before[i]) moved++
    }
    at.store.prefetcher.endBatch()
  }
  expect(moved).toBeGreaterThan(100)
  expect(at.store.evicted).toBe(evicted)
  at.store.verify()
})

describe('negative entries', () => {
  test('count against the budget and are found, but are neither counted as keys nor scanned', () => {
    const at = new Bench(MIB)
    at.put('a', '1')
    at.store.deadline[0] = at.instant.now + 10
    const key = Buffer.from('b')
    at.store.put(key, 0, 1, key, 0, 0, ValueType.ABSENT, EXPIRES | LOADED)
    expect([at.store.size, at.store.absent]).toEqual([1, 1])
    expect(at.scan()).toEqual(['a'])
    expect(at.store.records.type(at.peek('b'))).toBe(ValueType.ABSENT)
    at.put('b', '2')
    expect([at.store.size, at.store.absent]).toEqual([2, 0])
  })

  test('are removed together', () => {
    const at = new Bench(4 * MIB)
    for (let i = 0; i < 10_000; i++) {
      const key = Buffer.from(`k${i}`)
      if (i % 3 === 0) at.put(`k${i}`, 'v')
      else at.store.put(key, 0, key.length, key, 0, 0, ValueType.ABSENT, LOADED)
    }
    at.store.removeAbsent()
    expect([at.store.size, at.store.absent]).toEqual([3334, 0])
    at.store.verify()
  })
})

describe('random', () => {
  test('finds every key eventually, and a single key at once', () => {
    const at = new Bench(MIB)
    const random = seededRandom(3)
    const draw = (): number => random() / 2 ** 32
    expect(at.store.keyspace.random(draw)).toBe(NULL_REF)
    const only = at.put('a', '1')
    expect(at.store.keyspace.random(draw)).toBe(only)
    for (let i = 0; i < 9; i++) at.put(`k${i}`, '1')
    const found = new Set<string>()
    for (let i = 0; i < 2000; i++) found.add(at.store.copyKey(at.store.keyspace.random(draw)).toString())
    expect(found.size).toBe(10)
  })

  test('finds few live keys among many expired ones without a walk over all', () => {
    const at = new Bench(16 * MIB)
    for (let i = 0; i < 50_000; i++) at.put(`k${i}`, '', 10)
    for (let i = 0; i < 100; i++) at.put(`live${i}`, '1')
    at.advance(11)
    let found = 0
    for (let i = 0; i < 200; i++) if (at.store.keyspace.random(() => 0.999_999_999) !== NULL_REF) found++
    expect(found).toBe(200)
  })

  test('finds no expired key', () => {
    const at = new Bench(MIB)
    for (let i = 0; i < 50; i++) at.put(`k${i}`, '1', 10)
    const only = at.put('a', '1')
    at.advance(11)
    for (let i = 0; i < 20; i++) expect(at.store.keyspace.random(Math.random)).toBe(only)
    at.store.remove(only)
    expect(at.store.keyspace.random(Math.random)).toBe(NULL_REF)
  })
})

describe('budget', () => {
  test('lowering it evicts the least recently used at once, raising it makes room', () => {
    const at = new Bench(MIB)
    for (let i = 0; i < 5000; i++) at.put(`k${i}`, 'v'.repeat(100))
    at.store.maxBytes = 100_000
    expect(at.store.usedBytes).toBeLessThanOrEqual(100_000)
    const { size } = at.store
    expect(at.scan()).toEqual(Array.from({ length: size }, (_, i) => `k${4999 - i}`).sort())
    at.store.maxBytes = 2 * MIB
    for (let i = 0; i < 10_000; i++) at.put(`k${i}`, 'v'.repeat(100))
    expect(at.store.size).toBe(10_000)
    at.store.verify()
  })

  test('lowering it below the minimum size of an index with many shards', () => {
    const at = new Bench(16 * MIB)
    for (let i = 0; i < 150_000; i++) at.put(`k${i}`, '')
    at.store.maxBytes = 4000
    expect(at.store.usedBytes).toBeLessThanOrEqual(4000)
    for (let i = 0; i < 100; i++) at.put(`k${i}`, 'v')
    expect(at.store.size).toBeGreaterThan(50)
    at.store.verify()
  })
})

describe('committed memory', () => {
  /** Writes `bytes` of values under random keys, with reads in between. */
  function load(
    at: Bench,
    names: number,
    length: (random: number) => number,
    bytes: number,
    seed: number,
  ): void {
    const random = seededRandom(seed)
    const value = Buffer.alloc(400 * 1024, 'v')
    for (let written = 0; written < bytes; ) {
      const key = Buffer.from(`key:${random() % names}`)
      const size = length(random())
      at.store.put(key, 0, key.length, value, 0, size, ValueType.STRING, 0)
      if (random() % 2 === 0) at.get(`key:${random() % names}`)
      written += size + 40
    }
  }

  const workloads: readonly (readonly [string, number, (random: number) => number])[] = [
    ['64 B', 2_000_000, () => 64],
    ['4 KiB', 20_000, () => 4096],
    ['8 to 500 B', 1_000_000, (random) => 8 + (random % 500)],
    ['300 KiB', 400, () => 300 * 1024],
    ['1 to 16 KiB', 20_000, (random) => 1024 + (random % 15_000)],
    ['12 B', 2_000_000, () => 12],
    ['40 to 120 KiB', 1000, (random) => 40_000 + (random % 80_000)],
    ['64 B again', 2_000_000, () => 64],
  ]

  test('records are not moved after the index of an earlier workload has shrunk', () => {
    const at = new Bench(16 * MIB)
    load(at, 400_000, () => 12, 8 * MIB, 1)
    const { indexBytes } = at.store
    load(at, 20_000, () => 4096, 64 * MIB, 2)
    expect(at.store.indexBytes).toBeLessThan(indexBytes / 10)
    const kept = Array.from({ length: 500 }, (_, i) => at.put(`kept:${i}`, 'x'))
    load(at, 20_000, () => 4096, 4 * MIB, 3)
    expect(kept.filter((ref, i) => at.peek(`kept:${i}`) !== ref)).toEqual([])
  })

  test.each([22_000, 90_000, 350_000])('values of %i B, of which few fit a segment', (length) => {
    const budget = 32 * MIB
    const at = new Bench(budget)
    load(at, (budget / length) * 2, () => length, 2 * budget, 1)
    at.store.verify()
    expect(at.store.usedBytes).toBeGreaterThan(0.97 * budget)
    expect((at.store.arenaBytes + at.store.indexBytes) / budget).toBeLessThan(1.15)
  })

  test('stays within 1.15 × the budget when the size of values changes', () => {
    const budget = 16 * MIB
    const at = new Bench(budget)
    const ratios: string[] = []
    for (const [i, [name, names, length]] of workloads.entries()) {
      load(at, names, length, budget * 1.5, i + 1)
      at.store.verify()
      expect(at.store.usedBytes).toBeLessThanOrEqual(budget)
      expect(at.store.usedBytes).toBeGreaterThan(0.9 * budget)
      const ratio = (at.store.arenaBytes + at.store.indexBytes) / budget
      ratios.push(`${name}: ${ratio.toFixed(3)}`)
      if (ratio > 1.15) expect.fail(ratios.join(', '))
    }
  })
})

test('references prefetched by an earlier batch are not used in a later one', () => {
  const at = new Bench(1_000_000)
  const hashes = Int32Array.of(at.hash('k'), at.hash('other'))
  const { prefetcher } = at.store
  at.put('k', 'v')
  prefetcher.prefetch(hashes, 0, 2)
  prefetcher.hint(0)
  expect(at.get('k')).toBe('v')
  prefetcher.endBatch()
  at.store.clear()
  prefetcher.prefetch(hashes, 1, 2)
  // A lookup without a hint, as by a request that had waited, or by COPY … DB.
  expect(at.get('k')).toBeUndefined()
  at.put('k', 'again')
  at.store.verify()
})

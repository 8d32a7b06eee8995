// The store against a plain model: random operations by fast-check, and long runs that fill, fragment and compact it.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Random, seededRandom } from '../support/random.ts'
import { Twin } from './twin.ts'

/** Source of value bytes. */
const pool = Buffer.alloc(2 ** 21)
const fill = seededRandom(77)
for (let i = 0; i < pool.length; i += 4) pool.writeUInt32LE(fill(), i)

function sample(length: number, seed: number): Buffer {
  const from = seed % (pool.length - length)
  return pool.subarray(from, from + length)
}

/** Uniform: near the bounds, which fast-check prefers, nothing fits. */
const even = (min: number, max: number) => fc.noBias(fc.integer({ min, max }))

/** Short names, empty ones, long ones (a wide record), names of any byte. */
const name = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 0, max: 40 }).map((i) => `k${i}`) },
  { weight: 1, arbitrary: fc.constantFrom('', '\0', '\xff\xfe', '__proto__', 'x'.repeat(255)) },
  { weight: 1, arbitrary: fc.constantFrom('y'.repeat(256), 'z'.repeat(700)) },
)
const length = fc.oneof(
  { weight: 5, arbitrary: even(0, 100) },
  { weight: 3, arbitrary: even(0, 3000) },
  { weight: 1, arbitrary: even(0, 60_000) },
)
const ttl = fc.integer({ min: 0, max: 5000 })
const budget = fc.oneof(even(1024, 3000), even(3000, 10_000), even(10_000, 80_000))
const seed = fc.nat(1_000_000)

type Step = (twin: Twin) => void

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc
      .record({
        name,
        length,
        seed,
        ttl: fc.option(ttl, { nil: undefined }),
        loadMs: fc.option(fc.nat(9), { nil: undefined }),
      })
      .map(
        ({ name, length, seed, ...options }): Step =>
          (twin) =>
            twin.put(name, sample(length, seed), options),
      ),
  },
  {
    weight: 1,
    arbitrary: fc.record({ name, ttl }).map(
      ({ name, ttl }): Step =>
        (twin) =>
          twin.put(name, Buffer.alloc(0), { ttl, loadMs: 3, absent: true }),
    ),
  },
  {
    // Many at once, so that the index grows while the budget is full.
    weight: 3,
    arbitrary: fc.record({ first: fc.nat(300), count: even(1, 150), length: even(0, 30), seed }).map(
      ({ first, count, length, seed }): Step =>
        (twin) => {
          for (let i = first; i < first + count; i++) twin.put(`k${i}`, sample(length, seed + i))
        },
    ),
  },
  {
    weight: 4,
    arbitrary: name.map(
      (name): Step =>
        (twin) =>
          twin.get(name),
    ),
  },
  {
    weight: 1,
    arbitrary: name.map(
      (name): Step =>
        (twin) =>
          twin.peek(name),
    ),
  },
  {
    weight: 2,
    arbitrary: name.map(
      (name): Step =>
        (twin) =>
          twin.remove(name),
    ),
  },
  {
    weight: 3,
    arbitrary: fc.record({ name, length }).map(
      ({ name, length }): Step =>
        (twin) =>
          twin.resize(name, length),
    ),
  },
  {
    weight: 1,
    arbitrary: name.map(
      (name): Step =>
        (twin) =>
          twin.markRaw(name),
    ),
  },
  {
    weight: 2,
    arbitrary: fc.record({ name, ttl: fc.option(ttl, { nil: undefined }) }).map(
      ({ name, ttl }): Step =>
        (twin) =>
          twin.expire(name, ttl),
    ),
  },
  {
    weight: 2,
    arbitrary: fc.integer({ min: 0, max: 2000 }).map(
      (ms): Step =>
        (twin) =>
          twin.advance(ms),
    ),
  },
  {
    weight: 1,
    arbitrary: fc.integer({ min: 1, max: 300 }).map(
      (slots): Step =>
        (twin) =>
          twin.sweep(slots),
    ),
  },
  {
    weight: 2,
    arbitrary: fc.integer({ min: 1, max: 8 }).map(
      (limit): Step =>
        (twin) =>
          twin.scan(limit),
    ),
  },
  {
    weight: 3,
    arbitrary: fc.record({ names: fc.array(name, { minLength: 1, maxLength: 5 }), hinted: fc.nat(4) }).map(
      ({ names, hinted }): Step =>
        (twin) => {
          twin.warm(names, hinted)
          twin.get(names[0])
          twin.put(names[hinted % names.length], sample(40, hinted))
          twin.get(names[names.length - 1])
        },
    ),
  },
  { weight: 1, arbitrary: fc.constant<Step>((twin) => twin.store.prefetcher.endBatch()) },
  { weight: 1, arbitrary: fc.constant<Step>((twin) => twin.evict()) },
  {
    weight: 1,
    arbitrary: budget.map(
      (bytes): Step =>
        (twin) =>
          twin.setMaxBytes(bytes),
    ),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom<Step>(
      (twin) => twin.removeAbsent(),
      (twin) => twin.clear(),
    ),
  },
)

test('any operations, in any order, on a small budget', () => {
  fc.assert(
    fc.property(budget, fc.array(step, { maxLength: 150, size: 'max' }), (maxBytes, steps) => {
      const twin = new Twin(maxBytes)
      for (const run of steps) run(twin)
      twin.drain()
    }),
    { numRuns: 80 },
  )
})

interface Workload {
  readonly keys: number
  readonly length: (random: Random) => number
  readonly maxBytes?: number
}

const exactly = (length: number) => () => length

const workloads: Readonly<Record<string, Workload>> = {
  'values of one size': { keys: 20_000, length: exactly(600) },
  'many tiny ones': { keys: 20_000, length: (random) => random() % 6, maxBytes: 100_000 },
  'values of 2 to 5 KiB': { keys: 1500, length: (random) => 2048 + (random() % 3072) },
  'small and large ones': {
    keys: 3000,
    length: (random) => (random() % 20 === 0 ? random() % 30_000 : random() % 200),
  },
  'large blocks and shared segments': {
    keys: 400,
    length: (random) => (random() % 3 === 0 ? 32_000 + (random() % 100_000) : random() % 9000),
  },
  'some that do not fit': {
    keys: 300,
    length: (random) => (random() % 4 === 0 ? random() % 2_000_000 : random() % 4000),
  },
  'values that come back at other sizes': { keys: 600, length: (random) => 2 ** (random() % 15) },
}

/** Long runs with a budget of many segments of 64 KiB, compared from time to time. */
function run(twin: Twin, random: Random, { keys, length }: Workload, steps: number): void {
  for (let i = 0; i < steps; i++) {
    const name = `${random() % 8 === 0 ? 'long key '.repeat(30) : 'k'}${random() % keys}`
    const choice = random() % 100
    if (choice < 50) {
      const options = {
        ttl: random() % 4 === 0 ? random() % 60_000 : undefined,
        loadMs: random() % 6 === 0 ? 5 : undefined,
      }
      twin.put(name, sample(Math.min(length(random), pool.length - 1), random()), options)
    } else if (choice < 70) twin.get(name)
    else if (choice < 76) twin.remove(name)
    else if (choice < 86) twin.resize(name, length(random))
    else if (choice < 90) twin.expire(name, random() % 2 === 0 ? undefined : random() % 60_000)
    else if (choice < 92) twin.put(name, Buffer.alloc(0), { ttl: 5000, loadMs: 1, absent: true })
    else if (choice < 95) twin.scan(200)
    else if (choice < 96) twin.sweep(500)
    else if (choice < 98) twin.warm([name, `k${random() % keys}`], random() % 2)
    else twin.advance(random() % 50)
  }
}

describe('long runs', () => {
  test.each(Object.entries(workloads))('%s', (_name, workload) => {
    const twin = new Twin(workload.maxBytes ?? 1_500_000)
    const random = seededRandom(workload.keys)
    for (let round = 0; round < 4; round++) {
      run(twin, random, workload, 1500)
      twin.check()
    }
    expect(twin.evictions).toBeGreaterThan(0)
    twin.drain()
  })

  test('one workload after another, with changing budgets', () => {
    const twin = new Twin(1_500_000)
    const random = seededRandom(42)
    const all = Object.values(workloads)
    for (let round = 0; round < 18; round++) {
      run(twin, random, all[random() % all.length], 500)
      twin.setMaxBytes(round % 6 === 5 ? 20_000 : 300_000 + (random() % 2_000_000))
      twin.check()
    }
    twin.drain()
  })
})

// Which keys seem hot: those asked for often, soon; never the many that are asked for now and then.

import { beforeEach, describe, expect, test } from 'vitest'
import { bytesPerCall } from '../../../bench/micro/measure.ts'
import { ManualClock } from '../../../src/bytes/clock.ts'
import type { Hash } from '../../../src/bytes/hash.ts'
import { Instant } from '../../../src/bytes/instant.ts'
import { FrequencySketch } from '../../../src/group/copies/frequency-sketch.ts'
import { type Random, seededRandom } from '../../support/random.ts'

let clock: ManualClock
let instant: Instant
let random: Random

beforeEach(() => {
  clock = new ManualClock()
  instant = new Instant(clock)
  random = seededRandom(7)
})

function pass(ms: number): void {
  clock.advance(ms)
  instant.refresh()
}

function hashes(count: number): Hash[] {
  return Array.from({ length: count }, () => (random() | 0) as Hash)
}

/** After how many asks at once a key is hot. */
function asksUntilHot(heat: FrequencySketch, hash: Hash): number {
  for (let asks = 1; ; asks++) if (heat.touch(hash)) return asks
}

describe('a key', () => {
  test('is hot from the fifteenth ask on', () => {
    const heat = new FrequencySketch(instant)
    const [hash] = hashes(1)
    expect(asksUntilHot(heat, hash)).toBe(15)
    for (let i = 0; i < 100; i++) expect(heat.touch(hash)).toBe(true)
  })

  test('is hot from another number on, if so chosen', () => {
    for (const threshold of [1, 2, 8, 15])
      expect(asksUntilHot(new FrequencySketch(instant, { threshold }), hashes(1)[0])).toBe(threshold)
    expect(() => new FrequencySketch(instant, { threshold: 16 })).toThrow(RangeError)
    expect(() => new FrequencySketch(instant, { threshold: 0 })).toThrow(RangeError)
  })

  test('of any hash is counted', () => {
    for (const hash of [0, 1, -1, 2 ** 31 - 1, -(2 ** 31)])
      expect(asksUntilHot(new FrequencySketch(instant), hash as Hash)).toBe(15)
  })

  test.each([
    [249, 1],
    [250, 8],
    [500, 12],
    [750, 14],
    [1000, 15],
    [60_000, 15],
  ])('cools down: one ask short of hot, after %i ms it takes %i more', (ms, asks) => {
    const heat = new FrequencySketch(instant)
    const [hash] = hashes(1)
    for (let i = 0; i < 14; i++) heat.touch(hash)
    pass(ms)
    expect(asksUntilHot(heat, hash)).toBe(asks)
  })

  test('cools down by each interval, however late that is noticed', () => {
    const heat = new FrequencySketch(instant)
    const [hash, other] = hashes(2)
    for (let i = 0; i < 14; i++) heat.touch(hash)
    pass(400)
    heat.touch(other)
    pass(100)
    expect(asksUntilHot(heat, hash)).toBe(12)
  })

  test('is cold when the clock was turned back, and heats again', () => {
    const heat = new FrequencySketch(instant)
    const [hash] = hashes(1)
    asksUntilHot(heat, hash)
    clock.set(clock.now() - 3_600_000)
    instant.refresh()
    expect(asksUntilHot(heat, hash)).toBe(15)
    pass(10_000)
    expect(asksUntilHot(heat, hash)).toBe(15)
  })
})

/** Asks evenly spread over time: which share of `keys` was ever hot, which share of the asks for other keys. */
function simulate(
  heat: FrequencySketch,
  keys: Hash[],
  asksPerSecond: number,
  others: Hash[],
  othersPerMs: number,
) {
  const seen = new Set<Hash>()
  let hot = 0
  let asked = 0
  const due = keys.map(() => random() / 2 ** 32)
  for (let ms = 0; ms < 1000; ms++) {
    for (let i = 0; i < keys.length; i++) {
      for (due[i] += asksPerSecond / 1000; due[i] >= 1; due[i]--) if (heat.touch(keys[i])) seen.add(keys[i])
    }
    for (let i = 0; i < othersPerMs; i++, asked++) if (heat.touch(others[random() % others.length])) hot++
    pass(1)
  }
  return { found: seen.size / keys.length, wrong: asked === 0 ? 0 : hot / asked }
}

describe('among a million asks a second for a million keys', () => {
  test('hardly one of them seems hot, and every key asked for 50 times a second does within a second', () => {
    const { found, wrong } = simulate(new FrequencySketch(instant), hashes(100), 50, hashes(1_000_000), 1000)
    expect(found).toBe(1)
    expect(wrong).toBeLessThan(0.0001)
  })

  test('a key asked for five times a second does not', () => {
    const { found } = simulate(new FrequencySketch(instant), hashes(100), 5, hashes(1_000_000), 1000)
    expect(found).toBeLessThan(0.02)
  })
})

test('among asks of which most are for a thousand keys, hardly any other seems hot', () => {
  const heat = new FrequencySketch(instant)
  const hot = hashes(1000)
  const others = hashes(1_000_000)
  let wrong = 0
  for (let ms = 0; ms < 1000; ms++) {
    for (let i = 0; i < 100; i++) heat.touch(hot[random() % hot.length])
    for (let i = 0; i < 100; i++) if (heat.touch(others[random() % others.length])) wrong++
    pass(1)
  }
  expect(wrong / 100_000).toBeLessThan(0.001)
})

test('by itself a key is hot at 32 asks a second, and is not at 26', () => {
  expect(simulate(new FrequencySketch(instant), hashes(50), 32, [], 0).found).toBeGreaterThan(0.9)
  expect(simulate(new FrequencySketch(instant), hashes(50), 26, [], 0).found).toBe(0)
})

test('counting allocates nothing', () => {
  const heat = new FrequencySketch(instant)
  const asked = Int32Array.from(hashes(1000))
  const run = (): void => {
    for (let i = 0; i < asked.length; i++) heat.touch(asked[i] as Hash)
    pass(100)
  }
  expect(bytesPerCall(run, 1000) / 1000).toBeLessThan(0.5)
})

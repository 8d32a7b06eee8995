// The frequency sketch: frequent keys are soon counted as hot, rare keys are not.

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

function advance(ms: number): void {
  clock.advance(ms)
  instant.refresh()
}

function hashes(count: number): Hash[] {
  return Array.from({ length: count }, () => (random() | 0) as Hash)
}

/** The number of touches at one time after which a key is hot. */
function touchesUntilHot(sketch: FrequencySketch, hash: Hash): number {
  for (let touches = 1; ; touches++) if (sketch.touch(hash)) return touches
}

describe('a key', () => {
  test('is hot from the fifteenth touch on', () => {
    const sketch = new FrequencySketch(instant)
    const [hash] = hashes(1)
    expect(touchesUntilHot(sketch, hash)).toBe(15)
    for (let i = 0; i < 100; i++) expect(sketch.touch(hash)).toBe(true)
  })

  test('is hot from the configured threshold on', () => {
    for (const threshold of [1, 2, 8, 15])
      expect(touchesUntilHot(new FrequencySketch(instant, { threshold }), hashes(1)[0])).toBe(threshold)
    expect(() => new FrequencySketch(instant, { threshold: 16 })).toThrow(RangeError)
    expect(() => new FrequencySketch(instant, { threshold: 0 })).toThrow(RangeError)
  })

  test('is counted whatever its hash', () => {
    for (const hash of [0, 1, -1, 2 ** 31 - 1, -(2 ** 31)])
      expect(touchesUntilHot(new FrequencySketch(instant), hash as Hash)).toBe(15)
  })

  test.each([
    [249, 1],
    [250, 8],
    [500, 12],
    [750, 14],
    [1000, 15],
    [60_000, 15],
  ])('cools down: one touch below the threshold, after %i ms it needs %i more', (ms, touches) => {
    const sketch = new FrequencySketch(instant)
    const [hash] = hashes(1)
    for (let i = 0; i < 14; i++) sketch.touch(hash)
    advance(ms)
    expect(touchesUntilHot(sketch, hash)).toBe(touches)
  })

  test('cools down by each interval, also if several pass at once', () => {
    const sketch = new FrequencySketch(instant)
    const [hash, other] = hashes(2)
    for (let i = 0; i < 14; i++) sketch.touch(hash)
    advance(400)
    sketch.touch(other)
    advance(100)
    expect(touchesUntilHot(sketch, hash)).toBe(12)
  })

  test('is cold after the clock was set back, and can become hot again', () => {
    const sketch = new FrequencySketch(instant)
    const [hash] = hashes(1)
    touchesUntilHot(sketch, hash)
    clock.set(clock.now() - 3_600_000)
    instant.refresh()
    expect(touchesUntilHot(sketch, hash)).toBe(15)
    advance(10_000)
    expect(touchesUntilHot(sketch, hash)).toBe(15)
  })
})

/** Spreads touches evenly over a second. Returns the share of `keys` that became hot, and of touches that found others hot. */
function simulate(
  sketch: FrequencySketch,
  keys: Hash[],
  touchesPerSecond: number,
  others: Hash[],
  othersPerMs: number,
) {
  const seen = new Set<Hash>()
  let hot = 0
  let touched = 0
  const due = keys.map(() => random() / 2 ** 32)
  for (let ms = 0; ms < 1000; ms++) {
    for (let i = 0; i < keys.length; i++) {
      for (due[i] += touchesPerSecond / 1000; due[i] >= 1; due[i]--)
        if (sketch.touch(keys[i])) seen.add(keys[i])
    }
    for (let i = 0; i < othersPerMs; i++, touched++) if (sketch.touch(others[random() % others.length])) hot++
    advance(1)
  }
  return { found: seen.size / keys.length, wrong: touched === 0 ? 0 : hot / touched }
}

describe('among a million touches a second of a million keys', () => {
  test('hardly one of them is hot, and every key with 50 touches a second is hot within a second', () => {
    const { found, wrong } = simulate(new FrequencySketch(instant), hashes(100), 50, hashes(1_000_000), 1000)
    expect(found).toBe(1)
    expect(wrong).toBeLessThan(0.0001)
  })

  test('a key with five touches a second is not hot', () => {
    const { found } = simulate(new FrequencySketch(instant), hashes(100), 5, hashes(1_000_000), 1000)
    expect(found).toBeLessThan(0.02)
  })
})

test('if half of all touches are of a thousand keys, hardly any other is hot', () => {
  const sketch = new FrequencySketch(instant)
  const hot = hashes(1000)
  const others = hashes(1_000_000)
  let wrong = 0
  for (let ms = 0; ms < 1000; ms++) {
    for (let i = 0; i < 100; i++) sketch.touch(hot[random() % hot.length])
    for (let i = 0; i < 100; i++) if (sketch.touch(others[random() % others.length])) wrong++
    advance(1)
  }
  expect(wrong / 100_000).toBeLessThan(0.001)
})

test('a single key is hot at 32 touches a second, and not at 26', () => {
  expect(simulate(new FrequencySketch(instant), hashes(50), 32, [], 0).found).toBeGreaterThan(0.9)
  expect(simulate(new FrequencySketch(instant), hashes(50), 26, [], 0).found).toBe(0)
})

test('counting allocates nothing', () => {
  const sketch = new FrequencySketch(instant)
  const touched = Int32Array.from(hashes(1000))
  const run = (): void => {
    for (let i = 0; i < touched.length; i++) sketch.touch(touched[i] as Hash)
    advance(100)
  }
  expect(bytesPerCall(run, 1000) / 1000).toBeLessThan(0.5)
})

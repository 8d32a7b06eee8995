// The cached current time.

import { expect, test } from 'vitest'
import { ManualClock } from '../../src/bytes/clock.ts'
import { Instant } from '../../src/bytes/instant.ts'

test('does not change until refresh', () => {
  const clock = new ManualClock(1000)
  const instant = new Instant(clock)
  clock.advance(5)
  expect([instant.now, instant.ms[0]]).toEqual([1000, 1000])
  instant.refresh()
  expect([instant.now, instant.ms[0]]).toEqual([1005, 1005])
})

test('seconds count from its creation, and are never negative when the clock is set back', () => {
  const clock = new ManualClock(10_500)
  const instant = new Instant(clock)
  const secondAt = (now: number): number => {
    clock.set(now)
    instant.refresh()
    return instant.second
  }
  expect([10_500, 11_499, 11_500, 13_000, 9000].map(secondAt)).toEqual([0, 0, 1, 2, 0])
})

test('counts how often the clock was set back', () => {
  const clock = new ManualClock(1000)
  const instant = new Instant(clock)
  const setbacksAt = (now: number): number => {
    clock.set(now)
    instant.refresh()
    return instant.setbacks
  }
  expect([1000, 2000, 1999, 1999, 5000, 1].map(setbacksAt)).toEqual([0, 0, 1, 1, 1, 2])
})

test('monotonicMs does not decrease when the clock is set back', () => {
  const clock = new ManualClock(1000)
  const instant = new Instant(clock)
  const steadyAt = (now: number): number => {
    clock.set(now)
    instant.refresh()
    return instant.monotonicMs
  }
  expect([1000, 2000, 1500, 1700, 100, 101].map(steadyAt)).toEqual([1000, 2000, 2000, 2200, 2200, 2201])
})

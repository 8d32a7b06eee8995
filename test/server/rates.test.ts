import { expect, test } from 'vitest'
import { Rate } from '../../src/server/rates.ts'

test('the average of the last sixteen samples, per second', () => {
  const rate = new Rate(1000)
  expect(rate.sample(160, 1100)).toBe(100)
  for (let i = 2; i <= 16; i++) rate.sample(160 * i, 1000 + 100 * i)
  expect(rate.sample(160 * 17, 2700)).toBe(1600)
})

test('no sample is taken while the clock stands still or goes back', () => {
  const rate = new Rate(1000)
  expect(rate.sample(1000, 1000)).toBe(0)
  expect(rate.sample(2000, 900)).toBe(0)
  expect(rate.sample(3600, 1100)).toBe(1000)
})

test('a counter that was reset is sampled from zero', () => {
  const rate = new Rate(0)
  rate.sample(1_000_000, 0)
  expect(rate.sample(16, 1000)).toBe(1)
})

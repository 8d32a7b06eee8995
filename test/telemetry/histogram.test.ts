import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Histogram } from '../../src/telemetry/histogram.ts'

function histogramOf(...durations: number[]): Histogram {
  const histogram = new Histogram()
  for (const duration of durations) histogram.record(duration)
  return histogram
}

test('is empty at first', () => {
  const histogram = new Histogram()
  expect(histogram.buckets()).toStrictEqual([])
  expect([histogram.count, histogram.sum, histogram.max, histogram.percentile(99)]).toStrictEqual([
    0, 0, 0, 0,
  ])
})

test('the limits are those of Redis', () => {
  const limits = [
    ...[1, 2, 4, 8, 16, 33, 66, 132, 264, 528, 1056, 2113, 4227, 8454, 16_908, 33_816, 67_633, 135_266],
    ...[270_532, 541_065, 1_073_741],
  ]
  const buckets = limits.map((micros, i) => ({ micros, count: i + 1 }))
  expect(histogramOf(...limits).buckets()).toStrictEqual(buckets)
})

test('a duration counts at the first limit not below it, and at all later ones', () => {
  expect(histogramOf(0, 0.2, 1).buckets()).toStrictEqual([{ micros: 1, count: 3 }])
  expect(histogramOf(33).buckets()).toStrictEqual([{ micros: 33, count: 1 }])
  expect(histogramOf(34, 5).buckets()).toStrictEqual([
    { micros: 8, count: 1 },
    { micros: 66, count: 2 },
  ])
  expect(histogramOf(541_066, 1e7, 1e300).buckets()).toStrictEqual([{ micros: 1_073_741, count: 3 }])
})

test('cumulative counts are right for every whole number of microseconds', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 2_000_000 }), { maxLength: 50 }), (durations) => {
      const buckets = histogramOf(...durations).buckets()
      for (const { micros, count } of buckets) {
        const expected = micros === 1_073_741 ? durations.length : durations.filter((d) => d <= micros).length
        expect(count).toBe(expected)
      }
      expect(buckets.at(-1)?.count ?? 0).toBe(durations.length)
    }),
  )
})

test('percentiles are at most 1/32 too high, or 65 ns', () => {
  const durations = fc.array(fc.double({ min: 0, max: 1e8, noNaN: true }), { minLength: 1, maxLength: 100 })
  fc.assert(
    fc.property(durations, fc.double({ min: 0, max: 100, noNaN: true }), (recorded, percent) => {
      const sorted = [...recorded].sort((a, b) => a - b)
      const exact = sorted[Math.max(1, Math.ceil((percent / 100) * sorted.length)) - 1]
      const found = histogramOf(...recorded).percentile(percent)
      expect(found).toBeGreaterThanOrEqual(exact)
      expect(found).toBeLessThanOrEqual(Math.max(exact * (1 + 1 / 32), exact + 0.065))
    }),
  )
})

test('count, sum and maximum are exact; reset clears them', () => {
  const histogram = histogramOf(3, 1.5, 200_000_000)
  expect([histogram.count, histogram.sum, histogram.max]).toStrictEqual([3, 200_000_004.5, 200_000_000])
  expect(histogram.percentile(100)).toBeGreaterThan(138_000_000)
  histogram.reset()
  expect(histogram).toStrictEqual(new Histogram())
  expect(histogram.buckets()).toStrictEqual([])
})

test('a negative duration counts as 0', () => {
  const histogram = histogramOf(-5)
  expect([histogram.count, histogram.sum, histogram.max]).toStrictEqual([1, 0, 0])
})

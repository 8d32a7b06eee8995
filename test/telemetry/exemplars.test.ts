// Exemplars: which durations stay as examples, and in which bucket they are shown.

import { expect, test } from 'vitest'
import { Histogram } from '../../src/telemetry/histogram.ts'

const span = (spanId: string) => ({ traceId: 'a'.repeat(32), spanId, traceFlags: 1 })
const LIMITS = [1000, 2500, 5000]

function shown(histogram: Histogram): (string | undefined)[] {
  return Array.from(histogram.exemplars(LIMITS) ?? [], (exemplar) => exemplar?.spanId)
}

test('a histogram without traces has no exemplars', () => {
  const histogram = new Histogram()
  histogram.record(1000)
  expect(histogram.exemplars(LIMITS)).toBeUndefined()
})

test('a bucket shows the latest duration that belongs to it', () => {
  const histogram = new Histogram()
  histogram.illustrate(0, span('nothing'), 1)
  histogram.illustrate(1000, span('limit'), 2)
  histogram.illustrate(1100, span('above'), 3)
  histogram.illustrate(1e12, span('long'), 4)
  expect(shown(histogram)).toEqual(['limit', 'above', undefined, 'long'])
  histogram.illustrate(1, span('later'), 5)
  expect(shown(histogram)).toEqual(['later', 'above', undefined, 'long'])
})

test('short durations do not displace a long one', () => {
  const histogram = new Histogram()
  histogram.illustrate(4000, span('slow'), 1)
  for (let i = 0; i < 1000; i++) histogram.illustrate(i, span('fast'), 2 + i)
  expect(shown(histogram)).toEqual(['fast', undefined, 'slow'])
})

test('a reset forgets them', () => {
  const histogram = new Histogram()
  histogram.illustrate(10, span('old'), 1)
  histogram.reset()
  expect(histogram.exemplars(LIMITS)).toBeUndefined()
})

// The figures of origins: ratios within a round, and quantiles over all of them.

import { expect, test } from 'vitest'
import { hitCell, pathRow, quantile } from '../../bench/origins/figures.ts'

test('a ratio is the median of the ratios of the rounds, not the ratio of the medians', () => {
  const rounds = (rates: readonly number[]) =>
    rates.map((opsPerSecond) => ({ opsPerSecond, cpuMicros: 1, p50: 2, p99: 3 }))
  const cell = hitCell(16, rounds([50, 200, 100]), rounds([100, 400, 90]))
  expect(cell).toMatchObject({ depth: 16, throughputRatio: 2, cpuRatio: 1 })
  expect(cell.plain).toEqual({ opsPerSecond: 100, cpuMicros: 1, p50: 2, p99: 3 })
  expect(cell.fresh.opsPerSecond).toBe(100)
})

test('a quantile is the smallest value that this fraction does not exceed', () => {
  const values = Array.from({ length: 1000 }, (_, i) => i + 1)
  expect(quantile(values, 0.5)).toBe(500)
  expect(quantile(values, 0.99)).toBe(990)
  expect(quantile(values, 1)).toBe(1000)
  expect(quantile([7], 0.5)).toBe(7)
})

test('an access path has the latencies of all rounds, its CPU time per key, and the maximal counts', () => {
  const sample = { seconds: 1, waits: [5, 1], cpuMicros: 200, queries: 10, rows: 100 }
  const slower = { ...sample, seconds: 2, waits: [3, 9], queries: 11 }
  const row = pathRow('MGET', [sample, slower, { ...slower, waits: [4] }], 100)
  expect(row).toEqual({
    path: 'MGET',
    keysPerSecond: 50,
    cpuMicros: 2,
    p50: 4,
    p99: 9,
    queries: 11,
    rows: 100,
  })
  expect(pathRow('database', [sample], 100)).not.toHaveProperty('cpuMicros')
})

// The figures of forwarding: medians of the rounds, and ratios within a round.

import { expect, test } from 'vitest'
import { cellKey, cellsOf } from '../../bench/hop.ts'

test('a ratio is the median of the ratios of the rounds, not the ratio of the medians', () => {
  const rounds = (rates: readonly number[]) =>
    rates.map((opsPerSecond) => ({ opsPerSecond, entryMicros: 1, ownerMicros: 2 }))
  const samples = new Map([
    [cellKey('ours', 'GET', 1), rounds([100, 400, 90])],
    [cellKey('theirs', 'GET', 1), rounds([50, 200, 100])],
  ])
  const cells = cellsOf(samples, ['ours', 'theirs'])
  expect(cells.map(({ command, depth }) => `${command} ${depth}`)).toEqual([
    'GET 1',
    'SET 1',
    'GET 16',
    'SET 16',
    'GET 64',
    'SET 64',
  ])
  const [cell] = cells
  expect(cell.ours).toEqual({ opsPerSecond: 100, entryMicros: 1, ownerMicros: 2 })
  expect(cell.theirs.opsPerSecond).toBe(100)
  expect(cell.throughputRatio).toBe(2)
  expect(cell.entryRatio).toBe(1)
})

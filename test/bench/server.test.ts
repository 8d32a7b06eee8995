// The figures of the server benchmark: medians of the rounds, and ratios within a round.

import { execPath } from 'node:process'
import { expect, test } from 'vitest'
import { nodeProgram } from '../../bench/contenders.ts'
import { nodesOf, programsOf } from '../../bench/figures.ts'
import { cellKey, cellsOf } from '../../bench/server.ts'

test('a ratio is the median of the ratios to redis of the rounds; loads that were not measured are left out', () => {
  const rounds = (rates: readonly number[]) => rates.map((opsPerSecond) => ({ opsPerSecond, cpuMicros: 1 }))
  const samples = new Map([
    [cellKey('erinys', 'GET', 1), rounds([100, 400, 90])],
    [cellKey('redis', 'GET', 1), rounds([50, 200, 100])],
    [cellKey('floor', 'SET', 16), rounds([7])],
  ])
  const cells = cellsOf(samples, ['erinys', 'redis', 'floor'])
  expect(cells.map(({ server, workload, depth }) => `${server} ${workload} ${depth}`)).toEqual([
    'erinys GET 1',
    'redis GET 1',
    'floor SET 16',
  ])
  const [ours, redis, floor] = cells
  expect(ours).toMatchObject({ opsPerSecond: 100, throughputRatio: 2, cpuRatio: 1 })
  expect(redis.throughputRatio).toBe(1)
  expect(floor.throughputRatio).toBeUndefined()
})

test('the oldest Node.js, and the newest with long-term support', () => {
  const row = (version: string, isLts: boolean) => ({
    name: `erinys, Node ${version}`,
    version: '1.0.0',
    node: { version, isLts },
  })
  const rows = [row('26.1.0', true), row('27.0.0', false), row('9.10.0', true), row('20.18.1', true)]
  const others = [
    { name: 'redis', version: '7.0.15' },
    { name: 'floor, Node 9.10.0', version: '9.10.0', node: { version: '9.10.0', isLts: true } },
  ]
  expect(nodesOf([...others, ...rows])).toEqual({ oldest: rows[2], newest: rows[0] })
  expect(nodesOf([rows[3], rows[1]])).toEqual({ oldest: rows[3], newest: rows[1] })
  expect(nodesOf(others)).toEqual({ oldest: undefined, newest: undefined })
  expect(programsOf([...rows, ...others])).toBe('erinys 1.0.0, redis 7.0.15')
})

test('the version of a Node.js program is found; another path is an error that names it', () => {
  expect(nodeProgram(execPath)).toMatchObject({ path: execPath, version: process.versions.node })
  expect(() => nodeProgram('./no/node')).toThrow('./no/node is no Node.js program')
})

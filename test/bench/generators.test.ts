import { expect, test } from 'vitest'
import { uniformResult } from '../../bench/generators.ts'

const HEADER =
  '"test","rps","avg_latency_ms","min_latency_ms","p50_latency_ms","p95_latency_ms","p99_latency_ms"\n'

test('what redis-benchmark printed is read', () => {
  const stdout = `${HEADER}"SADD popped element:__rand_int__","5000.50","0.330","0.128","0.359","0.495","0.511","0.6"\n`
  expect(uniformResult(stdout, 1000)).toEqual({ opsPerSecond: 5000.5, p50: 0.359, p99: 0.511 })
})

test('a load of less than a millisecond counts as one', () => {
  const stdout = `${HEADER}"GET","inf","0.330","0.128","0.359","0.495","0.511","0.511"\n`
  expect(uniformResult(stdout, 500).opsPerSecond).toBe(500_000)
})

test.each(['', HEADER, `${HEADER}"GET","0.00","0","0","0","0","0","0"`, 'ERR unknown'])(
  '%j is an error',
  (stdout) => {
    expect(() => uniformResult(stdout, 500)).toThrow(/redis-benchmark said/)
  },
)

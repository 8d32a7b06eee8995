import { expect, test } from 'vitest'
import { createCommandTable } from '../../../src/execution/table.ts'
import { argsOf } from '../../support/harness.ts'

const table = createCommandTable()

function isTimed(...request: readonly string[]): boolean | undefined {
  const args = argsOf([...request])
  return table.resolve(args)?.isTimed(args)
}

test('commands on one element are not timed individually', () => {
  expect(isTimed('GET', 'key')).toBe(false)
  expect(isTimed('HSET', 'key', 'field', 'value')).toBe(false)
  expect(isTimed('ZADD', 'key', '1', 'member')).toBe(false)
  expect(isTimed('ZSCORE', 'key', 'member')).toBe(false)
  expect(isTimed('XADD', 'key', '*', 'field', 'value')).toBe(false)
  for (const pop of ['LPOP', 'RPOP', 'SPOP', 'ZPOPMIN', 'ZPOPMAX']) expect(isTimed(pop, 'key')).toBe(false)
})

test('commands that may take long are: a pipeline of them must not hold up other clients', () => {
  expect(isTimed('HGETALL', 'key')).toBe(true)
  expect(isTimed('LRANGE', 'key', '0', '-1')).toBe(true)
  expect(isTimed('DEL', 'key')).toBe(true)
  for (const pop of ['LPOP', 'RPOP', 'SPOP', 'ZPOPMIN', 'ZPOPMAX'])
    expect(isTimed(pop, 'key', '1000000')).toBe(true)
  const many = Array.from({ length: 100 }, (_, i) => `member${i}`)
  expect(isTimed('SADD', 'key', ...many)).toBe(true)
  expect(isTimed('MGET', ...many)).toBe(true)
})

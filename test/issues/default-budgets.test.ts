// Four groups without a budget got a quarter of the machine's memory each: together all of it.

import { expect, test } from 'vitest'
import { resolveConfig } from '../../src/config/config.ts'
import { overcommitted } from '../../src/config/describe.ts'

test('groups without a budget share the default one', () => {
  const [alone] = resolveConfig({ groups: { a: {} } }).groups
  const { groups, maxmemory } = resolveConfig({
    groups: { a: {}, b: {}, c: { maxBytes: '1mb' }, d: {}, e: {} },
  })
  const share = Math.floor(alone.maxBytes / 4)
  expect(groups.map(({ maxBytes }) => maxBytes)).toEqual([share, share, 2 ** 20, share, share])
  expect(maxmemory).toBe(share)
})

test('a budget that is set is that of each', () => {
  const { groups } = resolveConfig({ maxmemory: '1mb', groups: { a: {}, b: {} } })
  expect(groups.map(({ maxBytes }) => maxBytes)).toEqual([2 ** 20, 2 ** 20])
})

test('budgets that exceed the memory are refused, unless that is allowed', () => {
  const config = resolveConfig({ maxmemory: '1mb', groups: { a: {}, b: {} } })
  expect(overcommitted(config, 2 ** 21)).toBeUndefined()
  expect(overcommitted(config, 2 ** 20)).toBe(
    'the budgets of the groups are 2mb together, and there are 1mb of memory here: ' +
      'give less to maxmemory or maxBytes, or allow it (--overcommit yes)',
  )
  expect(overcommitted({ ...config, overcommit: true }, 2 ** 20)).toBeUndefined()
})

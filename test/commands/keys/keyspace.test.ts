// Commands on whole groups: budgets after SWAPDB, memory of KEYS, the order of commands on all keys.

import { memoryUsage } from 'node:process'
import { describe, expect, test } from 'vitest'
import type { Group } from '../../../src/group/group.ts'
import { NULL_REF } from '../../../src/store/arena.ts'
import { ValueType } from '../../../src/store/record.ts'
import { Harness } from '../../support/harness.ts'

/** After so many runs, code that runs once for each of 50,000 keys is compiled. */
const MAX_RUNS = 200

function fill({ store }: Group, count: number, value: Buffer, name = 'key'): void {
  for (let i = 0; i < count; i++) {
    const key = Buffer.from(`${name}:${i}`)
    if (store.put(key, 0, key.length, value, 0, value.length, ValueType.STRING, 0) === NULL_REF)
      throw new Error('refused')
  }
}

function checkBudgets(harness: Harness): void {
  for (const { store, policy } of harness.groups) {
    expect(store.maxBytes).toBe(policy.maxBytes)
    expect(store.usedBytes).toBeLessThanOrEqual(policy.maxBytes)
    store.verify()
  }
}

describe('SWAPDB', () => {
  test('binds each keyspace to the budget of its new group', async () => {
    const harness = new Harness({
      groups: { large: { maxBytes: 8 * 2 ** 20 }, small: { maxBytes: 50_000 } },
    })
    const [large, small] = harness.groups
    fill(large, 50_000, Buffer.alloc(32))
    fill(small, 10, Buffer.alloc(1000))
    expect(await harness.call('SWAPDB', 'large', 'small')).toBe('OK')
    checkBudgets(harness)
    expect(large.store.size).toBe(10)
    expect(large.store.evicted).toBe(0)
    expect(small.store.size).toBe(50_000 - small.store.evicted)
    expect(small.store.size).toBeGreaterThan(100)
    await harness.call('SELECT', 'small')
    expect(await harness.call('EXISTS', 'key:49999', 'key:0')).toBe(1)

    // One store has segments for a small budget, the other for a large one: both must still work.
    fill(large, 20_000, Buffer.alloc(100), 'more')
    fill(large, 3, Buffer.alloc(2 ** 20), 'giant')
    fill(small, 20_000, Buffer.alloc(100), 'more')
    checkBudgets(harness)
    expect(await harness.call('SWAPDB', '1', '0')).toBe('OK')
    checkBudgets(harness)
  })

  test('evicts down to a tiny budget, and the group stays usable', async () => {
    const harness = new Harness({ groups: { large: {}, tiny: { maxBytes: 1500 } } })
    fill(harness.group('large'), 100_000, Buffer.alloc(1))
    await harness.call('SWAPDB', '0', '1')
    checkBudgets(harness)
    await harness.call('SELECT', 'tiny')
    await harness.call('FLUSHDB')
    expect(await harness.call('SET', 'a', '1')).toBe('OK')
    expect(await harness.call('GET', 'a')).toBe('1')
    checkBudgets(harness)
  })

  test('exchanges values, but not counters, policies and negative entries', async () => {
    const harness = new Harness({
      groups: {
        first: { maxBytes: 5000, negativeTtlMs: 1000, origin: () => null },
        second: { maxBytes: 50_000, negativeTtlMs: 1000, origin: () => 'there' },
      },
    })
    const [first, second] = harness.groups
    fill(first, 100, Buffer.alloc(100))
    const { evicted } = first.store
    expect(evicted).toBeGreaterThan(0)
    expect(await harness.call('GET', 'a')).toBeNull()
    await harness.call('SWAPDB', '0', '1')
    expect(first.store.evicted).toBe(evicted + 1)
    expect(second.store.evicted).toBe(0)
    expect(second.store.absent).toBe(0)
    await harness.call('SELECT', 'second')
    expect(await harness.call('GET', 'a')).toBe('there')
  })

  test('is seen by every client', async () => {
    const harness = new Harness()
    const other = harness.connect()
    await other.call('SELECT', '1')
    await harness.call('SET', 'a', '1')
    await other.call('SWAPDB', '0', '1')
    expect(await other.call('GET', 'a')).toBe('1')
    expect(await harness.call('GET', 'a')).toBeNull()
  })
})

test('KEYS allocates nothing for a key that does not match', async () => {
  const harness = new Harness()
  const count = 50_000
  fill(harness.groups[0], count, Buffer.alloc(1))
  let least = Number.POSITIVE_INFINITY
  // The interpreter allocates numbers. When the code is compiled depends on how busy the machine is.
  for (let i = 0; i < MAX_RUNS && least >= count * 4; i++) {
    const before = memoryUsage().heapUsed
    expect(await harness.raw('KEYS', 'key:*x')).toBe('*0\r\n')
    const made = memoryUsage().heapUsed - before
    // A garbage collection in between says nothing.
    if (made >= 0) least = Math.min(least, made)
  }
  expect(least).toBeLessThan(count * 4)
})

test('RANDOMKEY can return every key', async () => {
  let state = 1
  const random = (): number => {
    state = (state * 16_807) % 2_147_483_647
    return state / 2_147_483_647
  }
  const harness = new Harness({ random })
  const names = Array.from({ length: 20 }, (_, i) => `key:${i}`)
  fill(harness.groups[0], names.length, Buffer.alloc(1))
  const drawn = new Set<unknown>()
  for (let i = 0; i < 2000; i++) drawn.add(await harness.call('RANDOMKEY'))
  expect([...drawn].sort()).toEqual(names.sort())
})

test('commands on all keys wait for earlier loads, and later reads wait for them', async () => {
  const harness = new Harness({ groups: { read: { origin: (key) => `value of ${key}` } } })
  const replies = [
    harness.call('GET', 'a'),
    harness.call('DBSIZE'),
    harness.call('KEYS', '*'),
    harness.call('GET', 'b'),
    harness.call('FLUSHDB'),
    harness.call('EXISTS', 'a', 'b'),
  ]
  expect(await Promise.all(replies)).toEqual(['value of a', 1, ['a'], 'value of b', 'OK', 0])
})

test('expired keys are not listed', async () => {
  const harness = new Harness()
  await harness.call('SET', 'a', '1')
  await harness.call('SET', 'b', '1')
  await harness.call('PEXPIRE', 'a', '10')
  harness.clock.advance(11)
  expect(await harness.call('KEYS', '*')).toEqual(['b'])
  expect(await harness.call('SCAN', '0')).toEqual(['0', ['b']])
  expect(await harness.call('RANDOMKEY')).toBe('b')
})

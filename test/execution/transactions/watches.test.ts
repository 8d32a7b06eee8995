// What changes a watched key besides writes: expiry, eviction, invalidation and loads.

import { expect, test } from 'vitest'
import { loaded, type OriginResult } from '../../../src/group/origin.ts'
import { GatedOrigin } from '../../support/gated-origin.ts'
import { Harness, type HarnessOptions } from '../../support/harness.ts'

/** Runs an empty-handed transaction of the client that watches. True: it ran. */
async function runs(harness: Harness): Promise<boolean> {
  await harness.call('MULTI')
  await harness.call('PING')
  return (await harness.call('EXEC')) !== null
}

function nodeOf(origin: (key: string) => OriginResult, more: object = {}): Harness {
  const groups: HarnessOptions['groups'] = { cache: { origin: async (key) => origin(key), ...more } }
  return new Harness({ groups })
}

test('a key that expires after WATCH has changed, one that had expired before has not', async () => {
  const harness = new Harness()
  await harness.call('SET', 'Tom', '1', 'PX', 100)
  await harness.call('WATCH', 'Tom')
  harness.clock.advance(101)
  expect(await runs(harness)).toBe(false)

  await harness.call('SET', 'Tom', '1', 'PX', 100)
  harness.clock.advance(101)
  await harness.call('WATCH', 'Tom')
  await harness.call('DEL', 'Tom')
  await harness.call('FLUSHDB')
  expect(await runs(harness)).toBe(true)

  await harness.call('SET', 'Tom', '1', 'PX', 100)
  await harness.call('WATCH', 'Tom')
  harness.clock.advance(101)
  harness.instant.refresh()
  harness.groups[0].store.sweep(2 ** 20)
  expect(await runs(harness)).toBe(false)
})

test('a hash of which a field expires after WATCH has changed, one of which a field had expired before has not', async () => {
  const harness = new Harness()
  const set = async (): Promise<void> => {
    await harness.call('HSET', 'Tom', 'a', '1', 'b', '2')
    await harness.call('HPEXPIRE', 'Tom', 100, 'FIELDS', 1, 'a')
  }
  await set()
  await harness.call('WATCH', 'Tom')
  harness.clock.advance(101)
  expect(await runs(harness)).toBe(false)

  await set()
  await harness.call('WATCH', 'Tom')
  harness.clock.advance(101)
  harness.instant.refresh()
  // Active expiry.
  harness.groups[0].store.sweep(2 ** 20)
  expect(await runs(harness)).toBe(false)

  await set()
  harness.clock.advance(101)
  await harness.call('WATCH', 'Tom')
  expect(await harness.call('HLEN', 'Tom')).toBe(1)
  harness.groups[0].store.sweep(2 ** 20)
  expect(await runs(harness)).toBe(true)

  await set()
  await harness.call('WATCH', 'Tom')
  harness.clock.advance(99)
  expect(await runs(harness)).toBe(true)
})

test('a key that is evicted has changed', async () => {
  const harness = new Harness({ groups: { cache: { maxBytes: 64 * 1024 } } })
  await harness.call('SET', 'Tom', '1')
  await harness.call('WATCH', 'Tom')
  for (let i = 0; i < 2000; i++) await harness.client.call('SET', `key:${i}`, 'x'.repeat(100))
  expect(harness.groups[0].store.evicted).toBeGreaterThan(0)
  expect(await runs(harness)).toBe(false)
})

test('a load does not change a key that was not cached', async () => {
  const harness = nodeOf(() => '630')
  await harness.call('WATCH', 'Tom')
  expect(await harness.call('GET', 'Tom')).toBe('630')
  await harness.call('MULTI')
  await harness.call('INCR', 'Tom')
  expect(await harness.call('EXEC')).toEqual([631])
  expect(harness.groups[0].watchedKeys.size).toBe(0)
})

test('a reload changes a key only if the value differs', async () => {
  let value = '630'
  const harness = nodeOf(() => value, {
    ttlMs: 1000,
    freshness: { staleWhileRevalidateMs: 5000, staleIfErrorMs: 0, refreshAhead: 0 },
  })
  await harness.call('GET', 'Tom')
  await harness.call('WATCH', 'Tom')
  harness.clock.advance(1100)
  await harness.call('GET', 'Tom')
  await harness.settle()
  expect(await runs(harness)).toBe(true)

  await harness.call('WATCH', 'Tom')
  value = '700'
  harness.clock.advance(1100)
  await harness.call('GET', 'Tom')
  await harness.settle()
  expect(await runs(harness)).toBe(false)
})

test('a value that is loaded at each read changes with its loads', async () => {
  let value: OriginResult = loaded('630', { ttl: 0 })
  const harness = nodeOf(() => value)
  await harness.call('WATCH', 'Tom')
  await harness.call('GET', 'Tom')
  await harness.call('GET', 'Tom')
  expect(await runs(harness)).toBe(true)
  await harness.call('WATCH', 'Tom')
  await harness.call('GET', 'Tom')
  value = loaded('700', { ttl: 0 })
  await harness.call('GET', 'Tom')
  expect(await runs(harness)).toBe(false)
})

test('a key known to be absent changes when a load finds it, not when it is known no more', async () => {
  let value: string | null = null
  const harness = nodeOf(() => value, { negativeTtlMs: 1000 })
  await harness.call('GET', 'Tom')
  await harness.call('WATCH', 'Tom')
  harness.clock.advance(1001)
  await harness.call('GET', 'Tom')
  expect(await runs(harness)).toBe(true)
  await harness.call('WATCH', 'Tom')
  harness.clock.advance(1001)
  value = '630'
  await harness.call('GET', 'Tom')
  expect(await runs(harness)).toBe(false)
})

test('invalidation changes keys, by key, by tag and by notification', async () => {
  const harness = nodeOf(() => loaded('630', { tags: ['people'] }))
  const [group] = harness.groups
  const invalidations: readonly (() => unknown)[] = [
    () => harness.call('INVALIDATE', 'KEY', 'Tom'),
    () => harness.call('INVALIDATE', 'TAG', 'people'),
    () => group.sourceChanged(Buffer.from('Tom')),
    () => group.allSourceChanged(),
    () => group.markStale(Buffer.from('Tom')),
  ]
  for (const invalidate of invalidations) {
    await harness.call('GET', 'Tom')
    await harness.call('WATCH', 'Tom')
    await invalidate()
    expect(await runs(harness), invalidate.toString()).toBe(false)
    await harness.call('GET', 'Tom')
    await harness.call('WATCH', 'Tom')
    await harness.call('INVALIDATE', 'TAG', 'other')
    expect(await runs(harness), invalidate.toString()).toBe(true)
  }
})

test('a watched key may change while the keys of the block are loaded', async () => {
  const origin = new GatedOrigin()
  const harness = new Harness({ groups: { cache: { origin }, other: {} } })
  const other = harness.connect()
  await other.call('SET', 'watched', '1')
  await harness.call('WATCH', 'watched')
  await harness.call('MULTI')
  await harness.call('GET', 'Tom')
  const exec = harness.call('EXEC')
  await origin.isAskedFor('Tom')
  await other.call('SET', 'watched', '2')
  origin.give('Tom', '630')
  expect(await exec).toBeNull()
})

test('no key is watched once no client watches', async () => {
  const harness = new Harness()
  const { watchedKeys, store } = harness.groups[0]
  await harness.call('WATCH', 'Tom', 'Jack', 'Tom')
  const other = harness.connect()
  await other.call('WATCH', 'Tom')
  expect([watchedKeys.size, store.listener]).toEqual([2, watchedKeys])
  await harness.call('UNWATCH')
  expect(watchedKeys.size).toBe(1)
  await harness.call('SET', 'Tom', '1')
  expect([watchedKeys.size, store.listener, other.watch?.isBroken]).toEqual([0, undefined, true])
})

test('SMOVE does not change a set that has the member already', async () => {
  const harness = new Harness()
  for (const [member, isIntact] of [
    ['a', true],
    ['b', false],
  ] as const) {
    await harness.call('SADD', 'source', 'a', 'b')
    await harness.call('SADD', 'target', 'a')
    await harness.call('WATCH', 'target')
    expect(await harness.call('SMOVE', 'source', 'target', member)).toBe(1)
    expect(await runs(harness)).toBe(isIntact)
  }
})

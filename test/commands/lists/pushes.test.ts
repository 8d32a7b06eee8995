// Pushes of many elements in one command, to lists of every size.

import { expect, test } from 'vitest'
import { Harness } from '../../support/harness.ts'

const MANY = Array.from({ length: 300 }, (_, i) => (i % 70 === 0 ? `${i}`.padEnd(700, '-') : `${i}`))

test.each([0, 1, 100, 400])('to a list of %i', async (before) => {
  const harness = new Harness()
  const old = Array.from({ length: before }, (_, i) => `old ${i}`)
  for (const key of ['l', 'r']) if (before > 0) await harness.call('RPUSH', key, ...old)
  expect(await harness.call('LPUSH', 'l', ...MANY)).toBe(before + MANY.length)
  expect(await harness.call('RPUSH', 'r', ...MANY)).toBe(before + MANY.length)
  expect(await harness.call('LRANGE', 'l', '0', '-1')).toEqual([...MANY.toReversed(), ...old])
  expect(await harness.call('LRANGE', 'r', '0', '-1')).toEqual([...old, ...MANY])
  harness.group('cache').store.verify()
  // The list goes on from there.
  await harness.call('RPUSH', 'r', 'last')
  await harness.call('LPUSH', 'r', 'first')
  expect(await harness.call('LRANGE', 'r', '-2', '-1')).toEqual([MANY.at(-1), 'last'])
  expect(await harness.call('LINDEX', 'r', '0')).toBe('first')
  await harness.call('DEL', 'l', 'r')
  harness.group('cache').store.verify()
})

test('more than the budget is refused, and nothing changes', async () => {
  const harness = new Harness({ groups: { small: { maxBytes: 100_000 } } })
  await harness.call('RPUSH', 'l', 'a')
  const large = Array.from({ length: 300 }, () => 'x'.repeat(400))
  expect(await harness.raw('RPUSH', 'l', ...large)).toMatch(/^-OOM/)
  expect(await harness.call('LRANGE', 'l', '0', '-1')).toEqual(['a'])
})

test('to a loaded list with a stale window: it is not the value of the origin any more', async () => {
  const loaded = Array.from({ length: 200 }, (_, i) => `${i}`)
  const freshness = { staleWhileRevalidateMs: 1000, staleIfErrorMs: 0, refreshAhead: 0 }
  const harness = new Harness({ groups: { g: { origin: () => loaded, ttlMs: 1000, freshness } } })
  expect(await harness.call('RPUSH', 'l', ...MANY)).toBe(500)
  expect(await harness.call('LRANGE', 'l', '0', '-1')).toEqual([...loaded, ...MANY])
  harness.group('g').store.verify()
})

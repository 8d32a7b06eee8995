// OBJECT and MEMORY: times and sizes. Texts and encodings are compared with redis-server elsewhere.

import { expect, test } from 'vitest'
import { Harness } from '../../support/harness.ts'

test('IDLETIME counts seconds since the last access by a command that touches the key', async () => {
  const harness = new Harness()
  await harness.call('SET', 'a', '1')
  harness.clock.advance(5500)
  await harness.call('EXISTS', 'a')
  expect(await harness.call('OBJECT', 'IDLETIME', 'a')).toBe(5)
  harness.clock.advance(1000)
  expect(await harness.call('OBJECT', 'IDLETIME', 'a')).toBe(6)
  await harness.call('TOUCH', 'a')
  expect(await harness.call('OBJECT', 'IDLETIME', 'a')).toBe(0)
})

test('a value that was edited has encoding raw, even if it is short or a number', async () => {
  const harness = new Harness()
  const { store } = harness.groups[0]
  await harness.call('SET', 'a', '12')
  expect(await harness.call('OBJECT', 'ENCODING', 'a')).toBe('int')
  store.records.markRaw(store.peek(Buffer.from('a'), 0, 1))
  expect(await harness.call('OBJECT', 'ENCODING', 'a')).toBe('raw')
})

test('MEMORY USAGE is the share of the entry in the budget, except for the growth of the index', async () => {
  const harness = new Harness()
  const { store } = harness.groups[0]
  const empty = store.usedBytes
  await harness.call('SET', 'key', 'x'.repeat(1000))
  const slot = 8
  expect(await harness.call('MEMORY', 'USAGE', 'key')).toBe(store.usedBytes - empty + slot)
})

test('MEMORY STATS, DOCTOR and MALLOC-STATS report every group', async () => {
  const harness = new Harness({ groups: { first: {}, second: { maxBytes: 2000 } } })
  await harness.call('SET', 'a', '1')
  const stats = await harness.call('MEMORY', 'STATS')
  expect(stats).toEqual(expect.arrayContaining(['keys.count', 1, 'db.0', 'db.1', 'dataset.percentage']))
  expect(await harness.call('MEMORY', 'MALLOC-STATS')).toMatch(
    /^first: \d+ bytes live .*\nsecond: 0 bytes live/,
  )
  expect(await harness.call('MEMORY', 'DOCTOR')).toMatch(/^No group/)
  await harness.call('SELECT', 'second')
  for (const key of ['a', 'b', 'c']) await harness.call('SET', key, 'x'.repeat(500))
  expect(await harness.call('MEMORY', 'DOCTOR')).toMatch(
    /^second has evicted \d entries .* budget of 1\.95kb/,
  )
  harness.client.protocol = 3
  expect(await harness.raw('MEMORY', 'STATS')).toMatch(
    /^%\d+\r\n(?:.*\r\n)*\$18\r\ndataset\.percentage\r\n,\d/,
  )
})

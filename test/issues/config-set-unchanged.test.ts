// Programs that set a parameter to the value that CONFIG GET had shown got an error for some of them.

import { expect, test } from 'vitest'
import { Harness } from '../support/harness.ts'

/** What can be changed in Redis and not here, and `maxmemory` where every group has a budget of its own. */
const NAMES = [
  'maxmemory',
  'port',
  'bind',
  'protected-mode',
  'maxmemory-samples',
  'lfu-log-factor',
  'lfu-decay-time',
]

test.each(NAMES)('CONFIG SET %s accepts the value that it has', async (name) => {
  const harness = new Harness({ groups: { a: { maxBytes: 4096 }, b: { maxBytes: 8192 } } })
  const shown = (await harness.call('CONFIG', 'GET', name)) as string[]
  expect(await harness.call('CONFIG', 'SET', name, shown[1])).toBe('OK')
  expect(await harness.call('CONFIG', 'GET', name)).toEqual(shown)
  expect(harness.groups.map(({ maxBytes }) => maxBytes)).toEqual([4096, 8192])
})

test('another value is an error as before', async () => {
  const harness = new Harness({ groups: { a: { maxBytes: 4096 }, b: { maxBytes: 8192 } } })
  const failed = (name: string): string => `ERR CONFIG SET failed (possibly related to argument '${name}') - `
  expect(await harness.call('CONFIG', 'SET', 'lfu-log-factor', '11')).toHaveProperty(
    'message',
    `${failed('lfu-log-factor')}can't set immutable config`,
  )
  expect(await harness.call('CONFIG', 'SET', 'maxmemory', '12289')).toHaveProperty(
    'message',
    `${failed('maxmemory')}every group has a budget of its own: set maxmemory:<group>`,
  )
  expect(await harness.call('CONFIG', 'SET', 'maxmemory', '12kb')).toBe('OK')
})

// Errors said that something was wrong, but not what, nor what to do.

import { expect, test } from 'vitest'
import { Harness } from '../support/harness.ts'

const groups = { users: { origin: () => null }, cache: {} }

test.each([
  [
    ['SELECT', 'nope'],
    'ERR DB index is out of range: there is no group "nope", known are users (0), cache (1)',
  ],
  [
    ['SELECT', 'no"\r\n'],
    'ERR DB index is out of range: there is no group "no\\"\\r\\n", known are users (0), cache (1)',
  ],
  [
    ['MOVE', 'a', 'nope'],
    'ERR DB index is out of range: there is no group "nope", known are users (0), cache (1)',
  ],
  [['GROUP', 'INFO', 'nope'], 'ERR no such group: there is no group "nope", known are users (0), cache (1)'],
  [['GROUP', 'FLUSH', 'nope'], 'ERR no such group: there is no group "nope", known are users (0), cache (1)'],
  // An index is Redis's own matter.
  [['SELECT', '9'], 'ERR DB index is out of range'],
])('%j', async (command, message) => {
  expect(await new Harness({ groups }).call(...command)).toHaveProperty('message', message)
})

test('of many groups only some are named', async () => {
  const many = Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`group-${i}`, {}]))
  const error = String(await new Harness({ groups: many }).call('SELECT', 'x'.repeat(10_000)))
  expect(error).toMatch(/group-19 \(19\) and 480 more \(GROUP LIST\)$/)
  expect(error.length).toBeLessThan(1000)
})

// A notification that was nearly JSON was taken for a key without a word: JSON of Python or JavaScript, or cut off.

import { expect, test } from 'vitest'
import { readChange } from '../../src/origin/changes.ts'
import { RecordingListener } from '../support/recording-listener.ts'

function read(payload: string): [usable: boolean, events: string[]] {
  const listener = new RecordingListener()
  return [readChange(payload, listener), listener.events]
}

test.each([
  "{'key': 'user:1'}",
  "{ 'key' : 1 }",
  '{key: 1}',
  "{ Key: 'user:1' }",
  '{ "key": "user:1"',
  '[{"key": "a"}, {"key": "b"',
  "['a', 'b']",
  '["a", "b"]',
  '[["a"]]',
  '{"key": "a"}{"key": "b"}',
  '{"key": "a"}\0',
  '\uFEFF{"key": "a"}',
])('%j is a key, and a warning', (payload) => {
  expect(read(payload)).toEqual([false, [`key ${payload}`]])
})

test.each(['{user}:7', '{user:7}:cart', '{key:7}:x', '[user]:7', 'user:{key: 1}', "it's", 'null', '7', ' '])(
  '%j is an ordinary key',
  (payload) => {
    expect(read(payload)).toEqual([true, [`key ${payload}`]])
  },
)

test('a JSON string is the key in its quotes, and the key with them', () => {
  expect(read('"user:\\u00e9"')).toEqual([true, ['key "user:\\u00e9"', 'key user:é']])
})

// What a notification invalidates, and whether its writer should be told that it names nothing.

import { expect, test } from 'vitest'
import { readChange } from '../../src/origin/changes.ts'
import { RecordingListener } from '../support/recording-listener.ts'

function read(payload: string): [usable: boolean, events: string[]] {
  const listener = new RecordingListener()
  return [readChange(payload, listener), listener.events]
}

test.each([
  ['user:7', ['key user:7']],
  ['7', ['key 7']],
  ['{user}:7', ['key {user}:7']],
  ['[user]:7', ['key [user]:7']],
  ['{"key": "a b"}', ['key a b']],
  ['{"key": ""}', ['key ']],
  ['{"key": "a", "group": "users"}', ['key a']],
  ['{"key": "a", "group": "others"}', []],
  ['{"key": "a", "group": ["others", "users"]}', ['key a']],
  ['{"key": "a", "group": null}', ['key a']],
  ['{"key": "a", "tag": null, "all": false}', ['key a']],
  ['{"tag": "red"}', ['tag red']],
  ['{"tag": ["red", 7]}', ['tag red', 'tag 7']],
  ['{"all": true}', ['all']],
  ['{"all": "true"}', ['all']],
  ['{"key": 1}', ['key 1']],
  ['{"key": 12345678901234567890.10}', ['key 12345678901234567890.10']],
  ['{"key": -1e5}', ['key -1e5']],
  ['{"key": true}', ['key true']],
  ['{"key": "say \\"true\\", 1"}', ['key say "true", 1']],
  ['{"key": [1, "a", false]}', ['key 1', 'key a', 'key false']],
  ['[{"key": 1}, {"tag": "red", "group": "others"}, {"key": 2}]', ['key 1', 'key 2']],
])('%j', (payload, events) => {
  expect(read(payload)).toEqual([true, events])
})

test.each([
  ['', []],
  ['{"key": null}', []],
  ['{"key": {"id": 7}}', []],
  ['{"key": []}', []],
  ['{"all": false}', []],
  ['{"all": 1}', []],
  ['{"key": ["a", null]}', ['key a']],
  ['{"key": "a", "tag": {}}', ['key a']],
  ['{"key": "a", "group": {}}', ['key a']],
  ['{"id": 7}', ['key {"id": 7}']],
  ['{"Key": "a"}', ['key {"Key": "a"}']],
  ['{"key": "a"', ['key {"key": "a"']],
  ['[1, 2]', ['key [1, 2]']],
  ['[{"key": 1}, 2]', ['key 1']],
])('%j names nothing, or a part of it', (payload, events) => {
  expect(read(payload)).toEqual([false, events])
})

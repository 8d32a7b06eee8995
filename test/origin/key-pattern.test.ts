import { expect, test } from 'vitest'
import { KeyPattern } from '../../src/origin/key-pattern.ts'

test.each<[pattern: string, key: string, captures: readonly string[] | undefined]>([
  ['user:{id}', 'user:42', ['42']],
  ['user:{id}', 'user:', undefined],
  ['user:{id}', 'User:42', undefined],
  ['user:{id}', 'user:a:b\n🔑', ['a:b\n🔑']],
  ['{id}', 'anything', ['anything']],
  ['{id}', '', undefined],
  ['a{id}z', 'az', undefined],
  ['a{id}z', 'azz', ['z']],
  ['a{id}z', 'abzc', undefined],
  ['{a}:{b}', 'x:y:z', ['x', 'y:z']],
  ['{a}:{b}', '::x', [':', 'x']],
  ['{a}:{b}', 'x:', undefined],
  ['{a}/{b}/end', 'x/y/end', ['x', 'y']],
  ['{a}/{b}/end', 'x/y/z/end', ['x', 'y/z']],
  ['n:{id:int}', 'n:0', ['0']],
  ['n:{id:int}', 'n:-7', ['-7']],
  ['n:{id:int}', 'n:9223372036854775807', ['9223372036854775807']],
  ['n:{id:int}', 'n:9223372036854775808', undefined],
  ['n:{id:int}', 'n:-9223372036854775808', ['-9223372036854775808']],
  ['n:{id:int}', 'n:007', undefined],
  ['n:{id:int}', 'n:-0', undefined],
  ['n:{id:int}', 'n:+1', undefined],
  ['n:{id:int}', 'n:1e3', undefined],
  ['n:{id:int}', 'n: 1', undefined],
  ['n:{id:int}', 'n:1\n', undefined],
  ['n:{id:int32}', 'n:2147483647', ['2147483647']],
  ['n:{id:int32}', 'n:2147483648', undefined],
  ['u:{id:uuid}', 'u:6ba7b810-9dad-11d1-80b4-00c04fd430c8', ['6ba7b810-9dad-11d1-80b4-00c04fd430c8']],
  // The same row would be cached twice, and a change notification names one key only.
  ['u:{id:uuid}', 'u:6BA7B810-9dad-11d1-80b4-00c04fd430c8', undefined],
  ['u:{id:uuid}', 'u:6ba7b8109dad11d180b400c04fd430c8', undefined],
  ['{a:int}-{b:int}', '1-2', ['1', '2']],
  ['{a:int}-{b:int}', '1--2', ['1', '-2']],
])('%s and %j', (pattern, key, captures) => {
  expect(new KeyPattern(pattern).match(key)).toEqual(captures)
})

test.each([
  ['', 'the pattern has no capture'],
  ['user:42', 'the pattern has no capture'],
  ['{}', '{} is not a capture'],
  ['{1}', '{1} is not a capture'],
  ['{id:integer}', '{id:integer}: known types are text, int, int32, uuid'],
  ['{id:constructor}', '{id:constructor}: known types are'],
  ['{a}{b}', 'there is no text between {a} and {b}'],
  ['{a}:{a}', 'two captures are named a'],
])('the pattern %j is rejected', (pattern, message) => {
  expect(() => new KeyPattern(pattern)).toThrow(message)
})

test('a long key that nearly matches does not backtrack', () => {
  const pattern = new KeyPattern('{a}:{b}:{c}:{d}:end')
  expect(pattern.match(':x'.repeat(500_000))).toBe(undefined)
})

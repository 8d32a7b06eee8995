import fc from 'fast-check'
import { expect, test } from 'vitest'
import { jsonElements, jsonMembers } from '../../src/origin/json-members.ts'

test.each<[json: string, members: Record<string, string>]>([
  ['{}', {}],
  [' { } ', {}],
  ['{"a":1}', { a: '1' }],
  ['{"a":1,"a":2}', { a: '2' }],
  ['{"":""}', { '': '""' }],
  ['{ "a" : 1.50 , "b" : [ 1 , {"c" : 2} ] }', { a: '1.50', b: '[ 1 , {"c" : 2} ]' }],
  ['{"\\u0061\\"":"\\\\","b":"}\\",\\"c\\":1"}', { 'a"': '"\\\\"', b: '"}\\",\\"c\\":1"' }],
  ['{"a":{"a":{"a":1}},"b":null}', { a: '{"a":{"a":1}}', b: 'null' }],
  ['{"n":12345678901234567890,"e":-1E+400}', { n: '12345678901234567890', e: '-1E+400' }],
])('%s', (json, members) => {
  expect(Object.fromEntries(jsonMembers(json) ?? [])).toEqual(members)
})

test.each(['1', 'null', '"{}"', '[{"a":1}]'])('%s has no members', (json) => {
  expect(jsonMembers(json)).toBe(undefined)
})

test.each(['', '{', '{"a":}', '{"a":1,}', '{"a":1}}', "{'a':1}"])('%s is not JSON', (json) => {
  expect(() => jsonMembers(json)).toThrow(SyntaxError)
})

test('each member of any object is the JSON of its value, whatever the whitespace', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.nat(4), (object, indent) => {
      const members = jsonMembers(JSON.stringify(object, null, indent)) ?? new Map()
      const read = [...members].map(([name, value]) => [name, JSON.parse(value)])
      const whole = JSON.parse(JSON.stringify(object))
      expect(read).toEqual(Object.entries(whole))
    }),
  )
})

test('each element of any array is the JSON of its value, whatever the whitespace', () => {
  fc.assert(
    fc.property(fc.array(fc.jsonValue()), fc.nat(4), (array, indent) => {
      const elements = jsonElements(JSON.stringify(array, null, indent)) ?? []
      expect(elements.map((each) => JSON.parse(each))).toEqual(JSON.parse(JSON.stringify(array)))
    }),
  )
  expect(jsonElements('{"a": 1}')).toBe(undefined)
})

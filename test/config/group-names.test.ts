import { describe, expect, test } from 'vitest'
import { type Config, resolveConfig } from '../../src/config/config.ts'
import { problems } from './problems.ts'

const MB = 2 ** 20

describe('group names', () => {
  test.each([
    'scores',
    'a.b',
    'user:profile',
    'größe',
    '鍵',
    '__proto__',
    'constructor',
    'toString',
    '-1',
    '1a',
  ])('%s is a valid name', (name) => {
    const groups = { [name]: { maxBytes: '2mb' } }
    expect(resolveConfig({ groups }).groups).toMatchObject([{ name, maxBytes: 2 * MB }])
  })

  test.each([
    ['', "groups['']: a group needs a name"],
    ['a b', "groups['a b']: the name of a group has no spaces and no control characters"],
    ['a\nb', "groups['a\\nb']: the name of a group has no spaces and no control characters"],
    ['\u0000', /^groups\['\\u0000'\]: the name of a group has no spaces and no control characters/],
    [
      '7',
      /^groups\['7'\]: SELECT takes names and indexes, so a name of digits must be the group's index, which is 0 here/,
    ],
    ['00', /^groups\['00'\]: SELECT takes names and indexes/],
  ])('%j is not a valid name', (name, problem) => {
    expect(problems({ config: { groups: { [name]: {} } } })[0]).toMatch(problem)
  })

  test('of digits are valid if they equal the index', () => {
    expect(resolveConfig({ groups: { 0: {}, 1: {}, rest: {} } }).groups.map(({ name }) => name)).toEqual([
      '0',
      '1',
      'rest',
    ])
  })

  test('that objects inherit are read from JSON in order, each with its own fields', () => {
    const config = JSON.parse(
      '{"groups": {"a": {}, "__proto__": {"ttl": "1s"}, "constructor": {"ttl": "2s"}}}',
    )
    expect(resolveConfig(config).groups.map(({ name, ttlMs }) => [name, ttlMs])).toEqual([
      ['a', 0],
      ['__proto__', 1000],
      ['constructor', 2000],
    ])
    expect(({} as { ttl?: unknown }).ttl).toBeUndefined()
  })

  test('__proto__ in an object literal is an error', () => {
    const groups = { scores: {}, __proto__: { maxBytes: '1mb' } } as unknown as Config['groups']
    expect(problems({ config: { groups } })).toEqual([
      "groups: got an object with a prototype, wants a plain one (a group named __proto__ is written ['__proto__'])",
    ])
  })
})

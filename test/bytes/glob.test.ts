import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { globMatch } from '../../src/bytes/glob.ts'
import { describeWithRedis } from '../support/redis-server.ts'

/** Both ranges are surrounded by other bytes. */
function matches(pattern: string, text: string, nocase = false): boolean {
  const p = Buffer.from(`*]${pattern}*]`, 'latin1')
  const t = Buffer.from(`ab${text}ab`, 'latin1')
  return globMatch(p, 2, p.length - 2, t, 2, t.length - 2, nocase)
}

const CASES: readonly (readonly [string, string, boolean])[] = [
  ['*', 'anything', true],
  ['**', 'anything', true],
  ['hello', 'hello', true],
  ['hello', 'hell', false],
  ['hell', 'hello', false],
  ['h?llo', 'hello', true],
  ['h?llo', 'hllo', false],
  ['h*llo', 'hllo', true],
  ['h*llo', 'heeeello', true],
  ['h*llo*', 'hello', true],
  ['h*llo**', 'hello', true],
  ['*o*o*', 'foo', true],
  ['*o*o*o*', 'foo', false],
  ['h[ae]llo', 'hallo', true],
  ['h[ae]llo', 'hillo', false],
  ['h[^e]llo', 'hallo', true],
  ['h[^e]llo', 'hello', false],
  ['h[^e]llo', 'hllo', false],
  ['h[a-c]llo', 'hbllo', true],
  ['h[c-a]llo', 'hbllo', true],
  ['h[a-c]llo', 'hdllo', false],
  ['[a-]', 'a', true],
  ['[a-]', '-', false],
  ['[a-]', ']', true],
  ['[-a]', '-', true],
  ['[]a]', ']', false],
  ['[]a]', 'a', false],
  ['[\\]a]', ']', true],
  ['[\\-a]', '-', true],
  ['[a\\-z]', 'b', false],
  ['[^]x', 'ax', true],
  ['[abc', 'b', true],
  ['[abc', 'd', false],
  ['[abc', 'bc', false],
  ['[', '[', false],
  ['[^', 'a', true],
  ['[\\', '\\', true],
  ['\\*', '*', true],
  ['\\*', 'a', false],
  ['\\\\', '\\', true],
  ['\\', '\\', true],
  ['a\\', 'a\\', true],
  ['\\a', 'a', true],
  ['\xff?\x80', '\xffx\x80', true],
  ['[\x80-\xff]', '\xc3', true],
  ['[\x80-\xff]', 'c', false],
  // A UTF-8 letter is several bytes.
  ['?', '\xc3\xa9', false],
  ['??', '\xc3\xa9', true],
  ['a\0b', 'a\0b', true],
  ['a*\0', 'axx\0', true],
]

test.each(CASES)('%j matches %j: %s', (pattern, text, expected) => {
  expect(matches(pattern, text)).toBe(expected)
})

test('an empty text matches an empty pattern only', () => {
  expect(matches('', '')).toBe(true)
  expect(matches('*', '')).toBe(false)
  expect(matches('?', '')).toBe(false)
  expect(matches('', 'a')).toBe(false)
})

test.each([
  ['HeLLo', 'hEllO', true],
  ['h[A-C]llo', 'hBLLO', true],
  ['h[A-C]llo', 'hbllo', true],
  ['[\\A]', 'a', false],
  ['[\\A]', 'A', true],
  ['\\A', 'a', true],
  // Z sorts before a, and after it once both are lower-case: an empty range.
  ['[Z-a]', 'z', false],
  ['\xc0', '\xe0', false],
])('without case, %j matches %j: %s', (pattern, text, expected) => {
  expect(matches(pattern, text, true)).toBe(expected)
})

test('a literal pattern matches itself', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 40 }), fc.boolean(), (text, nocase) => {
      const pattern = Uint8Array.from([...text].flatMap((c) => [0x5c, c]))
      expect(globMatch(pattern, 0, pattern.length, text, 0, text.length, nocase)).toBe(true)
    }),
  )
})

test('many stars cost pattern × text steps at most', () => {
  for (const text of [`${'a*'.repeat(60)}b`, `${'*a'.repeat(60)}b`, `${'*?'.repeat(60)}[^a]`]) {
    const pattern = Buffer.from(text)
    let reads = 0
    const counted = new Proxy(Buffer.alloc(2000, 'a'), {
      get(bytes, index) {
        reads++
        return bytes[Number(index)]
      },
    })
    expect(globMatch(pattern, 0, pattern.length, counted, 0, 2000)).toBe(false)
    expect(reads).toBeGreaterThan(0)
    expect(reads).toBeLessThanOrEqual(2 * pattern.length * 2000)
  }
})

const alphabet = 'abAB[]^-\\*?z'
const patterns = fc.string({ unit: fc.constantFrom(...alphabet), minLength: 1, maxLength: 10 })
const texts = fc.string({ unit: fc.constantFrom(...alphabet), minLength: 0, maxLength: 8 })

describeWithRedis('patterns of redis-server', (redis) => {
  test('KEYS finds the same keys', async () => {
    const keys = [
      ...new Set([...CASES.map(([, text]) => text), ...fc.sample(texts, { numRuns: 300, seed: 2 })]),
    ]
    const globs = [...CASES.map(([pattern]) => pattern), ...fc.sample(patterns, { numRuns: 2000, seed: 3 })]
    await redis().pipeline([['FLUSHALL'], ...keys.map((key) => ['SET', key, ''])])
    const replies = await redis().pipeline(globs.map((glob) => ['KEYS', glob]))
    globs.forEach((glob, i) => {
      // KEYS handles `*` alone before it matches patterns.
      const expected = keys.filter((key) => glob === '*' || matches(glob, key)).sort()
      const found = replies[i]
      expect(Array.isArray(found) && found.map(String).sort(), glob).toStrictEqual(expected)
    })
  })

  test('CONFIG GET finds the same settings, ignoring case', async () => {
    const all = await redis().call('CONFIG', 'GET', '*')
    const names = Array.isArray(all) ? all.map(String).filter((_, i) => i % 2 === 0) : []
    expect(names.length).toBeGreaterThan(100)
    const parts = fc.constantFrom(
      'max',
      'MEM',
      'o',
      'R',
      '*',
      '**',
      '?',
      '[A-M]',
      '[m-A]',
      '[^Y]',
      '\\-',
      '-',
    )
    const globs = fc.sample(
      fc.array(parts, { minLength: 2, maxLength: 6 }).map((chosen) => chosen.join('')),
      { numRuns: 300, seed: 4 },
    )
    const replies = await redis().pipeline(globs.map((glob) => ['CONFIG', 'GET', glob]))
    globs.forEach((glob, i) => {
      // A name without any of *?[ is looked up as a whole.
      if (!/[*?[]/.test(glob)) return
      const reply = replies[i]
      const found = Array.isArray(reply) ? reply.map(String).filter((_, n) => n % 2 === 0) : []
      expect(found.sort(), glob).toStrictEqual(names.filter((name) => matches(glob, name, true)).sort())
    })
  })
})

describe('a range across 0x7f', () => {
  test('counts bytes as unsigned', () => {
    expect(matches('[a-\xff]', 'b')).toBe(true)
    expect(matches('[a-\xff]', '\x80')).toBe(true)
    expect(matches('[a-\xff]', 'A')).toBe(false)
  })
})

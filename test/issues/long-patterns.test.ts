// A long pattern and a long key stopped the node for half a minute: the work was pattern × key × size of a class.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Glob, globMatch } from '../../src/bytes/glob.ts'
import { Harness } from '../support/harness.ts'
import { describeWithRedis } from '../support/redis-server.ts'

function matches(pattern: string, text: string, nocase = false): boolean {
  const [p, t] = [Buffer.from(pattern, 'latin1'), Buffer.from(text, 'latin1')]
  return globMatch(p, 0, p.length, t, 0, t.length, nocase)
}

/** Letters of which nearly everything matches nearly everywhere, for the search with tables. */
const periodic = fc
  .array(fc.tuple(fc.constantFrom('a', 'ab', 'aab', 'b', 'A', ']', '\\'), fc.integer({ min: 1, max: 90 })))
  .map((parts) => parts.map(([part, times]) => part.repeat(times)).join(''))
const elements = fc.constantFrom(
  ...['a', 'b', '*', '?', '[ab]', '[^b]', '[a-b]', '[B-a]', '[]', '[^]', '[\\A]', '\\b', '\\*', 'aab'],
)
const pattern = fc
  .array(fc.tuple(elements, fc.integer({ min: 1, max: 40 })), { maxLength: 7 })
  .chain((parts) =>
    fc
      .constantFrom('', '[', '[^', '[a-', '[a\\', '\\', '[b-a')
      .map((end) => parts.map(([part, times]) => part.repeat(times)).join('') + end),
  )

test('a search with tables finds what backtracking finds', () => {
  fc.assert(
    fc.property(pattern, periodic, fc.boolean(), (glob, text, nocase) => {
      expect(matches(glob, text, nocase)).toBe(backtracking(glob, text, nocase))
    }),
    { numRuns: 3000 },
  )
})

test('a compiled pattern can be used for many texts', () => {
  const glob = Buffer.from(`*${'[ab]'.repeat(70)}c*${'?b'.repeat(40)}[ab]c*`)
  const compiled = new Glob(glob, 0, glob.length)
  fc.assert(
    fc.property(periodic, fc.constantFrom('', 'c', 'bc'), (text, end) => {
      const bytes = Buffer.from(`${text}bbbbbc${text}${end}`)
      const expected = backtracking(glob.toString(), bytes.toString(), false)
      expect(compiled.matches(bytes, 0, bytes.length)).toBe(expected)
    }),
  )
})

describe('ends soon', () => {
  const many = 20_000
  const key = 'a'.repeat(200_000)
  test.each<[string, string, string, boolean]>([
    ['a class of many members at every place', `*[${'bcd'.repeat(many)}]*`, key, false],
    ['a class of many ranges', `*[${'b-y'.repeat(many)}]*`, key, false],
    ['many classes', `*${'[ab]'.repeat(many)}c*`, key, false],
    ['many classes that match', `*${'[ab]'.repeat(many)}*`, key, true],
    ['many bytes', `*${'a'.repeat(many)}b*`, key, false],
    ['many bytes that differ at the start', `*b${'a'.repeat(many)}*`, key, false],
    ['many question marks', `*a${'?'.repeat(many)}b*`, key, false],
    ['stars and question marks', `${'*?'.repeat(many)}b`, key, false],
    ['many stars', `${'a*'.repeat(many)}b`, key, false],
    ['many stars that match', `${'a*'.repeat(many)}a`, key, true],
    ['many unclosed classes', `*${'['.repeat(many)}`, key, false],
  ])('%s', (_, glob, text, expected) => {
    expect(matches(glob, text)).toBe(expected)
    expect(matches(glob.toUpperCase(), text, true)).toBe(expected)
  })

  test('many keys, and a pattern of classes that none of them reaches', async () => {
    const harness = new Harness()
    for (let i = 0; i < 2000; i++) await harness.call('SET', `${'x'.repeat(100)}${i}`, '')
    const glob = `*${'[0-9ax]'.repeat(100)}[${'1-9'.repeat(many)}]*`
    expect(await harness.call('KEYS', `${glob}000`)).toEqual([`${'x'.repeat(100)}1000`])
    expect(await harness.call('KEYS', glob.repeat(50))).toEqual([])
  })
})

test('KEYS and SCAN find every live key once, whatever the size of a step', async () => {
  const harness = new Harness()
  const names = Array.from({ length: 3000 }, (_, i) => `${i % 2}:${i}`)
  for (const [i, name] of names.entries()) {
    const lifetime = i % 3 === 0 ? ['PX', 10] : []
    await harness.call('SET', name, '', ...lifetime)
  }
  harness.clock.advance(11)
  const live = names.filter((name, i) => i % 3 !== 0 && name.startsWith('1:')).sort()
  expect(((await harness.call('KEYS', '1:*')) as string[]).sort()).toEqual(live)
  for (const count of [1, 255, 256, 257, 1000, 10_000]) {
    const found: string[] = []
    let cursor = '0'
    do {
      const reply = (await harness.call('SCAN', cursor, 'MATCH', '1:*', 'COUNT', count)) as [string, string[]]
      expect(reply[1].length).toBeLessThanOrEqual(count)
      cursor = reply[0]
      found.push(...reply[1])
    } while (cursor !== '0')
    expect(found.sort()).toEqual(live)
  }
})

describeWithRedis('long patterns of redis-server', (redis) => {
  test('match the same keys', async () => {
    const keys = [...new Set(fc.sample(periodic, { numRuns: 200, seed: 5 }))].filter((key) => key !== '')
    const globs = fc.sample(pattern, { numRuns: 1500, seed: 6 }).filter((glob) => glob !== '*')
    await redis().pipeline([['FLUSHALL'], ...keys.map((key) => ['SET', key, ''])])
    const replies = await redis().pipeline(globs.map((glob) => ['KEYS', glob]))
    globs.forEach((glob, i) => {
      const found = replies[i]
      const expected = keys.filter((key) => matches(glob, key)).sort()
      expect(Array.isArray(found) && found.map(String).sort(), glob).toStrictEqual(expected)
    })
  })
})

/** The plain algorithm, on texts of ASCII. */
function backtracking(glob: string, text: string, nocase: boolean): boolean {
  if (text === '') return glob === ''
  let p = 0
  let t = 0
  let afterStar = -1
  let retry = 0
  while (t < text.length) {
    if (glob[p] === '*') {
      while (glob[p] === '*') p++
      afterStar = p
      retry = t
      if (p === glob.length) return true
      continue
    }
    const next = p < glob.length ? one(glob, p, text[t], nocase) : 0
    if (next > 0) {
      p = next
      t++
    } else if (afterStar < 0) return false
    else {
      p = afterStar
      t = ++retry
    }
  }
  while (glob[p] === '*') p++
  return p === glob.length
}

/** The index after the element at `p`; 0: it does not match. */
function one(glob: string, p: number, c: string, nocase: boolean): number {
  const fold = (text: string): string => (nocase ? text.toLowerCase() : text)
  if (glob[p] === '?') return p + 1
  if (glob[p] !== '[') {
    const at = glob[p] === '\\' && p + 1 < glob.length ? p + 1 : p
    return fold(glob[at]) === fold(c) ? at + 1 : 0
  }
  const negated = glob[p + 1] === '^'
  let found = false
  let at = p + (negated ? 2 : 1)
  for (; at < glob.length && glob[at] !== ']'; at++) {
    if (glob[at] === '\\' && at + 1 < glob.length) found = glob[++at] === c || found
    else if (glob[at + 1] === '-' && at + 2 < glob.length) {
      const [low, high] = [glob[at], glob[at + 2]].sort()
      found = (fold(low) <= fold(c) && fold(c) <= fold(high)) || found
      at += 2
    } else found = fold(glob[at]) === fold(c) || found
  }
  if (found === negated) return 0
  return Math.min(at + 1, glob.length)
}

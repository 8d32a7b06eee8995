import fc from 'fast-check'
import { expect, test } from 'vitest'
import { lcsLength, lcsTableBytes, longestCommonSubsequence } from '../../src/bytes/lcs.ts'
import { describeWithRedis } from '../support/redis-server.ts'
import type { RedisReply } from '../support/resp.ts'

const bytes = (text: string): Uint8Array => Buffer.from(text, 'latin1')

/** The reply of LCS … IDX WITHMATCHLEN. */
function indexes(a: string, b: string, minMatchLength = 0): RedisReply {
  const { text, matches } = longestCommonSubsequence(bytes(a), bytes(b), minMatchLength)
  const ranges = matches.map((m) => [[m.aStart, m.aEnd], [m.bStart, m.bEnd], m.aEnd - m.aStart + 1])
  return ['matches', ranges, 'len', text.length]
}

function text(a: string, b: string): string {
  return Buffer.from(longestCommonSubsequence(bytes(a), bytes(b)).text).toString('latin1')
}

test('the example of the Redis documentation', () => {
  expect(text('ohmytext', 'mynewtext')).toBe('mytext')
  expect(lcsLength(bytes('ohmytext'), bytes('mynewtext'))).toBe(6)
  const runs = [
    [[4, 7], [5, 8], 4],
    [[2, 3], [0, 1], 2],
  ]
  expect(indexes('ohmytext', 'mynewtext')).toStrictEqual(['matches', runs, 'len', 6])
  expect(indexes('ohmytext', 'mynewtext', 4)).toStrictEqual(['matches', runs.slice(0, 1), 'len', 6])
  expect(indexes('ohmytext', 'mynewtext', 5)).toStrictEqual(['matches', [], 'len', 6])
})

test.each([
  ['', '', ''],
  ['', 'abc', ''],
  ['abc', '', ''],
  ['abc', 'def', ''],
  ['abc', 'abc', 'abc'],
  ['a', 'a', 'a'],
  ['\0\xff', '\xff\0', '\xff'],
])('%j and %j share %j', (a, b, expected) => {
  expect(text(a, b)).toBe(expected)
  expect(lcsLength(bytes(a), bytes(b))).toBe(expected.length)
})

test('the runs form the subsequence, last to first', () => {
  const strings = fc.string({ unit: fc.constantFrom(...'abc'), maxLength: 40 })
  fc.assert(
    fc.property(strings, strings, (a, b) => {
      const { matches } = longestCommonSubsequence(bytes(a), bytes(b))
      const parts = matches.map((m) => a.slice(m.aStart, m.aEnd + 1))
      expect(matches.map((m) => b.slice(m.bStart, m.bEnd + 1))).toStrictEqual(parts)
      expect(parts.reverse().join('')).toBe(text(a, b))
      expect(lcsLength(bytes(a), bytes(b))).toBe(text(a, b).length)
      for (let i = 1; i < matches.length; i++) {
        expect(matches[i].aEnd).toBeLessThan(matches[i - 1].aStart)
        expect(matches[i].bEnd).toBeLessThan(matches[i - 1].bStart)
      }
    }),
  )
})

test('the size of the table that Redis allocates', () => {
  expect(lcsTableBytes(0, 0)).toBe(4)
  expect(lcsTableBytes(9, 99)).toBe(4000)
  expect(lcsTableBytes(2 ** 29, 2 ** 29)).toBeGreaterThan(2 ** 60)
})

describeWithRedis('LCS of redis-server', (redis) => {
  test('replies the same', async () => {
    const strings = fc.oneof(
      fc.string({ unit: fc.constantFrom(...'ab'), maxLength: 24 }),
      fc.string({ unit: fc.constantFrom(...'abcdefgh'), maxLength: 40 }),
    )
    const cases = fc.sample(fc.tuple(strings, strings, fc.nat(4)), { numRuns: 500, seed: 7 })
    const replies = await redis().pipeline(
      cases.flatMap(([a, b, least]) => [
        ['MSET', 'a', a, 'b', b],
        ['LCS', 'a', 'b'],
        ['LCS', 'a', 'b', 'LEN'],
        ['LCS', 'a', 'b', 'IDX', 'WITHMATCHLEN', 'MINMATCHLEN', String(least)],
      ]),
    )
    cases.forEach(([a, b, least], i) => {
      expect(text(a, b)).toBe(replies[4 * i + 1])
      expect(lcsLength(bytes(a), bytes(b))).toBe(replies[4 * i + 2])
      expect(indexes(a, b, least)).toStrictEqual(replies[4 * i + 3])
    })
  })

  test('rejects the same lengths', async () => {
    const [a, b] = [999, 1199]
    expect(lcsTableBytes(a, b)).toBe(4_800_000)
    await redis().call('MSET', 'a', 'x'.repeat(a), 'b', 'y'.repeat(b))
    await redis().call('CONFIG', 'SET', 'proto-max-bulk-len', '4800000')
    expect(await redis().call('LCS', 'a', 'b', 'LEN')).toBe(0)
    await redis().call('CONFIG', 'SET', 'proto-max-bulk-len', '4799999')
    expect(String(await redis().call('LCS', 'a', 'b', 'LEN'))).toMatch(/exceeds proto-max-bulk-len/)
  })
})

// Sorted sets beyond their replies: budgets, TTLs, scans of large ones, and what Redis 7.0 does not have.

import { expect, test } from 'vitest'
import { Harness } from '../../support/harness.ts'

test('what alone exceeds the budget is refused, and nothing changes', async () => {
  const harness = new Harness({ groups: { cache: { maxBytes: 200_000 } } })
  await harness.call('SET', 'other', 'kept')
  await harness.call('ZADD', 'k', '1', 'a')
  expect(await harness.raw('ZADD', 'k', '1', 'x'.repeat(200_000))).toMatch(/^-OOM /)
  expect(await harness.raw('ZINCRBY', 'new', '1', 'x'.repeat(200_000))).toMatch(/^-OOM /)
  for (let i = 0; i < 5; i++) await harness.call('ZADD', 'large', String(i), `${i}`.repeat(20_000))
  expect(await harness.raw('ZUNIONSTORE', 'k', '1', 'large')).toMatch(/^-OOM /)
  expect(await harness.raw('ZRANGESTORE', 'k', 'large', '0', '-1')).toMatch(/^-OOM /)
  expect(await harness.call('ZRANGE', 'k', '0', '-1')).toEqual(['a'])
  expect(await harness.call('MGET', 'other', 'new')).toEqual(['kept', null])
  harness.group('cache').store.verify()
})

test('a change keeps the deadline; a new key, and a stored result, get the TTL of the group', async () => {
  const harness = new Harness({ groups: { cache: { ttlMs: 60_000 } } })
  await harness.call('ZADD', 'k', '1', 'a', '2', 'b')
  expect(await harness.call('PTTL', 'k')).toBe(60_000)
  await harness.call('PEXPIRE', 'k', '5000')
  await harness.call('ZADD', 'k', '3', 'c')
  await harness.call('ZINCRBY', 'k', '1', 'c')
  await harness.call('ZREM', 'k', 'c')
  await harness.call('ZPOPMIN', 'k')
  expect(await harness.call('PTTL', 'k')).toBe(5000)
  await harness.call('ZUNIONSTORE', 'k', '1', 'k')
  expect(await harness.call('PTTL', 'k')).toBe(60_000)
})

test('scores are replied in their shortest form', async () => {
  const harness = new Harness()
  const scores = ['0.1', '1e+30', '3.14159', '-1234.56', '100000000000000000', '1e-7', '0.6756903276199896']
  for (const [i, score] of scores.entries()) {
    await harness.call('ZADD', 'k', score, `m${i}`)
    expect(await harness.call('ZSCORE', 'k', `m${i}`)).toBe(score)
  }
})

test('ZRANK and ZREVRANK WITHSCORE', async () => {
  const harness = new Harness()
  await harness.call('ZADD', 'k', '1', 'a', '2.5', 'b')
  expect(await harness.call('ZRANK', 'k', 'b', 'WITHSCORE')).toEqual([1, '2.5'])
  expect(await harness.call('ZREVRANK', 'k', 'b', 'withscore')).toEqual([0, '2.5'])
  expect(await harness.raw('ZRANK', 'k', 'x', 'WITHSCORE')).toBe('*-1\r\n')
  expect(await harness.raw('ZRANK', 'none', 'x', 'WITHSCORE')).toBe('*-1\r\n')
  expect(await harness.raw('ZRANK', 'k', 'a', 'FOO')).toBe('-ERR syntax error\r\n')
  expect(await harness.raw('ZRANK', 'k', 'a', 'WITHSCORE', 'x')).toBe(
    "-ERR wrong number of arguments for 'zrank' command\r\n",
  )
})

test.each([50, 2000])('ZSCAN and ZRANDMEMBER of %i members', async (size) => {
  const harness = new Harness()
  const members = Array.from({ length: size }, (_, i) => `m${i}`)
  await harness.call('ZADD', 'k', ...members.flatMap((member, i) => [String(i % 7), member]))
  const met: string[] = []
  let cursor = '0'
  do {
    const reply = (await harness.call('ZSCAN', 'k', cursor, 'COUNT', '100')) as [string, string[]]
    cursor = reply[0]
    met.push(...reply[1].filter((_, i) => i % 2 === 0))
    for (const [i, member] of reply[1].entries())
      if (i % 2 === 0) expect(reply[1][i + 1]).toBe(String(Number(member.slice(1)) % 7))
  } while (cursor !== '0')
  expect(met.toSorted()).toEqual(members.toSorted())
  const some = (await harness.call('ZRANDMEMBER', 'k', '20')) as string[]
  expect(new Set(some).size).toBe(20)
  const repeated = (await harness.call('ZRANDMEMBER', 'k', '-300')) as string[]
  expect(repeated.length).toBe(300)
  expect([...some, ...repeated].every((member) => members.includes(member))).toBe(true)
})

test('sources are loaded first, destinations are not; reads load through', async () => {
  const loaded: string[] = []
  const origin = (key: string): null => {
    loaded.push(key)
    return null
  }
  const harness = new Harness({ groups: { cache: { origin } } })
  expect(
    await Promise.all([
      harness.call('ZSCORE', 'a', 'x'),
      harness.call('ZUNION', '2', 'b', 'c'),
      harness.call('ZUNIONSTORE', 'target', '2', 'd', 'e'),
      harness.call('ZADD', 'f', '1', 'x'),
      harness.call('ZRANGESTORE', 'target', 'g', '0', '-1'),
      harness.call('ZMPOP', '2', 'h', 'i', 'MIN'),
    ]),
  ).toEqual([null, [], 0, 1, 0, null])
  expect(loaded.sort()).toEqual(['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i'])
})

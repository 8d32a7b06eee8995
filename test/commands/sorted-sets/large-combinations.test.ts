// Combinations of large sorted sets and sets: the results, and the store afterwards.

import { expect, test } from 'vitest'
import { bufferBytes } from '../../support/garbage.ts'
import { Harness } from '../../support/harness.ts'

const SIZE = 1000

type Scores = ReadonlyMap<string, number>

/** Members `from` to `to`; every 50th is long. */
function scores(from: number, to: number, scoreOf: (i: number) => number): Map<string, number> {
  const all = new Map<string, number>()
  for (let i = from; i < to; i++) all.set(`m${i}${i % 50 === 0 ? 'x'.repeat(700) : ''}`, scoreOf(i))
  return all
}

/** What ZRANGE 0 -1 WITHSCORES replies. */
function range(all: Scores): string[] {
  return [...all]
    .sort(([a, x], [b, y]) => x - y || (a < b ? -1 : 1))
    .flatMap(([member, score]) => [member, String(score)])
}

const a = scores(0, SIZE, (i) => (i * 7919) % 1000)
const b = scores(SIZE / 2, SIZE * 1.5, (i) => -((i * 31) % 77))
/** Few: packed. */
const few = scores(SIZE - 20, SIZE + 20, (i) => i)

async function filled(): Promise<Harness> {
  const harness = new Harness({ groups: { cache: { maxBytes: 2 ** 26 } } })
  for (const [key, all] of Object.entries({ a, b, few })) {
    await harness.call('ZADD', key, ...[...all].flatMap(([member, score]) => [String(score), member]))
    await harness.call('SADD', `set:${key}`, ...all.keys())
  }
  return harness
}

function combined(
  first: Scores,
  second: Scores,
  sum: (x: number | undefined, y: number | undefined) => number | undefined,
): Map<string, number> {
  const result = new Map<string, number>()
  for (const member of new Set([...first.keys(), ...second.keys()])) {
    const score = sum(first.get(member), second.get(member))
    if (score !== undefined) result.set(member, score)
  }
  return result
}

test('of sorted sets', async () => {
  const harness = await filled()
  const cases = {
    UNION: combined(a, b, (x = 0, y = 0) => x + y),
    INTER: combined(a, b, (x, y) => (x === undefined || y === undefined ? undefined : x + y)),
    DIFF: combined(a, b, (x, y) => (y === undefined ? x : undefined)),
  }
  for (const [name, result] of Object.entries(cases)) {
    expect(await harness.call(`Z${name}`, '2', 'a', 'b', 'WITHSCORES')).toEqual(range(result))
    expect(await harness.call(`Z${name}STORE`, 'd', '2', 'a', 'b')).toBe(result.size)
    expect(await harness.call('ZRANGE', 'd', '0', '-1', 'WITHSCORES')).toEqual(range(result))
    expect(await harness.call('OBJECT', 'ENCODING', 'd')).toBe('skiplist')
    harness.group('cache').store.verify()
  }
  expect(await harness.call('ZINTERCARD', '2', 'a', 'b')).toBe(SIZE / 2)
  expect(await harness.call('ZINTERCARD', '2', 'a', 'b', 'LIMIT', '17')).toBe(17)
})

test('of large, small and missing ones, with weights, and onto a source', async () => {
  const harness = await filled()
  const union = combined(a, few, (x = 0, y = 0) => 2 * x - 3 * y)
  const weighted = ['3', 'few', 'none', 'a', 'WEIGHTS', '-3', '1', '2']
  expect(await harness.call('ZUNION', ...weighted, 'WITHSCORES')).toEqual(range(union))
  expect(await harness.call('ZUNIONSTORE', 'a', ...weighted)).toBe(union.size)
  expect(await harness.call('ZRANGE', 'a', '0', '-1', 'WITHSCORES')).toEqual(range(union))
  const most = combined(b, few, (x, y) => (x === undefined || y === undefined ? undefined : Math.max(x, y)))
  expect(await harness.call('ZINTERSTORE', 'b', '2', 'b', 'few', 'AGGREGATE', 'MAX')).toBe(most.size)
  expect(await harness.call('ZRANGE', 'b', '0', '-1', 'WITHSCORES')).toEqual(range(most))
  harness.group('cache').store.verify()
})

test('of sets', async () => {
  const harness = await filled()
  const members = (keys: Iterable<string>): string[] => [...keys].sort()
  const cases = {
    SUNION: members(new Set([...a.keys(), ...b.keys(), ...few.keys()])),
    SINTER: members([...a.keys()].filter((member) => b.has(member) && few.has(member))),
    SDIFF: members([...a.keys()].filter((member) => !b.has(member) && !few.has(member))),
  }
  for (const [name, result] of Object.entries(cases)) {
    const keys = ['set:a', 'set:b', 'set:few', ...(name === 'SINTER' ? [] : ['none'])]
    expect(members((await harness.call(name, ...keys)) as string[])).toEqual(result)
    expect(await harness.call(`${name}STORE`, 'd', ...keys)).toBe(result.length)
    expect(members((await harness.call('SMEMBERS', 'd')) as string[])).toEqual(result)
    harness.group('cache').store.verify()
  }
  // Members of sets have the score 1.
  const mixed = combined(a, b, (x = 0, y) => x + (y === undefined ? 0 : 1))
  expect(await harness.call('ZUNIONSTORE', 'd', '2', 'a', 'set:b')).toBe(mixed.size)
  expect(await harness.call('ZRANGE', 'd', '0', '-1', 'WITHSCORES')).toEqual(range(mixed))
  const ones = combined(a, b, () => 1)
  expect(await harness.call('ZUNION', '2', 'set:a', 'set:b', 'AGGREGATE', 'MIN', 'WITHSCORES')).toEqual(
    range(ones),
  )
})

test('a source that is named many times takes no more memory', async () => {
  const harness = await filled()
  const before = bufferBytes()
  const times = 2000
  const union = (await harness.call('SUNION', ...Array(times).fill('set:a'))) as string[]
  expect(union).toHaveLength(SIZE)
  expect(await harness.call('ZUNIONSTORE', 'd', String(times), ...Array(times).fill('a'))).toBe(SIZE)
  expect(await harness.call('ZSCORE', 'd', 'm1')).toBe(String(times * (a.get('m1') ?? 0)))
  // Room for each of them would be 24 MB in both.
  expect(bufferBytes() - before).toBeLessThan(16 * 2 ** 20)
})

test('integers stay an intset, whatever the order of the sources is', async () => {
  const harness = await filled()
  const numbers = Array.from({ length: 300 }, (_, i) => String(i * 3))
  await harness.call('SADD', 'n', ...numbers.slice(100))
  await harness.call('SADD', 'o', ...numbers.slice(0, 200))
  expect(await harness.call('SUNIONSTORE', 'd', 'n', 'o')).toBe(300)
  expect(await harness.call('OBJECT', 'ENCODING', 'd')).toBe('intset')
  expect(await harness.call('SMEMBERS', 'd')).toEqual(numbers)
})

test('ranges that are stored, and a sorted list', async () => {
  const harness = await filled()
  const all = range(a)
  expect(await harness.call('ZRANGESTORE', 'd', 'a', '0', '-1')).toBe(SIZE)
  expect(await harness.call('ZRANGE', 'd', '0', '-1', 'WITHSCORES')).toEqual(all)
  expect(await harness.call('ZRANGESTORE', 'd', 'a', '10', '509', 'REV')).toBe(500)
  expect(await harness.call('ZRANGE', 'd', '0', '-1', 'WITHSCORES')).toEqual(all.slice(-2 * 510, -20))
  expect(await harness.call('SORT', 'set:a', 'ALPHA', 'STORE', 'l')).toBe(SIZE)
  expect(await harness.call('LRANGE', 'l', '0', '-1')).toEqual([...a.keys()].sort())
  harness.group('cache').store.verify()
})

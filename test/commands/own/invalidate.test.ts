// INVALIDATE, GROUP FLUSH and SET … TAGS: which entries are dropped, and that no load under way stores them again.

import { describe, expect, test } from 'vitest'
import { loaded, type OriginResult } from '../../../src/group/origin.ts'
import { Harness } from '../../support/harness.ts'

interface Load {
  readonly key: string
  answer(result: OriginResult): void
}

/** A group whose loads the test answers. */
function gated(): { harness: Harness; loads: Load[] } {
  const loads: Load[] = []
  const origin = (key: string): Promise<OriginResult> =>
    new Promise((resolve) => loads.push({ key, answer: resolve }))
  return { harness: new Harness({ groups: { users: { origin }, cache: {} } }), loads }
}

describe('INVALIDATE', () => {
  test('drops keys, and answers how many had a value', async () => {
    const harness = new Harness()
    await harness.call('MSET', 'a', '1', 'b', '2', 'c', '3')
    expect(await harness.call('INVALIDATE', 'a', 'b', 'missing')).toBe(2)
    expect(await harness.call('MGET', 'a', 'b', 'c')).toEqual([null, null, '3'])
    expect(await harness.raw('INVALIDATE')).toBe(
      "-ERR wrong number of arguments for 'invalidate' command\r\n",
    )
  })

  test.each(['TAG', 'key'])('%s without arguments is an error', async (word) => {
    const harness = new Harness()
    await harness.call('MSET', 'TAG', '1', 'key', '2')
    expect(await harness.raw('INVALIDATE', word)).toBe(
      "-ERR wrong number of arguments for 'invalidate' command\r\n",
    )
    expect(await harness.call('DBSIZE')).toBe(2)
  })

  test('a key may be called KEY or TAG', async () => {
    const harness = new Harness()
    await harness.call('MSET', 'TAG', '1', 'KEY', '2', 'x', '3')
    expect(await harness.call('INVALIDATE', 'KEY', 'TAG')).toBe(1)
    expect(await harness.call('INVALIDATE', 'key', 'KEY')).toBe(1)
    expect(await harness.call('INVALIDATE', 'x', 'TAG')).toBe(1)
    expect(await harness.call('DBSIZE')).toBe(0)
  })

  test('the result of a load that began before is not stored', async () => {
    const { harness, loads } = gated()
    const first = harness.call('GET', 'a')
    await harness.settle()
    const other = harness.connect()
    expect(await other.call('INVALIDATE', 'a')).toBe(0)
    loads[0].answer('old')
    expect(await first).toBe('old')
    const second = harness.call('GET', 'a')
    await harness.settle()
    loads[1].answer('new')
    expect(await second).toBe('new')
    expect(await harness.call('GET', 'a')).toBe('new')
  })
})

describe('INVALIDATE TAG', () => {
  test('drops entries with one of the tags, and no others', async () => {
    const harness = new Harness()
    await harness.call('SET', 'a', '1', 'TAGS', 2, 'red', 'blue')
    await harness.call('SET', 'b', '2', 'EX', 100, 'TAGS', 1, 'green')
    await harness.call('SET', 'c', '3', 'TAGS', 1, 'blue', 'PX', 5000)
    await harness.call('SET', 'd', '4')
    expect(await harness.call('INVALIDATE', 'TAG', 'blue', 'nobody')).toBe('OK')
    expect(await harness.call('MGET', 'a', 'b', 'c', 'd')).toEqual([null, '2', null, '4'])
    expect(await harness.call('TTL', 'b')).toBe(100)
    expect(await harness.call('INVALIDATE', 'TAG', 'green')).toBe('OK')
    expect(await harness.call('EXISTS', 'b', 'd')).toBe(1)
    expect(await harness.call('SET', 'a', '5', 'TAGS', 1, 'blue')).toBe('OK')
    expect(await harness.call('GET', 'a')).toBe('5')
  })

  test('commands that change a value keep its tags, commands that set it do not', async () => {
    const harness = new Harness()
    const tags = ['TAGS', 1, 'x'] as const
    for (const key of ['incr', 'append', 'range', 'rename', 'expire', 'set', 'keepttl', 'float', 'copied'])
      await harness.call('SET', key, '10', ...tags)
    await harness.call('INCR', 'incr')
    await harness.call('INCRBYFLOAT', 'float', '0.5')
    await harness.call('APPEND', 'append', 'x'.repeat(1000))
    await harness.call('INCRBY', 'range', 1_000_000)
    await harness.call('SETRANGE', 'range', 300, 'x')
    await harness.call('RENAME', 'rename', 'renamed')
    await harness.call('COPY', 'copied', 'copy')
    await harness.call('EXPIRE', 'expire', 100)
    await harness.call('SET', 'set', '1')
    await harness.call('SET', 'keepttl', '1', 'KEEPTTL')
    await harness.call('INVALIDATE', 'TAG', 'x')
    const left = (await harness.call('KEYS', '*')) as string[]
    expect(left.sort()).toEqual(['keepttl', 'set'])
    expect(
      await harness.call('MGET', 'incr', 'append', 'range', 'renamed', 'expire', 'float', 'copy'),
    ).toEqual(Array(7).fill(null))
    harness.groups[0].store.verify()
  })

  test.each([
    [['TAGS'], 'ERR syntax error'],
    [['TAGS', 'x'], 'ERR syntax error'],
    [['TAGS', 0], 'ERR syntax error'],
    [['TAGS', 2, 'a'], 'ERR syntax error'],
    [['TAGS', 1, 'a', 'TAGS', 1, 'b'], 'ERR syntax error'],
    [['TAGS', 17, ...Array.from({ length: 17 }, (_, i) => `t${i}`)], 'ERR an entry has at most 16 tags'],
  ])('SET k v %j is refused', async (options, message) => {
    const harness = new Harness()
    expect(await harness.raw('SET', 'k', 'v', ...options)).toBe(`-${message}\r\n`)
    expect(await harness.call('EXISTS', 'k')).toBe(0)
  })

  test('tags from the origin apply to values, absences, and loads under way', async () => {
    const { harness, loads } = gated()
    const one = harness.call('GET', 'a')
    await harness.settle()
    loads[0].answer(loaded('1', { tags: ['x'] }))
    expect(await one).toBe('1')
    expect(await harness.call('GET', 'a')).toBe('1')
    const slow = harness.call('GET', 'b')
    const free = harness.call('GET', 'c')
    await harness.settle()
    await harness.connect().call('INVALIDATE', 'TAG', 'x')
    loads[1].answer(loaded('old', { tags: ['y', 'x'] }))
    loads[2].answer(loaded('2', { tags: ['y'] }))
    expect([await slow, await free]).toEqual(['old', '2'])
    expect(await harness.call('EXISTS', 'a', 'b', 'c')).toBe(1)
    const anew = harness.call('GET', 'a')
    await harness.settle()
    loads[3].answer(loaded('3', { tags: ['x'] }))
    expect([await anew, await harness.call('GET', 'a')]).toEqual(['3', '3'])
  })

  test('too many tags from the origin are an error', async () => {
    const tags = Array.from({ length: 17 }, (_, i) => `t${i}`)
    const harness = new Harness({ groups: { users: { origin: () => loaded('1', { tags }) } } })
    expect(await harness.raw('GET', 'a')).toBe('-ORIGIN users: got more than 16 tags\r\n')
    expect(await harness.call('EXISTS', 'a')).toBe(0)
  })
})

describe('GROUP FLUSH', () => {
  test('empties the selected or the named group', async () => {
    const harness = new Harness()
    const other = harness.connect()
    await other.call('SELECT', 'other')
    await harness.call('SET', 'a', '1')
    await other.call('SET', 'b', '2')
    expect(await harness.call('GROUP', 'FLUSH', 'other')).toBe('OK')
    expect([await harness.call('DBSIZE'), await other.call('DBSIZE')]).toEqual([1, 0])
    expect(await harness.call('GROUP', 'FLUSH')).toBe('OK')
    expect(await harness.call('DBSIZE')).toBe(0)
    expect(await harness.raw('GROUP', 'FLUSH', 'nobody')).toBe(
      '-ERR no such group: there is no group "nobody", known are cache (0), other (1)\r\n',
    )
  })

  test('the result of a load under way is not stored', async () => {
    const { harness, loads } = gated()
    const first = harness.call('GET', 'a')
    await harness.settle()
    await harness.connect().call('GROUP', 'FLUSH', 'users')
    loads[0].answer('old')
    expect(await first).toBe('old')
    expect(await harness.call('EXISTS', 'a')).toBe(0)
  })
})

test('values loaded before a gap in the notifications are reloaded; a load under way is not stored', async () => {
  const { harness, loads } = gated()
  await harness.call('SET', 'set', '1')
  const pending = harness.call('GET', 'cached')
  await harness.settle()
  loads[0].answer('1')
  await pending
  const slow = harness.call('GET', 'slow')
  await harness.settle()
  harness.group('users').invalidateLoaded()
  harness.clock.advance(1)
  loads[1].answer('old')
  expect(await slow).toBe('old')
  expect(await harness.call('EXISTS', 'cached', 'slow', 'set')).toBe(1)
})

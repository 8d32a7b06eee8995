// Bitmaps beyond their replies: budgets, TTLs, loads, writes to the origin.

import { expect, test } from 'vitest'
import { defaultWrites } from '../../../src/group/writes/writes.ts'
import { Harness } from '../../support/harness.ts'

test('what alone exceeds the budget is refused, and nothing changes', async () => {
  const harness = new Harness({ groups: { cache: { maxBytes: 100_000 } } })
  await harness.call('SET', 'a', 'x')
  await harness.call('SET', 'r', 'old')
  expect(await harness.raw('SETBIT', 'a', '800000', '1')).toMatch(/^-OOM /)
  expect(await harness.raw('BITFIELD', 'n', 'SET', 'u8', '800000', '1')).toMatch(/^-OOM /)
  await harness.call('SET', 'a', 'x'.repeat(60_000))
  await harness.call('SET', 'b', 'y'.repeat(30_000))
  expect(await harness.raw('BITOP', 'OR', 'k'.repeat(40_000), 'a', 'b')).toMatch(/^-OOM /)
  expect(await harness.call('MGET', 'r', 'n')).toEqual(['old', null])
  expect(await harness.call('STRLEN', 'a')).toBe(60_000)
})

test('a change keeps the deadline; a new key, and the result of BITOP, get the TTL of the group', async () => {
  const harness = new Harness({ groups: { cache: { ttlMs: 60_000 } } })
  for (const [i, command] of ['SETBIT a 9 1', 'BITFIELD a SET u8 100 1', 'BITFIELD a GET u8 9'].entries()) {
    const [name, , ...rest] = command.split(' ')
    await harness.call(name, `new:${i}`, ...rest)
    expect(await harness.call('PTTL', `new:${i}`), command).toBe(i === 2 ? -2 : 60_000)
    await harness.call('SET', 'a', '1', 'PX', '5000')
    await harness.call(name, 'a', ...rest)
    expect(await harness.call('PTTL', 'a'), command).toBe(5000)
  }
  await harness.call('BITOP', 'OR', 'a', 'a')
  expect(await harness.call('PTTL', 'a')).toBe(60_000)
})

test('reads load through; SETBIT, BITFIELD and the sources of BITOP are loaded first, its destination is not', async () => {
  const loaded: string[] = []
  const origin = (key: string): string => {
    loaded.push(key)
    return 'a'
  }
  const harness = new Harness({ groups: { cache: { origin } } })
  expect(
    await Promise.all([
      harness.call('GETBIT', 'g', '1'),
      harness.call('BITCOUNT', 'c'),
      harness.call('BITPOS', 'p', '1'),
      harness.call('BITFIELD_RO', 'r', 'GET', 'u8', '0'),
      harness.call('SETBIT', 's', '1', '0'),
      harness.call('BITFIELD', 'f', 'INCRBY', 'u8', '0', '1'),
      harness.call('BITOP', 'NOT', 'target', 'source'),
    ]),
  ).toEqual([1, 3, 1, [97], 1, [98], 1])
  expect(loaded.sort()).toEqual(['c', 'f', 'g', 'p', 'r', 's', 'source'])
  expect(await harness.call('MGET', 's', 'f', 'target')).toEqual(['!', 'b', '\x9e'])
})

test('a bit that stays what it is changes nothing, so no watch breaks', async () => {
  const harness = new Harness()
  await harness.call('SETBIT', 'a', '7', '1')
  await harness.call('SET', 'n', '1')
  for (const [command, runs] of [
    [['SETBIT', 'a', '7', '1'], true],
    [['SETBIT', 'a', '6', '0'], true],
    [['SETBIT', 'a', '7', '0'], false],
    // It grows.
    [['SETBIT', 'a', '8', '0'], false],
    [['SETBIT', 'new', '0', '0'], false],
  ] as const) {
    await harness.call('WATCH', 'a', 'new')
    await harness.client.call(...command)
    await harness.call('MULTI')
    expect([command.join(' '), (await harness.call('EXEC')) !== null]).toEqual([command.join(' '), runs])
  }
  expect(await harness.call('SETBIT', 'n', '0', '0')).toBe(0)
  expect(await harness.call('OBJECT', 'ENCODING', 'n')).toBe('raw')
})

test('in a group that writes to its origin, the new values are written', async () => {
  const written: [string, string][] = []
  const origin = {
    load: () => 'a',
    store: async (key: string, value: Buffer) => {
      written.push([key, value.toString('latin1')])
    },
  }
  const harness = new Harness({
    groups: { cache: { origin, writes: { ...defaultWrites, mode: 'through' } } },
  })
  await harness.call('SETBIT', 's', '1', '0')
  await harness.call('BITFIELD', 'f', 'INCRBY', 'u8', '0', '1')
  await harness.call('BITOP', 'NOT', 'target', 'source')
  expect(written).toEqual([
    ['s', '!'],
    ['f', 'b'],
    ['target', '\x9e'],
  ])
})

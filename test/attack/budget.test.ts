// Entries that alone exceed the budget of their group: every command that could make one refuses it, and nothing goes.

import { afterEach, beforeEach, expect, test } from 'vitest'
import { fetchValue, writeValue } from '../../src/group/calls.ts'
import type { Argument } from '../support/harness.ts'
import { error, Fortress } from './fortress.ts'
import type { Talker } from './talker.ts'

const BUDGET = 64 * 1024

/** Fits, but with a deadline, a longer key or another byte it does not. */
let brim: Buffer
let fortress: Fortress
let attacker: Talker
beforeEach(async () => {
  const group = { maxBytes: BUDGET }
  const origin = (key: string): string => (key === 'huge' ? 'h'.repeat(BUDGET) : '1')
  fortress = await Fortress.build({
    groups: { small: group, other: { maxBytes: BUDGET / 2 }, loaded: { ...group, origin } },
  })
  attacker = await fortress.connect('small')
  const { store } = fortress.server.groups[1]
  let length = BUDGET
  while (!store.fits(4, length)) length--
  brim = Buffer.alloc(length, 'b')
})
afterEach(async () => {
  await fortress.expectUnharmed()
  await fortress.tearDown()
})

const MOVED = 'x'.repeat(BUDGET)
const LONG = 'y'.repeat(BUDGET / 2)

/** What is tried, on `few`: some small keys, `n` a number, `long` half the budget. */
const TRIES: readonly (readonly Argument[])[] = [
  ['SET', 'a', MOVED],
  ['SET', 'new', MOVED],
  ['SET', MOVED, ''],
  ['SET', 'a', MOVED, 'EX', 100],
  ['SET', 'a', MOVED, 'KEEPTTL'],
  ['SET', 'a', MOVED, 'GET'],
  ['SET', 'a', MOVED, 'XX', 'GET'],
  ['SET', 'new', MOVED, 'NX'],
  ['SETNX', 'new', MOVED],
  ['SETEX', 'a', 100, MOVED],
  ['PSETEX', 'a', 100, MOVED],
  ['GETSET', 'a', MOVED],
  ['MSET', 'a', 'changed', 'b', MOVED, 'n', 'changed'],
  ['MSETNX', 'new', '1', 'newer', MOVED],
  ['APPEND', 'a', MOVED],
  ['APPEND', 'new', MOVED],
  ['APPEND', 'long', LONG],
  ['SETRANGE', 'a', BUDGET, 'x'],
  ['SETRANGE', 'new', BUDGET, 'x'],
  ['SETRANGE', 'new', 400 * 2 ** 20, 'x'],
  ['INCR', MOVED],
  ['INCRBYFLOAT', MOVED, '1.5'],
  ['RENAME', 'long', LONG],
  ['RENAMENX', 'long', LONG],
  ['COPY', 'long', LONG],
  ['COPY', 'long', 'b', 'DB', 'other', 'REPLACE'],
  ['MOVE', 'long', 'other'],
  ['DEBUG', 'POPULATE', 2, 'p', BUDGET],
]

test('the entry alone exceeds the budget', async () => {
  await attacker.pipeline(
    ['MSET', 'a', '1', 'b', '2', 'n', '5'],
    ['SET', 'dying', 'x', 'EX', 60],
    ['SET', 'long', LONG],
  )
  const { store } = fortress.server.groups[1]
  const contents = async (): Promise<unknown> => [
    await attacker.pipeline(
      ['KEYS', '*'],
      ['MGET', 'a', 'b', 'n', 'dying', 'long'],
      ['PTTL', 'dying'],
      ['DBSIZE'],
    ),
    store.usedBytes,
    store.evicted,
    fortress.server.groups[2].store.size,
  ]
  const before = await contents()
  for (const command of TRIES) {
    const shown = command.map((each) => String(each).slice(0, 10)).join(' ')
    expect(await attacker.call(...command), shown).toMatchObject(
      error(/^OOM the entry alone exceeds the group's budget of \d+ bytes$/),
    )
    expect(await contents(), shown).toEqual(before)
  }
})

test('an entry that fills the budget takes no deadline, no longer name and no byte more', async () => {
  const { store } = fortress.server.groups[1]
  expect(await attacker.call('SET', 'brim', brim)).toBe('OK')
  const tooLarge = error(/^OOM /)
  for (const command of [
    ['EXPIRE', 'brim', 100],
    ['PEXPIREAT', 'brim', 9e12],
    ['GETEX', 'brim', 'EX', 100],
    ['SET', 'brim', brim, 'PX', 1000],
    ['SETEX', 'brim', 100, brim],
    ['RENAME', 'brim', 'a longer name than this one'],
    ['COPY', 'brim', 'a longer name than this one'],
    ['APPEND', 'brim', '0123456789abcdefg'],
    ['SETRANGE', 'brim', brim.length, '0123456789abcdefg'],
    ['MOVE', 'brim', 'other'],
  ]) {
    expect(await attacker.call(...command), command.join(' ').slice(0, 30)).toMatchObject(tooLarge)
    expect(await attacker.pipeline(['GET', 'brim'], ['TTL', 'brim'])).toEqual([brim.toString(), -1])
  }
  expect(store.evicted).toBe(0)
  expect(await attacker.pipeline(['PERSIST', 'brim'], ['SET', 'brim', brim], ['DEL', 'brim'])).toEqual([
    0,
    'OK',
    1,
  ])
  expect(store.usedBytes).toBe(store.indexBytes)
})

test('what others than the client bring is refused alike', async () => {
  const talker = await fortress.connect('loaded')
  const tooLarge = error(/^ORIGIN loaded: a value of 65536 bytes exceeds the budget of 65536 bytes$/)
  expect(
    await talker.pipeline(
      ['SET', 'kept', 'k'],
      ['GET', 'huge'],
      ['MGET', 'small', 'huge'],
      ['APPEND', 'huge', 'x'],
      ['KEYS', 'kept'],
    ),
  ).toMatchObject(['OK', tooLarge, tooLarge, tooLarge, ['kept']])
  expect(fortress.server.groups[3].store.evicted).toBe(0)
  await expect(fetchValue(fortress.server.groups[3], Buffer.from('huge'))).rejects.toThrow(
    'exceeds the budget',
  )
  expect(() => writeValue(fortress.server.groups[3], Buffer.from('k'), Buffer.alloc(BUDGET), 0)).toThrow(
    RangeError,
  )
})

test('SWAPDB and a smaller budget evict what must go, from the least recently used', async () => {
  for (let i = 0; i < 50; i++) await attacker.call('SET', `k${i}`, Buffer.alloc(1000))
  const [, small, other] = fortress.server.groups
  expect(await attacker.call('SWAPDB', 'small', 'other')).toBe('OK')
  expect(other.store.usedBytes).toBeLessThanOrEqual(BUDGET / 2)
  expect(small.store.size).toBe(0)
  await attacker.call('SELECT', 'other')
  expect(await attacker.call('EXISTS', 'k0', 'k49')).toBe(1)
  expect(await attacker.call('CONFIG', 'SET', 'maxmemory:other', 1500)).toBe('OK')
  expect(await attacker.pipeline(['SET', 'k', Buffer.alloc(2048)], ['DBSIZE'])).toMatchObject([
    error(/^OOM /),
    0,
  ])
  expect(await attacker.call('CONFIG', 'SET', 'maxmemory:other', 1)).toMatchObject(error(/must be between/))
})

// Entries that alone exceed the budget of their group: every command that could store one fails, and nothing is evicted.

import { afterEach, beforeEach, expect, test } from 'vitest'
import { fetchValue, writeValue } from '../../src/group/calls.ts'
import type { Argument } from '../support/resp.ts'
import type { RespClient } from '../support/resp-client.ts'
import { AttackedServer, error } from './attacked-server.ts'

const BUDGET = 64 * 1024

/** A value that just fits: not with a deadline, a longer key or one more byte. */
let fitting: Buffer
let target: AttackedServer
let attacker: RespClient
beforeEach(async () => {
  const group = { maxBytes: BUDGET }
  const origin = (key: string): string => (key === 'huge' ? 'h'.repeat(BUDGET) : '1')
  target = await AttackedServer.start({
    groups: { small: group, other: { maxBytes: BUDGET / 2 }, loaded: { ...group, origin } },
  })
  attacker = await target.connect('small')
  const { store } = target.server.groups[1]
  let length = BUDGET
  while (!store.fits(4, length)) length--
  fitting = Buffer.alloc(length, 'b')
})
afterEach(async () => {
  await target.expectIntact()
  await target.close()
})

const TOO_LARGE = 'x'.repeat(BUDGET)
const LONG = 'y'.repeat(BUDGET / 2)

/** Commands on some small keys, `n`, a number, and `long`, half the budget. */
const COMMANDS: readonly (readonly Argument[])[] = [
  ['SET', 'a', TOO_LARGE],
  ['SET', 'new', TOO_LARGE],
  ['SET', TOO_LARGE, ''],
  ['SET', 'a', TOO_LARGE, 'EX', 100],
  ['SET', 'a', TOO_LARGE, 'KEEPTTL'],
  ['SET', 'a', TOO_LARGE, 'GET'],
  ['SET', 'a', TOO_LARGE, 'XX', 'GET'],
  ['SET', 'new', TOO_LARGE, 'NX'],
  ['SETNX', 'new', TOO_LARGE],
  ['SETEX', 'a', 100, TOO_LARGE],
  ['PSETEX', 'a', 100, TOO_LARGE],
  ['GETSET', 'a', TOO_LARGE],
  ['MSET', 'a', 'changed', 'b', TOO_LARGE, 'n', 'changed'],
  ['MSETNX', 'new', '1', 'newer', TOO_LARGE],
  ['APPEND', 'a', TOO_LARGE],
  ['APPEND', 'new', TOO_LARGE],
  ['APPEND', 'long', LONG],
  ['SETRANGE', 'a', BUDGET, 'x'],
  ['SETRANGE', 'new', BUDGET, 'x'],
  ['SETRANGE', 'new', 400 * 2 ** 20, 'x'],
  ['INCR', TOO_LARGE],
  ['INCRBYFLOAT', TOO_LARGE, '1.5'],
  ['RENAME', 'long', LONG],
  ['RENAMENX', 'long', LONG],
  ['COPY', 'long', LONG],
  ['COPY', 'long', 'b', 'DB', 'other', 'REPLACE'],
  ['MOVE', 'long', 'other'],
  ['DEBUG', 'POPULATE', 2, 'p', BUDGET],
]

test('a command that would store an entry larger than the budget changes nothing', async () => {
  await attacker.pipeline(
    ['MSET', 'a', '1', 'b', '2', 'n', '5'],
    ['SET', 'dying', 'x', 'EX', 60],
    ['SET', 'long', LONG],
  )
  const { store } = target.server.groups[1]
  const contents = async (): Promise<unknown> => [
    await attacker.pipeline(
      ['KEYS', '*'],
      ['MGET', 'a', 'b', 'n', 'dying', 'long'],
      ['PTTL', 'dying'],
      ['DBSIZE'],
    ),
    store.usedBytes,
    store.evicted,
    target.server.groups[2].store.size,
  ]
  const before = await contents()
  for (const command of COMMANDS) {
    const shown = command.map((each) => String(each).slice(0, 10)).join(' ')
    expect(await attacker.call(...command), shown).toMatchObject(
      error(
        /^OOM the entry alone exceeds the group's budget of \d+ bytes: raise its maxBytes, or split the value$/,
      ),
    )
    expect(await contents(), shown).toEqual(before)
  }
})

test('an entry that fills the budget can get no deadline, no longer name and no further byte', async () => {
  const { store } = target.server.groups[1]
  expect(await attacker.call('SET', 'full', fitting)).toBe('OK')
  const tooLarge = error(/^OOM /)
  for (const command of [
    ['EXPIRE', 'full', 100],
    ['PEXPIREAT', 'full', 9e12],
    ['GETEX', 'full', 'EX', 100],
    ['SET', 'full', fitting, 'PX', 1000],
    ['SETEX', 'full', 100, fitting],
    ['RENAME', 'full', 'a longer name than this one'],
    ['COPY', 'full', 'a longer name than this one'],
    ['APPEND', 'full', '0123456789abcdefg'],
    ['SETRANGE', 'full', fitting.length, '0123456789abcdefg'],
    ['MOVE', 'full', 'other'],
  ]) {
    expect(await attacker.call(...command), command.join(' ').slice(0, 30)).toMatchObject(tooLarge)
    expect(await attacker.pipeline(['GET', 'full'], ['TTL', 'full'])).toEqual([fitting.toString(), -1])
  }
  expect(store.evicted).toBe(0)
  expect(await attacker.pipeline(['PERSIST', 'full'], ['SET', 'full', fitting], ['DEL', 'full'])).toEqual([
    0,
    'OK',
    1,
  ])
  expect(store.usedBytes).toBe(store.indexBytes)
})

test('loads and embedded writes are limited too', async () => {
  const client = await target.connect('loaded')
  const tooLarge = error(/^ORIGIN loaded: a value of 65536 bytes exceeds the budget of 65536 bytes$/)
  expect(
    await client.pipeline(
      ['SET', 'kept', 'k'],
      ['GET', 'huge'],
      ['MGET', 'small', 'huge'],
      ['APPEND', 'huge', 'x'],
      ['KEYS', 'kept'],
    ),
  ).toMatchObject(['OK', tooLarge, tooLarge, tooLarge, ['kept']])
  expect(target.server.groups[3].store.evicted).toBe(0)
  await expect(fetchValue(target.server.groups[3], Buffer.from('huge'))).rejects.toThrow('exceeds the budget')
  expect(() => writeValue(target.server.groups[3], Buffer.from('k'), Buffer.alloc(BUDGET), 0)).toThrow(
    RangeError,
  )
})

test('SWAPDB and a smaller budget evict the least recently used entries', async () => {
  for (let i = 0; i < 50; i++) await attacker.call('SET', `k${i}`, Buffer.alloc(1000))
  const [, small, other] = target.server.groups
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

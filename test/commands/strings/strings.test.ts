// The string commands where Redis offers no comparison: origins, TTLs of groups, budgets, other types.

import { describe, expect, test } from 'vitest'
import type { Group } from '../../../src/group/group.ts'
import { NULL_REF } from '../../../src/store/arena.ts'
import type { ValueType } from '../../../src/store/record.ts'
import { Harness } from '../../support/harness.ts'

const WRONG_TYPE = '-WRONGTYPE Operation against a key holding the wrong kind of value\r\n'

/** A type that no string command accepts. */
const OTHER: number = 2

/** Room for the index and some values. */
const SMALL = 16 * 1024
const TOO_LARGE = `-OOM the entry alone exceeds the group's budget of ${SMALL} bytes: raise its maxBytes, or split the value\r\n`
const LARGE = 'x'.repeat(SMALL)

/** The remaining TTL of a key in milliseconds; 0: no TTL; undefined: not cached. */
function remainingTtl(harness: Harness, group: Group, key: string): number | undefined {
  const ref = group.store.peek(Buffer.from(key), 0, key.length)
  if (ref === NULL_REF) return undefined
  const deadline = group.store.records.deadline(ref)
  return deadline === 0 ? 0 : deadline - harness.clock.now()
}

/** A group `users` whose origin has every key but those that begin with `no`; `asked` are the loaded keys. */
function withOrigin(ttlMs = 0): { harness: Harness; users: Group; asked: string[] } {
  const asked: string[] = []
  const origin = (key: string): string | null => {
    asked.push(key)
    return key.startsWith('no') ? null : `value of ${key}`
  }
  const harness = new Harness({ groups: { users: { origin, ttlMs } } })
  return { harness, users: harness.group('users'), asked }
}

describe('in a group with an origin', () => {
  test('a miss loads once for all waiting clients', async () => {
    const { harness, asked } = withOrigin()
    const replies = await Promise.all([harness.call('GET', 'a'), harness.connect().call('GET', 'a')])
    expect(replies).toEqual(['value of a', 'value of a'])
    expect(asked).toEqual(['a'])
  })

  test('MGET loads what is missing, each key once', async () => {
    const { harness, asked } = withOrigin()
    await harness.call('SET', 'b', '1')
    expect(await harness.call('MGET', 'a', 'b', 'none', 'a', 'c')).toEqual([
      'value of a',
      '1',
      null,
      'value of a',
      'value of c',
    ])
    expect(asked).toEqual(['a', 'none', 'c'])
  })

  test('SET loads only to answer with the old value', async () => {
    const { harness, asked } = withOrigin()
    expect(await harness.call('SET', 'a', '1')).toBe('OK')
    expect(await harness.call('SET', 'b', '1', 'EX', '10')).toBe('OK')
    expect(asked).toEqual([])
    expect(await harness.call('SET', 'c', '1', 'get')).toBe('value of c')
    expect(await harness.call('GETSET', 'd', '1')).toBe('value of d')
    expect(await harness.call('SET', 'none', '1', 'GET')).toBeNull()
    expect(asked).toEqual(['c', 'd', 'none'])
    expect(await harness.call('MGET', 'a', 'b', 'c', 'd', 'none')).toEqual(['1', '1', '1', '1', '1'])
    expect(asked).toHaveLength(3)
  })

  test('NX and XX ask whether the key is cached, unless GET has loaded it', async () => {
    const { harness, asked } = withOrigin()
    expect(await harness.call('SET', 'a', '1', 'XX')).toBeNull()
    expect(await harness.call('SET', 'a', '1', 'NX')).toBe('OK')
    expect(await harness.call('SETNX', 'b', '1')).toBe(1)
    expect(await harness.call('MSETNX', 'c', '1', 'd', '1')).toBe(1)
    expect(asked).toEqual([])
    expect(await harness.call('SET', 'e', '1', 'NX', 'GET')).toBe('value of e')
    expect(await harness.call('GET', 'e')).toBe('value of e')
    expect(await harness.call('SET', 'f', '1', 'GET', 'XX')).toBe('value of f')
    expect(await harness.call('GET', 'f')).toBe('1')
  })

  test('GETEX and GETDEL load first', async () => {
    const { harness, users, asked } = withOrigin()
    expect(await harness.call('GETEX', 'a', 'PX', '50')).toBe('value of a')
    expect(remainingTtl(harness, users, 'a')).toBe(50)
    expect(await harness.call('GETDEL', 'b')).toBe('value of b')
    expect(remainingTtl(harness, users, 'b')).toBeUndefined()
    expect(await harness.call('GETDEL', 'none')).toBeNull()
    expect(asked).toEqual(['a', 'b', 'none'])
  })

  test('a negative entry behaves like a missing key', async () => {
    const harness = new Harness({ groups: { users: { origin: () => null, negativeTtlMs: 1000 } } })
    expect(await harness.call('GET', 'a')).toBeNull()
    expect(harness.group('users').store.absent).toBe(1)
    expect(await harness.call('SET', 'a', '1', 'XX')).toBeNull()
    expect(await harness.call('SET', 'a', '1', 'GET')).toBeNull()
    expect(await harness.call('SETNX', 'a', '2')).toBe(0)
    expect(harness.group('users').store.absent).toBe(0)
  })
})

describe('TTLs', () => {
  test('a value without a TTL gets the TTL of its group', async () => {
    const harness = new Harness({ groups: { cache: { ttlMs: 500 } } })
    const [cache] = harness.groups
    await harness.call('SET', 'a', '1')
    await harness.call('MSET', 'b', '1')
    await harness.call('SET', 'c', '1', 'PX', '70')
    await harness.call('SET', 'd', '1', 'KEEPTTL')
    expect(['a', 'b', 'c', 'd'].map((key) => remainingTtl(harness, cache, key))).toEqual([500, 500, 70, 500])
    harness.clock.advance(100)
    await harness.call('SET', 'a', '1')
    await harness.call('SET', 'b', '1', 'KEEPTTL')
    await harness.call('GETEX', 'd', 'PERSIST')
    await harness.call('SET', 'd', '2', 'KEEPTTL')
    expect(['a', 'b', 'c', 'd'].map((key) => remainingTtl(harness, cache, key))).toEqual([
      500,
      400,
      undefined,
      0,
    ])
  })

  test('a deadline in the past is accepted, and the key expires at the next access; GETEX removes it at once', async () => {
    const harness = new Harness()
    const { store } = harness.group('cache')
    expect(await harness.call('SET', 'a', '1', 'EXAT', '1')).toBe('OK')
    expect(store.size).toBe(1)
    expect(await harness.call('GET', 'a')).toBeNull()
    expect(store.size).toBe(0)
    await harness.call('SET', 'a', '1')
    expect(await harness.call('GETEX', 'a', 'PXAT', harness.clock.now())).toBe('1')
    expect(store.size).toBe(0)
  })

  test('times beyond 2^53 are kept to the millisecond', async () => {
    const harness = new Harness()
    for (const [name, last] of [
      ['SET', '9223372036854775806'],
      ['GETEX', '9007199254740993'],
    ]) {
      await harness.call('SET', 'a', '1')
      await harness.call(...(name === 'SET' ? ['SET', 'a', '1'] : ['GETEX', 'a']), 'PXAT', last)
      expect(await harness.raw('PEXPIRETIME', 'a')).toBe(`:${last}\r\n`)
      await harness.call('SET', 'a', '2', 'KEEPTTL')
      expect(await harness.raw('PEXPIRETIME', 'a')).toBe(`:${last}\r\n`)
    }
    await harness.call('SET', 'a', '1', 'EX', '9223370000000000')
    const wanted = 9_223_370_000_000_000_000n + BigInt(harness.clock.now())
    expect(await harness.raw('PEXPIRETIME', 'a')).toBe(`:${wanted}\r\n`)
  })
})

describe('a value that alone exceeds the budget', () => {
  const commands = [
    ['SET', 'a', LARGE],
    ['SET', 'a', LARGE, 'KEEPTTL'],
    ['SET', 'a', LARGE, 'GET', 'EX', '10'],
    ['GETSET', 'a', LARGE],
    ['SETEX', 'a', '10', LARGE],
    ['SETNX', 'none', LARGE],
    ['MSET', 'none', '1', 'a', LARGE],
    ['MSETNX', 'none', '1', 'other', LARGE],
    ['APPEND', 'a', LARGE],
    ['APPEND', 'none', LARGE],
    ['SETRANGE', 'a', SMALL, 'x'],
    ['SETRANGE', 'none', SMALL, 'x'],
  ]
  for (const command of commands) {
    test(`${command.join(' ').replace(LARGE, '…')}: refused, and nothing is evicted`, async () => {
      const harness = new Harness({ groups: { cache: { maxBytes: SMALL } } })
      await harness.call('MSET', 'a', 'old', 'b', 'other')
      expect(await harness.raw(...command)).toBe(TOO_LARGE)
      expect(await harness.call('MGET', 'a', 'b', 'none')).toEqual(['old', 'other', null])
      expect(harness.group('cache').store.evicted).toBe(0)
    })
  }

  test('GETEX refuses a deadline for which there is no room', async () => {
    const harness = new Harness({ groups: { cache: { maxBytes: SMALL } } })
    let length = SMALL
    while ((await harness.raw('SET', 'a', 'x'.repeat(length))) !== '+OK\r\n') length--
    expect(await harness.raw('GETEX', 'a', 'EX', '10')).toBe(TOO_LARGE)
    expect(await harness.call('STRLEN', 'a')).toBe(length)
  })
})

test('other types: refused where Redis refuses them, replaced where it replaces them', async () => {
  const harness = new Harness()
  const { store } = harness.group('cache')
  const key = Buffer.from('k')
  const refused = [
    'GET k',
    'SET k 1 GET',
    'SET k 1 NX GET',
    'GETSET k 1',
    'GETEX k',
    'GETEX k EX 0',
    'GETDEL k',
    'STRLEN k',
    'APPEND k x',
    'GETRANGE k 0 1',
    'SETRANGE k 0 x',
    'SETRANGE k 0 ',
    'INCR k',
    'INCRBY k 9223372036854775807',
    'INCRBYFLOAT k 1',
  ]
  store.put(key, 0, 1, key, 0, 1, OTHER as ValueType, 0)
  for (const command of refused) expect(await harness.raw(...command.split(' ')), command).toBe(WRONG_TYPE)
  expect(await harness.raw('LCS', 'k', 'none')).toBe('-ERR The specified keys must contain string values\r\n')
  expect(await harness.call('MGET', 'k')).toEqual([null])
  expect(await harness.call('SETNX', 'k', '1')).toBe(0)
  expect(await harness.call('SET', 'k', '1')).toBe('OK')
  expect(await harness.call('GET', 'k')).toBe('1')
})

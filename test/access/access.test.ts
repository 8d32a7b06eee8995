import { describe, expect, test } from 'vitest'
import { Access } from '../../src/access/access.ts'
import { AccessLog, type Refused } from '../../src/access/log.ts'
import { LoginDelays } from '../../src/access/login-delays.ts'
import type { User } from '../../src/access/user.ts'
import { createCommandTable } from '../../src/execution/table.ts'

const catalog = createCommandTable()

function withUser(rules: string): { readonly access: Access; readonly user: User } {
  const access = new Access(catalog)
  expect(access.users.set('u', rules.match(/\([^)]*\)|\S+/g) ?? [])).toBeUndefined()
  return { access, user: access.users.get('u') as User }
}

describe('authenticate', () => {
  const is = (rules: string, name: string, password: string): boolean =>
    withUser(rules).access.authenticate(name, Buffer.from(password)) !== undefined

  test.each([
    ['on >a >b', 'u', 'a', true],
    ['on >a >b', 'u', 'b', true],
    ['on >a', 'u', 'A', false],
    ['on >a', 'u', '', false],
    ['on >a', 'U', 'a', false],
    ['off >a', 'u', 'a', false],
    ['off nopass', 'u', 'a', false],
    ['on nopass', 'u', 'a', true],
    ['on', 'u', '', false],
    ['on >a <a', 'u', 'a', false],
    ['on >a', 'nobody', 'a', false],
  ])('with %j: %s %s → %s', (rules, name, password, isRight) => {
    expect(is(rules, name, password)).toBe(isRight)
  })
})

describe('check', () => {
  test.each([
    ['+@all ~* &*', 'get', 'a', 'k', undefined],
    ['+get ~k', 'get', 'a', 'k', undefined],
    ['+get ~k', 'get', 'a', 'x', 'key'],
    ['+get ~k', 'set', 'a', 'k', 'command'],
    ['+get', 'nosuch', 'a', 'k', 'command'],
    ['+get %W~k', 'get', 'a', 'k', 'key'],
    ['+lpush %W~k', 'lpush', 'a', 'k', undefined],
    ['+exists %W~k', 'exists', 'a', 'k', undefined],
    ['+get ~* @group:b', 'get', 'a', 'k', 'group'],
    ['+get ~* @group:a*', 'get', 'abc', 'k', undefined],
    ['+ping @group:b', 'ping', 'a', undefined, undefined],
    ['+dbsize @group:b', 'dbsize', 'a', undefined, 'group'],
    ['+config|get', 'config|get', 'a', undefined, undefined],
    ['+config|get', 'config|set', 'a', undefined, 'command'],
    ['', 'auth', 'a', undefined, undefined],
    ['(+get ~x) (+set ~k)', 'get', 'a', 'k', 'key'],
    ['@group:b (+get ~k)', 'get', 'a', 'k', 'group'],
    ['@group:b (+get ~k allgroups)', 'get', 'a', 'k', undefined],
    ['@group:b (+get ~k @group:a)', 'get', 'a', 'k', undefined],
  ])('%j: %s in %s on %s lacks %s', (rules, command, group, key, lacks) => {
    const { access, user } = withUser(rules)
    expect(access.check(user, command, group, key === undefined ? undefined : Buffer.from(key))).toBe(lacks)
  })
})

describe('the log', () => {
  const refused: Refused = {
    reason: 'key',
    context: 'toplevel',
    object: 'k',
    username: 'u',
    clientInfo: 'id=1',
  }

  test('counts what repeats within a minute, and moves it to the front', () => {
    const log = new AccessLog()
    log.add(refused, 1000)
    log.add({ ...refused, object: 'other' }, 2000)
    log.add({ ...refused, clientInfo: 'id=2' }, 61_000)
    expect(log.entries).toMatchObject([
      { object: 'k', count: 2, id: 0, createdAt: 1000, updatedAt: 61_000, clientInfo: 'id=2' },
      { object: 'other', count: 1, id: 1 },
    ])
    log.add(refused, 121_001)
    expect(log.entries.map(({ id, count }) => [id, count])).toEqual([
      [2, 1],
      [0, 2],
      [1, 1],
    ])
  })

  test('is limited in entries and in their size', () => {
    const log = new AccessLog()
    for (let i = 0; i < 200; i++) log.add({ ...refused, object: `${i}` }, i)
    expect(log.entries.length).toBe(128)
    expect(log.entries[0].object).toBe('199')
    log.maxLength = 5
    expect(log.entries.length).toBe(5)
    log.add({ ...refused, object: 'x'.repeat(2 ** 20) }, 300)
    expect(log.entries[0].object.length).toBe(1024)
    expect(log.entries.length).toBe(5)
    log.maxLength = 0
    log.add(refused, 400)
    expect(log.entries).toEqual([])
  })
})

describe('failed logins', () => {
  test('make an address wait, longer and longer, and are forgotten', () => {
    const delays = new LoginDelays()
    const waits: number[] = []
    for (let i = 0; i < 17; i++) {
      waits.push(delays.waitOf('a', 1000))
      delays.failed('a', 1000)
    }
    expect(waits).toEqual([...new Array(10).fill(0), 50, 100, 200, 400, 800, 1000, 1000])
    expect(delays.waitOf('b', 1000)).toBe(0)
    expect(delays.waitOf('a', 1000 + 4999)).toBe(1000)
    expect(delays.waitOf('a', 1000 + 5 * 5000)).toBe(200)
    expect(delays.waitOf('a', 1000 + 8 * 5000)).toBe(0)
    expect(delays.waitOf('a', 1000 + 1_000_000)).toBe(0)
  })

  test('of many addresses take bounded memory', () => {
    const delays = new LoginDelays()
    for (let i = 0; i < 20; i++) delays.failed('first', 0)
    for (let i = 0; i < 20_000; i++) delays.failed(`address ${i}`, 0)
    expect(delays.waitOf('first', 0)).toBe(0)
    for (let i = 0; i < 20; i++) delays.failed('last', 0)
    expect(delays.waitOf('last', 0)).toBe(1000)
  })
})

// Keys and values that might be mistaken for something else: names that objects inherit, invalid numbers, all bytes.

import { describe, expect, test } from 'vitest'
import { error, sharedServer } from './attacked-server.ts'
import { commands, NO_GROUP, NOT_AN_INTEGER, withCount } from './commands.ts'

const NAMES = ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'valueOf', '__defineGetter__']

const { attacker, target } = sharedServer()

describe('names that objects inherit', () => {
  const inherited = Object.getOwnPropertyNames(Object.prototype).sort()

  test('are keys like any other', async () => {
    for (const name of NAMES) {
      expect(
        await attacker().pipeline(
          ['DEL', name],
          ['GET', name],
          ['SET', name, 'constructor'],
          ['APPEND', name, name],
          ['EXISTS', name],
          ['OBJECT', 'ENCODING', name],
          ['COPY', name, 'copy', 'REPLACE'],
          ['GET', 'copy'],
          ['KEYS', name],
          ['DEL', name, 'copy'],
        ),
      ).toEqual([
        expect.any(Number),
        null,
        'OK',
        11 + name.length,
        1,
        'raw',
        1,
        `constructor${name}`,
        [name],
        2,
      ])
    }
    await attacker().call('SET', '__proto__', 'no prototype')
  })

  test('are keys that are loaded from an origin', async () => {
    const client = await target().connect('loaded')
    for (const name of NAMES)
      expect(await client.pipeline(['GET', name], ['MGET', name, name], ['EXPLAIN', name])).toEqual([
        null,
        [null, null],
        expect.any(Array),
      ])
  })

  test('are groups like any other', async () => {
    const client = await target().connect()
    for (const [index, name] of ['cache', '__proto__', 'constructor', 'toString'].entries()) {
      expect(await client.call('SELECT', name)).toBe('OK')
      expect(await client.call('GROUP', 'INFO', name)).toEqual(expect.arrayContaining(['index', index]))
      expect(await client.call('CONFIG', 'GET', `maxmemory:${name}`)).toEqual([
        `maxmemory:${name}`,
        '268435456',
      ])
    }
    expect(
      await client.pipeline(['SELECT', '__proto__'], ['SET', 'k', 'v'], ['MOVE', 'k', 'constructor']),
    ).toEqual(['OK', 'OK', 1])
    expect(
      await client.pipeline(
        ['SWAPDB', '__proto__', 'constructor'],
        ['GET', 'k'],
        ['COPY', 'k', 'k', 'DB', 'toString'],
      ),
    ).toEqual(['OK', 'v', 1])
    expect(await client.call('CONFIG', 'SET', 'maxmemory:__proto__', '1mb')).toBe('OK')
    expect(target().server.groups.map(({ store }) => store.maxBytes)).toEqual([
      2 ** 28,
      2 ** 20,
      2 ** 28,
      2 ** 28,
      2 ** 28,
    ])
    for (const name of ['hasOwnProperty', 'valueOf', '__defineGetter__'])
      expect(await client.call('SELECT', name)).toMatchObject(error(NO_GROUP))
  })

  // Commands that close the connection, remove everything, or queue what follows.
  const SKIPPED = new Set(['quit', 'monitor', 'shutdown', 'flushall', 'multi'])

  for (const command of commands.filter(({ fullName }) => !SKIPPED.has(fullName))) {
    test(`are harmless arguments of ${command.fullName}`, async () => {
      const client = await target().connect('constructor')
      const least = Math.abs(command.arity)
      for (const name of NAMES) {
        for (let count = least; count < (command.arity < 0 ? least + 4 : least + 1); count++) {
          const replies = await client.pipeline(
            withCount(command, count, name),
            ['CLIENT', 'REPLY', 'ON'],
            ['PING'],
          )
          expect(replies).not.toMatchObject([error('ERR internal error'), 'OK', 'PONG'])
          expect(replies.slice(-2)).toEqual(['OK', 'PONG'])
        }
      }
      client.socket.destroy()
    })
  }

  test('are unchanged: nothing was added to Object.prototype', () => {
    expect(Object.getOwnPropertyNames(Object.prototype).sort()).toEqual(inherited)
    expect(({} as Record<string, unknown>).timeout).toBeUndefined()
  })
})

describe('invalid numbers', () => {
  const MAX = '9223372036854775807'

  test('overflow', async () => {
    await attacker().call('MSET', 'max', MAX, 'min', '-9223372036854775808', 'text', 'x')
    const overflow = error('ERR increment or decrement would overflow')
    expect(
      await attacker().pipeline(
        ['INCR', 'max'],
        ['INCRBY', 'max', MAX],
        ['DECRBY', 'max', '-1'],
        ['DECR', 'min'],
        ['INCRBY', 'min', '-1'],
        ['DECRBY', 'min', MAX],
      ),
    ).toMatchObject(new Array(6).fill(overflow))
    expect(await attacker().call('DECRBY', 'max', '-9223372036854775808')).toMatchObject(
      error('ERR decrement would overflow'),
    )
    expect(await attacker().call('MGET', 'max', 'min')).toEqual([MAX, '-9223372036854775808'])
  })

  test('that are not integers', async () => {
    for (const wrong of [
      '',
      ' ',
      '1.0',
      '1e3',
      '0x10',
      '+1',
      '01',
      '-0',
      '1 ',
      ' 1',
      '1\0',
      'NaN',
      'inf',
      `${MAX}0`,
      '\xb2',
    ]) {
      const replies = await attacker().pipeline(
        ['INCRBY', 'max', wrong],
        ['DECRBY', 'max', wrong],
        ['EXPIRE', 'max', wrong],
        ['GETRANGE', 'max', wrong, '1'],
        ['SETRANGE', 'max', wrong, 'x'],
        ['SETEX', 'max', wrong, 'x'],
      )
      expect(replies, wrong).toMatchObject(new Array(6).fill(error(NOT_AN_INTEGER)))
    }
    expect(await attacker().call('INCR', 'text')).toMatchObject(error(NOT_AN_INTEGER))
    expect(await attacker().call('GET', 'max')).toBe(MAX)
  })

  test('that are not floats, and infinite sums', async () => {
    await attacker().call('MSET', 'huge', '1e4932', 'text', 'x')
    for (const wrong of ['', ' 1', '1 ', 'nan', 'NaN', '-nan', '1..0', '1e', '--1', '1\0', 'infinit', '0x'])
      expect(await attacker().call('INCRBYFLOAT', 'huge', wrong), wrong).toMatchObject(
        error('ERR value is not a valid float'),
      )
    for (const infinite of ['inf', '+inf', '-Infinity', '1e5000'])
      expect(await attacker().call('INCRBYFLOAT', 'huge', infinite), infinite).toMatchObject(
        error(/^ERR (increment would produce NaN or Infinity|value is not a valid float)$/),
      )
    expect(await attacker().call('INCRBYFLOAT', 'text', '1')).toMatchObject(
      error('ERR value is not a valid float'),
    )
    expect(await attacker().call('GET', 'huge')).toBe('1e4932')
    expect(await attacker().call('DEL', 'huge', 'text', 'max', 'min')).toBe(4)
  })
})

test('every byte is a key and a value, and so is the empty string', async () => {
  const bytes = Array.from({ length: 256 }, (_, i) => String.fromCharCode(i))
  const all = bytes.join('')
  const client = await target().connect('constructor')
  const keys = ['', ...bytes, all, all.repeat(300)]
  expect(await client.pipeline(...keys.map((key) => ['SET', key, `${key}${all}`]))).toEqual(
    keys.map(() => 'OK'),
  )
  expect(await client.call('MGET', ...keys)).toEqual(keys.map((key) => `${key}${all}`))
  expect(((await client.call('KEYS', '*')) as string[]).sort()).toEqual([...keys].sort())
  for (const key of keys) {
    expect(
      await client.pipeline(['RENAME', key, 'moved'], ['STRLEN', 'moved'], ['RENAME', 'moved', key]),
    ).toEqual(['OK', key.length + 256, 'OK'])
  }
  expect(await client.call('DEL', ...keys)).toBe(keys.length)
})

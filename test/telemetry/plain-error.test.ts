// What the log is told of an error: nothing that a driver attached to it.

import { expect, test } from 'vitest'
import { plainError } from '../../src/telemetry/plain-error.ts'

test('an error is its name, message, code and causes', () => {
  const cause = Object.assign(new TypeError('bad'), { socket: { secret: 1 } })
  const error = Object.assign(new Error('no login', { cause }), {
    code: '28P01',
    secretKey: 7,
    command: { name: 'auth', args: ['secret'] },
    client: { password: 'secret' },
  })
  const plain = plainError(error) as Error
  expect([plain.name, plain.message, plain.stack]).toEqual(['Error', 'no login', 'Error: no login'])
  expect(Object.entries(plain)).toEqual([['code', '28P01']])
  const found = plain.cause as Error
  expect([found.name, found.message, Object.keys(found)]).toEqual(['TypeError', 'bad', []])
})

test('a stack is kept where it is wanted, and passwords of URLs are not', () => {
  const error = new Error('cannot read postgres://app:p4ss@h/db or redis://:p4ss@h')
  const plain = plainError(error, true) as Error
  expect(plain.message).toBe('cannot read postgres://app:***@h/db or redis://:***@h')
  expect(plain.stack).toMatch(/^Error: cannot read postgres:\/\/app:\*\*\*@h\/db[\s\S]*plain-error.test/)
  expect(plainError('at http://u:p@h')).toBe('at http://u:***@h')
})

test('errors of several attempts, and circular causes', () => {
  const several = plainError(new AggregateError([Object.assign(new Error('one'), { x: 1 })], 'all'))
  expect((several as AggregateError).errors.map((each) => [each.message, Object.keys(each)])).toEqual([
    ['one', []],
  ])
  const error = new Error('round')
  error.cause = error
  expect((plainError(error) as Error).message).toBe('round')
  expect(plainError({ secret: 1 })).toBe('[object Object]')
})

// Database errors after a write: whether the write may have been applied.

import { expect, test } from 'vitest'
import { isBadRequest, isNotApplied } from '../../../src/group/origin.ts'
import { statementError, worded } from '../../../src/origin/sql/driver.ts'

test.each<[string, object, boolean]>([
  ['a transaction that only reads', { code: '25006' }, true],
  ['a password that is wrong', { code: '28P01' }, true],
  ['too many connections', { code: '53300' }, true],
  ['a server that starts', { code: '57P03' }, true],
  ['a user that is denied (MySQL)', { code: 'ER_ACCESS_DENIED_ERROR', sqlState: '28000' }, true],
  ['no server', { code: 'ECONNREFUSED' }, true],
  ['a server that is shut down', { code: '57P01' }, false],
  ['a connection that failed', { code: '08006' }, false],
  ['a deadlock (MySQL)', { code: 'ER_LOCK_DEADLOCK', sqlState: '40001' }, false],
  ['a broken connection', { code: 'ECONNRESET' }, false],
])('%s', (_, facts, isSure) => {
  const error = worded(Object.assign(new Error('no'), facts))
  expect([error.message, isBadRequest(error), isNotApplied(error)]).toEqual(['no', false, isSure])
})

test('all addresses of a host refuse the connection, with an error without a message', () => {
  const refused = Object.assign(new Error('no server'), { code: 'ECONNREFUSED', syscall: 'connect' })
  const error = worded(new AggregateError([refused, refused], ''))
  expect([error.message, isNotApplied(error)]).toEqual(['no server', true])
})

test('a rejected value is not retried', () => {
  expect(isBadRequest(worded(statementError(new Error('too long'), '22001')))).toBe(true)
})

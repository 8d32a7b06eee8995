// Which statements a hash is written by, with a driver that records them.

import { expect, test } from 'vitest'
import type { ChangeValue, Driver } from '../../../src/origin/sql/driver.ts'
import { HashWriter } from '../../../src/origin/sql/hash-writer.ts'

test('fields that have changed are written alone, a hash of which no change is known as a whole', async () => {
  const { signal } = new AbortController()
  const ran: (readonly [string, readonly ChangeValue[]])[] = []
  const driver: Pick<Driver, 'prepare'> = {
    prepare: async (sql) => async (values) => ran.push([sql.replaceAll(/ +/g, ' '), values]),
  }
  const writer = await HashWriter.prepare(
    'update users set name = :name, note = :note where id = :key',
    '$1',
    ['name', 'note'],
    driver as Driver,
    signal,
  )
  const fields = new Map([['name', Buffer.from('Tom')]])
  await writer.write('1', fields, { set: fields, removed: [] }, signal)
  await writer.write('1', fields, { set: new Map(), removed: ['note'] }, signal)
  // It may have a note at the source, which the cache does not know of.
  await writer.write('1', fields, undefined, signal)
  expect(ran).toEqual([
    ['update users set name = $1 where id = $2', [Buffer.from('Tom'), '1']],
    ['update users set note = $1 where id = $2', [null, '1']],
    ['update users set name = $1, note = $2 where id = $3', [Buffer.from('Tom'), null, '1']],
  ])
})

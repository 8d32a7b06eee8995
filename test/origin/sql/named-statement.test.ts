// Statements whose parameters have names: where they are, and which assignments of an UPDATE are sent.

import { expect, test } from 'vitest'
import { NamedStatement } from '../../../src/origin/sql/named-statement.ts'

const all = (): boolean => true

test.each([
  ['set :a, :b where :key', 'set $1, $2 where $3', ['a', 'b', 'key']],
  [
    'values (:a, :b) on conflict do update set x = :a',
    'values ($1, $2) on conflict do update set x = $1',
    ['a', 'b'],
  ],
  [
    `select ':a', "x:a", \`:a\`, a::text, :a::text, x := 1 -- :a\n /* :a */ from t`,
    `select ':a', "x:a", \`:a\`, a::text, $1::text, x := 1 -- :a\n /* :a */ from t`,
    ['a'],
  ],
  [
    `select E'it\\'s :a', 'it''s :a', $$ :a $$, $x$ :a $$ $x$, :a`,
    `select E'it\\'s :a', 'it''s :a', $$ :a $$, $x$ :a $$ $x$, $1`,
    ['a'],
  ],
  ['values (12:30)', 'values (12:30)', []],
  ["unfinished 'string :a", "unfinished 'string $1", ['a']],
])('%s', (sql, placed, names) => {
  expect(new NamedStatement(sql).placed('$1', all)).toEqual({ sql: placed, names })
})

test('places without numbers repeat the value', () => {
  const statement = new NamedStatement('insert into t values (:key, :a) on duplicate key update x = :a')
  expect([...statement.names]).toEqual(['key', 'a'])
  expect(statement.placed('?', () => false)).toEqual({
    sql: 'insert into t values (?, ?) on duplicate key update x = ?',
    names: ['key', 'a', 'a'],
  })
})

test.each([
  ['update t set a = :a, b = :b where id = :key', 'update t set a = ? where id = ?'],
  ['UPDATE t SET b = :b,a = coalesce(:a, :b, 1)', 'UPDATE t SET a = coalesce(?, ?, 1)'],
  ['update t set at = now(), b = :b, a = :a returning a', 'update t set at = now(), a = ? returning a'],
  ['/* set */ update "set" set (b, c) = (:b, 1), a = :a from x', '/* set */ update "set" set  a = ? from x'],
  // Without an assignment that is needed, all are kept.
  ['update t set b = :b where a = :a', 'update t set b = ? where a = ?'],
  ['with x as (select 1) update t set a = :a, b = :b', 'with x as (select 1) update t set a = ?, b = ?'],
])('%s: only the assignments of a are sent', (sql, sent) => {
  const placed = new NamedStatement(sql).placed('?', (name) => name === 'a')
  expect(placed.sql.replaceAll(/ +/g, ' ').trim()).toBe(sent.replaceAll(/ +/g, ' '))
  expect(placed.names.length).toBe(sent.split('?').length - 1)
})

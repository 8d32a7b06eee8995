// The column that a query compares with its parameter is added to its columns, or the query is left alone.

import { expect, test } from 'vitest'
import { keyedQuery } from '../../../src/origin/sql/key-column.ts'

test.each([
  ['select name from users where id = ?', 'select name , id from users where id = ?'],
  ['SELECT name FROM users WHERE id=$1', 'SELECT name , id FROM users WHERE id=$1'],
  ['select * from users u where u.id = ?1 limit 1;', 'select * , u.id from users u where u.id = ?1 limit 1;'],
  ['select a from t where ? = "my id"', 'select a , "my id" from t where ? = "my id"'],
  ['select a from t where `t`.`id` = ?', 'select a , `t`.`id` from t where `t`.`id` = ?'],
  ['select a from t where id = $1::int and b', 'select a , id from t where id = $1::int and b'],
  ['select a from t where id = cast(? as unsigned)', 'select a , id from t where id = cast(? as unsigned)'],
  ['select a from t where b = 1 and id == ?', 'select a , id from t where b = 1 and id == ?'],
  [
    "select concat(a, '?'), extract(year from d), x is distinct from y from t where (b or c) and id = ? order by 1",
    "select concat(a, '?'), extract(year from d), x is distinct from y , id from t where (b or c) and id = ? order by 1",
  ],
  [
    'with x as (select 1 from y) select a from t join x on x.b = t.b where t.id = ? -- why?',
    'with x as (select 1 from y) select a , t.id from t join x on x.b = t.b where t.id = ? -- why?',
  ],
  ['select a from t where (id = ?)', 'select a , id from t where (id = ?)'],
  ['select a from t where ((t.id) = (?))', 'select a , t.id from t where ((t.id) = (?))'],
  [
    'select a from t where b and (id = ? and (c or d))',
    'select a , id from t where b and (id = ? and (c or d))',
  ],
  ['select a from t where id in (?)', 'select a , id from t where id in (?)'],
  ['select a from t where (id) in ((?)) limit 1', 'select a , id from t where (id) in ((?)) limit 1'],
  ['select a from t join u on (u.id = ?)', 'select a , u.id from t join u on (u.id = ?)'],
  ['select a from t where id = convert(?, signed)', 'select a , id from t where id = convert(?, signed)'],
  ['select a from t where id = ? having a', 'select a , id from t where id = ? having a'],
  ["select a from t where b = 'c\\d' and id = ?", "select a , id from t where b = 'c\\d' and id = ?"],
])('%s', (sql, keyed) => {
  expect(keyedQuery(sql)).toBe(keyed)
})

test.each([
  'select $1::text',
  'select name from users where id = lower(?)',
  'select name from users where lower(name) = ?',
  'select name from users where id = ? or mail = 1',
  'select name from users where id = ? + 1',
  'select name from users where x + id = ?',
  'select name from users where id = $1 or mail = $1',
  'select name from users where id = $1 and mail = $1',
  'select name from users where not id = ?',
  'select name from users where id > ?',
  'select name from (select * from users where id = ?) u',
  'select name from users where id = ? union select name from old',
  'select name from users where id not in (?)',
  'select name from users where id in (?, 5)',
  'select name from users where not (id = ?)',
  'select name from users where (id = ? or mail = 1)',
  'select name from users where (id = ?) = hidden',
  'select name from users where (id, mail) = (?, mail)',
  'select name from users where (a + id) = ?',
  'select name from users where lower((id)) = ?',
  'select name from users where exists (select 1 from old where id = ?)',
  "select name from users where id = ? and x = 'a\\'b'",
  'select name from users where id = ? and x = $$a$$',
  'call find(?)',
  'select ? as id',
  'delete from users where id = ?',
  'update users set a = 1 where id = ? returning a',
])('left alone: %s', (sql) => {
  expect(keyedQuery(sql)).toBe(undefined)
})

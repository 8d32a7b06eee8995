import { expect, test } from 'vitest'
import { scanSql } from '../../../src/origin/sql/sqlite-scan.ts'

test.each([
  ['select 1', 0],
  ['select v from t where k = ?', 1],
  ['insert into t values (?, ?)', 2],
  ['select v from t where k = ?1 or l = ?1', 1],
  ['insert into t values (?2, ?1)', 2],
  ['insert into t values (?1, ?3)', 3],
  ["select '?', ''' ?', \"?\", `?`, [?] from t where k = ? -- ?", 1],
  ['select 1 /* ? */ where ? /* not closed ?', 1],
  ['select v from t$1 where k = ?', 1],
])('%s has %i parameters', (sql, parameters) => {
  expect(scanSql(sql)).toMatchObject({ statements: 'one', parameters, isMixed: false })
})

test.each(['select ? + ?1', 'select :a', 'select @a', 'select $a', 'select ?, :a'])('%s is mixed', (sql) => {
  expect(scanSql(sql).isMixed).toBe(true)
})

test.each([
  ['', 'none'],
  [' -- select 1\n;; /* select 2 */', 'none'],
  ["select ';' -- ; select 2\n ; ", 'one'],
  ['select 1; select 2', 'many'],
])('%j: %s', (sql, statements) => {
  expect(scanSql(sql).statements).toBe(statements)
})

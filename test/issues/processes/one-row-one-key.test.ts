// `GET user:1abc` answered user 1: databases find a row by other texts than that of its key.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { SqlOrigin } from '../../../src/origin/sql/sql.ts'
import { bulk, context, sqlOrigin, textOf } from '../../origin/sql/origins.ts'
import { describeWithMariadb } from '../../support/mariadb.ts'
import { describeWithPostgres } from '../../support/postgres.ts'
import { describeEachSqlite } from '../../support/sqlite.ts'

const quiet = { info: () => undefined, warn: () => undefined }

/** Loads the keys one by one and together, and closes the origin. */
async function found(origin: SqlOrigin, keys: readonly string[]): Promise<(string | null)[]> {
  const one = await Promise.all(keys.map((key) => textOf(origin, key)))
  expect(await bulk(origin, keys)).toEqual(one)
  await origin.close()
  return one
}

/** What else databases take for the integer 1, or refuse. */
const SPELLINGS = ['1abc', ' 1', '1 ', '1.0', '1e0', '01', '+1', '0x1', '1_0', '1\n', 'abc', '١']

describeWithMariadb('MariaDB', (mariadb) => {
  beforeAll(async () => {
    await mariadb().run(`
      create table users (id int primary key, name text);
      insert into users values (0, 'zero'), (1, 'one');
      create table words (word varchar(20) primary key, value text) collate utf8mb4_general_ci;
      insert into words values ('Tom', '630'), ('Jack ', '589');
      create table prices (price decimal(9, 2), day datetime, part double, name text);
      insert into prices values (1.5, '2024-01-31 12:30:00', 0.5, 'found');
    `)
  })

  test.each([
    'select name from users where id = ?',
    'select u.name from users as u where u.id = cast(? as signed) limit 1',
    'select name from users where ? = id',
    'select name from users where (id = ?)',
    'select name from users where ((users.id) = (?)) and true',
    'select name from users where id in (?)',
    'select name from users where id = convert(?, signed)',
    'select name from users where id = ? having true',
    "select name from users where name <> 'a\\\\b' and id = ?",
  ])('an integer has one spelling: %s', async (query) => {
    const options = { url: mariadb().url, keys: 'user:{id}', query }
    const batchQuery = 'select id, name from users where id in (?)'
    const keys = ['user:1', ...SPELLINGS.map((text) => `user:${text}`), 'user:0', 'user:']
    const names = ['one', ...SPELLINGS.map(() => null), 'zero', null]
    expect(await found(sqlOrigin({ ...options, batchQuery }), keys)).toEqual(names)
  })

  test('where the column cannot be found, the start says so', async () => {
    const warnings: string[] = []
    const log = { ...quiet, warn: (_: object, message: string) => void warnings.push(message) }
    const loose = 'select name from (select * from users where id = ?) as u'
    for (const [query, keys] of [
      [loose, 'user:{id}'],
      [loose, 'user:{id:int}'],
      ['select name from users where id = ?', 'user:{id}'],
      ["select concat('user ', ?)", 'user:{id}'],
    ]) {
      const origin = sqlOrigin({ url: mariadb().url, keys, query })
      await origin.start(log)
      await origin.close()
    }
    expect(warnings).toEqual([
      expect.stringMatching(/^query: which column is the key is not clear.*user:{id:int}/),
    ])
  })

  test('and so it is written and removed', async () => {
    const origin = sqlOrigin({
      url: mariadb().url,
      keys: 'user:{id}',
      query: 'select name from users where id = ?',
      writeQuery: 'replace into users values (?, ?)',
      removeQuery: 'delete from users where id = ?',
    })
    for (const text of SPELLINGS) {
      await expect(origin.store?.(`user:${text}`, Buffer.from('x'), context())).rejects.toThrow(/keys/)
      await expect(origin.remove?.(`user:${text}`, context())).rejects.toThrow(/keys/)
      expect(origin.knows(`user:${text}`)).toBe(false)
    }
    expect(await textOf(origin, 'user:1')).toBe('one')
    await origin.close()
  })

  test('a text has the spelling of its row, whatever the collation takes for equal', async () => {
    const origin = sqlOrigin({
      url: mariadb().url,
      query: 'select value from words where word = ?',
      batchQuery: 'select word, value from words where word in (?)',
    })
    const keys = ['Tom', 'tom', 'TÓM', 'Tom ', 'Jack', 'Jack ', 'jack ']
    expect(await found(origin, keys)).toEqual(['630', null, null, null, null, '589', null])
  })

  test.each([
    ['price', '1.50', ['1.5', '1.500', '1.50x']],
    ['day', '2024-01-31 12:30:00', ['2024-01-31T12:30:00', '20240131123000', '2024-1-31 12:30:00']],
    ['part', '0.5', ['.5', '0.50', '5e-1']],
  ])('other columns: %s', async (column, key, others) => {
    const origin = sqlOrigin({
      url: mariadb().url,
      query: `select name from prices where ${column} = ?`,
      batchQuery: `select ${column}, name from prices where ${column} in (?)`,
    })
    expect(await found(origin, [key, ...others])).toEqual(['found', ...others.map(() => null)])
  })

  test("a char column has the same text whatever the server's defaults are", async () => {
    const settings = [
      "sql_mode = 'ANSI_QUOTES,PAD_CHAR_TO_FULL_LENGTH'",
      "time_zone = '+05:30'",
      "init_connect = 'set names latin1'",
    ]
    await mariadb().run(`
      create table codes (code char(20) primary key, at timestamp) charset utf8mb4;
      set time_zone = '+00:00';
      insert into codes values ('ab', '2024-01-31 12:30:00'), ('größe', '2024-02-29 12:30:00');
    `)
    for (const setting of settings) await mariadb().run(`set global ${setting}`)
    const byCode = sqlOrigin({
      url: mariadb().url,
      query: 'select at from codes where code = ?',
      batchQuery: 'select code, at from codes where code in (?)',
    })
    const times = ['2024-01-31T12:30:00Z', null, '2024-02-29T12:30:00Z']
    expect(await found(byCode, ['ab', 'ab ', 'größe'])).toEqual(times)
    const byTime = sqlOrigin({
      url: mariadb().url,
      query: 'select code from codes where at = ?',
      batchQuery: 'select at, code from codes where at in (?)',
    })
    expect(await found(byTime, ['2024-01-31 12:30:00', '2024-01-31 18:00:00'])).toEqual(['ab', null])
    for (const name of ['sql_mode', 'time_zone', 'init_connect'])
      await mariadb().run(`set global ${name} = default`)
  })

  test('a query that gives all columns, or several, is not changed by that', async () => {
    const all = sqlOrigin({ url: mariadb().url, query: 'select * from users where id = ?' })
    expect(await textOf(all, '1')).toBe('{"id":1,"name":"one"}')
    await all.close()
    const twice = sqlOrigin({ url: mariadb().url, query: 'select id, id from users where id = ?' })
    await expect(twice.start(quiet)).rejects.toThrow('query: two columns are named id')
    await twice.close()
    const folding = sqlOrigin({ url: mariadb().url, query: 'select value from words where word = lower(?)' })
    expect(await textOf(folding, 'TOM')).toBe('630')
    await folding.close()
  })
})

describeWithPostgres('PostgreSQL', (postgres) => {
  beforeAll(async () => {
    await postgres().run(`
      create table users (id int primary key, name text);
      insert into users values (0, 'zero'), (1, 'one');
      create type mood as enum ('sad', 'so so');
      create table things (code char(5), price numeric(9, 2), day date, at timestamptz, is_on boolean, part uuid, mood mood, host inet, doc jsonb, name text);
      insert into things values ('ab', 1.5, '2024-01-31', '2024-01-31 12:30+00', true, '6ba7b810-9dad-11d1-80b4-00c04fd430c8', 'sad', '10.0.0.1', '{"a": 1}', 'found');
    `)
  })

  test.each([
    'select name from users where id = $1',
    'select name from users where id = $1::int',
    'select name from users where id = $1 or false',
    'select name from users where id between $1 and $1',
    'select max(name) as name from users where id = $1',
    'with u as (select * from users where id = $1) select name from u',
    'select name from users where (id, true) = ($1, true)',
  ])('an integer has one spelling: %s', async (query) => {
    const batchQuery = 'select id, name from users where id = any($1)'
    const origin = sqlOrigin({ url: postgres().url, keys: 'user:{id}', query, batchQuery })
    const others = [...SPELLINGS, '2147483648', '-2147483649', '99999999999999999999999']
    const keys = ['user:1', ...others.map((text) => `user:${text}`)]
    expect(await found(origin, keys)).toEqual(['one', ...others.map(() => null)])
  })

  test.each([
    ['smallint', ['32768']],
    ['bigint', ['9223372036854775808', '-9223372036854775809']],
    ['oid', ['-1', '4294967296']],
  ])('what a column of the type %s cannot hold is absent, also by a typed pattern', async (type, others) => {
    await postgres().run(
      `create table ${type}_keys (id ${type}, name text); insert into ${type}_keys values (1, 'one')`,
    )
    for (const keys of ['{id}', '{id:int}']) {
      const origin = sqlOrigin({
        url: postgres().url,
        keys,
        query: `select name from ${type}_keys where id = $1`,
        batchQuery: `select id, name from ${type}_keys where id = any($1)`,
      })
      expect(await found(origin, ['1', ...others])).toEqual(['one', ...others.map(() => null)])
    }
  })

  test.each([
    ['code', 'ab', ['ab ', 'ab   ']],
    ['price', '1.50', ['1.5', ' 1.50', '1.500']],
    ['day', '2024-01-31', ['31 Jan 2024', '20240131', '2024-1-31']],
    ['at', '2024-01-31 12:30:00+00', ['2024-01-31T12:30:00Z', '2024-01-31 13:30:00+01']],
    ['is_on', 'true', ['t', 'yes', '1']],
    ['part', '6ba7b810-9dad-11d1-80b4-00c04fd430c8', ['6BA7B810-9dad-11d1-80b4-00c04fd430c8']],
  ])('other columns, as the trigger names them: %s', async (column, key, others) => {
    const origin = sqlOrigin({
      url: postgres().url,
      query: `select name from things where ${column} = $1`,
      batchQuery: `select ${column}, name from things where ${column} = any($1)`,
    })
    expect(await found(origin, [key, ...others])).toEqual(['found', ...others.map(() => null)])
  })

  test.each([
    ['price', '1.50', ['1abc', '0x1', '']],
    ['day', '2024-01-31', ['nope', '2024-02-31', '']],
    ['at', '2024-01-31 12:30:00+00', ['never', '2024-13-31 12:30:00+00']],
    ['is_on', 'true', ['maybe', 'true7']],
    ['part', '6ba7b810-9dad-11d1-80b4-00c04fd430c8', ['new', '6ba7b810-9dad-11d1-80b4-00c04fd430c80']],
    ['mood', 'sad', ['Sad', 'glad']],
    ['host', '10.0.0.1', ['localhost', '10.0.0.256']],
    ['doc', '{"a": 1}', ['{"a', 'a']],
  ])('what the type of a column does not accept is absent: %s', async (column, key, others) => {
    const origin = sqlOrigin({
      url: postgres().url,
      keys: 'thing:{id}',
      query: `select name from things where ${column} = $1`,
      batchQuery: `select ${column}, name from things where ${column} = any($1)`,
      writeQuery: `insert into things (${column}, name) values ($1, $2)`,
    })
    const keys = [key, ...others].map((text) => `thing:${text}`)
    await expect(origin.store?.(keys[1], Buffer.from('x'), context())).rejects.toThrow(/invalid|range|empty/)
    expect(await found(origin, keys)).toEqual(['found', ...others.map(() => null)])
  })

  test('a value that the query cannot compute is an error still', async () => {
    const origin = sqlOrigin({
      url: postgres().url,
      query: 'select name::int from things where code = $1',
      batchQuery: 'select code, name::int as name from things where code = any($1)',
    })
    const reason = 'invalid input syntax for type integer: "found"'
    await expect(textOf(origin, 'ab')).rejects.toThrow(reason)
    expect(await bulk(origin, ['ab', 'cd'])).toEqual([reason, null])
    await origin.close()
  })
})

describeEachSqlite((engine, open) => {
  const folder = mkdtempSync(join(tmpdir(), 'erinys-keys-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  test('a number or a text has the spelling of its row', async () => {
    const file = join(folder, `${engine.name.replace(/\W/g, '')}.db`)
    const database = open(file)
    database.exec(`
      create table users (id integer primary key, name text);
      insert into users values (0, 'zero'), (1, 'one');
      create table words (word text collate nocase, price numeric, name text);
      insert into words values ('Tom', 1.5, 'found');
    `)
    const url = `sqlite:${file}`
    const many = (column: string): string => `${column} in (select value from json_each(?))`
    const origin = sqlOrigin({
      url,
      sqlite: engine,
      keys: 'user:{id}',
      query: 'select name from users where id = ?',
      batchQuery: `select id, name from users where ${many('id')}`,
      writeQuery: 'replace into users values (?, ?)',
    })
    await expect(origin.store?.('user: 1', Buffer.from('x'), context())).rejects.toThrow(/keys/)
    const keys = ['user:1', ...SPELLINGS.map((text) => `user:${text}`), 'user:0']
    expect(await found(origin, keys)).toEqual(['one', ...SPELLINGS.map(() => null), 'zero'])
    for (const [column, key, others] of [
      ['word', 'Tom', ['tom', 'TOM']],
      ['price', '1.5', ['1.50', ' 1.5', '15e-1']],
    ] as const) {
      const query = `select name from words where ${column} = ?`
      const batchQuery = `select ${column}, name from words where ${many(column)}`
      const other = sqlOrigin({ url, sqlite: engine, query, batchQuery })
      expect(await found(other, [key, ...others])).toEqual(['found', ...others.map(() => null)])
    }
    database.close()
  })
})

// SQLite as an origin.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { SqlOrigin } from '../../../src/origin/sql/sql.ts'
import { originContract } from '../../contracts/origin.contract.ts'
import { describeEachSqlite, type TestDatabase } from '../../support/sqlite.ts'
import { collectionTests, TABLES } from './collections.ts'
import { bulk, context, sqlOrigin as originOf, outcomeOf, textOf } from './origins.ts'

describeEachSqlite((sqlite, open) => {
  const sqlOrigin = (options: Parameters<typeof originOf>[0]): SqlOrigin => originOf({ sqlite, ...options })

  const folder = mkdtempSync(join(tmpdir(), 'erinys-sqlite-'))
  const path = join(folder, 'things.db')
  const url = `sqlite:${path}`
  let files = 0
  const made = (file: string, sql: string): void => {
    const own = open(file)
    own.exec(sql)
    own.close()
  }
  let db: TestDatabase

  beforeAll(() => {
    db = open(path)
    db.exec(`
    create table things (id integer primary key, name text, score real, data blob, big integer);
    insert into things values (1, 'Tom', 6.5, x'00ff', 9007199254740993), (2, null, null, null, null);
    create table names (name text collate nocase primary key, value text);
    insert into names values ('Tom', '630'), ('Jack', '589');
  `)
  })
  afterAll(() => {
    db.close()
    rmSync(folder, { recursive: true })
  })

  beforeAll(() => {
    for (const statement of TABLES) db.exec(statement)
  })
  collectionTests({
    url: () => url,
    one: '?',
    many: 'in (select value from json_each(?))',
    options: { sqlite },
  })

  originContract(
    sqlite.name,
    (contents) => {
      const file = join(folder, `${++files}.db`)
      const own = open(file)
      own.exec('create table contents (key text primary key, value blob)')
      for (const [key, value] of contents)
        if (value !== null) own.run('insert into contents values (?, ?)', key, value)
      const origin = sqlOrigin({
        url: `sqlite:${file}`,
        query: 'select value from contents where key = ?',
        batchQuery: 'select key, value from contents where key in (select value from json_each(?))',
        writeQuery:
          'insert into contents values (?, ?) on conflict (key) do update set value = excluded.value',
        removeQuery: 'delete from contents where key = ?',
      })
      return {
        origin,
        fail: () => void own.exec('alter table contents rename to gone'),
        mend: () =>
          void (own.inTransaction ? own.exec('rollback') : own.exec('alter table gone rename to contents')),
        stall: () => void own.exec('begin exclusive'),
        dispose: () => void own.close(),
      }
    },
    { bytes: true, batches: true, faults: true, writes: true },
  )

  test('a row is loaded as its only column, or as JSON', async () => {
    const keys = 'thing:{id:int}'
    const one = (query: string, column?: string): Promise<unknown> => {
      const origin = sqlOrigin({ url, query, keys, column })
      return textOf(origin, 'thing:1').finally(() => origin.close())
    }
    expect(await one('select name from things where id = ?')).toBe('Tom')
    expect(await one('select score from things where id = ?')).toBe('6.5')
    expect(await one('select big from things where id = ?')).toBe('9007199254740993')
    expect(await one('select id, name, score, data, big from things where id = ?')).toBe(
      '{"id":1,"name":"Tom","score":6.5,"data":"AP8=","big":9007199254740993}',
    )
    expect(await one('select id, name from things where id = ?', 'name')).toBe('Tom')
    const empty = sqlOrigin({ url, query: 'select id, name, data from things where id = ?', keys })
    expect(await textOf(empty, 'thing:2')).toBe('{"id":2,"name":null,"data":null}')
    const none = sqlOrigin({ url, query: 'select name from things where id = ?', keys })
    expect([
      await textOf(none, 'thing:2'),
      await textOf(none, 'thing:3'),
      await textOf(none, 'thing:x'),
    ]).toEqual([null, null, null])
  })

  test('64-bit integers and text with a NUL byte are loaded exactly', async () => {
    const origin = sqlOrigin({
      url,
      query: 'select ? as k, 9223372036854775807 as n, -9223372036854775808 as m',
    })
    expect(await textOf(origin, 'a\0b')).toBe(
      '{"k":"a\\u0000b","n":9223372036854775807,"m":-9223372036854775808}',
    )
    const big = sqlOrigin({ url, query: 'select name from things where big = ?', keys: '{key:int}' })
    expect(await textOf(big, '9007199254740993')).toBe('Tom')
    expect(await textOf(big, '9007199254740992')).toBe(null)
    await Promise.all([origin.close(), big.close()])
  })

  test('keys outside the pattern are absent without a query', async () => {
    const origin = sqlOrigin({
      url: 'sqlite:/nowhere/things.db',
      query: 'select name from things where id = ?',
      batchQuery: 'select id, name from things where id in (select value from json_each(?))',
      keys: 'thing:{id:int}',
      lazy: true,
    })
    expect([await textOf(origin, 'x'), await bulk(origin, ['x', 'thing:', 'thing:01'])]).toEqual([
      null,
      [null, null, null],
    ])
    expect(['x', 'thing:01', 'thing:1'].map((key) => origin.knows(key))).toEqual([false, false, true])
    await expect(textOf(origin, 'thing:1')).rejects.toThrow('/nowhere/things.db: ')
  })

  test('several rows are an error of the key', async () => {
    const origin = sqlOrigin({
      url,
      query: "select value from names where ? = 'x'",
      batchQuery: "select 'x', name as value from names where json_array_length(?) > 1",
    })
    await expect(textOf(origin, 'x')).rejects.toThrow('the query gave more than one row for "x"')
    expect(await bulk(origin, ['x', 'y'])).toEqual(['the query gave more than one row for "x"', null])
  })

  test('errors about a key or value are distinguished from those about the statement or the file', async () => {
    const file = join(folder, `${++files}.db`)
    const own = open(file)
    own.exec(`
    create table w (k text primary key, v text not null unique check (v <> 'unlucky')) strict;
    create table gone (k text);
    create trigger t before insert on w when new.v = 'refused' begin select raise(abort, 'not so'); end;
    insert into w values ('a', 'taken');
  `)
    const origin = sqlOrigin({
      url: `sqlite:${file}`,
      query: "select json_extract(?, '$.a') as v",
      batchQuery: "select value, json_extract(value, '$.a') as v from json_each(?)",
      writeQuery: 'insert into w values (?, ?)',
      removeQuery: 'delete from gone where k = ?',
    })
    await origin.start({ info: () => undefined, warn: () => undefined })
    expect(await outcomeOf(origin.load('{', context()))).toBe('bad')
    expect(await bulk(origin, ['{"a":1}', '{', '{"a":2}'])).toEqual(['1', 'malformed JSON', '2'])
    const store = (value: string): unknown => origin.store?.('b', Buffer.from(value, 'latin1'), context())
    for (const value of ['unlucky', 'taken', 'refused', '\xff'])
      expect([value, await outcomeOf(store(value))]).toEqual([value, 'bad'])
    expect(await outcomeOf(store('fine'))).toBe('taken')
    own.exec('drop table gone')
    expect(await outcomeOf(origin.remove?.('b', context()))).toBe('failure')
    await origin.close()
    own.close()
  })

  test.each<[Parameters<typeof sqlOrigin>[0], string]>([
    [{ url, query: 'selec 1' }, 'query: near "selec": syntax error'],
    [{ url, query: 'select x from unknown where id = ?' }, 'query: no such table: unknown'],
    [{ url, query: 'delete from things where id = ?' }, 'query: the query gives no rows'],
    [
      { url, query: 'select 1 where ?', writeQuery: 'insert into unknown values (?, ?)' },
      'writeQuery: no such table: unknown',
    ],
    [
      { url, query: 'select 1 where ?', writeQuery: 'insert into names values (?, ?, ?)' },
      'writeQuery: table names has 2 columns but 3 values were supplied',
    ],
    [
      { url, query: 'select 1 where ?', writeQuery: 'delete from names where name = ?' },
      'writeQuery: the statement has 1 parameters, wants 2',
    ],
    [
      { url, query: 'select 1 where ?', removeQuery: 'delete from names where name = ? or name = ?' },
      'removeQuery: the statement has 2 parameters, wants 1',
    ],
    [
      { url, query: 'select 1 where ?', writeQuery: 'insert into names values (?1, ?3)' },
      'writeQuery: the statement has 3 parameters, wants 2',
    ],
    [{ url, query: 'select 1' }, 'query: the statement has 0 parameters, wants 1'],
    [{ url, query: 'select 1 where ?; select 2' }, 'query: wants one statement, got more than one'],
    [{ url, query: '-- select 1 where ?' }, 'query: wants one statement, got none'],
    [{ url, query: 'select 1 where :id' }, 'query: write all its parameters as ?, or all as ?1, ?2'],
    [{ url, query: 'select id, id from things where id = ?' }, 'query: two columns are named id'],
    [
      { url, query: 'select id from things where id = ?', column: 'name' },
      'column: query returns no column name, but id',
    ],
    [
      {
        url,
        query: 'select id from things where id = ?',
        batchQuery: 'select id from things where id in (?)',
      },
      'batchQuery: its columns are id; the first one is to be the key, and the others those of query: id',
    ],
  ])('wrong queries do not start: %#', async (options, message) => {
    await expect(
      (async () => sqlOrigin(options).start({ info: () => undefined, warn: () => undefined }))(),
    ).rejects.toThrow(message)
    const lazy = sqlOrigin({ ...options, lazy: true })
    await lazy.start({ info: () => undefined, warn: () => undefined })
    await expect((async () => lazy.load('x', context()))()).rejects.toThrow(message)
  })

  test.each<[writeQuery: string, removeQuery: string]>([
    ['insert into w values (?, ?) on conflict (k) do update set v = excluded.v', 'delete from w where k = ?'],
    ['insert or replace into w values (?1, ?2)', 'delete from w where k = ?1 returning k'],
    [
      'insert into w (v, k) values (?2, ?1) on conflict (k) do update set v = ?2 returning v',
      'delete from w where ?1 = k',
    ],
  ])('%s writes, %s removes', async (writeQuery, removeQuery) => {
    const file = join(folder, `${++files}.db`)
    const own = open(file)
    own.exec("create table w (k text primary key, v text not null); insert into w values ('other', 'o')")
    const types = (): unknown[][] => own.rows("select v, typeof(v) from w where k <> 'other' order by k")
    const origin = sqlOrigin({
      url: `sqlite:${file}`,
      query: 'select v from w where k = ?',
      writeQuery,
      removeQuery,
    })
    await origin.start({ info: () => undefined, warn: () => undefined })
    expect(types()).toEqual([])
    await origin.store?.('a', Buffer.from(''), context())
    await origin.store?.('b', Buffer.from('b'), context())
    await origin.store?.('b', Buffer.from('b2'), context())
    await origin.store?.('c', Buffer.from([0xff]), context())
    expect(types()).toEqual([
      ['', 'text'],
      ['b2', 'text'],
      [Uint8Array.of(0xff), 'blob'],
    ])
    await origin.remove?.('b', context())
    await origin.remove?.('none', context())
    expect(types()).toEqual([
      ['', 'text'],
      [Uint8Array.of(0xff), 'blob'],
    ])
    await origin.close()
    own.close()
  })

  test('without writes the file is opened read-only; an unwritable file is a clear error', async () => {
    const file = join(folder, `${++files}.db`)
    made(file, 'create table w (k text primary key, v text)')
    const sneaky = sqlOrigin({
      url: `sqlite:${file}`,
      query: 'insert into w values (?1, 1) returning v',
      lazy: true,
    })
    await expect((async () => sneaky.load('a', context()))()).rejects.toThrow(/readonly|parameter/)
    const query = 'select v from w where k = ?'
    const origin = sqlOrigin({
      url: `sqlite:${file}`,
      query,
      writeQuery: 'insert into w values (?, upper(?))',
    })
    const lock = open(file)
    lock.exec('begin exclusive')
    const stored = origin.store?.('a', Buffer.from('x'), context())
    setImmediate(() => lock.exec('commit'))
    await stored
    await expect(origin.store?.('a', Buffer.from('x'), context())).rejects.toThrow(
      'UNIQUE constraint failed: w.k',
    )
    expect(await textOf(origin, 'a')).toBe('X')
    await origin.close()
    lock.close()
  })

  test('a missing file fails the start, or if lazy is opened once it exists', async () => {
    const file = join(folder, 'late.db')
    const options = { url: `sqlite:${file}`, query: 'select value from late where key = ?' }
    const eager = sqlOrigin(options)
    await expect(eager.start({ info: () => undefined, warn: () => undefined })).rejects.toThrow(
      `${file}: unable to open database file`,
    )
    await eager.close()
    const origin = sqlOrigin({ ...options, lazy: true })
    await origin.start({ info: () => undefined, warn: () => undefined })
    await expect(textOf(origin, 'a')).rejects.toThrow(`${file}: unable to open database file`)
    made(file, "create table late (key text, value text); insert into late values ('a', '1')")
    expect(await textOf(origin, 'a')).toBe('1')
    await origin.close()
  })

  test('a locked file is retried until the statement timeout', async () => {
    const file = join(folder, 'busy.db')
    const writer = open(file)
    writer.exec("create table t (k text, v text); insert into t values ('a', '1'); begin exclusive")
    const origin = sqlOrigin({
      url: `sqlite:${file}`,
      query: 'select v from t where k = ?',
      statementTimeout: 30,
    })
    await expect(textOf(origin, 'a')).rejects.toThrow(`${file}: database is locked`)
    const patient = sqlOrigin({ url: `sqlite:${file}`, query: 'select v from t where k = ?' })
    const value = textOf(patient, 'a')
    setImmediate(() => writer.exec('commit'))
    expect(await value).toBe('1')
    writer.close()
  })
})

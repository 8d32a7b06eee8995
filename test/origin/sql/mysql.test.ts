// MariaDB as an origin: types, both kinds of batches, faults.

import { beforeAll, expect, test } from 'vitest'
import type { SqlOptions } from '../../../src/origin/sql/sql.ts'
import { behind, originContract } from '../../contracts/origin.contract.ts'
import { PATIENT_MS } from '../../support/budget.ts'
import { addressCertificate as certificate } from '../../support/certificate.ts'
import { describeWithMariadb } from '../../support/mariadb.ts'
import { FaultyProxy } from '../../support/proxy.ts'
import { collectionTests, TABLES } from './collections.ts'
import { bulk, bytesOf, context, outcomeOf, sqlOrigin, textOf, warnsOnceOfBroken } from './origins.ts'
import { traceCommentTests } from './trace-comments.ts'

/** The statement that is running. */
const PROCESSES = 'information_schema.processlist'
const RUNNING = `from ${PROCESSES} where id = connection_id()`

const quiet = { info: () => undefined, warn: () => undefined }

describeWithMariadb('MariaDB', (mariadb) => {
  const byId = { query: 'select name from users where id = ?', keys: 'user:{id:int}' }
  const throughProxy = (proxy: FaultyProxy): string => `mysql://root@127.0.0.1:${proxy.port}/things`

  beforeAll(async () => {
    await mariadb().run(`
      create table users (id bigint primary key, name text);
      insert into users values (1, 'one'), (2, 'two'), (9007199254740993, 'big'), (9007199254740992, 'nearly');
      create table words (word varchar(50) primary key, value text) collate utf8mb4_general_ci;
      insert into words values ('Tom', '630'), ('Jack', '589');
    `)
  })

  beforeAll(async () => {
    for (const statement of TABLES) await mariadb().run(statement)
  })
  collectionTests({ url: () => mariadb().url, one: '?', many: 'in (?)' })

  beforeAll(() => mariadb().run('create table traced (id int primary key, text text)'))
  traceCommentTests({
    url: () => mariadb().url,
    query: `select info ${RUNNING} and ? is not null`,
    batchQuery: `select k.id, p.info from (select 1 as id union select 2) k, ${PROCESSES} p where p.id = connection_id() and k.id in (?)`,
    writeQuery: `replace into traced select ?, concat(info, ?) ${RUNNING}`,
    async prepared() {
      const [{ Value }] = await mariadb().rows("show global status like 'Prepared_stmt_count'")
      return Number(Value)
    },
    written: async () => String((await mariadb().rows('select text from traced'))[0].text),
  })

  let tables = 0
  originContract(
    'MariaDB',
    async (contents) => {
      const table = `contents${++tables}`
      await mariadb().run(
        `create table ${table} (k varchar(600) collate utf8mb4_bin primary key, value longblob)`,
      )
      for (const [key, value] of contents)
        await mariadb().run(`insert into ${table} values (?, ?)`, [
          key,
          value === null ? null : Buffer.from(value),
        ])
      const proxy = await FaultyProxy.start(() => mariadb().target)
      return {
        origin: sqlOrigin({
          url: throughProxy(proxy),
          // mysql2 takes invalid bytes for an incomplete reply, and waits.
          statementTimeout: PATIENT_MS,
          query: `select value from ${table} where k = ?`,
          batchQuery: `select k, value from ${table} where k in (?)`,
          writeQuery: `replace into ${table} values (?, ?)`,
          removeQuery: `delete from ${table} where k = ?`,
        }),
        ...behind(proxy),
      }
    },
    { bytes: true, batches: true, faults: true, writes: true },
  )

  test.each<[type: string, literal: string, alone: string | null, inJson: string]>([
    ['text', "'a\"b🔑'", 'a"b🔑', '"a\\"b🔑"'],
    ['varchar(9)', 'null', null, 'null'],
    ['int', '-5', '-5', '-5'],
    ['tinyint(1)', '1', '1', '1'],
    ['bigint', '9223372036854775807', '9223372036854775807', '9223372036854775807'],
    ['bigint unsigned', '18446744073709551615', '18446744073709551615', '18446744073709551615'],
    [
      'decimal(40, 6)',
      "'12345678901234567890.000100'",
      '12345678901234567890.000100',
      '12345678901234567890.000100',
    ],
    ['float', '0.1', '0.1', '0.1'],
    ['double', '0.1', '0.1', '0.1'],
    ['bit(9)', "b'100000001'", '257', '257'],
    ['year', '2024', '2024', '2024'],
    ['date', "'2024-02-29'", '2024-02-29', '"2024-02-29"'],
    ['time', "'12:30:00'", '12:30:00', '"12:30:00"'],
    [
      'datetime(6)',
      "'2024-02-29 12:30:00.123456'",
      '2024-02-29T12:30:00.123456',
      '"2024-02-29T12:30:00.123456"',
    ],
    ['timestamp null', "'2024-02-29 12:30:00'", '2024-02-29T12:30:00Z', '"2024-02-29T12:30:00Z"'],
    ['varbinary(9)', "'ab'", 'ab', '"YWI="'],
    ['enum("a", "b")', "'b'", 'b', '"b"'],
    ['json', '\'{"a":[1,2.50]}\'', '{"a":[1,2.50]}', '"{\\"a\\":[1,2.50]}"'],
  ])('a %s %s is %j alone and %s in a row', async (type, literal, alone, inJson) => {
    const table = `types${++tables}`
    await mariadb().run(
      `set time_zone='+00:00'; create table ${table} (v ${type}); insert into ${table} values (${literal})`,
    )
    const one = sqlOrigin({ url: mariadb().url, query: `select v from ${table} where ? <> ''` })
    expect(await textOf(one, 'k')).toBe(alone)
    const row = sqlOrigin({ url: mariadb().url, query: `select 1 as n, v from ${table} where ? <> ''` })
    expect(await textOf(row, 'k')).toBe(`{"n":1,"v":${inJson}}`)
    await Promise.all([one.close(), row.close()])
  })

  test.each([
    ['a list', 'select id, name from users where id in (?)'],
    [
      'a table of JSON',
      "select k.id, name from json_table(?, '$[*]' columns (id bigint path '$')) k join users on users.id = k.id",
    ],
  ])('integers are exact, alone and in %s', async (_, batchQuery) => {
    const origin = sqlOrigin({ url: mariadb().url, ...byId, batchQuery })
    const keys = ['user:9007199254740993', 'user:1', 'user:3', 'user:9007199254740992', 'user:2x']
    expect(await bulk(origin, keys)).toEqual(['big', 'one', null, 'nearly', null])
    expect(await Promise.all(keys.map((key) => textOf(origin, key)))).toEqual([
      'big',
      'one',
      null,
      'nearly',
      null,
    ])
    await origin.close()
  })

  test.each([
    [{ query: 'selec ?' }, 'query: You have an error in your SQL syntax'],
    [{ query: 'select x from nowhere where id = ?' }, "query: Table 'things.nowhere' doesn't exist"],
    [{ query: 'select nme from users where id = ?' }, "query: Unknown column 'nme' in"],
    [{ query: 'select name from users' }, 'query: '],
    [{ query: 'delete from users where id = ?' }, 'query: the query returns no rows'],
    [
      { ...byId, writeQuery: 'replace into nowhere values (?, ?)' },
      "writeQuery: Table 'things.nowhere' doesn't exist",
    ],
    [{ ...byId, writeQuery: 'replac into users' }, 'writeQuery: You have an error in your SQL syntax'],
    [
      { ...byId, writeQuery: 'delete from users where id = ?' },
      'writeQuery: the statement has 1 parameters, wants 2',
    ],
    [{ ...byId, removeQuery: 'delete from users' }, 'removeQuery: the statement has 0 parameters, wants 1'],
  ])('%j does not start', async (options, message) => {
    const origin = sqlOrigin({ url: mariadb().url, ...options })
    await expect(origin.start(quiet)).rejects.toThrow(message)
    await origin.close()
  })

  test.each<[type: string, value: string | Buffer, error: string | undefined]>([
    ['text', '', undefined],
    ['text', 'NULL', undefined],
    ['text', '\\x41', undefined],
    ['text', '🔑', undefined],
    ['text', Buffer.from([0xff]), 'Incorrect string value'],
    ['varchar(3)', 'four', 'Data too long for column'],
    ['int', '7', undefined],
    ['int', '', 'Incorrect integer value'],
    ['int', 'seven', 'Incorrect integer value'],
    ['json', '{"a": [1, "b"]}', undefined],
    ['json', '{', 'CONSTRAINT'],
    ['decimal(30, 1)', '12345678901234567890.5', undefined],
    ['date', '2024-02-29', undefined],
    ['date', '2023-02-29', 'Incorrect date value'],
    ['varbinary(9)', Buffer.from([0, 0xff, 0x5c]), undefined],
    ['varbinary(9)', 'ключ', undefined],
  ])('a column of type %s accepts %j, or rejects it with a reason', async (type, value, error) => {
    const table = `written${++tables}`
    // Also in a mode in which the server would truncate values.
    await mariadb().run(
      `create table ${table} (id int primary key, value ${type} not null); set global sql_mode=''`,
    )
    const origin = sqlOrigin({
      url: mariadb().url,
      query: `select value from ${table} where id = ?`,
      keys: '{id:int}',
      writeQuery: `insert into ${table} values (?, ?) on duplicate key update value = values(value)`,
    })
    const stored = (async () => origin.store?.('1', Buffer.from(value), context()))()
    if (error === undefined) await stored
    else
      await expect(stored).rejects.toMatchObject({
        name: 'BadRequest',
        message: expect.stringContaining(error),
      })
    expect(await bytesOf(origin, '1')).toEqual(error === undefined ? Buffer.from(value) : null)
    await origin.close()
  })

  test('errors about a key or value are distinguished from those about the statement or the database', async () => {
    const table = `refusals${++tables}`
    const codes = [1205, 1290].map(
      (code) => `when ${code} then signal sqlstate 'HY000' set mysql_errno = ${code}`,
    )
    await mariadb().run(`
      create table ${table} (id int primary key check (id <> 13), v varchar(9) unique not null);
      insert into ${table} values (1, 'taken');
      create trigger ${table} before insert on ${table} for each row
        if new.v = 'refused' then signal sqlstate '45000' set message_text = 'not so'; end if;
      create function raise(code int) returns int deterministic
        begin case code ${codes.join('; ')}; else return code; end case; end;
    `)
    const origin = sqlOrigin({
      url: mariadb().url,
      query: 'select raise(?)',
      writeQuery: `insert into ${table} values (?, ?)`,
    })
    const load = (key: string): unknown => origin.load(key, context())
    const store = (key: string, value: string): unknown => origin.store?.(key, Buffer.from(value), context())
    expect(await outcomeOf(store('2', 'fine'))).toBe('taken')
    for (const [key, value] of [
      ['13', 'unlucky'],
      ['3', 'taken'],
      ['4', 'refused'],
      ['five', 'x'],
      ['6', 'much too long'],
    ])
      expect([value, await outcomeOf(store(key, value))]).toEqual([value, 'bad'])
    for (const [key, outcome] of [
      ['7', 'taken'],
      ['99999999999', 'bad'],
      ['1205', 'failure'],
      ['1290', 'failure'],
    ])
      expect([key, await outcomeOf(load(key))]).toEqual([key, outcome])
    await origin.close()
  })

  test('a temporary error at start is a warning', async () => {
    await mariadb().run(`
      create function limited(code int) returns int deterministic
        begin signal sqlstate '42000' set mysql_errno = 1226, message_text = 'no more today'; return 1; end;
    `)
    const started = async (
      options: Partial<Omit<SqlOptions, 'keys'>> & { query: string },
    ): Promise<string[]> => {
      const warnings: string[] = []
      const origin = sqlOrigin({ url: mariadb().url, ...options })
      await origin.start({ info: () => undefined, warn: (_fields, message) => void warnings.push(message) })
      await origin.close()
      return warnings
    }
    // The key is NULL at the start.
    const slow = { query: 'select sleep(if(? is null, 20, 0))', statementTimeout: 50 }
    // A starved server may answer after the client's own timeout, which has another message.
    await expect
      .poll(() => started(slow))
      .toEqual([expect.stringMatching(/^the database does not answer.*max_statement_time/)])
    const limited = { query: 'select limited(?)' }
    expect(await started(limited)).toEqual([
      expect.stringMatching(/^the database does not answer.*no more today/),
    ])
  })

  test('the number of connections is limited', async () => {
    const proxy = await FaultyProxy.start(() => mariadb().target)
    const origin = sqlOrigin({ url: throughProxy(proxy), ...byId, pool: 3 })
    const names = await Promise.all(Array.from({ length: 50 }, () => textOf(origin, 'user:1')))
    expect(new Set(names)).toEqual(new Set(['one']))
    expect(proxy.connections).toBe(3)
    await origin.close()
    await proxy.close()
  })

  test('pool connections that break together cause one warning', async () => {
    const proxy = await FaultyProxy.start(() => mariadb().target)
    await warnsOnceOfBroken(proxy, { url: throughProxy(proxy), ...byId }, 'two')
  })

  test('with TLS configured, plain connections are refused', async () => {
    const proxy = await FaultyProxy.start(() => mariadb().target)
    const origin = sqlOrigin({ url: throughProxy(proxy), ...byId, tls: true })
    await expect(textOf(origin, 'user:1')).rejects.toThrow(/(SSL|secure) connection/i)
    await origin.close()
    await proxy.close()
  })

  test('faults: an unreachable server, a broken connection, a statement timeout', async () => {
    const warnings: string[] = []
    const proxy = await FaultyProxy.start(() => mariadb().target)
    proxy.refuse()
    const origin = sqlOrigin({ url: throughProxy(proxy), ...byId, pool: 1 })
    await origin.start({ info: () => undefined, warn: (_, message) => void warnings.push(message) })
    expect(warnings).toEqual([expect.stringMatching(/^the database does not answer/)])
    proxy.heal()
    expect(await textOf(origin, 'user:1')).toBe('one')
    proxy.cut()
    await expect.poll(() => textOf(origin, 'user:2').catch(() => 'broken')).toBe('two')
    proxy.sendByteByByte()
    expect(await textOf(origin, 'user:1')).toBe('one')
    await origin.close()
    const slow = sqlOrigin({
      url: throughProxy(proxy),
      query: 'select sleep(?)',
      lazy: true,
      statementTimeout: 50,
    })
    await expect(textOf(slow, '20')).rejects.toThrow(/max_statement_time|time/)
    await slow.close()
    await proxy.close()
  })
})

describeWithMariadb(
  'MariaDB by TLS',
  (mariadb) => {
    test("TLS: the server's certificate is verified", async () => {
      const proxy = await FaultyProxy.start(() => mariadb().target)
      const query = 'select variable_value from information_schema.session_status where variable_name = ?'
      const cipher = async (tls: SqlOptions['tls'], host = '127.0.0.1'): Promise<string | null> => {
        const origin = sqlOrigin({ url: `mysql://root@${host}:${proxy.port}/things`, query, tls, pool: 1 })
        return textOf(origin, 'SSL_CIPHER').finally(() => origin.close())
      }
      expect(await cipher({ ca: certificate })).toMatch(/^TLS/)
      // The certificate is for the address only.
      await expect(cipher({ ca: certificate }, 'localhost')).rejects.toThrow(
        "does not match certificate's altnames",
      )
      expect(await cipher({ rejectUnauthorized: false }, 'localhost')).toMatch(/^TLS/)
      expect(await cipher({ rejectUnauthorized: false })).toMatch(/^TLS/)
      for (const tls of [true, {}, { rejectUnauthorized: true }])
        await expect(cipher(tls)).rejects.toThrow('self-signed certificate')
      expect(await cipher(undefined)).toBe('')
      await proxy.close()
    })
  },
  { tls: true },
)

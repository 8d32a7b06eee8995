// PostgreSQL as an origin: types, batches, faults of the statement and of the connection.

import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { TLSSocket } from 'node:tls'
import { beforeAll, describe, expect, test } from 'vitest'
import type { SqlOptions } from '../../../src/origin/sql/sql.ts'
import { behind, originContract } from '../../contracts/origin.contract.ts'
import { addressCertificate, addressKey, certificate } from '../../support/certificate.ts'
import { describeWithPostgres } from '../../support/postgres.ts'
import { FaultyProxy } from '../../support/proxy.ts'
import { collectionTests, TABLES } from './collections.ts'
import { bulk, bytesOf, context, outcomeOf, sqlOrigin, textOf, warnsOnceOfBroken } from './origins.ts'
import { traceCommentTests } from './trace-comments.ts'

const quiet = { info: () => undefined, warn: () => undefined }

describeWithPostgres('PostgreSQL', (postgres) => {
  const byId = { query: 'select name from users where id = $1', keys: 'user:{id:int}' }
  const together = { ...byId, batchQuery: 'select id, name from users where id = any($1)' }
  const throughProxy = (proxy: FaultyProxy): string => `postgres://postgres@127.0.0.1:${proxy.port}/postgres`

  beforeAll(async () => {
    await postgres().run(`
      create table users (id int primary key, name text);
      insert into users select i, 'name ' || i from generate_series(1, 1000) i;
      create table words (word text primary key, value text);
      insert into words values ('7', 'seven'), ('Tom', '630');
    `)
  })

  beforeAll(async () => {
    for (const statement of TABLES) await postgres().run(statement)
  })
  collectionTests({
    url: () => postgres().url,
    one: '$1',
    many: '= any($1)',
    // PGlite has a single session.
    options: { pool: 1 },
  })

  beforeAll(() => postgres().run('create table traced (id text primary key, text text)'))
  traceCommentTests({
    url: () => postgres().url,
    query: 'select current_query() where $1::text is not null',
    batchQuery: 'select id, current_query() from unnest($1::text[]) id',
    writeQuery: `insert into traced values ($1, current_query() || $2) on conflict (id) do update set text = excluded.text`,
    written: async () => String((await postgres().run('select text from traced'))[0].text),
  })

  let tables = 0
  originContract(
    'PostgreSQL',
    async (contents) => {
      const table = `contents${++tables}`
      await postgres().run(`create table ${table} (key text primary key, value bytea)`)
      for (const [key, value] of contents)
        await postgres().run(`insert into ${table} values ($1, $2)`, [
          key,
          value === null ? null : Buffer.from(value),
        ])
      const proxy = await FaultyProxy.start(() => postgres().target)
      return {
        origin: sqlOrigin({
          url: throughProxy(proxy),
          query: `select value from ${table} where key = $1`,
          batchQuery: `select key, value from ${table} where key = any($1)`,
          writeQuery: `insert into ${table} values ($1, $2) on conflict (key) do update set value = excluded.value`,
          removeQuery: `delete from ${table} where key = $1`,
          // PGlite has a single session.
          pool: postgres().kind === 'pglite' ? 1 : 4,
        }),
        ...behind(proxy),
      }
    },
    { bytes: true, batches: true, faults: true, writes: true },
  )

  test.each<[type: string, literal: string, alone: string | null, inJson: string]>([
    ['text', "'a\"b'", 'a"b', '"a\\"b"'],
    ['text', 'null', null, 'null'],
    ['text', "''", '', '""'],
    ['int', '-5', '-5', '-5'],
    ['bigint', '9223372036854775807', '9223372036854775807', '9223372036854775807'],
    ['numeric', '12345678901234567890.000100', '12345678901234567890.000100', '12345678901234567890.000100'],
    ['numeric', "'NaN'", 'NaN', '"NaN"'],
    ['float8', '0.1', '0.1', '0.1'],
    ['float8', '1e300', '1e+300', '1e+300'],
    ['float8', "'-infinity'", '-Infinity', '"-Infinity"'],
    ['float4', '0.1', '0.1', '0.1'],
    ['boolean', 'true', 'true', 'true'],
    ['boolean', 'false', 'false', 'false'],
    ['date', "'2024-02-29'", '2024-02-29', '"2024-02-29"'],
    ['time', "'12:30:00.5'", '12:30:00.5', '"12:30:00.5"'],
    [
      'timestamp',
      "'2024-02-29 12:30:00.123456'",
      '2024-02-29T12:30:00.123456',
      '"2024-02-29T12:30:00.123456"',
    ],
    ['timestamptz', "'2024-02-29 12:30:00+05:30'", '2024-02-29T07:00:00Z', '"2024-02-29T07:00:00Z"'],
    ['timestamptz', "'infinity'", 'infinity', '"infinity"'],
    ['interval', "'1 day 2 hours'", 'P1DT2H', '"P1DT2H"'],
    ['bytea', "'\\x6162'", 'ab', '"YWI="'],
    ['json', '\'{"a": [1,  2]}\'', '{"a": [1,  2]}', '{"a": [1,  2]}'],
    ['jsonb', '\'{"a":[1,2.50]}\'', '{"a": [1, 2.50]}', '{"a": [1, 2.50]}'],
    ['json', "'null'", 'null', 'null'],
    [
      'uuid',
      "'6BA7B810-9DAD-11D1-80B4-00C04FD430C8'",
      '6ba7b810-9dad-11d1-80b4-00c04fd430c8',
      '"6ba7b810-9dad-11d1-80b4-00c04fd430c8"',
    ],
    ['inet', "'10.0.0.1'", '10.0.0.1', '"10.0.0.1"'],
    ['int[]', "'{1,null,3}'", '[1,null,3]', '[1,null,3]'],
    ['int[]', "'{}'", '[]', '[]'],
    [
      'text[]',
      `array['a,b', 'c"d', 'NULL', null, '']`,
      '["a,b","c\\"d","NULL",null,""]',
      '["a,b","c\\"d","NULL",null,""]',
    ],
    ['int[][]', "'{{1,2},{3,4}}'", '[[1,2],[3,4]]', '[[1,2],[3,4]]'],
    ['boolean[]', "'{t,f}'", '[true,false]', '[true,false]'],
    ['jsonb[]', `array['{"a":1}'::jsonb]`, '[{"a": 1}]', '[{"a": 1}]'],
  ])('a %s %s is %j alone and %s in a row', async (type, literal, alone, inJson) => {
    const one = sqlOrigin({ url: postgres().url, query: `select ${literal}::${type} as v where $1 <> ''` })
    expect(await textOf(one, 'k')).toBe(alone)
    await one.close()
    const row = sqlOrigin({
      url: postgres().url,
      query: `select 1 as n, ${literal}::${type} as v where $1 <> ''`,
    })
    expect(await textOf(row, 'k')).toBe(`{"n":1,"v":${inJson}}`)
    await row.close()
  })

  test('keys outside the pattern are absent without a query', async () => {
    const origin = sqlOrigin({ url: postgres().url, ...together, keys: 'user:{id:int32}' })
    const keys = ['user:7', 'user:x', '7', 'user:1001', 'user:99999999999', 'user:07']
    expect(await bulk(origin, keys)).toEqual(['name 7', null, null, null, null, null])
    expect(await Promise.all(keys.map((key) => textOf(origin, key)))).toEqual([
      'name 7',
      null,
      null,
      null,
      null,
      null,
    ])
    expect(await bulk(origin, ['x', 'y'])).toEqual([null, null])
    await origin.close()
  })

  test('a key whose row cannot be computed is an error of that key alone', async () => {
    const name = 'case when id = 7 then (1 / (id - 7))::text else name end as name'
    const origin = sqlOrigin({
      url: postgres().url,
      keys: 'user:{id}',
      query: `select ${name} from users where id::numeric = $1`,
      batchQuery: `select id, ${name} from users where id::numeric = any($1)`,
    })
    await expect(textOf(origin, 'user:7')).rejects.toThrow('division by zero')
    expect(await textOf(origin, 'user:seven')).toBeNull()
    const keys = ['user:1', 'user:7', 'user:2', 'user:seven', 'user:3', 'user:2000', 'user:\0']
    const expected = ['name 1', 'division by zero', 'name 2', null, 'name 3', null, null]
    expect(await bulk(origin, keys)).toEqual(expected)
    await origin.close()
  })

  test('a batch row of several columns is loaded without its key column', async () => {
    const origin = sqlOrigin({
      url: postgres().url,
      query: 'select id, name from users where id = $1',
      batchQuery: 'select id, id, name from users where id = any($1)',
      keys: 'user:{id:int}',
    })
    expect(await bulk(origin, ['user:5', 'user:6'])).toEqual([
      '{"id":5,"name":"name 5"}',
      '{"id":6,"name":"name 6"}',
    ])
    const column = sqlOrigin({
      url: postgres().url,
      query: 'select id, name from users where id = $1',
      batchQuery: 'select id, id, name from users where id = any($1)',
      keys: 'user:{id:int}',
      column: 'id',
    })
    expect(await bulk(column, ['user:5', 'user:6'])).toEqual(['5', '6'])
    await Promise.all([origin.close(), column.close()])
  })

  test('bytea keys are the bytes of the text', async () => {
    await postgres().run('create table bytes (key bytea primary key, value text)')
    const keys = ['a\\b', '\\x41', 'A', '', 'ключ', 'a\0b', '"{},']
    const values = keys.map((key) => (key.includes('\0') ? 'with NUL' : key))
    for (const [i, key] of keys.entries())
      await postgres().run('insert into bytes values ($1, $2)', [Buffer.from(key), values[i]])
    const origin = sqlOrigin({
      url: postgres().url,
      pool: 1,
      query: 'select value from bytes where key = $1',
      batchQuery: 'select key, value from bytes where key = any($1)',
      writeQuery: 'insert into bytes values ($1, $2)',
      removeQuery: 'delete from bytes where key = $1',
    })
    expect(await Promise.all(keys.map((key) => textOf(origin, key)))).toEqual(values)
    expect(await bulk(origin, [...keys, '\\x42'])).toEqual([...values, null])
    await origin.remove?.('\\x41', context())
    await origin.store?.('\\x42', Buffer.from('new'), context())
    expect(await bulk(origin, ['\\x41', 'A', '\\x42', 'B'])).toEqual([null, 'A', 'new', null])
    await origin.close()
  })

  test('keys are never a part of the statement', async () => {
    const origin = sqlOrigin({
      url: postgres().url,
      query: 'select value from words where word = $1',
      batchQuery: 'select word, value from words where word = any($1)',
    })
    const keys = ["' or 1=1 --", '$1', '{Tom}', 'Tom', '"Tom"', 'NULL', '\\']
    expect(await bulk(origin, keys)).toEqual([null, null, null, '630', null, null, null])
    await origin.close()
  })

  test.each([
    [{ query: 'selec 1' }, 'query: syntax error at or near "selec"'],
    [{ query: 'select x from nowhere where id = $1' }, 'query: relation "nowhere" does not exist'],
    [{ query: 'select nme from users where id = $1' }, 'query: column "nme" does not exist'],
    [{ ...byId, column: 'id' }, 'column: query returns no column id, but name'],
    [
      { ...byId, batchQuery: 'select id from users where id = any($1)' },
      'batchQuery: its columns are id; the first',
    ],
    [
      { ...byId, batchQuery: 'select id, nme from users where id = any($1)' },
      'batchQuery: column "nme" does not exist',
    ],
    [{ query: 'create table t ()' }, 'query: '],
    [
      { ...byId, writeQuery: 'insert into nowhere values ($1, $2)' },
      'writeQuery: relation "nowhere" does not',
    ],
    [{ ...byId, writeQuery: 'updat users' }, 'writeQuery: syntax error at or near "updat"'],
    [
      { ...byId, writeQuery: 'update users set name = $1' },
      'writeQuery: the statement has 1 parameters, wants 2',
    ],
    [
      { ...byId, writeQuery: 'update users set name = $3 where id = $1' },
      'writeQuery: could not determine data type',
    ],
    [
      { ...byId, removeQuery: 'delete from users where id = $1 or name = $2' },
      'removeQuery: the statement has 2 parameters, wants 1',
    ],
    [{ ...byId, removeQuery: 'delete from users' }, 'removeQuery: the statement has 0 parameters, wants 1'],
  ])('%j does not start', async (options, message) => {
    const origin = sqlOrigin({ url: postgres().url, ...options })
    await expect(origin.start(quiet)).rejects.toThrow(message)
    await origin.close()
  })

  test('write statements are checked without running them, at start or at first use', async () => {
    const writing = {
      ...byId,
      writeQuery: 'insert into users values ($1, $2) on conflict (id) do update set name = $2 returning id',
      removeQuery: 'delete from users where id = coalesce($1, id)',
    }
    const origin = sqlOrigin({ url: postgres().url, ...writing, pool: 1 })
    await origin.start(quiet)
    expect(await postgres().run('select count(*)::int as n from users')).toEqual([{ n: 1000 }])
    await origin.store?.('user:1001', Buffer.from('a\\b'), context())
    expect(await textOf(origin, 'user:1001')).toBe('a\\b')
    await origin.remove?.('user:1001', context())
    await expect(origin.store?.('other', Buffer.from(''), context())).rejects.toThrow(
      "the key does not match the origin's pattern user:{id:int}: write a key that does",
    )
    await expect(origin.remove?.('user:x', context())).rejects.toThrow("does not match the origin's pattern")
    await origin.close()
    const lazy = sqlOrigin({ url: postgres().url, ...writing, removeQuery: 'delet', lazy: true })
    await lazy.start(quiet)
    await expect(lazy.store?.('user:1001', Buffer.from('x'), context())).rejects.toThrow(
      'removeQuery: syntax error',
    )
    await lazy.close()
  })

  test.each<[type: string, value: string | Buffer, error: string | undefined]>([
    ['text', '', undefined],
    ['text', 'NULL', undefined],
    ['text', '\\x41', undefined],
    ['text', Buffer.from([0xff]), 'invalid byte sequence for encoding "UTF8"'],
    ['text', 'a\0b', 'invalid byte sequence for encoding "UTF8"'],
    ['varchar(3)', 'four', 'value too long for type character varying(3)'],
    ['int', '7', undefined],
    ['int', '', 'invalid input syntax for type integer: ""'],
    ['int', 'seven', 'invalid input syntax for type integer: "seven"'],
    ['jsonb', '{"a": [1, "b"]}', undefined],
    ['jsonb', '{', 'invalid input syntax for type json'],
    ['numeric', '12345678901234567890.5', undefined],
    ['boolean', 'true', undefined],
    ['date', '2024-02-29', undefined],
    ['date', '2023-02-29', 'date/time field value out of range'],
    ['bytea', Buffer.from([0, 0xff, 0x5c]), undefined],
    ['bytea', '\\x41', undefined],
  ])('a column of type %s accepts %j, or rejects it with a reason', async (type, value, error) => {
    const table = `written${++tables}`
    await postgres().run(`create table ${table} (id int primary key, value ${type} not null)`)
    const origin = sqlOrigin({
      url: postgres().url,
      pool: 1,
      query: `select value from ${table} where id = $1`,
      keys: '{id:int}',
      writeQuery: `insert into ${table} values ($1, $2) on conflict (id) do update set value = $2`,
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
    await postgres().run(`
      create table ${table} (id int primary key check (id <> 13), v text unique not null);
      insert into ${table} values (1, 'taken');
      create function refuse() returns trigger language plpgsql as 'begin raise exception ''not so''; end';
      create trigger refuse before insert on ${table} for each row when (new.v = 'refused') execute function refuse();
      create table ${table}_gone (id int);
    `)
    const origin = sqlOrigin({
      url: postgres().url,
      pool: 1,
      query: `select v from ${table} where id = $1`,
      writeQuery: `insert into ${table} values ($1, $2)`,
      removeQuery: `delete from ${table}_gone where id = $1`,
    })
    await origin.start(quiet)
    const store = (key: string, value: string): unknown => origin.store?.(key, Buffer.from(value), context())
    expect(await outcomeOf(store('2', 'fine'))).toBe('taken')
    for (const [key, value] of [
      ['13', 'unlucky'],
      ['3', 'taken'],
      ['4', 'refused'],
      ['five', 'x'],
    ])
      expect([value, await outcomeOf(store(key, value))]).toEqual([value, 'bad'])
    await postgres().run(`drop table ${table}_gone`)
    expect(await outcomeOf(origin.remove?.('1', context()))).toBe('failure')
    await origin.close()
  })

  test('repeated rejected statements leak nothing', async () => {
    const warnings: Error[] = []
    const warn = (warning: Error): void => void warnings.push(warning)
    process.on('warning', warn)
    const origin = sqlOrigin({ url: postgres().url, query: 'selec $1', lazy: true, pool: 1 })
    for (let i = 0; i < 20; i++) await expect(textOf(origin, 'k')).rejects.toThrow('syntax error')
    await origin.close()
    process.off('warning', warn)
    expect(warnings).toEqual([])
  })

  test('an invalid server response is not an error of the query', async () => {
    const proxy = await FaultyProxy.start(() => postgres().target)
    const origin = sqlOrigin({ url: throughProxy(proxy), ...byId, pool: 1 })
    proxy.silence('back')
    const warnings: string[] = []
    const started = origin.start({ info: () => undefined, warn: (_, message) => void warnings.push(message) })
    await expect.poll(() => proxy.connections).toBe(1)
    proxy.inject(Buffer.from([0xff, 0, 0, 0, 4]), 'back')
    await started
    expect(warnings).toEqual([expect.stringMatching(/^the database does not answer.*: received invalid/)])
    proxy.heal()
    await expect.poll(() => textOf(origin, 'user:1').catch(() => 'broken')).toBe('name 1')
    await origin.close()
    await proxy.close()
  })

  test('an unreachable database, or a failed login, is a warning', async () => {
    const warnings: string[] = []
    const log = { info: () => undefined, warn: (_: object, message: string) => void warnings.push(message) }
    const proxy = await FaultyProxy.start(() => postgres().target)
    proxy.refuse()
    const origin = sqlOrigin({ url: throughProxy(proxy), ...byId })
    await origin.start(log)
    expect(warnings).toEqual([
      expect.stringMatching(/^the database does not answer, loads fail until it does: \w+/),
    ])
    await expect(textOf(origin, 'user:1')).rejects.toThrow(/\w/)
    proxy.heal()
    expect(await textOf(origin, 'user:1')).toBe('name 1')
    await origin.close()
    await proxy.close()
  })

  test("TLS: the server's certificate is verified", async (t) => {
    const { tlsUrl: url } = postgres()
    if (url === undefined) return t.skip('PGlite has no TLS')
    const query = "select ssl::text from pg_stat_ssl where pid = pg_backend_pid() and $1 <> ''"
    const trusts = async (tls: SqlOptions['tls'], address = url): Promise<string | null> => {
      const origin = sqlOrigin({ url: address, query, tls, pool: 1 })
      return textOf(origin, 'k').finally(() => origin.close())
    }
    expect(await trusts({ ca: certificate })).toBe('true')
    expect(await trusts({ rejectUnauthorized: false })).toBe('true')
    for (const tls of [true, {}, { rejectUnauthorized: true }])
      await expect(trusts(tls)).rejects.toThrow('self-signed certificate')
    // The certificate is for this address and for localhost.
    expect(await trusts({ ca: certificate }, url.replace('localhost', '127.0.0.1'))).toBe('true')
    expect(await trusts(undefined)).toBe('false')
  })

  test('TLS: a certificate for an IP address is checked against that address', async () => {
    const server = createServer((socket) => {
      socket
        .on('error', () => undefined)
        .once('data', () => {
          // The answer to SSLRequest; behind it there is a PostgreSQL without TLS.
          socket.write('S')
          const secure = new TLSSocket(socket, { isServer: true, cert: addressCertificate, key: addressKey })
          secure.on('error', () => undefined)
          secure
            .pipe(connect(postgres().target))
            .on('error', () => undefined)
            .pipe(secure)
        })
    })
    server.listen(0)
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const load = async (host: string): Promise<string | null> => {
      const url = `postgres://postgres@${host}:${port}/postgres`
      const origin = sqlOrigin({ url, ...byId, tls: { ca: addressCertificate }, pool: 1 })
      return textOf(origin, 'user:1').finally(() => origin.close())
    }
    expect(await load('127.0.0.1')).toBe('name 1')
    await expect(load('localhost')).rejects.toThrow("does not match certificate's altnames")
    server.close()
  })

  test('the number of connections is limited', async (t) => {
    t.skip(postgres().kind === 'pglite', 'PGlite has one session for all')
    const proxy = await FaultyProxy.start(() => postgres().target)
    const origin = sqlOrigin({ url: throughProxy(proxy), ...byId, pool: 3 })
    const keys = Array.from({ length: 50 }, (_, i) => `user:${i + 1}`)
    const names = await Promise.all(keys.map((key) => textOf(origin, key)))
    expect(names).toEqual(keys.map((key) => `name ${key.slice(5)}`))
    expect(proxy.connections).toBe(3)
    await origin.close()
    await proxy.close()
  })

  test('pool connections that break together cause one warning', async (t) => {
    t.skip(postgres().kind === 'pglite', 'PGlite has one session for all')
    const proxy = await FaultyProxy.start(() => postgres().target)
    await warnsOnceOfBroken(proxy, { url: throughProxy(proxy), ...byId }, 'name 2')
  })

  test('with TLS configured, plain connections are refused', async () => {
    const proxy = await FaultyProxy.start(() => postgres().target)
    const origin = sqlOrigin({ url: throughProxy(proxy), ...byId, tls: true })
    await expect(textOf(origin, 'user:1')).rejects.toThrow(/(SSL|secure) connection/i)
    await origin.close()
    await proxy.close()
  })

  describe('faults of the connection', () => {
    test('a connection that breaks is replaced, and used before, its load is repeated', async () => {
      const proxy = await FaultyProxy.start(() => postgres().target)
      const origin = sqlOrigin({ url: throughProxy(proxy), ...byId, pool: 1 })
      await origin.start(quiet)
      expect(await textOf(origin, 'user:1')).toBe('name 1')
      proxy.cut()
      await expect.poll(() => textOf(origin, 'user:2').catch(() => 'broken')).toBe('name 2')
      proxy.silence()
      const repeated = textOf(origin, 'user:3')
      setImmediate(() => {
        proxy.cut()
        proxy.heal()
      })
      expect(await repeated).toBe('name 3')
      await expect.poll(() => textOf(origin, 'user:4').catch(() => 'broken')).toBe('name 4')
      await origin.close()
      await proxy.close()
    })

    test('a response that arrives late, byte by byte, is read correctly', async () => {
      const proxy = await FaultyProxy.start(() => postgres().target)
      proxy.sendByteByByte()
      const origin = sqlOrigin({ url: throughProxy(proxy), ...together, pool: 1 })
      expect(await bulk(origin, ['user:1', 'user:2'])).toEqual(['name 1', 'name 2'])
      proxy.heal()
      proxy.slow(20, 'back')
      expect(await textOf(origin, 'user:3')).toBe('name 3')
      await origin.close()
      await proxy.close()
    })

    test('a server that does not respond is a timeout', async () => {
      const proxy = await FaultyProxy.start(() => postgres().target)
      proxy.silence()
      const origin = sqlOrigin({ url: throughProxy(proxy), ...byId, connectTimeout: 50 })
      await expect(textOf(origin, 'user:1')).rejects.toThrow(/time/i)
      await origin.close()
      await proxy.close()
    })
  })
})

describeWithPostgres('PostgreSQL, slowly', (postgres) => {
  const slow = { query: 'select pg_sleep($1::float8)::text' }

  test("a statement timeout is an error with the server's message", async (t) => {
    t.skip(postgres().kind === 'pglite', 'PGlite has no timeout')
    const origin = sqlOrigin({ url: postgres().url, ...slow, lazy: true, statementTimeout: 30 })
    // A starved server may answer after the client's own timeout, which has another message.
    await expect
      .poll(() => textOf(origin, '20').catch(({ message }: Error) => message))
      .toContain('canceling statement due to statement timeout')
    await origin.close()
  })

  test('an aborted load closes its connection, and the server cancels the statement', async (t) => {
    t.skip(postgres().kind === 'pglite', 'PGlite has one session for all')
    const origin = sqlOrigin({ url: postgres().url, ...slow, pool: 1 })
    await origin.start(quiet)
    const controller = new AbortController()
    const loads = ['20', '21'].map((key) => textOf(origin, key, controller.signal))
    setImmediate(() => controller.abort(new Error('no longer wanted')))
    for (const load of loads) await expect(load).rejects.toThrow('no longer wanted')
    expect(await textOf(origin, '0')).toBe('')
    const running =
      "select count(*)::int as n from pg_stat_activity where query like '%pg_sleep%' and state = 'active' and pid <> pg_backend_pid()"
    await expect.poll(async () => (await postgres().run(running))[0].n).toBe(0)
    await origin.close()
  })

  test('a load that waits for a connection fails only when it is aborted', async (t) => {
    t.skip(postgres().kind === 'pglite', 'PGlite has one session for all')
    const origin = sqlOrigin({ url: postgres().url, ...slow, pool: 1, connectTimeout: 500 })
    // Connects; on a slow machine that may take longer than the timeout.
    await expect.poll(() => textOf(origin, '0').catch(() => 'late')).toBe('')
    const loads = ['0.7', '0', '0.1'].map((key) => textOf(origin, key))
    expect(await Promise.all(loads)).toEqual(['', '', ''])
    const controller = new AbortController()
    const held = textOf(origin, '0.3')
    const waiting = textOf(origin, '0', controller.signal)
    setImmediate(() => controller.abort(new Error('no longer wanted')))
    await expect(waiting).rejects.toThrow('no longer wanted')
    expect(await held).toBe('')
    expect(await textOf(origin, '0')).toBe('')
    await origin.close()
  })

  test('a load with an aborted signal sends no query', async () => {
    const origin = sqlOrigin({ url: postgres().url, query: 'select $1::text', pool: 1 })
    await expect(
      (async () => origin.load('x', context(AbortSignal.abort(new Error('before')))))(),
    ).rejects.toThrow('before')
    expect(await textOf(origin, 'x')).toBe('x')
    await origin.close()
  })
})

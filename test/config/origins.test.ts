// Origins in a configuration: what each kind accepts, and a node that loads through them.

import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { GroupConfig } from '../../src/config/groups.ts'
import { type Config, createNode, http, loaded, redis, sql } from '../../src/index.ts'
import { startNode } from '../support/node.ts'
import { describeWithSqlite } from '../support/sqlite.ts'
import { VALUE_TYPES } from '../support/value-types.ts'
import { problems as problemsOf } from './problems.ts'

const folder = mkdtempSync(join(tmpdir(), 'erinys-origins-'))
afterAll(() => rmSync(folder, { recursive: true }))

function problems(origin: unknown, policies: object = {}): readonly string[] {
  return problemsOf({ config: { groups: { users: { ...policies, origin } } }, directory: folder })
}

const query = 'select name from users where id = $1'
const pg = 'postgres://me:secret@h/db'

test.each([
  sql({ url: pg, query }),
  sql({ url: pg, query, batchQuery: 'b', as: 'sortedset' }),
  http({ url: 'https://h/{key}', as: 'hash' }),
  sql({ url: 'mysql://h/db', query: 'q', batchQuery: 'b', keys: 'user:{id:int}', column: 'name', pool: 3 }),
  sql({
    url: 'mariadb://h/db',
    query: 'q',
    ssl: 'yes',
    lazy: true,
    statementTimeout: '2s',
    connectTimeout: 100,
    traceComments: 'yes',
  }),
  sql({ url: 'sqlite:users.db', query: 'q', traceComments: false }),
  sql({ url: 'sqlite:users.db', query: 'q', ssl: { verify: false, ca: '-----BEGIN CERTIFICATE-----' } }),
  http({ url: 'https://h/{key}' }),
  http({
    url: 'http://h/u/{id}',
    keys: 'user:{id}',
    batchUrl: 'http://h/b',
    batchIdempotent: 'yes',
    lazy: true,
    headers: { 'X-Key': 'k' },
    redirects: 0,
    redirectTo: ['https://cdn.example', 'http://10.0.0.1:8080/'],
  }),
  http({
    url: 'http://h/{key}',
    tls: {},
    connections: 1,
    maxResponse: '1mb',
    timeout: '1s',
    connectTimeout: '1s',
  }),
  redis({ url: 'redis://h:6379/2' }),
  redis({
    url: ['rediss://a', 'rediss://b'],
    prefix: 'app:',
    tls: { verify: 'yes' },
    timeout: 50,
    connectTimeout: 50,
  }),
  redis({ url: 'redis://h', cluster: true }),
  { load: () => null, loadMany: () => [] },
])('%j is an origin', (origin) => {
  expect(problems(origin)).toEqual([])
  expect(problems(JSON.parse(JSON.stringify(origin)))).toEqual('kind' in origin ? [] : [expect.any(String)])
})

test.each<[origin: unknown, ...problems: string[]]>([
  [
    { kind: 'sql' },
    "url: got nothing, wants a URL such as 'postgres://user@host/database', 'mysql://…' or 'sqlite:path'",
    'query: got nothing, wants a query with one parameter',
  ],
  [{ kind: 'sql', url: 'http://me:secret@h', query }, "url: got a URL of 'http:', wants a URL such as"],
  [{ kind: 'sql', url: 'me:secret', query }, "url: got a URL of 'me:', wants a URL"],
  [{ kind: 'sql', url: pg, query, qery: 1 }, 'qery: unknown field, did you mean query?'],
  [{ kind: 'sql', url: pg, query, keys: 'user:{id' }, "keys: got 'user:{id': the pattern has no capture"],
  [
    { kind: 'sql', url: pg, query, keys: '{a}:{b}' },
    'keys: got 2 captures, wants one, since a query has one parameter',
  ],
  [
    { kind: 'sql', url: pg, query, as: 'zset' },
    "as: got 'zset', wants one of 'string', 'hash', 'list', 'set', 'sortedset'",
  ],
  [
    { kind: 'sql', url: pg, query, as: 'hash', column: 'name' },
    "column: is for strings, so it cannot be set beside as: 'hash'",
  ],
  [
    { kind: 'sql', url: pg, query, as: 'list', writeQuery: 'w' },
    "writeQuery: is for strings and hashes, so it cannot be set beside as: 'list'",
  ],
  [{ kind: 'sql', url: pg, query, pool: 0 }, 'pool: got 0, wants a whole number, from 1 to 10000'],
  [{ kind: 'sql', url: pg, query, ssl: 'maybe' }, "ssl: got 'maybe', wants yes or no"],
  [
    { kind: 'sql', url: pg, query, ssl: { ca: 'none.pem' } },
    `ssl.ca: got the path '${join(folder, 'none.pem')}', which cannot be read (ENOENT), wants PEM or the path of a PEM file`,
  ],
  [{ kind: 'sql', url: pg, query, ssl: { cert: 5 } }, 'ssl.cert: got a number, wants text'],
  [
    { kind: 'sql', url: pg, query, statementTimeout: 0 },
    "statementTimeout: got 0, wants a duration such as '5m'",
  ],
  [{ kind: 'sql', url: pg, query, lazy: 1 }, 'lazy: got 1, wants yes or no'],
  [{ kind: 'sql', url: pg, query, traceComments: 1 }, 'traceComments: got 1, wants yes or no'],
  [
    { kind: 'sql', url: 'sqlite:users.db', query, traceComments: true },
    'traceComments: is for PostgreSQL and MySQL, SQLite runs in this process',
  ],
  [{ kind: 'http', url: 'https://h/' }, 'url: the URL has no placeholder for the key: write {key}'],
  [{ kind: 'http', url: 'https://h/{id}' }, 'url: {id} is not a capture of keys, known are key'],
  [{ kind: 'http', url: 'https://h/{key}', headers: { a: 1 } }, 'headers.a: got a number, wants text'],
  [
    { kind: 'http', url: 'https://h/{key}', headers: { a: 'secret\r\ny: z' } },
    'headers.a: got text with a character',
  ],
  [
    { kind: 'http', url: 'https://h/{key}', headers: { 'a b': 'secret' } },
    "headers['a b']: is not the name of a header",
  ],
  [{ kind: 'http', url: 'https://h/{key}', headers: ['secret'] }, 'headers: got an array, wants an object'],
  [{ kind: 'http', url: 'https://h/{key}', batchUrl: '/b' }, 'batchUrl: got a string, wants a URL'],
  [
    { kind: 'http', url: 'https://h/{key}', redirectTo: ['https://h/x'] },
    "redirectTo: got ['https://h/x'], wants servers such as 'https://cdn.example', at least one",
  ],
  [{ kind: 'http', url: 'https://h/{key}', lazy: 1 }, 'lazy: got 1, wants yes or no'],
  [
    { kind: 'http', url: 'https://h/{key}', batchIdempotent: true },
    'batchIdempotent: wants a batchUrl too: it applies to batch requests only',
  ],
  [
    { kind: 'http', url: 'https://h/{key}', batchUrl: 'https://h/b', batchIdempotent: 'maybe' },
    "batchIdempotent: got 'maybe', wants yes or no",
  ],
  [
    { kind: 'http', url: 'https://h/{key}', redirects: 21 },
    'redirects: got 21, wants a whole number, from 0 to 20',
  ],
  [{ kind: 'redis', url: [] }, 'url: got an array, wants a URL'],
  [
    { kind: 'redis', url: ['redis://a', 'http://b'] },
    "url[1]: got a URL of 'http:', wants a URL such as 'redis://host:6379'",
  ],
  [
    { kind: 'redis', url: ['redis://a', 'redis://b'], cluster: false },
    'cluster: got no with several URLs: only a cluster has several',
  ],
  [{ load: () => null, loadMany: 5 }, 'loadMany: got 5, wants a function'],
])('%j is not an origin', (origin, ...expected) => {
  const found = problems(origin)
  expect(found).toEqual(expected.map((problem) => expect.stringContaining(`groups.users.origin.${problem}`)))
  expect(found.join()).not.toContain('secret')
})

const w = 'replace into users values (?, ?)'
const r = 'delete from users where id = ?'

test.each<[origin: unknown, acceptsWrites: boolean]>([
  [sql({ url: pg, query, writeQuery: 'w', removeQuery: 'r' }), true],
  [sql({ url: 'mysql://h/db', query: 'q', writeQuery: w, removeQuery: r }), true],
  [sql({ url: 'mariadb://h/db', query: 'q', writeQuery: w, removeQuery: r }), true],
  [sql({ url: 'sqlite:users.db', query: 'q', writeQuery: w, removeQuery: r }), true],
  [sql({ url: 'sqlite:users.db', query: 'q', writeQuery: w }), false],
  [sql({ url: 'sqlite:users.db', query: 'q', removeQuery: r }), false],
  [http({ url: 'https://h/{key}' }), true],
  [redis({ url: 'redis://h' }), true],
  [{ kind: 'file', path: 'users.json' }, false],
  [() => null, false],
  [{ load: () => null, store: () => undefined }, false],
  [{ load: () => null, remove: () => undefined }, false],
  [{ load: () => null, store: () => undefined, remove: () => undefined }, true],
])('%j accepts writes: %s', (origin, acceptsWrites) => {
  writeFileSync(join(folder, 'users.json'), '{}')
  for (const write of ['through', 'behind'] as const)
    expect(problems(origin, { write })).toEqual(
      acceptsWrites
        ? []
        : [expect.stringContaining(`groups.users.write: got ${write}, but the origin cannot store`)],
    )
})

describeWithSqlite('a node', (open) => {
  beforeAll(() => {
    const db = open(join(folder, 'users.db'))
    db.exec('create table users (id integer primary key, name text)')
    db.exec('begin')
    for (let i = 1; i <= 1000; i++) db.run('insert into users values (?, ?)', i, `name ${i}`)
    db.exec('commit')
    db.close()
  })

  const users = {
    kind: 'sql',
    url: `sqlite:${join(folder, 'users.db')}`,
    query: 'select name from users where id = ?',
    batchQuery: 'select id, name from users where id in (select value from json_each(?))',
    keys: 'user:{id:int}',
  } as const

  test('loads a thousand cold keys with ten queries', async () => {
    const node = await startNode({ groups: { users: { origin: users } } })
    const keys = Array.from({ length: 1000 }, (_, i) => `user:${i + 2}`)
    const values = await node.watcher.mget(keys)
    expect(values).toEqual([...keys.slice(0, -1).map((key) => `name ${key.slice(5)}`), null])
    expect(await node.groupInfo('users', 'loads')).toBe(1000)
    expect(await node.watcher.get('other')).toBe(null)
    expect(node.warnings).toEqual([])
    await node.close()
  })

  test('does not start with a query that the database rejects, and the error names the group', async () => {
    const origin = sql({ ...users, query: 'select nme from users where id = ?' })
    const config: Config = { groups: { ok: {}, users: { origin } } }
    await expect(createNode(config)).rejects.toThrow('group users: query: no such column: nme')
    const lazy = await createNode({ groups: { users: { origin: { ...origin, lazy: true } } } })
    await expect(lazy.get('users', 'user:1')).rejects.toThrow('users: query: no such column: nme')
    await lazy.close()
  })

  test('writes to its database, which checks the statements at the start', async () => {
    const written = sql({ ...users, writeQuery: w, removeQuery: r })
    const wrong = sql({ ...written, removeQuery: 'delete from nobody where id = ?' })
    const of = (origin: ReturnType<typeof sql>): Config => ({
      groups: { users: { write: 'through', origin } },
    })
    await expect(createNode(of(wrong))).rejects.toThrow('group users: removeQuery: no such table: nobody')
    const node = await startNode(of(written))
    const other = await startNode(of(written))
    expect(await node.watcher.set('user:2000', 'new')).toBe('OK')
    expect(await other.watcher.get('user:2000')).toBe('new')
    expect(await node.watcher.del('user:2000')).toBe(1)
    await expect(node.watcher.set('other', 'x')).rejects.toThrow(
      "ORIGIN users: the key does not match the origin's pattern user:{id:int}: write a key that does",
    )
    await Promise.all([node.close(), other.close()])
    const third = await startNode(of(written))
    expect(await third.watcher.get('user:2000')).toBe(null)
    await third.close()
  })

  test('serves and stores no result of the wrong shape, and the error names group and key', async () => {
    const origins: [name: string, origin: GroupConfig['origin'], error: string][] = [
      ['rows', { ...users, query: 'select name from users where id >= ?' }, 'more than one row for "user:1"'],
      ['function', () => 5 as never, `the origin gave a number for "user:1": ${VALUE_TYPES}`],
      ['facts', () => loaded([[]] as never), 'the origin gave an array as element 0 of a list for "user:1"'],
    ]
    const groups = Object.fromEntries(origins.map(([name, origin]) => [name, { origin }]))
    const node = await startNode({ groups })
    for (const [name, , error] of origins) {
      await node.watcher.select(name as never)
      for (const loads of [1, 2]) {
        await expect(node.watcher.get('user:1')).rejects.toThrow(`ORIGIN ${name}: `)
        await expect(node.watcher.mget('user:1', 'user:1')).rejects.toThrow(error)
        expect(await node.watcher.exists('user:1')).toBe(0)
        expect(await node.groupInfo(name, 'loads')).toBe(2 * loads)
      }
    }
    await node.close()
  })

  test('serves while its database is unreachable', async () => {
    const origin = sql({ ...users, url: 'sqlite:/nowhere/users.db' })
    await expect(startNode({ groups: { users: { origin } } })).rejects.toThrow(
      'group users: /nowhere/users.db: ',
    )
    const node = await startNode({ groups: { users: { origin: { ...origin, lazy: true } } } })
    expect(node.warnings).toEqual([])
    await node.watcher.set('user:1', 'set')
    expect(await node.watcher.get('user:1')).toBe('set')
    await expect(node.watcher.get('user:2')).rejects.toThrow(/^ORIGIN users: \/nowhere\/users\.db: /)
    await node.close()
  })

  test('serves a value for the TTL that the HTTP server gives', async () => {
    const server = createServer((_, response) =>
      response.writeHead(200, { 'cache-control': 'max-age=100' }).end('x'),
    )
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const node = await startNode({
      groups: { pages: { ttl: '1s', origin: http({ url: `http://127.0.0.1:${port}/{key}` }) } },
    })
    expect(await node.watcher.get('a')).toBe('x')
    expect(await node.watcher.ttl('a')).toBe(100)
    await node.close()
    server.closeAllConnections()
    server.close()
  })

  test('serves a value for the TTL that the function gives, or does not store it', async () => {
    const origin = (key: string): ReturnType<typeof loaded> =>
      loaded(key, { ttl: key === 'never' ? 0 : 60_000 })
    const node = await startNode({ groups: { f: { origin } } })
    expect(await node.watcher.mget('a', 'never')).toEqual(['a', 'never'])
    expect([await node.watcher.ttl('a'), await node.watcher.exists('never')]).toEqual([60, 0])
    await node.close()
  })

  test('loads from another node', async () => {
    const source = await startNode({
      groups: { f: { origin: { load: (key) => `${key}!` }, ttl: '50s', jitter: 0 } },
    })
    const node = await startNode({
      groups: { copy: { origin: redis({ url: `redis://127.0.0.1:${source.port}` }) } },
    })
    expect(await node.watcher.mget('a', 'b')).toEqual(['a!', 'b!'])
    expect(await node.watcher.ttl('a')).toBeGreaterThan(40)
    await node.close()
    await source.close()
  })

  test('reads certificates relative to the folder of the configuration', () => {
    writeFileSync(join(folder, 'ca.pem'), '-----BEGIN CERTIFICATE-----')
    expect(problems({ kind: 'http', url: 'https://h/{key}', tls: { ca: 'ca.pem' } })).toEqual([])
  })
})

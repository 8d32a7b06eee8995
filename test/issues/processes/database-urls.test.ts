// URLs as the clients of the databases take them were refused, without saying why.

import { dirname } from 'node:path'
import { expect, test } from 'vitest'
import { createNode, sql } from '../../../src/index.ts'
import { describeWithMariadb } from '../../support/mariadb.ts'
import { describeWithPostgres, type Postgres } from '../../support/postgres.ts'

/** What a node reads from there. */
async function readBy(url: string, query: string): Promise<string | null> {
  const node = await createNode({ groups: { echo: { origin: sql({ url, query }) } } })
  return node.get('echo', 'Tom').finally(() => node.close())
}

describeWithPostgres("libpq's URLs", (postgres) => {
  const socket = ({ target }: Postgres): [folder: string, port: string] => {
    const { path } = target as { readonly path: string }
    return [dirname(path), path.replace(/.*\./, '')]
  }

  test('name a socket by a parameter or as an encoded host', async (t) => {
    t.skip(postgres().kind === 'pglite', 'PGlite has no socket')
    const [folder, port] = socket(postgres())
    const host = encodeURIComponent(folder)
    for (const url of [
      `postgres://postgres:x@/postgres?host=${folder}&port=${port}`,
      `postgresql://postgres:x@/postgres?host=${host}&port=${port}&sslmode=disable`,
      `postgres:///postgres?user=postgres&host=${host}&port=${port}`,
      `postgres://postgres@${host}:${port}/postgres`,
    ])
      expect(await readBy(url, 'select $1::text')).toBe('Tom')
  })

  test('sslmode asks for TLS, or not', async (t) => {
    const { tlsUrl } = postgres()
    if (tlsUrl === undefined) return t.skip('PGlite has no TLS')
    const query = "select ssl::text from pg_stat_ssl where pid = pg_backend_pid() and $1 <> ''"
    expect(await readBy(`${tlsUrl}?sslmode=no-verify`, query)).toBe('true')
    expect(await readBy(`${tlsUrl}?sslmode=disable`, query)).toBe('false')
    await expect(readBy(`${tlsUrl}?sslmode=require`, query)).rejects.toThrow('self-signed certificate')
  })

  test('that are not supported say why, and what to write', async () => {
    for (const [url, message] of [
      [
        'postgres://me:secret@a:1,b:2/db',
        'groups.echo.origin.url: got several hosts, which are not supported',
      ],
      ['postgres://me:sec/ret@h/db', 'are written as %40 %3A %2F'],
      ['host=/run dbname=shop', "wants a URL such as 'postgres://user@host/database'"],
    ])
      await expect(readBy(url, 'select $1')).rejects.toThrow(message)
  })
})

describeWithMariadb('URLs of MySQL', (mariadb) => {
  test('name a socket by a parameter or as an encoded host', async () => {
    const { path } = mariadb().target as { readonly path: string }
    for (const url of [
      `mysql://root:@/things?socketPath=${path}`,
      `mysql://root@localhost/things?socket=${encodeURIComponent(path)}`,
      `mariadb://root@/things?unix_socket=${path}`,
      `mysql://root@${encodeURIComponent(path)}/things`,
    ])
      expect(await readBy(url, 'select ?')).toBe('Tom')
  })
})

// Wrong credentials, databases and files were warnings only, although they do not mend themselves.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { createNode } from '../../../src/index.ts'
import { serveHttps } from '../../support/http-server.ts'
import { describeWithMariadb } from '../../support/mariadb.ts'
import { freePorts } from '../../support/ports.ts'
import { describeWithPostgres } from '../../support/postgres.ts'
import { FaultyProxy } from '../../support/proxy.ts'
import { describeWithRedis } from '../../support/redis-server.ts'
import { describeWithSqlite } from '../../support/sqlite.ts'

/** Why a node does not start, or the warnings with which it does; `logged` is all that its log was given. */
async function started(origin: object): Promise<{ failed?: string; warnings: string[]; logged: string }> {
  const warnings: string[] = []
  let logged = ''
  const warn = (fields: object, message: string): void => {
    const { err } = fields as { err?: Error }
    // All that a log could find in it.
    logged += JSON.stringify([
      fields,
      message,
      err?.message,
      err?.stack,
      err && Object.entries(err),
      err?.cause,
    ])
    warnings.push(message)
  }
  const log = { info: () => undefined, warn, error: warn }
  try {
    const node = await createNode({ groups: { users: { origin: origin as never } } }, { log })
    await node.close()
    return { warnings, logged }
  } catch (error) {
    return { failed: (error as Error).message, warnings, logged }
  }
}

/** The same origin fails the start, and with `lazy` does not; nothing says the password. */
async function failsUnlessLazy(origin: object, message: string | RegExp): Promise<void> {
  const eager = await started(origin)
  expect(eager.failed).toMatch(message)
  expect(eager.failed).not.toContain('secret')
  expect(eager.logged).not.toContain('secret')
  const lazy = await started({ ...origin, lazy: true })
  expect(lazy).toEqual({ warnings: [], logged: '' })
}

/** A server that is away is a warning that says where, without the password. */
async function warns(origin: object, message: string | RegExp): Promise<void> {
  const { failed, warnings, logged } = await started(origin)
  expect(failed).toBe(undefined)
  expect(warnings).toEqual([expect.stringMatching(message)])
  expect(logged).not.toContain('secret')
}

describeWithPostgres('PostgreSQL', (postgres) => {
  const query = 'select $1::text'

  test('an unknown role or database', async (t) => {
    t.skip(postgres().kind === 'pglite', 'PGlite has no roles and databases')
    const proxy = await FaultyProxy.start(() => postgres().target)
    const at = `127.0.0.1:${proxy.port}`
    await failsUnlessLazy(
      { kind: 'sql', url: `postgres://nobody:secret@${at}/postgres`, query },
      `group users: postgres://nobody@${at}/postgres: role "nobody" does not exist`,
    )
    await failsUnlessLazy(
      { kind: 'sql', url: `postgres://postgres:secret@${at}/nowhere`, query },
      `group users: postgres://postgres@${at}/nowhere: database "nowhere" does not exist`,
    )
    await proxy.close()
  })

  test('a certificate that is refused, or a setting that the server does not know', async (t) => {
    const { tlsUrl = t.skip('PGlite has no TLS'), url } = postgres()
    const place = tlsUrl.replace(/\W/g, '.')
    await failsUnlessLazy({ kind: 'sql', url: tlsUrl, query, ssl: true }, new RegExp(`${place}: self-signed`))
    const wrong = { kind: 'sql', url: `${url}&options=-c%20nope%3D1`, query }
    await failsUnlessLazy(wrong, /unrecognized configuration parameter "nope"/)
  })

  test('a file of the URL that is not there', async () => {
    const file = join(tmpdir(), 'erinys-no-such-ca.pem')
    const url = `postgres://app:secret@127.0.0.1:1/db?sslmode=verify-full&sslrootcert=${file}`
    await failsUnlessLazy({ kind: 'sql', url, query }, `ENOENT: no such file or directory, open '${file}'`)
  })

  test('a server that is away', async () => {
    const [port] = await freePorts(1)
    const url = `postgres://app:secret@127.0.0.1:${port}/db`
    await warns(
      { kind: 'sql', url, query },
      `^group users: the database does not answer, loads fail until it does: postgres://app@127.0.0.1:${port}/db: .*ECONNREFUSED`,
    )
  })
})

describeWithMariadb('MariaDB', (mariadb) => {
  const query = 'select ?'

  test('a wrong password, an unknown user or database', async () => {
    await mariadb().run("create user app@localhost identified by 'right'")
    const proxy = await FaultyProxy.start(() => mariadb().target)
    const at = `127.0.0.1:${proxy.port}`
    for (const [login, database, message] of [
      ['app:secret', 'things', "Access denied for user 'app'@'localhost'"],
      ['root', 'nowhere', "Unknown database 'nowhere'"],
      ['app:right', 'things', "Access denied for user 'app'@'localhost' to database 'things'"],
    ])
      await failsUnlessLazy(
        { kind: 'sql', url: `mysql://${login}@${at}/${database}`, query },
        `group users: mysql://${login.split(':')[0]}@${at}/${database}: ${message}`,
      )
    await proxy.close()
  })

  test('a server without TLS, or no database', async () => {
    const { url } = mariadb()
    await failsUnlessLazy({ kind: 'sql', url, query, ssl: true }, /Server does not support secure connection/)
    const without = { kind: 'sql', url: url.replace('/things', '/'), query: 'select 1 from things where ?' }
    await failsUnlessLazy(without, /No database selected/)
  })

  test('a server that is away', async () => {
    const [port] = await freePorts(1)
    await warns(
      { kind: 'sql', url: `mysql://app:secret@127.0.0.1:${port}/db`, query },
      `^group users: the database does not answer.*: mysql://app@127.0.0.1:${port}/db: .*ECONNREFUSED`,
    )
  })
})

describeWithSqlite('SQLite', (open) => {
  const folder = mkdtempSync(join(tmpdir(), 'erinys-start-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  const query = 'select value from things where id = ?'

  test('a file that does not exist, is a folder, or is not a database', async () => {
    const [none, text] = [join(folder, 'none.db'), join(folder, 'text.db')]
    writeFileSync(text, 'this is no database, but a text of some length'.repeat(100))
    for (const path of [none, join(none, 'deeper.db'), folder, text])
      await failsUnlessLazy({ kind: 'sql', url: `sqlite:${path}`, query }, `group users: ${path}: `)
  })

  test('a lock that is held is a warning', async () => {
    const path = join(folder, 'locked.db')
    const database = open(path)
    database.exec('create table things (id text, value text); begin exclusive')
    await warns(
      { kind: 'sql', url: `sqlite:${path}`, query, statementTimeout: 20 },
      `until it does: ${path}: .*locked`,
    )
    database.exec('rollback')
    database.close()
  })
})

describeWithRedis(
  'Redis',
  (redis) => {
    test('no password, a wrong one, an unknown user or database', async () => {
      const proxy = await FaultyProxy.start(() => ({ path: redis().socketPath }))
      await redis().call('AUTH', 'right')
      const at = `127.0.0.1:${proxy.port}`
      for (const [url, place, message] of [
        [`redis://${at}`, `redis://${at}`, 'NOAUTH Authentication required'],
        [`redis://:secret@${at}/1`, `redis://${at}/1`, 'WRONGPASS invalid username-password pair'],
        [`redis://app:secret@${at}`, `redis://app@${at}`, 'WRONGPASS invalid username-password pair'],
        [`redis://:right@${at}/99`, `redis://${at}/99`, 'ERR DB index is out of range'],
      ])
        await failsUnlessLazy({ kind: 'redis', url }, `group users: ${place}: ${message}`)
      await failsUnlessLazy({ kind: 'redis', url: `redis://:secret@${at}`, cluster: true }, 'WRONGPASS')
      await proxy.close()
    })

    test('a server that is no cluster, or whose certificate is refused', async () => {
      const proxy = await FaultyProxy.start(() => ({ path: redis().socketPath }))
      const url = `redis://:right@127.0.0.1:${proxy.port}`
      await failsUnlessLazy({ kind: 'redis', url, cluster: true }, /cluster support disabled/)
      await proxy.close()
      const port = await serveHttps((_, response) => void response.end())
      await failsUnlessLazy({ kind: 'redis', url: `rediss://127.0.0.1:${port}` }, /self-signed certificate/)
    })

    test('a user who may not read every key starts without a warning', async () => {
      const proxy = await FaultyProxy.start(() => ({ path: redis().socketPath }))
      await redis().call('ACL', 'SETUSER', 'reader', 'on', '>secret', '+@read', '~user:*')
      const url = `redis://reader:secret@127.0.0.1:${proxy.port}`
      expect(await started({ kind: 'redis', url })).toEqual({ warnings: [], logged: '' })
      await proxy.close()
    })

    test('a server that is away', async () => {
      const [port] = await freePorts(1)
      await warns(
        { kind: 'redis', url: `redis://:secret@127.0.0.1:${port}` },
        `^group users: Redis does not answer.*: redis://127.0.0.1:${port}: .*ECONNREFUSED`,
      )
    })
  },
  '--requirepass',
  'right',
)

// A PostgreSQL for tests: a real server on a Unix socket, or PGlite where there is none.

import { join } from 'node:path'
import { PGlite } from '@electric-sql/pglite'
import { PGLiteSocketServer } from '@electric-sql/pglite-socket'
import { Client } from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { certificate, key } from './certificate.ts'
import { findExecutable, isRequired } from './executable.ts'
import { freePorts } from './ports.ts'
import { postgresFolders, startPostgresServer } from './postgres-server.ts'
import type { Target } from './proxy.ts'
import { secretFile } from './unprivileged.ts'

export interface Postgres {
  readonly kind: 'postgres' | 'pglite'
  readonly url: string
  /** Its port for TLS, with the certificate of `certificate.ts`; PGlite has none. */
  readonly tlsUrl?: string
  /** The target for a proxy. */
  readonly target: Target
  /** Runs statements as the superuser. */
  run(sql: string, values?: readonly unknown[]): Promise<Record<string, unknown>[]>
  stop(): Promise<void>
}

/**
 * A `describe` whose tests have a PostgreSQL. Without a server on PATH (or in Debian's folder) they run on PGlite
 * with a warning; where ERINYS_TEST_REQUIRE names `postgres` they fail.
 */
export function describeWithPostgres(name: string, body: (postgres: () => Postgres) => void): void {
  const folders = postgresFolders()
  const initdb = findExecutable('initdb', ...folders)
  const program = findExecutable('postgres', ...folders)
  const isFound = initdb !== undefined && program !== undefined
  describe(name, () => {
    if (!isFound && isRequired('postgres')) {
      test('postgres is on PATH', () => expect.fail('ERINYS_TEST_REQUIRE asks for postgres'))
      return
    }
    if (!isFound) console.warn(`SKIPPED: ${name}: postgres is not on PATH, PGlite stands in for it`)
    let server: Postgres | undefined
    beforeAll(async () => {
      server = isFound ? await startPostgres(initdb, program) : await startPglite()
    })
    afterAll(() => server?.stop())
    body(() => server ?? expect.fail('not started'))
  })
}

async function startPostgres(initdb: string, program: string): Promise<Postgres> {
  const [port] = await freePorts(1)
  const server = await startPostgresServer({
    initdb,
    program,
    prefix: 'erinys-postgres-',
    settings: (folder, identity) => [
      // There is no TLS on a Unix socket.
      'listen_addresses=127.0.0.1',
      `port=${port}`,
      'ssl=on',
      `ssl_cert_file=${secretFile(identity, join(folder, 'server.crt'), certificate)}`,
      `ssl_key_file=${secretFile(identity, join(folder, 'server.key'), key)}`,
      'max_connections=30',
    ],
  })
  const url = `postgres:///postgres?user=postgres&port=${port}&host=${encodeURIComponent(server.folder)}`
  const admin = new Client({ connectionString: url })
  await admin.connect()
  return {
    kind: 'postgres',
    url,
    tlsUrl: `postgres://postgres@localhost:${port}/postgres`,
    target: { path: join(server.folder, `.s.PGSQL.${port}`) },
    run: async (sql, values) => (await admin.query(sql, values && [...values])).rows,
    async stop() {
      await admin.end()
      await server.stop()
    },
  }
}

async function startPglite(): Promise<Postgres> {
  const db = await PGlite.create()
  const server = new PGLiteSocketServer({ db, port: 0, host: '127.0.0.1', maxConnections: 30 })
  await server.start()
  const [host, port] = server.getServerConn().split(':')
  return {
    kind: 'pglite',
    url: `postgres://postgres@${host}:${port}/postgres`,
    target: { port: Number(port) },
    run: async (sql, values) =>
      values === undefined
        ? ((await db.exec(sql)).at(-1)?.rows as Record<string, unknown>[])
        : (await db.query<Record<string, unknown>>(sql, [...values])).rows,
    async stop() {
      await server.stop()
      await db.close()
    },
  }
}

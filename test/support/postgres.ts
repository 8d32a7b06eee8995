// A PostgreSQL for tests: a real server on a Unix socket, or PGlite where there is none.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { PGlite } from '@electric-sql/pglite'
import { PGLiteSocketServer } from '@electric-sql/pglite-socket'
import { Client } from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { certificate, key } from './certificate.ts'
import { findExecutable, isRequired } from './executable.ts'
import { freePorts } from './ports.ts'
import type { Target } from './proxy.ts'
import { folderOf, secretFile, unprivileged } from './unprivileged.ts'

export interface Postgres {
  readonly kind: 'postgres' | 'pglite'
  readonly url: string
  /** Where it is reached by TLS, with the certificate of `certificate.ts`; PGlite is not. */
  readonly tlsUrl?: string
  /** Where a proxy connects to. */
  readonly target: Target
  /** Runs statements as the superuser. */
  run(sql: string, values?: readonly unknown[]): Promise<Record<string, unknown>[]>
  stop(): Promise<void>
}

const DEBIAN = '/usr/lib/postgresql'

/**
 * A `describe` whose tests have a PostgreSQL. Without a server on PATH (or where Debian keeps it) they run on PGlite
 * with a warning; where ERINYS_TEST_REQUIRE names `postgres` they fail.
 */
export function describeWithPostgres(name: string, body: (postgres: () => Postgres) => void): void {
  const folders = debianFolders()
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
    }, 60_000)
    afterAll(() => server?.stop())
    body(() => server ?? expect.fail('not started'))
  })
}

async function startPostgres(initdb: string, program: string): Promise<Postgres> {
  const identity = unprivileged('postgres')
  const folder = folderOf(identity, 'erinys-postgres-')
  const data = join(folder, 'data')
  const options = ['-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync', '-D', data]
  execFileSync(initdb, options, { ...identity, cwd: folder, stdio: 'pipe' })
  const [port] = await freePorts(1)
  const settings = [
    // A Unix socket knows no TLS.
    'listen_addresses=127.0.0.1',
    `port=${port}`,
    'ssl=on',
    `ssl_cert_file=${secretFile(identity, join(folder, 'server.crt'), certificate)}`,
    `ssl_key_file=${secretFile(identity, join(folder, 'server.key'), key)}`,
    'fsync=off',
    `unix_socket_directories=${folder}`,
    'max_connections=30',
  ]
  const child = spawn(program, ['-D', data, ...settings.flatMap((setting) => ['-c', setting])], {
    ...identity,
    cwd: folder,
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const killAtExit = (): unknown => child.kill('SIGQUIT')
  process.once('exit', killAtExit)
  await saysReady(child, 'ready to accept connections')
  const url = `postgres:///postgres?user=postgres&port=${port}&host=${encodeURIComponent(folder)}`
  const admin = new Client({ connectionString: url })
  await admin.connect()
  return {
    kind: 'postgres',
    url,
    tlsUrl: `postgres://postgres@localhost:${port}/postgres`,
    target: { path: join(folder, `.s.PGSQL.${port}`) },
    run: async (sql, values) => (await admin.query(sql, values && [...values])).rows,
    async stop() {
      await admin.end()
      const exited = once(child, 'exit')
      child.kill('SIGQUIT')
      await exited
      process.off('exit', killAtExit)
      rmSync(folder, { recursive: true, force: true })
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

/** Resolves when the server's log says so. */
export function saysReady(child: ChildProcess, words: string): Promise<void> {
  return new Promise((resolve, reject) => {
    let log = ''
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      if (log.includes(words)) return
      log += text
      if (log.includes(words)) resolve()
    })
    child.once('error', reject)
    child.once('exit', (code) => reject(new Error(`the server ended with code ${code}:\n${log}`)))
  })
}

function debianFolders(): string[] {
  try {
    return readdirSync(DEBIAN).map((version) => join(DEBIAN, version, 'bin'))
  } catch {
    return []
  }
}

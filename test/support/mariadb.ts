// A MariaDB for tests, on a Unix socket of its own.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { type Connection, createConnection } from 'mysql2/promise'
import { afterAll, beforeAll, expect } from 'vitest'
import { addressCertificate, addressKey } from './certificate.ts'
import { describeIfFound, findExecutable } from './executable.ts'
import { saysReady } from './postgres-server.ts'
import type { Target } from './proxy.ts'
import { folderOf, secretFile, unprivileged } from './unprivileged.ts'

export interface Mariadb {
  readonly url: string
  /** The target for a proxy. */
  readonly target: Target
  run(sql: string, values?: readonly unknown[]): Promise<void>
  /** Rows as objects. */
  rows(sql: string): Promise<readonly Record<string, unknown>[]>
  /** Kills the process; what was committed is kept. */
  kill(): Promise<void>
  /** Starts it again after `kill`. */
  restart(): Promise<void>
  stop(): Promise<void>
}

/** A `describe` whose tests have a MariaDB; `tls`: with the certificate of 127.0.0.1. Without one they are skipped with a warning, or fail where ERINYS_TEST_REQUIRE names `mariadb`. */
export function describeWithMariadb(
  name: string,
  body: (mariadb: () => Mariadb) => void,
  options: { readonly tls?: boolean } = {},
): void {
  const program = findExecutable('mariadbd', '/usr/sbin')
  const install = findExecutable('mariadb-install-db')
  const found = program === undefined || install === undefined ? undefined : { program, install }
  describeIfFound(found, name, 'mariadbd', 'mariadb', (executables) => {
    let server: Mariadb | undefined
    beforeAll(async () => {
      server = await startMariadb(executables, options.tls === true)
    })
    afterAll(() => server?.stop())
    body(() => server ?? expect.fail('not started'))
  })
}

async function startMariadb(
  { program, install }: { program: string; install: string },
  tls: boolean,
): Promise<Mariadb> {
  const identity = unprivileged('mysql')
  const folder = folderOf(identity, 'erinys-mariadb-')
  const data = join(folder, 'data')
  const socketPath = join(folder, 'mariadb.sock')
  const common = [
    '--no-defaults',
    `--datadir=${data}`,
    '--innodb-log-file-size=4M',
    '--innodb-flush-method=nosync',
  ]
  execFileSync(install, [...common, '--auth-root-authentication-method=normal', '--skip-test-db'], {
    ...identity,
    cwd: folder,
    stdio: 'pipe',
  })
  const settings = [`--socket=${socketPath}`, '--skip-networking', '--innodb-flush-log-at-trx-commit=2']
  if (tls)
    settings.push(
      `--ssl-cert=${secretFile(identity, join(folder, 'server.crt'), addressCertificate)}`,
      `--ssl-key=${secretFile(identity, join(folder, 'server.key'), addressKey)}`,
    )
  const launch = async (): Promise<[ChildProcess, Connection]> => {
    const child = spawn(program, [...common, ...settings], {
      ...identity,
      cwd: folder,
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    running = child
    await saysReady(child, 'ready for connections')
    return [child, await createConnection({ user: 'root', socketPath, multipleStatements: true })]
  }
  let running: ChildProcess | undefined
  const killAtExit = (): unknown => running?.kill('SIGKILL')
  process.once('exit', killAtExit)
  let [child, admin] = await launch()
  await admin.query('create database things character set utf8mb4')
  await admin.query('use things')
  const kill = async (): Promise<void> => {
    admin.destroy()
    const exited = once(child, 'exit')
    child.kill('SIGKILL')
    await exited
  }
  return {
    url: `mysql://root@localhost/things?socketPath=${encodeURIComponent(socketPath)}`,
    target: { path: socketPath },
    run: async (sql, values) => void (await admin.query(sql, values && [...values])),
    rows: async (sql) => (await admin.query(sql))[0] as Record<string, unknown>[],
    kill,
    async restart() {
      ;[child, admin] = await launch()
      await admin.query('use things')
    },
    async stop() {
      await kill()
      process.off('exit', killAtExit)
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

// The packed package, installed into a new project as a user would.

import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import manifest from '../package.json' with { type: 'json' }
import { builtinSqlite } from '../src/origin/sql/sqlite-engine.ts'
import { exchange, start } from './support/cli.ts'

const execute = promisify(execFile)
const project = fileURLToPath(new URL('..', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'erinys-package-'))
const app = join(folder, 'app')
const erinys = join(app, 'node_modules', '.bin', 'erinys')
const isRequired = (process.env.ERINYS_TEST_REQUIRE ?? '').split(/[\s,]+/).includes('registry')

afterAll(() => rmSync(folder, { recursive: true }))

const isInstalled = await install()

/** Packs and installs; false if no registry is reachable, unless it is required. */
async function install(): Promise<boolean> {
  await execute('npm', ['pack', '--pack-destination', folder], { cwd: project })
  const tarball = readdirSync(folder).find((name) => name.endsWith('.tgz'))
  mkdirSync(app)
  writeFileSync(join(app, 'package.json'), '{ "name": "app", "private": true }')
  try {
    await execute(
      'npm',
      ['install', '--prefer-offline', '--no-audit', '--no-fund', join('..', String(tarball))],
      { cwd: app },
    )
    return true
  } catch (error) {
    if (isRequired) throw error
    console.warn(`SKIPPED: the packed package: ${(error as Error).message}`)
    return false
  }
}

describe.skipIf(!isInstalled)('the packed package', () => {
  beforeAll(() => {
    writeFileSync(
      join(app, 'erinys.config.ts'),
      `import { defineConfig } from 'erinys'
      const prefix: string = 'hello '
      export default defineConfig({ groups: { scores: { origin: async (key, { group }) => prefix + group + key } } })`,
    )
  })

  test('npx erinys --version', async () => {
    const { stdout } = await execute('npx', ['--no-install', 'erinys', '--version'], { cwd: app })
    expect(stdout).toBe(`${manifest.version}\n`)
  })

  test('starts, and serves a configuration in TypeScript', async () => {
    const node = await start([], { cwd: app, program: [erinys] })
    expect(await exchange(node.port, 'PING\r\nGET Tom\r\n', 'Tom')).toBe(
      '+PONG\r\n$15\r\nhello scoresTom\r\n',
    )
    // No compiler process is left.
    if (process.platform === 'linux')
      expect(readFileSync(`/proc/${node.child.pid}/task/${node.child.pid}/children`, 'utf8')).toBe('')
    node.child.kill('SIGTERM')
    expect((await node.outcome).code).toBe(0)
  })

  test('names the missing package of a database', async () => {
    const config = { groups: { users: { origin: { kind: 'sql', url: 'postgres://h/db', query: 'q' } } } }
    writeFileSync(join(app, 'sql.json'), JSON.stringify(config))
    const { stderr } = await execute(erinys, ['--config', 'sql.json'], { cwd: app }).catch((error) => error)
    expect(stderr).toBe('erinys: group users: wants the package pg, which is not installed: npm install pg\n')
  })

  test.runIf(builtinSqlite() === undefined)(
    'names the missing package of SQLite if Node.js has no SQLite',
    async () => {
      const config = { groups: { users: { origin: { kind: 'sql', url: 'sqlite:x.db', query: 'q' } } } }
      writeFileSync(join(app, 'sqlite.json'), JSON.stringify(config))
      const { stderr } = await execute(erinys, ['-c', 'sqlite.json'], {
        cwd: app,
        env: { PATH: process.env.PATH },
      }).catch((error) => error)
      expect(stderr).toBe(
        'erinys: group users: SQLite wants Node.js 22.16 or later, which has it built in, or the package ' +
          'better-sqlite3: npm install better-sqlite3@12\n',
      )
    },
  )

  test('embeds in a program in CommonJS', async () => {
    const program = `import('erinys').then(async ({ createNode }) => {
      const node = await createNode({ port: 0, groups: { scores: { origin: (key) => 'hello ' + key } } })
      console.log(await node.get('scores', 'Tom'))
      await node.close()
    })`
    writeFileSync(join(app, 'embed.cjs'), program)
    const { stdout } = await execute(process.execPath, ['embed.cjs'], { cwd: app })
    expect(stdout).toBe('hello Tom\n')
  })

  test('embeds, with types', async () => {
    writeFileSync(
      join(app, 'embed.mts'),
      `import { createNode, http, loaded, sql } from 'erinys'
      sql({ url: 'postgres://h/db', query: 'select 1' }) && http({ url: 'http://h/{key}' }) && loaded('x', { ttl: 5 })
      const node = await createNode({ port: 0, groups: { scores: { origin: (key, { group }) => group + key } } })
      await node.close()
      // @ts-expect-error: no such field
      createNode({ prot: 0 })`,
    )
    const compilerOptions = {
      strict: true,
      noEmit: true,
      module: 'nodenext',
      target: 'es2023',
      typeRoots: [join(project, 'node_modules', '@types')],
      types: ['node'],
    }
    writeFileSync(join(app, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['embed.mts'] }))
    const tsc = join(project, 'node_modules', 'typescript', 'bin', 'tsc')
    const { stdout } = await execute(process.execPath, [tsc, '-p', app]).catch((error) => error)
    expect(stdout).toBe('')
  })
})

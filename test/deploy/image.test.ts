// The image: its steps run in a clean folder, and what they leave starts and is healthy.

import { execFile } from 'node:child_process'
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, describe, expect, onTestFinished, test } from 'vitest'
import manifest from '../../package.json' with { type: 'json' }
import { exchange, start } from '../support/cli.ts'
import { isRequired } from '../support/executable.ts'
import { freePorts } from '../support/ports.ts'
import { instructionsOf, runStages, type Stage } from './dockerfile.ts'

const execute = promisify(execFile)
const project = fileURLToPath(new URL('../..', import.meta.url))
const file = join(project, 'deploy/Dockerfile')
const folder = mkdtempSync(join(tmpdir(), 'erinys-image-'))
afterAll(() => rmSync(folder, { recursive: true }))

test('the image is that of the newest LTS, its user is unprivileged, and its context has what it copies', () => {
  const instructions = instructionsOf(readFileSync(file, 'utf8'))
  const last = (name: string): string | undefined => instructions.findLast((each) => each.name === name)?.text
  expect(last('ARG')).toBe('NODE=26')
  expect(readFileSync(join(project, '.ci/run'), 'utf8')).toContain('lts=26')
  expect(last('USER')).toMatch(/^[1-9]\d*:[1-9]\d*$/)
  expect(last('HEALTHCHECK')).toContain('CMD')
  expect(last('STOPSIGNAL')).toBe('SIGTERM')
  // RUN is also run without Docker: no absolute paths.
  for (const { name, text } of instructions) if (name === 'RUN') expect(text).not.toMatch(/(^|[\s=])\//)
  const ignored = readFileSync(`${file}.dockerignore`, 'utf8')
  const copied = instructions
    .filter(({ name, text }) => name === 'COPY' && !text.startsWith('--from'))
    .flatMap(({ text }) => text.split(/\s+/).slice(0, -1))
  for (const path of copied) {
    expect(existsSync(join(project, path)), path).toBe(true)
    expect(ignored.split('\n'), path).toContain(`!${path}`)
  }
})

const stage = await build()

/** Runs the steps; `undefined` if no registry is reachable, unless it is required. */
async function build(): Promise<Stage | undefined> {
  try {
    return await runStages(file, project, folder)
  } catch (error) {
    if (isRequired('registry')) throw error
    console.warn(`SKIPPED: the steps of the image: ${(error as Error).message}`)
    return undefined
  }
}

describe.skipIf(stage === undefined)('what the steps leave', () => {
  const { folder: root, settings } = stage ?? { folder, settings: new Map<string, string>() }
  const program = (name: 'ENTRYPOINT' | 'HEALTHCHECK'): string =>
    join(root, JSON.parse((settings.get(name) as string).replace(/^[^[]*/, ''))[1])

  test('has the package with its dependencies and drivers, and nothing to develop it', () => {
    const packages = readdirSync(join(root, 'node_modules'))
    for (const name of ['erinys', 'pg', 'mysql2', ...Object.keys(manifest.dependencies)])
      expect(existsSync(join(root, 'node_modules', name)), name).toBe(true)
    for (const name of ['typescript', 'vitest', 'tsx', 'better-sqlite3']) expect(packages).not.toContain(name)
    expect(lstatSync(join(root, 'node_modules/erinys')).isSymbolicLink()).toBe(false)
  })

  test('a configuration in TypeScript starts, the health check passes, and without a password nothing starts', async () => {
    // The folder of the configuration is beside /node_modules.
    const conf = join(root, 'etc/erinys')
    mkdirSync(conf, { recursive: true })
    writeFileSync(
      join(conf, 'erinys.config.ts'),
      `import { defineConfig } from 'erinys'
      export default defineConfig({ groups: { a: { maxBytes: '1mb', origin: (key: string) => 'of ' + key } } })`,
    )
    const node = await start([], {
      cwd: conf,
      program: [process.execPath, program('ENTRYPOINT')],
      env: { ERINYS_REQUIREPASS: 'hush' },
    })
    onTestFinished(() => void node.child.kill('SIGKILL'))
    expect(await exchange(node.port, 'AUTH hush\r\nGET k\r\n', 'of k')).toBe('+OK\r\n$4\r\nof k\r\n')
    const env = { ...process.env, ERINYS_PORT: String(node.port) }
    await execute(process.execPath, [program('HEALTHCHECK')], { env })
    node.child.kill('SIGTERM')
    expect((await node.outcome).code).toBe(0)
    await expect(execute(process.execPath, [program('HEALTHCHECK')], { env })).rejects.toThrow('ECONNREFUSED')

    const [port] = await freePorts(1)
    const open = { ...process.env, ERINYS_BIND: '*', ERINYS_PORT: String(port) }
    await expect(
      execute(process.execPath, [program('ENTRYPOINT')], { cwd: conf, env: open }),
    ).rejects.toThrow('there is no password: set requirepass')
  })
})

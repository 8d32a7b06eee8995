// What `npm ci` and `npm start` compile in a clone: after an edit, without the development dependencies, for CommonJS.

import { execFile } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, describe, expect, test } from 'vitest'
import manifest from '../package.json' with { type: 'json' }
import { fieldsWithoutComment } from './support/doc-comments.ts'

const execute = promisify(execFile)
const project = fileURLToPath(new URL('..', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'erinys-build-'))

afterAll(() => rmSync(folder, { recursive: true }))

function cloneTo(name: string): string {
  const clone = join(folder, name)
  mkdirSync(clone)
  for (const each of ['src', 'build.mjs', 'package.json', 'tsconfig.json', 'tsconfig.build.json'])
    cpSync(join(project, each), join(clone, each), { recursive: true })
  return clone
}

interface Outcome {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

function npm(cwd: string, ...args: string[]): Promise<Outcome> {
  return execute('npm', ['--silent', ...args], { cwd }).then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    ({ code, stdout, stderr }: Outcome) => ({ code, stdout, stderr }),
  )
}

/** A program in CommonJS that takes the library by the given expression. */
const commonJs = (library: string): string => `
  Promise.resolve(${library}).then(async ({ createNode }) => {
    const node = await createNode({ port: 0, groups: { scores: { origin: (key) => 'hello ' + key } } })
    console.log(await node.get('scores', 'Tom'))
    await node.close()
  })`

/** As docs/embedding.md says: Node.js 20.19, 22.12 and later. */
function canRequire([major, minor]: readonly number[]): boolean {
  if (major === 20) return minor >= 19
  return major === 22 ? minor >= 12 : major > 22
}

test('npm start compiles what was edited since; CommonJS can use the result, and its types say what each field means', async () => {
  const clone = cloneTo('edited')
  symlinkSync(join(project, 'node_modules'), join(clone, 'node_modules'))
  expect(await npm(clone, 'start', '--', '--version')).toEqual({
    code: 0,
    stdout: `${manifest.version}\n`,
    stderr: '',
  })
  const path = join(clone, 'src/cli/cli.ts')
  const text = readFileSync(path, 'utf8')
  writeFileSync(path, text.replace('.version(version,', ".version('edited',"))
  expect(readFileSync(path, 'utf8')).not.toBe(text)
  expect((await npm(clone, 'start', '--', '--version')).stdout).toBe('edited\n')

  // The same clone, as it takes a while to compile.
  const isSupported = canRequire(process.versions.node.split('.').map(Number))
  for (const [library, isExpected] of [
    ["import('erinys')", true],
    ["require('erinys')", isSupported],
  ] as const) {
    writeFileSync(join(clone, 'embed.cjs'), commonJs(library))
    const { stdout, stderr } = await execute(process.execPath, ['embed.cjs'], { cwd: clone }).catch(
      (error) => error as Outcome,
    )
    if (isExpected) expect(stdout).toBe('hello Tom\n')
    else expect(stderr).toContain('ERR_REQUIRE_ESM')
  }
  expect(fieldsWithoutComment(join(clone, 'dist/index.d.ts'))).toEqual([])
})

test('without the program of esbuild, as after npm ci --omit=optional, a node starts without the page of the dashboard', async () => {
  const clone = cloneTo('without-optional')
  const packages = join(clone, 'node_modules')
  mkdirSync(packages)
  for (const name of readdirSync(join(project, 'node_modules')))
    if (!['.cache', '@esbuild', 'esbuild'].includes(name))
      symlinkSync(join(project, 'node_modules', name), join(packages, name))
  // It looks for its program beside itself.
  cpSync(join(project, 'node_modules', 'esbuild'), join(packages, 'esbuild'), {
    recursive: true,
    dereference: true,
  })
  const { code, stdout, stderr } = await npm(clone, 'start', '--', '--version')
  expect({ code, stdout }).toEqual({ code: 0, stdout: `${manifest.version}\n` })
  expect(stderr).toMatch(/^esbuild is not complete [^\n]*: the page of the dashboard is not built\n$/)
  expect(existsSync(join(clone, 'dist/main.js'))).toBe(true)
  expect(existsSync(join(clone, 'dist/http/dashboard/assets/index.html'))).toBe(false)
})

describe('without TypeScript, as after npm ci --omit=dev', () => {
  const clone = cloneTo('production')

  test('an installation succeeds, and says what is missing', async () => {
    const { code, stderr } = await npm(clone, 'run', 'prepare')
    expect(code).toBe(0)
    expect(stderr).toContain('run npm ci without --omit=dev')
  })

  test('a start without dist/ fails, and says what to do', async () => {
    const { code, stderr } = await npm(clone, 'start')
    expect(code).toBe(1)
    expect(stderr).toMatch(/^TypeScript is not installed and there is no dist\/ yet: [^\n]*\n$/)
  })

  test('dist/ is used as it is', async () => {
    mkdirSync(join(clone, 'dist'))
    writeFileSync(join(clone, 'dist', 'main.js'), 'console.log("started")')
    expect(await npm(clone, 'run', 'prepare')).toEqual({
      code: 0,
      stdout: 'TypeScript is not installed: dist/ is used as it is\n',
      stderr: '',
    })
    expect(await npm(clone, 'start')).toEqual({ code: 0, stdout: 'started\n', stderr: '' })
  })
})

// The worked examples of docs/contributing.md are built in a copy of the sources, and work.

import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import ts from 'typescript'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { exchange, run, start } from '../support/cli.ts'
import { allBlocks, project } from './markdown.ts'

const root = mkdtempSync(join(tmpdir(), 'erinys-contributing-'))
const added = allBlocks('new file')
const changed = allBlocks('change')

/** Runs a program of the copy. */
const program = (path: string): [string, ...string[]] => [
  process.execPath,
  '--import',
  import.meta.resolve('tsx'),
  join(root, path),
]

/** Applies the lines of a diff: each group of `-` lines is replaced by the group of `+` lines after it. */
function patched(text: string, diff: string): string {
  let result = text
  for (const [, removed, replacement] of diff.matchAll(/((?:^-.*\n)+)((?:^\+.*\n)+)/gm)) {
    const old = removed.replace(/^-/gm, '')
    if (!result.includes(old)) throw new Error(`the sources have no line ${old}`)
    result = result.replace(old, replacement.replace(/^\+/gm, ''))
  }
  return result
}

beforeAll(() => {
  cpSync(join(project, 'src'), join(root, 'src'), { recursive: true })
  cpSync(join(project, 'package.json'), join(root, 'package.json'))
  symlinkSync(join(project, 'node_modules'), join(root, 'node_modules'))
  for (const { options, text } of added) {
    mkdirSync(dirname(join(root, options)), { recursive: true })
    writeFileSync(join(root, options), text)
  }
  for (const { options, text } of changed) {
    const path = join(root, options)
    writeFileSync(path, patched(readFileSync(path, 'utf8'), text))
  }
})
afterAll(() => rmSync(root, { recursive: true }))

test('each is one new file and one changed file, and compiles', () => {
  expect([added.length, changed.length]).toEqual([3, 3])
  const files = [...added, ...changed].map(({ options }) => join(root, options))
  const { config } = ts.readConfigFile(join(project, 'tsconfig.json'), ts.sys.readFile)
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, project)
  const compiled = ts.createProgram({
    rootNames: files,
    options: { ...options, noEmit: true, typeRoots: [join(project, 'node_modules', '@types')] },
  })
  const problems = files.flatMap((name) => {
    const file = compiled.getSourceFile(name)
    return [...compiled.getSyntacticDiagnostics(file), ...compiled.getSemanticDiagnostics(file)]
  })
  expect(problems.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'))).toEqual([])
})

test('the new command reads through the new origin kind', async () => {
  mkdirSync(join(root, 'pages'))
  writeFileSync(join(root, 'pages', 'hello'), 'olleh')
  const groups = { pages: { origin: { kind: 'folder', path: 'pages' } } }
  writeFileSync(join(root, 'erinys.config.json'), JSON.stringify({ groups }))
  const { port, child, outcome } = await start([], { cwd: root, program: program('src/main.ts') })
  const requests = 'REVERSE hello\r\nREVERSE ../package.json\r\nCOMMAND GETKEYS REVERSE hello\r\nPING\r\n'
  expect(await exchange(port, requests, 'PONG')).toBe('$5\r\nhello\r\n$-1\r\n*1\r\n$5\r\nhello\r\n+PONG\r\n')
  child.kill()
  expect(await outcome).toMatchObject({ code: 0 })
})

test('the new eviction policy evicts in order of insertion', async () => {
  writeFileSync(
    join(root, 'evict.ts'),
    `
import { systemClock } from './src/bytes/clock.ts'
import { Hasher, randomSeed } from './src/bytes/hash.ts'
import { Instant } from './src/bytes/instant.ts'
import { EVICTION_POLICIES } from './src/store/eviction/policies.ts'
import { ValueType } from './src/store/record.ts'
import { Store } from './src/store/store.ts'

for (const eviction of [EVICTION_POLICIES.lru, EVICTION_POLICIES.fifo]) {
  const instant = new Instant(systemClock)
  const store = new Store({ maxBytes: 64 * 1024, hasher: new Hasher(randomSeed()), instant, eviction })
  const first = Buffer.from('first')
  const put = (key: Buffer) => store.put(key, 0, key.length, Buffer.alloc(1000), 0, 1000, ValueType.STRING, 0)
  put(first)
  for (let i = 0; store.evicted === 0; i++) {
    store.get(first, 0, first.length)
    put(Buffer.from('key' + i))
  }
  console.log(store.peek(first, 0, first.length) === 0 ? 'gone' : 'kept')
}
`,
  )
  const { stdout, stderr } = await run([], { cwd: root, program: program('evict.ts') })
  expect({ stdout, stderr }).toEqual({ stdout: 'kept\ngone\n', stderr: '' })
})

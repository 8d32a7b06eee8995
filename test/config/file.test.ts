import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, describe, expect, test } from 'vitest'
import { type LoadedConfig, loadConfig } from '../../src/config/file.ts'
import { createNode } from '../../src/node.ts'
import { compiledMain } from '../support/compiled.ts'

const root = mkdtempSync(join(tmpdir(), 'erinys-config-file-'))
afterAll(() => rmSync(root, { recursive: true }))
let folders = 0

/** A new folder with the given files. */
function folderWith(files: Readonly<Record<string, string>>): string {
  const folder = join(root, String(++folders))
  mkdirSync(folder)
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
  return folder
}

function load(directory: string, file?: string, variables = {}): Promise<LoadedConfig> {
  return loadConfig({ directory, file, variables, flags: {} })
}

describe('a file in the working directory is found', () => {
  test.each([
    ['erinys.config.ts', 'const port: number = 7001\nexport default { port }'],
    ['erinys.config.mts', 'const port: number = 7001\nexport default { port }'],
    ['erinys.config.js', 'export default { port: 7001 }'],
    ['erinys.config.js', 'module.exports = { port: 7001 }'],
    ['erinys.config.mjs', 'export default { port: 7001 }'],
    ['erinys.config.json', '{ "port": 7001 }'],
    ['erinys.config.json', '\uFEFF{ "port": 7001 }'],
  ])('%s: %j', async (name, text) => {
    const { config, file } = await load(folderWith({ [name]: text }))
    expect(config.port).toBe(7001)
    expect(file).toBe(name)
  })

  test('in a package with "type": "module" too', async () => {
    const files = { 'package.json': '{ "type": "module" }', 'port.ts': 'export const port: number = 7001' }
    const folder = folderWith({
      ...files,
      'erinys.config.ts': "import { port } from './port.ts'\nexport default { port }",
    })
    expect((await load(folder)).config.port).toBe(7001)
  })

  test('no file is not an error', async () => {
    const { config, file } = await load(folderWith({}))
    expect(config.port).toBe(7000)
    expect(file).toBeUndefined()
  })

  test('two files are an error', async () => {
    const folder = folderWith({ 'erinys.config.ts': '', 'erinys.config.json': '{}' })
    await expect(load(folder)).rejects.toThrow(
      'found erinys.config.ts and erinys.config.json: keep one, or name one with --config',
    )
    expect((await load(folder, 'erinys.config.json')).config.port).toBe(7000)
  })
})

describe.each(['commonjs', 'module'])(
  'a changed file is read again, in a package of "type": "%s"',
  (type) => {
    const json = (n: number): string => `{ "port": ${n} }`
    const esm = (n: number): string => `export const port = ${n}`
    const common = (n: number): string => `module.exports = { port: ${n} }`

    test.each(['ts', 'mts', 'js', 'mjs', 'json'])('.%s', async (extension) => {
      const write = (n: number): string => (extension === 'json' ? json(n) : `export default ${json(n)}`)
      const name = `erinys.config.${extension}`
      const folder = folderWith({ 'package.json': `{ "type": "${type}" }`, [name]: write(1) })
      expect((await load(folder)).config.port).toBe(1)
      writeFileSync(join(folder, name), write(2))
      expect((await load(folder)).config.port).toBe(2)
      writeFileSync(join(folder, name), 'export default {')
      await expect(load(folder)).rejects.toThrow(name)
    })

    test.each([
      ['erinys.config.ts', './port.ts', 'port.ts', esm],
      ['erinys.config.ts', './port', 'port.ts', esm],
      ['erinys.config.ts', './port.mjs', 'port.mjs', esm],
      ['erinys.config.ts', './port.js', 'port.js', esm],
      ['erinys.config.ts', './port.json', 'port.json', json],
      ['erinys.config.mjs', './port.mjs', 'port.mjs', esm],
      ['erinys.config.mjs', './port.js', 'port.js', esm],
      ['erinys.config.mjs', './port.cjs', 'port.cjs', common],
      ['erinys.config.js', './port.js', 'port.js', esm],
    ])('and what it imports: %s with %s', async (name, specifier, imported, write) => {
      const folder = folderWith({
        'package.json': `{ "type": "${type}" }`,
        [imported]: write(1),
        'between.mjs': `import * as all from '${specifier}'\nexport const port = all.port ?? all.default.port`,
        [name]: `import {\n  port,\n} from './between.mjs'\nexport default { port }`,
      })
      expect((await load(folder)).config.port).toBe(1)
      writeFileSync(join(folder, imported), write(2))
      expect((await load(folder)).config.port).toBe(2)
    })
  },
)

test('a module of the configuration runs once, also in a circle, and not if its import is a comment', async () => {
  const name = 'erinysEvaluations'
  const count = `globalThis.${name} = (globalThis.${name} ?? 0) + 1\n`
  const folder = folderWith({
    'a.mjs': `import './b.mjs'\n${count}export const port = 1`,
    'b.mjs': `import './a.mjs'\nimport './c.mjs'\n${count}`,
    'c.mjs': count,
    'gone.mjs': count,
    'erinys.config.mjs': `/*\nimport './gone.mjs'\n*/\nimport './c.mjs'\nimport { port } from './a.mjs'\nexport default { port }`,
  })
  expect((await load(folder)).config.port).toBe(1)
  expect((globalThis as { [name]?: number })[name]).toBe(3)
})

test.each(['mjs', 'ts', 'mts'])(
  'await import() of a local module is what the file is now: .%s',
  async (extension) => {
    const other = extension === 'mjs' ? 'mjs' : 'ts'
    const folder = folderWith({
      [`erinys.config.${extension}`]: `
      const { port } = await import('./part.${other}')
      const again = await import("./part.${other}")
      if (again.port !== port || again.runs.length !== 1) throw new Error('it was evaluated twice')
      if (port === 0) await import('./not-reached.${other}')
      export default { port, groups: { a: { origin: async (key) => (await import('./later.${other}')).load(key) } } }`,
      [`part.${other}`]: 'export const runs = [1]\nexport const port = 7001',
      [`later.${other}`]: "import { suffix } from './deep.mjs'\nexport const load = (key) => key + suffix",
      'deep.mjs': "export const suffix = '!'",
      [`not-reached.${other}`]: "throw new Error('this must not run')",
    })
    const first = await load(folder)
    expect(first.config.port).toBe(7001)
    writeFileSync(join(folder, `part.${other}`), 'export const runs = [1]\nexport const port = 7002')
    writeFileSync(join(folder, 'deep.mjs'), "export const suffix = '?'")
    const second = await load(folder)
    expect(second.config.port).toBe(7002)
    const node = await createNode(second.config)
    expect(await node.get('a', 'Tom')).toBe('Tom?')
    await node.close()
    writeFileSync(join(folder, `part.${other}`), "throw new Error('broken part')")
    await expect(load(folder)).rejects.toThrow('broken part')
  },
)

test.each(['mjs', 'ts'])('so is import() without await: .%s', async (extension) => {
  const types = extension === 'ts' ? ": Promise<typeof import('./types.mjs')>" : ''
  const folder = folderWith({
    'package.json': '{ "type": "module" }',
    [`erinys.config.${extension}`]: `
      // import('./comment.mjs')
      import { host } from './host.mjs'
      const part${types} = import('./part.mjs')
      const text = "import('./text.mjs')"
      const [a, b] = await Promise.all([part, import(
        './other.mjs'
      )])
      const port = await import('./common.cjs').then(({ default: { port } }) => port)
      export default { port, bind: host, groups: { [a.name + b.name]: {} } }
      export const never = () => import('./never.mjs')`,
    'host.mjs': "export const host = '127.0.0.1'",
    'part.mjs': "export const name = 'a'",
    'other.mjs': "export const name = 'b'",
    'common.cjs': 'module.exports = { port: 1 }',
  })
  const names = async (): Promise<unknown> => {
    const { config } = await load(folder)
    return [config.port, config.groups.map(({ name }) => name)]
  }
  expect(await names()).toEqual([1, ['ab']])
  writeFileSync(join(folder, 'part.mjs'), "export const name = 'c'")
  writeFileSync(join(folder, 'other.mjs'), "export const name = 'd'")
  writeFileSync(join(folder, 'common.cjs'), 'module.exports = { port: 2 }')
  expect(await names()).toEqual([2, ['cd']])
})

test('a file is named by --config, or by ERINYS_CONFIG', async () => {
  const folder = folderWith({
    'a.json': '{ "port": 1 }',
    'b.json': '{ "port": 2 }',
    'erinys.config.json': 'x',
  })
  expect((await load(folder, 'a.json')).config.port).toBe(1)
  expect((await load(folder, undefined, { ERINYS_CONFIG: 'b.json' })).config.port).toBe(2)
  expect((await load(folder, join(folder, 'a.json'), { ERINYS_CONFIG: 'b.json' })).config.port).toBe(1)
})

test('relative paths start at the folder of the file', async () => {
  const folder = folderWith({
    'conf.json': '{ "groups": { "scores": { "origin": { "kind": "file", "path": "scores.json" } } } }',
    'scores.json': '{ "Tom": "630" }',
  })
  const { config } = await load(root, join(folder, 'conf.json'))
  expect(config.groups[0].origin?.kind).toBe('file')
})

test('functions of a file are origins', async () => {
  const folder = folderWith({
    'erinys.config.ts':
      'export default { groups: { scores: { origin: async (key: string, { group }: { group: string }) => group + key } } }',
  })
  const { origin } = (await load(folder)).config.groups[0]
  expect(await origin?.load('Tom', { group: 'scores', signal: new AbortController().signal })).toBe(
    'scoresTom',
  )
})

describe('a wrong file is reported on one line that names it', () => {
  test.each([
    ['a.json', '{ "port": 1, }', /^a\.json: .*JSON/],
    ['a.json', '{ "port": "x" }', /^a\.json: port: got 'x', wants a port, from 0 to 65535$/],
    ['a.json', '[]', /^a\.json: got \[\], wants an object$/],
    ['a.mts', 'export default', /^a\.mts: .*Unexpected/],
    ['a.mts', 'export const port = 1', /^a\.mts: has no default export, wants `export default defineConfig/],
    ['a.ts', 'export const port = 1', /^a\.ts: has no default export, wants `export default defineConfig/],
    ['a.mts', "throw new Error('boom\\nbang')", /^a\.mts: boom bang$/],
    ['a.mts', "throw 'text'", /^a\.mts: 'text'$/],
    ['a.ts', "import './none.ts'\nexport default {}", /^a\.ts: Cannot find module '\.\/none\.ts'$/],
    ['a.mts', "import './none.ts'\nexport default {}", /^a\.mts: Cannot find module '.*none\.ts'.*$/],
    [
      'a.mts',
      "import 'erinys'\nexport default {}",
      /^a\.mts: cannot find 'erinys': install its packed tarball beside/,
    ],
    [
      'a.ts',
      "import { defineConfig } from 'erinys'\nexport default defineConfig({})",
      /^a\.ts: cannot find 'erinys': install/,
    ],
    [
      'a.yaml',
      'port: 1',
      /^a\.yaml: got '\.yaml', wants a file that ends in \.ts, \.mts, \.js, \.mjs or \.json$/,
    ],
  ])('%s: %j', async (name, text, message) => {
    const error = await load(folderWith({ [name]: text }), name).then(
      () => undefined,
      (reason: Error) => reason,
    )
    expect(error?.name).toBe('ConfigError')
    expect(error?.message).toMatch(message)
    expect(error?.message).not.toContain('\n')
  })

  test.each([
    [
      `{ "port": 1,\n  "requirepass": 'hush',\n  "maxclients": 9 }`,
      "a.json: Unexpected token ''' in line 2: it is not valid JSON",
    ],
    [
      '{ "port": 1,\n\n  "requirepass": hush }',
      "a.json: Unexpected token 'h' in line 3: it is not valid JSON",
    ],
    ['hush', "a.json: Unexpected token 'h' in line 1: it is not valid JSON"],
  ])('without the text of the file, which may be a secret: %j', async (text, message) => {
    await expect(load(folderWith({ 'a.json': text }), 'a.json')).rejects.toThrow(message)
  })

  test('a missing file, and a folder', async () => {
    const folder = folderWith({})
    await expect(load(folder, 'none.json')).rejects.toThrow('none.json: no such file')
    await expect(load(root, String(folders))).rejects.toThrow(`${folders}: is not a file`)
  })
})

test('functions that import from the package can return its results and errors', async () => {
  const entry = JSON.stringify(pathToFileURL(join(dirname(compiledMain()), 'index.js')).href)
  const folder = folderWith({
    'erinys.config.mts': `import { BadRequest, loaded, RetryLater } from 'erinys'
      const origin = (key) => {
        if (key === 'bad') throw new BadRequest('no such thing')
        if (key === 'later') throw new RetryLater('busy', 60_000)
        return loaded(key + '!', { ttl: 50_000 })
      }
      export default { groups: { a: { origin, breakAfter: 1 } } }`,
  })
  const installed = join(folder, 'node_modules', 'erinys')
  mkdirSync(installed, { recursive: true })
  writeFileSync(join(installed, 'package.json'), '{ "type": "module", "exports": "./index.js" }')
  writeFileSync(join(installed, 'index.js'), `export * from ${entry}`)
  const node = await createNode((await load(folder)).config)
  await expect(node.get('a', 'bad')).rejects.toThrow('no such thing')
  expect(await node.get('a', 'Tom')).toBe('Tom!')
  await expect(node.get('a', 'later')).rejects.toThrow('busy')
  await expect(node.get('a', 'Jack')).rejects.toThrow(/circuit breaker open for \d+ ms/)
  await node.close()
})

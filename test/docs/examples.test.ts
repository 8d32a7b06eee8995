// The examples of the documentation compile, are valid configurations, serve, and print the output that is shown.

import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import ts from 'typescript'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { resolveLayers } from '../../src/config/config.ts'
import { exchange, run, start } from '../support/cli.ts'
import { allBlocks, project } from './markdown.ts'

const root = mkdtempSync(join(tmpdir(), 'erinys-docs-'))
const examples = [...allBlocks('example'), ...allBlocks('client')]

/** Each page has a separate folder, so that file names need not differ between pages. */
function folderOf(page: string): string {
  return join(root, page.replace(/\W/g, '-'))
}

beforeAll(() => {
  // The package as if it were installed, except for the build.
  const modules = join(root, 'node_modules')
  mkdirSync(join(modules, 'erinys'), { recursive: true })
  const entry = JSON.stringify(join(project, 'src', 'index.ts'))
  writeFileSync(join(modules, 'erinys', 'package.json'), '{ "type": "module", "exports": "./index.js" }')
  writeFileSync(join(modules, 'erinys', 'index.js'), `export * from ${entry}`)
  for (const name of ['ioredis', '@redis'])
    symlinkSync(join(project, 'node_modules', name), join(modules, name))
  for (const { page, options, text } of examples) {
    mkdirSync(folderOf(page), { recursive: true })
    writeFileSync(join(folderOf(page), options), text)
  }
})
afterAll(() => rmSync(root, { recursive: true }))

test('TypeScript compiles', () => {
  const files = examples
    .filter(({ options }) => /\.m?ts$/.test(options))
    .map(({ page, options }) => join(folderOf(page), options))
  expect(files.length).toBeGreaterThan(0)
  const program = ts.createProgram({
    rootNames: files,
    options: {
      strict: true,
      noEmit: true,
      module: ts.ModuleKind.NodeNext,
      target: ts.ScriptTarget.ES2023,
      skipLibCheck: true,
      allowImportingTsExtensions: true,
      paths: { erinys: [join(project, 'src', 'index.ts')] },
      typeRoots: [join(project, 'node_modules', '@types')],
      types: ['node'],
    },
  })
  // Of the examples only: the sources are checked elsewhere.
  const problems = files.flatMap((name) => {
    const file = program.getSourceFile(name)
    return [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)]
  })
  expect(problems.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'))).toEqual([])
})

describe('configurations', () => {
  const configs = examples.filter(({ options }) => /config\.(m?[jt]s|json)$/.test(options))

  test.each(configs)('$page: $options is valid', async ({ page, options }) => {
    const { code, stderr } = await run(['check', '--config', options], { cwd: folderOf(page) })
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  })

  test.each(allBlocks('check'))(
    '$page: erinys check prints the output that is shown',
    async ({ page, options, text }) => {
      const env = { ERINYS_HTTP_PORT: '7080' }
      const { stdout } = await run(['check', '--config', options], { cwd: folderOf(page), env })
      expect(stdout.startsWith(text), stdout).toBe(true)
    },
  )

  test.each(allBlocks('cluster config'))('$page: the configuration of a cluster is valid', ({ text }) => {
    const { cluster } = resolveLayers({ config: JSON.parse(text) }).config
    expect(cluster?.announce).toEqual({ host: '10.0.0.1', port: 7000 })
  })

  test.each(allBlocks('tls config'))('$page: the configuration with TLS is valid', ({ text }) => {
    const { tlsPort, tlsCluster, cluster } = resolveLayers({ config: JSON.parse(text) }).config
    expect(tlsPort).toBe(7000)
    expect(cluster !== undefined).toBe(tlsCluster)
  })

  test('every kind of membership is shown', () => {
    const kinds = allBlocks('cluster config').map(
      ({ text }) => resolveLayers({ config: JSON.parse(text) }).config.cluster?.membership.kind,
    )
    expect(kinds).toEqual(expect.arrayContaining(['static', 'dns', 'etcd']))
  })
})

describe('the configurations of docs/configuration.md', () => {
  const cwd = folderOf('docs/configuration.md')

  test('serve, in TypeScript', async () => {
    const users = createServer((request, response) => {
      const key = request.url?.split('/').pop()
      if (key === 'broken') response.statusCode = 500
      if (key === 'nobody') response.statusCode = 404
      response.end(`this is ${key}`)
    }).listen(0, '127.0.0.1')
    await once(users, 'listening')
    const env = { USERS_URL: `http://127.0.0.1:${(users.address() as AddressInfo).port}/users` }
    const node = await start(['--config', 'erinys.config.ts'], { cwd, env })
    const requests = 'GET Tom\r\nGET nobody\r\nGET broken\r\nSELECT scores\r\nMGET Tom Jack Sam\r\nPING\r\n'
    expect(await exchange(node.port, requests, 'PONG')).toBe(
      '$11\r\nthis is Tom\r\n$-1\r\n-ORIGIN users: users answered 500\r\n' +
        '+OK\r\n*3\r\n$3\r\n630\r\n$3\r\n589\r\n$-1\r\n+PONG\r\n',
    )
    node.child.kill('SIGTERM')
    expect((await node.outcome).code).toBe(0)
    users.close()
  })

  test('serve, in JSON', async () => {
    const node = await start(['--config', 'erinys.config.json'], { cwd })
    expect(await exchange(node.port, 'GET Jack\r\nSELECT cache\r\n', '+OK')).toBe('$3\r\n589\r\n+OK\r\n')
    node.child.kill('SIGTERM')
    expect((await node.outcome).code).toBe(0)
  })
})

describe('the function of docs/origins/function.md', () => {
  test('loads one key and many, and reports errors', async () => {
    const cwd = folderOf('docs/origins/function.md')
    const node = await start(['--config', 'erinys.config.mts'], { cwd })
    const requests = `GET chair\r\nMGET chair lamp\r\nGET ${'x'.repeat(101)}\r\nPING\r\n`
    expect(await exchange(node.port, requests, 'PONG')).toBe(
      '$2\r\n49\r\n*2\r\n$2\r\n49\r\n$-1\r\n-ORIGIN prices: no product has such a long name\r\n+PONG\r\n',
    )
    node.child.kill('SIGTERM')
    expect((await node.outcome).code).toBe(0)
  })
})

describe('programs print the output that is shown', () => {
  const program = [process.execPath, '--import', import.meta.resolve('tsx')] as const
  const withoutPort = (text: string): string => text.replace(/port \d+/, 'port')

  test.each(allBlocks('output'))('$page: $options', async ({ page, options, text }) => {
    const client = allBlocks('client').find((each) => each.page === page && each.options === options)
    if (client === undefined) {
      const { stdout, stderr } = await run([options], { cwd: folderOf(page), program })
      expect(withoutPort(stdout), stderr).toBe(withoutPort(text))
      return
    }
    const node = await start([])
    const file = `on-its-port-${options}`
    writeFileSync(join(folderOf(page), file), client.text.replaceAll('7000', String(node.port)))
    const { stdout, stderr } = await run([file], { cwd: folderOf(page), program })
    node.child.kill('SIGTERM')
    await node.outcome
    expect(stdout, stderr).toBe(text)
  })
})

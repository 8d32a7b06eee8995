// The README: its tables are those of the sources, its examples compile and run, its sessions answer what they show.

import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { fill, referenceSections } from '../bench/readme.ts'
import { memorySection, serverSection } from '../bench/results.ts'
import manifest from '../package.json' with { type: 'json' }
import { createNode, type Node } from '../src/index.ts'
import { exchange, run, start } from './support/cli.ts'
import { describeWithExecutable, execute } from './support/executable.ts'

const project = fileURLToPath(new URL('..', import.meta.url))
const readme = readFileSync(join(project, 'README.md'), 'utf8')

/** A fenced block behind a comment that says what it is: `<!-- example: embed.ts -->`. */
interface Block {
  readonly kind: string
  readonly options: string
  readonly text: string
}

const blocks: readonly Block[] = [
  ...readme.matchAll(/<!-- (example|output|check|session)(?:: |, | )?([^\n]*?) ?-->\n```\w+\n(.*?)```/gs),
].map(([, kind, options, text]) => ({ kind, options, text }))

function blocksOf(kind: string): readonly Block[] {
  return blocks.filter((block) => block.kind === kind)
}

/** The text between `<!-- name -->` and `<!-- /name -->`. */
function section(name: string): string {
  return readme.split(`<!-- ${name} -->`)[1].split(`<!-- /${name} -->`)[0]
}

describe('what the sources decide', () => {
  test('the tables of commands and settings (npm run readme)', () => {
    expect(fill(readme, referenceSections())).toBe(readme)
  })

  test('the steps of the read path', () => {
    const steps = (text: string): string[] =>
      [...text.matchAll(/^[ *]*(\d\. .*?\.)(?: +\([^)]*\))?$/gm)].map(([, step]) => step)
    const inSource = steps(readFileSync(join(project, 'src', 'group', 'group.ts'), 'utf8'))
    expect(inSource).toHaveLength(7)
    expect(steps(readme.split('## The read path')[1].split('\n## ')[0])).toEqual(inSource)
  })

  test('the policies of a group', () => {
    const source = readFileSync(join(project, 'src', 'group-config.ts'), 'utf8')
    const [written] = source.split('export interface GroupConfig {')[1].split('\n}')
    const known = [...written.matchAll(/^ {2}readonly (\w+)\?:/gm)].map(([, name]) => name)
    const shown = [...section('policies').matchAll(/^\| `(\w+)`/gm)].map(([, name]) => name)
    expect(known.length).toBeGreaterThan(0)
    expect(shown).toEqual(known)
  })

  test('links lead somewhere', () => {
    const anchors = [...readme.matchAll(/^#+ (.*)$/gm)].map(([, title]) => {
      return `#${title
        .toLowerCase()
        .replace(/[^\w\- ]/g, '')
        .replaceAll(' ', '-')}`
    })
    for (const [, target] of readme.matchAll(/\]\(([^)]+)\)/g)) {
      if (target.startsWith('#')) expect(anchors).toContain(target)
      else expect(existsSync(join(project, target)), target).toBe(true)
    }
  })

  test('the scripts it names are there', () => {
    for (const [, name] of readme.matchAll(/npm run ([\w:]+)/g)) expect(manifest.scripts).toHaveProperty(name)
  })
})

describe('what was measured', () => {
  const conditions = { date: '2024-01-01', cpu: 'a processor, 2 cores' }
  const servers = [
    { name: 'erinys', version: '1.0.0' },
    { name: 'redis', version: '7.0.15' },
  ]

  test('has a place', () => {
    const sections = { 'bench:server': serverSection(undefined), 'bench:memory': memorySection(undefined) }
    expect(fill(readme, sections)).toContain('not measured yet')
    expect(() => fill(readme, { 'bench:nothing': '' })).toThrow('no section bench:nothing')
  })

  test('throughput and CPU time, with the ratios of erinys', () => {
    const load = { workload: 'GET', depth: 16 } as const
    const section = serverSection({
      command: 'npm run bench -- server',
      conditions,
      servers,
      rounds: 5,
      cells: [
        {
          ...load,
          server: 'erinys',
          opsPerSecond: 1.25e6,
          cpuMicros: 0.8,
          throughputRatio: 1.25,
          cpuRatio: 0.8,
        },
        { ...load, server: 'redis', opsPerSecond: 999_600, cpuMicros: 1, throughputRatio: 1, cpuRatio: 1 },
      ],
    })
    expect(section).toContain('| Load | erinys | redis | erinys / redis: throughput | CPU |\n')
    expect(section).toContain('| GET, P = 16 | 1.25M/s, 0.80 µs | 1000k/s, 1.00 µs | 1.25 × | 0.80 × |\n')
    expect(section).toContain(
      'erinys 1.0.0, redis 7.0.15; 2024-01-01; a processor, 2 cores; medians of 5 rounds',
    )
  })

  test('memory per entry, also where there is nothing to compare with', () => {
    const section = memorySection({
      command: 'npm run bench -- memory',
      conditions,
      servers: servers.slice(0, 1),
      rows: [{ server: 'erinys', entries: 2e6, valueBytes: 32, bytesPerEntry: 80.06, longestPing: 1.5 }],
      latency: [{ server: 'erinys', entries: 2e6, opsPerSecond: 1e5, p50: 0.4, p99: 1, p999: 2, max: 3 }],
      budget: { budgetBytes: 512 * 2 ** 20, growthBytes: 0, ratio: 1.1 },
      growth: { entries: 18e6, gib: 4.5, longestPutMs: 1.5, over2ms: 0 },
    })
    expect(section).toContain('| 2,000,000 | 32 B | 80.1 B | – | 1.5 ms |\n')
    expect(section).toContain('| erinys | 2,000,000 | 100k/s | 0.40 ms | 1.00 ms | 2.00 ms | 3.00 ms |')
    expect(section).toContain('512 MiB')
  })
})

describe('examples', () => {
  const folder = mkdtempSync(join(tmpdir(), 'erinys-readme-'))
  const examples = new Map(blocksOf('example').map(({ options, text }) => [options, text]))

  beforeAll(() => {
    for (const [name, text] of examples) writeFileSync(join(folder, name), text)
    // The package as a program that has installed it sees it, but for the build.
    const installed = join(folder, 'node_modules', 'erinys')
    mkdirSync(installed, { recursive: true })
    const entry = JSON.stringify(join(project, 'src', 'index.ts'))
    writeFileSync(join(installed, 'package.json'), '{ "type": "module", "exports": "./index.js" }')
    writeFileSync(join(installed, 'index.js'), `export * from ${entry}`)
  })
  afterAll(() => rmSync(folder, { recursive: true }))

  test('compile', () => {
    const names = [...examples.keys()].filter((name) => /\.m?ts$/.test(name))
    expect(names).toHaveLength(2)
    const program = ts.createProgram({
      rootNames: names.map((name) => join(folder, name)),
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
    const problems = names.flatMap((name) => {
      const file = program.getSourceFile(join(folder, name))
      return [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)]
    })
    expect(problems.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'))).toEqual([])
  })

  test('erinys check says of the configuration what is shown', async () => {
    const [{ options, text }] = blocksOf('check')
    const { code, stdout, stderr } = await run(['check', '--config', options], { cwd: folder })
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout.startsWith(text), stdout).toBe(true)
  })

  test('the configuration serves', async () => {
    const users = createServer((request, response) => {
      const key = request.url?.split('/').pop()
      if (key === 'broken') response.statusCode = 500
      if (key === 'nobody') response.statusCode = 404
      response.end(`this is ${key}`)
    }).listen(0, '127.0.0.1')
    await once(users, 'listening')
    const env = { USERS_URL: `http://127.0.0.1:${(users.address() as AddressInfo).port}/users` }
    const node = await start(['--config', 'erinys.config.ts'], { cwd: folder, env })
    const requests = 'GET Tom\r\nGET nobody\r\nGET broken\r\nSELECT scores\r\nMGET Tom Jack Sam\r\nPING\r\n'
    expect(await exchange(node.port, requests, 'PONG')).toBe(
      '$11\r\nthis is Tom\r\n$-1\r\n-ORIGIN users: users answered 500\r\n' +
        '+OK\r\n*3\r\n$3\r\n630\r\n$3\r\n589\r\n$-1\r\n+PONG\r\n',
    )
    node.child.kill('SIGTERM')
    expect((await node.outcome).code).toBe(0)
    users.close()
  })

  test('the one in JSON serves', async () => {
    const node = await start(['--config', 'erinys.config.json'], { cwd: folder })
    expect(await exchange(node.port, 'GET Jack\r\nSELECT cache\r\n', '+OK')).toBe('$3\r\n589\r\n+OK\r\n')
    node.child.kill('SIGTERM')
    expect((await node.outcome).code).toBe(0)
  })

  test('programs print what is shown', async () => {
    const program = [process.execPath, '--import', import.meta.resolve('tsx')] as const
    for (const { options, text } of blocksOf('output')) {
      const { stdout } = await run([options], { cwd: folder, program })
      expect(withoutPort(stdout)).toBe(withoutPort(text))
    }
  })
})

describeWithExecutable('redis-cli', 'sessions', (redisCli) => {
  let node: Node
  let port: number

  beforeAll(async () => {
    node = await createNode({ port: 0, bind: '127.0.0.1' })
    const addresses = await node.listen()
    port = addresses[0].port
  })
  afterAll(() => node.close())

  for (const [index, { options, text }] of blocksOf('session').entries()) {
    test(`number ${index + 1} answers what is shown`, async () => {
      const { commands, replies } = readSession(text)
      const protocol = options.startsWith('-3') ? ['-3'] : []
      const { stdout } = await execute(redisCli, ['-p', String(port), '--no-raw', ...protocol], commands)
      const mask = options.includes('numbers vary') ? withoutNumbers : (lines: string): string => lines
      expect(mask(stdout)).toBe(mask(replies))
    })
  }
})

/** The commands behind the prompts, and all that was answered. */
function readSession(text: string): { commands: string; replies: string } {
  const lines = text.split('\n')
  const prompt = /^127\.0\.0\.1:7000> /
  const commands = lines.filter((line) => prompt.test(line)).map((line) => `${line.replace(prompt, '')}\n`)
  return { commands: commands.join(''), replies: lines.filter((line) => !prompt.test(line)).join('\n') }
}

function withoutPort(text: string): string {
  return text.replace(/port \d+/, 'port')
}

/** Numbers that depend on the moment, and so all of them, are left out. */
function withoutNumbers(text: string): string {
  return text.replace(/\d+/g, '0')
}

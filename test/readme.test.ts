// The README: its tables are those of the sources, its examples compile and run, its sessions answer what they show.

import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { clusterSection } from '../bench/cluster-results.ts'
import { originSection } from '../bench/origins/section.ts'
import { fill, referenceSections } from '../bench/readme.ts'
import { memorySection, serverSection } from '../bench/results.ts'
import manifest from '../package.json' with { type: 'json' }
import { resolveLayers } from '../src/config/config.ts'
import { policyFields } from '../src/config/describe.ts'
import { defaultPolicies } from '../src/config/groups.ts'
import { createNode, type Node } from '../src/index.ts'
import { exchange, run, start, startMany } from './support/cli.ts'
import { describeWithExecutable, execute } from './support/executable.ts'
import { poll } from './support/poll.ts'
import { describeWithPostgres } from './support/postgres.ts'

const project = fileURLToPath(new URL('..', import.meta.url))
const readme = readFileSync(join(project, 'README.md'), 'utf8')

/** A fenced block behind a comment that says what it is: `<!-- example: embed.ts -->`. */
interface Block {
  readonly kind: string
  readonly options: string
  readonly text: string
}

const blocks: readonly Block[] = [
  ...readme.matchAll(
    /<!-- (example|output|check|session|shell|postgres|cluster config)(?:: |, | )?([^\n]*?) ?-->\n```\w+\n(.*?)```/gs,
  ),
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

  test('what they are where a group says nothing', () => {
    const cells = section('policies').matchAll(/^\| `(\w+)` \| `?(\w[\w.]*)/gm)
    const shown = [...cells].map(([, field, standard]) => [field, standard])
    const defaults = policyFields(defaultPolicies).map(([field, text]) => [field, text.replace(/^0ms$/, '0')])
    expect(shown).toEqual([['maxBytes', 'maxmemory'], ...defaults, ['origin', 'none']])
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

const conditions = { date: '2024-01-01', cpu: 'a processor, 2 cores' }
const servers = [
  { name: 'erinys', version: '1.0.0' },
  { name: 'redis', version: '7.0.15' },
]

describe('what was measured', () => {
  test('has a place', () => {
    const sections = {
      'bench:server': serverSection(undefined),
      'bench:memory': memorySection(undefined),
      'bench:cluster': clusterSection(undefined),
      'bench:origins': originSection(undefined),
    }
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

describe('what was measured of clusters', () => {
  const side = { opsPerSecond: 105_000, entryMicros: 7.3, ownerMicros: 2.1 }
  const sizes = { members: 1000, connections: 3996, tableBytes: 600_000, peerBytes: 24.4e6 }
  const slots = {
    buildMs: 42.42,
    worstLoad: 1.0986,
    moved: 37.6,
    movedRatio: 2.3,
    claims: 30_000,
    claimBytes: 5e6,
  }
  const talk = { messagesPerSecond: 3996, messageBytes: 250, messageBytesTenthDead: 11_000 }
  const results = {
    command: 'npm run bench -- cluster',
    conditions,
    hot: {
      rounds: 3,
      conditions: '3 nodes',
      rows: [
        { copies: true, writes: 0, opsPerSecond: 5e5, ownerMicros: 0.1, entryMicros: 2, forwarded: 0.066 },
        { copies: false, writes: 1, opsPerSecond: 2e5, ownerMicros: 1, entryMicros: 3, forwarded: 0.966 },
      ],
    },
    scaling: [
      { ...sizes, ...slots, ...talk, coreShare: 0.0123, coreShareTenthDead: 0.5, deathSeconds: 1.234 },
    ],
  }

  test('the hop, with what its ratios are to be', () => {
    const cell = { ours: side, theirs: side, throughputRatio: 1.5, entryRatio: 0.7, ownerRatio: 0.9 }
    const hop = {
      rounds: 5,
      conditions: '50 connections',
      servers,
      cells: [
        { command: 'GET', depth: 16, ...cell },
        { command: 'SET', depth: 16, ...cell },
      ],
    } as const
    const section = clusterSection({ ...results, hop })
    const figures = '105k/s, 7.30 + 2.10 µs | 105k/s, 7.30 + 2.10 µs'
    expect(section).toContain(`| GET, P = 16 | ${figures} | 1.50 × (≥ 1.4) | 0.70 × (≤ 0.75) | 0.90 × |\n`)
    expect(section).toContain(`| SET, P = 16 | ${figures} | 1.50 × | 0.70 × | 0.90 × |\n`)
    expect(section).toContain('(50 connections; medians of 5 rounds.)')
    expect(section).toContain('erinys 1.0.0; redis 7.0.15; 2024-01-01; a processor, 2 cores.)')
  })

  test('the hot key and the simulation, also where there was no twemproxy', () => {
    const section = clusterSection(results)
    expect(section).toContain('twemproxy was not there')
    expect(section).toContain('| none | yes | 500k/s | 0.10 µs | 2.00 µs | 7 % |\n')
    expect(section).toContain('| 1 of 1,000 | no | 200k/s | 1.00 µs | 3.00 µs | 97 % |')
    expect(section).toContain('| 1,000 | 42.4 ms | 1.10 × | 38 | 2.30 × | 30,000 | 5.0 MB |')
    expect(section).toContain(
      '| 1,000 | 3,996 | 25 MB | 3,996/s | 999 kB/s | 1.2 % of a core | 44 MB/s | 50 % of a core | 1.23 s | > 1 min | – |',
    )
  })
})

test('what was measured of origins, with what it is to be', () => {
  const read = { opsPerSecond: 1.2e6, cpuMicros: 0.8, p50: 2.5, p99: 5 }
  const path = { keysPerSecond: 3210, p50: 0.3, p99: 1.25, queries: 1000, rows: 1000 }
  const rush = { p99: 12.34, worstP99: 23.45, max: 34.56, nodesCpuMs: 11, crowdCpuMs: 9.87 }
  const section = originSection({
    command: 'npm run bench -- origins',
    conditions: { ...conditions, postgres: 'PostgreSQL 15.18' },
    rounds: 7,
    keys: 500_000,
    hits: [{ depth: 64, plain: read, fresh: { ...read, p50: 2.6 }, throughputRatio: 0.98, cpuRatio: 1.02 }],
    batch: {
      keys: 1000,
      speedup: 38.6,
      wideSpeedup: 36.3,
      rows: [
        { path: 'database', ...path },
        { path: 'MGET', ...path, cpuMicros: 16.7, queries: 10 },
      ],
    },
    stale: { keys: 300, clients: 4, rows: [{ path: 'stale', ...path, cpuMicros: 33.6, rows: 300 }] },
    stampede: {
      nodes: 3,
      clients: 1000,
      repeats: 20,
      originMs: 201.3,
      sentMs: 8.9,
      rows: [
        { key: 'cold', ...rush, queries: 1 },
        { key: 'held', ...rush, queries: 0 },
      ],
    },
  })
  const rate = '1.20M/s, 0.80 µs'
  expect(section).toContain(
    `| GET, P = 64 | ${rate} | ${rate} | 0.98 × (≥ 0.97) | 1.02 × | 2.50, 2.60 ms | 5.00, 5.00 ms |\n`,
  )
  expect(section).toContain('| PostgreSQL itself, one by one | 3.2k/s | – | 0.30 ms | 1.25 ms | 1,000 |\n')
  expect(section).toContain('| One `MGET` | 3.2k/s | 16.7 µs | 0.30 ms | 1.25 ms | 10 |\n')
  expect(section).toContain('38.60 × as long as by one `MGET` (≥ 20)')
  expect(section).toContain('| After it | 0.30 ms | 1.25 ms | 33.6 µs | 300 |\n')
  expect(section).toContain('| cold | 12.3 ms (≤ 25) | 23.4 ms | 34.6 ms | 11.0 ms | 9.9 ms | 1 |\n')
  expect(section).toContain('| held | 12.3 ms | 23.4 ms | 34.6 ms | 11.0 ms | 9.9 ms | 0 |\n')
  expect(section).toContain('2024-01-01; a processor, 2 cores; PostgreSQL 15.18.)')
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
    expect(names).toHaveLength(3)
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

  test('the one with several kinds of origins is valid', async () => {
    const { code, stderr } = await run(['check', '--config', 'origins.config.ts'], { cwd: folder })
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  })

  test('configurations of clusters are valid', () => {
    const kinds = blocksOf('cluster config').map(({ text }) => {
      const { cluster } = resolveLayers({ config: JSON.parse(text) }).config
      expect(cluster?.announce).toEqual({ host: '10.0.0.1', port: 7000 })
      return cluster?.membership.kind
    })
    expect(kinds).toEqual(['static', 'dns', 'etcd'])
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

describeWithExecutable('redis-cli', 'commands to paste', () => {
  test('three nodes answer what is shown, and two of them when one has been killed', async () => {
    const [{ text }] = blocksOf('shell')
    const nodes = await startMany([])
    const script = text.replace(/\b700([0-2])\b/g, (_, i) => String(nodes.ports[Number(i)]))
    for (const [, command, shown] of script.matchAll(/^\$ (.*)\n((?:[^$].*\n)*)/gm)) {
      const { stdout } = await execute('sh', ['-c', command])
      // For a pipe, redis-cli writes values as they are.
      expect(stdout, command).toBe(shown.replace(/^\d+\) |"/gm, ''))
    }
    nodes.child.kill('SIGTERM')
    expect((await nodes.outcome).code).toBe(0)
  })
})

describeWithExecutable('psql', 'with a PostgreSQL', () => {
  describeWithExecutable('redis-cli', 'and a client', () => {
    describeWithPostgres('what is to be pasted', (postgres) => {
      test('serves rows, and hears of their changes', async () => {
        // What a clone has, and a file that is made in it.
        const clone = mkdtempSync(join(tmpdir(), 'erinys-clone-'))
        onTestFinished(() => rmSync(clone, { recursive: true }))
        for (const name of ['package.json', 'src', 'node_modules'])
          symlinkSync(join(project, name), join(clone, name))
        const env = { PATH: process.env.PATH ?? '', DATABASE_URL: postgres().url }
        const [setup, session] = blocksOf('postgres').map(({ text }) => text)
        const script = setup.replace(/^export DATABASE_URL=.*$/m, '')
        const [prepare, npm] = script.split(/^(npm start .*)$/m)
        const { code, stderr } = await run(['-c', prepare], { cwd: clone, env, program: ['sh', '-e'] })
        expect({ code, stderr }).toEqual({ code: 0, stderr: '' })

        const [, ...words] = (manifest.scripts.start + npm.replace('npm start --', '')).split(' ')
        const node = await start([], {
          cwd: clone,
          env,
          program: [process.execPath, '--import', import.meta.resolve('tsx'), ...words],
        })
        for (const [, command, shown] of session.matchAll(/^\$ (.*)\n((?:[^$].*\n)*)/gm)) {
          const line = command.replace('redis-cli -p 7000', `redis-cli --no-raw -p ${node.port}`)
          const answer = async (): Promise<string> =>
            (await run(['-c', line], { env, program: ['sh', '-e'] })).stdout
          // Word of a change is on its way for a moment.
          await poll(async () => (await answer()) === shown, `${command}: ${shown}`)
        }
        node.child.kill('SIGTERM')
        expect((await node.outcome).code).toBe(0)
      })
    })
  })
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

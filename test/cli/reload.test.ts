// Reloading a node that was started from the command line: SIGHUP, a changed file, `erinys check --diff`, and the report.

import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { expect, onTestFinished, test } from 'vitest'
import { type Running, run, start, startMany } from '../support/cli.ts'
import { compiledProgram } from '../support/compiled.ts'
import { poll } from '../support/poll.ts'

const program = compiledProgram()

function folderWith(files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(tmpdir(), 'erinys-reload-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
  return folder
}

async function startIn(folder: string, args: readonly string[] = []): Promise<Running & { client: Redis }> {
  const node = await start(args, { program, cwd: folder })
  const client = new Redis(node.port, { retryStrategy: () => null })
  client.on('error', () => undefined)
  onTestFinished(async () => {
    client.disconnect()
    node.child.kill('SIGKILL')
    await node.outcome
  })
  return { ...node, client }
}

const logged = ({ log }: Running, text: string): Promise<boolean> =>
  poll(() => log().includes(text), `the line: ${text}`)

test('SIGHUP reads a TypeScript file and what it imports again; a wrong file changes nothing', async () => {
  const folder = folderWith({
    'lifetime.ts': "export const ttl: string = '1m'",
    'erinys.config.ts': `import { ttl } from './lifetime.ts'
      export default { groups: { a: { maxBytes: '1mb', ttl }, b: { maxBytes: '1mb' } } }`,
  })
  const node = await startIn(folder)
  const id = await node.client.client('ID')
  await node.client.set('k', 'v')
  writeFileSync(join(folder, 'lifetime.ts'), "export const ttl: string = '10m'")
  node.child.kill('SIGHUP')
  await logged(node, 'group a: ttl: 1m -> 10m')
  expect(node.log()).toContain('SIGHUP: the configuration was applied')
  await node.client.set('later', 'v')
  expect(await node.client.ttl('later')).toBeGreaterThan(500)
  writeFileSync(join(folder, 'erinys.config.ts'), 'export default { groups: { a: { ttl: "soon" }, ')
  node.child.kill('SIGHUP')
  await logged(node, 'SIGHUP: the configuration was refused, nothing has changed: erinys.config.ts: ')
  writeFileSync(join(folder, 'erinys.config.ts'), 'export default { groups: { a: { ttl: "soon" }, b: {} } }')
  node.child.kill('SIGHUP')
  await logged(node, "groups.a.ttl: got 'soon'")
  expect(await node.client.get('k')).toBe('v')
  expect(await node.client.client('ID')).toBe(id)
  node.child.kill('SIGTERM')
  expect((await node.outcome).code).toBe(0)
})

test('a file that is replaced is taken over with --watch-config', async () => {
  const file = (hz: number): string => JSON.stringify({ hz, groups: { a: { maxBytes: '1mb' } } })
  const folder = folderWith({ 'erinys.config.json': file(10) })
  const path = join(folder, 'erinys.config.json')
  const node = await startIn(folder, ['--watch-config', 'yes'])
  writeFileSync(`${path}.new`, file(20))
  renameSync(`${path}.new`, path)
  await logged(node, 'erinys.config.json has changed: the configuration was applied')
  expect(await node.client.config('GET', 'hz')).toEqual(['hz', '20'])
  writeFileSync(path, '{')
  await logged(node, 'erinys.config.json has changed: the configuration was refused')
  writeFileSync(path, file(30))
  await poll(async () => String(await node.client.config('GET', 'hz')) === 'hz,30', 'the next change')
})

test('without it the file is read on request only; erinys check --diff says what that would change', async () => {
  const file = (config: object): string => JSON.stringify({ groups: { a: { maxBytes: '1mb' } }, ...config })
  const folder = folderWith({
    'erinys.config.json': file({}),
    'next.json': file({
      hz: 20,
      tcpBacklog: 100,
      groups: { a: { maxBytes: '2mb' }, b: { maxBytes: '1mb' } },
    }),
    'moved.json': file({ groups: { b: { maxBytes: '1mb' }, a: { maxBytes: '1mb' } } }),
  })
  const diff = (...args: string[]) => run(['check', '--diff', ...args], { program, cwd: folder })
  expect(await diff('next.json')).toEqual({
    code: 0,
    stdout: [
      'erinys.config.json -> next.json',
      '  hz: 10 -> 20',
      '  group b: added at index 1, 1mb, no origin',
      '  group a: maxBytes: 1mb -> 2mb',
      '  tcp-backlog: 511 -> 100 (needs a restart)',
      '',
    ].join('\n'),
    stderr: '',
  })
  expect((await diff('moved.json')).stdout).toContain('(refused without a restart)')
  expect((await diff('erinys.config.json')).stdout).toContain('no changes')
  expect(await diff('missing.json')).toEqual({
    code: 1,
    stdout: '',
    stderr: 'erinys: missing.json: no such file\n',
  })

  const node = await startIn(folder)
  writeFileSync(join(folder, 'erinys.config.json'), file({ hz: 20 }))
  const asked = await diff('--port', String(node.port))
  expect(asked).toEqual({
    code: 0,
    stdout: `the node at 127.0.0.1:${node.port} -> its configuration now\n  hz: 10 -> 20\n`,
    stderr: '',
  })
  expect(await node.client.config('GET', 'hz')).toEqual(['hz', '10'])
  node.child.kill('SIGTERM')
  await node.outcome
  const gone = await diff('--port', String(node.port))
  expect(gone.code).toBe(1)
  expect(gone.stderr).toContain(`erinys: the node at 127.0.0.1:${node.port}: connect ECONNREFUSED`)
})

test('SIGUSR2 writes a report without secrets and says where', async () => {
  const folder = folderWith({})
  const node = await start(['--requirepass', 'hush-flag'], {
    program,
    cwd: folder,
    env: { DATABASE_PASSWORD: 'hush-variable' },
  })
  onTestFinished(() => void node.child.kill('SIGKILL'))
  node.child.kill('SIGUSR2')
  await logged(node, 'SIGUSR2: a diagnostic report is in ')
  const [, path] = /a diagnostic report is in ([^" ]+\.json)/.exec(node.log()) ?? []
  expect(path).toContain(folder)
  const text = readFileSync(path, 'utf8')
  expect(text).not.toMatch(/hush-(flag|variable)/)
  expect(JSON.parse(text).header.processId).toBe(node.child.pid)
})

test('erinys cluster passes SIGHUP on to all nodes', async () => {
  const folder = folderWith({ 'erinys.config.json': '{ "groups": { "a": { "maxBytes": "1mb" } } }' })
  const nodes = await startMany(['--config', join(folder, 'erinys.config.json')], { program })
  onTestFinished(() => void nodes.child.kill('SIGKILL'))
  writeFileSync(
    join(folder, 'erinys.config.json'),
    '{ "groups": { "a": { "maxBytes": "1mb" }, "b": { "maxBytes": "1mb" } } }',
  )
  nodes.child.kill('SIGHUP')
  await nodes.logged((lines) => {
    const took = lines.filter(({ msg }) => msg.startsWith('group b: added'))
    return new Set(took.map(({ node }) => node)).size === nodes.ports.length
  })
  const client = new Redis(nodes.ports[0])
  onTestFinished(() => client.disconnect())
  await client.select('b')
  const keys = Array.from({ length: 30 }, (_, i) => `key:${i}`)
  for (const key of keys) await client.set(key, key)
  expect(await client.mget(keys)).toEqual(keys)
})

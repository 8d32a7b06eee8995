// A node that still waited for something at its start ended with code 13, or without a line, when it was told to close.

import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { exchange, launch, run, start } from '../../support/cli.ts'
import { compiledMain, compiledProgram } from '../../support/compiled.ts'
import { poll } from '../../support/poll.ts'
import { freePorts } from '../../support/ports.ts'

const program = compiledProgram()

function configFile(config: object): string {
  const path = join(mkdtempSync(join(tmpdir(), 'erinys-starting-')), 'config.json')
  writeFileSync(path, JSON.stringify(config))
  return path
}

/** A name server that never answers; resolves to its address. */
async function silentNameServer(): Promise<string> {
  const socket = createSocket('udp4').bind(0, '127.0.0.1')
  await once(socket, 'listening')
  onTestFinished(() => void socket.close())
  return `127.0.0.1:${socket.address().port}`
}

/** A server that accepts connections and never answers; resolves to its port, and once it has been called. */
async function silentServer(): Promise<{ port: number; called: Promise<unknown> }> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  server.on('connection', (socket) => {
    onTestFinished(() => void socket.destroy())
  })
  onTestFinished(() => void server.close())
  const { port } = server.address() as { port: number }
  return { port, called: once(server, 'connection') }
}

/** A configuration of a node that cannot join its cluster. */
const unjoined: Record<string, () => Promise<object>> = {
  'etcd is away': async () => ({ etcd: { endpoints: [`127.0.0.1:${(await freePorts(1))[0]}`] } }),
  'etcd does not answer': async () => ({ etcd: { endpoints: [`127.0.0.1:${(await silentServer()).port}`] } }),
  'the name server does not answer': async () => ({
    dns: { name: 'cache.test', servers: [await silentNameServer()] },
  }),
}

test.each(
  Object.keys(unjoined).flatMap((name) =>
    (['SIGTERM', 'SIGINT', 'SHUTDOWN'] as const).map((end) => [name, end] as const),
  ),
)('%s, and then %s: it closes in order', async (name, end) => {
  const port = (await freePorts(1))[0]
  const cluster = { announce: `127.0.0.1:${port}`, ...(await unjoined[name]()) }
  const args = ['--config', configFile({ cluster, groups: { cache: {} } }), '--port', String(port)]
  const node = launch([...args, '--bind', '127.0.0.1'], { program })
  // It answers clients before it has joined.
  const answers = (): Promise<boolean> =>
    exchange(port, 'PING\r\n', 'PONG').then(
      () => true,
      () => false,
    )
  await poll(answers, 'an answer')
  if (end === 'SHUTDOWN') await exchange(port, 'SHUTDOWN\r\n', '\0').catch(() => undefined)
  else node.child.kill(end)
  const { code, stderr, stdout } = await node.outcome
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  if (end !== 'SHUTDOWN') expect(stdout).toContain(`${end}: closing`)
  expect(stdout).toContain('"closed"')
})

test('an origin does not answer, and then SIGTERM: it closes in order', async () => {
  const source = await silentServer()
  const origin = {
    kind: 'sql',
    url: `postgres://u:p@127.0.0.1:${source.port}/db`,
    query: 'select 1 where $1 = $1',
  }
  const config = configFile({ groups: { users: { origin, originTimeout: '10m' } } })
  const node = launch(['--config', config, '--port', '0'], { program })
  await source.called
  node.child.kill('SIGTERM')
  const { code, stderr, stdout } = await node.outcome
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(stdout).toContain('SIGTERM: closing')
})

test.each([
  ['configuration file', 'await new Promise(() => {}); export default { groups: { cache: {} } }', true],
  [
    'origin',
    'export default { groups: { cache: { origin: { start: () => new Promise(() => {}), load: () => null } } } }',
    false,
  ],
])('a promise of the %s that never settles is an error', async (_, text, isChecked) => {
  const config = join(mkdtempSync(join(tmpdir(), 'erinys-never-')), 'erinys.config.mjs')
  writeFileSync(config, text)
  for (const args of isChecked ? [[], ['check']] : [[]]) {
    const { code, stderr } = await run(['--config', config, '--port', '0', ...args], { program })
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: 'erinys: it waits for a promise of the configuration, or of an origin, that never settles\n',
    })
  }
})

test('a port in use is still an error', async () => {
  const { child, port } = await start(['--config', configFile({ groups: { cache: {} } })], { program })
  onTestFinished(() => void child.kill('SIGKILL'))
  const second = await run(['--port', String(port), '--bind', '127.0.0.1'], { program })
  expect(second).toMatchObject({ code: 1, stderr: expect.stringContaining('is in use') })
})

test('a missing etcd3 is one line that says how to install it', async () => {
  const hidden = join(mkdtempSync(join(tmpdir(), 'erinys-no-etcd3-')), 'hide.mjs')
  const resolve = `export function resolve(name, context, next) {
    if (name !== 'etcd3') return next(name, context)
    throw Object.assign(new Error("Cannot find package 'etcd3'"), { code: 'ERR_MODULE_NOT_FOUND' })
  }`
  const hook = `data:text/javascript,${encodeURIComponent(resolve)}`
  writeFileSync(hidden, `import { register } from 'node:module'\nregister(${JSON.stringify(hook)})`)
  const cluster = { announce: '127.0.0.1:7000', etcd: { endpoints: ['127.0.0.1:1'] } }
  const config = configFile({ cluster, groups: { cache: {} } })
  const { code, stderr } = await run(['--config', config, '--port', '0', '--bind', '127.0.0.1'], {
    program: [process.execPath, '--import', hidden, compiledMain()],
  })
  expect({ code, stderr }).toEqual({
    code: 1,
    stderr: 'erinys: members from etcd: wants the package etcd3, which is not installed: npm install etcd3\n',
  })
})

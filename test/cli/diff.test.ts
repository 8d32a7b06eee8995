// `erinys check --diff` finds the running node by its port for TLS, or by its Unix socket, where it has no other.

import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { afterEach, beforeEach, expect, onTestFinished, test } from 'vitest'
import { resolveConfig } from '../../src/config/config.ts'
import { type Config, createNode } from '../../src/index.ts'
import { Authority, TlsFolder } from '../support/authority.ts'
import { type Outcome, run } from '../support/cli.ts'
import { freePorts } from '../support/ports.ts'

const groups = { a: { maxBytes: '1mb' } }

let folder: TlsFolder
beforeEach(() => {
  folder = new TlsFolder()
})
afterEach(() => folder.remove())

/** Starts a node, changes its file, and asks what that would change. */
async function diffOf(config: Config, ...args: string[]): Promise<Outcome> {
  const changed = { ...config, hz: 20 }
  const node = await createNode(config, { readConfig: async () => resolveConfig(changed) })
  onTestFinished(() => node.close())
  await node.listen()
  writeFileSync(folder.file('erinys.config.json'), JSON.stringify(changed))
  return run(['check', '--diff', ...args], { cwd: folder.path, env: { ERINYS_HTTP_PORT: '0' } })
}

test('TLS only, where clients must show a certificate', async () => {
  const authority = new Authority()
  const { cert, key } = folder.put('node', authority.issue({ names: ['cache.example'] }))
  const [tlsPort] = await freePorts(1)
  const tls = { tlsCertFile: cert, tlsKeyFile: key, tlsCaCertFile: folder.write('ca.crt', authority.cert) }
  const { stdout, stderr, code } = await diffOf({ port: 0, tlsPort, ...tls, requirepass: 'hush', groups })
  expect(stderr).toBe('')
  expect(stdout).toBe(`the node at 127.0.0.1:${tlsPort} -> its configuration now\n  hz: 10 -> 20\n`)
  expect(code).toBe(0)
})

test('a Unix socket only', async () => {
  const unixsocket = folder.file('s')
  const { stdout, stderr } = await diffOf({ port: 0, unixsocket, groups })
  expect(stderr).toBe('')
  expect(stdout).toBe(`the node at ${unixsocket} -> its configuration now\n  hz: 10 -> 20\n`)
})

test('as a user, where the default user is off', async () => {
  const [port] = await freePorts(1)
  const users = { default: 'off', ops: 'on >hush +config|reload' }
  const { stdout, stderr } = await diffOf({ port, users, groups }, '--user', 'ops', '--pass', 'hush')
  expect(stderr).toBe('')
  expect(stdout).toBe(`the node at 127.0.0.1:${port} -> its configuration now\n  hz: 10 -> 20\n`)
})

test('the port in the file has changed: the error says where it asked, why, and how to ask elsewhere', async () => {
  const [port, changed] = await freePorts(2)
  const node = await createNode(
    { port, groups },
    { readConfig: async () => resolveConfig({ port, hz: 20, groups }) },
  )
  onTestFinished(() => node.close())
  await node.listen()
  writeFileSync(folder.file('erinys.config.json'), JSON.stringify({ port: changed, groups }))
  const options = { cwd: folder.path, env: { ERINYS_HTTP_PORT: '0' } }
  expect(await run(['check', '--diff'], options)).toEqual({
    code: 1,
    stdout: '',
    stderr:
      `erinys: the node at 127.0.0.1:${changed}: connect ECONNREFUSED 127.0.0.1:${changed}. ` +
      `127.0.0.1:${changed} is the port of this configuration (from erinys.config.json as it is now); ` +
      'if the node listens elsewhere, name that: erinys check --diff --port <port> [--bind <address>]\n',
  })
  const { stdout, code } = await run(['check', '--diff', '--port', String(port)], options)
  expect(stdout).toBe(`the node at 127.0.0.1:${port} -> its configuration now\n  hz: 10 -> 20\n`)
  expect(code).toBe(0)
})

test('another server has the port', async () => {
  const server = createServer((socket) => {
    socket.on('data', () => socket.write("-ERR unknown subcommand 'RELOAD'\r\n"))
    socket.on('error', () => {})
  })
  onTestFinished(() => void server.close())
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  writeFileSync(folder.file('erinys.config.json'), JSON.stringify({ groups }))
  const { stderr } = await run(['check', '--diff', '--port', String(port)], {
    cwd: folder.path,
    env: { ERINYS_HTTP_PORT: '0' },
  })
  expect(stderr).toContain(
    `the node at 127.0.0.1:${port}: unknown subcommand 'RELOAD'. 127.0.0.1:${port} is the port`,
  )
  expect(stderr).toContain('(from --port); if the node listens elsewhere')
})

test('the password in the file has changed: the error says how to give the one of the node', async () => {
  const [port] = await freePorts(1)
  const node = await createNode(
    { port, requirepass: 'old', groups },
    { readConfig: async () => resolveConfig({ port, requirepass: 'new', groups }) },
  )
  onTestFinished(() => node.close())
  await node.listen()
  const options = { cwd: folder.path, env: { ERINYS_HTTP_PORT: '0' } }
  for (const requirepass of ['new', '']) {
    writeFileSync(folder.file('erinys.config.json'), JSON.stringify({ port, requirepass, groups }))
    const { stderr } = await run(['check', '--diff'], options)
    expect(stderr).toMatch(/: (WRONGPASS|NOAUTH) .*if the node has another one, give that \(--pass\)/)
    expect(stderr).not.toContain('listens elsewhere')
  }
  const { stdout } = await run(['check', '--diff', '--pass', 'old'], options)
  expect(stdout).toBe(`the node at 127.0.0.1:${port} -> its configuration now\n  requirepass: changed\n`)
})

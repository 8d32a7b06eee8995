// `erinys cluster`: one process that starts, supervises and stops several nodes on this machine.

import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { countNodes, type LocalNode, MEMBER, planNodes } from '../../src/cli/local-nodes.ts'
import { type Config, ConfigError, type Flags, resolveLayers } from '../../src/config/config.ts'
import { exchange, type RunningMany, run, startMany } from '../support/cli.ts'
import { freePortRun } from '../support/ports.ts'

const folder = mkdtempSync(join(tmpdir(), 'erinys-nodes-'))
afterAll(() => rmSync(folder, { recursive: true }))

const READS = 'GET Tom\r\nGET Jack\r\nGET Sam\r\n'
const SCORES = '$3\r\n630\r\n$3\r\n589\r\n$3\r\n567\r\n'

/** The pid that a node logged. */
function pidOf({ lines }: RunningMany, port: number): number {
  const pid = lines().find((line) => line.node === port && line.pid !== undefined)?.pid
  if (pid === undefined) throw new Error(`no log line of the node on port ${port}`)
  return pid
}

async function isOpen(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  const opened = await once(socket, 'connect').then(
    () => true,
    () => false,
  )
  socket.destroy()
  return opened
}

/** Resolves when nothing listens on the ports any more. */
async function areGone({ ports }: RunningMany): Promise<void> {
  for (const port of ports) while (await isOpen(port));
}

/** Three nodes whose origin never answers, with a pending load on the first one. */
async function startHanging(): Promise<RunningMany> {
  const config = join(folder, 'hanging.mjs')
  writeFileSync(config, 'export default { groups: { a: { origin: () => new Promise(() => {}) } } }')
  const nodes = await startMany(['--config', config, '--shutdown-timeout', '10m'], { cwd: folder })
  const socket = connect(nodes.ports[0], '127.0.0.1').on('error', () => undefined)
  socket.write('GET Tom\r\n')
  // A second connection is answered after the first one's request has arrived.
  await once(socket, 'connect')
  await exchange(nodes.ports[0], 'PING\r\n', 'PONG')
  nodes.child.kill('SIGTERM')
  await nodes.logged((lines) => lines.filter(({ msg }) => msg === 'SIGTERM: closing').length === 3)
  return nodes
}

describe('three nodes', () => {
  test('each answers; if one ends, that is logged and the others keep running; all stop at once', async () => {
    const nodes = await startMany(['--shutdown-timeout', '10m'], { cwd: folder })
    const [first, second, third] = nodes.ports
    const isReported = (report: string): Promise<void> =>
      nodes.logged((lines) => lines.some(({ msg }) => msg === `${report}; the others go on`))
    for (const port of nodes.ports) expect(await exchange(port, READS, '567\r\n')).toBe(SCORES)
    await exchange(third, 'SELECT cache\r\nMSET a 1 b 2 c 3\r\n', '+OK\r\n+OK\r\n')
    await exchange(first, 'SHUTDOWN\r\n', 'never')
    await isReported(`the node on port ${first} has closed`)
    const held = await exchange(second, 'SELECT cache\r\nMGET a b c\r\n', '$1\r\n3\r\n')
    expect(held).toBe('+OK\r\n*3\r\n$1\r\n1\r\n$1\r\n2\r\n$1\r\n3\r\n')
    process.kill(pidOf(nodes, second), 'SIGKILL')
    await isReported(`the node on port ${second} has died (SIGKILL)`)
    expect(await exchange(third, READS, '567\r\n')).toBe(SCORES)
    nodes.child.kill('SIGTERM')
    const { code, stderr } = await nodes.outcome
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    const closed = nodes.lines().filter(({ msg }) => msg === 'closed')
    expect(closed.map(({ node }) => node)).toEqual([first, third])
  })

  test('end with the process that started them, even with pending loads', async () => {
    const nodes = await startHanging()
    nodes.child.kill('SIGKILL')
    await areGone(nodes)
  })

  test('end at once at a second signal', async () => {
    const nodes = await startHanging()
    nodes.child.kill('SIGINT')
    expect((await nodes.outcome).code).toBe(1)
    await areGone(nodes)
  })

  test('do not start if a port is taken', async () => {
    const first = await freePortRun(3)
    const server = createServer().listen(first + 1, '127.0.0.1')
    await once(server, 'listening')
    const args = ['cluster', '--port', String(first), '--bind', '127.0.0.1']
    const { code, stderr } = await run(args, { cwd: folder })
    server.close()
    expect(code).toBe(1)
    expect(stderr).toBe(
      `erinys: 127.0.0.1:${first + 1} is in use: stop the process that listens there, or choose another port with --port\n`,
    )
    expect(await isOpen(first)).toBe(false)
  })

  test('do not start with wrong arguments', async () => {
    const outcome = await run(['cluster', '--nodes', 'x', '--peers', 'a:1,b:2'], { cwd: folder })
    const stderr =
      "erinys: --nodes: got 'x', wants a whole number, from 2 to 64\n" +
      'erinys: --peers: is not for erinys cluster, which starts all members itself\n'
    expect(outcome).toEqual({ code: 1, stdout: '', stderr })
  })
})

describe('the plan', () => {
  const plan = (nodes: number, flags: Flags = {}, config: Config = {}): readonly LocalNode[] =>
    planNodes(nodes, undefined, flags, resolveLayers({ config, flags: { ...flags, ...MEMBER } }))

  test('gives each node its port and name, and a share of the memory', () => {
    const flags = { port: '7100', bind: ['-::1', '127.0.0.1'], maxmemory: '1gb' }
    expect(plan(2, flags)).toEqual(
      [7100, 7101].map((port) => ({
        port,
        args: [
          `--port=${port}`,
          '--bind=-::1,127.0.0.1',
          '--maxmemory=1gb',
          '--peers=[::1]:7100,[::1]:7101',
          `--announce=[::1]:${port}`,
        ],
      })),
    )
    const whole = resolveLayers({}).config.maxmemory
    for (const { args } of plan(64)) expect(args).toContain(`--maxmemory=${Math.floor(whole / 64)}`)
  })

  test.each([
    [{ bind: ['0.0.0.0'], protectedMode: false }, '127.0.0.1'],
    [{ bind: ['10.0.0.1'], requirepass: 'secret' }, '10.0.0.1'],
    [{ bind: ['10.0.0.1', '127.0.0.1'], requirepass: 'secret' }, '127.0.0.1'],
  ])('%j: their address is %s', (config, host) => {
    expect(plan(2, {}, config)[1].args).toContain(`--announce=${host}:7001`)
  })

  test.each<[name: string, flags: Flags, config: Config, args: readonly string[]]>([
    ['the default', {}, {}, ['--default-http-port=7080', '--default-http-port=7081']],
    ['a flag', { httpPort: '8000' }, {}, ['--http-port=8000', '--http-port=8001']],
    ['the file', {}, { http: { port: 8000 } }, ['--http-port=8000', '--http-port=8001']],
    ['any', { httpPort: 'any' }, {}, ['--http-port=any', '--http-port=any']],
    ['none', { httpPort: '0' }, {}, ['--http-port=0', '--http-port=0']],
    ['none in the file', {}, { http: false }, []],
  ])('gives each node a port for HTTP: %s', (_, flags, config, args) => {
    const layers = { config, flags: { ...flags, ...MEMBER }, httpPort: 7080 }
    const nodes = planNodes(2, undefined, flags, resolveLayers(layers))
    expect(nodes.flatMap((node) => node.args.filter((arg) => arg.includes('http-port')))).toEqual(args)
  })

  test('the ports for HTTP are not those of other nodes', () => {
    const resolve = (httpPort: string) =>
      planNodes(2, undefined, { httpPort }, resolveLayers({ flags: { httpPort, ...MEMBER } }))
    expect(() => resolve('7001')).toThrow(
      new ConfigError('http.port: got 7001, but 7001 is the port of another node'),
    )
    expect(() => resolve('65535')).toThrow(
      new ConfigError('http.port: got 65535, wants at most 65534: that of the first of 2 nodes'),
    )
  })

  test('ignores the members of the configuration', () => {
    const config = {
      cluster: { etcd: { endpoints: '10.0.0.9:2379' }, secret: 'hush', announce: '10.0.0.1:7000' },
    }
    expect(plan(2, { redirect: 'moved' }, config)).toEqual(plan(2, { redirect: 'moved' }))
  })

  test.each([
    ['0', "--nodes: got '0', wants a whole number, from 2 to 64"],
    ['1', "--nodes: got '1', wants a whole number, from 2 to 64"],
    ['1001', "--nodes: got '1001', wants a whole number, from 2 to 64"],
  ])('of %s nodes: %s', (count, problem) => {
    expect(() => countNodes(count, {})).toThrow(new ConfigError(problem))
  })

  test.each(['0', '65534'])('from the port %s on', (port) => {
    const problem = `port: got ${port}, wants one from 1 to 65533: that of the first of 3 nodes`
    expect(() => plan(3, { port })).toThrow(new ConfigError(problem))
  })
})

import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import manifest from '../../package.json' with { type: 'json' }
import { nodeAdvice } from '../../src/cli/banner.ts'
import { clusterSettingNames } from '../../src/config/cluster-settings.ts'
import { settingNames, variableName } from '../../src/config/settings.ts'
import { exchange, type Outcome, type Running, run, start } from '../support/cli.ts'

const folder = mkdtempSync(join(tmpdir(), 'erinys-main-'))
afterAll(() => rmSync(folder, { recursive: true }))

function write(name: string, text: string): string {
  const path = join(folder, name)
  writeFileSync(path, text)
  return path
}

/** Ends a node with a signal. */
function stop({ child, outcome }: Running, signal: NodeJS.Signals = 'SIGTERM'): Promise<Outcome> {
  child.kill(signal)
  return outcome
}

/** Written once: tests run at the same time, and a node that starts must not find the file empty. */
let hanging: string | undefined

/** A node with a GET under way whose origin never answers. */
async function startHanging(...args: string[]): Promise<Running> {
  const origin = '() => new Promise(() => {})'
  hanging ??= write('hanging.mjs', `export default { groups: { a: { origin: ${origin} } } }`)
  const config = hanging
  const running = await start(['--config', config, ...args], { cwd: folder })
  const socket = connect(running.port, '127.0.0.1').on('error', () => {})
  socket.write('GET Tom\r\n')
  // A second connection is answered after the first one's request has arrived.
  await once(socket, 'connect')
  await exchange(running.port, 'PING\r\n', 'PONG')
  return running
}

describe.concurrent('without a node', () => {
  test('--version', async () => {
    expect(await run(['--version'])).toEqual({ code: 0, stdout: `${manifest.version}\n`, stderr: '' })
  })

  test('--help names every setting', async () => {
    const { code, stdout } = await run(['--help'])
    expect(code).toBe(0)
    for (const option of [
      '--config',
      '--port',
      '--bind',
      '--maxmemory',
      '--requirepass',
      '--protected-mode',
    ]) {
      expect(stdout).toContain(option)
    }
    for (const name of [...settingNames, ...clusterSettingNames])
      expect(stdout).toContain(variableName(name).slice(7).replaceAll('_', '-').toLowerCase())
    expect(stdout).toContain("(default: a quarter of the machine's memory)")
    expect(stdout).toMatch(/check .*check the configuration and print what it means/)
  })

  test('an unknown option', async () => {
    const { code, stdout, stderr } = await run(['--prot', '7000'])
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toBe("erinys: unknown option '--prot', did you mean --port?\n")
  })

  test.each([
    ['chekc', 'did you mean check?'],
    ['strat', 'did you mean start?'],
    ['xyzzy', 'known are start, check, cluster, top, sql, version, help'],
  ])('an unknown command, %s', async (word, hint) => {
    expect(await run([word])).toEqual({
      code: 1,
      stdout: '',
      stderr: `erinys: unknown command '${word}', ${hint}\n`,
    })
  })

  test.each([
    [['help', 'nope'], "unknown command 'nope', known are start, check, cluster, top, sql, version, help"],
    [['help', 'chekc'], "unknown command 'chekc', did you mean check?"],
    [
      ['help', 'member'],
      "unknown command 'member', known are start, check, cluster, top, sql, version, help",
    ],
    [['help', 'sql', 'triger'], "unknown command 'triger', did you mean trigger?"],
    [['help', 'check', 'more'], "unknown command 'more', check has none"],
    [['sql', 'help', 'triger'], "unknown command 'triger', did you mean trigger?"],
    [['sql', 'triger'], "unknown command 'triger', did you mean trigger?"],
  ])('an unknown command for help: %j', async (words, message) => {
    expect(await run(words)).toEqual({ code: 1, stdout: '', stderr: `erinys: ${message}\n` })
  })

  test('help, version and start are commands too', async () => {
    const [help, version, ofCheck] = await Promise.all([
      run(['help']),
      run(['version']),
      run(['help', 'check']),
    ])
    expect(help).toEqual(await run(['--help']))
    expect(help.stdout).toContain('Exit code: 0 after')
    expect(version).toEqual({ code: 0, stdout: `${manifest.version}\n`, stderr: '' })
    expect(ofCheck.code).toBe(0)
    expect(ofCheck.stdout).toContain('Usage: erinys check')
    expect(ofCheck.stdout).toContain('The options of erinys --help apply, too.')
    expect(ofCheck.stdout).not.toContain('--maxmemory')
    expect(await run(['start', '--port', 'x'], { cwd: folder })).toEqual(
      await run(['--port', 'x'], { cwd: folder }),
    )
  })

  test('sql trigger prints SQL, or the problem of its options', async () => {
    const trigger = ['sql', 'trigger', '--table', 'shop.users', '--column', 'id']
    const { code, stdout, stderr } = await run([...trigger, '--channel', 'users', '--key', 'user:{id}'])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toContain('after insert or update or delete on "shop"."users"')
    expect(await run([...trigger, '--key', 'user'])).toEqual({
      code: 1,
      stdout: '',
      stderr: `erinys: --key: got "user", wants one place for the column, as in 'user:{id}'\n`,
    })
    expect((await run(['sql', 'trigger', '--column', 'id'])).stderr).toBe(
      "erinys: required option '--table <name>' not specified\n",
    )
    const help = await run(['sql', 'trigger', '--help'])
    expect(help.stdout).toContain('as in `listen` of the origin')
    expect(help.stdout).not.toContain('--maxmemory')
  })

  test('a missing configuration', async () => {
    const none = await run(['--config', 'none.json'], { cwd: folder })
    expect(none).toEqual({ code: 1, stdout: '', stderr: 'erinys: none.json: no such file\n' })
  })

  test('all problems, one per line', async () => {
    const config = write(
      'wrong.json',
      '{"port": "x", "prot": 1, "groups": {"scores": {"maxBytes": "64 megs"}}}',
    )
    const { code, stdout, stderr } = await run(['--config', config, '--hz', '0'], { cwd: folder })
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr.split('\n')).toEqual([
      `erinys: ${config}: prot: unknown field, did you mean port?`,
      `erinys: ${config}: port: got 'x', wants a port, from 0 to 65535`,
      `erinys: ${config}: groups.scores.maxBytes: got '64 megs', wants a size such as '64mb', at least 1kb`,
      "erinys: --hz: got '0', wants a whole number, from 1 to 500",
      '',
    ])
  })

  test('an open address without a password', async () => {
    const { code, stderr } = await run(['--bind', '0.0.0.0'], { cwd: folder })
    expect(code).toBe(1)
    expect(stderr).toMatch(
      /^erinys: bind: 0\.0\.0\.0 can be reached from other machines .*\(--protected-mode no\)\n$/,
    )
  })

  test('a port that is taken', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as { port: number }
    const { code, stderr } = await run(['--bind', '127.0.0.1', '--port', String(port)], { cwd: folder })
    server.close()
    expect(code).toBe(1)
    expect(stderr).toBe(
      `erinys: 127.0.0.1:${port} is in use: stop the process that listens there, or choose another port with --port\n`,
    )
  })

  test('an address of another machine', async () => {
    const { code, stderr } = await run(['--bind', '192.0.2.1', '--protected-mode', 'no', '--port', '0'], {
      cwd: folder,
    })
    expect(code).toBe(1)
    expect(stderr).toBe(
      'erinys: 192.0.2.1:0 is not an address of this machine: choose another one with --bind\n',
    )
  })
})

describe.concurrent('erinys check', () => {
  test('prints the resolved configuration', async () => {
    const config = write(
      'check.mts',
      `export default { maxmemory: '1gb', groups: {
        scores: { maxBytes: '64mb', ttl: '5m', origin: (key: string) => key },
        cache: {},
        users: {
          maxBytes: '1mb', ttl: '1m', staleIfError: '1h', write: 'refuse',
          origin: { kind: 'sql', url: 'postgres://me:hush@h/db', query: 'q', listen: 'users' },
        },
      } }`,
    )
    const env = { ERINYS_REQUIREPASS: 'secret' }
    const { code, stdout, stderr } = await run(['check', '--config', config, '--port', '7001'], {
      cwd: folder,
      env,
    })
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toContain(`Valid: ${config}\n`)
    expect(stdout).toContain('Listens on 127.0.0.1:7001, [::1]:7001 (if available), with a password.')
    expect(stdout).toContain(
      '0  scores  64mb, ttl 5m with 10% jitter, origin function with timeout 10s, negative caching for 5s\n',
    )
    expect(stdout).toContain('1  cache   1gb, no origin\n')
    expect(stdout).toContain(
      '  2  users   1mb, ttl 1m with 10% jitter, origin sql with timeout 10s, with change notifications, negative caching for 5s\n' +
        '             staleIfError 1h, write refuse\n',
    )
    expect(stdout).not.toContain('hush')
    expect(stdout).toMatch(/port +7001 {2}\(--port\)\n/)
    expect(stdout).toMatch(/requirepass +set, not shown {2}\(ERINYS_REQUIREPASS\)\n/)
    expect(stdout).toMatch(/hz +10\n/)
    expect(stdout).not.toContain('secret')
  })

  test('prints the cluster that flags configure', async () => {
    const args = [
      '--port',
      '7001',
      '--peers',
      '127.0.0.1:7000,127.0.0.1:7001',
      '127.0.0.1:7002',
      '--secret',
      'hush',
    ]
    const { code, stdout, stderr } = await run(['check', ...args], { cwd: folder })
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    const peers = '127.0.0.1:7000 127.0.0.1:7001 127.0.0.1:7002'
    expect(stdout).toContain(`\nCluster: 127.0.0.1:7001, with a secret, members ${peers}.\n`)
    expect(stdout).toMatch(/secret +set, not shown {2}\(--secret\)\n/)
    expect(stdout).not.toContain('hush')
  })

  test('rejects what a start would reject', async () => {
    const { code, stdout, stderr } = await run(['check', '--port', 'x'], { cwd: folder })
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toBe("erinys: --port: got 'x', wants a port, from 0 to 65535\n")
  })
})

describe.concurrent('a node', () => {
  test('starts with the demo groups, says so, and serves', async () => {
    const node = await start([], { cwd: folder })
    expect(await exchange(node.port, 'GET Tom\r\nGET nobody\r\nPING\r\n', 'PONG')).toBe(
      '$3\r\n630\r\n$-1\r\n+PONG\r\n',
    )
    const { code, stderr } = await stop(node)
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    const lines = node
      .log()
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(lines[0]).toMatchObject({ level: 'info', pid: node.child.pid })
    expect(lines.map(({ msg }) => msg)).toEqual([
      `erinys ${manifest.version} on Node.js ${process.version}, no configuration file, defaults`,
      'group scores: 64mb, origin demo with timeout 10s, negative caching for 5s',
      expect.stringMatching(/^group cache: [\d.]+[kmgt]b, no origin$/),
      expect.stringMatching(
        /^budget of a group without maxBytes: [\d.]+[kmgt]b \(a quarter of the machine's memory\)$/,
      ),
      ...[nodeAdvice(process.versions.node)].filter((line) => line !== undefined),
      `listening on 127.0.0.1:${node.port}`,
      'SIGTERM: closing',
      'closed',
    ])
  })

  test('survives an unhandled rejection of an origin, and logs it', async () => {
    const origin = "(key) => { Promise.reject(new Error('forgotten')); return key }"
    const config = write('forgets.mjs', `export default { groups: { a: { origin: ${origin} } } }`)
    const node = await start(['--config', config], { cwd: folder })
    expect(await exchange(node.port, 'GET Tom\r\n', 'Tom')).toBe('$3\r\nTom\r\n')
    expect(await exchange(node.port, 'PING\r\n', 'PONG')).toBe('+PONG\r\n')
    const { code, stdout, stderr } = await stop(node)
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toMatch(/"level":"error".*"message":"forgotten".*"unhandled promise rejection"/)
  })

  test('ends at an uncaught exception, and logs it', async () => {
    const origin = "() => new Promise(() => queueMicrotask(() => { throw new Error('loose') }))"
    const config = write('throws.mjs', `export default { groups: { a: { origin: ${origin} } } }`)
    const node = await start(['--config', config], { cwd: folder })
    await exchange(node.port, 'GET Tom\r\n', 'never').catch(() => {})
    const { code, stdout, stderr } = await node.outcome
    expect(code).not.toBe(0)
    expect(stderr).toContain('Error: loose')
    expect(stdout).toMatch(/"level":"fatal".*"message":"loose".*"uncaught exception"/)
  })

  test('ends at SIGINT too', async () => {
    const node = await start([], { cwd: folder })
    const { code, stdout } = await stop(node, 'SIGINT')
    expect(code).toBe(0)
    expect(stdout).toContain('SIGINT: closing')
  })

  test('ends at SHUTDOWN, even if its configuration keeps handles open', async () => {
    const config = write('open.mjs', 'setInterval(() => {}, 1000)\nexport default { groups: { a: {} } }')
    const node = await start(['--config', config], { cwd: folder })
    const socket = connect(node.port, '127.0.0.1')
    socket.write('SHUTDOWN\r\n')
    const { code, stdout } = await node.outcome
    expect(code).toBe(0)
    expect(stdout).toContain('"closed"')
  })

  test('does not wait for replies longer than the shutdown timeout', async () => {
    const node = await startHanging('--shutdown-timeout', '50ms')
    const { code, stdout } = await stop(node)
    expect(code).toBe(0)
    expect(stdout).toMatch(/SIGTERM: closing.*some replies were not sent in time.*"closed"/s)
  })

  test('uses a shutdown timeout that CONFIG SET has changed', async () => {
    const node = await startHanging('--shutdown-timeout', '10m')
    await exchange(node.port, 'CONFIG SET shutdown-timeout 0\r\n', '+OK')
    const { code } = await stop(node)
    expect(code).toBe(0)
  })

  test('exits at once at a second signal', async () => {
    const node = await startHanging('--shutdown-timeout', '10m')
    node.child.kill('SIGTERM')
    while (!node.log().includes('SIGTERM: closing')) await once(node.child.stdout!, 'data')
    const { code, stdout } = await stop(node, 'SIGINT')
    expect(code).toBe(1)
    expect(stdout).toContain('SIGINT again: exiting at once')
  })
})

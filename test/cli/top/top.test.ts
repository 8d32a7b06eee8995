// `erinys top --once` against nodes of this process.

import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Config } from '../../../src/index.ts'
import { Authority, TlsFolder } from '../../support/authority.ts'
import { run } from '../../support/cli.ts'
import { startCluster } from '../../support/cluster.ts'
import { startNode } from '../../support/node.ts'
import { freePorts } from '../../support/ports.ts'

const groups = { scores: { origin: (key: string) => `value of ${key}` }, cache: {} }

describe('erinys top --once', () => {
  test('prints a node, its groups and its slow log', async () => {
    const node = await startNode({ requirepass: 'secret', groups })
    try {
      await node.watcher.config('SET', 'slowlog-log-slower-than', '0')
      await node.watcher.get('Tom')
      // The questions of top itself would fill the log.
      await node.watcher.config('SET', 'slowlog-log-slower-than', '-1')
      const { code, stdout, stderr } = await run(
        ['top', `127.0.0.1:${node.port}`, '--once', '--interval', '50ms'],
        {
          env: { ERINYS_REQUIREPASS: 'secret' },
        },
      )
      expect(stderr).toBe('')
      expect(code).toBe(0)
      expect(stdout).toMatch(new RegExp(`^127\\.0\\.0\\.1:${node.port} +ok `, 'm'))
      expect(stdout).toMatch(/^scores +.* 1 +\S+\/\S+$/m)
      expect(stdout).toMatch(/ get Tom$/im)
      // biome-ignore lint/suspicious/noControlCharactersInRegex: no codes of terminals in a pipe
      expect(stdout).not.toMatch(/\x1b/)
    } finally {
      await node.close()
    }
  })

  test('finds the other nodes of a cluster', async () => {
    const cluster = await startCluster(2)
    try {
      await cluster.agreed()
      const [first, second] = cluster.ports
      const { stdout } = await run(['top', `127.0.0.1:${first}`, '--once', '--interval', '50ms'])
      expect(stdout).toMatch(/^erinys \S+ · 2 nodes/)
      for (const port of [first, second])
        expect(stdout).toMatch(new RegExp(`^127\\.0\\.0\\.1:${port} +ok `, 'm'))
    } finally {
      await cluster.close()
    }
  })

  test('says what is wrong', async () => {
    const [port] = await freePorts(1)
    const [refused, bad, interval, terminal] = await Promise.all([
      run(['top', `127.0.0.1:${port}`, '--once']),
      run(['top', 'nowhere', '--once']),
      run(['top', '--once', '--interval', 'soon']),
      run(['top', `127.0.0.1:${port}`]),
    ])
    expect(refused).toMatchObject({ code: 1, stdout: '' })
    expect(refused.stderr).toMatch(new RegExp(`^erinys: .*127\\.0\\.0\\.1:${port} does not answer: `))
    expect(bad.stderr).toBe('erinys: got nowhere for the address, wants host:port\n')
    expect(interval.stderr).toBe('erinys: --interval: got soon, wants a duration such as 1s or 500ms\n')
    expect(terminal.stderr).toContain('top needs a terminal: use --once to print once')
  })
})

describe('erinys top --tls', () => {
  const authority = new Authority()
  let folder: TlsFolder
  beforeEach(() => {
    folder = new TlsFolder()
  })
  afterEach(() => folder.remove())

  function tlsConfig(name: string, names?: readonly string[]): Config {
    const { cert, key } = folder.put(name, authority.issue({ commonName: name, ...(names && { names }) }))
    const ca = folder.write('ca.crt', authority.cert)
    return { tlsCertFile: cert, tlsKeyFile: key, tlsCaCertFile: ca }
  }

  const top = (port: number, ...more: string[]) =>
    run(['top', `127.0.0.1:${port}`, '--once', '--interval', '50ms', '--tls', ...more])

  test('asks as a user, with a certificate', async () => {
    const [tlsPort] = await freePorts(1)
    const users = { default: 'off', watch: 'on >secret ~* +info +hotkeys +slowlog|get +auth +hello +client' }
    const node = await startNode({ ...tlsConfig('node'), tlsPort, users, groups })
    try {
      const { cert, key } = folder.put('client', authority.issue())
      const shown = ['--cacert', folder.file('ca.crt'), '--cert', cert, '--key', key]
      const named = ['--user', 'watch', '--pass', 'secret']
      const { code, stdout, stderr } = await top(tlsPort, ...shown, ...named)
      expect(stderr).toBe('')
      expect(code).toBe(0)
      expect(stdout).toMatch(new RegExp(`^127\\.0\\.0\\.1:${tlsPort} +ok `, 'm'))
      const [wrong, without] = [
        await top(tlsPort, ...shown, '--user', 'watch', '--pass', 'x'),
        await top(tlsPort, ...named, '--cacert', folder.file('ca.crt')),
      ]
      expect(wrong.stderr).toContain('does not answer: WRONGPASS')
      expect(without.stderr).toContain(
        'does not answer: it wants a certificate: give one with --cert and --key',
      )
    } finally {
      await node.close()
    }
  })

  test('verifies the certificate of the node', async () => {
    const [tlsPort] = await freePorts(1)
    const config = { ...tlsConfig('node', ['cache.example']), tlsAuthClients: 'no' } as const
    const node = await startNode({ ...config, tlsPort, groups })
    try {
      const ca = ['--cacert', folder.file('ca.crt')]
      expect((await top(tlsPort)).stderr).toContain('of an unknown CA: give that with --cacert')
      expect((await top(tlsPort, ...ca)).stderr).toContain('has another name: give that with --sni')
      expect((await top(node.port, ...ca)).stderr).toContain('does not answer: ')
      expect(await top(tlsPort, ...ca, '--sni', 'cache.example')).toMatchObject({ code: 0, stderr: '' })
      expect(await top(tlsPort, '--insecure')).toMatchObject({ code: 0, stderr: '' })
    } finally {
      await node.close()
    }
  })

  test.each([false, true])('finds the others by their TLS ports (links by TLS: %s)', async (tlsCluster) => {
    const ports = await freePorts(4)
    const cluster = await startCluster(
      [0, 1].map((i) => ({ listens: ports[i], announced: ports[tlsCluster ? 2 + i : i] })),
      {
        each: (i) => ({ ...tlsConfig(`node-${i}`), tlsAuthClients: 'no', tlsCluster, tlsPort: ports[2 + i] }),
      },
    )
    try {
      await cluster.agreed()
      const { stdout } = await top(ports[2], '--cacert', folder.file('ca.crt'))
      expect(stdout).toMatch(/^erinys \S+ · 2 nodes/)
      for (const port of ports.slice(2))
        expect(stdout).toMatch(new RegExp(`^127\\.0\\.0\\.1:${port} +ok `, 'm'))
    } finally {
      await cluster.close()
    }
  })

  test('says which flag is wrong', async () => {
    const { cert, key } = folder.put('client', authority.issue())
    const other = folder.put('other', authority.issue())
    const noPem = folder.write('no.pem', 'hello')
    const errors = await Promise.all([
      run(['top', '--once', '--cacert', cert]),
      top(1, '--cert', cert),
      top(1, '--cacert', folder.file('nowhere')),
      top(1, '--cacert', noPem),
      top(1, '--cert', cert, '--key', other.key),
      top(1, '--cert', noPem, '--key', key),
    ])
    expect(errors.map(({ stderr }) => stderr.trim())).toEqual([
      'erinys: --cacert is for TLS: add --tls',
      'erinys: --cert and --key belong together: give both',
      expect.stringMatching(/^erinys: --cacert: ENOENT: .*nowhere/),
      'erinys: --cacert: no PEM certificate',
      expect.stringMatching(/^erinys: --cert, --key: .*key values mismatch/),
      expect.stringMatching(/^erinys: --cert, --key: /),
    ])
    expect(errors.every(({ code }) => code === 1)).toBe(true)
  })
})

// Ports, TLS and the Unix socket in a configuration: what is accepted, what fits together, and where paths begin.

import { join, resolve } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { resolveConfig, resolveLayers } from '../../src/config/config.ts'
import { describeConfig } from '../../src/config/describe.ts'
import { tlsProblems } from '../../src/config/listening.ts'
import { hasPlainPort } from '../../src/config/ports.ts'
import { Authority, TlsFolder } from '../support/authority.ts'
import { problems } from './problems.ts'

describe('the error of a wrong field', () => {
  test.each<[unknown, string | RegExp]>([
    [{ tlsPort: 'x' }, "tlsPort: got 'x', wants a port, from 0 to 65535"],
    [{ tlsAuthClients: 'maybe' }, "tlsAuthClients: got 'maybe', wants one of yes, no, optional"],
    [{ tlsAuthClientsUser: 'OU' }, "tlsAuthClientsUser: got 'OU', wants one of off, CN"],
    [
      { tlsProtocols: 'TLSv1.1' },
      "tlsProtocols: got 'TLSv1.1', wants TLSv1.2, TLSv1.3 or both, separated by a space",
    ],
    [{ tlsCiphers: 'a b' }, "tlsCiphers: got 'a b', wants names separated by colons"],
    [{ tlsClusterName: '' }, /^tlsClusterName: got '', wants any, address, or a DNS name/],
    [{ tlsHandshakeTimeout: 5 }, /^tlsHandshakeTimeout: got 5, wants a duration/],
    [{ tlsCertFile: 7 }, 'tlsCertFile: got 7, wants a path'],
    [{ tlsKeyFilePass: 7 }, 'tlsKeyFilePass: got a number, wants text'],
    [{ unixsocket: 'x'.repeat(200) }, /^unixsocket: got 'x+…', wants a path of at most \d+ bytes$/],
    [{ unixsocketperm: 770 }, "unixsocketperm: got 770, wants permissions in octal as text, such as '770'"],
    [{ unixsocketperm: '888' }, /^unixsocketperm: got '888'/],
  ])('%j', (config, message) => {
    const [problem, ...others] = problems({ config })
    expect(others).toEqual([])
    if (typeof message === 'string') expect(problem).toBe(message)
    else expect(problem).toMatch(message)
  })
})

describe('what does not fit together', () => {
  const cluster = { peers: ['127.0.0.1:7001'] }

  test.each<[unknown, string]>([
    [{ port: 7000, tlsPort: 7000 }, 'tlsPort: got 7000, which port has too'],
    [{ tlsCluster: true }, 'tlsCluster: wants tlsPort too: other nodes connect to it'],
    [
      { port: 0, tlsPort: 7001, cluster },
      'port: got 0, wants a port without TLS for the links between nodes, or tlsCluster',
    ],
  ])('%j', (config, problem) => {
    expect(problems({ config })).toEqual([problem])
  })
})

describe('port 0', () => {
  test.each([
    [{}, true],
    [{ tlsPort: 7001 }, false],
    [{ unixsocket: '/run/erinys.sock' }, false],
    [{ port: 7000, tlsPort: 7001 }, true],
  ] as const)('with %j: a port without TLS? %s', (config, expected) => {
    expect(hasPlainPort(resolveConfig({ port: 0, ...config }))).toBe(expected)
  })
})

describe('protected mode', () => {
  const open = { bind: ['0.0.0.0'] }

  test('lets a node listen everywhere if all clients show a certificate', () => {
    expect(problems({ config: { ...open, port: 0, tlsPort: 7001 } })).toEqual([])
    expect(problems({ config: { ...open, port: 0, unixsocket: '/run/erinys.sock' } })).toEqual([])
  })

  test.each([
    { ...open, tlsPort: 7001 },
    { ...open, port: 0, tlsPort: 7001, tlsAuthClients: 'optional' },
    { ...open, port: 0, tlsPort: 7001, tlsAuthClients: 'no' },
  ])('but not with %j', (config) => {
    expect(problems({ config })).toEqual([expect.stringMatching(/^bind: 0\.0\.0\.0 can be reached/)])
  })
})

describe('the announced address', () => {
  test('has the port of the links', () => {
    const config = { port: 7000, tlsPort: 7100, bind: '127.0.0.1' } as const
    const peers = ['127.0.0.1:7100', '127.0.0.1:7101']
    expect(resolveConfig({ ...config, tlsCluster: true, cluster: { peers } }).cluster?.announce.port).toBe(
      7100,
    )
    expect(resolveConfig({ ...config, cluster: { peers } }).cluster?.announce.port).toBe(7000)
  })
})

describe('paths', () => {
  test('of a file begin at its folder, those of flags and variables at the working directory', () => {
    const { config } = resolveLayers({
      config: { tlsCertFile: 'node.crt', tlsCaCertFile: '/etc/ca.crt', unixsocket: '' },
      source: 'erinys.config.json',
      directory: '/srv/erinys',
      variables: { ERINYS_TLS_KEY_FILE: 'node.key' },
      flags: { tlsCaCertDir: 'cas' },
    })
    expect(config).toMatchObject({
      tlsCertFile: join('/srv/erinys', 'node.crt'),
      tlsCaCertFile: '/etc/ca.crt',
      tlsKeyFile: resolve('node.key'),
      tlsCaCertDir: resolve('cas'),
      unixsocket: '',
    })
  })
})

describe('files', () => {
  let folder: TlsFolder
  beforeEach(() => {
    folder = new TlsFolder()
  })
  afterEach(() => folder.remove())

  test('are checked where TLS is used', () => {
    const authority = new Authority()
    const { cert, key } = folder.put('node', authority.issue())
    const files = { tlsCertFile: cert, tlsKeyFile: key, tlsAuthClients: 'no' } as const
    expect(tlsProblems(resolveConfig({ tlsPort: 7001, ...files }))).toEqual([])
    expect(tlsProblems(resolveConfig({ ...files, tlsCertFile: '/none' }))).toEqual([])
    expect(tlsProblems(resolveConfig({ tlsPort: 7001, ...files, tlsCertFile: '/none' }))).toEqual([
      'tls-cert-file: /none: there is no such file',
    ])
  })

  test('a passphrase is not shown', () => {
    const layers = { config: { tlsPort: 7001, tlsKeyFilePass: 'open sesame' } }
    const text = describeConfig({ ...resolveLayers(layers), file: undefined })
    expect(text).toContain('tls-key-file-pass           set, not shown')
    expect(text).toContain('127.0.0.1:7001 with TLS')
    expect(text).not.toContain('open sesame')
  })
})

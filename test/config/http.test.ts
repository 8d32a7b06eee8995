// The settings of the HTTP gateway, in every layer.

import { describe, expect, test } from 'vitest'
import { resolveConfig, resolveLayers } from '../../src/config/config.ts'
import { describeConfig } from '../../src/config/describe.ts'
import { problems as problemsOf } from './problems.ts'

describe('on or off', () => {
  test.each<[layers: Parameters<typeof resolveLayers>[0], port: number | undefined]>([
    [{}, undefined],
    [{ config: { http: true } }, 7080],
    [{ config: { http: {} } }, 7080],
    [{ config: { http: { hosts: ['a'] } } }, 7080],
    [{ config: { http: { port: 8080 } } }, 8080],
    [{ config: { http: { port: 'any' } } }, 0],
    [{ config: { http: false } }, undefined],
    [{ config: { http: { port: 0 } } }, undefined],
    [{ httpPort: 7090 }, 7090],
    [{ httpPort: 7090, config: { http: true } }, 7090],
    [{ httpPort: 7090, config: { http: { port: 8080 } } }, 8080],
    [{ httpPort: 7090, config: { http: false } }, undefined],
    [{ httpPort: 7090, flags: { httpPort: '0' } }, undefined],
    [{ httpPort: 7090, variables: { ERINYS_HTTP_PORT: '0' } }, undefined],
    [{ config: { http: false }, flags: { httpPort: '8081' } }, 8081],
    [{ flags: { httpBind: ['127.0.0.1'] } }, 7080],
    [{ variables: { ERINYS_HTTP_PORT: '8082' }, config: { http: { port: 8080 } } }, 8082],
    [{ variables: { ERINYS_HTTP_PORT: 'tcp://10.0.0.1:80' }, httpPort: 7090 }, 7090],
  ])('%j', (layers, port) => {
    expect(resolveLayers(layers).config.http?.port).toBe(port)
  })

  test('only the default port may be unavailable', () => {
    expect(resolveLayers({ httpPort: 7080 }).config.http?.isDefaultPort).toBe(true)
    expect(resolveConfig({ http: {} }).http?.isDefaultPort).toBe(true)
    expect(resolveConfig({ http: { port: 7080 } }).http?.isDefaultPort).toBe(false)
  })
})

test('every setting, by file, variable and flag', () => {
  const resolved = {
    port: 8080,
    isDefaultPort: false,
    bind: [{ host: '127.0.0.2', optional: false }],
    hosts: ['cache', '*.example.org'],
    cors: ['https://app.example', 'http://localhost:3000'],
    tls: true,
    maxConnections: 10,
    timeout: 5000,
    maxUploads: 2 ** 20,
    compress: true,
  }
  const file = {
    port: 8080,
    bind: '127.0.0.2',
    hosts: ['Cache', '*.example.org'],
    cors: ['https://app.example', 'http://localhost:3000'],
    tls: true,
    maxConnections: 10,
    timeout: '5s',
    maxUploads: '1mb',
    compress: true,
  }
  const flags = {
    httpPort: '8080',
    httpBind: '127.0.0.2',
    httpHosts: 'cache,*.example.org',
    httpCors: 'https://app.example http://localhost:3000',
    httpTls: 'yes',
    httpMaxConnections: '10',
    httpTimeout: '5s',
    httpMaxUploads: '1mb',
    httpCompress: 'yes',
  }
  const variables = Object.fromEntries(
    Object.entries(flags).map(([name, text]) => [
      `ERINYS_${name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`,
      text,
    ]),
  )
  expect(resolveConfig({ http: file }).http).toEqual(resolved)
  expect(resolveLayers({ flags }).config.http).toEqual(resolved)
  expect(resolveLayers({ variables }).config.http).toEqual(resolved)
})

test.each<[http: unknown, problem: string]>([
  [
    { port: 70_000 },
    "http.port: got 70000, wants a port from 1 to 65535, 0 for none or 'any' for any free one",
  ],
  [{ prot: 1 }, 'http.prot: unknown field, did you mean port?'],
  ['yes', "http: got 'yes', wants an object"],
  [null, 'http: got null, wants an object'],
  [
    { cors: ['app.example'] },
    "http.cors: got ['app.example'], wants web origins such as ['https://app.example'], or '*' for any, at least one",
  ],
  [
    { cors: 'https://app.example/path' },
    "http.cors: got 'https://app.example/path', wants web origins such as ['https://app.example'], or '*' for any, at least one",
  ],
  [
    { hosts: 'a b/c' },
    "http.hosts: got 'a b/c', wants host names such as ['cache.internal', '*.example.org'], or '*' for any, at least one",
  ],
  [{ compress: 'gzip' }, "http.compress: got 'gzip', wants yes or no (or true or false)"],
  [{ port: 7000 }, 'http.port: got 7000, which is the port of the Redis protocol'],
  [
    { bind: '0.0.0.0' },
    'http.bind: 0.0.0.0 can be reached from other machines and there is no password: set requirepass, bind to 127.0.0.1, or turn protected mode off (--protected-mode no)',
  ],
])('%j is an error', (http, problem) => {
  expect(problemsOf({ config: { http } })).toEqual([problem])
})

test('a flag that is wrong names itself', () => {
  expect(problemsOf({ flags: { httpPort: 'x' } })).toEqual([
    "--http-port: got 'x', wants a port from 1 to 65535, 0 for none or 'any' for any free one",
  ])
  expect(problemsOf({ flags: { httpPort: '7000' } })).toEqual([
    '--http-port: got 7000, which is the port of the Redis protocol',
  ])
})

test('the description says where HTTP is', () => {
  const text = describeConfig({ ...resolveLayers({ httpPort: 7080 }), file: undefined })
  expect(text).toContain('\nHTTP on http://127.0.0.1:7080, http://[::1]:7080 (if available).\n')
  expect(text).toMatch(/\n {2}http-port +7080\n/)
  const tls = resolveLayers({ config: { http: { tls: true, port: 7443, bind: '127.0.0.1' } } })
  expect(describeConfig({ ...tls, file: undefined })).toContain('\nHTTP on https://127.0.0.1:7443.\n')
  expect(describeConfig({ ...resolveLayers({}), file: undefined })).not.toContain('HTTP')
})

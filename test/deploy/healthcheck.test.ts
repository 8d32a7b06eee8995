// The health check of the image against nodes: with and without TLS, and by HTTP for the probes of Kubernetes.

import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterEach, beforeEach, expect, onTestFinished, test } from 'vitest'
import { type Config, createNode } from '../../src/index.ts'
import { Authority, TlsFolder } from '../support/authority.ts'
import { freePorts } from '../support/ports.ts'

const execute = promisify(execFile)
const program = fileURLToPath(new URL('../../deploy/healthcheck.mjs', import.meta.url))
const authority = new Authority()
let folder: TlsFolder

beforeEach(() => {
  folder = new TlsFolder()
})
afterEach(() => folder.remove())

async function start(config: Config): Promise<void> {
  const node = await createNode({ bind: '127.0.0.1', ...config })
  onTestFinished(() => node.close())
  await node.listen()
}

function check(env: Readonly<Record<string, string | number>>, ...args: string[]) {
  const texts = Object.fromEntries(Object.entries(env).map(([name, value]) => [name, String(value)]))
  return execute(process.execPath, [program, ...args], { env: { PATH: process.env.PATH, ...texts } })
}

test('without TLS', async () => {
  const [port, http] = await freePorts(2)
  const env = { ERINYS_PORT: port, ERINYS_HTTP_PORT: http }
  await expect(check(env)).rejects.toThrow('ECONNREFUSED')
  await expect(check(env, '/readyz')).rejects.toThrow('ECONNREFUSED')
  await start({ port, requirepass: 'hush', http: { port: http, bind: '127.0.0.1' } })
  await check(env)
  await check(env, '/readyz')
  await expect(check(env, '/groups')).rejects.toThrow(`port ${http}: /groups answers 401`)
})

test('by TLS only, where clients must show a certificate', async () => {
  const [tlsPort, http] = await freePorts(2)
  const { cert, key } = folder.put('node', authority.issue({ names: ['cache.example'], pass: 'open sesame' }))
  const env = {
    // A service of Kubernetes that is called `erinys`.
    ERINYS_SERVICE_PORT: 'tcp://10.0.0.1:7000',
    ERINYS_PORT: 0,
    ERINYS_TLS_PORT: tlsPort,
    ERINYS_HTTP_PORT: http,
    ERINYS_HTTP_TLS: 'yes',
    ERINYS_TLS_CERT_FILE: cert,
    ERINYS_TLS_KEY_FILE: key,
    ERINYS_TLS_KEY_FILE_PASS: 'open sesame',
  }
  await start({
    port: 0,
    tlsPort,
    tlsCertFile: cert,
    tlsKeyFile: key,
    tlsKeyFilePass: 'open sesame',
    tlsCaCertFile: folder.write('ca.crt', authority.cert),
    http: { port: http, bind: '127.0.0.1', tls: true },
  })
  await check(env)
  await check(env, '/healthz')
  await check(env, '/readyz')
  const { ERINYS_TLS_CERT_FILE: _cert, ERINYS_TLS_KEY_FILE: _key, ...without } = env
  await expect(check(without, '/healthz')).rejects.toThrow(/certificate required|ECONNRESET/)
})

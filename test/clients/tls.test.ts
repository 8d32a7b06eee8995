// Client libraries and redis-cli by TLS, with a certificate of their own and without, and to a cluster.

import { createClient, createCluster } from '@redis/client'
import { Cluster, Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { type Config, createNode, type Node } from '../../src/index.ts'
import { Authority, TlsFolder } from '../support/authority.ts'
import { PATIENT_MS } from '../support/budget.ts'
import { startCluster, type TestCluster } from '../support/cluster.ts'
import { describeWithExecutable, execute } from '../support/executable.ts'
import { describeWithGlide } from '../support/glide.ts'
import { freePorts } from '../support/ports.ts'

const authority = new Authority()
const folder = new TlsFolder()
const identity = authority.issue({ commonName: 'a client' })
const ca = authority.cert
const host = '127.0.0.1'

function tlsConfig(): Config {
  const { cert, key } = folder.put('node', authority.issue())
  return { tlsCertFile: cert, tlsKeyFile: key, tlsCaCertFile: folder.write('ca.crt', ca) }
}

afterAll(() => folder.remove())

describe('a node that wants certificates of its clients', () => {
  let node: Node
  let port: number
  beforeAll(async () => {
    ;[port] = await freePorts(1)
    node = await createNode({ port: 0, tlsPort: port, bind: host, groups: { cache: {} }, ...tlsConfig() })
    await node.listen()
  })
  afterAll(() => node.close())

  test('serves ioredis', async () => {
    const client = new Redis(port, host, { tls: { ca, ...identity } })
    onTestFinished(() => client.disconnect())
    const value = Buffer.alloc(1_000_000, 'x')
    expect(await client.set('ioredis', value)).toBe('OK')
    expect((await client.getBuffer('ioredis'))?.equals(value)).toBe(true)
  })

  test('serves node-redis', async () => {
    const client = createClient({
      socket: { host, port, tls: true, ca, ...identity, connectTimeout: PATIENT_MS },
    })
    client.on('error', () => undefined)
    await client.connect()
    onTestFinished(() => client.destroy())
    expect(await client.set('node-redis', '630')).toBe('OK')
    expect(await client.get('node-redis')).toBe('630')
  })

  test('refuses requests without credentials', async () => {
    const client = new Redis(port, host, { tls: { ca }, lazyConnect: true, retryStrategy: null })
    client.on('error', () => undefined)
    onTestFinished(() => client.disconnect())
    await expect(client.ping()).rejects.toThrow()
  })

  describeWithExecutable('redis-cli', 'redis-cli', (executable) => {
    test('is served', async () => {
      const { cert, key } = folder.put('client', identity)
      const place = ['-p', String(port), '--tls', '--cacert', folder.file('ca.crt')]
      const own = [...place, '--cert', cert, '--key', key]
      expect((await execute(executable, [...own, 'SET', 'redis-cli', '630'])).stdout).toBe('OK\n')
      expect((await execute(executable, [...own, 'GET', 'redis-cli'])).stdout).toBe('630\n')
      const { code, stdout } = await execute(executable, [...place, 'PING'])
      expect([code === 0, stdout]).not.toEqual([true, 'PONG\n'])
    })
  })
})

describe('a cluster with tls-cluster', () => {
  const keys = Array.from({ length: 60 }, (_, i) => `key:${i}`)
  let cluster: TestCluster
  let ports: readonly number[]
  beforeAll(async () => {
    const [a, b, c, ...tlsPorts] = await freePorts(6)
    const endpoints = [a, b, c].map((listens, i) => ({ listens, announced: tlsPorts[i] }))
    cluster = await startCluster(endpoints, {
      ...tlsConfig(),
      tlsAuthClients: 'no',
      tlsCluster: true,
      cluster: { redirect: 'moved' },
      groups: { cache: {} },
      each: (i) => ({ tlsPort: tlsPorts[i] }),
    })
    ports = tlsPorts
  })
  afterAll(() => cluster.close())

  test('serves ioredis', async () => {
    const client = new Cluster([{ host, port: ports[0] }], {
      redisOptions: { tls: { ca } },
      dnsLookup: (name, done) => done(null, name),
    })
    onTestFinished(() => client.disconnect())
    for (const key of keys) await client.set(key, key)
    for (const key of keys) expect(await client.get(key)).toBe(key)
    expect(
      client
        .nodes('master')
        .map(({ options }) => options.port)
        .sort(),
    ).toEqual([...ports].sort())
  })

  test('serves node-redis', async () => {
    const client = createCluster({
      rootNodes: [{ socket: { host, port: ports[1], tls: true, ca } }],
      defaults: { socket: { tls: true, ca, connectTimeout: PATIENT_MS } },
    })
    client.on('error', () => undefined)
    await client.connect()
    onTestFinished(() => client.destroy())
    for (const key of keys) await client.set(key, key)
    for (const key of keys) expect(await client.get(key)).toBe(key)
  })

  describeWithGlide(({ GlideClient, GlideClusterClient }) => {
    test('is served', async () => {
      const advanced = {
        connectionTimeout: PATIENT_MS,
        tlsAdvancedConfiguration: { rootCertificates: ca },
      }
      const client = await GlideClusterClient.createClient({
        addresses: [{ host, port: ports[2] }],
        useTLS: true,
        requestTimeout: PATIENT_MS,
        advancedConfiguration: advanced,
      })
      onTestFinished(() => client.close())
      for (const key of keys) await client.set(key, key)
      for (const key of keys) expect(String(await client.get(key))).toBe(key)
      const single = await GlideClient.createClient({
        addresses: [{ host, port: ports[0] }],
        useTLS: true,
        requestTimeout: PATIENT_MS,
        advancedConfiguration: advanced,
      })
      onTestFinished(() => single.close())
      expect(await single.ping()).toBe('PONG')
    })
  })

  describeWithExecutable('redis-cli', 'redis-cli', (executable) => {
    test('follows redirections', async () => {
      const place = ['-c', '-p', String(ports[0]), '--tls', '--cacert', folder.file('ca.crt')]
      const input = keys.map((key) => `GET ${key}\n`).join('')
      const { stdout } = await execute(
        executable,
        place,
        keys.map((key) => `SET ${key} ${key}\n`).join('') + input,
      )
      const lines = stdout.split('\n').filter((line) => line.startsWith('key:'))
      expect(lines).toEqual(keys)
    })
  })
})

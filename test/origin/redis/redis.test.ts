// Redis as an origin: a real server when there is one.

import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { type Duplex, pipeline } from 'node:stream'
import { createServer as createTlsServer } from 'node:tls'
import { beforeAll, expect, onTestFinished, test, vi } from 'vitest'
import { systemTimers } from '../../../src/bytes/clock.ts'
import type { RedisOrigin } from '../../../src/origin/redis/redis.ts'
import { behind, originContract } from '../../contracts/origin.contract.ts'
import { addressCertificate, addressKey, certificate, key as privateKey } from '../../support/certificate.ts'
import { poll } from '../../support/poll.ts'
import { freePorts } from '../../support/ports.ts'
import { FaultyProxy } from '../../support/proxy.ts'
import { describeWithRedis, type RedisServer } from '../../support/redis-server.ts'
import { context, type Options, proxyTo, redisOrigin, seen } from './origins.ts'

function originOf(port: number, options?: Options): RedisOrigin {
  return redisOrigin(`redis://127.0.0.1:${port}`, options)
}

/** Passes on what a client and the server say. When one of the connections breaks, both are closed. */
function connectTo(server: RedisServer, client: Duplex): void {
  pipeline(client, connect(server.socketPath), client, () => undefined)
}

describeWithRedis('Redis', (redis) => {
  let prefixes = 0
  originContract(
    'Redis',
    async (contents) => {
      const prefix = `${++prefixes}:`
      for (const [key, value] of contents)
        if (value !== null) await redis().call('SET', Buffer.from(prefix + key), Buffer.from(value))
      const proxy = await FaultyProxy.start(() => ({ path: redis().socketPath }))
      return {
        origin: originOf(proxy.port, { prefix }),
        ...behind(proxy),
      }
    },
    { bytes: true, batches: true, faults: true, writes: true },
  )

  test('the TTL is loaded with the value', async () => {
    const proxy = await proxyTo(redis())
    await redis().pipeline([
      ['SET', 'forever', '1'],
      ['SET', 'mortal', '2', 'PX', '3600000'],
    ])
    const origin = originOf(proxy.port)
    const keys = ['forever', 'none', 'mortal']
    const expected = ['1', null, ['2', expect.closeTo(3_600_000, -6)]]
    const many = await origin.loadMany(keys, context())
    expect(keys.map((key) => seen(many.get(key)))).toEqual(expected)
    expect([...many.keys()].toSorted()).toEqual(keys.toSorted())
    const one = keys.map(async (key) => seen(await origin.load(key, context())))
    expect(await Promise.all(one)).toEqual(expected)
  })

  test('a load leaves no timer behind', async () => {
    const proxy = await proxyTo(redis())
    const origin = originOf(proxy.port)
    await origin.load('none', context())
    const [set, cleared, signals] = [
      vi.spyOn(systemTimers, 'after'),
      vi.spyOn(globalThis, 'clearTimeout'),
      vi.spyOn(AbortSignal, 'timeout'),
    ]
    await origin.load('none', context())
    await origin.loadMany(['none', 'either'], context())
    expect([set.mock.calls.length, signals.mock.calls.length]).toEqual([2, 0])
    expect(cleared.mock.calls.length).toBeGreaterThanOrEqual(2)
    vi.restoreAllMocks()
  })

  test("a value is stored with the client's TTL", async () => {
    const proxy = await proxyTo(redis())
    const origin = originOf(proxy.port, { prefix: 'app:' })
    await origin.store('a', Buffer.from('1'), { ...context(), ttl: 3_600_000.5 })
    expect(seen(await origin.load('a', context()))).toEqual(['1', expect.closeTo(3_600_000, -6)])
    await origin.store('a', Buffer.from('2'), context())
    expect(seen(await origin.load('a', context()))).toBe('2')
    expect(await redis().call('PTTL', 'app:a')).toBe(-1)
    // A TTL that ended before the write.
    await origin.store('a', Buffer.from('3'), { ...context(), ttl: 0 })
    await expect.poll(() => redis().call('EXISTS', 'app:a')).toBe(0)
  })

  test("a value that the server rejects is an error with the server's message", async () => {
    const proxy = await proxyTo(redis())
    const origin = originOf(proxy.port)
    await redis().pipeline([
      ['CONFIG', 'SET', 'maxmemory', '1'],
      ['CONFIG', 'SET', 'maxmemory-policy', 'noeviction'],
    ])
    await expect(origin.store('a', Buffer.from('1'), context())).rejects.toThrow(/^OOM /)
    await redis().call('CONFIG', 'SET', 'maxmemory', '0')
  })

  test('an outage is one warning; loads resume when it ends, which is logged', async () => {
    const warnings: string[] = []
    const news: string[] = []
    const proxy = await proxyTo(redis())
    proxy.refuse()
    const origin = originOf(proxy.port)
    await redis().call('SET', 'Tom', '630')
    await origin.start({
      info: (_, message) => void news.push(message),
      warn: (_, message) => void warnings.push(message),
    })
    await expect(origin.load('Tom', context())).rejects.toThrow(/\w/)
    expect(warnings).toEqual([expect.stringMatching(/^Redis does not answer, loads fail until it does: /)])
    proxy.heal()
    await expect.poll(async () => seen(await origin.load('Tom', context()).catch(() => null))).toBe('630')
    expect([warnings.length, news]).toEqual([1, ['Redis answers again']])
  })

  test('during an outage every call fails with the network error', async () => {
    const proxy = await proxyTo(redis())
    const origin = originOf(proxy.port)
    await origin.store('Tom', Buffer.from('630'), context())
    proxy.refuse()
    for (let i = 0; i < 2; i++) {
      const calls = [
        origin.load('Tom', context()),
        origin.loadMany(['Tom', 'none'], context()),
        origin.store('Tom', Buffer.from('631'), context()),
        origin.remove('Tom', context()),
      ]
      for (const call of await Promise.allSettled(calls))
        expect(call).toMatchObject({ reason: { message: expect.stringMatching(/ E[A-Z]+|was closed/) } })
    }
    const late = originOf((await freePorts(1))[0])
    await expect(late.load('Tom', context())).rejects.toThrow(/^connect ECONNREFUSED /)
  })

  test("TLS: the server's certificate is verified", async () => {
    await redis().call('SET', 'Tom', '630')
    const server = createTlsServer({ cert: certificate, key: privateKey }, (client) =>
      connectTo(redis(), client),
    )
    server.on('tlsClientError', () => undefined).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const url = `rediss://127.0.0.1:${port}`
    expect(seen(await redisOrigin(url, { tls: { ca: certificate } }).load('Tom', context()))).toBe('630')
    await expect(redisOrigin(url, { timeout: 300 }).load('Tom', context())).rejects.toThrow(/\w/)
    server.close()
  })

  test('a server that does not reply is an error after the timeout', async () => {
    const proxy = await proxyTo(redis())
    const origin = originOf(proxy.port, { timeout: 50 })
    // Connects; on a slow machine that may take longer than the timeout.
    await expect.poll(async () => seen(await origin.load('none', context()).catch(() => 'late'))).toBe(null)
    proxy.silence()
    await expect(origin.load('none', context())).rejects.toThrow('timed out')
  })
})

test('an unreachable cluster is a warning after the timeout', async () => {
  const warnings: string[] = []
  const origin = originOf((await freePorts(1))[0], { cluster: true, connectTimeout: 100, timeout: 100 })
  await origin.start({ info: () => undefined, warn: (_, message) => void warnings.push(message) })
  expect(warnings).toEqual([expect.stringMatching(/^Redis does not answer/)])
  await expect((async () => origin.load('a', context()))()).rejects.toThrow(/\w/)
})

const [clusterPort, clusterBus, tlsPort, tlsBus] = await freePorts(4)
const cluster = (bus: number): string[] => [
  ...['--cluster-enabled', 'yes', '--cluster-announce-ip', '127.0.0.1', '--cluster-port', String(bus)],
]

/** Assigns all slots to a server. */
async function owningAll(redis: RedisServer): Promise<void> {
  await redis.call('CLUSTER', 'ADDSLOTSRANGE', '0', '16383')
  const isWhole = async (): Promise<boolean> => /state:ok/.test(String(await redis.call('CLUSTER', 'INFO')))
  await poll(isWhole, 'the cluster to have all slots')
}

describeWithRedis(
  'a Redis cluster',
  (redis) => {
    beforeAll(() => owningAll(redis()))

    test('keys of many slots, one by one and together', async () => {
      const keys = Array.from({ length: 20 }, (_, i) => `k${i}`)
      const origin = originOf(clusterPort, { cluster: true })
      const warnings: string[] = []
      await origin.start({ info: () => undefined, warn: (_, message) => void warnings.push(message) })
      for (const key of keys) await origin.store(key, Buffer.from(`${key}!`), context())
      const many = await origin.loadMany([...keys, 'none'], context())
      expect([...keys, 'none'].map((key) => seen(many.get(key)))).toEqual([
        ...keys.map((key) => `${key}!`),
        null,
      ])
      await origin.remove('k4', context())
      expect(seen(await origin.load('k3', context()))).toBe('k3!')
      expect(seen(await origin.load('k4', context()))).toBe(null)
      expect(warnings).toEqual([])
    })
  },
  ...cluster(clusterBus),
  ...['--port', String(clusterPort)],
)

describeWithRedis(
  'a Redis cluster by TLS',
  (redis) => {
    beforeAll(() => owningAll(redis()))

    async function listening(port: number, credentials: { cert: string; key: string }): Promise<number> {
      const server = createTlsServer(credentials, (client) => connectTo(redis(), client))
      server.on('tlsClientError', () => undefined).listen(port, '127.0.0.1')
      await once(server, 'listening')
      onTestFinished(() => void server.close())
      return (server.address() as AddressInfo).port
    }

    /** Why the start fails. */
    async function refusal(url: string, options: Options): Promise<unknown> {
      const origin = redisOrigin(url, { cluster: true, connectTimeout: 2000, timeout: 2000, ...options })
      return origin
        .start({ info: () => undefined, warn: () => undefined })
        .catch((error: Error) => error.message)
    }

    test('TLS: the certificate is verified', async () => {
      await listening(tlsPort, { cert: certificate, key: privateKey })
      const url = `rediss://127.0.0.1:${tlsPort}`
      const trusting = redisOrigin(url, { cluster: true, tls: { ca: certificate } })
      await trusting.store('Tom', Buffer.from('630'), context())
      expect(seen(await trusting.load('Tom', context()))).toBe('630')
      expect(await refusal(url, {})).toBe(`${url}: self-signed certificate`)
      const lazy = redisOrigin(url, { cluster: true, lazy: true, connectTimeout: 500, timeout: 300 })
      await lazy.start({ info: () => undefined, warn: () => undefined })
      await expect((async () => lazy.load('Tom', context()))()).rejects.toThrow(/\w/)
    })

    test('TLS: the certificate of another node than that of the URL is refused', async () => {
      const seed = await listening(0, { cert: certificate, key: privateKey })
      await listening(tlsPort, { cert: addressCertificate, key: addressKey })
      const url = `rediss://127.0.0.1:${seed}`
      expect(await refusal(url, { tls: { ca: certificate } })).toMatch(`${url}: self-signed certificate`)
    })

    test('TLS: a server that does not speak it is refused', async () => {
      const server = createServer((client) => client.end('-ERR unknown command\r\n').resume())
      server.listen(0, '127.0.0.1')
      await once(server, 'listening')
      onTestFinished(() => void server.close())
      const url = `rediss://127.0.0.1:${(server.address() as AddressInfo).port}`
      expect(await refusal(url, {})).toMatch(/^rediss:.*wrong version number/)
    })
  },
  ...cluster(tlsBus),
  ...['--cluster-announce-port', String(tlsPort)],
)

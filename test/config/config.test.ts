import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir, totalmem } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { type Config, defineConfig, resolveConfig, resolveLayers } from '../../src/config/config.ts'
import type { Origin } from '../../src/group/origin.ts'
import { defaultTlsSettings } from '../../src/tls/settings.ts'
import { problems } from './problems.ts'

const MB = 2 ** 20
const folder = mkdtempSync(join(tmpdir(), 'erinys-config-'))
afterAll(() => rmSync(folder, { recursive: true }))

async function load(origin: Origin | undefined, key: string, group = 'scores'): Promise<unknown> {
  return origin?.load(key, { group, signal: new AbortController().signal })
}

describe('defaults', () => {
  const config = resolveConfig({})

  test('listen on this machine only, port 7000', () => {
    expect(config.port).toBe(7000)
    expect(config.bind).toEqual([
      { host: '127.0.0.1', optional: false },
      { host: '::1', optional: true },
    ])
    expect(config.requirepass).toBe('')
    expect(config.protectedMode).toBe(true)
  })

  test("are Redis's where Redis has the setting", () => {
    expect(config).toMatchObject({
      loglevel: 'notice',
      maxclients: 10_000,
      timeout: 0,
      tcpKeepalive: 300_000,
      tcpBacklog: 511,
      protoMaxBulkLen: 512 * MB,
      hllSparseMaxBytes: 3000,
      clientQueryBufferLimit: 1024 * MB,
      clientOutputBufferLimit: {
        normal: { hard: 0, soft: 0, softTime: 0 },
        replica: { hard: 256 * MB, soft: 64 * MB, softTime: 60_000 },
        pubsub: { hard: 32 * MB, soft: 8 * MB, softTime: 60_000 },
      },
      slowlogLogSlowerThan: 10_000,
      overcommit: false,
      slowlogOriginSlowerThan: 100_000,
      slowlogMaxLen: 128,
      latencyMonitorThreshold: 0,
      hz: 10,
      shutdownTimeout: 10_000,
    })
  })

  test('give a budget of at most a quarter of the memory', () => {
    expect(config.maxmemory).toBeGreaterThan(0)
    expect(config.maxmemory).toBeLessThanOrEqual(totalmem() / 4)
  })

  test('have a group with demo scores and a group without an origin', async () => {
    const [scores, cache] = config.groups
    expect(config.groups.map(({ name }) => name)).toEqual(['scores', 'cache'])
    expect(scores.maxBytes).toBe(64 * MB)
    expect(scores.origin?.kind).toBe('demo')
    expect(
      await Promise.all(['Tom', 'Jack', 'Sam', '__proto__'].map((key) => load(scores.origin, key))),
    ).toEqual(['630', '589', '567', undefined])
    expect(cache.maxBytes).toBe(config.maxmemory)
    expect(cache.origin).toBeUndefined()
  })

  test('of a group', () => {
    expect(resolveConfig({ groups: { a: {} }, maxmemory: '1gb' }).groups).toEqual([
      {
        name: 'a',
        maxBytes: 1024 * MB,
        ttlMs: 0,
        jitter: 0.1,
        negativeTtlMs: 5000,
        originTimeoutMs: 10_000,
        maxWaitMs: 0,
        freshness: { staleWhileRevalidateMs: 0, staleIfErrorMs: 0, refreshAhead: 0 },
        governor: {
          concurrency: 256,
          queue: 10_000,
          retries: 0,
          backoffMs: 50,
          breakAfter: 20,
          breakMs: 1000,
        },
        batch: { max: 100, windowMs: 0 },
        writes: { mode: 'around', queue: 10_000, queueBytes: 64 * MB },
        onPartition: 'serve',
        eviction: 'lru',
        evictionCost: 'none',
        origin: undefined,
      },
    ])
  })
})

describe('writes of a group', () => {
  const store = { load: () => null, store: () => undefined, remove: () => undefined }
  const policyOf = (group: object): unknown =>
    resolveConfig({ groups: { a: group } as never }).groups[0].writes

  test('behind, and refuse', () => {
    const wanted = { mode: 'behind', queue: 7, queueBytes: 64 * MB }
    expect(policyOf({ write: 'behind', writeQueue: 7, origin: store })).toEqual(wanted)
    expect(policyOf({ write: 'refuse' })).toMatchObject({ mode: 'refuse' })
  })

  test.each([
    [{ write: 'later' }, 'wants one of around, through, behind, refuse'],
    [{ write: 'through' }, 'the origin cannot store and remove'],
    [{ write: 'behind', origin: () => null }, 'the origin cannot store and remove'],
  ])('%j is refused', (group, message) => {
    expect(() => policyOf(group)).toThrow(message)
  })
})

describe('a whole configuration', () => {
  test('is resolved to bytes and milliseconds', () => {
    const config = defineConfig({
      port: 0,
      bind: ['127.0.0.1'],
      requirepass: 'secret',
      protectedMode: 'no',
      acllogMaxLen: 5,
      aclPubsubDefault: 'allchannels',
      maxmemory: '256MB',
      shutdownTimeout: 250,
      watchConfig: true,
      loglevel: 'warning',
      maxclients: 5,
      timeout: '5m',
      tcpKeepalive: 0,
      tcpBacklog: 16,
      protoMaxBulkLen: '1mb',
      hllSparseMaxBytes: '2kb',
      clientQueryBufferLimit: '10mb',
      clientOutputBufferLimit: 'normal 256mb 64mb 60 slave 1 2 3',
      maxmemoryClients: '5%',
      slowlogLogSlowerThan: '500us',
      overcommit: true,
      slowlogOriginSlowerThan: '50ms',
      slowlogMaxLen: 0,
      latencyMonitorThreshold: 100,
      hz: 100,
      groups: {
        scores: {
          maxBytes: '64mb',
          ttl: '5m',
          jitter: 0,
          negativeTtl: 0,
          originTimeout: '1s',
          maxWait: '250ms',
          staleWhileRevalidate: '30s',
          staleIfError: '1h',
          refreshAhead: 1.5,
          originConcurrency: 0,
          originQueue: 0,
          originRetries: 2,
          originBackoff: '1s',
          breakAfter: 0,
          breakFor: '10s',
          batchMax: 500,
          batchWindow: '2ms',
          origin: { load: (key) => key, loadMany: (keys) => keys },
        },
        cache: { maxBytes: 4096, ttl: 1500 },
      },
    })
    const { groups, ...settings } = resolveConfig(config)
    expect(settings).toEqual({
      port: 0,
      bind: [{ host: '127.0.0.1', optional: false }],
      ...defaultTlsSettings(),
      tlsPort: 0,
      unixsocket: '',
      unixsocketperm: 0,
      requirepass: 'secret',
      protectedMode: false,
      aclfile: '',
      acllogMaxLen: 5,
      aclPubsubDefault: 'allchannels',
      users: [],
      needsLogin: true,
      maxmemory: 256 * MB,
      shutdownTimeout: 250,
      watchConfig: true,
      loglevel: 'warning',
      maxclients: 5,
      timeout: 300_000,
      tcpKeepalive: 0,
      tcpBacklog: 16,
      protoMaxBulkLen: MB,
      hllSparseMaxBytes: 2048,
      clientQueryBufferLimit: 10 * MB,
      clientOutputBufferLimit: {
        normal: { hard: 256 * MB, soft: 64 * MB, softTime: 60_000 },
        replica: { hard: 1, soft: 2, softTime: 3000 },
        pubsub: { hard: 32 * MB, soft: 8 * MB, softTime: 60_000 },
      },
      maxmemoryClients: -5,
      slowlogLogSlowerThan: 500,
      overcommit: true,
      slowlogOriginSlowerThan: 50_000,
      slowlogMaxLen: 0,
      latencyMonitorThreshold: 100,
      hz: 100,
    })
    expect(groups).toMatchObject([
      {
        name: 'scores',
        maxBytes: 64 * MB,
        ttlMs: 300_000,
        jitter: 0,
        negativeTtlMs: 0,
        originTimeoutMs: 1000,
        maxWaitMs: 250,
        freshness: { staleWhileRevalidateMs: 30_000, staleIfErrorMs: 3_600_000, refreshAhead: 1.5 },
        governor: {
          concurrency: Infinity,
          queue: 0,
          retries: 2,
          backoffMs: 1000,
          breakAfter: 0,
          breakMs: 10_000,
        },
        batch: { max: 500, windowMs: 2 },
      },
      { name: 'cache', maxBytes: 4096, ttlMs: 1500 },
    ])
  })

  test.each<[Config['bind'], string]>([
    ['127.0.0.1 ::1', '127.0.0.1 ::1'],
    ['127.0.0.1,-::1', '127.0.0.1 -::1'],
    [['localhost', '[::1]', '-127.0.0.2'], 'localhost ::1 -127.0.0.2'],
    ['*', '0.0.0.0 -::'],
    ['* -::*', '0.0.0.0 -:: -::'],
    ['cache-1.example.org', 'cache-1.example.org'],
  ])('bind %j', (bind, expected) => {
    const read = resolveConfig({ bind, protectedMode: false }).bind
    expect(read.map(({ host, optional }) => (optional ? `-${host}` : host)).join(' ')).toBe(expected)
  })
})

describe('origins', () => {
  test('a function, and an object with load', async () => {
    const { groups } = resolveConfig({
      groups: {
        a: { origin: async (key, { group }) => `${group}:${key}` },
        b: { origin: { load: () => Buffer.from('bytes') } },
        c: { origin: { kind: 'mine', load: () => null } },
      },
    })
    expect(groups.map(({ origin }) => origin?.kind)).toEqual(['function', 'function', 'mine'])
    expect(await load(groups[0].origin, 'Tom', 'a')).toBe('a:Tom')
    expect(await load(groups[1].origin, 'Tom')).toEqual(Buffer.from('bytes'))
  })

  test('a JSON file, relative to the folder of the configuration', async () => {
    writeFileSync(join(folder, 'scores.json'), '{"Tom": 630}')
    const config = { groups: { scores: { origin: { kind: 'file', path: 'scores.json' } } } }
    const { groups } = resolveLayers({ config, directory: folder }).config
    expect(groups[0].origin?.kind).toBe('file')
    expect(await load(groups[0].origin, 'Tom')).toBe('630')
  })

  test('a JSON file that is missing or wrong', () => {
    const config = (path: string): unknown => ({ groups: { scores: { origin: { kind: 'file', path } } } })
    writeFileSync(join(folder, 'wrong.json'), '["Tom"]')
    expect(problems({ config: config('missing.json'), directory: folder })).toEqual([
      `groups.scores.origin.path: ${join(folder, 'missing.json')}: no such file`,
    ])
    expect(problems({ config: config('wrong.json'), directory: folder })).toEqual([
      `groups.scores.origin.path: ${join(folder, 'wrong.json')}: wants one JSON object, from key to value`,
    ])
  })
})

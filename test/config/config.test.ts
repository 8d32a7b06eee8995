import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir, totalmem } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import {
  type Config,
  ConfigError,
  type ConfigLayers,
  defineConfig,
  resolveConfig,
  resolveLayers,
} from '../../src/config/config.ts'
import { kebabName, settingNames, variableName } from '../../src/config/settings.ts'
import type { Origin } from '../../src/group/origin.ts'

const MB = 2 ** 20
const folder = mkdtempSync(join(tmpdir(), 'erinys-config-'))
afterAll(() => rmSync(folder, { recursive: true }))

/** What is wrong with some layers, line by line. */
function problems(layers: ConfigLayers): readonly string[] {
  try {
    resolveLayers(layers)
    return []
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
}

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
      clientQueryBufferLimit: 1024 * MB,
      clientOutputBufferLimit: {
        normal: { hard: 0, soft: 0, softTime: 0 },
        replica: { hard: 256 * MB, soft: 64 * MB, softTime: 60_000 },
        pubsub: { hard: 32 * MB, soft: 8 * MB, softTime: 60_000 },
      },
      slowlogLogSlowerThan: 10_000,
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
        origin: undefined,
      },
    ])
  })
})

describe('what a group does with writes', () => {
  const store = { load: () => null, store: () => undefined, remove: () => undefined }
  const policyOf = (group: object): unknown =>
    resolveConfig({ groups: { a: group } as never }).groups[0].writes

  test('to its origin, behind', () => {
    const wanted = { mode: 'behind', queue: 7, queueBytes: 64 * MB }
    expect(policyOf({ write: 'behind', writeQueue: 7, origin: store })).toEqual(wanted)
    expect(policyOf({ write: 'refuse' })).toMatchObject({ mode: 'refuse' })
  })

  test.each([
    [{ write: 'later' }, 'wants one of around, through, behind, refuse'],
    [{ write: 'through' }, 'the origin has no way to store and remove'],
    [{ write: 'behind', origin: () => null }, 'the origin has no way to store and remove'],
  ])('%j is refused', (group, message) => {
    expect(() => policyOf(group)).toThrow(message)
  })
})

describe('a whole configuration', () => {
  test('comes out in bytes and milliseconds', () => {
    const config = defineConfig({
      port: 0,
      bind: ['127.0.0.1'],
      requirepass: 'secret',
      protectedMode: 'no',
      maxmemory: '256MB',
      shutdownTimeout: 250,
      loglevel: 'warning',
      maxclients: 5,
      timeout: '5m',
      tcpKeepalive: 0,
      tcpBacklog: 16,
      protoMaxBulkLen: '1mb',
      clientQueryBufferLimit: '10mb',
      clientOutputBufferLimit: 'normal 256mb 64mb 60 slave 1 2 3',
      slowlogLogSlowerThan: '500us',
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
      requirepass: 'secret',
      protectedMode: false,
      maxmemory: 256 * MB,
      shutdownTimeout: 250,
      loglevel: 'warning',
      maxclients: 5,
      timeout: 300_000,
      tcpKeepalive: 0,
      tcpBacklog: 16,
      protoMaxBulkLen: MB,
      clientQueryBufferLimit: 10 * MB,
      clientOutputBufferLimit: {
        normal: { hard: 256 * MB, soft: 64 * MB, softTime: 60_000 },
        replica: { hard: 1, soft: 2, softTime: 3000 },
        pubsub: { hard: 32 * MB, soft: 8 * MB, softTime: 60_000 },
      },
      slowlogLogSlowerThan: 500,
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

describe('a wrong field says its path, what it got and what it wants', () => {
  test.each<[unknown, string | RegExp]>([
    [{ port: 'abc' }, "port: got 'abc', wants a port, from 0 to 65535"],
    [{ port: 65_536 }, 'port: got 65536, wants a port, from 0 to 65535'],
    [{ port: -1 }, 'port: got -1, wants a port, from 0 to 65535'],
    [{ port: 7000.5 }, 'port: got 7000.5, wants a port, from 0 to 65535'],
    [{ port: null }, 'port: got null, wants a port, from 0 to 65535'],
    [{ bind: [] }, "bind: got [], wants addresses such as ['127.0.0.1', '::1'], at least one"],
    [
      { bind: ['127.0.0'] },
      "bind: got ['127.0.0'], wants addresses such as ['127.0.0.1', '::1'], at least one",
    ],
    [{ bind: [1] }, "bind: got an array, wants addresses such as ['127.0.0.1', '::1'], at least one"],
    [{ requirepass: 12_345 }, 'requirepass: got a number, wants text'],
    [{ protectedMode: 'maybe' }, "protectedMode: got 'maybe', wants yes or no (or true or false)"],
    [{ maxmemory: '64 megs' }, "maxmemory: got '64 megs', wants a size such as '64mb', at least 1kb"],
    [{ maxmemory: 0 }, "maxmemory: got 0, wants a size such as '64mb', at least 1kb"],
    [{ protoMaxBulkLen: '2gb' }, "protoMaxBulkLen: got '2gb', wants a size such as '64mb', from 1mb to 1gb"],
    [{ loglevel: 'info' }, "loglevel: got 'info', wants one of debug, verbose, notice, warning, nothing"],
    [{ maxclients: 0 }, 'maxclients: got 0, wants a whole number, at least 1'],
    [{ hz: 501 }, 'hz: got 501, wants a whole number, from 1 to 500'],
    [
      { shutdownTimeout: '10 s' },
      "shutdownTimeout: got '10 s', wants a duration such as '5m' or '250ms', or a number of milliseconds, at most 24d",
    ],
    [
      { timeout: 300 },
      "timeout: got 300, wants whole seconds with their unit, such as '300s' or '5m', or 0 for none (a bare number could be milliseconds)",
    ],
    [{ tcpKeepalive: '1500ms' }, /^tcpKeepalive: got '1500ms', wants whole seconds/],
    [{ slowlogLogSlowerThan: 10_000 }, /^slowlogLogSlowerThan: got 10000, wants a duration with its unit/],
    [
      { clientOutputBufferLimit: 'normal 1 2' },
      /^clientOutputBufferLimit: got 'normal 1 2', wants limits as Redis/,
    ],
    [
      { clientOutputBufferLimit: 'odd 1 2 3' },
      /^clientOutputBufferLimit: got 'odd 1 2 3', wants limits as Redis/,
    ],
    [{ groups: [] }, 'groups: got [], wants an object of groups'],
    [{ groups: {} }, 'groups: got no group, wants at least one'],
    [{ groups: { scores: 'x' } }, "groups.scores: got 'x', wants an object"],
    [{ groups: { scores: null } }, 'groups.scores: got null, wants an object'],
    [
      { groups: { scores: { maxBytes: '64 megs' } } },
      "groups.scores.maxBytes: got '64 megs', wants a size such as '64mb', at least 1kb",
    ],
    [
      { groups: { 'my-group': { jitter: 2 } } },
      "groups['my-group'].jitter: got 2, wants a fraction from 0 to 1",
    ],
    [{ groups: { scores: { ttl: '-5m' } } }, /^groups\.scores\.ttl: got '-5m', wants a duration/],
    [{ groups: { scores: { ttl: Number.NaN } } }, /^groups\.scores\.ttl: got NaN, wants a duration/],
    [
      { groups: { scores: { staleIfError: '30d' } } },
      /^groups\.scores\.staleIfError: got '30d', .*at most 24d$/,
    ],
    [{ groups: { scores: { originRetries: 11 } } }, /^groups\.scores\.originRetries: got 11, wants .*10/],
    [{ groups: { scores: { breakFor: 0 } } }, /^groups\.scores\.breakFor: got 0, wants a duration/],
    [
      { groups: { scores: { refreshAhead: -1 } } },
      /^groups\.scores\.refreshAhead: got -1, wants a number from 0 to 100$/,
    ],
    [
      { groups: { scores: { originTimeout: '30d' } } },
      /^groups\.scores\.originTimeout: got '30d', .*at most 24d$/,
    ],
    [
      { groups: { scores: { origin: 'lookup' } } },
      "groups.scores.origin: got 'lookup', wants a function, an object with load, or an object whose kind is one of 'file', 'sql', 'http', 'redis'",
    ],
    [
      { groups: { scores: { origin: {} } } },
      "groups.scores.origin.kind: got nothing, wants one of 'file', 'sql', 'http', 'redis'",
    ],
    [
      { groups: { scores: { origin: { kind: 'fiel' } } } },
      "groups.scores.origin.kind: got 'fiel', wants one of 'file', 'sql', 'http', 'redis'",
    ],
    [
      { groups: { scores: { origin: { kind: 'file' } } } },
      'groups.scores.origin.path: got nothing, wants the path of a JSON file',
    ],
    [
      { groups: { scores: { origin: { kind: 'file', path: 'x.json', pth: 1 } } } },
      'groups.scores.origin.pth: unknown field, did you mean path?',
    ],
    [[], 'got [], wants an object'],
    ['text', "got 'text', wants an object"],
    [() => ({}), 'got a function, wants an object'],
  ])('%j', (config, problem) => {
    expect(problems({ config })[0]).toEqual(
      typeof problem === 'string' ? problem : expect.stringMatching(problem),
    )
  })
})

describe('unknown fields are refused', () => {
  test.each<[unknown, string]>([
    [{ prot: 7000 }, 'prot: unknown field, did you mean port?'],
    [{ maxMemory: '1gb' }, 'maxMemory: unknown field, did you mean maxmemory?'],
    [{ 'tcp-keepalive': 0 }, "['tcp-keepalive']: unknown field, did you mean tcpKeepalive?"],
    [{ banana: 1 }, 'banana: unknown field'],
    [JSON.parse('{"__proto__": {"port": 1}}'), '__proto__: unknown field'],
    [{ constructor: 1 }, 'constructor: unknown field'],
    [{ groups: { a: { maxByte: 1 } } }, 'groups.a.maxByte: unknown field, did you mean maxBytes?'],
    [{ groups: { a: JSON.parse('{"__proto__": 1}') } }, 'groups.a.__proto__: unknown field'],
  ])('%j', (config, problem) => {
    expect(problems({ config })).toEqual([problem])
  })
})

test('everything that is wrong is said at once, with the name of the source', () => {
  expect(
    problems({
      source: 'erinys.config.json',
      config: { port: 'x', hz: 0, groups: { a: { ttl: 'x', b: 1 }, 'c d': {} } },
      variables: { ERINYS_MAXCLIENTS: 'many' },
      flags: { loglevel: 'loud' },
    }).map((line) => line.replace(/(wants|known are).*/, '$1')),
  ).toEqual([
    "erinys.config.json: port: got 'x', wants",
    'erinys.config.json: hz: got 0, wants',
    'erinys.config.json: groups.a.b: unknown field',
    "erinys.config.json: groups.a.ttl: got 'x', wants",
    "erinys.config.json: groups['c d']: the name of a group has no spaces and no control characters",
    "--loglevel: got 'loud', wants",
    "ERINYS_MAXCLIENTS: got 'many', wants",
  ])
})

test('a message stays on one short line, and never shows a password', () => {
  const [line] = problems({ config: { maxmemory: `a\n${'b'.repeat(1000)}` } })
  expect(line).not.toContain('\n')
  expect(line.length).toBeLessThan(200)
  expect(problems({ config: { requirepass: ['secret'] } })).toEqual(['requirepass: got an array, wants text'])
})

describe('group names', () => {
  test.each([
    'scores',
    'a.b',
    'user:profile',
    'größe',
    '鍵',
    '__proto__',
    'constructor',
    'toString',
    '-1',
    '1a',
  ])('%s is a name', (name) => {
    const groups = { [name]: { maxBytes: '2mb' } }
    expect(resolveConfig({ groups }).groups).toMatchObject([{ name, maxBytes: 2 * MB }])
  })

  test.each([
    ['', "groups['']: a group needs a name"],
    ['a b', "groups['a b']: the name of a group has no spaces and no control characters"],
    ['a\nb', "groups['a\\nb']: the name of a group has no spaces and no control characters"],
    ['\u0000', /^groups\['\\u0000'\]: the name of a group has no spaces and no control characters/],
    [
      '7',
      /^groups\['7'\]: SELECT takes names and indexes, so a name of digits must be the group's index, which is 0 here/,
    ],
    ['00', /^groups\['00'\]: SELECT takes names and indexes/],
  ])('%j is none', (name, problem) => {
    expect(problems({ config: { groups: { [name]: {} } } })[0]).toMatch(problem)
  })

  test('of digits are taken where they equal the index', () => {
    expect(resolveConfig({ groups: { 0: {}, 1: {}, rest: {} } }).groups.map(({ name }) => name)).toEqual([
      '0',
      '1',
      'rest',
    ])
  })

  test('of the language come out of JSON in order, each with its own fields', () => {
    const config = JSON.parse(
      '{"groups": {"a": {}, "__proto__": {"ttl": "1s"}, "constructor": {"ttl": "2s"}}}',
    )
    expect(resolveConfig(config).groups.map(({ name, ttlMs }) => [name, ttlMs])).toEqual([
      ['a', 0],
      ['__proto__', 1000],
      ['constructor', 2000],
    ])
    expect(({} as { ttl?: unknown }).ttl).toBeUndefined()
  })

  test('__proto__ in an object literal makes no group, and says so', () => {
    const groups = { scores: {}, __proto__: { maxBytes: '1mb' } } as unknown as Config['groups']
    expect(problems({ config: { groups } })).toEqual([
      "groups: got an object that inherits, wants a plain one (a group named __proto__ is written ['__proto__'])",
    ])
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

describe('layers', () => {
  test('flags win over variables, these over the file, and it over the defaults', () => {
    const config = { port: 1, hz: 20, maxclients: 30 }
    const variables = { ERINYS_PORT: '2', ERINYS_HZ: '21' }
    const { config: resolved, sources } = resolveLayers({
      config,
      source: 'erinys.config.json',
      variables,
      flags: { port: '3' },
    })
    expect(resolved).toMatchObject({ port: 3, hz: 21, maxclients: 30, slowlogMaxLen: 128 })
    expect([...sources]).toEqual([
      ['port', '--port'],
      ['maxclients', 'erinys.config.json'],
      ['hz', 'ERINYS_HZ'],
    ])
  })

  test('every setting can be said as text, by a variable and by a flag', () => {
    const texts: Record<string, string> = {
      port: '7001',
      bind: '127.0.0.2 -::1',
      requirepass: '1234',
      protectedMode: 'no',
      maxmemory: '1gb',
      shutdownTimeout: '1s',
      loglevel: 'debug',
      maxclients: '5',
      timeout: '5m',
      tcpKeepalive: '60s',
      tcpBacklog: '5',
      protoMaxBulkLen: '1mb',
      clientQueryBufferLimit: '1048576',
      clientOutputBufferLimit: 'normal 1 2 3',
      slowlogLogSlowerThan: '-1',
      slowlogMaxLen: '5',
      latencyMonitorThreshold: '5',
      hz: '5',
    }
    expect(Object.keys(texts)).toEqual(settingNames)
    const variables = Object.fromEntries(settingNames.map((name) => [variableName(name), texts[name]]))
    const byVariable = resolveLayers({ variables }).config
    const byFlag = resolveLayers({ flags: texts }).config
    const defaults = resolveConfig({})
    for (const name of settingNames) {
      expect(byVariable[name], name).toEqual(byFlag[name])
      expect(byVariable[name], name).not.toEqual(defaults[name])
    }
    expect(byFlag.slowlogLogSlowerThan).toBe(-1)
    expect(byFlag.requirepass).toBe('1234')
  })

  test("names follow Redis's", () => {
    expect([kebabName('protoMaxBulkLen'), kebabName('requirepass')]).toEqual([
      'proto-max-bulk-len',
      'requirepass',
    ])
    expect(variableName('protoMaxBulkLen')).toBe('ERINYS_PROTO_MAX_BULK_LEN')
  })

  test('a list of addresses comes from one flag', () => {
    expect(resolveLayers({ flags: { bind: ['127.0.0.1', '::1'] } }).config.bind.length).toBe(2)
  })

  test('maxmemory from a flag is the budget of groups that name none', () => {
    const config = { maxmemory: '1mb', groups: { a: {}, b: { maxBytes: '2mb' } } }
    const { groups } = resolveLayers({ config, flags: { maxmemory: '3mb' } }).config
    expect(groups.map(({ maxBytes }) => maxBytes)).toEqual([3 * MB, 2 * MB])
  })

  test('an empty variable counts as none', () => {
    expect(resolveLayers({ variables: { ERINYS_PORT: '', ERINYS_REQUIREPASS: '' } }).config.port).toBe(7000)
  })

  test('the port that Kubernetes tells of a service called erinys is passed over', () => {
    expect(resolveLayers({ variables: { ERINYS_PORT: 'tcp://10.0.0.1:7000' } }).config.port).toBe(7000)
  })

  test('a variable that is nearly right is refused, another is left alone', () => {
    expect(problems({ variables: { ERINYS_MAXMEMROY: '1gb' } })).toEqual([
      'ERINYS_MAXMEMROY: unknown variable, did you mean ERINYS_MAXMEMORY?',
    ])
    expect(
      problems({
        variables: { ERINYS_CONFIG: 'x', ERINYS_SERVICE_HOST: 'x', ERINYS_TEST_REQUIRE: 'redis', PROT: 'x' },
      }),
    ).toEqual([])
  })
})

describe('protected mode', () => {
  const problem =
    /^bind: 0\.0\.0\.0 can be reached from other machines and there is no password: set requirepass/

  test('refuses addresses beyond this machine without a password', () => {
    expect(problems({ flags: { bind: '127.0.0.1 0.0.0.0' } })[0]).toMatch(problem)
    expect(problems({ flags: { bind: '*' } })[0]).toMatch(/^bind: 0\.0\.0\.0 and :: can be reached/)
    expect(problems({ config: { bind: ['10.0.0.1'] } })[0]).toMatch(/^bind: 10\.0\.0\.1 can be reached/)
    expect(problems({ config: { bind: ['example.org'] } })[0]).toMatch(/^bind: example\.org can be reached/)
  })

  test('lets them with a password, or when it is off', () => {
    expect(problems({ flags: { bind: '0.0.0.0', requirepass: 'secret' } })).toEqual([])
    expect(problems({ flags: { bind: '0.0.0.0', protectedMode: 'no' } })).toEqual([])
  })

  test('has nothing against this machine', () => {
    expect(problems({ flags: { bind: '127.0.0.1 127.1.2.3 ::1 localhost' } })).toEqual([])
  })
})

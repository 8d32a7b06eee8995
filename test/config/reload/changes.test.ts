// The differences of two configurations, in words.

import { describe, expect, test } from 'vitest'
import { type Config, resolveConfig } from '../../../src/config/config.ts'
import { describeChanges } from '../../../src/config/reload/changes.ts'

const cache = { maxBytes: '4mb' } as const

const diff = (first: Config, second: Config): readonly string[] =>
  describeChanges(resolveConfig(first), resolveConfig(second))

const origins = (first: object, second: object): readonly string[] =>
  diff(
    { groups: { a: { ...cache, origin: first as never } } },
    { groups: { a: { ...cache, origin: second as never } } },
  )

const SAME = ['group a: origin: the same source with another connection']
const other = (kind: string): string[] => [
  `group a: origin: another source of the kind ${kind}, what was loaded becomes stale`,
]

test('nothing', () => {
  const config = { groups: { a: { ...cache, ttl: '1m' } }, hz: 20, bind: '127.0.0.1' } as const
  expect(diff(config, config)).toEqual([])
  expect(diff({}, {})).toEqual([])
})

test('every field of a group', () => {
  const fields = {
    maxBytes: '8mb',
    ttl: '1m',
    jitter: 0.5,
    negativeTtl: '1s',
    originTimeout: '1s',
    maxWait: '100ms',
    staleWhileRevalidate: '1m',
    staleIfError: '2m',
    refreshAhead: 1,
    originConcurrency: 3,
    originQueue: 4,
    originRetries: 1,
    originBackoff: '1ms',
    breakAfter: 5,
    breakFor: '2s',
    batchMax: 7,
    batchWindow: '2ms',
    write: 'through',
    writeQueue: 9,
    onPartition: 'refuse',
    eviction: 's3-fifo',
    evictionCost: 'load-time',
    contentType: 'text/html',
  } as const
  const origin = { load: () => 'x', loadMany: () => [], store: () => undefined, remove: () => undefined }
  const lines = diff({ groups: { a: { ...cache, origin } } }, { groups: { a: { ...fields, origin } } })
  expect(lines.map((line) => /^group a: (\w+): /.exec(line)?.[1]).sort()).toEqual(Object.keys(fields).sort())
  expect(lines).toContain('group a: originConcurrency: 256 -> 3')
})

describe('origins', () => {
  const sql = { kind: 'sql', url: 'postgres://u:p@db/app', query: 'select v from t where k = $1' } as const

  test.each([
    [{ url: 'postgres://u:rotated@db/app' }, SAME],
    [{ url: 'postgres://other:p%40@db/app' }, SAME],
    [{ pool: 3 }, SAME],
    [{ statementTimeout: '1s' }, SAME],
    [{ ssl: false }, SAME],
    [{ url: 'postgres://u:p@db2/app' }, other('sql')],
    [{ url: 'postgres://u:p@db/app2' }, other('sql')],
    [{ query: 'select w from t where k = $1' }, other('sql')],
    [{ keys: 'user:{id}' }, other('sql')],
    [{ as: 'hash' }, other('sql')],
    [{}, []],
  ])('SQL: %j', (fields, expected) => {
    expect(origins(sql, { ...sql, ...fields })).toEqual(expected)
  })

  const http = {
    kind: 'http',
    url: 'http://h/{key}',
    headers: { authorization: 'a', accept: 'text/plain' },
  } as const

  test.each([
    [{ headers: { ...http.headers, authorization: 'b' } }, SAME],
    [{ headers: { ...http.headers, 'x-api-key': 'b' } }, SAME],
    [{ timeout: '1s' }, SAME],
    [{ headers: { ...http.headers, accept: 'text/html' } }, other('http')],
    [{ url: 'http://h/v2/{key}' }, other('http')],
    [{}, []],
  ])('HTTP: %j', (fields, expected) => {
    expect(origins(http, { ...http, ...fields })).toEqual(expected)
  })

  const redis = { kind: 'redis', url: 'redis://:p@h:6379/1' } as const

  test.each([
    [{ url: 'redis://:q@h:6379/1' }, SAME],
    [{ listen: true }, SAME],
    [{ url: 'redis://:p@h:6379/2' }, other('redis')],
    [{ prefix: 'x:' }, other('redis')],
  ])('Redis: %j', (fields, expected) => {
    expect(origins(redis, { ...redis, ...fields })).toEqual(expected)
  })

  test('functions are compared by their text', () => {
    const made = (value: string) => (key: string) => value + key
    expect(origins(made('a'), made('b'))).toEqual([])
    expect(origins(made('a'), (key: string) => `other ${key}`)).toEqual(other('function'))
    expect(origins({ load: made('a') }, { load: (key: string) => key })).toEqual(other('function'))
  })

  test('secrets are in no line', () => {
    const lines = [
      ...origins(sql, { ...sql, url: 'postgres://u:secret@elsewhere/app' }),
      ...diff({ requirepass: 'secret1' }, { requirepass: 'secret2' }),
      ...diff({}, { requirepass: 'secret2' }),
    ]
    expect(lines.join('\n')).not.toMatch(/secret|postgres:/)
    expect(lines).toContain('requirepass: changed')
    expect(lines).toContain('requirepass: none -> set, not shown')
  })
})

test('what needs a restart', () => {
  const cluster = { peers: ['127.0.0.1:7000', '127.0.0.1:7001'] }
  expect(
    diff(
      { groups: { a: cache }, cluster },
      {
        groups: { a: cache },
        port: 7001,
        tcpBacklog: 1,
        cluster: { ...cluster, secret: 'x', copies: 0 },
      },
    ),
  ).toEqual([
    'port: 7000 -> 7001 (needs a restart)',
    'tcp-backlog: 511 -> 1 (needs a restart)',
    expect.stringMatching(/^cluster\.secret: .* \(needs a restart\)$/),
    'cluster.announce: 127.0.0.1:7000 -> 127.0.0.1:7001 (needs a restart)',
    'cluster.copies: 0.125 -> 0 (needs a restart)',
  ])
  const http = { port: 7081, compress: true }
  expect(diff({ groups: { a: cache }, http: true }, { groups: { a: cache }, http })).toEqual([
    'http.port: 7080 -> 7081 (needs a restart)',
    'http.compress: no -> yes (needs a restart)',
  ])
  const larger = { port: 7081, maxConnections: 5 }
  expect(diff({ groups: { a: cache }, http: true }, { groups: { a: cache }, http: larger })).toEqual([
    'http.maxConnections: 1000 -> 5',
    'http.port: 7080 -> 7081 (needs a restart)',
  ])
  expect(diff({ groups: { a: cache }, http: true }, { groups: { a: cache }, http: false })).toEqual([
    'http: yes -> no (needs a restart)',
  ])
  expect(diff({ groups: { a: cache } }, { groups: { a: cache }, cluster })).toEqual([
    'cluster: none -> a member (needs a restart)',
  ])
})

describe('groups by their places', () => {
  const names = (...all: string[]): Config => ({
    groups: Object.fromEntries(all.map((name) => [name, cache])),
  })

  test.each([
    [['a', 'b'], ['a', 'b', 'c'], 0],
    [['a', 'b', 'c'], ['a'], 0],
    [['a', 'b', 'c'], ['a', 'x', 'c'], 0],
    [['a', 'b', 'c'], ['x', 'y', 'z', 'v'], 0],
    [['a', 'b', 'c'], ['a', 'c'], 1],
    [['a', 'b'], ['b', 'a'], 2],
    [['a', 'b'], ['x', 'a', 'b'], 2],
  ])('%j -> %j: %i would move', (before, after, moved) => {
    const lines = diff(names(...before), names(...after))
    expect(lines.filter((line) => line.endsWith('(refused without a restart)'))).toHaveLength(moved)
  })
})

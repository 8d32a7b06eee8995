// Wrong configurations: the error texts, and protected mode.

import { describe, expect, test } from 'vitest'
import { problems } from './problems.ts'

describe('the error of a wrong field has its path, its value and what is expected', () => {
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
    [
      { maxmemoryClients: '101%' },
      "maxmemoryClients: got '101%', wants a size such as '64mb', or a percentage from '0%' to '100%'",
    ],
    [
      { maxmemoryClients: -1 },
      "maxmemoryClients: got -1, wants a size such as '64mb', or a percentage from '0%' to '100%'",
    ],
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

const GROUP_FIELDS =
  'maxBytes, ttl, jitter, negativeTtl, originTimeout, maxWait, staleWhileRevalidate, staleIfError, refreshAhead, originConcurrency, originQueue, originRetries, originBackoff, breakAfter, breakFor, batchMax, batchWindow, write, writeQueue, onPartition, eviction, evictionCost, contentType, origin'

describe('unknown fields are refused', () => {
  test.each<[unknown, string]>([
    [{ prot: 7000 }, 'prot: unknown field, did you mean port?'],
    [{ maxMemory: '1gb' }, 'maxMemory: unknown field, did you mean maxmemory?'],
    [{ 'tcp-keepalive': 0 }, "['tcp-keepalive']: unknown field, did you mean tcpKeepalive?"],
    [{ banana: 1 }, 'banana: unknown field, known are those of docs/configuration.md'],
    [
      JSON.parse('{"__proto__": {"port": 1}}'),
      '__proto__: unknown field, known are those of docs/configuration.md',
    ],
    [{ constructor: 1 }, 'constructor: unknown field, known are those of docs/configuration.md'],
    [{ groups: { a: { maxByte: 1 } } }, 'groups.a.maxByte: unknown field, did you mean maxBytes?'],
    [
      { groups: { a: JSON.parse('{"__proto__": 1}') } },
      `groups.a.__proto__: unknown field, known are ${GROUP_FIELDS}`,
    ],
  ])('%j', (config, problem) => {
    expect(problems({ config })).toEqual([problem])
  })
})

test('all problems are reported at once, with the name of their source', () => {
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
    'erinys.config.json: groups.a.b: unknown field, known are',
    "erinys.config.json: groups.a.ttl: got 'x', wants",
    "erinys.config.json: groups['c d']: the name of a group has no spaces and no control characters",
    "--loglevel: got 'loud', wants",
    "ERINYS_MAXCLIENTS: got 'many', wants",
  ])
})

test('a message is one short line, and never shows a password', () => {
  const [line] = problems({ config: { maxmemory: `a\n${'b'.repeat(1000)}` } })
  expect(line).not.toContain('\n')
  expect(line.length).toBeLessThan(200)
  expect(problems({ config: { requirepass: ['secret'] } })).toEqual(['requirepass: got an array, wants text'])
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

  test('allows them with a password, or when it is off', () => {
    expect(problems({ flags: { bind: '0.0.0.0', requirepass: 'secret' } })).toEqual([])
    expect(problems({ flags: { bind: '0.0.0.0', protectedMode: 'no' } })).toEqual([])
  })

  test('allows loopback addresses', () => {
    expect(problems({ flags: { bind: '127.0.0.1 127.1.2.3 ::1 localhost' } })).toEqual([])
  })
})

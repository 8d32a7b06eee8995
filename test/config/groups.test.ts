// Problems of a group: wrong policies, policies that contradict each other, and origins that would silently do harm.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { resolveConfig } from '../../src/config/config.ts'
import { groupText, nonDefaultText } from '../../src/config/describe.ts'
import { type GroupConfig, http, redis, sql } from '../../src/index.ts'
import { EVICTION_NAMES } from '../../src/store/eviction/policies.ts'
import { problems as problemsOf } from './problems.ts'

const folder = mkdtempSync(join(tmpdir(), 'erinys-groups-'))
writeFileSync(join(folder, 'scores.json'), '{}')
afterAll(() => rmSync(folder, { recursive: true }))

/** The problems of a group called users, one per line. */
function problems(group: unknown): readonly string[] {
  return problemsOf({ config: { groups: { users: group } }, directory: folder })
}

const pg = sql({ url: 'postgres://me:secret@h/db', query: 'select name from users where id = $1' })
const batched = { ...pg, batchQuery: 'select id, name from users where id = any($1)' }
const file = { kind: 'file', path: 'scores.json' }
const load = (): null => null

describe('a wrong policy', () => {
  const SIZE = "a size such as '64mb', at least 1kb"
  const DURATION = "a duration such as '5m' or '250ms', or a number of milliseconds"
  const CALLS = 'a whole number, from 0 to 1000000'
  const WANTED: Readonly<Record<Exclude<keyof GroupConfig, 'origin'>, string>> = {
    maxBytes: SIZE,
    ttl: DURATION,
    jitter: 'a fraction from 0 to 1',
    negativeTtl: DURATION,
    originTimeout: `${DURATION}, at most 24d`,
    maxWait: `${DURATION}, at most 24d`,
    staleWhileRevalidate: `${DURATION}, at most 24d`,
    staleIfError: `${DURATION}, at most 24d`,
    refreshAhead: 'a number from 0 to 100',
    originConcurrency: CALLS,
    originQueue: CALLS,
    originRetries: 'a whole number, from 0 to 10',
    originBackoff: `${DURATION}, from 1ms to 1m`,
    breakAfter: CALLS,
    breakFor: `${DURATION}, from 1ms to 1h`,
    batchMax: 'a whole number, from 1 to 10000',
    batchWindow: `${DURATION}, at most 24d`,
    write: 'one of around, through, behind, refuse',
    onPartition: 'one of serve, refuse',
    eviction: `one of ${EVICTION_NAMES.join(', ')}`,
    evictionCost: 'one of none, load-time',
    writeQueue: 'a whole number, from 1 to 1000000',
    contentType: "a media type such as 'text/html; charset=utf-8'",
  }

  test.each(Object.entries(WANTED))('%s', (field, wanted) => {
    const wrong: readonly (readonly [got: unknown, shown: string])[] = [
      ['x', "'x'"],
      [-1, '-1'],
      [true, 'true'],
      [null, 'null'],
      [[], '[]'],
      [{}, 'an object'],
    ]
    for (const [got, text] of wrong)
      expect(problems({ [field]: got })).toEqual([`groups.users.${field}: got ${text}, wants ${wanted}`])
  })

  test('a field of one kind of origin is unknown to another kind', () => {
    const unknown = (field: string): string => `groups.users.origin.${field}: unknown field`
    expect(problems({ origin: { ...http({ url: 'http://h/{key}' }), listen: 'changes' } })).toEqual([
      `${unknown('listen')}, known are kind, url, as, batchUrl, batchIdempotent, keys, headers, tls, connections, redirects, redirectTo, maxResponse, connectTimeout, timeout, lazy`,
    ])
    expect(problems({ origin: { ...file, url: 'x' } })).toEqual([
      `${unknown('url')}, known are kind, path, as`,
    ])
  })
})

describe('policies that contradict each other', () => {
  const endless = 'no value ever expires: the group has no ttl'
  const nowhere = 'there is no origin to load from'

  test.each<[group: object, problem: string]>([
    [{ origin: pg, staleWhileRevalidate: '30s' }, `staleWhileRevalidate: got 30s, but ${endless}`],
    [{ origin: pg, staleIfError: 3_600_000 }, `staleIfError: got 1h, but ${endless}`],
    [{ origin: file, refreshAhead: 1 }, `refreshAhead: got 1, but ${endless}`],
    [{ ttl: '1m', staleWhileRevalidate: '30s' }, `staleWhileRevalidate: got 30s, but ${nowhere}`],
    [{ ttl: '1m', staleIfError: '30s' }, `staleIfError: got 30s, but ${nowhere}`],
    [{ ttl: '1m', refreshAhead: 0.5 }, `refreshAhead: got 0.5, but ${nowhere}`],
    [
      { origin: batched, batchWindow: '10s' },
      'batchWindow: got 10s, but a load fails after originTimeout, 10s',
    ],
    [
      { origin: batched, batchWindow: '2s', originTimeout: '1s' },
      'batchWindow: got 2s, but a load fails after originTimeout, 1s',
    ],
    [
      { origin: batched, batchWindow: '1s', maxWait: '1s' },
      'batchWindow: got 1s, but commands wait for a load for maxWait at most, 1s',
    ],
    [{ maxWait: '1s' }, 'maxWait: got 1s, but there is no origin to wait for'],
    [
      { origin: pg, maxWait: '10s' },
      'maxWait: got 10s, but a load fails after originTimeout, 10s: give less, or more to originTimeout',
    ],
    [
      { origin: pg, maxWait: '2s', originTimeout: '1s' },
      'maxWait: got 2s, but a load fails after originTimeout, 1s: give less, or more to originTimeout',
    ],
    [
      { origin: batched, batchWindow: '2ms', batchMax: 1 },
      'batchWindow: got 2ms, but batchMax is 1: there is no other key to wait for',
    ],
    [{ origin: pg, batchWindow: '2ms' }, 'batchWindow: got 2ms, but the origin loads one key at a time'],
    [{ origin: load, batchWindow: '2ms' }, 'batchWindow: got 2ms, but the origin loads one key at a time'],
    [{ write: 'through' }, 'write: got through, but the origin cannot store and remove'],
    [{ write: 'behind', origin: pg }, 'write: got behind, but the origin cannot store and remove'],
    [
      { write: 'through', origin: { kind: 'http', url: 'https://h/{key}', as: 'hash' } },
      'write: got through, but the origin cannot store and remove',
    ],
    [
      { write: 'through', origin: { ...pg, writeQuery: 'update users set name = $2 where id = $1' } },
      'write: got through, but the origin cannot store and remove',
    ],
  ])('%j', (group, problem) => {
    const [found, ...rest] = problems(group)
    expect(rest).toEqual([])
    expect(found.startsWith(`groups.users.${problem}`), found).toBe(true)
  })

  test.each<object>([
    // An origin may set the TTL of its values.
    { origin: http({ url: 'https://h/{key}' }), staleIfError: '1h', refreshAhead: 1 },
    { origin: redis({ url: 'redis://h' }), staleWhileRevalidate: '1m' },
    { origin: load, staleWhileRevalidate: '1m' },
    { origin: pg, ttl: '1m', staleWhileRevalidate: '1m', staleIfError: '1h', refreshAhead: 1 },
    // Each call may still be retried, at most ten times.
    { origin: pg, originTimeout: 0, originRetries: 3 },
    { origin: batched, originTimeout: 0, batchWindow: '1m' },
    { origin: batched, batchMax: 1, batchWindow: 0 },
    { origin: pg, maxWait: '9999ms' },
    { origin: pg, maxWait: '1h', originTimeout: 0 },
    { origin: batched, maxWait: '100ms', batchWindow: '2ms' },
    { maxWait: 0 },
    { staleWhileRevalidate: 0, staleIfError: 0, refreshAhead: 0, batchWindow: 0 },
    { write: 'refuse' },
    { write: 'through', origin: http({ url: 'https://h/{key}' }) },
  ])('%j is accepted', (group) => {
    expect(problems(group)).toEqual([])
  })

  test('the problems of several groups are reported together', () => {
    const groups = { a: { staleIfError: '1s', write: 'behind' }, b: { ttl: 'x' } }
    expect(() => resolveConfig({ groups: groups as never })).toThrow(
      /groups\.a\.staleIfError: .*\n.*groups\.a\.write: .*\n.*groups\.b\.ttl: /,
    )
  })
})

describe('an origin that would not do what its fields say', () => {
  test.each<[origin: unknown, problem: string]>([
    [
      http({ url: 'https://me:secret@h/{key}' }),
      'url: it has a user or a password, which are not sent: put them into headers, as authorization',
    ],
    [http({ url: 'https://secret@h/{key}' }), 'url: it has a user or a password'],
    [
      http({ url: 'https://h/{key}', batchUrl: 'https://me:secret@h/batch' }),
      'batchUrl: it has a user or a password',
    ],
    [
      http({ url: 'file:///secret/{key}' }),
      'url: it does not begin with http:// or https:// and the address of a server',
    ],
    [
      redis({ url: 'redis://me:secret@h/users' }),
      "url: got a path that is not a number, wants a database such as '/2'",
    ],
    [redis({ url: ['redis://h', 'redis://h/-1'] }), 'url[1]: got a path that is not a number'],
    [
      redis({ url: 'redis://h?db=1' }),
      "url: got the parameter db, which is not supported: write the database as the path, such as '/2'",
    ],
    [
      redis({ url: ['redis://h', 'redis://h/1?keyPrefix=a&password=secret'] }),
      'url[1]: got the parameter keyPrefix, which is not supported: set it beside url',
    ],
    [sql({ url: 'sqlite:', query: 'q' }), 'url: got no path, wants sqlite:path'],
    [sql({ url: 'file:secret.db', query: 'q' }), "url: got a URL of 'file:', wants a URL such as"],
    [{ ...pg, keys: 'user:{id}:{part}' }, 'keys: got 2 captures, wants one'],
    ['postgres://me:sec@ret@h/db', "got 'postgres://…@h/db', wants a function"],
    [{ ...pg, lazy: 'postgres://me:secret@h/db' }, "lazy: got 'postgres://…@h/db', wants yes or no"],
    [{ load, store: 5 }, 'store: got 5, wants a function'],
    [{ load, close: false }, 'close: got false, wants a function'],
    [{ load, kind: 5 }, 'kind: got 5, wants text'],
    [{ load, isIdempotent: 'no' }, "isIdempotent: got 'no', wants true or false"],
  ])('%j', (origin, problem) => {
    const [found, ...rest] = problems({ origin })
    expect(rest).toEqual([])
    const path = typeof origin === 'string' ? 'groups.users.origin: ' : 'groups.users.origin.'
    expect(found.startsWith(`${path}${problem}`), found).toBe(true)
    expect(found).not.toMatch(/secret|sec@ret/)
  })
})

describe('the description of a group', () => {
  test('names all settings that are not the default', () => {
    const origin = {
      ...batched,
      listen: 'users',
      writeQuery: 'update users set name = $2 where id = $1',
      removeQuery: 'delete from users where id = $1',
    }
    const policies = {
      ttl: '5m',
      staleWhileRevalidate: '30s',
      staleIfError: '1h',
      refreshAhead: 1,
      originConcurrency: 0,
      originQueue: 50,
      originRetries: 2,
      originBackoff: 100,
      breakAfter: 5,
      breakFor: '2s',
      batchMax: 500,
      batchWindow: '2ms',
      write: 'behind',
      writeQueue: 100,
    } as const
    const [group] = resolveConfig({ groups: { users: { maxBytes: '1gb', origin, ...policies } } }).groups
    expect(groupText(group)).toBe(
      '1gb, ttl 5m with 10% jitter, origin sql with timeout 10s, with change notifications, negative caching for 5s',
    )
    expect(nonDefaultText(group)).toBe(
      'staleWhileRevalidate 30s, staleIfError 1h, refreshAhead 1, originConcurrency 0, originQueue 50, ' +
        'originRetries 2, originBackoff 100ms, breakAfter 5, breakFor 2s, batchMax 500, batchWindow 2ms, ' +
        'write behind, writeQueue 100',
    )
  })

  test('is empty if all settings are the default', () => {
    const { groups } = resolveConfig({ groups: { a: {}, b: { origin: load, ttl: '1m', breakAfter: 20 } } })
    expect(groups.map(nonDefaultText)).toEqual(['', ''])
  })
})

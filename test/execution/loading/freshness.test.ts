// Freshness through commands: what GET, EXPLAIN and writes see of a value past its TTL.

import { describe, expect, test } from 'vitest'
import { defaultGovernor } from '../../../src/group/governor/governor.ts'
import { loaded, type OriginResult } from '../../../src/group/origin.ts'
import { Harness } from '../../support/harness.ts'

const FRESHNESS = { staleWhileRevalidateMs: 300, staleIfErrorMs: 1000, refreshAhead: 0 }

/** A node whose origin returns what `result` gives, after 7 ms. */
function nodeOf(result: () => OriginResult): { harness: Harness; asked: () => number } {
  let asked = 0
  const harness: Harness = new Harness({
    groups: {
      scores: {
        ttlMs: 1000,
        freshness: FRESHNESS,
        origin: async () => {
          asked++
          harness.clock.advance(7)
          return result()
        },
      },
    },
  })
  return { harness, asked: () => asked }
}

function fail(): never {
  throw new Error('down')
}

async function explain(harness: Harness, ...fields: string[]): Promise<unknown[]> {
  const reply = (await harness.call('EXPLAIN', 'Tom')) as unknown[]
  return fields.map((field) => reply[reply.indexOf(field) + 1])
}

test('a stale value is served at once, and loaded once', async () => {
  let value = '630'
  const { harness, asked } = nodeOf(() => value)
  expect(await harness.call('GET', 'Tom')).toBe('630')
  value = '700'
  harness.clock.advance(1100)
  const both = [harness.call('GET', 'Tom'), harness.call('MGET', 'Tom', 'Tom')]
  expect(await Promise.all(both)).toEqual(['630', ['630', '630']])
  await harness.settle()
  expect([await harness.call('GET', 'Tom'), asked()]).toEqual(['700', 2])
  const [group] = harness.groups
  expect([group.hits, group.misses, group.staleHits]).toEqual([4, 1, 3])
})

test('EXPLAIN reports state, age, the last load and the next', async () => {
  const { harness } = nodeOf(() => '630')
  const fields = ['state', 'source', 'age-ms', 'ttl-ms', 'load-ms', 'next-refresh-ms']
  expect(await explain(harness, ...fields)).toEqual(['none', 'origin', null, -2, null, null])
  await harness.call('GET', 'Tom')
  harness.clock.advance(400)
  expect(await explain(harness, ...fields)).toEqual(['fresh', 'memory', 400, 600, 7, 600])
  harness.clock.advance(601)
  expect(await explain(harness, ...fields)).toEqual(['stale', 'memory', 1001, -2, 7, 0])
  harness.clock.advance(300)
  expect(await explain(harness, ...fields)).toEqual(['stale', 'origin', 1301, -2, 7, 0])
})

test('after a gap in the change notifications a value is stale: served to reads, and absent for all other commands', async () => {
  const { harness, asked } = nodeOf(() => '630')
  await harness.call('GET', 'Tom')
  const [group] = harness.groups
  group.invalidateLoaded()
  const fields = ['state', 'source', 'ttl-ms', 'next-refresh-ms']
  expect(await explain(harness, ...fields)).toEqual(['stale', 'memory', -2, 0])
  expect([await harness.call('EXISTS', 'Tom'), await harness.call('KEYS', '*')]).toEqual([0, []])
  expect([await harness.call('GET', 'Tom'), group.staleHits, asked()]).toEqual(['630', 1, 2])
  await harness.settle()
  expect(await explain(harness, ...fields)).toEqual(['fresh', 'memory', 1000, 1000])
  group.invalidateLoaded()
  expect([await harness.call('INCR', 'Tom'), asked()]).toEqual([631, 3])
})

test('EXPLAIN reports a cached absence', async () => {
  const { harness } = nodeOf(() => loaded(null, { ttl: 500 }))
  await harness.call('GET', 'Tom')
  harness.clock.advance(100)
  const fields = ['state', 'source', 'next-refresh-ms']
  expect(await explain(harness, ...fields)).toEqual(['absent', 'absence', 400])
})

test('a read is served a stale value when the load fails, a write is not', async () => {
  let result: () => OriginResult = () => '630'
  const { harness } = nodeOf(() => result())
  await harness.call('GET', 'Tom')
  result = fail
  harness.clock.advance(1400)
  expect(await harness.call('GET', 'Tom')).toBe('630')
  expect(await harness.call('STRLEN', 'Tom')).toBe(3)
  await expect(Promise.resolve(harness.raw('INCR', 'Tom'))).resolves.toBe('-ORIGIN scores: down\r\n')
  result = () => '700'
  expect(await harness.call('INCR', 'Tom')).toBe(701)
  expect(await harness.call('PTTL', 'Tom')).toBe(1000)
})

test('commands that do not load see no stale value, and a write replaces it', async () => {
  const { harness } = nodeOf(() => '630')
  const loadStale = async (): Promise<void> => {
    await harness.call('GET', 'Tom')
    harness.clock.advance(1100)
  }
  await loadStale()
  expect(await harness.call('EXISTS', 'Tom')).toBe(0)
  expect(await harness.call('PTTL', 'Tom')).toBe(-2)
  expect(await harness.call('KEYS', '*')).toEqual([])
  expect(await harness.call('DEL', 'Tom')).toBe(0)
  expect(await explain(harness, 'state')).toEqual(['none'])
  await loadStale()
  expect(await harness.call('EXPIRE', 'Tom', 100)).toBe(0)
  expect(await explain(harness, 'state')).toEqual(['none'])
  await loadStale()
  expect(await harness.call('SET', 'Tom', '1', 'KEEPTTL')).toBe('OK')
  expect([await harness.call('GET', 'Tom'), await harness.call('PTTL', 'Tom')]).toEqual(['1', 1000])
})

test('a value that was changed here is not served past its TTL', async () => {
  for (const change of [
    ['APPEND', 'Tom', '1'],
    ['SETRANGE', 'Tom', '0', '7'],
    ['INCR', 'Tom'],
    ['PEXPIRE', 'Tom', '1000'],
  ]) {
    const { harness, asked } = nodeOf(() => '630')
    await harness.call('GET', 'Tom')
    await harness.call(...change)
    harness.clock.advance(1001)
    expect(await explain(harness, 'state')).toEqual(['none'])
    expect([await harness.call('GET', 'Tom'), asked()]).toEqual(['630', 2])
  }
})

test('a write that reads does not start a refresh ahead that it would not fence', async () => {
  const harness: Harness = new Harness({
    random: () => 0.999999,
    groups: {
      scores: {
        ttlMs: 1000,
        freshness: { ...FRESHNESS, refreshAhead: 100 },
        origin: async () => {
          harness.clock.advance(20)
          return '630'
        },
      },
    },
  })
  await harness.call('GET', 'Tom')
  expect(await harness.call('GETSET', 'Tom', '1')).toBe('630')
  await harness.settle()
  expect([await harness.call('GET', 'Tom'), harness.groups[0].flights?.loads]).toEqual(['1', 1])
})

test('an origin that is down: stale values are served, misses fail at once, and loads start again when it recovers', async () => {
  let isDown = false
  let asked = 0
  const harness: Harness = new Harness({
    groups: {
      scores: {
        ttlMs: 1000,
        freshness: { staleWhileRevalidateMs: 0, staleIfErrorMs: 100_000, refreshAhead: 0 },
        governor: { ...defaultGovernor, breakAfter: 3, breakMs: 500 },
        origin: () => {
          asked++
          return isDown ? fail() : '630'
        },
      },
    },
  })
  await harness.call('GET', 'Tom')
  isDown = true
  harness.clock.advance(1001)
  for (let i = 0; i < 10; i++) expect(await harness.call('GET', 'Tom')).toBe('630')
  expect(asked).toBe(4)
  const rejected =
    '-ORIGIN scores: circuit breaker open for 375 ms, after 3 failures in a row: down; check the origin, and ask again after that\r\n'
  expect(await harness.raw('GET', 'Jack')).toBe(rejected)
  expect(await harness.raw('INCR', 'Tom')).toBe(rejected)
  const info = (await harness.call('INFO', 'groups')) as string
  expect(info).toContain('rescued=10,retries=0,shed=0,refused=9,breaker_opened=1,breaker=open,')
  isDown = false
  harness.clock.advance(375)
  expect(await harness.call('GET', 'Jack')).toBe('630')
  expect(await harness.call('GROUP', 'INFO', 'scores')).toContain('closed')
  expect(await harness.call('CONFIG', 'RESETSTAT')).toBe('OK')
  expect(await harness.call('INFO', 'groups')).toContain(
    'rescued=0,retries=0,shed=0,refused=0,breaker_opened=0,',
  )
})

describe('a value that must not be stored', () => {
  const facts = [
    { ttl: 0 },
    // Stored, but only to be served while it is reloaded, which a write does not do.
    { ttl: 0, staleWhileRevalidate: 5000 },
  ]
  test.each([
    { command: ['INCR', 'Tom'], reply: 631 },
    { command: ['INCRBYFLOAT', 'Tom', '0.5'], reply: '630.5' },
    { command: ['APPEND', 'Tom', '1'], reply: 4 },
    { command: ['SETRANGE', 'Tom', '5', 'x'], reply: 6 },
    { command: ['GETDEL', 'Tom'], reply: '630' },
    { command: ['GETSET', 'Tom', '1'], reply: '630' },
    { command: ['SET', 'Tom', '1', 'GET'], reply: '630' },
    { command: ['GETEX', 'Tom', 'EX', '5'], reply: '630' },
  ])('$command.0 works on it', async ({ command, reply }) => {
    for (const each of facts) {
      const { harness, asked } = nodeOf(() => loaded('630', each))
      expect([await harness.call(...command), asked()]).toEqual([reply, 1])
      harness.groups[0].store.verify()
    }
  })

  test('is absent a millisecond after it was changed', async () => {
    const { harness, asked } = nodeOf(() => loaded('630', { ttl: 0 }))
    expect(await harness.call('INCR', 'Tom')).toBe(631)
    harness.clock.advance(1)
    expect([await harness.call('GET', 'Tom'), asked()]).toEqual(['630', 2])
  })
})

// GROUP and EXPLAIN: their fields at each step of the read path.

import { describe, expect, test } from 'vitest'
import { Harness } from '../../support/harness.ts'

/** A map as RESP2 sends it. */
async function fields(harness: Harness, ...command: string[]): Promise<Record<string, unknown>> {
  const reply = await harness.call(...command)
  if (!Array.isArray(reply)) throw new Error(String(reply))
  return Object.fromEntries(
    Array.from({ length: reply.length / 2 }, (_, i) => [reply[2 * i], reply[2 * i + 1]]),
  )
}

describe('EXPLAIN', () => {
  test('reports a key from the load to its expiry', async () => {
    const answers: (() => void)[] = []
    const origin = (key: string): Promise<string | null> =>
      new Promise((resolve) => answers.push(() => resolve(key === 'Tom' ? '630' : null)))
    const harness = new Harness({ groups: { scores: { origin, ttlMs: 60_000, negativeTtlMs: 1000 } } })
    const explain = (key: string): Promise<Record<string, unknown>> => fields(harness, 'EXPLAIN', key)

    expect(await explain('Tom')).toEqual({
      group: 'scores',
      slot: 9233,
      owner: 'self',
      source: 'origin',
      state: 'none',
      type: 'none',
      encoding: null,
      elements: null,
      'age-ms': null,
      'ttl-ms': -2,
      bytes: null,
      'load-ms': null,
      'next-refresh-ms': null,
      tags: 0,
      flight: 'none',
      'flight-ms': null,
      waiters: 0,
      'max-wait-ms': null,
    })
    const readers = [harness.connect().call('GET', 'Tom'), harness.connect().call('GET', 'Tom')]
    await harness.settle()
    harness.clock.advance(30)
    expect(await explain('Tom')).toMatchObject({
      source: 'flight',
      flight: 'loading',
      'flight-ms': 30,
      waiters: 2,
    })
    for (const answer of answers.splice(0)) answer()
    await Promise.all(readers)
    harness.clock.advance(100)
    expect(await explain('Tom')).toMatchObject({
      source: 'memory',
      type: 'string',
      'age-ms': 100,
      'ttl-ms': 59_900,
      bytes: harness.groups[0].store.bytesOf(harness.groups[0].store.peek(Buffer.from('Tom'), 0, 3)),
      'load-ms': 30,
      flight: 'none',
      waiters: 0,
    })
    await harness.call('SET', 'Tom', '1')
    expect(await explain('Tom')).toMatchObject({ source: 'memory', 'age-ms': null, 'load-ms': null })
    expect(await explain('Tom')).toMatchObject({ encoding: 'int', elements: null })

    const absent = harness.call('GET', 'Eve')
    await harness.settle()
    for (const answer of answers.splice(0)) answer()
    await absent
    harness.clock.advance(200)
    expect(await explain('Eve')).toMatchObject({
      source: 'absence',
      type: 'none',
      'ttl-ms': 800,
      'age-ms': 200,
    })
    expect(harness.groups[0].flights?.loads).toBe(2)
  })

  test('the type, encoding and number of elements of collections', async () => {
    const harness = new Harness({ groups: { scores: {} } })
    await harness.call('HSET', 'hash', 'a', '1', 'b', '2')
    await harness.call('RPUSH', 'list', 'a')
    await harness.call('SADD', 'set', '1', '2', '3')
    await harness.call('ZADD', 'ranking', '1', 'a')
    await harness.call('XADD', 'stream', '1-1', 'a', '1')
    const told = async (key: string): Promise<unknown[]> => {
      const { type, encoding, elements } = await fields(harness, 'EXPLAIN', key)
      return [type, encoding, elements]
    }
    expect(await told('hash')).toEqual(['hash', 'listpack', 2])
    expect(await told('list')).toEqual(['list', 'quicklist', 1])
    expect(await told('set')).toEqual(['set', 'intset', 3])
    expect(await told('ranking')).toEqual(['zset', 'listpack', 1])
    expect(await told('stream')).toEqual(['stream', 'stream', 1])
  })

  test('without an origin', async () => {
    const harness = new Harness()
    expect(await fields(harness, 'EXPLAIN', 'a')).toMatchObject({ group: 'cache', source: 'nowhere' })
    await harness.call('SET', '__proto__', '1')
    expect(await fields(harness, 'EXPLAIN', '__proto__')).toMatchObject({ source: 'memory', 'ttl-ms': -1 })
    await harness.call('PEXPIREAT', '__proto__', '9223372036854775807')
    expect(await fields(harness, 'EXPLAIN', '__proto__')).toMatchObject({ 'ttl-ms': Number.MAX_SAFE_INTEGER })
  })

  test('is a map in RESP3, with nulls', async () => {
    const harness = new Harness()
    harness.client.protocol = 3
    expect(await harness.raw('EXPLAIN', 'a')).toMatch(
      /^%18\r\n\$5\r\ngroup\r\n(?:.*\r\n)*\$6\r\nage-ms\r\n_\r\n/,
    )
  })
})

describe('GROUP', () => {
  test('INFO has the contents and counters of a group', async () => {
    const harness = new Harness({
      groups: {
        read: {
          maxBytes: 10_000,
          ttlMs: 5000,
          jitter: 0.25,
          negativeTtlMs: 1000,
          originTimeoutMs: 700,
          origin: (key) => {
            if (key === 'bad') throw new Error('broken')
            return key === 'Tom' ? '630' : null
          },
        },
        plain: {},
      },
    })
    await harness.call('GET', 'Tom')
    await harness.call('GET', 'Tom')
    await harness.call('GET', 'Eve')
    await harness.call('GET', 'bad')
    const { store } = harness.groups[0]
    expect(await fields(harness, 'GROUP', 'INFO', 'read')).toEqual({
      name: 'read',
      index: 0,
      budget: 10_000,
      used: store.usedBytes,
      'index-bytes': store.indexBytes,
      'eviction-bytes': 0,
      'arena-bytes': store.arenaBytes,
      keys: 1,
      absent: 1,
      expiring: 2,
      hits: 1,
      'negative-hits': 0,
      misses: 3,
      loads: 3,
      failures: 1,
      joined: 0,
      fenced: 0,
      timeouts: 0,
      'wait-timeouts': 0,
      'load-p50-ms': 0,
      'load-p99-ms': 0,
      'load-max-ms': 0,
      'store-p50-ms': 0,
      'store-p99-ms': 0,
      'store-max-ms': 0,
      loading: 0,
      'stale-hits': 0,
      rescued: 0,
      refreshes: 0,
      unchanged: 0,
      'origin-active': 0,
      'origin-waiting': 0,
      retries: 0,
      shed: 0,
      refused: 0,
      breaker: 'none',
      'breaker-opened': 0,
      writes: 0,
      'write-failures': 0,
      'writes-refused': 0,
      'writes-pending': 0,
      'write-lag-ms': 0,
      invalidated: 0,
      evicted: 0,
      expired: 0,
      'ttl-ms': 5000,
      jitter: '0.25',
      'negative-ttl-ms': 1000,
      'origin-timeout-ms': 700,
      'max-wait-ms': 0,
      'stale-while-revalidate-ms': 0,
      'stale-if-error-ms': 0,
      'refresh-ahead': '0',
      write: 'around',
      'on-partition': 'serve',
      eviction: 'lru',
      'eviction-cost': 'none',
      origin: 'function',
    })
    expect(await fields(harness, 'GROUP', 'INFO', '1')).toMatchObject({
      name: 'plain',
      index: 1,
      origin: null,
    })
    expect(await harness.call('GROUP', 'INFO', 'what')).toHaveProperty(
      'message',
      'ERR no such group: there is no group "what", known are read (0), plain (1)',
    )
  })

  test('LIST names the groups in order, HELP the subcommands', async () => {
    const harness = new Harness({ groups: { one: {}, ['__proto__']: {}, constructor: {} } })
    expect(await harness.call('GROUP', 'LIST')).toEqual(['one', '__proto__', 'constructor'])
    expect(await harness.call('GROUP', 'HELP')).toEqual(expect.arrayContaining(['LIST', 'INFO name']))
    expect(await harness.call('GROUP')).toHaveProperty(
      'message',
      "ERR wrong number of arguments for 'group' command",
    )
    expect(await harness.call('GROUP', 'what')).toHaveProperty(
      'message',
      "ERR unknown subcommand 'what'. Try GROUP HELP.",
    )
  })
})

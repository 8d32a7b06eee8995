// DUMP and RESTORE compared with redis-server: values travel both ways, and options and errors are the same.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { damaged, MADE, numberedStream, OLD, plainValue } from '../../store/rdb/made.ts'
import { decode, decodeBody, encode, positive, valueAt, withFooter } from '../../store/rdb/values.ts'
import { RawClient } from '../../support/differential.ts'
import { Harness } from '../../support/harness.ts'
import { describeWithRedis } from '../../support/redis-server.ts'
import type { Argument } from '../../support/resp.ts'
import { verifyStore } from '../../support/verify.ts'

function bytes(reply: unknown): Buffer {
  return Buffer.from(reply as string, 'latin1')
}

async function dumpOf(harness: Harness, value = 'a value'): Promise<Buffer> {
  await harness.call('SET', 'source', value)
  return bytes(await harness.call('DUMP', 'source'))
}

describe('RESTORE', () => {
  test('keeps the deadline exactly', async () => {
    const harness = new Harness({ now: 1_000_000 })
    const dump = await dumpOf(harness)
    await harness.call('RESTORE', 'k', 5000, dump)
    expect(await harness.call('PEXPIRETIME', 'k')).toBe(1_005_000)
    await harness.call('RESTORE', 'k', '9007199254740993', dump, 'ABSTTL', 'REPLACE')
    expect(await harness.raw('PEXPIRETIME', 'k')).toBe(':9007199254740993\r\n')
    await harness.call('RESTORE', 'k', 0, dump, 'REPLACE')
    expect(await harness.call('PTTL', 'k')).toBe(-1)
    harness.groups[0].store.verify()
  })

  test('of a value that has expired removes the key that it replaces', async () => {
    const harness = new Harness({ now: 1_000_000 })
    const dump = await dumpOf(harness)
    await harness.call('SET', 'k', 'old')
    expect(await harness.call('RESTORE', 'k', 1_000_000, dump, 'ABSTTL', 'REPLACE')).toBe('OK')
    expect(await harness.call('EXISTS', 'k')).toBe(0)
    expect(await harness.call('RESTORE', 'k', '9223372036854775807', dump)).toBe('OK')
    expect(await harness.call('EXISTS', 'k')).toBe(0)
  })

  test('sets what OBJECT IDLETIME shows', async () => {
    const harness = new Harness({ now: 1_000_000_000 })
    const dump = await dumpOf(harness)
    await harness.call('RESTORE', 'k', 0, dump, 'IDLETIME', 1000)
    expect(await harness.call('OBJECT', 'IDLETIME', 'k')).toBe(1000)
    await harness.call('RESTORE', 'k', 0, dump, 'REPLACE', 'IDLETIME', '9223372036854775807')
    expect(await harness.call('OBJECT', 'IDLETIME', 'k')).toBe(2 ** 20 - 1)
  })

  test('leaves the old value if the new one is refused', async () => {
    const harness = new Harness({ groups: { small: { maxBytes: 100_000 } } })
    const { store } = harness.groups[0]
    const dump = await dumpOf(harness)
    await harness.call('SET', 'k', 'old')
    dump[2] ^= 1
    expect(await harness.raw('RESTORE', 'k', 0, dump, 'REPLACE')).toMatch(/^-ERR DUMP payload version/)
    const roomy = new Harness()
    const large = await dumpOf(roomy, 'x'.repeat(200_000))
    expect(await harness.raw('RESTORE', 'k', 0, large, 'REPLACE')).toMatch(/^-OOM/)
    for (let i = 0; i < 60; i++) await roomy.call('RPUSH', 'list', `${i}`.repeat(2000))
    const list = bytes(await roomy.call('DUMP', 'list'))
    expect(await harness.raw('RESTORE', 'k', 0, list, 'REPLACE')).toMatch(/^-OOM/)
    expect(await harness.call('GET', 'k')).toBe('old')
    expect(await harness.call('DBSIZE')).toBe(2)
    store.verify()
  })

  test('stays within the budget, or is refused', async () => {
    const size = fc.tuple(
      fc.constantFrom('list', 'set', 'hash', 'zset'),
      fc.integer({ min: 1, max: 700 }),
      fc.nat(120),
    )
    const property = fc.asyncProperty(size, async ([type, count, length]) => {
      const harness = new Harness({ groups: { small: { maxBytes: 70_000 } } })
      const { store } = harness.groups[0]
      const names = Array.from({ length: count }, (_, i) => `${i}`.padEnd(length, 'x'))
      const dump =
        type === 'hash'
          ? encode({ type, fields: names.map((name) => [name, name]) }, false)
          : type === 'zset'
            ? encode({ type, members: names.map((name, i) => [name, i / 3]) }, false)
            : encode({ type: type === 'set' ? 'set' : 'list', elements: names }, false)
      expect(await harness.raw('RESTORE', 'k', 0, dump)).toMatch(/^(\+OK|-OOM)/)
      expect(store.usedBytes).toBeLessThanOrEqual(store.maxBytes)
      store.verify()
    })
    await fc.assert(property, { numRuns: 60 })
  })

  test('of a list that is not compressed', async () => {
    const harness = new Harness()
    const elements = Array.from({ length: 3000 }, (_, i) => `${i}-${(i * 7919) % 1009}`)
    await harness.call('RPUSH', 'list', ...elements)
    const dump = bytes(await harness.call('DUMP', 'list'))
    expect(decode(dump)).toEqual({ type: 'list', elements })
    await harness.call('RESTORE', 'copy', 0, dump)
    expect(await harness.call('LRANGE', 'copy', 0, -1)).toEqual(elements)
    harness.groups[0].store.verify()
  })
})

test.each([2n ** 63n - 1n, -(2n ** 63n), 2n ** 53n + 1n])(
  'a stream with a time that no clock shows: %i',
  async (time) => {
    const harness = new Harness()
    const dump = withFooter(
      numberedStream({ entriesAdded: 2n, entriesRead: 1n, deliveries: 1n, deliveredAt: time, seenAt: time }),
    )
    expect(await harness.call('RESTORE', 's', 0, dump)).toBe('OK')
    const shown = time < 0n ? Number.MIN_SAFE_INTEGER : Number.MAX_SAFE_INTEGER
    const idle = time < 0n ? Number.MAX_SAFE_INTEGER : 0
    expect(await harness.raw('XPENDING', 's', 'g', '-', '+', 1)).toContain(`\r\n:${idle}\r\n:1\r\n`)
    expect(await harness.raw('XINFO', 'CONSUMERS', 's', 'g')).toContain(`idle\r\n:${idle}\r\n`)
    expect(await harness.raw('XINFO', 'STREAM', 's', 'FULL')).toContain(`seen-time\r\n:${shown}\r\n`)
    const again = bytes(await harness.call('DUMP', 's'))
    expect(await harness.call('RESTORE', 'copy', 0, again)).toBe('OK')
    expect(bytes(await harness.call('DUMP', 'copy'))).toEqual(again)
    expect(await harness.call('COPY', 's', 'third')).toBe(1)
    expect(bytes(await harness.call('DUMP', 'third'))).toEqual(again)
    expect(await harness.call('XAUTOCLAIM', 's', 'g', 'd', 1000, 0)).toHaveLength(3)
    verifyStore(harness.groups[0].store)
  },
)

test('fields keep their deadlines; those that have expired meanwhile are not restored', async () => {
  const harness = new Harness({ now: 1_000_000 })
  await harness.call('HSET', 'h', 'a', '1', 'b', '2', 'c', '3')
  await harness.call('HPEXPIRE', 'h', 5000, 'FIELDS', 1, 'a')
  await harness.call('HPEXPIRE', 'h', 9000, 'FIELDS', 1, 'b')
  const dump = bytes(await harness.call('DUMP', 'h'))
  const times = ['FIELDS', 3, 'a', 'b', 'c']
  expect(await harness.call('RESTORE', 'copy', 0, dump)).toBe('OK')
  expect(await harness.call('HPEXPIRETIME', 'copy', ...times)).toEqual([1_005_000, 1_009_000, -1])
  expect(bytes(await harness.call('DUMP', 'copy'))).toEqual(dump)
  harness.clock.advance(6000)
  expect(await harness.call('RESTORE', 'later', 0, dump)).toBe('OK')
  expect(await harness.call('HPEXPIRETIME', 'later', ...times)).toEqual([-2, 1_009_000, -1])
  await harness.call('HDEL', 'h', 'c')
  const timed = bytes(await harness.call('DUMP', 'h'))
  harness.clock.advance(6000)
  expect(await harness.call('RESTORE', 'later', 0, timed, 'REPLACE')).toBe('OK')
  expect(await harness.call('EXISTS', 'later')).toBe(0)
  harness.groups[0].store.verify()
})

test('any value is the same after RESTORE, and after DUMP', async () => {
  const property = fc.asyncProperty(plainValue, fc.boolean(), async (value, isSmall) => {
    const harness = new Harness()
    expect(await harness.call('RESTORE', 'k', 0, encode(value, isSmall))).toBe('OK')
    expect(await valueAt(harness, 'k')).toEqual(positive(value))
    const back = decode(bytes(await harness.call('DUMP', 'k')))
    expect(back && positive(back)).toEqual(positive(value))
    harness.groups[0].store.verify()
  })
  await fc.assert(property, { numRuns: 200 })
})

test('DUMP loads a key that is not cached', async () => {
  const harness = new Harness({ groups: { users: { origin: async (key) => `value of ${key}` } } })
  expect(decode(bytes(await harness.call('DUMP', 'k')))).toEqual({ type: 'string', value: 'value of k' })
})

describeWithRedis('with a redis-server', (redis) => {
  test.each(MADE)('a value travels both ways: %s, %#', async (encoding, ...commands) => {
    const harness = new Harness()
    await redis().call('DEL', 'k')
    await redis().pipeline(commands as (readonly Argument[])[])
    const value = await valueAt(redis(), 'k')
    const dump = bytes(await redis().call('DUMP', 'k'))
    expect(await harness.call('RESTORE', 'k', 0, dump)).toBe('OK')
    expect(await valueAt(harness, 'k')).toEqual(value)
    expect(await harness.call('OBJECT', 'ENCODING', 'k')).toBe(encoding)
    harness.groups[0].store.verify()
    const back = bytes(await harness.call('DUMP', 'k'))
    expect(back.length).toBeLessThanOrEqual(dump.length * 1.05 + 5)
    expect(await redis().call('RESTORE', 'k', 0, back, 'REPLACE')).toBe('OK')
    expect(await valueAt(redis(), 'k')).toEqual(value)
    expect(await redis().call('OBJECT', 'ENCODING', 'k')).toBe(encoding)
  })

  test('a damaged dump is refused, or restored as far as it is a value', async () => {
    const bodies = OLD.map(([, body]) => body)
    for (const [, ...commands] of MADE) {
      await redis().call('DEL', 'k')
      await redis().pipeline(commands as (readonly Argument[])[])
      bodies.push(bytes(await redis().call('DUMP', 'k')).subarray(0, -10))
    }
    const property = fc.asyncProperty(damaged(bodies.filter(({ length }) => length < 4000)), async (body) => {
      const harness = new Harness()
      await harness.call('SET', 'k', 'old')
      const value = decodeBody(body)
      const reply = await harness.raw('RESTORE', 'k', 0, withFooter(body), 'REPLACE')
      expect(reply).toBe(value === undefined ? '-ERR Bad data format\r\n' : '+OK\r\n')
      const expected = value === undefined ? ({ type: 'string', value: 'old' } as const) : positive(value)
      expect(await valueAt(harness, 'k')).toEqual(expected)
      verifyStore(harness.groups[0].store)
    })
    await fc.assert(property, { numRuns: 500 })
  })

  test('options and errors', async () => {
    const harness = new Harness()
    const client = await RawClient.connect(redis().socketPath)
    const dump = await dumpOf(harness)
    const damaged = Buffer.from(dump)
    damaged[3] ^= 1
    const large = '9223372036854775808'
    const commands: Argument[][] = [
      ['FLUSHALL'],
      ['DUMP', 'none'],
      ['DUMP'],
      ['DUMP', 'a', 'b'],
      ['RESTORE', 'k', 0],
      ['RESTORE', 'k', 'x', dump],
      ['RESTORE', 'k', large, dump],
      ['RESTORE', 'k', -1, dump],
      ['RESTORE', 'k', '-1', damaged],
      ['RESTORE', 'k', 0, damaged],
      ['RESTORE', 'k', 0, ''],
      ['RESTORE', 'k', 0, dump.subarray(1)],
      ['RESTORE', 'k', 0, dump],
      ['RESTORE', 'k', 0, dump],
      ['RESTORE', 'k', 'x', damaged],
      ['RESTORE', 'k', 0, dump, 'REPLACE'],
      ['RESTORE', 'k', 0, dump, 'replace', 'REPLACE', 'absttl'],
      ['RESTORE', 'k', 0, damaged, 'REPLACE'],
      ['RESTORE', 'k', 1, dump, 'REPLACE', 'ABSTTL'],
      ['EXISTS', 'k'],
      ['RESTORE', 'k', 0, dump, 'NOPE'],
      ['RESTORE', 'k', 0, dump, 'IDLETIME'],
      ['RESTORE', 'k', 0, dump, 'IDLETIME', 'x'],
      ['RESTORE', 'k', 0, dump, 'IDLETIME', large],
      ['RESTORE', 'k', 0, dump, 'IDLETIME', -1],
      ['RESTORE', 'k', 0, dump, 'IDLETIME', 5, 'FREQ', 5],
      ['RESTORE', 'k', 0, dump, 'FREQ'],
      ['RESTORE', 'k', 0, dump, 'FREQ', 'x'],
      ['RESTORE', 'k', 0, dump, 'FREQ', large],
      ['RESTORE', 'k', 0, dump, 'FREQ', -1],
      ['RESTORE', 'k', 0, dump, 'FREQ', 256],
      ['RESTORE', 'k', 0, dump, 'FREQ', 5, 'IDLETIME', 5],
      ['RESTORE', 'k', 0, dump, 'FREQ', 5, 'FREQ', 255, 'REPLACE'],
      ['RESTORE', 'k', 0, dump, 'IDLETIME', 5, 'IDLETIME', 6, 'REPLACE'],
      ['GET', 'k'],
      ['RESTORE', 'k', '9223372036854775807', dump, 'REPLACE', 'ABSTTL'],
      ['PEXPIRETIME', 'k'],
      ['COMMAND', 'INFO', 'DUMP', 'RESTORE'],
    ]
    const wanted = await client.run(commands)
    for (const [i, command] of commands.entries())
      expect(await harness.raw(...command), command.slice(0, 1).concat(command.slice(3)).join(' ')).toBe(
        wanted[i],
      )
    client.close()
  })
})

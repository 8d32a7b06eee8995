// What may happen while values are loaded: order per key, writes, deletions, FLUSHALL, SWAPDB, clients that leave.

import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { OriginValue } from '../../src/group/origin.ts'
import type { Argument } from '../support/harness.ts'
import type { RedisReply } from '../support/redis-server.ts'
import { error, Fortress, turn, until } from './fortress.ts'
import type { Talker } from './talker.ts'

/** Loads under way, in the order in which they were asked for, and how each of them ends. */
interface Load {
  readonly key: string
  readonly give: (value: OriginValue) => void
  readonly fail: (error: Error) => void
}
let loads: Load[] = []
/** What a key has, when its origin does not wait to be told. */
let contents: ((key: string) => OriginValue) | undefined

const origin = (key: string): OriginValue | Promise<OriginValue> =>
  contents === undefined ? new Promise((give, fail) => loads.push({ key, give, fail })) : contents(key)

let fortress: Fortress
beforeEach(async () => {
  loads = []
  contents = undefined
  fortress = await Fortress.build({
    groups: { loaded: { origin }, remembering: { origin, negativeTtlMs: 5000 } },
  })
})
afterEach(() => fortress.tearDown())

/** Resolves with the load of a key once it is under way; it is taken from the list. */
async function loadOf(key: string): Promise<Load> {
  await until(() => loads.some((load) => load.key === key))
  return loads.splice(
    loads.findIndex((load) => load.key === key),
    1,
  )[0]
}

describe('a key that goes while others are loaded for the same command', () => {
  const WAYS: Readonly<Record<string, (other: Talker) => Promise<unknown> | unknown>> = {
    'is deleted': (other) => other.call('DEL', 'held'),
    expires: () => fortress.server.clock.advance(60_001),
    'goes with all': (other) => other.call('FLUSHALL', 'SYNC').then(() => fortress.guard.call('SET', '', '')),
    'is evicted': async (other) => {
      await other.call('CONFIG', 'SET', 'maxmemory:loaded', 1024 * 8)
      await other.call('SET', 'large', Buffer.alloc(7120))
    },
  }
  for (const [name, way] of Object.entries(WAYS)) {
    test(`${name}, and is loaded in its turn`, async () => {
      const reader = await fortress.connect('loaded')
      const other = await fortress.connect('loaded')
      await other.call('SET', 'held', 'old', 'EX', 60)
      const reply = reader.call('MGET', 'held', 'missing', 'held')
      const missing = await loadOf('missing')
      await way(other)
      missing.give('m')
      ;(await loadOf('held')).give('new')
      expect(await reply).toEqual(['new', 'm', 'new'])
    })
  }

  test('is not loaded twice when it was loaded and deleted', async () => {
    const reader = await fortress.connect('loaded')
    const other = await fortress.connect('loaded')
    const reply = reader.call('MGET', 'a', 'b')
    ;(await loadOf('a')).give('1')
    await until(() => fortress.server.groups[1].store.size === 1)
    await other.call('DEL', 'a')
    ;(await loadOf('b')).give('2')
    expect(await reply).toEqual(['1', '2'])
    expect(loads).toEqual([])
    await fortress.expectUnharmed()
  })
})

describe('a read-modify-write', () => {
  test('does not work on the hole that another left who waited for the same load', async () => {
    const first = await fortress.connect('loaded')
    const second = await fortress.connect('loaded')
    const deleted = first.call('GETDEL', 'n')
    await until(() => loads.length === 1)
    const incremented = second.call('INCR', 'n')
    await until(() => fortress.server.groups[1].flights?.get(Buffer.from('n'))?.waiters.length === 2)
    ;(await loadOf('n')).give('10')
    expect(await deleted).toBe('10')
    ;(await loadOf('n')).give('20')
    expect(await incremented).toBe(21)
    await fortress.expectUnharmed()
  })

  test('creates what the origin does not have', async () => {
    contents = () => null
    for (const group of ['loaded', 'remembering']) {
      const talker = await fortress.connect(group)
      expect(
        await talker.pipeline(['INCR', 'n'], ['GETDEL', 'n'], ['GETDEL', 'n'], ['APPEND', 'n', 'x']),
      ).toEqual([1, '1', null, 1])
    }
    await fortress.expectUnharmed()
  })

  test('of many clients counts every one of them', async () => {
    const talkers = await Promise.all(Array.from({ length: 20 }, () => fortress.connect('loaded')))
    const replies = talkers.map((talker) =>
      talker.pipeline(...Array.from({ length: 20 }, () => ['INCR', 'n'])),
    )
    const load = await loadOf('n')
    load.give('100')
    const all = (await Promise.all(replies)).flat() as number[]
    expect(all.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 400 }, (_, i) => 101 + i))
    expect(loads).toEqual([])
    await fortress.expectUnharmed()
  })

  test('gives up on a key that is deleted during each of its loads', async () => {
    const talker = await fortress.connect('loaded')
    const other = await fortress.connect('loaded')
    const reply = talker.call('INCR', 'n')
    for (let i = 0; i < 8; i++) {
      const load = await loadOf('n')
      await other.call('DEL', 'n')
      load.give('1')
    }
    expect(await reply).toMatchObject(error('ORIGIN loaded: the key was changed during each of 8 loads'))
    await fortress.expectUnharmed()
  })
})

describe('a fenced load', () => {
  test('gives its value to who waits, keeps nothing, and is joined by nobody', async () => {
    const reader = await fortress.connect('loaded')
    const writer = await fortress.connect('loaded')
    const before = reader.call('GET', 'k')
    const load = await loadOf('k')
    expect(await writer.pipeline(['SET', 'k', 'written'], ['GET', 'k'])).toEqual(['OK', 'written'])
    load.give('loaded')
    expect(await before).toBe('loaded')
    expect(await reader.call('GET', 'k')).toBe('written')
    await fortress.expectUnharmed()
  })

  test('whose value exceeds the budget is an error, as without the fence', async () => {
    await fortress.guard.call('CONFIG', 'SET', 'maxmemory:loaded', 4096)
    const reader = await fortress.connect('loaded')
    const reply = reader.call('GET', 'k')
    const load = await loadOf('k')
    await fortress.guard.call('FLUSHDB')
    await fortress.guard.pipeline(['SELECT', 'loaded'], ['DEL', 'k'], ['SELECT', 'cache'])
    load.give('x'.repeat(5000))
    expect(await reply).toMatchObject(error(/a value of 5000 bytes exceeds the budget of 4096 bytes/))
  })

  test('ends when the node closes', async () => {
    const { flights } = fortress.server.groups[1]
    const talker = await fortress.connect('loaded')
    const reply = talker.call('GET', 'k')
    await loadOf('k')
    await fortress.guard.pipeline(['SELECT', 'loaded'], ['DEL', 'k'], ['SELECT', 'cache'])
    flights?.close()
    expect(await reply).toMatchObject(error('ORIGIN loaded: the node is closing'))
    await fortress.expectUnharmed()
  })
})

describe('during a thousand loads', () => {
  const KEYS = Array.from({ length: 1000 }, (_, i) => `k${i}`)

  async function begin(): Promise<{ talker: Talker; replies: Promise<RedisReply[]> }> {
    const talker = await fortress.connect('loaded')
    const replies = talker.pipeline(...KEYS.map((key) => ['GET', key]), ['MGET', ...KEYS], ['PING'])
    await until(() => loads.length === KEYS.length)
    return { talker, replies }
  }

  function land(): void {
    // The last asked for comes first.
    for (const { key, give } of loads.splice(0).reverse()) give(`${key}!`)
  }

  const EXPECTED = [...KEYS.map((key) => `${key}!`), KEYS.map((key) => `${key}!`), 'PONG']

  test('FLUSHALL leaves nothing of them, and everyone is answered', async () => {
    const { replies } = await begin()
    await fortress.guard.pipeline(
      ['SELECT', 'loaded'],
      ['SET', 'k1', 'written'],
      ['FLUSHDB'],
      ['SELECT', 'cache'],
    )
    const { store, flights } = fortress.server.groups[1]
    land()
    expect(await replies).toEqual(EXPECTED)
    expect(store.size).toBe(0)
    expect(flights).toMatchObject({ size: 0, fenced: 1000 })
    await fortress.expectUnharmed()
  })

  test('SWAPDB leaves nothing of them in either group', async () => {
    const { talker, replies } = await begin()
    expect(await fortress.guard.call('SWAPDB', 'loaded', 'remembering')).toBe('OK')
    land()
    expect(await replies).toEqual(EXPECTED)
    const [, loaded, remembering] = fortress.server.groups
    expect([loaded.store.size, remembering.store.size]).toEqual([0, 0])
    contents = () => 'after'
    expect(await talker.call('GET', 'k1')).toBe('after')
    await fortress.expectUnharmed()
  })

  test('SWAPDB brings what a read-modify-write then works on', async () => {
    const talker = await fortress.connect('loaded')
    const reply = talker.call('INCR', 'n')
    const load = await loadOf('n')
    await fortress.guard.pipeline(
      ['SELECT', 'remembering'],
      ['SET', 'n', 7],
      ['SWAPDB', 1, 2],
      ['SELECT', 'cache'],
    )
    load.give('100')
    expect(await reply).toBe(8)
    await fortress.expectUnharmed()
  })

  test('the client leaves, others are answered, and the values are kept', async () => {
    const { talker } = await begin()
    const other = await fortress.connect('loaded')
    const last = other.call('GET', 'k999')
    await until(() => fortress.server.groups[1].flights?.get(Buffer.from('k999'))?.waiters.length === 3)
    talker.socket.resetAndDestroy()
    await until(() => fortress.server.server.clients.size === 2)
    land()
    expect(await last).toBe('k999!')
    await until(() => fortress.server.groups[1].store.size === 1000)
    expect(await other.call('MGET', ...KEYS)).toEqual(KEYS.map((key) => `${key}!`))
    await fortress.expectUnharmed()
  })

  test('the client leaves: what it had sent behind them is not run, and MONITOR least of all', async () => {
    const talker = await fortress.connect('loaded')
    void talker.pipeline(['GET', 'k'], ['SET', 'k', 'too late'], ['MONITOR'])
    const load = await loadOf('k')
    talker.socket.resetAndDestroy()
    await until(() => fortress.server.server.clients.size === 1)
    load.give('loaded')
    await until(() => fortress.server.groups[1].store.size === 1)
    await turn()
    const reader = await fortress.connect('loaded')
    expect(await reader.call('GET', 'k')).toBe('loaded')
    await fortress.expectUnharmed()
  })

  test('replies that wait for the first count as output, and end a client at its limit', async () => {
    const limits = fortress.server.settings.clientOutputBufferLimit
    fortress.server.settings.clientOutputBufferLimit = {
      ...limits,
      normal: { hard: 100_000, soft: 0, softTime: 0 },
    }
    const talker = await fortress.connect('loaded')
    void talker.pipeline(['GET', 'first'], ...KEYS.slice(0, 200).map((key) => ['GET', key]))
    await until(() => loads.length === 201)
    const [first, ...others] = loads.splice(0)
    for (const { give } of others) give('x'.repeat(1000))
    await talker.closed
    expect(fortress.server.server.stats.outputBufferDisconnections).toBe(1)
    first.give('nobody waits')
    await fortress.expectUnharmed()
  })
})

describe('a pipeline', () => {
  const KEYS = ['a', 'b', 'c', '__proto__', '', 'none', 'bad']
  const key = fc.constantFrom(...KEYS)
  const keys = fc.array(key, { minLength: 1, maxLength: 4 })
  const one = (...names: string[]): fc.Arbitrary<Argument[]> =>
    fc.tuple(fc.constantFrom(...names), key).map(([name, first]) => [name, first])
  const many = (...names: string[]): fc.Arbitrary<Argument[]> =>
    fc.tuple(fc.constantFrom(...names), keys).map(([name, list]) => [name, ...list])
  const two = (...names: string[]): fc.Arbitrary<Argument[]> =>
    fc.tuple(fc.constantFrom(...names), key, key).map(([name, from, to]) => [name, from, to])
  const command = fc.oneof(
    { weight: 6, arbitrary: one('GET', 'GET', 'STRLEN', 'INCR', 'DECR', 'GETDEL', 'GETEX') },
    { weight: 3, arbitrary: one('EXISTS', 'TYPE', 'TTL', 'PERSIST', 'DEL') },
    { weight: 3, arbitrary: many('MGET', 'EXISTS', 'TOUCH', 'UNLINK') },
    {
      weight: 2,
      arbitrary: two('SET', 'SETNX', 'APPEND', 'GETSET', 'INCRBYFLOAT', 'MSET', 'MSETNX', 'EXPIRE'),
    },
    { weight: 2, arbitrary: two('RENAME', 'RENAMENX', 'COPY', 'LCS') },
    { weight: 1, arbitrary: key.map((first) => ['SET', first, '5', 'GET']) },
    { weight: 1, arbitrary: key.map((first) => ['COPY', first, first, 'DB', 'cache', 'REPLACE']) },
    {
      weight: 1,
      arbitrary: fc.constantFrom<Argument[]>(['DBSIZE'], ['FLUSHDB'], ['PING'], ['RESET'], ['HELLO', '2']),
    },
    {
      weight: 1,
      arbitrary: fc.constantFrom('cache', 'loaded', 'remembering').map((group) => ['SELECT', group]),
    },
  )
  const values: Readonly<Record<string, string>> = { a: '1', b: '22', c: 'three', __proto__: '4', '': '5' }

  /** Ends the loads under way in an order that `picks` gives, until all replies have come. */
  async function settle(replies: Promise<RedisReply[]>, picks: readonly number[]): Promise<RedisReply[]> {
    let done = false
    const ended = replies.finally(() => {
      done = true
    })
    for (let i = 0; !done; i++) {
      if (loads.length === 0) await turn()
      else {
        const pick = (picks[i % picks.length] ?? 0) % loads.length
        const [load] = loads.splice(pick, 1)
        if (load.key === 'bad') load.fail(new Error('bad'))
        else load.give(Object.hasOwn(values, load.key) ? values[load.key] : null)
      }
    }
    return ended
  }

  test('answers as if each command had waited for the one before, however its loads end', async () => {
    const talker = await fortress.connect()
    const begin = async (group: string): Promise<void> => {
      await talker.pipeline(['SELECT', 0], ['FLUSHALL'], ['SELECT', group])
    }
    const shown = (replies: readonly RedisReply[]): unknown[] =>
      replies.map((reply) => (reply instanceof Error ? reply.message : reply))
    const body = async (group: string, commands: Argument[][], picks: number[]): Promise<void> => {
      await begin(group)
      const wanted: RedisReply[] = []
      for (const each of commands) wanted.push(...(await settle(talker.pipeline(each), [0])))
      await begin(group)
      const given = await settle(talker.pipeline(...commands), picks)
      expect(shown(given)).toEqual(shown(wanted))
    }
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom('loaded', 'remembering'),
        fc.array(command, { minLength: 2, maxLength: 25 }),
        fc.array(fc.nat({ max: 6 }), { minLength: 1, maxLength: 8 }),
        body,
      ),
      { numRuns: Number(process.env.ERINYS_ATTACK_RUNS ?? 150) },
    )
  })

  test('is held up by a missing key only where it must be', async () => {
    const talker = await fortress.connect('loaded')
    const replies = talker.pipeline(
      ['GET', 'a'],
      ['GET', 'b'],
      ['SET', 'c', 'x'],
      ['GET', 'c'],
      ['GET', 'a'],
      ['SET', 'a', 'y'],
    )
    await until(() => loads.length === 2 && fortress.server.groups[1].store.size === 1)
    for (const { key: name, give } of loads.splice(0).reverse()) give(`${name}!`)
    expect(await replies).toEqual(['a!', 'b!', 'OK', 'x', 'a!', 'OK'])
    await fortress.expectUnharmed()
  })

  test('of more misses than a connection may hold goes on when some have landed', async () => {
    const talker = await fortress.connect('loaded')
    const count = 10_050
    const replies = talker.pipeline(...Array.from({ length: count }, (_, i) => ['GET', `k${i}`]))
    await until(() => loads.length === 10_000)
    await turn()
    expect(loads).toHaveLength(10_000)
    contents = (name) => name
    for (const load of loads.splice(0)) load.give(load.key)
    expect(await replies).toEqual(Array.from({ length: count }, (_, i) => `k${i}`))
    await fortress.expectUnharmed()
  })
})

test('a connection does not run ahead with more than 16 MiB of what waits', async () => {
  const reader = await fortress.connect('loaded')
  const key = (i: number): string => String(i).padEnd(2 ** 20, 'k')
  const replies = reader.pipeline(...Array.from({ length: 40 }, (_, i) => ['GET', key(i)]))
  for (let i = 0; i < 40; i++) {
    await until(() => loads.length === Math.min(16, 40 - i))
    await turn()
    expect(loads.length).toBeLessThanOrEqual(16)
    loads.shift()?.give(String(i))
  }
  expect(await replies).toEqual(Array.from({ length: 40 }, (_, i) => String(i)))
  await fortress.expectUnharmed()
})

// Events during loads: the order per key, writes, deletions, FLUSHALL, SWAPDB, clients that disconnect.

import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { OriginValue } from '../../src/group/origin.ts'
import type { Argument, RedisReply } from '../support/resp.ts'
import type { RespClient } from '../support/resp-client.ts'
import { AttackedServer, error, turn, until } from './attacked-server.ts'

/** A load under remove, and how the test ends it. */
interface Load {
  readonly key: string
  readonly give: (value: OriginValue) => void
  readonly fail: (error: Error) => void
}
let loads: Load[] = []
/** The values of the origin when it answers at once; undefined: the test ends each load. */
let contents: ((key: string) => OriginValue) | undefined

const origin = (key: string): OriginValue | Promise<OriginValue> =>
  contents === undefined ? new Promise((give, fail) => loads.push({ key, give, fail })) : contents(key)

let target: AttackedServer
beforeEach(async () => {
  loads = []
  contents = undefined
  target = await AttackedServer.start({
    groups: { loaded: { origin }, negative: { origin, negativeTtlMs: 5000 } },
  })
})
afterEach(() => target.close())

/** Waits for the load of a key, and removes it from the list. */
async function loadOf(key: string): Promise<Load> {
  await until(() => loads.some((load) => load.key === key))
  return loads.splice(
    loads.findIndex((load) => load.key === key),
    1,
  )[0]
}

describe('a key that is removed while others are loaded for the same command', () => {
  const CAUSES: Readonly<Record<string, (other: RespClient) => Promise<unknown> | unknown>> = {
    'is deleted': (other) => other.call('DEL', 'cached'),
    expires: () => target.server.clock.advance(60_001),
    'is flushed': (other) => other.call('FLUSHALL', 'SYNC').then(() => target.observer.call('SET', '', '')),
    'is evicted': async (other) => {
      await other.call('CONFIG', 'SET', 'maxmemory:loaded', 1024 * 8)
      await other.call('SET', 'large', Buffer.alloc(7120))
    },
  }
  for (const [name, remove] of Object.entries(CAUSES)) {
    test(`${name}, and is loaded after them`, async () => {
      const reader = await target.connect('loaded')
      const other = await target.connect('loaded')
      await other.call('SET', 'cached', 'old', 'EX', 60)
      const reply = reader.call('MGET', 'cached', 'missing', 'cached')
      const missing = await loadOf('missing')
      await remove(other)
      missing.give('m')
      ;(await loadOf('cached')).give('new')
      expect(await reply).toEqual(['new', 'm', 'new'])
    })
  }

  test('is not loaded twice if it was loaded and deleted', async () => {
    const reader = await target.connect('loaded')
    const other = await target.connect('loaded')
    const reply = reader.call('MGET', 'a', 'b')
    ;(await loadOf('a')).give('1')
    await until(() => target.server.groups[1].store.size === 1)
    await other.call('DEL', 'a')
    ;(await loadOf('b')).give('2')
    expect(await reply).toEqual(['1', '2'])
    expect(loads).toEqual([])
    await target.expectIntact()
  })
})

describe('a read-modify-write', () => {
  test('loads again if another command of the same load has removed the key', async () => {
    const first = await target.connect('loaded')
    const second = await target.connect('loaded')
    const deleted = first.call('GETDEL', 'n')
    await until(() => loads.length === 1)
    const incremented = second.call('INCR', 'n')
    await until(() => target.server.groups[1].flights?.get(Buffer.from('n'))?.waiters.length === 2)
    ;(await loadOf('n')).give('10')
    expect(await deleted).toBe('10')
    ;(await loadOf('n')).give('20')
    expect(await incremented).toBe(21)
    await target.expectIntact()
  })

  test('creates what the origin does not have', async () => {
    contents = () => null
    for (const group of ['loaded', 'negative']) {
      const client = await target.connect(group)
      expect(
        await client.pipeline(['INCR', 'n'], ['GETDEL', 'n'], ['GETDEL', 'n'], ['APPEND', 'n', 'x']),
      ).toEqual([1, '1', null, 1])
    }
    await target.expectIntact()
  })

  test('of many clients counts each of them', async () => {
    const clients = await Promise.all(Array.from({ length: 20 }, () => target.connect('loaded')))
    const replies = clients.map((client) =>
      client.pipeline(...Array.from({ length: 20 }, () => ['INCR', 'n'])),
    )
    const load = await loadOf('n')
    load.give('100')
    const all = (await Promise.all(replies)).flat() as number[]
    expect(all.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 400 }, (_, i) => 101 + i))
    expect(loads).toEqual([])
    await target.expectIntact()
  })

  test('gives up on a key that is deleted during each of its loads', async () => {
    const client = await target.connect('loaded')
    const other = await target.connect('loaded')
    const reply = client.call('INCR', 'n')
    for (let i = 0; i < 8; i++) {
      const load = await loadOf('n')
      await other.call('DEL', 'n')
      load.give('1')
    }
    expect(await reply).toMatchObject(error('ORIGIN loaded: the key was changed during each of 8 loads'))
    await target.expectIntact()
  })
})

describe('a fenced load', () => {
  test('gives its value to its waiters, stores nothing, and is not joined', async () => {
    const reader = await target.connect('loaded')
    const writer = await target.connect('loaded')
    const before = reader.call('GET', 'k')
    const load = await loadOf('k')
    expect(await writer.pipeline(['SET', 'k', 'written'], ['GET', 'k'])).toEqual(['OK', 'written'])
    load.give('loaded')
    expect(await before).toBe('loaded')
    expect(await reader.call('GET', 'k')).toBe('written')
    await target.expectIntact()
  })

  test('whose value exceeds the budget is an error, as without the fence', async () => {
    await target.observer.call('CONFIG', 'SET', 'maxmemory:loaded', 4096)
    const reader = await target.connect('loaded')
    const reply = reader.call('GET', 'k')
    const load = await loadOf('k')
    await target.observer.call('FLUSHDB')
    await target.observer.pipeline(['SELECT', 'loaded'], ['DEL', 'k'], ['SELECT', 'cache'])
    load.give('x'.repeat(5000))
    expect(await reply).toMatchObject(error(/a value of 5000 bytes exceeds the budget of 4096 bytes/))
  })

  test('ends when the node closes', async () => {
    const { flights } = target.server.groups[1]
    const client = await target.connect('loaded')
    const reply = client.call('GET', 'k')
    await loadOf('k')
    await target.observer.pipeline(['SELECT', 'loaded'], ['DEL', 'k'], ['SELECT', 'cache'])
    flights?.close()
    expect(await reply).toMatchObject(error('ORIGIN loaded: the node is closing'))
    await target.expectIntact()
  })
})

describe('during a thousand loads', () => {
  const KEYS = Array.from({ length: 1000 }, (_, i) => `k${i}`)

  async function begin(): Promise<{ client: RespClient; replies: Promise<RedisReply[]> }> {
    const client = await target.connect('loaded')
    const replies = client.pipeline(...KEYS.map((key) => ['GET', key]), ['MGET', ...KEYS], ['PING'])
    await until(() => loads.length === KEYS.length)
    return { client, replies }
  }

  function completeAll(): void {
    // The last load ends first.
    for (const { key, give } of loads.splice(0).reverse()) give(`${key}!`)
  }

  const EXPECTED = [...KEYS.map((key) => `${key}!`), KEYS.map((key) => `${key}!`), 'PONG']

  test('FLUSHALL discards their results, and every client gets its reply', async () => {
    const { replies } = await begin()
    await target.observer.pipeline(
      ['SELECT', 'loaded'],
      ['SET', 'k1', 'written'],
      ['FLUSHDB'],
      ['SELECT', 'cache'],
    )
    const { store, flights } = target.server.groups[1]
    completeAll()
    expect(await replies).toEqual(EXPECTED)
    expect(store.size).toBe(0)
    expect(flights).toMatchObject({ size: 0, fenced: 1000 })
    await target.expectIntact()
  })

  test('SWAPDB discards their results in both groups', async () => {
    const { client, replies } = await begin()
    expect(await target.observer.call('SWAPDB', 'loaded', 'negative')).toBe('OK')
    completeAll()
    expect(await replies).toEqual(EXPECTED)
    const [, loaded, negative] = target.server.groups
    expect([loaded.store.size, negative.store.size]).toEqual([0, 0])
    contents = () => 'after'
    expect(await client.call('GET', 'k1')).toBe('after')
    await target.expectIntact()
  })

  test('a read-modify-write uses the value that SWAPDB has brought', async () => {
    const client = await target.connect('loaded')
    const reply = client.call('INCR', 'n')
    const load = await loadOf('n')
    await target.observer.pipeline(
      ['SELECT', 'negative'],
      ['SET', 'n', 7],
      ['SWAPDB', 1, 2],
      ['SELECT', 'cache'],
    )
    load.give('100')
    expect(await reply).toBe(8)
    await target.expectIntact()
  })

  test('a client disconnects: others get their replies, and the values are stored', async () => {
    const { client } = await begin()
    const other = await target.connect('loaded')
    const last = other.call('GET', 'k999')
    await until(() => target.server.groups[1].flights?.get(Buffer.from('k999'))?.waiters.length === 3)
    client.socket.resetAndDestroy()
    await until(() => target.server.server.clients.size === 2)
    completeAll()
    expect(await last).toBe('k999!')
    await until(() => target.server.groups[1].store.size === 1000)
    expect(await other.call('MGET', ...KEYS)).toEqual(KEYS.map((key) => `${key}!`))
    await target.expectIntact()
  })

  test('a client disconnects: its queued commands are not run, MONITOR included', async () => {
    const client = await target.connect('loaded')
    void client.pipeline(['GET', 'k'], ['SET', 'k', 'too late'], ['MONITOR'])
    const load = await loadOf('k')
    client.socket.resetAndDestroy()
    await until(() => target.server.server.clients.size === 1)
    load.give('loaded')
    await until(() => target.server.groups[1].store.size === 1)
    await turn()
    const reader = await target.connect('loaded')
    expect(await reader.call('GET', 'k')).toBe('loaded')
    await target.expectIntact()
  })

  test('replies behind a pending one count as output, and close the client at its limit', async () => {
    const limits = target.server.settings.clientOutputBufferLimit
    target.server.settings.clientOutputBufferLimit = {
      ...limits,
      normal: { hard: 100_000, soft: 0, softTime: 0 },
    }
    const client = await target.connect('loaded')
    void client.pipeline(['GET', 'first'], ...KEYS.slice(0, 200).map((key) => ['GET', key]))
    await until(() => loads.length === 201)
    const [first, ...others] = loads.splice(0)
    for (const { give } of others) give('x'.repeat(1000))
    await client.closed
    expect(target.server.server.stats.outputBufferDisconnections).toBe(1)
    first.give('late')
    await target.expectIntact()
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
      arbitrary: fc.constantFrom('cache', 'loaded', 'negative').map((group) => ['SELECT', group]),
    },
  )
  const values: Readonly<Record<string, string>> = { a: '1', b: '22', c: 'three', __proto__: '4', '': '5' }

  /** Ends the loads under remove in an order that `picks` gives, until all replies have arrived. */
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

  test('answers as if each command had waited for the one before, in whichever order loads end', async () => {
    const client = await target.connect()
    const begin = async (group: string): Promise<void> => {
      await client.pipeline(['SELECT', 0], ['FLUSHALL'], ['SELECT', group])
    }
    const shown = (replies: readonly RedisReply[]): unknown[] =>
      replies.map((reply) => (reply instanceof Error ? reply.message : reply))
    const body = async (group: string, commands: Argument[][], picks: number[]): Promise<void> => {
      await begin(group)
      const wanted: RedisReply[] = []
      for (const each of commands) wanted.push(...(await settle(client.pipeline(each), [0])))
      await begin(group)
      const given = await settle(client.pipeline(...commands), picks)
      expect(shown(given)).toEqual(shown(wanted))
    }
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom('loaded', 'negative'),
        fc.array(command, { minLength: 2, maxLength: 25 }),
        fc.array(fc.nat({ max: 6 }), { minLength: 1, maxLength: 8 }),
        body,
      ),
      { numRuns: Number(process.env.ERINYS_ATTACK_RUNS ?? 150) },
    )
  })

  test('waits for a missing key only with commands on that key', async () => {
    const client = await target.connect('loaded')
    const replies = client.pipeline(
      ['GET', 'a'],
      ['GET', 'b'],
      ['SET', 'c', 'x'],
      ['GET', 'c'],
      ['GET', 'a'],
      ['SET', 'a', 'y'],
    )
    await until(() => loads.length === 2 && target.server.groups[1].store.size === 1)
    for (const { key: name, give } of loads.splice(0).reverse()) give(`${name}!`)
    expect(await replies).toEqual(['a!', 'b!', 'OK', 'x', 'a!', 'OK'])
    await target.expectIntact()
  })

  test('with more misses than a connection may have pending continues when some have completed', async () => {
    const client = await target.connect('loaded')
    const count = 10_050
    const replies = client.pipeline(...Array.from({ length: count }, (_, i) => ['GET', `k${i}`]))
    await until(() => loads.length === 10_000)
    await turn()
    expect(loads).toHaveLength(10_000)
    contents = (name) => name
    for (const load of loads.splice(0)) load.give(load.key)
    expect(await replies).toEqual(Array.from({ length: count }, (_, i) => `k${i}`))
    await target.expectIntact()
  })
})

test('the pending commands of a connection are limited to 16 MiB', async () => {
  const reader = await target.connect('loaded')
  const key = (i: number): string => String(i).padEnd(2 ** 20, 'k')
  const replies = reader.pipeline(...Array.from({ length: 40 }, (_, i) => ['GET', key(i)]))
  for (let i = 0; i < 40; i++) {
    await until(() => loads.length === Math.min(16, 40 - i))
    await turn()
    expect(loads.length).toBeLessThanOrEqual(16)
    loads.shift()?.give(String(i))
  }
  expect(await replies).toEqual(Array.from({ length: 40 }, (_, i) => String(i)))
  await target.expectIntact()
})
